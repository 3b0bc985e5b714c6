//! The report of a small world: what was planted is found, to the fen, and the same state gives the same bytes.

use chrono::{DateTime, TimeDelta, Utc};
use order_ledger::audit::seal::Sealer;
use order_ledger::ed25519::{SigningKey, key_file};
use order_ledger::limits;
use order_ledger::reconcile::report::{self, Format};
use order_ledger::reconcile::scope::Scope;
use order_ledger::reconcile::source::{PROJECTION, Sealed, Source};
use order_ledger::table::csv::Bom;

use super::billed::{day, given_back, merchant, paid, statuses};
use super::folded::{Folded, at};
use super::told::{goods, refund};

/// The day after January.
pub fn february() -> DateTime<Utc> {
    at(0) + TimeDelta::days(33)
}

/// At noon of the second of January.
const NOON: i64 = 36 * 60;

/// Of each kind of difference one: the bill of the first of January, and none on the days around it.
pub async fn planted() -> Folded {
    let folded = Folded::of_a_merchant().await;
    for (number, transaction_id) in [("A", "4200001"), ("B", "4200002"), ("C", "4200003")] {
        let order = goods(number).paid(&format!("M{transaction_id}"), transaction_id);
        folded.told(NOON, order).await;
    }
    folded.told(NOON + 1, refund("R1", 200).of_order("A")).await;
    let lines = vec![
        paid("4200001", 600, NOON - 600),
        paid("4200002", 601, NOON - 600),
        paid("4200004", 1000, NOON - 600),
        given_back("4200001", "50001", 200, NOON + 1),
    ];
    folded.billed("2026-01-02", lines).await;
    folded.without_bill([day("2025-12-31"), day("2026-01-01")]).await;
    folded.caught_up().await;
    folded
}

pub fn january() -> Scope {
    Scope::new(merchant(), (day("2026-01-01"), day("2026-01-31")), None, february()).unwrap()
}

pub async fn snapshot(folded: &Folded) -> Sealed {
    let taken = folded.projector().snapshot(PROJECTION, folded.head(), limits::FOLD_WAIT * 6).await.unwrap();
    Sealed::of(taken, folded.store.as_ref()).await.unwrap()
}

pub async fn written(folded: &Folded, scope: &Scope, format: Format) -> Vec<u8> {
    let (snapshot, scope) = (snapshot(folded).await, scope.clone());
    let write = move || {
        let mut out = vec![];
        report::write(&snapshot, &scope, format, &mut out).unwrap();
        out
    };
    tokio::task::spawn_blocking(write).await.unwrap()
}

#[tokio::test]
async fn what_was_planted_is_found_and_the_sums_are_conserved() {
    let folded = planted().await;
    let found = statuses(&folded, february()).await;
    let expected = [
        ("payment 4200001", "matched -"),
        ("payment 4200002", "amount_differs open"),
        ("payment 4200003", "missing_in_bill open"),
        ("payment 4200004", "missing_in_ledger open"),
        ("refund 4200001", "refund_matched -"),
    ];
    assert_eq!(found, expected.map(|(row, status)| (row.to_owned(), status.to_owned())).into());

    let json = written(&folded, &january(), Format::Json).await;
    let json: serde_json::Value = serde_json::from_slice(&json).unwrap();
    let totals = serde_json::json!([
        { "kind": "payment", "rows": 4, "ledger_fen": 1800, "bill_fen": 2201, "difference_fen": -401 },
        { "kind": "refund", "rows": 1, "ledger_fen": 200, "bill_fen": 200, "difference_fen": 0 },
    ]);
    assert_eq!(json["header"]["totals"], totals);
    assert_eq!(json["rows"].as_array().unwrap().len(), 5);
    let sum = |column: &str| -> i64 {
        let summary = json["header"]["summary"].as_array().unwrap().iter();
        summary.filter(|row| row["kind"] == "payment").map(|row| row[column].as_i64().unwrap()).sum()
    };
    assert_eq!(sum("ledger_fen") - sum("bill_fen"), sum("difference_fen"), "by status too");
    let files = json["header"]["files"].as_array().unwrap();
    let file = files.iter().find(|file| file["bill_day"] == "2026-01-02").unwrap();
    assert_eq!(file["rows"], 4);
    assert_eq!(file["sha256"].as_str().unwrap().len(), 64);
    assert_eq!(json["header"]["coverage"].as_array().unwrap().len(), 31);
    assert_eq!(json["header"]["sql_version"].as_str().unwrap().len(), 64);
    let position = folded.head().unwrap().to_string();
    assert_eq!(json["header"]["position"], position.as_str());
}

