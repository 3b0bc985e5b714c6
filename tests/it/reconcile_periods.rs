//! A month: prepared when its bills cover it, closed by another person, and what comes later is late.

use std::io::Read;

use chrono::TimeDelta;
use order_ledger::domain::bill::Sha256Hex;
use order_ledger::domain::period::{Month, PeriodKey};
use order_ledger::ledger::Upon;
use order_ledger::reconcile::Desk;
use order_ledger::reconcile::periods::{self, PeriodError};
use order_ledger::reconcile::report::Format;
use sha2::{Digest, Sha256};

use super::billed::{day, merchant, paid};
use super::folded::{Folded, at, text};
use super::reconcile_report::{february, january, planted, written};
use super::told::goods;

fn key() -> PeriodKey {
    PeriodKey { merchant: merchant(), month: Month::parse("2026-01").unwrap() }
}

fn desk(folded: &Folded) -> Desk<'_> {
    Desk { ledger: &folded.ledger, projector: folded.projector(), spool: &folded.spool }
}

async fn covered() -> Folded {
    let folded = planted().await;
    folded.without_bill((3..=31).map(|number| day(&format!("2026-01-{number:02}")))).await;
    folded
}

#[tokio::test]
async fn a_month_is_prepared_when_it_is_over_and_its_bills_cover_it() {
    let folded = planted().await;
    let prepare = async |at| periods::prepare(&desk(&folded), &key(), "lin", at, Upon::Whatever).await;
    // The push of a payment of the last minute may come 24 h 04 m after it.
    let due = at((32 * 24 * 60) + 4);
    let refused = prepare(due - TimeDelta::seconds(1)).await.unwrap_err();
    assert_eq!(
        refused.to_string(),
        "2026-01 can be prepared from 2026-02-02 00:04 on, Beijing time: until then pushes of its last payments may come"
    );
    assert!(matches!(prepare(due).await, Err(PeriodError::NotCovered(_))));
    match prepare(february()).await {
        Err(PeriodError::NotCovered(missing)) => {
            assert_eq!(missing, ["2026-01-03 to 2026-01-31 (payments and refunds)"]);
        }
        other => panic!("{other:?}"),
    }
}

#[tokio::test]
async fn a_month_whose_first_rows_wait_for_the_bill_of_the_day_before_is_not_prepared_without_it() {
    let folded = Folded::of_a_merchant().await;
    folded.told(60, goods("A").paid("M4200001", "4200001")).await;
    folded.without_bill((1..=31).map(|number| day(&format!("2026-01-{number:02}")))).await;
    let prepare = async || periods::prepare(&desk(&folded), &key(), "lin", february(), Upon::Whatever).await;
    match prepare().await {
        Err(PeriodError::NotCovered(missing)) => assert_eq!(missing, ["2025-12-31 (payments)"]),
        other => panic!("{other:?}"),
    }
    let told = String::from_utf8(written(&folded, &january(), Format::Table).await).unwrap();
    assert!(told.contains("1 row waits for the bill of 2025-12-31 (payments).\n"), "{told}");
    assert!(told.contains("31 of 31 days have no fund flow bill.\n"), "{told}");
    folded.without_bill([day("2025-12-31")]).await;
    assert_eq!(prepare().await.unwrap().rows, 1);
}

