//! Bill files into the ledger: through a server and alone, twice, interrupted, superseded, declared empty.

use std::path::{Path, PathBuf};
use std::process::Output;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use async_trait::async_trait;
use order_ledger::bill::{Hints, Profiles};
use order_ledger::codec;
use order_ledger::domain::app::AppSlug;
use order_ledger::domain::bill::{BillEvent, BillKey, BillKind, BillLines, MerchantId};
use order_ledger::domain::event::Event;
use order_ledger::import::{self, ImportError, ImportRequest, Imported, Outcome, Routes};
use order_ledger::ledger::Ledger;
use order_ledger::quota::Quotas;
use order_ledger::store::sqlite::{Settings, SqliteStore};
use order_ledger::store::{Append, AppendOutcome, Counters, EventStore, Fault, Health, Position, ReadLog};
use serde_json::{Value, json};
use tokio::sync::watch;

use super::asking::{Asked, Client, home_of_all_roles};
use super::bill_text::{BillRow, MERCHANT, all, fund_flow, paid, refunded};
use super::finance_api::settled;
use super::folded::at;
use super::log_file::LogFile;
use super::server::{APP_ID, Home};
use super::through::{Before, Through};

/// Of January 2026.
fn key(day: u32, kind: BillKind) -> BillKey {
    let day = chrono::NaiveDate::from_ymd_opt(2026, 1, day).unwrap();
    BillKey { merchant: MerchantId::parse(MERCHANT).unwrap(), day, kind }
}

/// Of a store that takes so many appends and no more.
struct Appends {
    left: AtomicUsize,
    /// So many appends before them are refused, for pushes go first.
    busy_left: AtomicUsize,
}

impl Before for Appends {}

type Fragile = Through<SqliteStore, Appends>;

#[async_trait]
impl EventStore for Fragile {
    async fn append(&self, append: Append) -> AppendOutcome {
        let take = |left: &AtomicUsize| {
            left.fetch_update(Ordering::SeqCst, Ordering::SeqCst, |left| left.checked_sub(1))
        };
        if take(&self.before.busy_left).is_ok() {
            return AppendOutcome::NotWritten(Fault::QueueFull);
        }
        match take(&self.before.left) {
            Ok(_) => self.store.append(append).await,
            Err(_) => AppendOutcome::NotWritten(Fault::DiskFull),
        }
    }

    fn head(&self) -> watch::Receiver<Option<Position>> {
        self.store.head()
    }

    fn health(&self) -> watch::Receiver<Health> {
        self.store.health()
    }

    fn counters(&self) -> &Counters {
        self.store.counters()
    }

    async fn close(&self) {
        self.store.close().await;
    }
}

/// A log of this process, and files to be imported into it.
struct Desk {
    folder: tempfile::TempDir,
    store: Arc<SqliteStore>,
    ledger: Ledger,
}

impl Desk {
    async fn new() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let store = Arc::new(SqliteStore::open(&Settings::at(folder.path().join("events.db"))).unwrap());
        let ledger = Ledger::open(store.clone(), Quotas::default()).await.unwrap();
        Self { folder, store, ledger }
    }

    /// A ledger whose store fails after so many appends.
    async fn fragile(&self, appends: usize) -> Ledger {
        self.failing(appends, 0).await
    }

    /// Before that it refuses some.
    async fn failing(&self, appends: usize, busy: usize) -> Ledger {
        let before = Appends { left: AtomicUsize::new(appends), busy_left: AtomicUsize::new(busy) };
        let store = Arc::new(Fragile { store: self.store.clone(), before });
        Ledger::open(store, Quotas::default()).await.unwrap()
    }

    fn file(&self, name: &str, bytes: &[u8]) -> PathBuf {
        let path = self.folder.path().join(name);
        std::fs::write(&path, bytes).unwrap();
        path
    }

    async fn import(&self, bytes: &[u8]) -> Result<Imported, ImportError> {
        import_with(&self.ledger, &self.file("bill.csv", bytes), None).await
    }

    async fn supersede(&self, bytes: &[u8]) -> Result<Imported, ImportError> {
        import_with(&self.ledger, &self.file("bill.csv", bytes), Some("a later download")).await
    }

    fn log(&self) -> LogFile {
        LogFile::open(&self.folder.path().join("events.db"))
    }

    /// What stands in a bill's stream: its events by name, and all lines of the revision that was sealed last.
    async fn bill(&self, key: &BillKey) -> (Vec<&'static str>, Vec<BillLines>) {
        let (mut names, mut lines, mut sealed) = (vec![], vec![], 0);
        for recorded in self.store.read_stream(&codec::billday_stream(key), 0, 1000).await.unwrap() {
            let Event::Bill(event) = codec::decode(&recorded).unwrap().event else { panic!("{recorded:?}") };
            names.push(event.type_name());
            match event {
                BillEvent::Lines { revision, lines: chunk } => lines.push((revision, chunk)),
                BillEvent::Sealed { revision, .. } => sealed = revision,
                BillEvent::Opened { .. } | BillEvent::Superseded { .. } | BillEvent::DeclaredEmpty { .. } => {
                }
            }
        }
        let of_sealed = lines.into_iter().filter(|(revision, _)| *revision == sealed);
        (names, of_sealed.map(|(_, lines)| lines).collect())
    }
}

