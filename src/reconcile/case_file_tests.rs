//! Edited reports: what is read of them, and what is refused where.

use std::io::Cursor;

use super::*;
use crate::table::book::Book;
use crate::table::{Cell, Column, Unit};

const HEADER: &str = "merchant,status,case_kind,case_id,case_state,case_reason,facts";

fn csv(rows: &str) -> Vec<u8> {
    format!("{HEADER}\r\n{rows}").into_bytes()
}

/// `row kind id status facts reason` of each row.
fn told(file: &[u8]) -> Result<Vec<String>, String> {
    let rows = read(file).map_err(|error| error.to_string())?.rows;
    let told = |row: &CaseRow| {
        let CaseRow { place, kind, id, status, facts, reason, .. } = row;
        format!("{place}: {} {id} {status} {facts} {reason}", kind.as_str())
    };
    Ok(rows.iter().map(told).collect())
}

fn workbook(rows: &[[&str; 6]]) -> Vec<u8> {
    let column = |name: &str| Column { name: name.into(), unit: Unit::Text, label: format!("标签 {name}") };
    let columns = COLUMNS.map(column);
    let mut book = Book::made_at(chrono::DateTime::UNIX_EPOCH).unwrap();
    let page = crate::table::Table { columns: vec![column("key")], rows: vec![] };
    book.page("report", &[("title".into(), page)]).unwrap();
    let mut sheets = book.rows("rows", &columns, limits::XLSX_SHEET_ROWS_MAX).unwrap();
    for row in rows {
        sheets.row(&row.map(|text| Cell::Text(text.into()))).unwrap();
    }
    let mut file = Cursor::new(vec![]);
    book.write_into(&mut file).unwrap();
    file.into_inner()
}

#[test]
fn rows_marked_as_resolved_are_read_and_others_are_not() {
    let rows = "1,missing_in_bill,order,demo.A,resolved,paid by hand,{a}\r\n\
                1,missing_in_bill,order,demo.B,open,,{b}\r\n\
                1,awaiting_bill,order,demo.C,,,\r\n\
                1,missing_in_ledger,payment,42#2, 已处理 ,\"a, \"\"b\"\"\",{c}\r\n";
    let expected = [
        "row 2: order demo.A missing_in_bill {a} paid by hand",
        "row 5: payment 42#2 missing_in_ledger {c} a, \"b\"",
    ];
    assert_eq!(told(&csv(rows)).unwrap(), expected);
    let with_bom = [b"\xef\xbb\xbf".as_slice(), &csv(rows)].concat();
    assert_eq!(told(&with_bom).unwrap(), expected);
    let gbk = GB18030.encode(std::str::from_utf8(&csv(rows)).unwrap()).0.into_owned();
    assert_eq!(told(&gbk).unwrap(), expected, "as Excel saves it");
}

#[test]
fn an_excel_file_is_read_below_its_labels_and_names() {
    let file = workbook(&[
        ["order", "demo.A", "resolved", "因为", "missing_in_bill", "{a}"],
        ["order", "demo.B", "open", "", "missing_in_bill", "{b}"],
        ["bill_refund", "5", "RESOLVED", "'=1", "refund_ambiguous", "{c}"],
    ]);
    assert_eq!(
        told(&file).unwrap(),
        [
            "sheet \"rows\", row 3: order demo.A missing_in_bill {a} 因为",
            "sheet \"rows\", row 5: bill_refund 5 refund_ambiguous {c} =1",
        ]
    );
}

#[test]
fn columns_may_stand_in_any_order_with_labels_and_a_row_above() {
    let file = "说明,,,,,\n事实 (facts),case_state,编号 (case_id),case_kind,case_reason,status\n\
                {a},resolved,demo.A,order,because,matched\n";
    assert_eq!(told(file.as_bytes()).unwrap(), ["row 3: order demo.A matched {a} because"]);
}

