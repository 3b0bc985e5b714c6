//! What must hold whatever a bill file's bytes are, and files to begin with. The fuzz target and a test share it.

use std::io::Cursor;
use std::ops::ControlFlow;
use std::path::Path;

use chrono::NaiveDate;
use order_ledger::bill::sample::{self, SampleLayout};
use order_ledger::bill::{Bill, BillError, BillRow, Hints, Profiles, read_from};
use order_ledger::domain::bill::{
    BillLine, Direction, FundLine, FundTotals, MerchantId, Millifen, RowKind, Totals, TradeTotals,
};
use order_ledger::domain::fen::Fen;

use super::workbook;

/// Profiles that use what those of WeChat Pay do not.
const CONFIGURATION: &str = r#"
[app.demo]
app_id = "wxdemo"
tokens = [{ value = "Token" }]
production_keys = [{ value = "key" }]
[bill_profile.shop]
kind = "trade"
covers = "both"
encoding = "gbk"
time_format = "%Y/%m/%d %H:%M"
row_kind = "sign"
unknown_columns = "ignore"
remarks_begin = "--"
columns = { transaction_id = "id", traded_at = "time", amount_fen = "amount" }
skip_rows = [{ column = "id", is = ["x"] }]
totals = { first_cell = "sum", columns = { order_fen = "amount" } }
[bill_profile.book]
kind = "funds"
format = "xlsx"
amount_unit = "fen"
direction = "sign"
columns = { booked_at = "time", amount_fen = "amount", flow_id = "id" }
"#;

/// The profiles to read with, of which the first are found by the file's header.
pub fn profiles() -> Profiles {
    let config = order_ledger::config::read(Path::new("fuzz.toml"), CONFIGURATION, []).expect("it is right");
    Profiles::built_in().with(config.bill_profiles)
}

/// Reads the bytes in every way. Panics where something does not hold.
pub fn check(profiles: &Profiles, bytes: &[u8]) {
    if workbook::is_sheet(bytes) {
        check_every_way(profiles, &workbook::of_sheet(bytes));
    }
    check_every_way(profiles, bytes);
}

fn check_every_way(profiles: &Profiles, bytes: &[u8]) {
    let merchant = MerchantId::parse("1900000109").ok();
    let day = NaiveDate::from_ymd_opt(2026, 1, 1);
    for (merchant, day, profile) in [
        (None, None, None),
        (merchant.clone(), None, None),
        (merchant.clone(), day, None),
        (merchant.clone(), None, Some("shop")),
        (merchant, None, Some("book")),
    ] {
        let hints = Hints { merchant, day, profile: profile.map(str::to_owned), kind: None };
        check_one(profiles, bytes, &hints);
    }
}

fn check_one(profiles: &Profiles, bytes: &[u8], hints: &Hints) {
    let (first, lines) = read(profiles, bytes, hints);
    match &first {
        Ok(bill) => adds_up(bill, &lines),
        // What is said is for people: short, and not empty.
        Err(error) => assert!((1..=4096).contains(&error.to_string().len()), "{error}"),
    }
    // The second pass of an import takes what the first has checked.
    let (second, same_lines) = read(profiles, bytes, hints);
    assert_eq!(first.map_err(|error| error.to_string()), second.map_err(|error| error.to_string()));
    assert_eq!(lines, same_lines);
}

fn read(
    profiles: &Profiles,
    bytes: &[u8],
    hints: &Hints,
) -> (Result<Bill, BillError>, Vec<(NaiveDate, BillRow)>) {
    let mut lines = Vec::new();
    let mut take = |day, row| {
        lines.push((day, row));
        ControlFlow::Continue(())
    };
    let bill = read_from(&mut Cursor::new(bytes), profiles, hints, &mut take);
    (bill, lines)
}

fn adds_up(bill: &Bill, lines: &[(NaiveDate, BillRow)]) {
    let (mut trade, mut funds, mut last_line) = (TradeTotals::default(), FundTotals::default(), 0);
    for (day, row) in lines {
        assert!(bill.days.iter().any(|totals| totals.day == *day));
        let line = match row {
            BillRow::Trade(line) => trade.add(line).map(|()| line.line),
            BillRow::Fund(line) => funds.add(line).map(|()| line.line),
        };
        let line = line.expect("it was counted");
        assert!(line > last_line, "lines are in order");
        last_line = line;
    }
    match bill.totals {
        Totals::Trade(totals) => assert_eq!((totals, funds), (trade, FundTotals::default())),
        Totals::Funds(totals) => assert_eq!((totals, trade), (funds, TradeTotals::default())),
    }
    assert_eq!(bill.rows, lines.len() as u64);
    assert_eq!(bill.rows, bill.days.iter().map(|day| day.rows).sum::<u64>());
}