#[tokio::test]
async fn the_same_state_gives_the_same_bytes_in_every_format_also_after_a_rebuild() {
    let mut folded = planted().await;
    let formats = [Format::Csv(Bom::With), Format::Xlsx, Format::Json, Format::Table, Format::Filed];
    let mut before = vec![];
    for format in formats {
        before.push(written(&folded, &january(), format).await);
    }
    folded.stop().await;
    std::fs::remove_dir_all(folded.views().join(PROJECTION)).unwrap();
    folded.start().await;
    folded.caught_up().await;
    for (format, before) in formats.into_iter().zip(before) {
        assert!(written(&folded, &january(), format).await == before, "{format:?}");
    }
}

#[tokio::test]
async fn a_report_tells_the_newest_seal_of_its_position_whatever_was_sealed_since() {
    let folded = planted().await;
    let sealer = Sealer::new(SigningKey::parse(&key_file(&[7; 32])).unwrap());
    let seal = async || sealer.seal(&folded.ledger, &february).await.unwrap().newest.unwrap().seal;
    let header = |bytes: &[u8]| serde_json::from_slice::<serde_json::Value>(bytes).unwrap()["header"].clone();
    let unsealed = header(&written(&folded, &january(), Format::Json).await);
    assert!(unsealed["seal_head"].is_null());
    let first = seal().await;
    let of_first = snapshot(&folded).await;
    folded.told(NOON, goods("D")).await;
    let second = seal().await;
    assert_ne!(first.root, second.root);
    for (taken, seal) in [(of_first, first), (snapshot(&folded).await, second)] {
        let report = tokio::task::spawn_blocking(move || {
            let mut out = vec![];
            report::write(&taken, &january(), Format::Json, &mut out).unwrap();
            out
        });
        let header = header(&report.await.unwrap());
        assert_eq!(header["seal_head"], seal.root.as_str());
        assert_eq!(header["seal_position"], seal.position.to_string());
    }
    // The first state's seal can be told later too.
    let taken = folded.projector().snapshot(PROJECTION, folded.head(), limits::FOLD_WAIT * 6).await.unwrap();
    let again = Sealed::of(taken, folded.store.as_ref()).await.unwrap();
    assert_eq!(again.seal().unwrap().revision, 2);
}

#[tokio::test]
async fn a_report_of_one_status_lists_its_rows_and_sums_up_all() {
    let folded = planted().await;
    let days = (day("2026-01-01"), day("2026-01-31"));
    let scope = Scope::new(merchant(), days, Some("missing_in_ledger".into()), february()).unwrap();
    let json = written(&folded, &scope, Format::Json).await;
    let json: serde_json::Value = serde_json::from_slice(&json).unwrap();
    assert_eq!(json["rows"].as_array().unwrap().len(), 1);
    assert_eq!(json["rows"][0]["transaction_id"], "4200004");
    assert_eq!(json["header"]["totals"][0]["rows"], 4);
    let shown = String::from_utf8(written(&folded, &january(), Format::Table).await).unwrap();
    assert!(shown.contains("missing_in_ledger") && shown.contains("2026-01-31"), "{shown}");
    let days = "payments  refunds\n2026-01-03 to 2026-01-31  no        no\n\n";
    assert!(shown.contains(days), "days of which the same is said are one line: {shown}");
    assert!(shown.contains("2026-02-03T00:00:00.000+08:00"), "the moment is Beijing's: {shown}");
}
