//! The read models that answer, checked against the log: what was altered behind the program's back is named.

use std::collections::BTreeMap;
use std::process::Stdio;
use std::time::Duration;

use order_ledger::projector::{Folder, Origin};
use rusqlite::Connection;
use serde_json::Value;

use super::digests::{current, open};
use super::fixture_log::lines;
use super::own_folder::{buy, put};
use super::replay::{home_of, said};
use super::server::{Home, until};

/// One line of `replay --check --json` for each read model, and the exit code.
fn check(home: &Home) -> (i32, Vec<Value>) {
    check_with(home, &[])
}

fn check_with(home: &Home, more: &[&str]) -> (i32, Vec<Value>) {
    let (code, stdout, stderr) = said(&home.run(&[&["replay", "--check", "--json"], more].concat()));
    assert!(stderr.is_empty() || (code == 2 && stderr.contains("no read model stands in ")), "{stderr}");
    (code, stdout.lines().map(|line| serde_json::from_str(line).unwrap()).collect())
}

pub fn built(home: &Home) {
    let (code, _, stderr) = said(&home.run(&["projections", "list"]));
    assert_eq!(code, 0, "{stderr}");
}

#[tokio::test]
async fn a_read_model_that_was_altered_by_hand_is_found_and_the_row_is_named() {
    let home = home_of(&lines()).await;
    built(&home);
    let (code, found) = check(&home);
    assert!(code == 0 && found.iter().all(|line| line["is_equal"] == true), "{found:#?}");
    assert_eq!(found.len(), 6);
    let altered = [
        (
            "orders",
            "UPDATE orders SET quantity = 77 WHERE position = (SELECT min(position) FROM orders WHERE quantity = 1)",
            "orders: the row position=",
            " differs: quantity is 77, and 1 by the log",
        ),
        (
            "inventory",
            "DELETE FROM totals WHERE product_id = (SELECT min(product_id) FROM totals)",
            "totals: the row ",
            " is missing",
        ),
        (
            "environments",
            "INSERT INTO apps VALUES ('zz', 'order')",
            "apps: the row app='zz'",
            " should not be there",
        ),
        ("roles", "DROP INDEX roles_by_name", "roles_by_name is missing", "missing"),
        (
            "reconciliation",
            "UPDATE cases SET reason = 'x'; UPDATE files SET by = 'somebody' WHERE file = 1",
            "files: the row file=1 differs: by is 'somebody', and ",
            " by the log",
        ),
    ];
    for (projection, sql, ..) in &altered {
        let file = Connection::open(current(&home.views(), projection).unwrap()).unwrap();
        file.execute_batch(sql).unwrap_or_else(|error| panic!("{sql}: {error}"));
    }
    let moved = Connection::open(current(&home.views(), "operations").unwrap()).unwrap();
    moved.execute("UPDATE _checkpoint SET position = position - 1", []).unwrap();
    let (code, found) = check(&home);
    assert_eq!(code, 1);
    let of = |projection: &str| found.iter().find(|line| line["projection"] == projection).unwrap();
    for (projection, _, begin, end) in altered {
        let differences = of(projection)["differences"].as_array().unwrap();
        let message = differences[0]["message"].as_str().unwrap();
        assert!(message.starts_with(begin) && message.ends_with(end), "{message}");
        assert_eq!(differences.len(), 1, "{differences:?}");
    }
    let problem = of("operations")["problem"].as_str().unwrap();
    assert!(problem.starts_with("is of another log: the event at position "), "{problem}");
    // It is what the log says again when it is built anew.
    assert_eq!(said(&home.run(&["projections", "rebuild"])).0, 0);
    assert_eq!(check(&home).0, 0);
}

#[tokio::test]
async fn a_check_beside_a_running_server_compares_what_was_folded_meanwhile_too() {
    let home = Home::new();
    assert_eq!(said(&home.run(&["replay", "--check"])).0, 2, "there is no log");
    let server = home.serve();
    for number in ["A1", "A2", "A3"] {
        buy(&home, &server, number, "gem").await;
    }
    let log = open(&home.store());
    let end: i64 = log.query_row("SELECT max(position) FROM events", [], |row| row.get(0)).unwrap();
    let end = end.to_string();
    until("all is folded", || {
        let (code, found) = check(&home);
        // One that is still being built cannot be compared.
        let is_early =
            |line: &Value| line["problem"].as_str().is_some_and(|problem| problem.contains("is building it"));
        assert!(code != 1 || found.iter().any(is_early), "{found:#?}");
        found.len() == 6 && found.iter().all(|line| line["position"] == end.as_str())
    })
    .await;
    assert!(server.terminate().success());
}

