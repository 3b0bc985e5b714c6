//! Each way in which a file can be wrong, and what is said of it.

use std::io::Write;

use flate2::Compression;
use flate2::write::GzEncoder;

use super::*;
use crate::limits;

/// What is said of the sample after the first `from` in it became `to`.
fn said(from: &str, to: &str) -> String {
    assert!(SAMPLE.contains(from), "{from}");
    said_of(SAMPLE.replacen(from, to, 1).as_bytes())
}

fn said_of(bytes: &[u8]) -> String {
    read_bytes(bytes).unwrap_err().to_string()
}

#[test]
fn a_row_that_is_wrong_is_named_with_line_and_column() {
    for (from, to, expected) in [
        // Columns.
        (
            ",订单金额",
            "",
            "line 1: the column 订单金额 is missing, which wechat_all must have; download the bill again",
        ),
        (
            "微信订单号,",
            "",
            "line 1: the column 微信订单号 is missing, which wechat_all must have; download the bill again",
        ),
        (
            "费率备注",
            "费率备注,积分",
            "line 1, column 28 (积分): wechat_all has no such column; the file is of another layout, or WeChat Pay \
             has changed it: describe it in a [bill_profile.NAME]",
        ),
        (
            "费率备注",
            "费率备注,手续费",
            "line 1, column 28 (手续费): this column stands in column 23 already; remove one",
        ),
        // Torn lines.
        (
            ",`0.01,`0.00,`\r\n",
            "\r\n",
            "line 2, column 25 (订单金额): the row is torn: it has 24 cells, and the header 27; download the file again",
        ),
        (
            ",`0.01,`0.00,`\r\n",
            ",`0.01,`0.00,`,`\r\n",
            "line 2, column 28: the row has more cells than the header: 28 instead of 27; download the file again",
        ),
        (
            "`2021-01-28 17:08:12",
            "2021-01-28 17:08:12",
            "line 3, column 1: the row does not begin with a backtick, as every row of WeChat Pay's does; take the file as it \
             was downloaded, not saved again by another program",
        ),
        // Values.
        (
            "`0.01,`0.00,`0,`0",
            "`0.012,`0.00,`0,`0",
            "line 2, column 13 (应结订单金额): \"0.012\" is not an amount in yuan with at most 2 decimals, such as \
             12.34; correct the file at its source, or the profile",
        ),
        (
            "`0.01,`0.00,`0,`0",
            "`-0.01,`0.00,`0,`0",
            "line 2, column 13 (应结订单金额): \"-0.01\" is not an amount in yuan with at most 2 decimals, such as \
             12.34; correct the file at its source, or the profile",
        ),
        (
            "`0.01,`0.00,`0,`0",
            "`92233720368547758.08,`0.00,`0,`0",
            "line 2, column 13 (应结订单金额): \"92233720368547758.08\" is not an amount in yuan with at most 2 \
             decimals, such as 12.34; correct the file at its source, or the profile",
        ),
        (
            "`0.01,`0.00,`0,`0",
            "`100000000000.01,`0.00,`0,`0",
            "line 2, column 13 (应结订单金额): \"100000000000.01\" is not at most 100000000000 yuan, as every amount \
             of a bill is; correct the file at its source, or the profile",
        ),
        (
            "`0.00000,`1.00%",
            "`-100000000000.00001,`1.00%",
            "line 2, column 23 (手续费): \"-100000000000.00001\" is not at most 100000000000 yuan, as every amount of \
             a bill is; correct the file at its source, or the profile",
        ),
        (
            "`0.00000,`1.00%",
            "`0.000001,`1.00%",
            "line 2, column 23 (手续费): \"0.000001\" is not a fee in yuan with at most 5 decimals, such as 0.07200; \
             correct the file at its source, or the profile",
        ),
        (
            "`2021-01-28 17:08:12",
            "`2021-01-28 17:08:60",
            "line 3, column 1 (交易时间): \"2021-01-28 17:08:60\" is not a time such as 2026-01-31 23:59:59; correct \
             the file at its source, or the profile",
        ),
        (
            "`2021-01-28 17:08:12",
            "`",
            "line 3, column 1 (交易时间): \"\" is not there, and every row must have it; correct the file at its \
             source, or the profile",
        ),
        (
            "`4200000925202101284997714293",
            "`",
            "line 3, column 6 (微信订单号): \"\" is not there, and every row must have it; correct the file at its \
             source, or the profile",
        ),
        (
            "`SUCCESS",
            "`",
            "line 2, column 10 (交易状态): \"\" is not there, and every row must have it; correct the file at its \
             source, or the profile",
        ),
        (
            "`1601959334",
            "`16019x",
            "line 2, column 3 (商户号): \"16019x\" is not a merchant's number, such as 1900000109; correct the file \
             at its source, or the profile",
        ),
        (
            "S20210128170702357724",
            "S2021\0",
            "line 3, column 7 (商户订单号): there is a NUL byte, so the file is damaged or no text; download it again",
        ),
        // Another merchant, another day.
        (
            "`2021-01-28 17:08:12,`wx81be3101902f7cb2,`1601959334",
            "`2021-01-28 17:08:12,`wx81be3101902f7cb2,`1601959335",
            "line 3, column 3 (商户号): \"1601959335\" is another merchant than 1601959334; a file holds the bill of \
             one merchant",
        ),
        (
            "`2021-01-28 17:08:12",
            "`2021-01-29 00:00:00",
            "line 3, column 1 (交易时间): the row is of 2021-01-29, and the bill of 2021-01-28; a bill holds one day",
        ),
        // The summary.
        (
            "`0.00\r\n",
            "`0.00\r\n`more\r\n",
            "line 7, column 1: something follows the summary; download the file again",
        ),
        (
            ",申请退款总金额",
            "",
            "line 5: the column 申请退款总金额 is missing, which wechat_all must have; download the bill again",
        ),
        (
            "申请退款总金额",
            "申请退款总金额,积分总数",
            "line 5, column 8 (积分总数): wechat_all has no such column; the file is of another layout, or WeChat Pay \
             has changed it: describe it in a [bill_profile.NAME]",
        ),
        (
            "`0.00\r\n",
            "",
            "line 6, column 7 (申请退款总金额): the row is torn: it has 6 cells, and the header 7; download the file again",
        ),
        (
            "`3,`0.03",
            "`three,`0.03",
            "line 6, column 1 (总交易单数): \"three\" is not a figure of the summary; correct the file at its source, \
             or the profile",
        ),
    ] {
        let said = match from {
            // Only where it ends the file.
            "`0.00\r\n" => {
                let rest = SAMPLE.strip_suffix(from).unwrap().trim_end_matches(',');
                said_of(format!("{rest}{}{to}", if to.is_empty() { "" } else { "," }).as_bytes())
            }
            _ => said(from, to),
        };
        assert_eq!(said, expected, "{from} -> {to}");
    }
}

