//! The log folded once more: into one file as of then, and to check the read models that answer.

use std::path::Path;
use std::process::{Command, Output, Stdio};

use chrono::{DateTime, Utc};
use order_ledger::moment::stamp;
use rusqlite::Connection;
use rusqlite::types::Value as Sql;
use serde_json::Value;

use super::copying::niceness;
use super::digests::current;
use super::fixture_log::{Line, lines, log_of};
use super::own_folder::put;
use super::server::{Home, until};

pub async fn home_of(lines: &[Line]) -> Home {
    let home = Home::new();
    log_of(&home.store(), lines).await;
    home
}

/// Exit code, stdout and stderr.
pub fn said(output: &Output) -> (i32, String, String) {
    let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
    (output.status.code().unwrap(), text(&output.stdout), text(&output.stderr))
}

/// `replay --until … --into NAME --json`, which must be done, and what it says.
fn into(home: &Home, until: &str, name: &str) -> Value {
    let file = home.folder().join(name);
    let file = file.to_str().unwrap();
    let (code, stdout, stderr) =
        said(&home.run(&["replay", "--until", until, "--into", file, "--force", "--json"]));
    assert_eq!(code, 0, "{until}: {stderr}");
    serde_json::from_str(&stdout).unwrap()
}

/// What SQLite's shell dumps: the schema, and all rows of each table in the order in which they stand.
fn dump(file: &Path) -> Vec<String> {
    let connection = Connection::open(file).unwrap();
    let schema = rows(&connection, "SELECT type, name, tbl_name, sql FROM sqlite_schema ORDER BY rowid");
    let tables: Vec<_> = schema.iter().filter(|row| row[0] == Sql::Text("table".into())).collect();
    let mut dump: Vec<_> = schema.iter().map(|row| format!("{row:?}")).collect();
    for table in tables {
        let Sql::Text(name) = &table[1] else { panic!("{table:?}") };
        let all = rows(&connection, &format!("SELECT * FROM \"{name}\""));
        dump.extend(all.iter().map(|row| format!("{name} {row:?}")));
    }
    dump
}

fn rows(connection: &Connection, sql: &str) -> Vec<Vec<Sql>> {
    let mut statement = connection.prepare(sql).unwrap();
    let width = statement.column_count();
    let row = |row: &rusqlite::Row<'_>| (0..width).map(|place| row.get(place)).collect();
    statement.query_map([], row).unwrap().collect::<Result<_, _>>().unwrap()
}

/// The last event before the first that was recorded after the moment, counted from 1.
fn last_at(lines: &[Line], moment: DateTime<Utc>) -> usize {
    lines.iter().position(|line| line.recorded_at > moment).unwrap_or(lines.len())
}

#[tokio::test]
async fn the_same_log_gives_the_same_file_byte_for_byte_whenever_it_is_folded() {
    let lines = lines();
    let home = home_of(&lines).await;
    let moment = lines[100].recorded_at;
    for until in ["97", &stamp(moment)] {
        let told = into(&home, until, "one.db");
        assert_eq!(told, {
            let mut again = into(&home, until, "other.db");
            again["file"] = told["file"].clone();
            again
        });
        let [one, other] = ["one.db", "other.db"].map(|name| home.folder().join(name));
        assert_eq!(dump(&one), dump(&other), "{until}");
        assert_eq!(std::fs::read(&one).unwrap(), std::fs::read(&other).unwrap(), "{until}");
    }
    let beside: Vec<_> = std::fs::read_dir(home.folder()).unwrap().map(|entry| entry.unwrap()).collect();
    let hidden = beside.iter().filter(|entry| entry.file_name().to_string_lossy().starts_with('.'));
    assert_eq!(hidden.count(), 0, "{beside:?}");
}