#[tokio::test]
async fn a_month_is_closed_by_another_person_and_its_report_stays_as_it_was_filed() {
    let folded = covered().await;
    let desk = desk(&folded);
    let prepared = periods::prepare(&desk, &key(), "lin", february(), Upon::Whatever).await.unwrap();
    assert_eq!(prepared.rows, 5);
    let summary: serde_json::Value = serde_json::from_str(&prepared.summary).unwrap();
    assert_eq!(summary["totals"][0]["difference_fen"], -401);
    let sha256 = prepared.report_sha256.clone();
    let close = async |sha256: &Sha256Hex, by| {
        periods::close(&desk, &key(), sha256, by, february(), Upon::Whatever).await
    };
    assert!(matches!(close(&sha256, "lin").await, Err(PeriodError::Refused(_))), "the same person");
    let other = Sha256Hex::of_digest(&[0; 32]);
    assert!(matches!(close(&other, "wang").await, Err(PeriodError::Refused(_))), "another report");
    assert!(close(&sha256, "wang").await.unwrap().recorded);

    let again = periods::prepare(&desk, &key(), "lin", february(), Upon::Whatever).await;
    assert!(matches!(again, Err(PeriodError::Refused(_))), "it is closed");

    let mut filed = String::new();
    let mut file = periods::filed(&desk, &sha256).await.unwrap().unwrap();
    file.read_to_string(&mut filed).unwrap();
    assert_eq!(hex::encode(Sha256::digest(filed.as_bytes())), sha256.as_str());
    let (header, rows) = filed.split_once('\n').unwrap();
    let header: serde_json::Value = serde_json::from_str(header).unwrap();
    assert_eq!(header["position"], prepared.position.to_string().as_str());
    assert_eq!(rows.lines().count(), 6);
    assert!(periods::filed(&desk, &other).await.unwrap().is_none());
}

#[tokio::test]
async fn what_comes_after_the_month_was_prepared_is_late_until_it_is_reopened() {
    let folded = covered().await;
    let prepared = periods::prepare(&desk(&folded), &key(), "lin", february(), Upon::Whatever).await.unwrap();
    folded.told(20 * 24 * 60, goods("LATE").paid("ML", "4200009")).await;
    let closed =
        periods::close(&desk(&folded), &key(), &prepared.report_sha256, "wang", february(), Upon::Whatever)
            .await;
    closed.unwrap();
    let row = async || {
        let id = [("id", "4200009")];
        let as_of = february() + TimeDelta::days(1);
        let rows = folded.ask_as_of("reconciliation/rows_by_id", &id, as_of).await.unwrap();
        ["late", "period"].map(|column| text(&rows[0][column]))
    };
    assert_eq!(row().await, ["1", "2026-02"]);
    let reason = "a payment was missing";
    let reopened = periods::reopen(&desk(&folded), &key(), reason, "admin", february(), Upon::Whatever).await;
    assert!(reopened.unwrap().recorded);
    assert_eq!(row().await, ["0", "2026-01"]);
}

#[tokio::test]
async fn a_month_whose_bill_was_superseded_since_it_was_prepared_is_prepared_again() {
    let folded = covered().await;
    let desk = desk(&folded);
    let close = async |sha256: &Sha256Hex| {
        periods::close(&desk, &key(), sha256, "wang", february(), Upon::Whatever).await
    };
    let before = periods::prepare(&desk, &key(), "lin", february(), Upon::Whatever).await.unwrap();
    folded.billed("2026-01-02", vec![paid("T-OTHER", 700, 60)]).await;
    match close(&before.report_sha256).await {
        Err(PeriodError::Superseded(days)) => assert_eq!(days, ["2026-01-02"]),
        other => panic!("{other:?}"),
    }
    let since = periods::prepare(&desk, &key(), "lin", february(), Upon::Whatever).await.unwrap();
    assert!(close(&since.report_sha256).await.unwrap().recorded);
}

#[tokio::test]
async fn a_month_is_not_reopened_before_the_one_after_it() {
    let folded = covered().await;
    let desk = desk(&folded);
    folded.without_bill((1..=28).map(|number| day(&format!("2026-02-{number:02}")))).await;
    let february_key = PeriodKey { merchant: merchant(), month: Month::parse("2026-02").unwrap() };
    let april = at(100 * 24 * 60);
    for key in [&key(), &february_key] {
        let prepared = periods::prepare(&desk, key, "lin", april, Upon::Whatever).await.unwrap();
        let sha256 = &prepared.report_sha256;
        assert!(periods::close(&desk, key, sha256, "wang", april, Upon::Whatever).await.unwrap().recorded);
    }
    let reopen = async |key: &PeriodKey| {
        periods::reopen(&desk, key, "a mistake", "admin", april, Upon::Whatever).await
    };
    let refused = reopen(&key()).await.unwrap_err();
    assert_eq!(
        refused.to_string(),
        "2026-02 is closed after it, and its report tells what was late by then: reopen 2026-02 first"
    );
    assert!(reopen(&february_key).await.unwrap().recorded);
    assert!(reopen(&key()).await.unwrap().recorded);
}