#[test]
fn each_problem_is_named_with_row_and_column() {
    for (row, problem) in [
        ("1,s,orders,demo.A,resolved,r,{}", "column C (case_kind): must be one of order, payment"),
        ("1,s,order,,resolved,r,{}", "column D (case_id): is empty"),
        ("1,s,payment,4.2E+27,resolved,r,{}", "column D (case_id): a spreadsheet has rounded"),
        ("1,,order,demo.A,resolved,r,{}", "column B (status): is empty"),
        ("1,s,order,demo.A,resolved,r,", "column G (facts): is empty"),
        ("1,s,order,demo.A,resolved,r", "column G (facts): is empty"),
        ("1,s,order,demo.A,resolved,  ,{}", "column F (case_reason): say in 1 to 1000"),
    ] {
        let error = told(&csv(row)).unwrap_err();
        assert!(error.starts_with(&format!("row 2, {problem}")), "{row}: {error}");
    }
    let twice = "1,s,order,demo.A,resolved,r,{}\n1,s,order,demo.A,resolved,r,{}";
    assert!(told(&csv(twice)).unwrap_err().starts_with("row 3, column D (case_id): this case stands"));
    let many = "1,s,order,,resolved,r,{}\n".repeat(limits::CASE_FILE_PROBLEMS_MAX + 3);
    assert!(told(&csv(&many)).unwrap_err().ends_with("\nand 3 more"));
}

#[test]
fn who_spoke_last_is_read_where_the_file_has_it() {
    let seen_by = |file: &str| read(file.as_bytes()).unwrap().rows.remove(0).seen_by;
    let row = "1,s,order,demo.A,resolved,r,{}";
    assert_eq!(seen_by(&format!("{HEADER},case_by\n{row},lin\n")), "lin");
    assert_eq!(seen_by(&format!("{HEADER},case_by\n{row},\n")), "");
    assert_eq!(seen_by(&format!("{HEADER}\n{row}\n")), "");
}

#[test]
fn what_a_person_wrote_that_resolves_nothing_is_told() {
    let no_word = |word: &str| Some(Unsaid::State(word.to_owned()));
    for (state, reason, by, why) in [
        ("done", "", "", no_word("done")),
        ("已解决", "because", "", no_word("已解决")),
        ("已处理。", "because", "lin", no_word("已处理。")),
        ("open", "because", "", Some(Unsaid::Reason)),
        ("", "because", "", Some(Unsaid::Reason)),
        ("Open", "", "", None),
        ("", "", "", None),
        // The reason may be the report's.
        ("open", "was another player", "wu", None),
        ("lapsed", "known", "lin", None),
        ("resolved", "because", "", None),
    ] {
        let file = format!("{HEADER},case_by\n1,s,order,demo.A,{state},{reason},{{}},{by}\n");
        let unclear = read(file.as_bytes()).unwrap().unclear;
        let told: Vec<_> = unclear.iter().map(|row| (row.place.row, row.id.as_str(), &row.why)).collect();
        let expected: Vec<_> = why.iter().map(|why| (2, "demo.A", why)).collect();
        assert_eq!(told, expected, "{state} {reason} {by}");
    }
    let without_by = format!("{HEADER}\n1,s,order,demo.A,open,because,{{}}\n");
    assert_eq!(read(without_by.as_bytes()), Ok(CaseFile::default()));
    let remark = format!("{HEADER}\n1,s,order,demo.A,open,,{{}}\n,,,,done by lin,,\n");
    assert_eq!(read(remark.as_bytes()), Ok(CaseFile::default()));
    let without_kind = format!("{HEADER}\n1,s,orders,demo.A,done,,{{}}\n");
    assert!(read(without_kind.as_bytes()).unwrap_err().to_string().contains("case_kind"));
}

#[test]
fn what_is_no_edited_report_is_refused() {
    for (file, error) in [
        ("", "no row of column names was found"),
        ("a,b\n1,2\n", "no row of column names was found"),
        ("a\nb\nc\ncase_id\n", "no row of column names was found"),
        ("case_id,status,case_kind,case_state,case_reason\n", "row 1: the column facts is missing"),
        ("case_id,status\n", "row 1: the columns case_kind, case_state, case_reason, facts are missing"),
        ("case_id,case_id\n", "row 1: two columns are named case_id"),
        ("PK and so on", "this is no Excel workbook (.xlsx)"),
    ] {
        let found = told(file.as_bytes()).unwrap_err();
        assert!(found.starts_with(error), "{file:?}: {found}");
    }
    assert_eq!(read(b"case_id,\xff\xff\xff\n"), Err(CaseFileError::Encoding));
    assert_eq!(read(&vec![b'a'; limits::CASE_FILE_BYTES_MAX + 1]), Err(CaseFileError::TooLarge));
    let ids = 0..=limits::CASE_FILE_ROWS_MAX;
    let rows: String = ids.map(|id| format!("1,s,order,demo.{id},resolved,r,{{}}\n")).collect();
    assert_eq!(read(&csv(&rows)), Err(CaseFileError::TooManyRows));
}
