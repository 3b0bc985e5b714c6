//! A report asks one state of a read model as often as it likes, whatever is folded or built meanwhile.

use std::io;
use std::path::Path;
use std::time::Duration;

use order_ledger::limits;
use order_ledger::projector::{AskError, Folder, Projector, Snapshot};
use order_ledger::store::{EventStore, Position};

use super::digests::current;
use super::folded::{Folded, at, folder, text};
use super::told::goods;

const SCHEMA: &str = "-- What was sold?\n-- environments: production\n
CREATE TABLE sales (position INTEGER PRIMARY KEY, number TEXT NOT NULL) STRICT;";
const ON: &str = "INSERT INTO sales VALUES (:position, :out_trade_no);";
const ALL: &str = "-- What was sold?\n-- role: finance\n-- parameter: but text\n-- column: number id\n
SELECT number FROM sales WHERE number IS NOT :but ORDER BY position";
/// Sorted, and more than an answer may have.
const MANY: &str = "-- Many?\n-- role: finance\n-- column: n count\n
WITH RECURSIVE r (n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM r LIMIT 100001)
SELECT n FROM r ORDER BY printf('%.100c', 'x') || (n % 1000), n";
const JOINED: &str = "-- Sold beside?\n-- role: finance\n-- uses: beside\n-- column: number id\n
SELECT number FROM sales UNION ALL SELECT number || ' beside' FROM beside.sales ORDER BY 1";

fn sales(name: &str, on: &str) -> Folder {
    let mut files = vec![
        ("schema.sql", SCHEMA),
        ("on/GoodsDelivered.sql", on),
        ("queries/all.sql", ALL),
        ("queries/many.sql", MANY),
    ];
    if name == "sales" {
        files.push(("queries/joined.sql", JOINED));
    }
    folder(name, &files)
}

fn both(on: &str) -> Vec<Folder> {
    vec![sales("sales", on), sales("beside", ON)]
}

async fn of_orders(numbers: &[&str]) -> Folded {
    let folded = Folded::over(both(ON)).await;
    for number in numbers {
        folded.told(1, goods(number)).await;
    }
    folded.caught_up().await;
    folded
}

async fn snapshot(folded: &Folded) -> Snapshot {
    folded.projector().snapshot("sales", folded.head(), Duration::from_secs(30)).await.unwrap()
}

/// Rows that come until the first error.
fn asked(snapshot: &Snapshot, query: &str, but: Option<&str>) -> Result<Vec<String>, AskError> {
    let parameters: Vec<_> = but.iter().map(|but| ("but".to_owned(), (*but).to_owned())).collect();
    let mut rows = vec![];
    snapshot.ask(query, &parameters, at(0), &mut |row| {
        rows.push(row.cells().iter().map(text).collect::<Vec<_>>().join(" "));
        Ok(())
    })?;
    Ok(rows)
}

