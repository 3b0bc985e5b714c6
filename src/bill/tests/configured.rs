//! Files of other channels, read by profiles as the configuration would make them.

use chrono::format::StrftimeItems;
use proptest::prelude::*;

use super::*;
use crate::limits;

fn column(field: Field, name: &str) -> ColumnRule {
    ColumnRule { field, names: vec![name.into()], need: Need::Required }
}

fn csv(delimiter: u8, quote: Option<u8>, encoding: Encoding, header_line: u64) -> Format {
    Format::Csv { delimiter, quote, encoding, header_line, line_ends: LineEnds::WithinCells }
}

/// A payment's row and a refund's in one column of amounts, told apart by its sign.
pub fn by_sign() -> Profile {
    Profile {
        name: "shop".into(),
        kind: BillKind::parse("shop").unwrap(),
        covers: Covers::Both,
        format: csv(b',', Some(b'"'), Encoding::Utf8, 1),
        columns: vec![
            column(Field::TransactionId, "交易单号"),
            column(Field::TradedAt, "时间"),
            column(Field::AmountFen, "金额"),
            column(Field::ProductName, "商品"),
        ],
        other_columns: OtherColumns::Refused,
        rows: RowRule::Trade(TradeRule::BySign),
        constants: Constants {
            merchant: Some(merchant("7")),
            app_id: Some("wxshop".into()),
            currency: Some("CNY".into()),
        },
        unit: AmountUnit::Yuan,
        times: TimeRule {
            format: TimeFormat::Strftime(StrftimeItems::new("%Y/%m/%d %H:%M").parse_to_owned().unwrap()),
            zone: beijing(),
        },
        skips: vec![],
        footers: vec![],
        summary: SummaryRule::None,
        days: Days::Many,
    }
}

pub fn read_profile(profile: Profile, bytes: &[u8]) -> Result<(Bill, Lines), BillError> {
    let hints = Hints { profile: Some(profile.name.clone()), ..Hints::default() };
    read_with(bytes, &Profiles::built_in().with([profile]), &hints)
}

fn said(profile: Profile, text: &str) -> String {
    read_profile(profile, text.as_bytes()).unwrap_err().to_string()
}

const SHOP: &str = "交易单号,时间,金额,商品\n\
    a1,2026/01/01 00:00,12.30,\"60 gems, \"\"big\"\"\nand more\"\n\
    ,,,\n\
    '00a2,2026/01/01 23:59,-2.30,\n\
    a3, 2026/01/02 00:00 ,5,x\n";

#[test]
fn amounts_below_zero_are_refunds_and_each_row_is_of_its_own_day() {
    let (bill, lines) = read_profile(by_sign(), SHOP.as_bytes()).unwrap();
    let days: Vec<_> = bill.days.iter().map(|day| (day.day.to_string(), day.rows)).collect();
    assert_eq!(days, [("2026-01-01".to_owned(), 2), ("2026-01-02".to_owned(), 1)]);
    assert_eq!((bill.merchant, bill.kind.as_str(), bill.rows), (merchant("7"), "shop", 3));
    let [payment, refund, last] = &trades(lines)[..] else { panic!("three lines") };
    assert_eq!(payment.product_name.as_deref(), Some("60 gems, \"big\"\nand more"));
    assert_eq!((payment.order_fen, payment.trade_state.as_str()), (Some(Fen(1230)), "SUCCESS"));
    assert_eq!((payment.app_id.as_deref(), payment.currency.as_deref()), (Some("wxshop"), Some("CNY")));
    assert_eq!((refund.row, refund.refund_fen, refund.order_fen), (RowKind::Refund, Some(Fen(230)), None));
    // Lines are those of the file, also where a cell holds several.
    assert_eq!((refund.line, refund.transaction_id.as_str(), last.line), (5, "00a2", 6));
}

