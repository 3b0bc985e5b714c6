//! `[bill_profile.NAME]`: what is read, and what is said of what is wrong.

use super::*;
use crate::bill::{
    AmountUnit, Encoding, Field, Figure, Format, FundRule, FundWord, LineEnds, OtherColumns, RowRule,
    SummaryRule, TimeFormat, TradeRule, TradeWord, beijing,
};
use crate::domain::bill::{Covers, RowKind};

/// The right configuration with a profile that has these lines, the first of which is line 7.
fn with_profile(lines: &str) -> String {
    format!("{RIGHT}[bill_profile.shop]\n{lines}")
}

const LEAST: &str = r#"kind = "trade"
covers = "payments"
columns = { traded_at = "时间", transaction_id = "单号", amount_fen = "金额" }
"#;

#[test]
fn a_profile_has_defaults_for_all_but_its_columns() {
    let config = right(&with_profile(LEAST));
    let [profile] = &config.bill_profiles[..] else { panic!("one profile") };
    assert_eq!((profile.name.as_str(), profile.kind.as_str()), ("shop", "shop"));
    let header_line = 1;
    let (encoding, line_ends) = (Encoding::Utf8, LineEnds::EndRows);
    let format = Format::Csv { delimiter: b',', quote: Some(b'"'), encoding, header_line, line_ends };
    assert_eq!((profile.covers, &profile.format), (Covers::Payments, &format));
    assert_eq!(profile.rows, RowRule::Trade(TradeRule::All(RowKind::Payment)));
    assert_eq!((profile.unit, &profile.times.format), (AmountUnit::Yuan, &TimeFormat::Plain));
    assert_eq!((profile.times.zone, &profile.summary), (beijing(), &SummaryRule::None));
    assert_eq!(profile.other_columns, OtherColumns::Refused);
    assert_eq!(profile.columns.len(), 3);
}

#[test]
fn everything_of_a_profile_can_be_set() {
    let config = right(&with_profile(
        r#"
        kind = "trade"
        covers = "both"
        format = "csv"
        header_row = 5
        delimiter = "\t"
        quote = ""
        encoding = "gbk"
        lines_in_cells = false
        amount_unit = "fen"
        time_format = "%Y/%m/%d %H:%M"
        time_zone = "+00:00"
        ignored_columns = ["备注"]
        remarks_begin = "说明"
        row_kind = { column = "类型", payment = ["支付", "充值"], refund = "退款", skip = ["冻结"] }
        skip_rows = [{ column = "状态", is = ["关闭"] }]
        columns = { traded_at = "时间", transaction_id = ["交易单号", "单号"], order_fen = "金额", refund_fen = "退款金额" }
        constants = { merchant = "1900000109", app_id = "wxshop", currency = "CNY" }
        totals = { first_cell = "合计", columns = { order_fen = "金额", rows = "单号" } }
        [bill_profile.flow]
        kind = "funds"
        format = "xlsx"
        sheet = "流水"
        unknown_columns = "ignore"
        direction = { column = "方向", in = ["收入"], out = ["支出"] }
        columns = { booked_at = "时间", amount_fen = "金额", merchant = "商户" }
        totals = { first_cell = "合计", columns = { income_fen = "收入" } }
        "#,
    ));
    let [flow, shop] = &config.bill_profiles[..] else { panic!("two profiles") };
    let (encoding, line_ends) = (Encoding::Gbk, LineEnds::EndRows);
    let format = Format::Csv { delimiter: b'\t', quote: None, encoding, header_line: 5, line_ends };
    assert_eq!((&shop.format, shop.unit, shop.covers), (&format, AmountUnit::Fen, Covers::Both));
    let RowRule::Trade(TradeRule::ByWord(words)) = &shop.rows else { panic!("by word") };
    for (word, meaning) in [
        ("支付", TradeWord::Payment),
        ("充值", TradeWord::Payment),
        ("退款", TradeWord::Refund),
        ("冻结", TradeWord::Skipped),
        ("转账", TradeWord::Refused),
    ] {
        assert_eq!(words.meaning(word), meaning, "{word}");
    }
    let names = |field| &shop.columns.iter().find(|rule| rule.field == field).unwrap().names;
    assert_eq!(names(Field::TransactionId), &["交易单号", "单号"]);
    assert_eq!(names(Field::RowWord), &["类型"]);
    assert_eq!((shop.skips[0].column.as_str(), &shop.skips[0].words[..]), ("状态", &["关闭".to_owned()][..]));
    assert_eq!(
        (&shop.footers[..], shop.times.zone.to_string()),
        (&["说明".to_owned()][..], "+00:00".to_owned())
    );
    assert_eq!(shop.other_columns, OtherColumns::IgnoredIf(vec!["备注".into()]));
    assert_eq!(shop.constants.merchant.as_ref().unwrap().as_str(), "1900000109");
    assert_eq!(
        (shop.constants.app_id.as_deref(), shop.constants.currency.as_deref()),
        (Some("wxshop"), Some("CNY"))
    );
    let SummaryRule::Row { first_cell, figures } = &shop.summary else { panic!("a row") };
    let figures: Vec<_> = figures.iter().map(|rule| (rule.figure, rule.names[0].as_str())).collect();
    assert_eq!(
        (first_cell.as_str(), &figures[..]),
        ("合计", &[(Figure::Rows, "单号"), (Figure::OrderFen, "金额")][..])
    );

    assert_eq!(flow.format, Format::Xlsx { sheet: Some("流水".into()), header_line: 1 });
    assert_eq!((flow.covers, &flow.other_columns), (Covers::Funds, &OtherColumns::Ignored));
    let RowRule::Funds(FundRule::ByWord(words)) = &flow.rows else { panic!("by word") };
    assert_eq!((words.meaning("支出"), words.meaning("")), (FundWord::Out, FundWord::Refused));
}

