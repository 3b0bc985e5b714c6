//! Files that are there already: gone on with where they are of this log and whole, and built anew where not.

use std::fs;
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

use order_ledger::limits;
use order_ledger::projector::{AskError, Folder, Projector, Question, Views, ViewsError};
use order_ledger::store::{EventStore, Position};
use rusqlite::Connection;

use super::digests::current;
use super::folded::{Folded, at, checked, folder};
use super::own_folder::{buy, listed, put, serve_with};
use super::server::Home;
use super::through::{Before, Read, Through};
use super::told::goods;

const SALES: [(&str, &str); 3] = [
    (
        "schema.sql",
        "-- What was sold?\n-- environments: production\n
         CREATE TABLE sales (position INTEGER PRIMARY KEY, number TEXT NOT NULL) STRICT;",
    ),
    ("on/GoodsDelivered.sql", "INSERT INTO sales VALUES (:position, :out_trade_no);"),
    (
        "queries/all.sql",
        "-- What was sold?\n-- role: finance\n-- column: number id\nSELECT number FROM sales ORDER BY position",
    ),
];

fn sales() -> Folder {
    folder("sales", &SALES)
}

async fn of_orders(numbers: &[&str]) -> Folded {
    let folded = Folded::over(vec![sales()]).await;
    for number in numbers {
        folded.told(1, goods(number)).await;
    }
    folded.caught_up().await;
    folded
}

async fn numbers(folded: &Folded) -> String {
    folded.columns("sales/all", &[], ["number"]).await.concat().join(" ")
}

fn switches(folded: &Folded) -> u64 {
    folded.projector().list().remove(0).status.switches
}