#[test]
fn a_figure_of_the_summary_that_is_not_what_the_rows_come_to_is_named_with_both() {
    for (index, name, wrong, says, rows_say) in [
        (0, "总交易单数", "4", "4", "3"),
        (1, "应结订单总金额", "0.04", "0.04", "0.03"),
        (2, "退款总金额", "0.01", "0.01", "0.00"),
        (3, "充值券退款总金额", "-0.01", "-0.01", "0.00"),
        (4, "手续费总金额", "0.00001", "0.00001", "0.00000"),
        (5, "订单总金额", "30", "30.00", "0.03"),
        (6, "申请退款总金额", "1.1", "1.10", "0.00"),
    ] {
        let mut lines: Vec<_> = SAMPLE.lines().map(str::to_owned).collect();
        let mut cells: Vec<_> = lines[5].split(",`").map(|cell| cell.trim_start_matches('`')).collect();
        cells[index] = wrong;
        lines[5] = format!("`{}", cells.join(",`"));
        let expected = format!(
            "line 6, column {} ({name}): the summary says {says}, and the rows come to {rows_say}; download the file again",
            index + 1
        );
        assert_eq!(said_of(lines.join("\n").as_bytes()), expected);
    }
    let funds = FUNDS.replace("`1,`1000.00", "`1,`999.00");
    assert_eq!(
        read_funds(funds.as_bytes()).unwrap_err().to_string(),
        "line 5, column 3 (收入金额): the summary says 999.00, and the rows come to 1000.00; download the file again"
    );
}

