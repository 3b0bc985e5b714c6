//! What runs for ever or answers too much is ended, and says so.

use std::time::{Duration, Instant};

use order_ledger::limits;
use order_ledger::projector::{AskError, Folder, State};

use super::folded::{Folded, checked, folder};
use super::server::until;
use super::told::goods;

const SCHEMA: &str = "-- What was sold?\n-- environments: production\n\
                      CREATE TABLE sales (position INTEGER PRIMARY KEY, product_id TEXT) STRICT;\n";
const ON: &str = "INSERT INTO sales VALUES (:position, :product_id);";

/// A projection whose query `asked` gives one column `x`.
fn asking(name: &str, sql: &str) -> Folder {
    let query = format!("-- What was sold?\n-- role: finance\n-- column: x text\n{sql}");
    folder(name, &[("schema.sql", SCHEMA), ("on/GoodsDelivered.sql", ON), ("queries/asked.sql", &query)])
}

#[tokio::test(flavor = "multi_thread")]
async fn a_query_that_runs_for_ever_is_ended_within_its_deadline_and_says_so() {
    let endless = [
        "WITH RECURSIVE r (n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM r) SELECT max(n) AS x FROM r",
        "WITH RECURSIVE r (n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM r) SELECT n AS x FROM r WHERE n < 0",
        "WITH RECURSIVE r (n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM r LIMIT 100000)
         SELECT count(*) AS x FROM r a, r b, r c",
        "WITH RECURSIVE r (n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM r LIMIT 3000)
         SELECT group_concat(a.n || b.n) AS x FROM r a, r b, r c GROUP BY a.n",
    ];
    let names = ["a", "b", "c", "d"];
    let folders = names.iter().zip(endless).map(|(name, sql)| asking(name, sql));
    let quick = asking("quick", "SELECT count(*) AS x FROM sales");
    let folded = Folded::over(folders.chain([quick]).collect()).await;
    folded.pushed(&goods("A").0, 1).await;
    folded.caught_up().await;
    for name in names {
        let begun = Instant::now();
        let asked = folded.ask(&format!("{name}/asked"), &[]).await;
        let took = begun.elapsed();
        assert!(matches!(asked, Err(AskError::TooSlow(_))), "{name}: {asked:?}");
        assert!(took >= limits::QUERY_WAIT && took < limits::QUERY_WAIT * 3, "{name}: ended after {took:?}");
    }
    assert_eq!(
        AskError::TooSlow(limits::QUERY_WAIT).to_string(),
        "the query runs longer than 2 s: narrow the question"
    );
    // They have left nothing behind that is in anybody's way.
    assert_eq!(folded.columns("quick/asked", &[], ["x"]).await, [["1"]]);
}

#[tokio::test(flavor = "multi_thread")]
async fn an_answer_with_too_many_rows_or_bytes_says_so() {
    let rows = |count: usize, value: &str| {
        format!(
            "WITH RECURSIVE r (n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM r LIMIT {count}) SELECT {value} AS x FROM r"
        )
    };
    let most = limits::ANSWER_ROWS_MAX;
    let cases = [
        ("all", rows(most, "n"), None),
        ("rows", rows(most + 1, "n"), Some("larger than 100000 rows or 64 MiB: narrow the question")),
        ("long", rows(63, "printf('%.1048576c', 'x')"), None),
        ("bytes", rows(65, "printf('%.1048576c', 'x')"), Some("larger than 100000 rows or 64 MiB")),
        // One value that is larger than all.
        ("huge", "SELECT printf('%.900000000c', 'x') AS x".into(), Some("larger than 100000 rows or 64 MiB")),
    ];
    let folders = cases.iter().map(|(name, sql, _)| asking(name, sql)).collect();
    let folded = Folded::over(folders).await;
    for (name, _, says) in cases {
        let asked = folded.ask(&format!("{name}/asked"), &[]).await;
        match says {
            None => assert!(asked.is_ok(), "{name}: {:?}", asked.err()),
            Some(says) => {
                let error = asked.expect_err(name);
                assert!(matches!(error, AskError::TooLarge) && error.to_string().contains(says), "{error:?}");
            }
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_statement_that_runs_long_is_in_nobodys_way_and_ends_when_it_is_told_to() {
    let endless = "INSERT INTO sales VALUES (:position, :product_id);\nINSERT INTO sales\n\
                   WITH RECURSIVE r (n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM r WHERE :product_id = 'bad')\n\
                   SELECT -max(n), NULL FROM r WHERE n > 1 HAVING max(n) > 1;";
    let sold = asking("sold", "SELECT product_id AS x FROM sales");
    let mut slow = asking("slow", "SELECT product_id AS x FROM sales");
    slow.files.insert("on/GoodsDelivered.sql".into(), endless.into());
    let mut folded = Folded::over(vec![slow, sold.clone()]).await;
    folded.pushed(&goods("A").0, 1).await;
    let before = folded.head();
    folded.caught_up().await;
    folded.pushed(&goods("B").of("bad", 1).0, 2).await;
    folded.pushed(&goods("C").0, 3).await;
    for time in ["following", "again"] {
        // The other is not held up.
        assert_eq!(folded.columns("sold/asked", &[], ["x"]).await, [["gem"], ["bad"], ["gem"]], "{time}");
        // What was folded before it stands, and is known.
        until("it lives and stands before the event", || {
            let list = folded.projector().list();
            let slow = list.iter().find(|listed| listed.definition.name == "slow").unwrap();
            matches!(slow.status.state, State::Live) && slow.position == before
        })
        .await;
        let begun = Instant::now();
        folded.stop().await;
        assert!(begun.elapsed() < limits::FOLD_EVENT_WAIT / 4, "{time}: {:?}", begun.elapsed());
        folded.start().await;
    }
    // The folder is put right while the statement runs.
    let slow = asking("slow", "SELECT product_id AS x FROM sales");
    folded.change(vec![slow, sold]).await;
    folded.caught_up().await;
    assert_eq!(folded.columns("slow/asked", &[], ["x"]).await, [["gem"], ["bad"], ["gem"]]);
}

#[test]
fn a_folder_that_sqlite_needs_too_long_to_understand_is_told_of() {
    let mut schema = format!("{SCHEMA}CREATE VIEW v0 AS SELECT position FROM sales;\n");
    for level in 1..40 {
        let below = level - 1;
        schema += &format!(
            "CREATE VIEW v{level} AS SELECT a.position FROM v{below} a JOIN v{below} b USING (position);\n"
        );
    }
    let begun = Instant::now();
    let deep = folder("deep", &[("schema.sql", &schema), ("on/GoodsDelivered.sql", ON)]);
    let problems = checked(vec![deep]).unwrap_err().to_string();
    assert!(problems.starts_with("deep/schema.sql:"), "{problems}");
    assert!(
        begun.elapsed() < limits::PROJECTION_CHECK_WAIT + Duration::from_secs(10),
        "{:?}",
        begun.elapsed()
    );
}
