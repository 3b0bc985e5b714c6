//! The commands of finance where something is in their way: what was written a moment ago, typing errors, files
//! that are none, servers that go. Which exit code each has, and what it leaves.

use std::io::Write;
use std::process::{Child, Output, Stdio};

use serde_json::Value;

use super::bill_text::{BillRow, MERCHANT, all, paid};
use super::bills::home_of_a_merchant;
use super::finance_api::{serving, with_differences};
use super::log_file::LogFile;
use super::server::{Home, until};

fn said(output: &Output) -> (i32, String) {
    let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
    (output.status.code().unwrap(), format!("{}{}", text(&output.stdout), text(&output.stderr)))
}

fn run_as(home: &Home, token: &str, args: &[&str]) -> (i32, String) {
    said(&home.command(args).env("ORDER_LEDGER_TOKEN", format!("olt_{token}")).output().unwrap())
}

fn file(home: &Home, name: &str, bytes: &[u8]) -> String {
    let path = home.folder().join(name);
    std::fs::write(&path, bytes).unwrap();
    path.display().to_string()
}

const JANUARY: [&str; 6] = ["--merchant", MERCHANT, "--from", "2026-01-01", "--to", "2026-01-31"];

#[tokio::test]
async fn a_report_knows_of_a_bill_that_was_imported_just_before_beside_a_server() {
    let home = home_of_a_merchant();
    let _server = serving(&home).await;
    let rows: Vec<BillRow> = (0..3000).map(|n| paid(5, &format!("T{n}"), 100)).collect();
    let bill = file(&home, "all.csv", &all(&rows));
    let (code, told) = run_as(&home, "finance", &["bill", "import", &bill]);
    assert_eq!(code, 0, "{told}");
    let listed = home.run(&[&["bill", "list", "--json"], &JANUARY[..]].concat());
    let listed: Value = serde_json::from_slice(&listed.stdout).unwrap();
    let report = home.run(&[&["reconcile", "--json"], &JANUARY[..]].concat());
    let report: Value = serde_json::from_slice(&report.stdout).unwrap();
    assert_eq!(report["rows"].as_array().unwrap().len(), 3000);
    let end = LogFile::open(&home.store()).end().to_string();
    assert_eq!(report["header"]["position"], end.as_str());
    assert!(listed["position"].as_str().is_some());
}

#[tokio::test]
async fn typing_errors_are_told_and_are_no_empty_reports() {
    let home = home_of_a_merchant();
    assert!(home.serve().terminate().success());
    let one_day = ["--from", "2026-01-05", "--to", "2026-01-05"];
    for (args, words) in [
        (&[&["reconcile", "--status", "missing"][..], &JANUARY].concat()[..], "missing_in_bill"),
        (&[&["reconcile", "--merchant", "77"][..], &one_day].concat(), "no merchant 77 is configured"),
        (
            &["bill", "list", "--merchant", MERCHANT, "--from", "2026-01-02", "--to", "2026-01-01"],
            "is after --to",
        ),
        (&["case", "list", "--merchant", MERCHANT, "--state", "opened"], "open"),
        (&["case", "list", "--merchant", MERCHANT, "--from", "2026-01-02"], "--state open"),
        (&["case", "list", "--merchant", "77", "--state", "open"], "no merchant 77 is configured"),
        (&["case", "list", "--merchant", "77"], "no merchant 77 is configured"),
        (&["period", "list", "--merchant", "77"], "no merchant 77 is configured"),
        (&["recovery", "list", "--merchant", "77"], "no merchant 77 is configured"),
        (&[&["bill", "list", "--merchant", "77"][..], &one_day].concat(), "no merchant 77 is configured"),
        (&["query", "reconciliation", "nothing"], "no query"),
        (&["query", "reconciliation", "cases", "merchant=1", "state=nothing"], "state"),
    ] {
        let (code, told) = run_as(&home, "finance", args);
        assert_eq!(code, 2, "{args:?}: {told}");
        assert!(told.contains(words) && !told.contains("panicked"), "{args:?}: {told}");
    }
}