#[test]
fn words_tell_what_a_row_is_and_which_are_none() {
    let words = [("支付", TradeWord::Payment), ("退款", TradeWord::Refund), ("冻结", TradeWord::Skipped)];
    let words = words.map(|(word, meaning)| (word.to_owned(), meaning)).to_vec();
    let mut profile = by_sign();
    profile.rows = RowRule::Trade(TradeRule::ByWord(WordRule { words, others: TradeWord::Refused }));
    profile.columns.push(column(Field::RowWord, "类型"));
    profile.skips = vec![SkipRule { column: "状态".into(), words: vec!["关闭".into()] }];
    profile.other_columns = OtherColumns::IgnoredIf(vec!["备注".into()]);
    profile.footers = vec!["说明".into()];
    let figure = |figure, name: &str| FigureRule { figure, names: vec![name.into()], need: Need::Required };
    let figures = vec![figure(Figure::OrderFen, "金额"), figure(Figure::Rows, "商品")];
    profile.summary = SummaryRule::Row { first_cell: "合计".into(), figures };
    profile.format = csv(b';', None, Encoding::Gbk, 3);
    let text = "导出\r\n\r\n交易单号;时间;金额;商品;类型;状态;备注\r\n\
        a1;2026/01/01 00:00;12.30;\"x;支付;成功;\r\n\
        a2;2026/01/01 00:00;1;;支付;关闭;\r\n\
        a3;2026/01/01 00:00;-2.30;;退款;成功;\r\n\
        a4;2026/01/01 00:00;9;;冻结;成功;\r\n\
        合计;;12.30;2\r\n\
        说明：仅供参考\r\n";
    let gbk = |text: &str| encoding_rs::GBK.encode(text).0.into_owned();
    let (bill, lines) = read_profile(profile.clone(), &gbk(text)).unwrap();
    assert_eq!(bill.rows, 2);
    assert_eq!(trades(lines)[0].product_name.as_deref(), Some("\"x"));
    for (from, to, expected) in [
        (
            "12.30;2\r",
            "12.31;2\r",
            "line 8, column 3 (金额): the summary says 12.31, and the rows come to 12.30; download the file again",
        ),
        (
            "合计;;12.30;2\r\n",
            "",
            "line 8: the summary is missing, so the file may be torn; download it again",
        ),
        (
            "说明",
            "a5;2026/01/01 00:00;9;;支付;成功;\r\n说明",
            "line 9, column 1: something follows the summary; download the file again",
        ),
        (
            "退款;成功",
            "转账;成功",
            "line 6, column 5 (类型): \"转账\" is not a word for the rows of such a file; correct the file at its \
             source, or the profile",
        ),
        (
            "备注",
            "积分",
            "line 3, column 7 (积分): shop has no such column; the file is of another layout, or WeChat \
            Pay has changed it: describe it in a [bill_profile.NAME]",
        ),
        ("状态", "情况", "line 3: the column 状态 is missing, which shop must have; download the bill again"),
    ] {
        let error = read_profile(profile.clone(), &gbk(&text.replace(from, to))).unwrap_err();
        assert_eq!(error.to_string(), expected);
    }
    assert_eq!(
        said(profile, text),
        "line 3, column 6: the text is not GBK but UTF-8, which the profile can say (encoding = \"utf-8\"); take the \
         file as it was downloaded"
    );
}

#[test]
fn a_csv_that_is_wrong_is_named_with_its_place() {
    let row = |row: &str| format!("交易单号,时间,金额,商品\n{row}\n");
    let open = "x".repeat(5000);
    for (text, expected) in [
        (
            row("a1,2026/01/01 00:00,1"),
            "line 2, column 4 (商品): the row is torn: it has 3 cells, and the header 4; download the file again",
        ),
        (
            row("a1,2026/01/01 00:00,\"1.00"),
            "line 2, column 3 (金额): the quoted cell is never closed; download the file again, or correct the \
             profile's quote",
        ),
        (
            row(&format!("a1,2026/01/01 00:00,\"{open}\n{open}")),
            "line 2, column 3 (金额): the cell is longer than 8192 bytes, which none of a bill is; download the file \
             again",
        ),
        (
            row("a1,2026-01-01 00:00,1,"),
            "line 2, column 2 (时间): \"2026-01-01 00:00\" is not a time in the profile's time_format; correct the \
             file at its source, or the profile",
        ),
        (
            row("a1,2026/01/01 00:00,\"1,000.00\","),
            "line 2, column 3 (金额): \"1,000.00\" is not an amount in yuan with at most 2 decimals, such as -12.34; \
             correct the file at its source, or the profile",
        ),
        ("a,a\n1,2\n".to_owned(), "line 1, column 2 (a): this column stands in column 1 already; remove one"),
    ] {
        assert_eq!(said(by_sign(), &text), expected);
    }
    let many = (0..=i64::try_from(limits::BILL_DAYS_MAX).unwrap()).map(|days| {
        (day("2026-01-01") + chrono::Days::new(days.unsigned_abs()))
            .format("a,%Y/%m/%d 00:00,1,\n")
            .to_string()
    });
    assert_eq!(
        said(by_sign(), &row(many.collect::<String>().trim_end())),
        "line 402: the file holds more than 400 days; import it in pieces"
    );
    let mut late = by_sign();
    late.format = csv(b',', None, Encoding::Utf8, 9);
    assert_eq!(
        said(late, "x\ny\n"),
        "line 2: the file ends, and its header should stand in line 9; take the whole file, or correct the profile's \
         header_row"
    );
}

/// The example of a shop that writes `"` for inches, and never twice.
const UNPAIRED: &str = "交易单号,时间,金额,商品\n\
    T1,2026/01/01 00:00,1.00,\"big gem\n\
    T2,2026/01/01 00:00,2.00,\"small gem\n\
    T3,2026/01/01 00:00,3.00,x\n";

