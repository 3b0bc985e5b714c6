//! What bills of WeChat Pay are read as. What is wrong with others stands in `tests/malformed.rs`.

use std::io::Cursor;

use super::sample::{Bom, LineEnd, SampleLayout, SampleWriter, fund_bill, gzip, trade_bill};
use super::*;
use crate::domain::bill::{BillLine, Direction, FundLine, FundTotals, Millifen, RowKind, TradeTotals};
use crate::domain::fen::Fen;
use crate::domain::samples::{bill_line, fund_line, refund_line};

mod configured;
mod malformed;
mod round_trip;
mod sheets;

type Lines = Vec<(NaiveDate, BillRow)>;

/// The sample of the protocol's documentation: its row, twice again under other numbers, and its summary.
pub const SAMPLE: &str = "\
交易时间,公众账号ID,商户号,特约商户号,设备号,微信订单号,商户订单号,用户标识,交易类型,交易状态,付款银行,货币种类,应结订单金额,代金券金额,微信退款单号,商户退款单号,退款金额,充值券退款金额,退款类型,退款状态,商品名称,商户数据包,手续费,费率,订单金额,申请退款金额,费率备注\r
`2021-01-28 17:07:11,`wx81be3101902f7cb2,`1601959334,`0,`,`4200000925202101284997714292,`S20210128170702357723,`ofyak5qR_1wYsC99CsWA6R9MJazA,`NATIVE,`SUCCESS,`OTHERS,`CNY,`0.01,`0.00,`0,`0,`0.00,`0.00,`,`,`for testing,`cipher code,`0.00000,`1.00%,`0.01,`0.00,`\r
`2021-01-28 17:08:12,`wx81be3101902f7cb2,`1601959334,`0,`,`4200000925202101284997714293,`S20210128170702357724,`ofyak5qR_1wYsC99CsWA6R9MJazA,`NATIVE,`SUCCESS,`OTHERS,`CNY,`0.01,`0.00,`0,`0,`0.00,`0.00,`,`,`for testing,`cipher code,`0.00000,`1.00%,`0.01,`0.00,`\r
`2021-01-28 17:09:13,`wx81be3101902f7cb2,`1601959334,`0,`,`4200000925202101284997714294,`S20210128170702357725,`ofyak5qR_1wYsC99CsWA6R9MJazA,`NATIVE,`SUCCESS,`OTHERS,`CNY,`0.01,`0.00,`0,`0,`0.00,`0.00,`,`,`for testing,`cipher code,`0.00000,`1.00%,`0.01,`0.00,`\r
总交易单数,应结订单总金额,退款总金额,充值券退款总金额,手续费总金额,订单总金额,申请退款总金额\r
`3,`0.03,`0.00,`0.00,`0.00000,`0.03,`0.00\r
";

/// As WeChat Pay's documents show it: one decimal where two are usual, a fee without any.
const LEGACY: &str = "\
交易时间,公众账号ID,商户号,子商户号,设备号,微信订单号,商户订单号,用户标识,交易类型,交易状态,付款银行,货币种类,总金额,企业红包金额,微信退款单号,商户退款单号,退款金额,企业红包退款金额,退款类型,退款状态,商品名称,商户数据包,手续费,费率
`2014-11-10 16:33:45,`wx2421b1c4370ec43b,`10000100,`0,`1000,`1001690740201411100005734289,`1415640626,`085e9858e3ba5186aafcbaed1,`MICROPAY,`SUCCESS,`OTHERS,`CNY,`0.01,`0.0,`0,`0,`0,`0,`,`,`被扫支付测试,`订单额外描述,`0,`0.60%
`2014-11-10 16:46:14,`wx2421b1c4370ec43b,`10000100,`0,`1000,`1002780740201411100005729794,`1415635270,`085e9858e90ca40c0b5aee463,`MICROPAY,`REFUND,`OTHERS,`CNY,`0.00,`0.0,`2002780740201411100005729794,`1415701182,`0.01,`0,`ORIGINAL,`SUCCESS,`被扫支付测试,`订单额外描述,`-0.00012,`0.60%
总交易单数,总交易额,总退款金额,总企业红包退款金额,手续费总金额
`2,`0.01,`0.01,`0.0,`-0.00012
";

const FUNDS: &str = "\
记账时间,微信支付业务单号,资金流水单号,业务名称,业务类型,收支类型,收支金额（元）,账户结余（元）,资金变更提交申请人,备注,业务凭证号
`2018-02-01 04:21:23,`50000305742018020103387128253,`1900009231201802015884652186,`退款,`退款,`支出,`0.02,`0.17,`system,`缺货,`REF4200000068201801293084726067
`2018-02-01 05:00:00,`4200000068201801293084726067,`4200000068201801293084726067,`交易,`交易,`收入,`1000.00,`1000.17,`system,`,`R-7
资金流水总笔数,收入笔数,收入金额,支出笔数,支出金额
`2,`1,`1000.00,`1,`0.02
";