fn case_of<'a>(merchant: &'a str, kind: &'a str, reason: &'a str) -> [&'a str; 10] {
    ["case", "resolve", "--merchant", merchant, "--kind", kind, "--id", "T9", "--reason", reason]
}

#[tokio::test]
async fn the_exit_code_says_whether_the_file_or_the_command_is_wrong() {
    let home = home_of_a_merchant();
    let server = home.serve();
    let good = file(&home, "good.csv", &all(&[paid(5, "T1", 600)]));
    let bad = file(&home, "bad.csv", b"<html>");
    let folder = home.folder().display().to_string();
    let unknown = ["bill", "declare-empty", "--merchant", "77", "--day", "2026-01-01", "--kind", "all"];
    let unknown = [&unknown[..], &["--reason", "NO_STATEMENT_EXIST"]].concat();
    for (token, args, expected, words) in [
        ("nobody", &["bill", "import", &good][..], 2, "token"),
        ("audit", &["bill", "import", &good], 2, "finance or admin"),
        ("finance", &["bill", "import", &folder], 2, "is a directory"),
        ("finance", &["case", "import", &folder, "--merchant", MERCHANT], 2, "is a directory"),
        ("finance", &["bill", "import", &bad], 1, "the file is no bill"),
        ("finance", &["bill", "import", &bad, &folder], 2, "the file is no bill"),
        ("finance", &unknown, 2, "no merchant 77 is configured"),
        ("finance", &case_of("77", "payment", "why"), 2, "no merchant 77 is configured"),
        ("finance", &case_of(MERCHANT, "money", "why"), 2, "--kind: must be one of order, payment, "),
        ("finance", &case_of(MERCHANT, "payment", " "), 2, "--reason: "),
    ] {
        let (code, told) = run_as(&home, token, args);
        assert_eq!(code, expected, "{args:?}: {told}");
        assert!(told.contains(words), "{args:?}: {told}");
    }
    assert!(server.terminate().success());
    let (code, told) = run_as(&home, "finance", &unknown);
    assert_eq!((code, told.contains("no merchant 77")), (2, true), "{told}");
}

#[tokio::test]
async fn a_quiet_month_is_declared_empty_by_one_command() {
    let home = home_of_a_merchant();
    let bill = file(&home, "5.csv", &all(&[paid(5, "T1", 600)]));
    for serves in [false, true] {
        let server = serves.then(|| home.serve());
        let (code, told) = run_as(&home, "finance", &["bill", "import", &bill]);
        assert_eq!(code, 0, "{told}");
        let month = ["bill", "declare-empty", "--merchant", MERCHANT, "--day", "2026-01-01", "--kind", "all"];
        let month = [&month[..], &["--to", "2026-01-31", "--reason", "NO_STATEMENT_EXIST"]].concat();
        let (code, told) = run_as(&home, "finance", &month);
        assert_eq!(code, 1, "the file of the 5th stands: {told}");
        let words = if serves { "had been declared empty before" } else { "is declared empty" };
        assert_eq!(told.matches(words).count(), 30, "{told}");
        let day = ["bill", "declare-empty", "--merchant", MERCHANT, "--day", "2026-01-05", "--kind", "all"];
        let day = [&day[..], &["--reason", "NO_STATEMENT_EXIST", "--json"]].concat();
        let output = home.command(&day).env("ORDER_LEDGER_TOKEN", "olt_finance").output().unwrap();
        let refusal: Value = serde_json::from_slice(&output.stdout).unwrap();
        assert_eq!((output.status.code(), &refusal["code"]), (Some(1), &Value::from("bill_stands")));
        if let Some(server) = server {
            assert!(server.terminate().success());
        }
    }
    let (code, told) = said(&home.run(&[&["reconcile", "--check"], &JANUARY[..]].concat()));
    assert_eq!(code, 1, "{told}");
    assert!(told.contains("that wait for a decision: 1; days without bill: 0"), "{told}");
    let quiet =
        ["reconcile", "--check", "--merchant", MERCHANT, "--from", "2026-01-06", "--to", "2026-01-31"];
    assert_eq!(said(&home.run(&quiet)).0, 0);
}