#[tokio::test(flavor = "multi_thread")]
async fn a_snapshot_stays_as_it_is_while_folding_goes_on_and_another_build_takes_over() {
    let mut folded = of_orders(&["A", "B"]).await;
    let (here, file) = (folded.head(), current(&folded.views(), "sales").unwrap());
    let before = snapshot(&folded).await;
    assert_eq!((before.position(), before.version().len()), (here, 64));
    assert_eq!(before.declaration("all").unwrap().columns[0].name, "number");
    folded.told(2, goods("C")).await;
    folded.caught_up().await;
    assert_eq!(asked(&before, "all", None).unwrap(), ["A", "B"]);
    folded.change(both("INSERT INTO sales VALUES (:position, 'no. ' || :out_trade_no);")).await;
    folded.caught_up().await;
    assert!(!file.exists(), "another build answers, and the file is removed");
    for _ in 0..2 {
        assert_eq!(asked(&before, "all", None).unwrap(), ["A", "B"]);
        assert_eq!(asked(&before, "all", Some("A")).unwrap(), ["B"]);
        assert_eq!(asked(&before, "joined", None).unwrap(), ["A", "A beside", "B", "B beside"]);
    }
    let after = snapshot(&folded).await;
    assert_eq!(asked(&after, "all", None).unwrap(), ["no. A", "no. B", "no. C"]);
    assert!(after.version() != before.version() && after.position() > before.position());
    // It is nobody's way to stop.
    folded.stop().await;
    assert_eq!(asked(&before, "all", None).unwrap(), ["A", "B"]);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_snapshot_answers_with_more_rows_than_an_answer_may_have_until_who_takes_them_fails() {
    let folded = of_orders(&["A"]).await;
    assert!(matches!(folded.ask("sales/many", &[]).await, Err(AskError::TooLarge)));
    let snapshot = snapshot(&folded).await;
    let rows = asked(&snapshot, "many", None).unwrap();
    assert_eq!((rows.len(), rows[0].as_str()), (limits::ANSWER_ROWS_MAX + 1, "1000"));
    let mut taken = 0;
    let failed = snapshot.ask("many", &[], at(0), &mut |_| {
        taken += 1;
        if taken < 7 { Ok(()) } else { Err(io::Error::other("the disk is full")) }
    });
    assert!(matches!(failed, Err(AskError::Sink(_))), "{failed:?}");
    assert_eq!(
        (taken, failed.unwrap_err().to_string().as_str()),
        (7, "a row cannot be passed on: the disk is full")
    );
    assert_eq!(asked(&snapshot, "all", None).unwrap(), ["A"], "it can be asked again");
    for (query, parameter, problem) in [
        ("al", None, "sales has no query \"al\"; did you mean all? known: all, joined, many"),
        ("many", Some("A"), "but: there is no such parameter; known: none"),
    ] {
        assert_eq!(asked(&snapshot, query, parameter).unwrap_err().to_string(), problem);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn snapshots_have_turns_and_wait_for_their_position() {
    let folded = of_orders(&["A"]).await;
    let projector = folded.projector();
    let mut held = vec![];
    for _ in 0..limits::REPORTS_MAX {
        held.push(snapshot(&folded).await);
    }
    let refused = projector.snapshot("sales", None, Duration::from_millis(50)).await.map(|_| ());
    assert!(matches!(refused, Err(AskError::Busy)), "{refused:?}");
    // Questions have turns of their own.
    assert_eq!(folded.columns("sales/all", &[], ["number"]).await, [["A"]]);
    let (next, ()) = tokio::join!(projector.snapshot("sales", None, Duration::from_secs(30)), async {
        held.clear();
    });
    drop(next.unwrap());
    let wanted = Position::from_number(folded.head().unwrap().number() + 1);
    let behind = projector.snapshot("sales", Some(wanted), Duration::from_millis(50)).await.map(|_| ());
    assert!(matches!(behind, Err(AskError::Behind { .. })), "{behind:?}");
    let (waited, ()) = tokio::join!(
        projector.snapshot("sales", Some(wanted), Duration::from_secs(30)),
        folded.told(2, goods("B"))
    );
    assert_eq!(asked(&waited.unwrap(), "all", None).unwrap(), ["A", "B"]);
    let unknown = projector.snapshot("sale", None, Duration::ZERO).await.map(|_| ());
    assert!(matches!(unknown, Err(AskError::UnknownProjection { .. })), "{unknown:?}");
}

/// As a command does beside a server.
async fn beside(folded: &Folded, views: &Path) -> std::sync::Arc<Projector> {
    let projector =
        Projector::new(folded.store.clone(), folded.store.head(), tokio::runtime::Handle::current());
    let (asking, views) = (projector.clone(), views.to_owned());
    let names = ["sales".to_owned(), "beside".to_owned()];
    tokio::task::spawn_blocking(move || asking.open_to_ask(&views, &names)).await.unwrap();
    projector
}

#[tokio::test(flavor = "multi_thread")]
async fn a_command_beside_a_server_has_snapshots_too_and_waits_for_what_the_server_folds() {
    let folded = of_orders(&["A"]).await;
    let projector = beside(&folded, &folded.views()).await;
    let wanted = Position::from_number(folded.head().unwrap().number() + 1);
    let (snapshot, ()) = tokio::join!(
        projector.snapshot("sales", Some(wanted), Duration::from_secs(30)),
        folded.told(2, goods("B"))
    );
    let snapshot = snapshot.unwrap();
    assert_eq!(asked(&snapshot, "joined", None).unwrap(), ["A", "A beside", "B", "B beside"]);
    assert!(snapshot.position() >= Some(wanted));
}