fn of_lines(line_ends: LineEnds) -> Profile {
    let mut profile = by_sign();
    if let Format::Csv { line_ends: own, .. } = &mut profile.format {
        *own = line_ends;
    }
    profile
}

#[test]
fn quotes_that_do_not_pair_lose_no_row() {
    for (line_ends, text, expected) in [
        (
            LineEnds::WithinCells,
            UNPAIRED,
            "line 3, column 4 (商品): text follows the quote that closes the cell, so the quotes do not pair; one \
             within a cell is written twice: correct the file at its source, or the profile's quote",
        ),
        (
            LineEnds::EndRows,
            UNPAIRED,
            "line 2, column 4 (商品): the quoted cell goes on in the next line; correct the file at its source, or the \
             profile: where its cells do hold several lines, it needs totals, or lines_in_cells = true",
        ),
        (
            LineEnds::EndRows,
            "交易单号,时间,金额,商品\na1,2026/01/01 00:00,\"1\"0,\n",
            "line 2, column 3 (金额): text follows the quote that closes the cell, so the quotes do not pair; one \
             within a cell is written twice: correct the file at its source, or the profile's quote",
        ),
    ] {
        assert_eq!(said(of_lines(line_ends), text), expected);
    }
}

proptest! {
    #[test]
    fn a_cell_is_what_was_quoted_and_a_file_with_any_quote_more_or_less_has_all_rows_or_is_refused(
        names in prop::collection::vec("[ab,\"\n]{0,5}", 1..6),
        is_dropped in any::<bool>(),
        at in any::<prop::sample::Index>(),
    ) {
        let rows = names.iter().map(|name| {
            format!("a,2026/01/01 00:00,1.00,\"{}\"\n", name.replace('"', "\"\""))
        });
        let text = format!("交易单号,时间,金额,商品\n{}", rows.collect::<String>());
        let lines = trades(read_profile(of_lines(LineEnds::WithinCells), text.as_bytes()).unwrap().1);
        let found: Vec<_> = lines.iter().map(|line| line.product_name.clone().unwrap_or_default()).collect();
        prop_assert_eq!(found, names.iter().map(|name| name.trim().to_owned()).collect::<Vec<_>>());

        // Without line ends in cells a row is a line, whatever becomes of one quote.
        let mut one_line: Vec<String> =
            names.iter().map(|name| name.replace('\n', "").replace('"', "\"\"")).collect();
        one_line.iter_mut().for_each(|name| *name = format!("a,2026/01/01 00:00,1.00,\"{name}\"\n"));
        let mut rows = one_line.concat();
        let quotes: Vec<_> = rows.match_indices('"').map(|(place, _)| place).collect();
        let place = *at.get(&quotes);
        let end = if is_dropped { place + 1 } else { place };
        rows.replace_range(place..end, if is_dropped { "" } else { "\"" });
        let text = format!("交易单号,时间,金额,商品\n{rows}");
        if let Ok((bill, _)) = read_profile(of_lines(LineEnds::EndRows), text.as_bytes()) {
            prop_assert_eq!(bill.rows, names.len() as u64);
        }
    }
}

#[test]
fn a_profile_of_one_merchant_is_not_that_of_another() {
    let hints = Hints { profile: Some("shop".into()), merchant: Some(merchant("8")), ..Hints::default() };
    let error = read_with(SHOP.as_bytes(), &Profiles::built_in().with([by_sign()]), &hints).unwrap_err();
    assert_eq!(
        error.to_string(),
        "the profile shop is that of merchant 7, not of 8; leave the merchant out, or take another profile"
    );
}

#[test]
fn times_can_name_their_zone_or_no_time_at_all_and_amounts_can_be_in_fen() {
    let mut profile = by_sign();
    let times = |format: &str| TimeFormat::Strftime(StrftimeItems::new(format).parse_to_owned().unwrap());
    profile.unit = AmountUnit::Fen;
    for (format, text, expected) in [
        ("%Y-%m-%dT%H:%M:%S%z", "2026-01-01T00:00:00+0000", "2026-01-01T00:00:00+00:00"),
        ("%Y%m%d", "20260101", "2025-12-31T16:00:00+00:00"),
        ("%d.%m.%Y %H:%M:%S", "01.01.2026 10:00:00", "2026-01-01T02:00:00+00:00"),
    ] {
        profile.times.format = times(format);
        let text = format!("交易单号,时间,金额,商品\na1,{text},1230,\n");
        let line = trades(read_profile(profile.clone(), text.as_bytes()).unwrap().1).remove(0);
        assert_eq!((line.traded_at.to_rfc3339(), line.order_fen), (expected.to_owned(), Some(Fen(1230))));
    }
}
