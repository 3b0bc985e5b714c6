//! Bills beside the ledger: given these pushes and bills, each row has this status, whatever came first.

use std::collections::BTreeMap;

use chrono::NaiveDate;
use order_ledger::domain::app::PriceMeaning;
use order_ledger::domain::bill::{
    BillKey, BillKind, BillLine, BillLines, BillOpening, Covers, Direction, FundLine, FundTotals, MerchantId,
    RowKind, Sha256Hex, Totals, TradeTotals,
};
use order_ledger::domain::case::{CaseKey, CaseKind, Judgement};
use order_ledger::domain::fen::Fen;
use order_ledger::ledger::Opened;
use order_ledger::ledger::Upon;
use order_ledger::projector::{Definition, Folder};

use super::folded::{Folded, at};
use super::told::{Asked, Told, coins, goods, refund};

pub const JANUARY: [(&str, &str); 3] =
    [("merchant", "1900000109"), ("from_day", "2026-01-01"), ("to_day", "2026-01-31")];
pub const ALL: [(&str, &str); 3] =
    [("merchant", "1900000109"), ("from_day", "2025-12-01"), ("to_day", "2026-01-31")];

pub fn merchant() -> MerchantId {
    MerchantId::parse("1900000109").unwrap()
}

pub async fn assigned() -> Folded {
    let folded = Folded::built_in().await;
    folded.registered(0, PriceMeaning::Order, Some(&merchant())).await;
    folded
}

/// A payment of 600 fen, an hour into the year.
pub fn paid(transaction_id: &str, mch_order_no: &str, fen: i64) -> BillLine {
    BillLine {
        line: 0,
        row: RowKind::Payment,
        traded_at: at(60),
        app_id: Some("wx1".into()),
        sub_merchant: None,
        device: None,
        transaction_id: transaction_id.into(),
        mch_order_no: (!mch_order_no.is_empty()).then(|| mch_order_no.into()),
        open_id: Some("oAnna".into()),
        trade_type: None,
        trade_state: "SUCCESS".into(),
        bank: None,
        currency: Some("CNY".into()),
        settlement_fen: Some(Fen(fen)),
        coupon_fen: None,
        wx_refund_id: None,
        mch_refund_no: None,
        refund_fen: None,
        coupon_refund_fen: None,
        refund_type: None,
        refund_state: None,
        product_name: None,
        merchant_data: None,
        fee_millifen: None,
        rate: None,
        order_fen: Some(Fen(fen)),
        applied_refund_fen: None,
        rate_note: None,
        refund_applied_at: None,
        refund_succeeded_at: None,
    }
}

pub fn given_back(transaction_id: &str, wx_refund_id: &str, fen: i64) -> BillLine {
    BillLine {
        row: RowKind::Refund,
        trade_state: "REFUND".into(),
        wx_refund_id: Some(wx_refund_id.into()),
        refund_state: Some("SUCCESS".into()),
        order_fen: Some(Fen(0)),
        settlement_fen: Some(Fen(0)),
        applied_refund_fen: Some(Fen(fen)),
        ..paid(transaction_id, "", 0)
    }
}

fn key(day: &str, kind: &str) -> BillKey {
    let day: NaiveDate = day.parse().unwrap();
    BillKey { merchant: merchant(), day, kind: BillKind::parse(kind).unwrap() }
}

fn sha(digit: char) -> Sha256Hex {
    Sha256Hex::parse(&digit.to_string().repeat(64)).unwrap()
}

