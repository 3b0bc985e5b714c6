//! A projection that changes under load: answers keep coming, right for the one version or the other, and switch
//! once.

use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU32, Ordering};

use order_ledger::projector::{Projector, Question};
use order_ledger::table::Cell;

use super::folded::{Folded, at, folder};
use super::log_file::LogFile;
use super::own_folder::{buy, put, serve_with, times};
use super::server::{Home, until};
use super::told::goods;

/// Each row says which version made it, and so does the query.
fn counted(version: u32) -> [(&'static str, String); 4] {
    let all = format!(
        "-- Orders, and which version counted them.\n-- role: finance\n-- column: version count\n\
         -- column: oldest count\n-- column: newest count\n-- column: orders count\n\
         SELECT {version} AS version, ifnull(min(made_by), {version}) AS oldest,\n\
                ifnull(max(made_by), {version}) AS newest, count(*) AS orders FROM orders_seen"
    );
    let joined = format!(
        "-- Beside the program's own.\n-- role: finance\n-- uses: orders\n-- column: version count\n\
         -- column: orders count\n\
         SELECT {version} AS version, (SELECT count(*) FROM orders.orders) AS orders\n\
         WHERE (SELECT count(*) FROM orders_seen) >= 0"
    );
    [
        (
            "schema.sql",
            "-- How many orders are there?\n-- environments: production\n
             CREATE TABLE orders_seen (position INTEGER PRIMARY KEY, made_by INTEGER NOT NULL) STRICT;"
                .into(),
        ),
        ("on/GoodsDelivered.sql", format!("INSERT INTO orders_seen VALUES (:position, {version});")),
        ("queries/all.sql", all),
        ("queries/joined.sql", joined),
    ]
}

fn write(dir: &Path, version: u32) {
    let files = counted(version);
    put(dir, "counted", &files.each_ref().map(|(path, text)| (*path, text.as_str())));
}

/// One answer: by which version, how many orders, as of which position.
#[derive(Clone, Copy, Debug)]
struct Counted {
    version: u32,
    orders: i64,
    position: i64,
}

/// Every answer is right as of its position, and no version answers after a newer one.
fn are_right(answers: &[Counted], log: &LogFile, versions: u32) {
    for Counted { orders, position, .. } in answers {
        let sql =
            format!("SELECT count(*) FROM events WHERE type = 'GoodsDelivered' AND position <= {position}");
        assert_eq!(*orders, log.count(&sql), "as of {position}");
    }
    let mut seen: Vec<_> = answers.iter().map(|counted| counted.version).collect();
    seen.dedup();
    assert_eq!(seen, (1..=versions).collect::<Vec<_>>(), "each version answers for a while, and never again");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_folder_changed_under_load_is_built_beside_and_switches_once_in_a_server() {
    const VERSIONS: u32 = 4;
    let home = Arc::new(Home::new());
    let dir = home.folder().join("mine");
    write(&dir, 1);
    let server = Arc::new(serve_with(&home, &dir));
    for projection in ["counted", "orders"] {
        server.logged(&format!("a new build answers projection=\"{projection}\"")).await;
    }
    let stop = Arc::new(AtomicBool::new(false));
    let pushing = tokio::spawn({
        let (home, server, stop) = (home.clone(), server.clone(), stop.clone());
        async move {
            let mut pushed = 0;
            while !stop.load(Ordering::Relaxed) {
                buy(&home, &server, &format!("ROLL-{pushed}"), "gem").await;
                pushed += 1;
            }
            pushed
        }
    });
    let newest = Arc::new(AtomicU32::new(0));
    let asking = tokio::spawn({
        let (server, stop, newest) = (server.clone(), stop.clone(), newest.clone());
        async move {
            let client = server.client("test-admin");
            let mut answers = Vec::new();
            while !stop.load(Ordering::Relaxed) {
                let asked = client.get("/v1/projections/counted/all").await;
                assert_eq!(asked.status, 200, "{asked:?}");
                let body = asked.json();
                let row = &body["rows"][0];
                assert!(row["version"] == row["oldest"] && row["version"] == row["newest"], "{body}");
                let version = u32::try_from(row["version"].as_u64().unwrap()).unwrap();
                let position = body["position"].as_str().map_or(0, |position| position.parse().unwrap());
                answers.push(Counted { version, orders: row["orders"].as_i64().unwrap(), position });
                newest.store(version, Ordering::Relaxed);
                let joined = client.get("/v1/projections/counted/joined").await;
                assert_eq!(joined.status, 200, "{joined:?}");
            }
            answers
        }
    });
    let reloaded = async |count: u32| {
        let count = usize::try_from(count).unwrap();
        until("the server has reloaded", || times(&server, "the configuration is reloaded") == count).await;
    };
    for version in 1..=VERSIONS {
        write(&dir, version);
        server.signal("HUP");
        // Two signals that come at once are one.
        reloaded(2 * version - 1).await;
        until("the newest version answers", || newest.load(Ordering::Relaxed) == version).await;
        // What the query joins takes over beside, and an unchanged reload builds nothing.
        assert_eq!(server.admin("POST", "/v1/projections/orders/rebuild", "{}").await.status, 202);
        server.signal("HUP");
        reloaded(2 * version).await;
        let built = "is built projection=\"orders\"";
        until("the orders were built again", || times(&server, built) > usize::try_from(version).unwrap())
            .await;
    }
    stop.store(true, Ordering::Relaxed);
    assert!(pushing.await.unwrap() > 0);
    let answers = asking.await.unwrap();
    eprintln!("{} answers", answers.len());
    // It answers a moment before it is told of.
    let takeovers = || times(&server, "a new build answers projection=\"counted\"");
    let versions = usize::try_from(VERSIONS).unwrap();
    until("each version's takeover is told", || takeovers() >= versions).await;
    assert_eq!(takeovers(), versions, "{}", server.log());
    are_right(&answers, &LogFile::open(&home.store()), VERSIONS);
}

async fn ask(projector: &Arc<Projector>) -> Counted {
    let question = Question {
        projection: "counted",
        query: "all",
        parameters: &[],
        as_of: at(0),
        min_position: None,
        wait: std::time::Duration::from_secs(10),
    };
    let answer = projector.ask(&question).await.unwrap();
    let numbers: Vec<i64> = answer.table.rows[0]
        .iter()
        .map(|cell| match cell {
            Cell::Integer(number) => *number,
            other => panic!("{other:?}"),
        })
        .collect();
    let [version, oldest, newest, orders] = numbers[..] else { panic!("{numbers:?}") };
    assert!(oldest == version && newest == version, "{numbers:?}");
    let position = answer.position.map_or(0, |position| i64::try_from(position.number()).unwrap());
    Counted { version: u32::try_from(version).unwrap(), orders, position }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_definition_changed_under_load_switches_once_and_what_is_unchanged_is_not_built() {
    const VERSIONS: u32 = 6;
    let of = |version| {
        let files = counted(version);
        let files: Vec<_> = files.iter().filter(|(path, _)| *path != "queries/joined.sql").collect();
        folder("counted", &files.iter().map(|(path, text)| (*path, text.as_str())).collect::<Vec<_>>())
    };
    let mut folded = Folded::over(vec![of(1)]).await;
    let stop = Arc::new(AtomicBool::new(false));
    let newest = Arc::new(AtomicU32::new(0));
    let asking = tokio::spawn({
        let (projector, stop, newest) = (folded.projector().clone(), stop.clone(), newest.clone());
        async move {
            let mut answers = Vec::new();
            while !stop.load(Ordering::Relaxed) {
                let counted = ask(&projector).await;
                newest.store(counted.version, Ordering::Relaxed);
                answers.push(counted);
            }
            answers
        }
    });
    let mut pushed = 0;
    for version in 1..=VERSIONS {
        folded.change(vec![of(version)]).await;
        while newest.load(Ordering::Relaxed) < version {
            folded.told(pushed, goods(&format!("ROLL-{pushed}"))).await;
            pushed += 1;
            assert!(pushed < 100_000, "version {version} never answers");
        }
        folded.change(vec![of(version)]).await;
        folded.caught_up().await;
        let status = folded.projector().list().remove(0).status;
        assert_eq!(
            (status.switches, status.build),
            (u64::from(version), None),
            "an unchanged reload builds nothing"
        );
    }
    stop.store(true, Ordering::Relaxed);
    let answers = asking.await.unwrap();
    folded.stop().await;
    are_right(&answers, &LogFile::open(&folded.path().join("events.db")), VERSIONS);
}

#[tokio::test(flavor = "multi_thread")]
async fn changes_that_overtake_one_another_end_in_the_last_and_leave_one_file() {
    let of = |version| {
        let files = counted(version);
        let files: Vec<_> = files.iter().filter(|(path, _)| *path != "queries/joined.sql").collect();
        folder("counted", &files.iter().map(|(path, text)| (*path, text.as_str())).collect::<Vec<_>>())
    };
    let mut folded = Folded::over(vec![of(0)]).await;
    for order in 0..50 {
        folded.told(order, goods(&format!("ROLL-{order}"))).await;
    }
    for version in 1..=40 {
        folded.change(vec![of(version)]).await;
        let rebuilds: Vec<_> = (0..3)
            .map(|_| {
                let projector = folded.projector().clone();
                tokio::task::spawn_blocking(move || projector.rebuild("counted").unwrap())
            })
            .collect();
        if version % 4 == 0 {
            folded.told(100 + i64::from(version), goods(&format!("MORE-{version}"))).await;
        }
        for rebuild in rebuilds {
            rebuild.await.unwrap();
        }
    }
    folded.told(1000, goods("LAST")).await;
    folded.caught_up().await;
    let counted = ask(folded.projector()).await;
    assert_eq!((counted.version, counted.orders), (40, 61));
    folded.stop().await;
    let mut files: Vec<_> = std::fs::read_dir(folded.views().join("counted"))
        .unwrap()
        .map(|entry| entry.unwrap().file_name().into_string().unwrap())
        .filter(|name| !name.ends_with("-wal") && !name.ends_with("-shm"))
        .collect();
    files.sort();
    assert_eq!(files.len(), 2, "{files:?}");
    // A build is named after its hash.
    assert!(files.iter().any(|name| name.ends_with(".db")), "{files:?}");
    assert!(files.iter().any(|name| name == "current"), "{files:?}");
}