fn file(folded: &Folded) -> PathBuf {
    current(&folded.views(), "sales").unwrap()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_file_is_gone_on_with_only_where_it_is_of_this_log_and_this_version() {
    // What is done to the file, and whether it is built anew.
    for (what, sql, is_built_anew) in [
        ("nothing", "", false),
        (
            "its log is another",
            "UPDATE _checkpoint SET log_id = '00000000-0000-4000-8000-000000000000'",
            true,
        ),
        (
            "the event there is another",
            "UPDATE _checkpoint SET event_id = '00000000-0000-4000-8000-000000000000'",
            true,
        ),
        ("another event stands there", "UPDATE _checkpoint SET position = position - 1", true),
        ("the log is shorter", "UPDATE _checkpoint SET position = position + 100", true),
        ("another version made it", "UPDATE _build SET version = 'other'", true),
        ("there is no checkpoint", "DELETE FROM _checkpoint", true),
        ("the tables are others", "DROP TABLE _checkpoint; DROP TABLE _build; DROP TABLE _folder", true),
        (
            "no event was folded",
            "DELETE FROM sales; UPDATE _checkpoint SET position = NULL, event_id = NULL",
            false,
        ),
    ] {
        let mut folded = of_orders(&["A", "B"]).await;
        folded.stop().await;
        Connection::open(file(&folded)).unwrap().execute_batch(sql).unwrap();
        folded.start().await;
        folded.told(2, goods("C")).await;
        folded.caught_up().await;
        assert_eq!(numbers(&folded).await, "A B C", "{what}");
        assert_eq!(switches(&folded), u64::from(is_built_anew), "{what}");
    }
}

/// A node that is behind the others: it has nothing of the log until it has been asked for its end a few times.
#[derive(Default)]
struct Behind(AtomicU64);

impl Before for Behind {
    fn shows(&self, read: Read) -> bool {
        if read == Read::Last {
            self.0.fetch_add(1, Ordering::Relaxed);
        }
        self.0.load(Ordering::Relaxed) > 3
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_file_is_gone_on_with_where_the_node_that_is_asked_is_behind_the_others() {
    let mut folded = of_orders(&["A", "B"]).await;
    let before = file(&folded);
    folded.stop().await;
    let behind = Arc::new(Through { store: folded.store.clone(), before: Behind::default() });
    let projector = Projector::new(behind, folded.store.head(), tokio::runtime::Handle::current());
    let (views, sales) = (Views::take(&folded.views()).unwrap(), checked(vec![sales()]).unwrap().into());
    let begun = projector.clone();
    tokio::task::spawn_blocking(move || begun.begin(views, &sales).unwrap()).await.unwrap();
    let status = projector.list().remove(0).status;
    assert!(status.build.is_none() && status.switches == 0, "{status:?}");
    assert_eq!(file(&folded), before);
    tokio::task::spawn_blocking(move || projector.close()).await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn views_of_another_log_are_built_anew_and_no_row_of_the_other_is_answered() {
    let mut other = of_orders(&["X", "Y", "Z"]).await;
    other.stop().await;
    let mut folded = of_orders(&["A", "B"]).await;
    folded.stop().await;
    fs::remove_dir_all(folded.views()).unwrap();
    fs::rename(other.views(), folded.views()).unwrap();
    folded.start().await;
    assert_eq!(numbers(&folded).await, "A B");
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_no_whole_file_is_built_anew_and_what_interrupted_builds_left_is_removed() {
    for damage in ["no database", ""] {
        let mut folded = of_orders(&["A", "B"]).await;
        folded.stop().await;
        fs::write(file(&folded), damage).unwrap();
        folded.start().await;
        folded.caught_up().await;
        assert_eq!(numbers(&folded).await, "A B", "{damage:?}");
    }
    let mut folded = of_orders(&["A", "B"]).await;
    folded.stop().await;
    let place = folded.views().join("sales");
    let left =
        ["aaaa-1.db.building", "aaaa-1.db", "aaaa-1.db-wal", "aaaa-1.db-shm", "current.new", "problem.json"];
    for name in left {
        fs::write(place.join(name), "left").unwrap();
    }
    folded.start().await;
    folded.caught_up().await;
    let found: Vec<_> = left.iter().filter(|name| place.join(name).exists()).collect();
    assert!(found.is_empty(), "{found:?}");
    assert_eq!((numbers(&folded).await.as_str(), switches(&folded)), ("A B", 0));
    // A `current` that names nothing.
    folded.stop().await;
    fs::write(place.join("current"), "bbbb-1.db").unwrap();
    folded.start().await;
    folded.caught_up().await;
    assert_eq!(numbers(&folded).await, "A B");
}

#[tokio::test(flavor = "multi_thread")]
async fn an_answer_waits_for_its_position_or_tells_how_far_it_is() {
    let folded = of_orders(&["A"]).await;
    let here = folded.head().unwrap().number();
    let question = |number: u64, wait: Duration| Question {
        projection: "sales",
        query: "all",
        parameters: &[],
        as_of: at(0),
        min_position: Some(Position::from_number(number)),
        wait,
    };
    // Asked before it is there.
    let waits = question(here + 3, Duration::from_secs(30));
    let (answer, ()) = tokio::join!(folded.projector().ask(&waits), async {
        for number in ["B", "C", "D"] {
            folded.told(2, goods(number)).await;
        }
    });
    let answer = answer.unwrap();
    assert!(answer.position >= Some(Position::from_number(here + 3)), "{answer:?}");
    assert_eq!(answer.table.rows.len(), 4);
    for wait in [Duration::ZERO, Duration::from_millis(50)] {
        let behind = folded.projector().ask(&question(here + 4, wait)).await.unwrap_err();
        assert!(matches!(behind, AskError::Behind { .. }), "{behind:?}");
        let told = format!("sales stands at position {} and not yet at {}; try again", here + 3, here + 4);
        assert_eq!(behind.to_string(), told);
    }
    let there = folded.projector().ask(&question(here + 3, Duration::ZERO)).await.unwrap();
    assert_eq!(there.table.rows.len(), 4);
}

#[tokio::test(flavor = "multi_thread")]
async fn exactly_one_process_folds_into_a_folder_and_pushes_do_not_wait_for_it() {
    let home = Home::new();
    let dir = home.folder().join("mine");
    put(&dir, "sales", &SALES);
    let ours = Views::take(&home.views()).unwrap();
    assert!(matches!(Views::take(&home.views()), Err(ViewsError::InUse { .. })));
    let server = serve_with(&home, &dir);
    server.logged("nothing is folded").await;
    buy(&home, &server, "A", "gem").await;
    let asked = server.client("test-admin").ask("GET", "/v1/projections/sales/all", &[], "").await;
    assert_eq!(asked.outcome(), "503 not_built", "{asked:?}");
    assert!(fs::read_dir(home.views()).unwrap().count() == 1, "only the lock");
    // A folder that changes meanwhile is the one that is folded in the end.
    let changed = SALES.map(|(path, text)| {
        (path, text.replace("VALUES (:position, :out", "VALUES (:position, 'no. ' || :out"))
    });
    put(&dir, "sales", &changed.each_ref().map(|(path, text)| (*path, text.as_str())));
    server.signal("HUP");
    server.logged("the configuration is reloaded").await;
    drop(ours);
    server.logged("a new build answers projection=\"sales\"").await;
    // Where the folder was free before the change was read, it is built twice.
    let begun = Instant::now();
    loop {
        let asked = server.client("test-admin").get("/v1/projections/sales/all").await;
        if asked.json()["rows"][0]["number"] == "no. A" {
            break;
        }
        assert!(begun.elapsed() < Duration::from_secs(30), "{asked:?}");
    }
    let (code, line) = listed(&home, &dir, "sales");
    assert!(code == 0 && line["position"] == "2", "{line}");
    // Commands read what the server folds, and do not fold themselves.
    let output = home.run(&["projections", "rebuild", "sales", "--projections", dir.to_str().unwrap()]);
    assert_eq!(output.status.code(), Some(2), "it needs a token: {output:?}");
    assert!(matches!(Views::take(&home.views()), Err(ViewsError::InUse { .. })));
    assert!(limits::FOLD_TRY_AGAIN_AFTER <= Duration::from_secs(1));
}

#[tokio::test(flavor = "multi_thread")]
async fn only_a_server_forgets_a_projection_that_has_gone_and_only_what_is_ours() {
    let home = Home::new();
    let (dir, empty) = (home.folder().join("mine"), home.folder().join("empty"));
    fs::create_dir_all(&empty).unwrap();
    put(&dir, "sales", &SALES);
    let server = serve_with(&home, &dir);
    server.logged("a new build answers projection=\"sales\"").await;
    assert!(server.terminate().success());
    let theirs = home.views().join("backup/events.db");
    fs::create_dir_all(theirs.parent().unwrap()).unwrap();
    fs::write(&theirs, "precious").unwrap();
    // A command that was told of no folder leaves what the server has built.
    assert!(home.run(&["projections", "list"]).status.success());
    assert!(current(&home.views(), "sales").is_some());
    // A folder that cannot be read is no folder without projections.
    let server = serve_with(&home, &home.folder().join("not there"));
    server.logged("cannot be read").await;
    server.signal("HUP");
    server.logged("the configuration is reloaded").await;
    assert!(server.terminate().success());
    assert!(current(&home.views(), "sales").is_some());
    let server = serve_with(&home, &empty);
    super::server::until("it is forgotten", || !home.views().join("sales").exists()).await;
    assert!(server.terminate().success());
    assert_eq!(fs::read_to_string(&theirs).unwrap(), "precious");
}

/// A question that joins two projections keeps no file of an earlier build.
#[tokio::test(flavor = "multi_thread")]
async fn two_builds_without_a_question_between_leave_no_joined_file_behind() {
    let folded = Folded::built_in().await;
    let outstanding = async || folded.rows("operations/grants_outstanding", &[]).await.len();
    folded.told(1, goods("A-1")).await;
    assert_eq!(outstanding().await, 1);
    for _ in 0..2 {
        let projector = folded.projector().clone();
        tokio::task::spawn_blocking(move || projector.rebuild("orders").unwrap()).await.unwrap();
        folded.caught_up().await;
    }
    folded.told(2, goods("A-2")).await;
    assert_eq!(outstanding().await, 2);
}