fn payment(second: i64) -> BillLine {
    let at = chrono::DateTime::from_timestamp(1_767_196_800 + second, 0).expect("a time");
    let text = |text: &str| Some(text.to_owned());
    BillLine {
        line: 0,
        row: RowKind::Payment,
        traded_at: at,
        app_id: text("wxdemo"),
        sub_merchant: text("0"),
        device: None,
        transaction_id: format!("42000000002026010100000{second:05}"),
        mch_order_no: text("S-1"),
        open_id: text("oPlayer"),
        trade_type: text("JSAPI"),
        trade_state: "SUCCESS".to_owned(),
        bank: text("OTHERS"),
        currency: text("CNY"),
        settlement_fen: Some(Fen(1100)),
        coupon_fen: Some(Fen(100)),
        wx_refund_id: None,
        mch_refund_no: None,
        refund_fen: Some(Fen(0)),
        coupon_refund_fen: Some(Fen(0)),
        refund_type: None,
        refund_state: None,
        product_name: text("金币, 60"),
        merchant_data: None,
        fee_millifen: Some(Millifen(6600)),
        rate: text("0.60%"),
        order_fen: Some(Fen(1200)),
        applied_refund_fen: Some(Fen(0)),
        rate_note: None,
        refund_applied_at: None,
        refund_succeeded_at: None,
    }
}

fn refund(second: i64) -> BillLine {
    let payment = payment(second);
    BillLine {
        row: RowKind::Refund,
        trade_state: "REFUND".to_owned(),
        wx_refund_id: Some("503000".to_owned()),
        mch_refund_no: Some("R-1".to_owned()),
        refund_fen: Some(Fen(550)),
        refund_state: Some("SUCCESS".to_owned()),
        fee_millifen: Some(Millifen(-3300)),
        order_fen: Some(Fen(0)),
        applied_refund_fen: Some(Fen(600)),
        refund_applied_at: Some(payment.traded_at),
        ..payment
    }
}

fn movement(second: i64, direction: Direction) -> FundLine {
    FundLine {
        line: 0,
        booked_at: payment(second).traded_at,
        business_id: Some("4200".to_owned()),
        flow_id: Some("4200".to_owned()),
        business_name: Some("交易".to_owned()),
        business_type: None,
        direction,
        amount_fen: Fen(1100),
        balance_fen: Some(Fen(-5)),
        applicant: Some("system".to_owned()),
        note: None,
        voucher_id: None,
    }
}

/// Files to begin with, by name: each is accepted by one of the ways of reading.
pub fn seeds() -> Vec<(String, Vec<u8>)> {
    let merchant = MerchantId::parse("1900000109").expect("a number");
    let (payments, refunds) = ([payment(1), payment(86_399)], [refund(2), refund(3)]);
    let both = [&payments[0], &refunds[0], &payments[1]];
    let trade = |layout, lines: Vec<&BillLine>| sample::trade_bill(layout, &merchant, lines).expect("a bill");
    let mut seeds = Vec::new();
    for (layout, lines) in [
        (SampleLayout::All, both.to_vec()),
        (SampleLayout::Success, payments.iter().collect()),
        (SampleLayout::Refund, refunds.iter().collect()),
        (SampleLayout::LegacyAll, both.to_vec()),
        (SampleLayout::LegacySuccess, payments.iter().collect()),
        (SampleLayout::LegacyRefund, refunds.iter().collect()),
    ] {
        seeds.push((layout.profile().to_owned(), trade(layout, lines)));
    }
    let movements = [movement(1, Direction::In), movement(2, Direction::Out)];
    seeds.push(("wechat_fundflow".to_owned(), sample::fund_bill(&movements).expect("a bill")));
    let packed = sample::gzip(&seeds[0].1).expect("gzip");
    seeds.push(("packed".to_owned(), packed));
    let shop = "id,time,amount,more\na,2026/01/01 00:00,12.30,\"x, \"\"y\"\"\nz\"\nx,,,\n\
                b,2026/01/02 23:59,-0.07,\n'00c,2026/01/02 23:59,1,\nsum,,,\n-- end\n";
    // The figures stand in the columns of the header.
    let shop = shop.replace("sum,,,", "sum,,13.30,");
    seeds.push(("shop".to_owned(), shop.into_bytes()));
    let sheet = workbook::sheet(&[
        &["time", "amount", "id"],
        &["=46023.5", "-1200", "f-1"],
        &["2026-01-01 00:00:00", "7", "8"],
    ]);
    seeds.push(("book".to_owned(), workbook::of_sheet(&sheet)));
    seeds.push(("sheet".to_owned(), sheet));
    seeds.push(("answer".to_owned(), br#"{"code":"NO_STATEMENT_EXIST"}"#.to_vec()));
    seeds
}