#[test]
fn a_file_that_ends_early_is_torn_wherever_it_ends() {
    let lines: Vec<&str> = SAMPLE.split_inclusive('\n').collect();
    for (count, expected) in [
        (1, "the file does not say of which day it is; say so with --day, over HTTP with day"),
        (3, "line 3: the summary is missing, so the file may be torn; download it again"),
        (5, "line 5: the summary is missing, so the file may be torn; download it again"),
    ] {
        // The first that is found where not even a row tells the day.
        let said = said_of(lines[..count].concat().as_bytes());
        let no_summary = "line 1: the summary is missing, so the file may be torn; download it again";
        assert!(said == expected || (count == 1 && said == no_summary), "{count}: {said}");
    }
    // The last line's end may be missing, and nothing before it. Cut within the last figure it still says 0.
    let whole = SAMPLE.trim_end();
    for end in (0..whole.len() - 3).filter(|end| whole.is_char_boundary(*end)) {
        assert!(read_bytes(&whole.as_bytes()[..end]).is_err(), "cut at {end}");
    }
    assert!(read_bytes(whole.as_bytes()).is_ok());
}

#[test]
fn what_is_no_bill_is_told_by_what_it_is() {
    let declare = "say so with `order-ledger bill declare-empty`";
    for (bytes, expected) in [
        (&b""[..], format!("the file is empty; download the bill again, and where WeChat Pay has none for the day, {declare}")),
        (b"\xef\xbb\xbf", format!("the file is empty; download the bill again, and where WeChat Pay has none for the day, {declare}")),
        (b"\r\n\n", format!("the file is empty; download the bill again, and where WeChat Pay has none for the day, {declare}")),
        (
            br#"{"code":"NO_STATEMENT_EXIST","message":"..."}"#,
            format!("WeChat Pay answered that there is no bill for the day; where nothing was traded, {declare}"),
        ),
        (
            b"<xml><return_code>FAIL</return_code><return_msg>No Bill Exist</return_msg></xml>",
            format!("WeChat Pay answered that there is no bill for the day; where nothing was traded, {declare}"),
        ),
        (
            br#"{"code":"SIGN_ERROR"}"#,
            "line 1, column 1: the file is no bill: it is JSON, such as an error answer; download the bill again".to_owned(),
        ),
        (
            b"<!doctype html><title>502</title>",
            "line 1, column 1: the file is no bill: it is XML or a web page, such as an error answer; download the bill again".to_owned(),
        ),
        (
            b"PK\x03\x04....",
            "line 1, column 1: the file is no bill: it is a ZIP or Excel file; unpack it, or name the profile that describes it \
             (--profile, or profile= over HTTP)"
                .to_owned(),
        ),
        (
            b"name,amount\nx,1\n",
            "line 1, column 1: the file is no bill: its first line holds no column of a bill of WeChat Pay; name the profile that \
             describes it (--profile, or profile= over HTTP)"
                .to_owned(),
        ),
    ] {
        assert_eq!(said_of(bytes), expected);
    }
}

#[test]
fn a_text_in_utf16_is_named_as_such_with_and_without_its_mark() {
    let little: Vec<u8> = SAMPLE.encode_utf16().flat_map(u16::to_le_bytes).collect();
    let big: Vec<u8> = SAMPLE.encode_utf16().flat_map(u16::to_be_bytes).collect();
    let marked = [b"\xff\xfe".as_slice(), &little].concat();
    let marked_big = [b"\xfe\xff".as_slice(), &big].concat();
    for bytes in [little, big, marked, marked_big] {
        assert_eq!(
            said_of(&bytes),
            "line 1, column 1: the file is no bill: its text is UTF-16, as some programs save it; take the file as \
             it was downloaded, or save it as CSV UTF-8"
        );
    }
}

#[test]
fn another_encoding_is_named_with_the_cell_it_begins_in() {
    let (gbk, _, _) = encoding_rs::GBK.encode(SAMPLE);
    assert_eq!(
        said_of(&gbk),
        "line 1, column 1: the text is not UTF-8 but may be GBK, which a profile can say (encoding = \"gbk\"); take \
         the file as it was downloaded"
    );
    let mut bytes = SAMPLE.replacen("for testing", "for ~ing", 1).into_bytes();
    let place = bytes.iter().position(|byte| *byte == b'~').unwrap();
    bytes[place] = 0xff;
    assert_eq!(
        said_of(&bytes),
        "line 2, column 21 (商品名称): the text is not UTF-8; take the file as it was downloaded"
    );
}