async fn import_with(ledger: &Ledger, file: &Path, supersede: Option<&str>) -> Result<Imported, ImportError> {
    let routes = Routes {
        merchants: vec![MerchantId::parse(MERCHANT).unwrap()],
        apps: [(APP_ID.to_owned(), AppSlug::parse("demo").unwrap())].into(),
    };
    let request = ImportRequest {
        hints: Hints::default(),
        supersede: supersede.map(str::to_owned),
        file_name: "bill.csv".into(),
        by: "tester".into(),
        // A month later: the days of all bills are over.
        at: at(31 * 24 * 60),
    };
    let watcher: import::Watcher = Arc::new(|_| {});
    import::run(ledger, &Arc::new(Profiles::built_in()), &routes, file, &request, &watcher).await
}

/// Rows that fill several chunks.
fn wide(day: u32) -> Vec<BillRow> {
    let name = "宝石".repeat(400);
    (0..1000)
        .map(|n| BillRow { product_name: name.clone(), ..paid(day, &format!("T{n}"), 100 + n) })
        .collect()
}

/// The lines of several chunks as those of one.
fn joined(chunks: Vec<BillLines>) -> Vec<order_ledger::domain::bill::BillLine> {
    let trade = |lines| match lines {
        BillLines::Trade(lines) => lines,
        BillLines::Funds(lines) => panic!("{lines:?}"),
    };
    chunks.into_iter().flat_map(trade).collect()
}

#[tokio::test]
async fn an_import_that_is_interrupted_anywhere_is_completed_by_the_next_run() {
    let bytes = all(&wide(5));
    let whole = Desk::new().await;
    let imported = whole.import(&bytes).await.unwrap();
    assert_eq!((imported.rows, imported.days[0].outcome.clone()), (1000, Outcome::Imported));
    let (names, lines) = whole.bill(&key(5, BillKind::all())).await;
    let expected = joined(lines);
    assert_eq!(expected.len(), 1000);
    assert!(names.len() > 5, "the rows fill several chunks: {names:?}");
    let appends = usize::try_from(whole.log().count("SELECT count(*) FROM events")).unwrap();
    for appends in 0..appends {
        let desk = Desk::new().await;
        let fragile = desk.fragile(appends).await;
        let file = desk.file("bill.csv", &bytes);
        let failed = import_with(&fragile, &file, None).await.unwrap_err();
        assert!(matches!(failed, ImportError::Ledger(_)), "after {appends}: {failed}");
        let (names, _) = desk.bill(&key(5, BillKind::all())).await;
        assert_eq!(names.len(), appends);
        let again = desk.import(&bytes).await.unwrap();
        let stood = appends > 1;
        let resumed = matches!(again.days[0].outcome, Outcome::Resumed { lines } if lines > 0);
        assert_eq!(resumed, stood, "after {appends}: {:?}", again.days);
        let (names, lines) = desk.bill(&key(5, BillKind::all())).await;
        assert_eq!(joined(lines), expected, "after {appends}");
        assert_eq!(names.iter().filter(|name| **name == "BillSealed").count(), 1);
        assert_eq!(names.iter().filter(|name| **name == "BillOpened").count(), 1);
    }
}

#[tokio::test]
async fn while_the_store_is_too_busy_with_pushes_an_import_waits_and_goes_on() {
    let desk = Desk::new().await;
    let busy = desk.failing(usize::MAX, 2).await;
    let file = desk.file("bill.csv", &all(&[paid(5, "T1", 600)]));
    let imported = import_with(&busy, &file, None).await.unwrap();
    assert_eq!(imported.days[0].outcome, Outcome::Imported);
    let (names, _) = desk.bill(&key(5, BillKind::all())).await;
    assert_eq!(names, ["BillOpened", "BillLines", "BillSealed"]);
}