#[tokio::test]
async fn open_cases_are_listed_and_a_files_ending_says_its_format() {
    let home = home_of_a_merchant();
    assert!(with_differences(&home).await.terminate().success());
    let open = ["case", "list", "--merchant", MERCHANT, "--state", "open"];
    let (code, told) = said(&home.run(&open));
    assert_eq!(code, 0, "{told}");
    assert!(told.contains("amount_differs") && told.contains("missing_in_ledger"), "{told}");
    assert!(!told.contains("GOOD"), "{told}");
    assert!(told.lines().all(|line| !line.contains('{')), "a table has no room for JSON: {told}");
    let csv = home.run(&[&open[..], &["--format", "csv"]].concat());
    assert!(said(&csv).1.lines().next().unwrap().contains("facts"), "a file has all columns");
    for option in ["--output", "--out"] {
        for command in [&open[..], &[&["reconcile"], &JANUARY[..]].concat()] {
            let sheet = home.folder().join("sheet.xlsx").display().to_string();
            let (code, told) = said(&home.run(&[command, &[option, &sheet]].concat()));
            assert_eq!(code, 0, "{told}");
            assert_eq!(&std::fs::read(&sheet).unwrap()[..2], b"PK");
            std::fs::remove_file(sheet).unwrap();
        }
    }
}

#[tokio::test]
async fn a_report_that_is_refused_leaves_the_file_that_stood() {
    let home = home_of_a_merchant();
    let _server = serving(&home).await;
    let stands = file(&home, "report.csv", b"the report of December");
    let nothing = "0".repeat(64);
    let (code, told) = run_as(&home, "finance", &["period", "report", &nothing, "--output", &stands]);
    assert_eq!(code, 1, "{told}");
    assert_eq!(std::fs::read(&stands).unwrap(), b"the report of December");
}

/// An import whose file comes through a pipe.
fn import_of_a_pipe(home: &Home) -> Child {
    let mut command = home.command(&["bill", "import", "/dev/stdin"]);
    command.env("ORDER_LEDGER_TOKEN", "olt_finance").stdin(Stdio::piped());
    command.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap()
}

#[tokio::test]
async fn a_pipe_is_imported_through_the_server_and_a_server_that_goes_is_told() {
    let home = home_of_a_merchant();
    let server = home.serve();
    let bytes = all(&[paid(5, "T1", 600)]);
    let mut piped = import_of_a_pipe(&home);
    piped.stdin.take().unwrap().write_all(&bytes).unwrap();
    let (code, told) = said(&piped.wait_with_output().unwrap());
    assert_eq!(code, 0, "{told}");
    assert!(told.contains("1 lines imported"), "{told}");
    let mut cut = import_of_a_pipe(&home);
    let mut rest = cut.stdin.take().unwrap();
    rest.write_all(&bytes[..20]).unwrap();
    let spool = home.store().with_file_name("events.db.spool");
    let left = || std::fs::read_dir(&spool).map_or(0, Iterator::count);
    until("the upload has begun", || left() == 1).await;
    server.kill();
    drop(rest);
    let (code, told) = said(&cut.wait_with_output().unwrap());
    assert_eq!(code, 2, "{told}");
    assert!(told.contains("the server has ended or closed the connection"), "{told}");
    assert!(told.contains("import the file again and it goes on"), "{told}");
    // What the killed process has left goes with the next one that takes the log.
    assert_eq!(left(), 1);
    let (code, told) = run_as(&home, "finance", &["bill", "import", &file(&home, "5.csv", &bytes)]);
    assert_eq!(code, 0, "{told}");
    assert_eq!(left(), 0);
}