/// What is told of one of them.
fn of<'a>(found: &'a [Value], projection: &str) -> &'a Value {
    found
        .iter()
        .find(|line| line["projection"] == projection)
        .unwrap_or_else(|| panic!("{projection}: {found:#?}"))
}

/// All that is told of it, in one text.
fn problems(line: &Value) -> String {
    let messages = line["differences"].as_array().unwrap().iter().map(|difference| &difference["message"]);
    let told = std::iter::once(&line["problem"]).chain(messages).filter_map(Value::as_str);
    told.collect::<Vec<_>>().join("\n")
}

fn answering(home: &Home, projection: &str) -> Connection {
    Connection::open(current(&home.views(), projection).unwrap()).unwrap()
}

/// Lets the file say that it was built by what stands in it now.
fn forge_version(file: &Connection, name: &str) {
    let mut all = file.prepare("SELECT path, text FROM _folder").unwrap();
    let files: BTreeMap<String, String> =
        all.query_map([], |row| Ok((row.get(0)?, row.get(1)?))).unwrap().collect::<Result<_, _>>().unwrap();
    let version = Folder { name: name.into(), origin: Origin::BuiltIn, files }.version();
    file.execute("UPDATE _build SET version = ?1", [version]).unwrap();
}

#[tokio::test]
async fn what_a_file_says_of_itself_is_not_believed() {
    let home = home_of(&lines()).await;
    built(&home);
    let note = "UPDATE _folder SET text = text || ' -- ' WHERE path = 'schema.sql';";
    let orders = answering(&home, "orders");
    orders.execute_batch(&format!("{note} UPDATE orders SET quantity = 77 WHERE quantity = 1")).unwrap();
    let inventory = answering(&home, "inventory");
    inventory.execute_batch(note).unwrap();
    forge_version(&inventory, "inventory");
    let roles = answering(&home, "roles");
    roles.execute_batch(&format!("{note} UPDATE _build SET version = 'x' || substr(version, 2)")).unwrap();
    answering(&home, "environments").execute_batch("UPDATE _build SET version = 'mine'").unwrap();
    answering(&home, "operations").execute_batch("DROP TABLE _build; CREATE TABLE _mine (x)").unwrap();
    std::fs::remove_file(home.views().join("reconciliation/current")).unwrap();
    let (code, found) = check(&home);
    assert_eq!((code, found.len()), (1, 6));
    for (projection, by, told) in [
        (
            "orders",
            Some("usable"),
            &["_folder: the row path='schema.sql' differs", "quantity is 77, and 1 by the log"][..],
        ),
        ("inventory", Some("stored"), &["was compared by those that are stored in it"]),
        ("roles", None, &["was built by another version, ", "or it was altered"]),
        ("environments", Some("usable"), &["_build: the row rowid=1 differs: version is 'mine', and '"]),
        ("operations", Some("usable"), &["_build is missing", "_mine should not be there"]),
        ("reconciliation", None, &["has no file that answers"]),
    ] {
        let line = of(&found, projection);
        assert_eq!((&line["is_equal"], line["compared_by"].as_str()), (&Value::Bool(false), by), "{line:#}");
        let said = problems(line);
        assert!(told.iter().all(|told| said.contains(told)), "{projection}: {said}");
    }
}