#[tokio::test]
async fn the_same_content_again_appends_nothing_whatever_the_file_is_called_or_packed() {
    let desk = Desk::new().await;
    let bytes = all(&[paid(5, "T1", 600), refunded(5, "T1", "W1", 100)]);
    let first = desk.import(&bytes).await.unwrap();
    assert_eq!(first.lines.apps.values().sum::<u64>(), 2);
    let head = desk.store.last().await.unwrap();
    assert_eq!(first.position, head);
    let mut gzip = flate2::write::GzEncoder::new(vec![], flate2::Compression::default());
    std::io::Write::write_all(&mut gzip, &bytes).unwrap();
    for again in [
        bytes.clone(),
        gzip.finish().unwrap(),
        String::from_utf8(bytes).unwrap().replace("\r\n", "\n").into(),
    ] {
        let again = desk.import(&again).await.unwrap();
        assert_eq!(again.days[0].outcome, Outcome::Stands);
        assert_eq!((again.position, desk.store.last().await.unwrap()), (None, head));
    }
}

#[tokio::test]
async fn another_content_is_refused_with_its_differences_until_it_supersedes() {
    let desk = Desk::new().await;
    desk.import(&all(&[paid(5, "T1", 600), paid(5, "T2", 700), paid(5, "T3", 800)])).await.unwrap();
    let head = desk.store.last().await.unwrap();
    let other = all(&[paid(5, "T1", 600), paid(5, "T3", 801), paid(5, "T4", 900)]);
    let Err(ImportError::Differs(differences)) = desk.import(&other).await else { panic!("it must differ") };
    let counts = (differences.changed, differences.removed, differences.added);
    assert_eq!(counts, (1, 1, 1));
    let shown: Vec<_> = differences.shown.iter().map(|it| (it.id.as_str(), it.line)).collect();
    assert_eq!(shown, [("T3", 3), ("T2", 3), ("T4", 4)]);
    let import::Change::Changed(columns) = &differences.shown[0].change else { panic!("{differences:?}") };
    let columns: Vec<_> = columns.iter().map(|it| (it.column, it.stands.clone(), it.file.clone())).collect();
    let fen = |name| (name, json!(800), json!(801));
    assert_eq!(columns, [fen("settlement_fen"), fen("order_fen")]);
    assert_eq!(desk.store.last().await.unwrap(), head, "nothing was appended");

    let imported = desk.supersede(&other).await.unwrap();
    assert!(imported.days[0].superseded.is_some());
    let (names, lines) = desk.bill(&key(5, BillKind::all())).await;
    assert_eq!(names[names.len() - 2..], ["BillSuperseded", "BillSealed"]);
    let ids: Vec<_> = joined(lines).into_iter().map(|line| line.transaction_id).collect();
    assert_eq!(ids, ["T1", "T3", "T4"]);
    assert_eq!(desk.supersede(&other).await.unwrap().days[0].outcome, Outcome::Stands);
}

#[tokio::test]
async fn the_bill_of_an_unknown_merchant_and_a_malformed_one_append_nothing() {
    let desk = Desk::new().await;
    let head = desk.store.last().await.unwrap();
    let foreign = BillRow { merchant: "1".into(), ..paid(5, "T1", 600) };
    let unknown = desk.import(&all(&[foreign])).await.unwrap_err();
    assert!(matches!(unknown, ImportError::UnknownMerchant { .. }), "{unknown}");
    let sum = String::from_utf8(all(&wide(5))).unwrap();
    let wrong = sum.replace("`1000,`", "`1001,`");
    let malformed = desk.import(wrong.as_bytes()).await.unwrap_err();
    assert!(matches!(malformed, ImportError::Bill(_)), "{malformed}");
    assert!(malformed.to_string().contains("1001"), "{malformed}");
    assert_eq!(desk.store.last().await.unwrap(), head);
}

/// A home with all roles and one merchant.
pub fn home_of_a_merchant() -> Home {
    let home = home_of_all_roles();
    home.reconfigure(|text| text + &format!("[merchant.{MERCHANT}]\napps = [\"demo\"]\n"));
    home
}

pub async fn upload(client: &Client, query: &str, bytes: &[u8]) -> Asked {
    client.send_bytes("POST", &format!("/v1/bills{query}"), "application/octet-stream", bytes).await
}