pub fn merchant(number: &str) -> MerchantId {
    MerchantId::parse(number).unwrap()
}

pub fn day(text: &str) -> NaiveDate {
    text.parse().unwrap()
}

pub fn read_with(bytes: &[u8], profiles: &Profiles, hints: &Hints) -> Result<(Bill, Lines), BillError> {
    let mut lines = Vec::new();
    let mut take = |day, row| {
        lines.push((day, row));
        ControlFlow::Continue(())
    };
    let bill = read_from(&mut Cursor::new(bytes), profiles, hints, &mut take)?;
    Ok((bill, lines))
}

pub fn read_bytes(bytes: &[u8]) -> Result<(Bill, Lines), BillError> {
    read_with(bytes, &Profiles::built_in(), &Hints::default())
}

pub fn read_funds(bytes: &[u8]) -> Result<(Bill, Lines), BillError> {
    let hints = Hints { merchant: Some(merchant("1900009231")), ..Hints::default() };
    read_with(bytes, &Profiles::built_in(), &hints)
}

pub fn trades(lines: Lines) -> Vec<BillLine> {
    let trade = |(_, row)| match row {
        BillRow::Trade(line) => line,
        BillRow::Fund(_) => panic!("a fund line"),
    };
    lines.into_iter().map(trade).collect()
}

#[test]
fn the_sample_of_the_documentation_is_read_to_the_exact_fen() {
    let (bill, lines) = read_bytes(SAMPLE.as_bytes()).unwrap();
    let totals =
        TradeTotals { payments: 3, order_fen: Fen(3), settlement_fen: Fen(3), ..TradeTotals::default() };
    assert_eq!(bill.merchant, merchant("1601959334"));
    assert_eq!(
        (bill.kind, bill.covers, bill.profile.as_str()),
        (BillKind::all(), Covers::Both, "wechat_all")
    );
    assert_eq!((bill.rows, bill.totals), (3, Totals::Trade(totals)));
    let only = DayTotals { day: day("2021-01-28"), rows: 3, totals: Totals::Trade(totals) };
    assert_eq!(bill.days, [only]);
    let text = |text: &str| Some(text.to_owned());
    let expected = BillLine {
        line: 2,
        row: RowKind::Payment,
        traded_at: "2021-01-28T09:07:11Z".parse().unwrap(),
        app_id: text("wx81be3101902f7cb2"),
        sub_merchant: text("0"),
        device: None,
        transaction_id: "4200000925202101284997714292".into(),
        mch_order_no: text("S20210128170702357723"),
        open_id: text("ofyak5qR_1wYsC99CsWA6R9MJazA"),
        trade_type: text("NATIVE"),
        trade_state: "SUCCESS".into(),
        bank: text("OTHERS"),
        currency: text("CNY"),
        settlement_fen: Some(Fen(1)),
        coupon_fen: Some(Fen(0)),
        wx_refund_id: None,
        mch_refund_no: None,
        refund_fen: Some(Fen(0)),
        coupon_refund_fen: Some(Fen(0)),
        refund_type: None,
        refund_state: None,
        product_name: text("for testing"),
        merchant_data: text("cipher code"),
        fee_millifen: Some(Millifen(0)),
        rate: text("1.00%"),
        order_fen: Some(Fen(1)),
        applied_refund_fen: Some(Fen(0)),
        rate_note: None,
        refund_applied_at: None,
        refund_succeeded_at: None,
    };
    assert_eq!(trades(lines)[0], expected);
}

#[test]
fn a_legacy_bill_tells_the_orders_amount_and_fees_below_zero() {
    let (bill, lines) = read_bytes(LEGACY.as_bytes()).unwrap();
    assert_eq!((bill.kind, bill.profile.as_str()), (BillKind::all(), "wechat_legacy_all"));
    let [payment, refund] = &trades(lines)[..] else { panic!("two lines") };
    assert_eq!(
        (payment.order_fen, payment.settlement_fen, payment.coupon_fen),
        (Some(Fen(1)), None, Some(Fen(0)))
    );
    assert_eq!((refund.row, refund.line), (RowKind::Refund, 3));
    assert_eq!((refund.refund_fen, refund.applied_refund_fen), (Some(Fen(1)), None));
    assert_eq!(refund.fee_millifen, Some(Millifen(-12)));
    assert_eq!(refund.wx_refund_id.as_deref(), Some("2002780740201411100005729794"));
}