/// The bill of a day; where one stands, this one takes its place.
pub async fn billed(
    folded: &Folded,
    (day, kind, digit): (&str, &str, char),
    lines: BillLines,
    totals: Totals,
) {
    let covers = match kind {
        "all" => Covers::Both,
        "success" => Covers::Payments,
        "refund" => Covers::Refunds,
        _ => Covers::Funds,
    };
    let opening = BillOpening {
        covers,
        sha256: sha(digit),
        file_name: "bill.csv".into(),
        profile: "wechat".into(),
        rows: lines.len() as u64,
        by: "lin".into(),
        supersede: Some("corrected".into()),
        read_otherwise: vec![],
    };
    let opened = folded.ledger.open_bill(&key(day, kind), opening, at(2000)).await.unwrap();
    let Opened::Writer(mut writer) = opened else { panic!("it stands") };
    folded.ledger.append_bill_lines(&mut writer, lines, at(2000)).await.unwrap();
    folded.ledger.seal_bill(writer, &totals, at(2000)).await.unwrap();
}

pub async fn traded(folded: &Folded, bill: (&str, &str, char), lines: Vec<BillLine>) {
    let mut totals = TradeTotals::default();
    let numbered: Vec<_> = (2..).zip(lines).map(|(line, row)| BillLine { line, ..row }).collect();
    for line in &numbered {
        totals.add(line).unwrap();
    }
    billed(folded, bill, BillLines::Trade(numbered), Totals::Trade(totals)).await;
}

pub async fn empty(folded: &Folded, day: &str, kind: &str, covers: Covers) {
    folded.ledger.declare_empty(&key(day, kind), covers, "no trades", "lin", at(2000)).await.unwrap();
}

pub async fn pushed(folded: &Folded, pushes: &[Told]) {
    for (minute, push) in (70..).zip(pushes) {
        folded.pushed(&push.0, minute).await;
    }
}

/// What each row is about, and its status.
pub async fn statuses(folded: &Folded, asked: Asked<'_>) -> Vec<String> {
    let rows = folded.columns("reconciliation/report", asked, ["case_id", "status"]).await;
    rows.iter().map(|row| row.join(" ")).collect()
}

fn payments() -> (Vec<Told>, Vec<BillLine>) {
    let pushes = vec![
        goods("A-matched").paid("m1", "t01"),
        goods("B-by-mch").paid("m2", ""),
        coins("C-differs").paid("m3", "t03"),
        goods("D-suspect").of("gem", 3).paid("m4", "t04"),
        goods("E-test").mall_test().paid("m5", "t05"),
        goods("F-no-ids"),
        goods("G-lost").paid("m1", ""),
        goods("H-ids").paid("mX", "t06"),
        goods("I-none").paid("m7", "t07"),
        goods("J-revoked").paid("m8", "t08"),
        goods("K-dollars").paid("m9", "t09"),
        goods("L-twice").paid("m10", "t10"),
        goods("S").paid("ms", "ts").sandbox(),
    ];
    let of = |change: fn(&mut BillLine), mut line: BillLine| {
        change(&mut line);
        line
    };
    let lines = vec![
        paid("t01", "m1", 600),
        paid("t02", "m2", 600),
        paid("t03", "m3", 500),
        paid("t04", "m4", 1800),
        paid("t05", "m5", 600),
        paid("t06", "m6", 600),
        of(|line| line.trade_state = "REVOKED".into(), paid("t08", "m8", 600)),
        of(|line| line.currency = Some("USD".into()), paid("t09", "m9", 600)),
        paid("t10", "m10", 600),
        paid("t10", "m10", 600),
        paid("ts", "", 600),
        of(|line| line.app_id = Some("wx9".into()), paid("tz", "", 600)),
        of(|line| line.traded_at = at(-60), paid("u-old", "", 600)),
        paid("v-new", "", 600),
    ];
    (pushes, lines)
}

const PAYMENTS: [&str; 17] = [
    "demo.A-matched matched",
    "demo.B-by-mch matched",
    "demo.C-differs amount_differs",
    "demo.D-suspect amount_rule_suspect",
    "demo.E-test test_order",
    "demo.F-no-ids other_channel",
    "demo.G-lost ids_disagree",
    "demo.H-ids ids_disagree",
    "demo.I-none awaiting_bill",
    "demo.J-revoked revoked_in_bill",
    "demo.K-dollars currency_differs",
    "demo.L-twice duplicate_in_bill",
    "t10#2 duplicate_in_bill",
    "ts sandbox_in_bill",
    "tz other_app",
    "u-old missing_in_ledger",
    "v-new awaiting_push",
];