#[tokio::test]
async fn a_bill_is_imported_through_the_admin_listener_and_listed() {
    let home = home_of_a_merchant();
    let server = home.serve();
    let finance = server.client("finance");
    let bytes = all(&[paid(5, "T1", 600), BillRow { app_id: "wx0".into(), ..paid(5, "T2", 700) }]);
    let imported = upload(&finance, "?file_name=5.csv", &bytes).await;
    assert_eq!(imported.status, 200, "{imported:?}");
    let body = imported.json();
    assert_eq!(
        (&body["merchant"], &body["kind"], &body["rows"]),
        (&json!(MERCHANT), &json!("all"), &json!(2))
    );
    assert_eq!(body["lines"], json!({"apps": {"demo": 1}, "other_apps": 1, "no_app": 0}));
    assert_eq!(
        (&body["days"][0]["day"], &body["days"][0]["outcome"]),
        (&json!("2026-01-05"), &json!("imported"))
    );
    assert_eq!(body["totals"]["order_fen"], 1300);
    let again = upload(&finance, "", &bytes).await.json();
    assert_eq!((&again["days"][0]["outcome"], &again["position"]), (&json!("stands"), &Value::Null));
    let position = body["position"].as_str().unwrap();
    let files = format!(
        "/v1/bills?merchant={MERCHANT}&from_day=2026-01-01&to_day=2026-01-31&min_position={position}"
    );
    let files = settled(&server.client("audit"), &files).await;
    assert_eq!(files.json()["rows"][0]["file_name"], "5.csv");
}

#[tokio::test]
async fn an_upload_is_refused_with_the_reason_and_leaves_no_file() {
    let home = home_of_a_merchant();
    let server = home.serve();
    let finance = server.client("finance");
    let bytes = all(&[paid(5, "T1", 600)]);
    for (client, query, body, expected) in [
        ("audit", "", &bytes[..], "403 role"),
        ("support", "", &bytes, "403 role"),
        ("finance_demo", "", &bytes, "403 scope"),
        ("finance", "?day=5", &bytes, "422 parameter"),
        ("finance", "?supersede=%20", &bytes, "422 reason"),
        ("finance", "?nothing=1", &bytes, "422 parameter"),
        ("finance", "", b"", "422 bill_unreadable"),
        ("finance", "", b"<html>", "422 bill_unreadable"),
        ("finance", "?day=2026-01-06", &bytes, "422 bill_unreadable"),
        ("finance", "?merchant=1", &bytes, "422 bill_unreadable"),
        ("finance", "", &bytes, "200"),
    ] {
        let asked = upload(&server.client(client), query, body).await;
        assert_eq!(asked.outcome(), expected, "{client} {query}");
    }
    let torn = upload(&finance, "", &bytes[..bytes.len() - 100]).await.json();
    assert_eq!(torn["code"], "bill_unreadable");
    assert!(torn["detail"][0]["place"].as_str().unwrap().starts_with("line "), "{torn}");
    let foreign = BillRow { merchant: "1".into(), ..paid(5, "T1", 600) };
    assert_eq!(upload(&finance, "", &all(&[foreign])).await.outcome(), "404 unknown_merchant");
    let other = upload(&finance, "", &all(&[paid(5, "T1", 601)])).await;
    assert_eq!(other.outcome(), "409 bill_differs");
    let detail = &other.json()["detail"];
    assert_eq!((&detail["changed"], &detail["removed"], &detail["added"]), (&json!(1), &json!(0), &json!(0)));
    assert_eq!(
        detail["rows"][0]["columns"][0],
        json!({"column": "settlement_fen", "stands": 600, "file": 601})
    );
    let superseded = upload(&finance, "?supersede=corrected", &all(&[paid(5, "T1", 601)])).await;
    assert_eq!(superseded.status, 200, "{superseded:?}");
    let spool = home.store().with_file_name("events.db.spool");
    assert_eq!(std::fs::read_dir(spool).unwrap().count(), 0);
}