#[test]
fn a_huge_cell_is_named_and_neither_kept_nor_shown() {
    let max = limits::BILL_CELL_BYTES_MAX;
    let just_right = SAMPLE.replacen("for testing", &"x".repeat(max), 1);
    assert!(read_bytes(just_right.as_bytes()).is_ok());
    let huge = "line 2, column 21 (商品名称): the cell is longer than 8192 bytes, which none of a bill is; download \
                the file again";
    for length in [max + 1, limits::BILL_LINE_BYTES_MAX, 5_000_000] {
        assert_eq!(said("for testing", &"x".repeat(length)), huge);
    }
    let many = ",`x".repeat(200_000);
    assert_eq!(
        said("`for testing", &format!("`{many}")),
        "line 2: the line is longer than 65536 bytes, which none of a bill is; download the file again"
    );
    let long = "9".repeat(max);
    let said = said("`0.01,`0.00,`0,`0", &format!("`{long},`0.00,`0,`0"));
    assert!(said.contains(&format!("\"{}…\"", "9".repeat(limits::ECHOED_CHARS_MAX))), "{said}");
    assert!(said.len() < 500);
}

#[test]
fn a_packed_file_that_is_torn_or_a_bomb_is_refused() {
    let packed = gzip(SAMPLE.as_bytes()).unwrap();
    for end in 2..packed.len() {
        let said = said_of(&packed[..end]);
        assert!(said.starts_with("the GZIP file is torn: "), "cut at {end}: {said}");
    }
    let with_more = [packed.as_slice(), b"more"].concat();
    assert!(said_of(&with_more).starts_with("the GZIP file is torn: "), "{}", said_of(&with_more));
    let mut damaged = packed.clone();
    let middle = damaged.len() / 2;
    damaged[middle] ^= 0xff;
    assert!(read_bytes(&damaged).is_err());

    let (header, rest) = SAMPLE.split_once('\n').unwrap();
    let row = format!("{}\n", rest.lines().next().unwrap());
    let bomb = format!("{header}\n{}", row.repeat(100_000));
    let mut encoder = GzEncoder::new(Vec::new(), Compression::best());
    encoder.write_all(bomb.as_bytes()).unwrap();
    assert_eq!(
        said_of(&encoder.finish().unwrap()),
        "the file unpacks to more than 200 times its size; no bill does, so it was not read on"
    );
}

#[test]
fn a_sum_that_cannot_be_counted_is_refused() {
    let huge = BillLine { order_fen: Some(Fen(limits::BILL_AMOUNT_FEN_MAX)), ..bill_line() };
    let bill = |count| {
        let lines = std::iter::repeat_n(&huge, count);
        trade_bill(SampleLayout::LegacySuccess, &merchant("1"), lines).unwrap()
    };
    assert_eq!(read_bytes(&bill(100)).unwrap().0.rows, 100);
    assert_eq!(
        said_of(&bill(101)),
        "line 102: the sum of order_fen is too large to be counted; correct the file"
    );
}

#[test]
fn each_layout_refuses_the_rows_of_another() {
    let one = |layout, line: &BillLine| {
        let bytes = trade_bill(layout, &merchant("1"), [line]).unwrap();
        read_bytes(&bytes).unwrap_err().to_string()
    };
    assert_eq!(
        one(SampleLayout::Success, &refund_line()),
        "line 2, column 10 (交易状态): \"REFUND\" is not a word for the rows of such a file; correct the file at its \
         source, or the profile"
    );
    assert_eq!(
        one(SampleLayout::Refund, &bill_line()),
        "line 2, column 10 (交易状态): \"SUCCESS\" is not a word for the rows of such a file; correct the file at its \
         source, or the profile"
    );
    let funds = FUNDS.replacen("支出", "转出", 1);
    assert_eq!(
        read_funds(funds.as_bytes()).unwrap_err().to_string(),
        "line 2, column 6 (收支类型): \"转出\" is not a word for income or expense (收入 or 支出 at WeChat Pay); \
         correct the file at its source, or the profile"
    );
}