#[tokio::test(flavor = "multi_thread")]
async fn each_payment_has_the_first_status_that_applies_whatever_comes_first() {
    let (pushes, lines) = payments();
    let (push_first, bill_first) = (assigned().await, assigned().await);
    pushed(&push_first, &pushes).await;
    for folded in [&push_first, &bill_first] {
        traded(folded, ("2026-01-01", "all", 'a'), lines.clone()).await;
    }
    pushed(&bill_first, &pushes).await;
    for folded in [&push_first, &bill_first] {
        assert_eq!(statuses(folded, &JANUARY).await, PAYMENTS);
        let sums =
            folded.columns("reconciliation/summary", &JANUARY, ["rows", "ledger_fen", "bill_fen"]).await;
        let sum = |place: usize| sums.iter().map(|row| row[place].parse::<i64>().unwrap()).sum::<i64>();
        assert_eq!((sum(0), sum(1), sum(2)), (17, 12 * 600, 500 + 1800 + 12 * 600));
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn an_order_is_missing_once_every_day_it_could_stand_in_has_its_bill_or_is_declared_empty() {
    let folded = assigned().await;
    pushed(&folded, &[goods("A").paid("m1", "t1")]).await;
    traded(&folded, ("2026-01-01", "success", 'a'), vec![]).await;
    assert_eq!(statuses(&folded, &JANUARY).await, ["demo.A awaiting_bill"]);
    empty(&folded, "2025-12-31", "refund", Covers::Refunds).await;
    assert_eq!(statuses(&folded, &JANUARY).await, ["demo.A awaiting_bill"]);
    empty(&folded, "2025-12-31", "success", Covers::Payments).await;
    assert_eq!(statuses(&folded, &JANUARY).await, ["demo.A missing_in_bill"]);
    let coverage = folded.columns("reconciliation/coverage", &ALL, ["day", "payments", "refunds"]).await;
    assert!(coverage.contains(&["2025-12-31", "empty", "empty"].map(str::to_owned)), "{coverage:?}");
    assert!(coverage.contains(&["2026-01-01", "covered", "no"].map(str::to_owned)), "{coverage:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_file_that_is_superseded_takes_its_lines_along_and_overlapping_files_count_once() {
    let folded = assigned().await;
    pushed(&folded, &[goods("A").paid("m1", "t1"), goods("B").paid("m2", "t2")]).await;
    traded(&folded, ("2026-01-01", "all", 'a'), vec![paid("t1", "m1", 600)]).await;
    assert_eq!(statuses(&folded, &JANUARY).await, ["demo.A matched", "demo.B awaiting_bill"]);
    traded(&folded, ("2026-01-01", "all", 'b'), vec![paid("t2", "m2", 600), given_back("t2", "w1", 600)])
        .await;
    traded(&folded, ("2026-01-01", "success", 'c'), vec![paid("t2", "m2", 600)]).await;
    assert_eq!(
        statuses(&folded, &JANUARY).await,
        ["demo.A awaiting_bill", "demo.B matched", "w1 refund_awaiting_push"]
    );
    let files =
        folded.columns("reconciliation/files", &JANUARY, ["kind", "state", "rows", "overlap_rows"]).await;
    let expected =
        [["all", "superseded", "1", "-"], ["all", "sealed", "2", "0"], ["success", "sealed", "1", "1"]];
    assert_eq!(files, expected);
}

#[tokio::test(flavor = "multi_thread")]
async fn refunds_are_paired_by_payment_amount_and_time() {
    let folded = assigned().await;
    let of = |refund_id: &str, fen, transaction_id: &str| refund(refund_id, fen).paid("", transaction_id);
    pushed(
        &folded,
        &[
            of("R-1", 100, "t1"),
            of("R-2", 100, "t2"),
            of("R-3", 700, "t3"),
            of("R-4", 100, "t4"),
            of("R-5", 100, "t5"),
            of("R-6", 100, "t6"),
            goods("A").paid("", "t1"),
            goods("B").paid("", "t2"),
            goods("C").paid("", "t3"),
            goods("E").paid("", "t5"),
            goods("F").paid("", "t6"),
        ],
    )
    .await;
    let failed = BillLine { refund_state: Some("PROCESSING".into()), ..given_back("t6", "w6", 100) };
    let lines = vec![
        given_back("t1", "w1", 100),
        given_back("t2", "w2", 40),
        given_back("t3", "w3", 700),
        given_back("t4", "w4", 100),
        given_back("t5", "w5-1", 100),
        given_back("t5", "w5-2", 100),
        failed,
    ];
    traded(&folded, ("2026-01-01", "refund", 'a'), lines).await;
    let asked = [&JANUARY[..], &[("kind", "refund")]].concat();
    let expected = [
        "w5-1 refund_ambiguous",
        "w5-2 refund_ambiguous",
        "demo.R-1 refund_matched",
        "demo.R-2 refund_amount_differs",
        "demo.R-3 refund_exceeds_payment",
        "demo.R-4 refund_without_order",
        "demo.R-5 refund_ambiguous",
        "demo.R-6 refund_not_successful",
    ];
    assert_eq!(statuses(&folded, &asked).await, expected);
}

pub async fn resolve(folded: &Folded, kind: CaseKind, id: &str) {
    let key = CaseKey::new(merchant(), kind, id).unwrap();
    let asked = [("merchant", "1900000109"), ("case_kind", kind.as_str()), ("case_id", id)];
    let [[status, facts]] =
        <[_; 1]>::try_from(folded.columns("reconciliation/row", &asked, ["status", "facts"]).await).unwrap();
    let judgement = Judgement { status, facts, reason: "told by the bank".into() };
    folded.ledger.resolve_case(&key, &judgement, "lin", at(2100), Upon::Whatever).await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn a_resolved_case_lapses_once_its_facts_are_others_and_is_carried_again() {
    let folded = assigned().await;
    traded(
        &folded,
        ("2026-01-01", "all", 'a'),
        vec![BillLine { traded_at: at(-60), ..paid("t1", "m1", 600) }],
    )
    .await;
    let state = ["case_id", "status", "case_state", "case_reason"];
    assert_eq!(
        folded.columns("reconciliation/report", &JANUARY, state).await,
        [["t1", "missing_in_ledger", "open", "-"]]
    );
    let carried = |folded| async move {
        let rows: Vec<_> =
            Folded::columns(folded, "reconciliation/carried", &JANUARY, ["what", "kind", "rows"]).await;
        rows.into_iter().find(|row| row[0] == "carried_out" && row[1] == "payment").map(|row| row[2].clone())
    };
    assert_eq!(carried(&folded).await.as_deref(), Some("1"));
    resolve(&folded, CaseKind::Payment, "t1").await;
    assert_eq!(carried(&folded).await.as_deref(), Some("0"));
    assert_eq!(
        folded.columns("reconciliation/report", &JANUARY, state).await,
        [["t1", "missing_in_ledger", "resolved", "told by the bank"]]
    );
    // The order comes after all, with another amount.
    pushed(&folded, &[goods("A").priced(500).paid("m1", "t1")]).await;
    assert_eq!(
        folded.columns("reconciliation/report", &JANUARY, state).await,
        [["demo.A", "amount_differs", "lapsed", "told by the bank"]]
    );
    assert_eq!(carried(&folded).await.as_deref(), Some("1"));
    let open = [&JANUARY[..], &[("case_state", "open")]].concat();
    assert_eq!(folded.columns("reconciliation/rows", &open, ["case_id"]).await, [["demo.A"]]);
}

#[tokio::test(flavor = "multi_thread")]
async fn the_fund_flow_says_whether_the_money_was_booked() {
    let folded = assigned().await;
    traded(&folded, ("2026-01-01", "all", 'a'), ["t1", "t2", "t3"].map(|id| paid(id, "", 600)).to_vec())
        .await;
    let funds = ["case_id", "funds"];
    let before = folded.columns("reconciliation/report", &JANUARY, funds).await;
    assert_eq!(before, [["t1", "not_imported"], ["t2", "not_imported"], ["t3", "not_imported"]]);
    let fund = |line, id: &str, fen| FundLine {
        line,
        booked_at: at(100),
        business_id: Some(id.into()),
        flow_id: None,
        business_name: None,
        business_type: None,
        direction: Direction::In,
        amount_fen: Fen(fen),
        balance_fen: None,
        applicant: None,
        note: None,
        voucher_id: None,
    };
    let lines = BillLines::Funds(vec![fund(2, "t1", 600), fund(3, "t2", 599)]);
    let totals = FundTotals { incomes: 2, income_fen: Fen(1199), ..FundTotals::default() };
    billed(&folded, ("2026-01-01", "fundflow", 'b'), lines, Totals::Funds(totals)).await;
    empty(&folded, "2026-01-02", "fundflow", Covers::Funds).await;
    let after = folded.columns("reconciliation/report", &JANUARY, funds).await;
    assert_eq!(after, [["t1", "seen"], ["t2", "differs"], ["t3", "missing"]]);
}

#[tokio::test(flavor = "multi_thread")]
async fn pages_follow_one_another_without_gaps_and_any_number_finds_its_rows() {
    let folded = assigned().await;
    let (pushes, lines) = payments();
    pushed(&folded, &pushes).await;
    traded(&folded, ("2026-01-01", "all", 'a'), lines).await;
    let (mut keys, mut after) = (Vec::new(), String::new());
    loop {
        let mut asked = [&JANUARY[..], &[("limit", "5")]].concat();
        if !after.is_empty() {
            asked.push(("after", &after));
        }
        let page = folded.columns("reconciliation/rows", &asked, ["case_id", "row_key"]).await;
        let Some([_, last]) = page.last() else { break };
        after = last.clone();
        keys.extend(page.into_iter().map(|[id, _]| id));
    }
    let all = folded.columns("reconciliation/report", &JANUARY, ["case_id"]).await;
    assert_eq!(keys, all.into_iter().map(|[id]| id).collect::<Vec<_>>());
    for (id, expected) in
        [("A-matched", "demo.A-matched"), ("t02", "demo.B-by-mch"), ("m3", "demo.C-differs")]
    {
        let found = folded.columns("reconciliation/rows_by_id", &[("id", id)], ["case_id"]).await;
        assert!(found.contains(&[expected.to_owned()]), "{id}: {found:?}");
    }
}

#[test]
fn no_event_repeats_a_statement_that_a_file_of_then_holds() {
    /// Without comments, line ends and indents.
    fn bare(sql: &str) -> String {
        let words = sql.lines().map(|line| line.split("--").next().unwrap()).flat_map(str::split_whitespace);
        words.collect::<Vec<_>>().join(" ")
    }
    let definitions = Definition::check_all(Folder::built_in()).unwrap_or_else(|found| panic!("{found}"));
    let (mut shared, mut own) = (BTreeMap::new(), Vec::new());
    for on in definitions.iter().flat_map(|definition| &definition.on) {
        for step in &on.statements {
            let place = format!("{}:{}", step.file, step.statement.line);
            match step.file == on.file {
                true => own.push((bare(&step.statement.sql), place)),
                false => drop(shared.insert(bare(&step.statement.sql), place)),
            }
        }
    }
    assert!(shared.len() > 10, "{shared:#?}");
    for (sql, place) in own {
        assert_eq!(shared.get(&sql), None, "{place} stands there already: name that file by `-- then:`");
    }
}
