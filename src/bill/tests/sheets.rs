//! Excel files, read by profiles.

use std::io::Write;

use rust_xlsxwriter::{ExcelDateTime, Format as CellFormat, Workbook};

use super::configured::{by_sign, read_profile};
use super::*;
use crate::limits;

/// A sheet that fills its own rows below the header.
fn book(fill: impl FnOnce(&mut rust_xlsxwriter::Worksheet)) -> Vec<u8> {
    let mut book = Workbook::new();
    book.add_worksheet().set_name("about").unwrap().write(0, 0, "nothing").unwrap();
    let sheet = book.add_worksheet();
    sheet.set_name("rows").unwrap();
    for (column, name) in ["交易单号", "时间", "金额", "商品"].into_iter().enumerate() {
        sheet.write(0, u16::try_from(column).unwrap(), name).unwrap();
    }
    fill(sheet);
    book.save_to_buffer().unwrap()
}

fn profile() -> Profile {
    Profile { format: Format::Xlsx { sheet: Some("rows".into()), header_line: 1 }, ..by_sign() }
}

#[test]
fn numbers_and_dates_of_a_sheet_are_what_was_written() {
    let moment = CellFormat::new().set_num_format("yyyy-mm-dd hh:mm:ss");
    let bytes = book(|sheet| {
        let at =
            |hour, second| ExcelDateTime::from_ymd(2026, 1, 1).unwrap().and_hms(hour, 59, second).unwrap();
        for (row, (id, second, amount)) in
            [("a1", 59, 12.3), ("00a2", 1, -0.07), ("a3", 30, 4_503_599.19)].into_iter().enumerate()
        {
            let row = u32::try_from(row).unwrap() + 1;
            sheet.write(row, 0, id).unwrap();
            sheet.write_with_format(row, 1, at(23, second), &moment).unwrap();
            sheet.write(row, 2, amount).unwrap();
        }
        // A row without anything, and one whose time is a text and whose id a number.
        sheet.write(5, 0, 12_345).unwrap();
        sheet.write(5, 1, "2026/01/02 00:00").unwrap();
        sheet.write(5, 2, "1.10").unwrap();
        sheet.write(5, 3, "x").unwrap();
    });
    let (bill, lines) = read_profile(profile(), &bytes).unwrap();
    let lines = trades(lines);
    let found: Vec<_> = lines
        .iter()
        .map(|line| {
            (
                line.line,
                line.transaction_id.as_str(),
                line.traded_at.to_rfc3339(),
                line.order_fen.or(line.refund_fen),
            )
        })
        .collect();
    assert_eq!(
        found,
        [
            (2, "a1", "2026-01-01T15:59:59+00:00".to_owned(), Some(Fen(1230))),
            (3, "00a2", "2026-01-01T15:59:01+00:00".to_owned(), Some(Fen(7))),
            (4, "a3", "2026-01-01T15:59:30+00:00".to_owned(), Some(Fen(450_359_919))),
            (6, "12345", "2026-01-01T16:00:00+00:00".to_owned(), Some(Fen(110))),
        ]
    );
    use sha2::{Digest, Sha256};
    assert_eq!(bill.sha256, Sha256Hex::of_digest(&Sha256::digest(&bytes).into()));
}

#[test]
fn a_sheet_that_is_wrong_is_named_with_its_place() {
    let one = |id: f64, amount: f64| {
        book(|sheet| {
            sheet.write(1, 0, id).unwrap();
            sheet.write(1, 1, "2026/01/02 00:00").unwrap();
            sheet.write(1, 2, amount).unwrap();
        })
    };
    let good = one(1.0, 1.0);
    let named = |name: &str| Profile {
        format: Format::Xlsx { sheet: Some(name.into()), header_line: 1 },
        ..by_sign()
    };
    for (profile, bytes, expected) in [
        (
            profile(),
            one(4.2e27, 1.0),
            "line 2, column 1 (交易单号): \"4200000000000000000000000000\" is not exact: Excel keeps 15 digits of a \
             number, so such a column must be text; correct the file at its source, or the profile",
        ),
        (
            profile(),
            one(1.0, 0.125),
            "line 2, column 3 (金额): \"0.125\" is not an amount in yuan with at most 2 decimals, such as -12.34; \
             correct the file at its source, or the profile",
        ),
        (
            profile(),
            book(|sheet| {
                sheet.write(1, 5, "beyond").unwrap();
            }),
            "line 2, column 5: the row has more cells than the header: 6 instead of 4; download the file again",
        ),
        (named("none"), good.clone(), "there is no sheet \"none\"; the sheets are \"about, rows\""),
        (
            named("about"),
            good.clone(),
            "line 1: the column 交易单号 is missing, which shop must have; download the bill again",
        ),
        (
            profile(),
            SAMPLE.as_bytes().to_vec(),
            "cannot read the Excel file: it is none; save it again as .xlsx",
        ),
        (
            by_sign(),
            good.clone(),
            "line 1, column 1: the file is no bill: it is a ZIP or Excel file; unpack it, or name the profile that describes it \
             (--profile, or profile= over HTTP)",
        ),
    ] {
        assert_eq!(read_profile(profile, &bytes).unwrap_err().to_string(), expected);
    }
    for end in [10, good.len() / 2, good.len() - 1] {
        assert!(matches!(read_profile(profile(), &good[..end]), Err(BillError::Sheet(_))), "cut at {end}");
    }
}

/// A workbook with this part of texts.
fn with_texts(texts: &str) -> Vec<u8> {
    let mut archive = zip::ZipWriter::new(Cursor::new(Vec::new()));
    archive.start_file("xl/sharedStrings.xml", zip::write::SimpleFileOptions::default()).unwrap();
    archive.write_all(texts.as_bytes()).unwrap();
    archive.finish().unwrap().into_inner()
}

#[test]
fn a_sheet_that_promises_or_holds_more_than_memory_is_refused_before_it_is_read() {
    let blanks = " ".repeat(3000);
    let many = "<si/>".repeat(usize::try_from(limits::BILL_SHEET_TEXTS_MAX).unwrap() + 1);
    for (texts, is_refused_early) in [
        ("<sst uniqueCount=\"3\"></sst>".to_owned(), false),
        ("<sst uniqueCount=\"99999999999999\"></sst>".to_owned(), true),
        ("<sst uniqueCount = '99999999999999'></sst>".to_owned(), true),
        (format!("{blanks}<sst {blanks} uniqueCount=\"99999999999999\"></sst>"), true),
        (format!("<sst uniqueCount{blanks}={blanks}\"99999999999999\"></sst>"), true),
        (format!("<sst>{many}</sst>"), true),
        (format!("<x:sst>{}</x:sst>", many.replace("<si", "<x:si")), true),
    ] {
        let error = read_profile(profile(), &with_texts(&texts)).unwrap_err().to_string();
        let expected =
            "cannot read the Excel file: it holds too many different texts; save it again as .xlsx";
        assert_eq!(error == expected, is_refused_early, "{error}");
    }
}

#[test]
fn a_sheet_that_unpacks_to_more_than_memory_is_refused() {
    let mut archive = zip::ZipWriter::new(Cursor::new(Vec::new()));
    archive.start_file("xl/big", zip::write::SimpleFileOptions::default()).unwrap();
    let piece = vec![b' '; 1024 * 1024];
    for _ in 0..=limits::BILL_SHEET_BYTES_MAX / 1024 / 1024 {
        archive.write_all(&piece).unwrap();
    }
    let bytes = archive.finish().unwrap().into_inner();
    assert!(matches!(read_profile(profile(), &bytes), Err(BillError::TooLarge { .. })));
}
