//! The commands of finance: the report, cases, recoveries and periods, and what they say without a server.

use std::process::Output;

use serde_json::Value;

use super::bill_text::{MERCHANT, all, paid_for};
use super::bills::{home_of_a_merchant, upload};
use super::finance_api::{fresh, with_differences};
use super::log_file::LogFile;
use super::server::Home;

fn said(output: &Output) -> (i32, String) {
    let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
    (output.status.code().unwrap(), format!("{}{}", text(&output.stdout), text(&output.stderr)))
}

fn run_as(home: &Home, token: &str, args: &[&str]) -> Output {
    home.command(args).env("ORDER_LEDGER_TOKEN", format!("olt_{token}")).output().unwrap()
}

fn done_as(home: &Home, token: &str, args: &[&str]) -> String {
    let output = run_as(home, token, args);
    let (code, told) = said(&output);
    assert_eq!(code, 0, "{args:?}: {told}");
    String::from_utf8_lossy(&output.stdout).into_owned()
}

const SCOPE: [&str; 6] = ["--merchant", MERCHANT, "--from", "2026-01-01", "--to", "2026-01-31"];
const AS_OF: [&str; 2] = ["--as-of", "2999-02-01T00:00:00Z"];

#[tokio::test]
async fn the_report_is_the_same_beside_a_server_and_without_one() {
    let home = home_of_a_merchant();
    let server = with_differences(&home).await;
    let report = |more: &[&str]| {
        let output = home.run(&[&["reconcile"], &SCOPE[..], &AS_OF, more].concat());
        let (code, told) = said(&output);
        assert_eq!(code, 0, "{told}");
        output.stdout
    };
    let finance = server.client("finance");
    let scope = format!("merchant={MERCHANT}&from=2026-01-01&to=2026-01-31&as_of=2999-02-01T00:00:00Z");
    let from_server = fresh(&home, &finance, &format!("/v1/reconciliation?{scope}&format=csv")).await.body;
    assert_eq!(report(&["--format", "csv"]), from_server);
    assert!(server.terminate().success());
    assert_eq!(report(&["--format", "csv"]), from_server);
    let with_mark = report(&["--format", "csv", "--bom", "--status", "missing_in_ledger"]);
    let with_mark = String::from_utf8(with_mark).unwrap();
    assert!(with_mark.starts_with('\u{feff}') && with_mark.lines().count() == 2, "{with_mark}");
    let json: Value = serde_json::from_slice(&report(&["--json"])).unwrap();
    assert_eq!(json["rows"].as_array().unwrap().len(), 3);
    let table = String::from_utf8(report(&[])).unwrap();
    for word in ["amount_differs", "missing_in_ledger", "2026-01-05"] {
        assert!(table.contains(word), "{word}: {table}");
    }
    let file = home.folder().join("report.xlsx").display().to_string();
    report(&["--format", "xlsx", "--output", &file]);
    assert_eq!(&std::fs::read(&file).unwrap()[..2], b"PK");
    let backwards = ["reconcile", "--merchant", MERCHANT, "--from", "2026-02-01", "--to", "2026-01-01"];
    assert_eq!(said(&home.run(&backwards)).0, 2);
}

#[tokio::test]
async fn what_people_decide_needs_a_running_server_and_says_so() {
    let home = home_of_a_merchant();
    let merchant = ["--merchant", MERCHANT];
    let case = ["--kind", "payment", "--id", "T9", "--reason", "a test"];
    let month = ["--month", "2026-01"];
    let sha256 = "0".repeat(64);
    for args in [
        &[&["case", "resolve"][..], &merchant, &case].concat()[..],
        &[&["case", "reopen"][..], &merchant, &case].concat(),
        &[&["case", "import", "file.csv"][..], &merchant].concat(),
        &["recovery", "approve", "demo", "LOST"],
        &["recovery", "withdraw", "demo", "LOST", "--reason", "a test"],
        &[&["period", "prepare"][..], &merchant, &month].concat(),
        &[&["period", "close", "--report", &sha256][..], &merchant, &month].concat(),
        &[&["period", "reopen", "--reason", "a test"][..], &merchant, &month].concat(),
        &["period", "report", &sha256],
    ] {
        let (code, told) = said(&run_as(&home, "finance", args));
        assert_eq!(code, 2, "{args:?}: {told}");
        assert!(told.contains("no server runs") && told.contains("order-ledger serve"), "{args:?}: {told}");
    }
}

