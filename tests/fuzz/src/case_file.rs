//! What must hold whatever the bytes of an edited report are, and files to begin with. The fuzz target and a test
//! share it.

use order_ledger::reconcile::case_file::{CaseFile, CaseRow, read};

use super::workbook;

const HEADER: [&str; 7] =
    ["merchant", "status", "case_kind", "case_id", "case_state", "case_reason", "facts"];
const ROWS: [[&str; 7]; 3] = [
    ["1900000109", "missing_in_bill", "order", "demo.A", "resolved", "paid by hand", "{\"a\":1}"],
    ["1900000109", "missing_in_bill", "order", "demo.B", "open", "", "{}"],
    ["1900000109", "missing_in_ledger", "payment", "4200#2", "已处理", "see \"4711\", closed", "{\"b\":2}"],
];

/// Reads the bytes. Panics where something does not hold.
pub fn check(bytes: &[u8]) {
    if workbook::is_sheet(bytes) {
        check_file(&workbook::of_sheet(bytes));
    }
    check_file(bytes);
}

fn check_file(bytes: &[u8]) {
    let first = read(bytes);
    match &first {
        Ok(CaseFile { rows, unclear }) => {
            rows.iter().for_each(is_usable);
            assert!(unclear.iter().all(|row| row.place.row > 0 && !row.id.is_empty()));
        }
        Err(error) => assert!(!error.to_string().is_empty()),
    }
    assert_eq!(first, read(bytes), "the same file means the same");
}

fn is_usable(row: &CaseRow) {
    assert!(row.place.row > 0);
    assert!(!row.id.is_empty() && !row.status.is_empty() && !row.reason.trim().is_empty());
}

/// Files to begin with, by name: each is accepted, the bare sheet in a workbook.
pub fn seeds() -> Vec<(String, Vec<u8>)> {
    let quoted = |cells: &[&str; 7]| cells.map(|cell| format!("\"{}\"", cell.replace('"', "\"\""))).join(",");
    let mut csv = HEADER.join(",");
    for row in &ROWS {
        csv.push_str("\r\n");
        csv.push_str(&quoted(row));
    }
    let with_bom = format!("\u{feff}{csv}");
    let rows: Vec<&[&str]> = [&HEADER].into_iter().chain(&ROWS).map(|row| &row[..]).collect();
    let sheet = workbook::sheet(&rows);
    vec![
        ("csv".to_owned(), csv.into_bytes()),
        ("csv_with_bom".to_owned(), with_bom.into_bytes()),
        ("xlsx".to_owned(), workbook::of_sheet(&sheet)),
        ("sheet".to_owned(), sheet),
    ]
}