#[tokio::test]
async fn a_file_is_of_exactly_its_position_and_says_what_it_is_of() {
    let lines = lines();
    let home = home_of(&lines).await;
    for until in [0, 88, lines.len()] {
        let told = into(&home, &until.to_string(), "past.db");
        let begun = home_of(&lines[..until]).await;
        into(&begun, &until.to_string(), "all.db");
        let [past, all] =
            [home.folder().join("past.db"), begun.folder().join("all.db")].map(|file| dump(&file));
        let differ: Vec<_> = past.iter().zip(&all).filter(|(past, all)| past != all).collect();
        assert_eq!((past.len(), differ.len()), (all.len(), 1), "{until}: {differ:#?}");
        assert!(differ[0].0.contains("log_id"), "{differ:?}");
        let position = until.checked_sub(1).map(|_| until.to_string());
        assert_eq!(told["position"], serde_json::json!(position));
    }
    let file = Connection::open(home.folder().join("past.db")).unwrap();
    let fact = |key: &str| -> Option<String> {
        file.query_row("SELECT value FROM _replay WHERE key = ?1", [key], |row| row.get(0)).unwrap()
    };
    assert_eq!(fact("until"), Some(lines.len().to_string()));
    assert_eq!(fact("recorded_at"), Some(stamp(lines.last().unwrap().recorded_at)));
    assert_eq!(fact("sql_version.orders").map(|version| version.len()), Some(64));
    let count = |table: &str| -> i64 {
        file.query_row(&format!("SELECT count(*) FROM {table}"), [], |row| row.get(0)).unwrap()
    };
    assert_eq!(count("orders_orders"), count("orders_order_states"), "a view of the projection is a table");
    assert!(count("reconciliation_order_rows") > 0 && count("reconciliation_bill_lines") > 0);
}

#[tokio::test]
async fn a_moment_is_the_time_before_the_first_event_that_was_recorded_after_it() {
    let lines = lines();
    let home = home_of(&lines).await;
    let first = lines[0].recorded_at;
    let (minute, year) = (chrono::TimeDelta::minutes(1), chrono::TimeDelta::days(365));
    for moment in [first - minute, lines[200].recorded_at, first + year] {
        let told = into(&home, &stamp(moment), "then.db");
        let position = Some(last_at(&lines, moment)).filter(|last| *last > 0);
        assert_eq!(told["position"], serde_json::json!(position.map(|last| last.to_string())), "{moment}");
    }
}

#[tokio::test]
async fn a_file_that_is_there_stays_unless_it_may_be_replaced() {
    let home = home_of(&lines()[..9]).await;
    let file = home.folder().join("past.db");
    std::fs::write(&file, "mine").unwrap();
    let path = file.to_str().unwrap();
    let in_home = |name: &str| home.folder().join(name).to_str().unwrap().to_owned();
    super::replay_check::built(&home);
    Connection::open(in_home("books.db")).unwrap().execute_batch("CREATE TABLE _replay (key)").unwrap();
    std::os::unix::fs::symlink(home.views(), in_home("models")).unwrap();
    let answers = current(&home.views(), "orders").unwrap();
    let (books, store) = (in_home("books.db"), home.store().display().to_string());
    let (beside, model) = (in_home("models/orders/new.db"), answers.display().to_string());
    let before: Vec<_> = [&books, &store, &model].map(|path| std::fs::read(path).unwrap()).into();
    for (args, code, word) in [
        (&["--until", "9", "--into", path][..], 2, "--force"),
        (&["--until", "9", "--into", path, "--force"], 2, "past.db is not what replay has written"),
        (&["--until", "9", "--into", &books, "--force"], 2, "books.db is not what replay has written"),
        (&["--until", "9", "--into", &store, "--force"], 2, "belongs to the ledger itself"),
        (&["--until", "9", "--into", &model, "--force"], 2, "belongs to the ledger itself"),
        (&["--until", "9", "--into", &beside], 2, "belongs to the ledger itself"),
        (&["--until", "10", "--into", &in_home("new.db")], 2, "the end of this log, 9"),
        (&["--until", "soon", "--into", path], 2, "2026-02-01T00:00:00+08:00"),
        (&["--until", "9"], 2, "--into"),
        (&["--check", "--until", "9"], 2, "--check"),
        (&["--until", "9", "--into", "/no/such/folder/past.db"], 2, "/no/such/folder/past.db"),
    ] {
        let (found, _, stderr) = said(&home.run(&[&["replay"][..], args].concat()));
        assert!(found == code && stderr.contains(word), "{args:?}: {found} {stderr}");
    }
    assert_eq!(std::fs::read(&file).unwrap(), b"mine");
    let after: Vec<_> = [&books, &store, &model].map(|path| std::fs::read(path).unwrap()).into();
    assert!(before == after && !Path::new(&beside).exists());
    std::fs::remove_file(&file).unwrap();
    for force in [&[][..], &["--force"]] {
        let args = [&["replay", "--until", "9", "--into", path], force].concat();
        let (code, stdout, stderr) = said(&home.run(&args));
        assert!(code == 0 && stdout.contains("as of position 9, recorded "), "{stdout} {stderr}");
        assert!(stdout.contains("+08:00"), "people are told Beijing time: {stdout}");
    }
    let mode = std::os::unix::fs::PermissionsExt::mode(&std::fs::metadata(&file).unwrap().permissions());
    assert_eq!(mode & 0o777, 0o600);
}