#[test]
fn a_fund_flow_bill_is_read_with_either_parentheses_and_needs_its_merchant() {
    let narrow = FUNDS.replace('（', "(").replace('）', ")");
    for text in [FUNDS, &narrow] {
        let (bill, lines) = read_funds(text.as_bytes()).unwrap();
        let totals = FundTotals { incomes: 1, income_fen: Fen(100_000), expenses: 1, expense_fen: Fen(2) };
        assert_eq!((bill.totals, bill.rows, bill.covers), (Totals::Funds(totals), 2, Covers::Funds));
        assert_eq!((bill.kind, bill.merchant), (BillKind::fundflow(), merchant("1900009231")));
        let (on, BillRow::Fund(first)) = &lines[0] else { panic!("a trade line") };
        assert_eq!((*on, first.direction, first.amount_fen), (day("2018-02-01"), Direction::Out, Fen(2)));
        assert_eq!((first.balance_fen, first.note.as_deref()), (Some(Fen(17)), Some("缺货")));
    }
    let error = read_bytes(FUNDS.as_bytes()).unwrap_err();
    assert_eq!(
        error.to_string(),
        "the file does not say whose bill it is; say so with --merchant, over HTTP with merchant"
    );
}

#[test]
fn columns_are_found_by_their_names_in_any_order() {
    let mut rows: Vec<Vec<&str>> = Vec::new();
    let lines: Vec<&str> = SAMPLE.lines().collect();
    for line in &lines[..4] {
        let mut cells: Vec<_> = line.split(',').collect();
        cells.reverse();
        rows.push(cells);
    }
    let mut text: Vec<String> = rows.iter().map(|cells| cells.join(",")).collect();
    text.extend(lines[4..].iter().map(|line| (*line).to_owned()));
    let (turned, turned_lines) = read_bytes(text.join("\n").as_bytes()).unwrap();
    let (straight, straight_lines) = read_bytes(SAMPLE.as_bytes()).unwrap();
    assert_eq!(turned_lines, straight_lines);
    assert_ne!(turned.sha256, straight.sha256);
}

#[test]
fn a_comma_within_a_cell_does_not_end_it_and_a_word_that_is_not_known_is_kept() {
    let text = SAMPLE.replacen("for testing", "a, b `c` ,d", 1).replacen("SUCCESS", "SETTLING", 1);
    let (bill, lines) = read_bytes(text.as_bytes()).unwrap();
    let first = &trades(lines)[0];
    assert_eq!(first.product_name.as_deref(), Some("a, b `c` ,d"));
    assert_eq!((first.trade_state.as_str(), first.row), ("SETTLING", RowKind::Payment));
    assert_eq!(bill.rows, 3);
}

#[test]
fn the_hash_is_that_of_the_unpacked_bytes() {
    let plain = read_bytes(SAMPLE.as_bytes()).unwrap().0;
    let packed = read_bytes(&gzip(SAMPLE.as_bytes()).unwrap()).unwrap().0;
    let twice = [gzip(&SAMPLE.as_bytes()[..100]).unwrap(), gzip(&SAMPLE.as_bytes()[100..]).unwrap()].concat();
    assert_eq!(plain, packed);
    assert_eq!(plain, read_bytes(&twice).unwrap().0);
    use sha2::{Digest, Sha256};
    assert_eq!(plain.sha256, Sha256Hex::of_digest(&Sha256::digest(SAMPLE).into()));
}

