//! What was judged is open again once it is no longer so; refunds that meet others, another merchant or a coupon.

use order_ledger::domain::app::PriceMeaning;
use order_ledger::domain::bill::{
    BillLine, BillLines, Covers, Direction, FundLine, FundTotals, MerchantId, Totals,
};
use order_ledger::domain::case::CaseKind;
use order_ledger::domain::fen::Fen;
use order_ledger::domain::period::{Month, PeriodKey, PreparedReport};
use order_ledger::ledger::Upon;

use super::folded::{Folded, at};
use super::projections_reconciliation::{
    JANUARY, assigned, billed, empty, given_back, merchant, paid, pushed, resolve, statuses, traded,
};
use super::told::{goods, refund};

async fn judged(folded: &Folded) -> Vec<String> {
    let rows = folded.columns("reconciliation/report", &JANUARY, ["case_id", "status", "case_state"]).await;
    rows.iter().map(|row| row.join(" ")).collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_judged_conflict_lapses_with_the_next_one() {
    let folded = assigned().await;
    let of = |fen| goods("A").priced(fen).paid("m1", "t1");
    pushed(&folded, &[of(600), of(500)]).await;
    resolve(&folded, CaseKind::Order, "demo.A").await;
    assert_eq!(judged(&folded).await, ["demo.A conflict resolved"]);
    pushed(&folded, &[of(400)]).await;
    assert_eq!(judged(&folded).await, ["demo.A conflict lapsed"]);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_judged_ambiguity_lapses_when_another_refund_joins_it_but_not_for_one_of_another_amount() {
    let folded = assigned().await;
    pushed(&folded, &[goods("A").paid("m1", "t1"), refund("R", 100).paid("", "t1")]).await;
    let lines = ["w1", "w2"].map(|id| given_back("t1", id, 100)).to_vec();
    traded(&folded, ("2026-01-01", "refund", 'a'), lines).await;
    resolve(&folded, CaseKind::Refund, "demo.R").await;
    resolve(&folded, CaseKind::BillRefund, "w1").await;
    traded(&folded, ("2026-01-02", "refund", 'b'), vec![given_back("t1", "w3", 50)]).await;
    let expected = [
        "w1 refund_ambiguous resolved",
        "w2 refund_ambiguous open",
        "demo.R refund_ambiguous resolved",
        "w3 refund_awaiting_push -",
    ];
    let of_refunds = |rows: Vec<String>| rows.into_iter().filter(|row| row.contains("refund_")).collect();
    let found: Vec<String> = of_refunds(judged(&folded).await);
    assert_eq!(found, expected);
    traded(&folded, ("2026-01-03", "refund", 'c'), vec![given_back("t1", "w4", 100)]).await;
    let found: Vec<String> = of_refunds(judged(&folded).await);
    let expected =
        ["w1 refund_ambiguous lapsed", "w2 refund_ambiguous open", "demo.R refund_ambiguous lapsed"];
    assert_eq!(found[..3], expected);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_judged_duplicate_lapses_with_another_line_and_a_lost_payment_names_who_has_it() {
    let folded = assigned().await;
    pushed(&folded, &[goods("A").paid("m1", "t1"), goods("B").paid("m1", "")]).await;
    traded(&folded, ("2026-01-01", "success", 'a'), vec![paid("t1", "m1", 600), paid("t1", "m1", 600)]).await;
    resolve(&folded, CaseKind::Order, "demo.A").await;
    let expected =
        ["demo.A duplicate_in_bill resolved", "demo.B ids_disagree open", "t1#2 duplicate_in_bill open"];
    assert_eq!(judged(&folded).await, expected);
    let facts = folded.columns("reconciliation/report", &JANUARY, ["facts"]).await;
    assert!(facts[1][0].contains(r#""holders":"demo.A""#), "{facts:?}");
    traded(&folded, ("2026-01-02", "success", 'b'), vec![paid("t1", "m1", 600)]).await;
    assert_eq!(judged(&folded).await[0], "demo.A duplicate_in_bill lapsed");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_refund_belongs_to_the_merchant_of_the_order_that_it_names_whoever_is_paid_when_it_comes() {
    let other = MerchantId::parse("1900000200").unwrap();
    let folded = assigned().await;
    pushed(&folded, &[goods("A").paid("m1", "t1"), refund("Later", 100).paid("m2", "t2")]).await;
    folded.registered(80, PriceMeaning::Order, Some(&other)).await;
    let named = [refund("Number", 10).of_order("A"), refund("Id", 20).paid("", "t1"), refund("None", 30)];
    pushed(&folded, &named).await;
    let of_other = [("merchant", "1900000200"), JANUARY[1], JANUARY[2]];
    let before = ["demo.Id refund_awaiting_bill", "demo.Later refund_awaiting_bill"];
    let before = [&["demo.A awaiting_bill"][..], &before[..], &["demo.Number refund_awaiting_bill"]].concat();
    assert_eq!(statuses(&folded, &JANUARY).await, before);
    assert_eq!(statuses(&folded, &of_other).await, ["demo.None refund_awaiting_bill"]);
    // The order of one comes when its app's orders are paid to another merchant already.
    pushed(&folded, &[goods("B").paid("m2", "t2")]).await;
    let lines = vec![given_back("t1", "w1", 10), given_back("t1", "w2", 20), paid("t1", "m1", 600)];
    traded(&folded, ("2026-01-01", "all", 'a'), lines).await;
    let expected = ["demo.A matched", "demo.Id refund_matched", "demo.Number refund_matched"];
    assert_eq!(statuses(&folded, &JANUARY).await, expected);
    let expected =
        ["demo.B awaiting_bill", "demo.Later refund_awaiting_bill", "demo.None refund_awaiting_bill"];
    assert_eq!(statuses(&folded, &of_other).await, expected);
}

#[tokio::test(flavor = "multi_thread")]
async fn an_attempt_to_give_back_that_failed_is_no_rival_of_the_one_that_succeeded() {
    let folded = assigned().await;
    pushed(&folded, &[goods("A").paid("m1", "t1"), refund("R", 100).paid("", "t1")]).await;
    let failed = BillLine { refund_state: Some("FAIL".into()), ..given_back("t1", "w1", 100) };
    traded(&folded, ("2026-01-01", "all", 'a'), vec![paid("t1", "m1", 600), failed.clone()]).await;
    assert_eq!(statuses(&folded, &JANUARY).await, ["demo.A matched", "demo.R refund_not_successful"]);
    let lines = vec![paid("t1", "m1", 600), failed, given_back("t1", "w2", 100)];
    traded(&folded, ("2026-01-01", "all", 'b'), lines).await;
    let expected = ["demo.A matched", "w1 refund_not_successful", "demo.R refund_matched"];
    assert_eq!(statuses(&folded, &JANUARY).await, expected);
}

#[tokio::test(flavor = "multi_thread")]
async fn of_a_refund_the_fund_flow_has_what_was_not_paid_with_a_coupon() {
    let folded = assigned().await;
    pushed(&folded, &[refund("R", 600).paid("", "t1")]).await;
    let of = |id: &str| BillLine { refund_fen: Some(Fen(500)), ..given_back("t1", id, 600) };
    let lines = vec![of("w1"), BillLine { transaction_id: "t2".into(), ..of("w2") }];
    traded(&folded, ("2026-01-01", "refund", 'a'), lines).await;
    let fund = |line, id: &str, fen| FundLine {
        line,
        booked_at: at(100),
        business_id: Some(id.into()),
        flow_id: None,
        business_name: None,
        business_type: None,
        direction: Direction::Out,
        amount_fen: Fen(fen),
        balance_fen: None,
        applicant: None,
        note: None,
        voucher_id: None,
    };
    let lines = BillLines::Funds(vec![fund(2, "w1", 500), fund(3, "w2", 600)]);
    let totals = FundTotals { expenses: 2, expense_fen: Fen(1100), ..FundTotals::default() };
    billed(&folded, ("2026-01-01", "fundflow", 'b'), lines, Totals::Funds(totals)).await;
    empty(&folded, "2026-01-02", "fundflow", Covers::Funds).await;
    let funds = folded.columns("reconciliation/report", &JANUARY, ["case_id", "funds"]).await;
    assert_eq!(funds, [["w2", "differs"], ["demo.R", "seen"]]);
}

#[tokio::test(flavor = "multi_thread")]
async fn what_an_app_brings_along_when_it_is_assigned_is_late_where_its_month_is_closed() {
    let folded = Folded::built_in().await;
    pushed(&folded, &[goods("A").paid("m1", "t1"), refund("R", 600).paid("m1", "t1")]).await;
    let key = PeriodKey { merchant: merchant(), month: Month::parse("2026-01").unwrap() };
    let sha256 = folded.ledger.file_report(&b"report"[..], &folded.spool, at(50_000)).await.unwrap();
    let position = folded.head().unwrap().number();
    let report = PreparedReport { sha256: sha256.clone(), position, summary: "{}".into(), by: "lin".into() };
    folded.ledger.prepare_period(&key, &report, at(50_000), Upon::Whatever).await.unwrap();
    folded.ledger.close_period(&key, &sha256, "wu", at(50_010), Upon::Whatever).await.unwrap();
    folded.registered(50_020, PriceMeaning::Order, Some(&merchant())).await;
    let late = folded.columns("reconciliation/report", &JANUARY, ["case_id", "late", "period"]).await;
    assert_eq!(late, [["demo.A", "1", "2026-02"], ["demo.R", "1", "2026-02"]]);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_file_with_fewer_columns_overlaps_where_the_amount_is_the_same() {
    let folded = assigned().await;
    pushed(&folded, &[goods("A").paid("m1", "t1")]).await;
    traded(&folded, ("2026-01-01", "all", 'a'), vec![paid("t1", "m1", 600)]).await;
    let fewer = BillLine { order_fen: None, ..paid("t1", "", 600) };
    traded(&folded, ("2026-01-01", "success", 'b'), vec![fewer]).await;
    assert_eq!(statuses(&folded, &JANUARY).await, ["demo.A matched"]);
}