#[tokio::test]
async fn an_edited_report_that_says_nothing_known_or_is_too_old_is_told_by_the_import() {
    let home = home_of_a_merchant();
    let server = with_differences(&home).await;
    fresh(&home, &server.client("admin"), &format!("/v1/cases?merchant={MERCHANT}")).await;
    let file = home.folder().join("report.csv").display().to_string();
    let take = || done_as(&home, "finance", &[&["reconcile"], &SCOPE[..], &["--format", "csv"]].concat());
    let import = |report: &str| {
        std::fs::write(&file, report).unwrap();
        said(&run_as(&home, "finance", &["case", "import", &file, "--merchant", MERCHANT]))
    };
    let (code, told) = import(&take().replace(",open,", ",done,"));
    assert_eq!(code, 1, "{told}");
    assert!(told.contains("0 resolved, 0 had been resolved before, 2 refused"), "{told}");
    assert!(told.contains("payment T9: case_state: \"done\" is no word for it: write resolved"), "{told}");

    let case = ["--merchant", MERCHANT, "--kind", "payment", "--id", "T9", "--reason"];
    done_as(&home, "finance", &[&["case", "resolve"], &case[..], &["another shop's"]].concat());
    let old = take();
    assert_eq!(import(&old).0, 0);
    done_as(&home, "admin", &[&["case", "reopen"], &case[..], &["was another player"]].concat());
    let (code, told) = import(&old);
    assert_eq!(code, 1, "{told}");
    assert!(told.contains("payment T9: admin has spoken of it since: take the report again"), "{told}");
}

#[tokio::test]
async fn cases_recoveries_and_periods_go_through_the_server_by_command() {
    let home = home_of_a_merchant();
    let server = with_differences(&home).await;
    let finance = |args: &[&str]| done_as(&home, "finance", args);
    let case = ["--merchant", MERCHANT, "--kind", "payment", "--id", "T9", "--reason", "another shop's"];
    fresh(&home, &server.client("admin"), &format!("/v1/cases?merchant={MERCHANT}")).await;
    assert!(finance(&[&["case", "resolve"], &case[..]].concat()).contains("is resolved"));
    assert!(finance(&[&["case", "resolve"], &case[..]].concat()).contains("had been resolved so before"));
    assert!(finance(&[&["case", "reopen"], &case[..]].concat()).contains("is open again"));
    assert!(finance(&[&["case", "reopen"], &case[..]].concat()).contains("was open already"));
    let (code, told) = said(&run_as(&home, "audit", &[&["case", "resolve"], &case[..]].concat()));
    assert_eq!(code, 2, "{told}");
    assert!(told.contains("finance or admin"), "{told}");

    let imported = upload(&server.client("finance"), "", &all(&[paid_for(6, "LOST")])).await;
    assert_eq!(imported.status, 200);
    fresh(&home, &server.client("admin"), &format!("/v1/periods?merchant={MERCHANT}")).await;
    let proposal = [
        "recovery",
        "propose",
        "--merchant",
        MERCHANT,
        "--transaction-id",
        "TLOST",
        "--out-trade-no",
        "LOST",
        "--product-id",
        "gem_60",
        "--quantity",
        "2",
        "--evidence",
        "the game's order 77",
    ];
    assert!(finance(&proposal).contains("recovery approve demo LOST"));
    let approve = ["recovery", "approve", "demo", "LOST"];
    let (code, told) = said(&run_as(&home, "finance", &approve));
    assert_eq!(code, 1, "{told}");
    assert!(done_as(&home, "admin", &approve).contains("is an order"));
    assert!(done_as(&home, "admin", &approve).contains("had been approved before"));
    let admin = server.client("admin");
    admin.until_folded(LogFile::open(&home.store()).end()).await;
    assert!(finance(&["recovery", "list", "--merchant", MERCHANT]).contains("LOST"));

    for day in (1..=31).filter(|day| ![5, 6].contains(day)) {
        let day = format!("2026-01-{day:02}");
        let empty = ["bill", "declare-empty", "--merchant", MERCHANT, "--day", &day, "--kind", "all"];
        finance(&[&empty[..], &["--reason", "NO_STATEMENT_EXIST"]].concat());
    }
    admin.until_folded(LogFile::open(&home.store()).end()).await;
    let month = ["--merchant", MERCHANT, "--month", "2026-01"];
    let prepared = finance(&[&["period", "prepare", "--json"], &month[..]].concat());
    let prepared: Value = serde_json::from_str(&prepared).unwrap();
    let sha256 = prepared["report_sha256"].as_str().unwrap();
    let file = home.folder().join("filed.txt").display().to_string();
    finance(&["period", "report", sha256, "--output", &file]);
    let filed = <sha2::Sha256 as sha2::Digest>::digest(std::fs::read(&file).unwrap());
    assert_eq!(hex::encode(filed), sha256);
    let close = [&["period", "close", "--report", sha256], &month[..]].concat();
    let (code, told) = said(&run_as(&home, "finance", &close));
    assert_eq!(code, 1, "{told}");
    assert!(done_as(&home, "admin", &close).contains("2026-01 of 1900000109 is closed"));
    assert!(done_as(&home, "admin", &close).contains("had been closed so before"));
    let reopen = [&["period", "reopen", "--reason", "a test"], &month[..]].concat();
    assert_eq!(said(&run_as(&home, "finance", &reopen)).0, 2);
    assert!(done_as(&home, "admin", &reopen).contains("is open again"));
    assert!(done_as(&home, "admin", &reopen).contains("was open already"));
    let listed = finance(&["period", "list", "--merchant", MERCHANT]);
    assert!(listed.contains("2026-01") && !listed.contains("summary") && !listed.contains('{'), "{listed}");
    assert!(finance(&["period", "list", "--json", "--merchant", MERCHANT]).contains("summary"));
}