#[test]
fn the_day_is_that_of_the_payments_and_refunds_may_tell_that_of_what_they_pay_back() {
    let (payment, early) = (bill_line(), refund_line());
    let early = BillLine { traded_at: "2025-12-30T05:00:00Z".parse().unwrap(), ..early };
    let bytes = trade_bill(SampleLayout::All, &merchant("1"), [&early, &payment]).unwrap();
    let (bill, lines) = read_bytes(&bytes).unwrap();
    assert_eq!(bill.days.len(), 1);
    assert!(lines.iter().all(|(on, _)| *on == day("2026-01-01")));

    let read_refunds = |lines: &[BillLine], stated: Option<&str>| {
        let bytes = trade_bill(SampleLayout::Refund, &merchant("1"), lines).unwrap();
        let hints = Hints { day: stated.map(day), ..Hints::default() };
        read_with(&bytes, &Profiles::built_in(), &hints).map(|(bill, _)| bill.days[0].day.to_string())
    };
    let at = |traded: &str, applied: &str| BillLine {
        traded_at: traded.parse().unwrap(),
        refund_applied_at: Some(applied.parse().unwrap()),
        ..refund_line()
    };
    let (same, other) = (
        at("2026-01-01T01:00:00Z", "2026-01-01T01:00:00Z"),
        at("2025-12-01T01:00:00Z", "2026-01-01T01:00:00Z"),
    );
    for (lines, stated, expected) in [
        (vec![same.clone()], None, Ok("2026-01-01")),
        (vec![same.clone(), other.clone()], None, Ok("2026-01-01")),
        (
            vec![other.clone()],
            None,
            Err(
                "the refunds' 交易时间 say 2025-12-01, and their 退款申请时间 2026-01-01; say of which day the bill is with --day, over HTTP with day",
            ),
        ),
        (vec![other.clone()], Some("2026-01-01"), Ok("2026-01-01")),
        (vec![same], Some("2026-01-02"), Ok("2026-01-02")),
        (
            vec![],
            None,
            Err("the file does not say of which day it is; say so with --day, over HTTP with day"),
        ),
    ] {
        let found = read_refunds(&lines, stated).map_err(|error| error.to_string());
        assert_eq!(found.as_deref().map_err(String::as_str), expected, "{lines:?}");
    }
}

#[test]
fn a_bill_without_rows_is_one_where_its_merchant_and_day_are_stated() {
    let bytes = trade_bill(SampleLayout::All, &merchant("1"), []).unwrap();
    let hints = Hints { merchant: Some(merchant("1")), day: Some(day("2026-01-01")), ..Hints::default() };
    let (bill, lines) = read_with(&bytes, &Profiles::built_in(), &hints).unwrap();
    assert!(lines.is_empty());
    assert_eq!((bill.rows, bill.days.len(), bill.days[0].rows), (0, 1, 0));
}

#[test]
fn what_is_stated_of_a_file_must_be_what_it_says() {
    let nothing = Hints::default;
    for (hints, expected) in [
        (
            Hints { merchant: Some(merchant("2")), ..nothing() },
            "line 2, column 3 (商户号): \"1601959334\" is another merchant than 2; a file holds the bill of one merchant",
        ),
        (
            Hints { day: Some(day("2021-01-29")), ..nothing() },
            "line 2, column 1 (交易时间): the row is of 2021-01-28, and the bill of 2021-01-29; a bill holds one day",
        ),
        (
            Hints { kind: Some(BillKind::refund()), ..nothing() },
            "this is a bill of kind all, not refund; leave the kind out, or take the right file",
        ),
        (
            Hints { profile: Some("wechat_success".into()), ..nothing() },
            "line 1, column 15 (微信退款单号): wechat_success has no such column; the file is of another layout, or \
             WeChat Pay has changed it: describe it in a [bill_profile.NAME]",
        ),
        (
            Hints { profile: Some("mine".into()), ..nothing() },
            "there is no profile \"mine\"; the profiles are wechat_all, wechat_success, wechat_refund, \
             wechat_legacy_all, wechat_legacy_success, wechat_legacy_refund, wechat_fundflow",
        ),
    ] {
        let error = read_with(SAMPLE.as_bytes(), &Profiles::built_in(), &hints).unwrap_err();
        assert_eq!(error.to_string(), expected);
    }
}

#[test]
fn a_sink_can_end_the_reading_and_a_file_can_be_looked_at_first() {
    let mut seen = 0;
    let mut take = |_, _| {
        seen += 1;
        ControlFlow::Break(())
    };
    let found = read_from(&mut Cursor::new(SAMPLE), &Profiles::built_in(), &Hints::default(), &mut take);
    assert!(matches!(found, Err(BillError::Stopped)));
    assert_eq!(seen, 1);
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("bill.csv");
    std::fs::write(&path, SAMPLE).unwrap();
    let header = identify(&path, &Profiles::built_in(), &Hints::default()).unwrap();
    assert_eq!((header.merchant, header.kind), (Some(merchant("1601959334")), BillKind::all()));
    assert!(matches!(
        identify(&folder.path().join("none"), &Profiles::built_in(), &Hints::default()),
        Err(BillError::Unreadable(_))
    ));
}