#[tokio::test]
async fn a_projection_of_ones_own_is_folded_by_its_folder_and_not_by_what_its_file_says() {
    let home = home_of(&lines()).await;
    let dir = home.folder().join("own");
    let schema =
        "-- What was sold?\n-- environments: both\nCREATE TABLE sales (number TEXT NOT NULL) STRICT;";
    let insert = "INSERT INTO sales VALUES (:out_trade_no);";
    put(&dir, "sales", &[("schema.sql", schema), ("on/GoodsDelivered.sql", insert)]);
    let own = ["--projections", dir.to_str().unwrap()];
    assert_eq!(said(&home.run(&["projections", "list", own[0], own[1]])).0, 0);
    let (code, found) = check_with(&home, &own);
    assert!(code == 0 && of(&found, "sales")["rows"].as_i64() > Some(2), "{found:#?}");
    // The operator does not say where the folder is.
    let (code, found) = check(&home);
    assert_eq!((code, of(&found, "sales")["compared_by"].as_str()), (1, Some("stored")));
    let other = "INSERT INTO sales VALUES (:out_trade_no || '!');";
    put(&dir, "sales", &[("schema.sql", schema), ("on/GoodsDelivered.sql", other)]);
    let (code, found) = check_with(&home, &own);
    assert_eq!((code, of(&found, "sales")["compared_by"].as_str()), (1, Some("stored")));
    assert_eq!(of(&found, "orders")["is_equal"], true);
}

#[tokio::test]
async fn an_index_that_does_not_fit_its_table_is_found_though_every_row_is_right() {
    let home = home_of(&lines()).await;
    built(&home);
    let file = current(&home.views(), "roles").unwrap();
    let opened = Connection::open(&file).unwrap();
    let first = "WHERE role_id = (SELECT min(role_id) FROM roles)";
    let named = format!("SELECT min(role_name) FROM roles {first}");
    let name: String = opened.query_row(&named, [], |row| row.get(0)).unwrap();
    opened.execute(&format!("UPDATE roles SET role_name = 'somebody' {first}"), []).unwrap();
    // Behind the back of the index it gets its name again.
    opened
        .execute_batch(
            "CREATE TEMP TABLE kept AS SELECT * FROM sqlite_schema WHERE name = 'roles_by_name';
             PRAGMA writable_schema = ON; DELETE FROM sqlite_schema WHERE name = 'roles_by_name';
             PRAGMA writable_schema = RESET;",
        )
        .unwrap();
    opened.execute("UPDATE roles SET role_name = ?1 WHERE role_name = 'somebody'", [&name]).unwrap();
    opened
        .execute_batch(
            "PRAGMA writable_schema = ON; INSERT INTO sqlite_schema SELECT * FROM temp.kept;
             PRAGMA writable_schema = RESET;",
        )
        .unwrap();
    drop(opened);
    let (code, found) = check(&home);
    let line = of(&found, "roles");
    assert_eq!((code, line["differences"][0]["kind"].as_str()), (1, Some("damaged")), "{line:#}");
    assert!(problems(line).contains("roles_by_name"), "{line:#}");
}

#[tokio::test]
async fn a_check_keeps_no_more_than_one_read_model_from_folding_its_write_ahead_log() {
    let home = home_of(&lines()).await;
    built(&home);
    let names = ["environments", "inventory", "operations", "orders", "reconciliation", "roles"];
    let files = names.map(|name| answering(&home, name));
    for file in &files {
        file.busy_timeout(Duration::ZERO).unwrap();
        file.execute_batch("PRAGMA wal_autocheckpoint = 0; PRAGMA synchronous = OFF").unwrap();
    }
    // Whether somebody who reads the file keeps its write-ahead log from beginning anew.
    let is_kept = |file: &&Connection| {
        file.execute_batch("UPDATE _checkpoint SET only = only").unwrap();
        file.query_row("PRAGMA wal_checkpoint(TRUNCATE)", [], |row| row.get::<_, bool>(0)).unwrap()
    };
    let mut kept_in = 0;
    for _ in 0..20 {
        let mut command = home.command(&["replay", "--check"]);
        let mut child = command.stdout(Stdio::null()).stderr(Stdio::null()).spawn().unwrap();
        while child.try_wait().unwrap().is_none() {
            let kept: Vec<_> = files.iter().filter(is_kept).collect();
            kept_in += usize::from(!kept.is_empty());
            // One that was kept before the last was looked at may be free since.
            if let Some((_, before)) = kept.split_last() {
                assert!(!before.iter().copied().any(|file| is_kept(&file)), "{} at once", kept.len());
            }
        }
        assert_eq!(child.wait().unwrap().code(), Some(0));
        if kept_in > 0 {
            return;
        }
    }
    panic!("in no look was one kept");
}