#[tokio::test]
async fn a_day_without_a_bill_is_declared_empty_and_a_bill_that_comes_later_is_taken() {
    let home = home_of_a_merchant();
    let server = home.serve();
    let finance = server.client("finance");
    let empty =
        json!({"merchant": MERCHANT, "day": "2026-01-05", "kind": "all", "reason": "NO_STATEMENT_EXIST"});
    let declared = finance.send("POST", "/v1/bills/empty", &empty).await;
    assert_eq!((declared.status, &declared.json()["recorded"]), (200, &json!(true)), "{declared:?}");
    let again = finance.send("POST", "/v1/bills/empty", &empty).await;
    assert_eq!((again.status, &again.json()["recorded"]), (200, &json!(false)), "{again:?}");
    for (field, value, expected) in [
        ("merchant", json!("12"), "404 unknown_merchant"),
        ("merchant", json!("x"), "422 body"),
        ("day", json!("2026-02-30"), "422 body"),
        ("day", json!("2999-01-31"), "422 body"),
        ("kind", json!("nothing"), "422 body"),
        ("reason", json!(" "), "422 reason"),
    ] {
        let mut wrong = empty.clone();
        wrong[field] = value;
        assert_eq!(finance.send("POST", "/v1/bills/empty", &wrong).await.outcome(), expected, "{field}");
    }
    assert_eq!(upload(&finance, "", &all(&[paid(5, "T1", 600)])).await.status, 200);
    let unknown = json!({"merchant": MERCHANT, "day": "2026-01-06", "kind": "funds", "reason": "none"});
    let told = finance.send("POST", "/v1/bills/empty", &unknown).await;
    assert!(told.text().contains("no profile has the kind funds; known: all, fundflow, "), "{told:?}");
    assert_eq!(finance.send("POST", "/v1/bills/empty", &empty).await.outcome(), "409 bill_stands");
}

fn said(output: &Output) -> (i32, String) {
    let text = |bytes: &[u8]| String::from_utf8(bytes.to_vec()).unwrap();
    (output.status.code().unwrap(), format!("{}{}", text(&output.stdout), text(&output.stderr)))
}

fn bill_file(home: &Home, name: &str, bytes: &[u8]) -> String {
    let path = home.folder().join(name);
    std::fs::write(&path, bytes).unwrap();
    path.display().to_string()
}

#[tokio::test]
async fn the_command_imports_through_the_server_and_alone_and_goes_on_after_a_bad_file() {
    let home = home_of_a_merchant();
    let rows = [paid(5, "T1", 600), paid(5, "T2", 700)];
    let good = bill_file(&home, "all.csv", &all(&rows));
    let bad = bill_file(&home, "bad.csv", b"<html>");
    let funds = bill_file(&home, "funds.csv", &fund_flow(&rows));
    let other = bill_file(&home, "other.csv", &all(&rows[..1]));
    for serves in [false, true] {
        let server = serves.then(|| home.serve());
        let run = |args: &[&str]| {
            said(&home.command(args).env("ORDER_LEDGER_TOKEN", "olt_finance").output().unwrap())
        };
        let merchant = ["--merchant", MERCHANT];
        let (code, told) = run(&["bill", "import", &bad, &good, &funds, merchant[0], merchant[1]]);
        assert_eq!(code, 1, "{told}");
        assert!(told.contains("bad.csv: line 1, column 1: the file is no bill"), "{told}");
        let words = if serves { "2 lines stood already" } else { "2 lines imported" };
        assert_eq!(told.matches(words).count(), 2, "{told}");
        assert!(told.contains("2 lines of demo") && told.contains("2 lines without an AppID"), "{told}");
        let (code, told) = run(&["bill", "import", &other]);
        assert_eq!(code, 1, "{told}");
        assert!(told.contains("removed: T2"), "{told}");
        assert!(told.contains("--supersede REASON"), "{told}");
        let (code, told) = run(&["bill", "import", &home.folder().join("nowhere.csv").display().to_string()]);
        assert_eq!(code, 2, "{told}");
        assert!(told.contains("nowhere.csv"), "{told}");
        if let Some(server) = server {
            assert!(server.terminate().success());
        }
    }
    let output = home.run(&["bill", "import", "--json", &other, "--supersede", "a later download"]);
    let imported: Value = serde_json::from_slice(&output.stdout).unwrap();
    assert_eq!(imported["days"][0]["outcome"], "imported", "{output:?}");
    assert_eq!(imported["days"][0]["superseded"].as_str().unwrap().len(), 64);
    let empty = ["bill", "declare-empty", "--merchant", MERCHANT, "--day", "2026-01-06", "--kind", "all"];
    let (code, told) = said(&home.run(&[&empty[..], &["--reason", "NO_STATEMENT_EXIST"]].concat()));
    assert_eq!(code, 0, "{told}");
    let days = ["--merchant", MERCHANT, "--from", "2026-01-01", "--to", "2026-01-31"];
    let (code, told) = said(&home.run(&[&["bill", "list"][..], &days].concat()));
    assert_eq!(code, 0, "{told}");
    assert!(
        told.contains("other.csv") && told.contains("funds.csv") && told.contains("2026-01-06"),
        "{told}"
    );
}
