//! A month: prepared by one token, closed by another, with its report filed in the log; late facts; reopening.

use serde_json::{Value, json};
use sha2::{Digest, Sha256};

use super::asking::Client;
use super::bill_text::{BillRow, MERCHANT, all, paid, paid_for};
use super::bills::{home_of_a_merchant, upload};
use super::finance_api::{fresh, with_differences};

fn path(verb: &str) -> String {
    format!("/v1/periods/{MERCHANT}/2026-01/{verb}")
}

/// The other days have no bill.
async fn cover_the_month(client: &Client) {
    for day in (1..=31).filter(|day| *day != 5) {
        let day = format!("2026-01-{day:02}");
        let empty = json!({"merchant": MERCHANT, "day": day, "kind": "all", "reason": "NO_STATEMENT_EXIST"});
        assert_eq!(client.send("POST", "/v1/bills/empty", &empty).await.status, 200);
    }
}

#[tokio::test]
async fn a_month_is_closed_by_a_second_person_exactly_as_it_was_prepared() {
    let home = home_of_a_merchant();
    let server = with_differences(&home).await;
    let (finance, admin, audit) = (server.client("finance"), server.client("admin"), server.client("audit"));
    let uncovered = finance.send("POST", &path("prepare"), &json!({})).await;
    assert_eq!(uncovered.outcome(), "409 period_stands", "{uncovered:?}");
    cover_the_month(&finance).await;
    let nothing = json!({"report_sha256": "0".repeat(64)});
    assert_eq!(admin.send("POST", &path("close"), &nothing).await.outcome(), "409 period_stands");
    for (client, place, outcome) in [
        (&audit, path("prepare"), "403 role"),
        (&finance, "/v1/periods/1/2026-01/prepare".into(), "404 unknown_merchant"),
        (&finance, "/v1/periods/x/2026-01/prepare".into(), "422 parameter"),
        (&finance, format!("/v1/periods/{MERCHANT}/2026-1/prepare"), "422 parameter"),
        (&finance, format!("/v1/periods/{MERCHANT}/2999-01/prepare"), "409 period_stands"),
    ] {
        assert_eq!(client.send("POST", &place, &json!({})).await.outcome(), outcome, "{place}");
    }
    let prepared = finance.send("POST", &path("prepare"), &json!({})).await;
    assert_eq!(prepared.status, 200, "{prepared:?}");
    let sha256 = prepared.json()["report_sha256"].as_str().unwrap().to_owned();
    let filed = audit.get(&format!("/v1/reports/{sha256}")).await;
    assert_eq!((filed.status, hex::encode(Sha256::digest(&filed.body))), (200, sha256.clone()));
    let header: Value = serde_json::from_str(filed.text().lines().next().unwrap()).unwrap();
    assert_eq!(header["merchant"], MERCHANT);
    assert!(filed.text().contains("missing_in_ledger"), "{filed:?}");

    let exactly = json!({"report_sha256": sha256});
    assert_eq!(finance.send("POST", &path("close"), &exactly).await.outcome(), "409 same_person");
    assert_eq!(admin.send("POST", &path("close"), &nothing).await.outcome(), "409 period_stands");
    let closed = admin.send("POST", &path("close"), &exactly).await;
    assert_eq!(closed.status, 200, "{closed:?}");
    assert_eq!(admin.send("POST", &path("close"), &exactly).await.status, 200, "again is the same");
    assert_eq!(finance.send("POST", &path("prepare"), &json!({})).await.outcome(), "409 period_stands");

    // No line leaves a month that is closed.
    let changed = paid(5, "T9", 701);
    let without = upload(&finance, "?supersede=corrected", &all(std::slice::from_ref(&changed))).await;
    assert_eq!(without.outcome(), "409 period_stands", "{without:?}");
    assert!(without.text().contains("2026-01 is closed with them"), "{without:?}");
    // What comes later is late, in the next month that is open.
    let dear = BillRow { fen: 1300, ..paid_for(5, "DEAR") };
    let rows = [paid_for(5, "GOOD"), dear, changed];
    let superseded = upload(&finance, "?supersede=corrected", &all(&rows)).await;
    assert_eq!(superseded.status, 200, "{superseded:?}");
    let rows = format!("/v1/reconciliation/rows?merchant={MERCHANT}&from_day=2026-01-01&to_day=2026-01-31");
    let shown = fresh(&home, &finance, &rows).await.json();
    let late = shown["rows"].as_array().unwrap().iter().find(|row| row["transaction_id"] == "T9").unwrap();
    assert_eq!((&late["late"], &late["period"]), (&json!(true), &json!("2026-02")), "{late}");

    let reason = json!({"reason": "the bill of the 5th was wrong"});
    assert_eq!(finance.send("POST", &path("reopen"), &reason).await.outcome(), "403 role");
    assert_eq!(admin.send("POST", &path("reopen"), &json!({"reason": ""})).await.outcome(), "422 reason");
    assert_eq!(admin.send("POST", &path("reopen"), &reason).await.status, 200);
    let shown = fresh(&home, &finance, &rows).await.json();
    let row = shown["rows"].as_array().unwrap().iter().find(|row| row["transaction_id"] == "T9").unwrap();
    assert_eq!((&row["late"], &row["period"]), (&json!(false), &json!("2026-01")), "{row}");
    let again = finance.send("POST", &path("prepare"), &json!({})).await;
    assert_eq!(again.status, 200, "{again:?}");
    assert_ne!(again.json()["report_sha256"], sha256.as_str());
    let periods = fresh(&home, &audit, &format!("/v1/periods?merchant={MERCHANT}")).await.json();
    assert_eq!(periods["rows"].as_array().unwrap().len(), 1, "{periods}");
}