/// What replay works in, and what it would leave.
fn working(home: &Home) -> Vec<std::path::PathBuf> {
    let entries = std::fs::read_dir(home.folder()).unwrap().map(|entry| entry.unwrap().path());
    entries.filter(|path| path.file_name().unwrap().to_string_lossy().starts_with('.')).collect()
}

#[tokio::test]
async fn a_replay_goes_second_to_a_server_and_ends_in_order_with_its_terminal() {
    let home = home_of(&lines()).await;
    let file = home.folder().join("past.db");
    let mut command = home.command(&["replay", "--until", "200", "--into", file.to_str().unwrap()]);
    let child = command.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
    until("it works", || !working(&home).is_empty()).await;
    let stat = std::fs::read_to_string(format!("/proc/{}/stat", child.id())).unwrap();
    assert_eq!(niceness(&stat), 10);
    let hangup = Command::new("kill").args(["-HUP", &child.id().to_string()]).status();
    assert!(hangup.unwrap().success());
    let (code, _, stderr) = said(&child.wait_with_output().unwrap());
    assert!(stderr.contains("ended before it was done"), "{stderr}");
    assert_eq!((code, working(&home), file.exists()), (2, vec![], false));
}

#[tokio::test]
async fn what_a_killed_replay_has_left_goes_with_the_next_one() {
    let home = home_of(&lines()).await;
    let file = home.folder().join("past.db");
    let args = ["replay", "--until", "200", "--into", file.to_str().unwrap(), "--force"];
    let mut child = home.command(&args).stdout(Stdio::null()).stderr(Stdio::null()).spawn().unwrap();
    until("it works", || !working(&home).is_empty()).await;
    child.kill().unwrap();
    child.wait().unwrap();
    assert!(!working(&home).is_empty(), "it could not tidy up");
    let (code, _, stderr) = said(&home.run(&args));
    assert_eq!(code, 0, "{stderr}");
    assert!(working(&home).is_empty(), "{:?}", working(&home));
}

const SALES: &str = "-- What was sold?\n-- environments: both\n
CREATE TABLE sales (number TEXT NOT NULL, doubled INTEGER AS (fen * 2), fen INTEGER NOT NULL, any ANY) STRICT;
CREATE VIEW dear AS SELECT number, fen FROM sales WHERE fen > 0;
CREATE VIEW never AS SELECT abs(-9223372036854775807 - fen / fen) AS a FROM sales;";

#[tokio::test]
async fn what_is_wrong_in_a_folder_of_the_users_is_left_out_and_told() {
    let lines = lines();
    let home = home_of(&lines).await;
    let dir = home.folder().join("own");
    let sold = lines.iter().position(|line| line.event.event_type == "GoodsDelivered").unwrap() + 1;
    let insert = "INSERT INTO sales (number, fen, any) VALUES (:out_trade_no, :actual_price_fen, '7');";
    let fails = format!("INSERT INTO sales (number, fen) VALUES (:out_trade_no, nullif(:position, {sold}));");
    put(&dir, "sales", &[("schema.sql", SALES), ("on/GoodsDelivered.sql", insert)]);
    put(&dir, "fails", &[("schema.sql", SALES), ("on/GoodsDelivered.sql", &fails)]);
    put(&dir, "wrong", &[("schema.sql", "-- No?\n-- environments: both\nCREATE TABLE")]);
    let (file, dir) = (home.folder().join("past.db"), dir.to_str().unwrap());
    let args = ["replay", "--until", "200", "--into", file.to_str().unwrap(), "--projections", dir];
    let (code, _, stderr) = said(&home.run(&args));
    assert_eq!(code, 1, "{stderr}");
    for word in ["wrong/schema.sql", "fails ends before position", "the view sales.never: integer overflow"] {
        assert!(stderr.contains(word), "{word}: {stderr}");
    }
    let file = Connection::open(&file).unwrap();
    let all = rows(&file, "SELECT typeof(number), doubled / fen, any FROM sales_sales");
    assert!(!all.is_empty() && all.iter().all(|row| row[2] == Sql::Text("7".into())), "{all:?}");
    assert_eq!(rows(&file, "SELECT * FROM fails_sales").len(), 0);
    let ends = rows(&file, "SELECT value FROM _replay WHERE key = 'ends_before.fails'");
    assert_eq!(ends, [[Sql::Text(sold.to_string())]]);
    let names = rows(&file, "SELECT name FROM sqlite_schema WHERE name LIKE 'sales%' OR name LIKE 'wrong%'");
    assert_eq!(names.len(), 2, "{names:?}");
}