#[test]
fn cells_hold_lines_where_the_profile_says_so_or_there_are_totals() {
    let totals = "totals = { first_cell = \"合计\", columns = { order_fen = \"金额\" } }\n";
    for (lines, expected) in [
        ("", LineEnds::EndRows),
        (totals, LineEnds::WithinCells),
        ("lines_in_cells = true", LineEnds::WithinCells),
        (format!("{totals}lines_in_cells = false").as_str(), LineEnds::EndRows),
    ] {
        let config = right(&with_profile(&format!("{LEAST}{lines}")));
        let Format::Csv { line_ends, .. } = config.bill_profiles[0].format else { panic!("{lines}") };
        assert_eq!(line_ends, expected, "{lines}");
    }
}

#[test]
fn what_is_wrong_with_a_profile_is_told_with_its_line() {
    for (lines, expected) in [
        ("", "6: bill_profile.shop.kind: is missing: trade or funds"),
        (
            "kind = \"trade\"",
            "6: bill_profile.shop.covers: is missing: payments or refunds or both\n\
             6: bill_profile.shop.columns: must name the column of traded_at\n\
             6: bill_profile.shop.columns: must name the column of transaction_id",
        ),
        (
            "kind = \"funds\"\ncovers = \"both\"\ncolumns = { booked_at = \"时间\", order_fen = \"金额\" }",
            "6: bill_profile.shop.direction: is missing: \"sign\", or { column = \"…\", in = [\"收入\"], out = [\"支出\"] }\n\
             8: bill_profile.shop.covers: is for kind = \"trade\"; leave it out\n\
             9: bill_profile.shop.columns.order_fen: unknown key; the keys here are merchant, amount_fen, booked_at, \
             business_id, flow_id, business_name, business_type, balance_fen, applicant, note, voucher_id\n\
             9: bill_profile.shop.columns: must name the column of amount_fen",
        ),
        (
            "kind = \"trade\"\ncovers = \"both\"\ncolumns = { traded_at = \"时间\", transaction_id = \"单号\", order_fen = \"金额\" }",
            "6: bill_profile.shop.row_kind: is missing: \"sign\", or { column = \"…\", payment = [\"…\"], refund = [\"…\"] }\n\
             9: bill_profile.shop.columns: must name the column of applied_refund_fen or refund_fen or amount_fen",
        ),
        (
            "row_kind = { payment = [\"a\"], refund = [\"a\"] }",
            "10: bill_profile.shop.row_kind: must have the column of the words: column = \"…\"\n\
             10: bill_profile.shop.row_kind.refund: \"a\" has a meaning already; keep one",
        ),
        ("row_kind = \"word\"", "10: bill_profile.shop.row_kind: must be payment, refund or sign"),
        (
            "direction = \"sign\"",
            "10: bill_profile.shop.direction: unknown key; the keys here are kind, covers, format, header_row, sheet, \
             delimiter, quote, encoding, lines_in_cells, columns, row_kind, constants, amount_unit, time_zone, time_format, \
             ignored_columns, unknown_columns, skip_rows, remarks_begin, totals",
        ),
        ("format = \"ods\"", "10: bill_profile.shop.format: must be csv or xlsx"),
        ("sheet = \"x\"", "10: bill_profile.shop.sheet: is for format = \"xlsx\"; leave it out"),
        (
            "format = \"xlsx\"\nencoding = \"gbk\"",
            "11: bill_profile.shop.encoding: is for format = \"csv\"; leave it out",
        ),
        (
            "delimiter = \"ab\"",
            "10: bill_profile.shop.delimiter: must be one character such as \",\" or \"\\t\", not \"ab\"",
        ),
        ("quote = \",\"", "10: bill_profile.shop.quote: is the delimiter too; choose another"),
        ("lines_in_cells = 1", "10: bill_profile.shop.lines_in_cells: must be true or false, not a number"),
        (
            "format = \"xlsx\"\nlines_in_cells = true",
            "11: bill_profile.shop.lines_in_cells: is for format = \"csv\"; leave it out",
        ),
        ("encoding = \"big5\"", "10: bill_profile.shop.encoding: must be utf-8 or gbk"),
        ("header_row = 0", "10: bill_profile.shop.header_row: must be from 1 to 1000"),
        ("amount_unit = \"jiao\"", "10: bill_profile.shop.amount_unit: must be yuan or fen"),
        (
            "time_format = \"%Y-%q\"",
            "10: bill_profile.shop.time_format: must be a format of a date and time such as \"%Y/%m/%d %H:%M:%S\", not \
             \"%Y-%q\"",
        ),
        (
            "time_format = \"%H:%M\"",
            "10: bill_profile.shop.time_format: must be a format of a date and time such as \"%Y/%m/%d %H:%M:%S\", not \
             \"%H:%M\"",
        ),
        (
            "time_zone = \"Asia/Shanghai\"",
            "10: bill_profile.shop.time_zone: must be an offset such as \"+08:00\", not \"Asia/Shanghai\"",
        ),
        (
            "remarks_begin = \"\"",
            "10: bill_profile.shop.remarks_begin: is empty; write a text, or leave it out",
        ),
        (
            "remarks_begin = []",
            "10: bill_profile.shop.remarks_begin: is an empty list; write a text, or leave it out",
        ),
        (
            "skip_rows = [{ column = \"a\" }]",
            "10: bill_profile.shop.skip_rows[0]: must be { column = \"…\", is = [\"…\"] }",
        ),
        (
            "constants = { merchant = \"x\" }",
            "10: bill_profile.shop.constants.merchant: a merchant's number must be 1 to 32 digits",
        ),
        (
            "totals = { columns = { income_fen = \"金额\" } }",
            "10: bill_profile.shop.totals: must say how the row of totals begins: first_cell = \"合计\"\n\
             10: bill_profile.shop.totals.columns: must name the column of at least one figure, such as order_fen = \"金额\"\n\
             10: bill_profile.shop.totals.columns.income_fen: unknown key; the keys here are rows, payments, refunds, \
             order_fen, settlement_fen, coupon_fen, refund_fen, coupon_refund_fen, applied_refund_fen, fee_millifen",
        ),
    ] {
        let lines = if lines.is_empty() || lines.starts_with("kind") {
            lines.to_owned()
        } else {
            format!("{LEAST}{lines}")
        };
        assert_eq!(said(&with_profile(&lines)), expected, "{lines}");
    }
    for name in ["all", "wechat_all", "Shop", "a-b"] {
        let text = with_profile(LEAST).replace("bill_profile.shop", &format!("bill_profile.{name}"));
        let expected = if name.contains("all") {
            "is a name of WeChat Pay's own bills; give the profile another"
        } else {
            "a profile's name must be 1 to 32 of the characters a-z, 0-9 and _"
        };
        assert_eq!(said(&text), format!("6: bill_profile.{name}: {expected}"));
    }
}
