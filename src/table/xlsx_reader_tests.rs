//! What is read of workbooks, honest ones and others.

use std::io::Write;

use super::*;

const BYTES_MAX: u64 = 1024 * 1024;
const SHEETS: &str =
    r#"<workbook><sheets><sheet name="A &amp; B" sheetId="1" r:id="r1"/></sheets></workbook>"#;
const PARTS: &str =
    r#"<Relationships><Relationship Id="r1" Target="worksheets/sheet1.xml"/></Relationships>"#;

fn zipped(parts: &[(&str, &str)]) -> Vec<u8> {
    let mut writer = zip::ZipWriter::new(Cursor::new(vec![]));
    for (name, text) in parts {
        writer.start_file(*name, zip::write::SimpleFileOptions::default()).unwrap();
        writer.write_all(text.as_bytes()).unwrap();
    }
    writer.finish().unwrap().into_inner()
}

fn workbook(strings: &str, sheet: &str) -> Vec<u8> {
    zipped(&[
        (WORKBOOK, SHEETS),
        (RELATIONS, PARTS),
        (STRINGS, &format!("<sst>{strings}</sst>")),
        ("xl/worksheets/sheet1.xml", &format!("<worksheet><sheetData>{sheet}</sheetData></worksheet>")),
    ])
}

/// `row:column=text` of all cells of the first sheet.
fn cells(file: &[u8]) -> Result<Vec<String>, ReadError> {
    let mut found = vec![];
    Workbook::open(file, BYTES_MAX)?.rows(0, &mut |row, cells| {
        found.extend(cells.iter().map(|cell| format!("{row}:{}={}", column_name(cell.column), cell.text)));
        ControlFlow::Continue(())
    })?;
    Ok(found)
}

#[test]
fn texts_stand_in_the_cells_or_among_the_shared_ones() {
    let strings = "<si><t>a &lt;b&gt;</t></si><si><r><t>c</t></r><rPh><t>see</t></rPh><r><t xml:space=\"preserve\"> d</t></r></si>";
    let sheet = r#"<row r="2"><c r="A2" t="s"><v>1</v></c><c r="C2" t="s"><v>0</v></c><c t="n"><v>1.5</v></c>
        <c r="AA2" t="inlineStr"><is><t>x_x000A_y_x005F_x0041_</t></is></c></row><row><c><v>7</v></c></row>"#;
    let found = cells(&workbook(strings, sheet)).unwrap();
    assert_eq!(found, ["2:A=c d", "2:C=a <b>", "2:D=1.5", "2:AA=x\ny_x0041_", "3:A=7"]);
}

#[test]
fn what_the_workbook_says_of_itself_is_not_believed() {
    let boasting = format!("<sst uniqueCount=\"{}\"><si><t>a</t></si></sst>", u64::MAX);
    let file = zipped(&[(WORKBOOK, SHEETS), (RELATIONS, PARTS), (STRINGS, &boasting)]);
    assert!(Workbook::open(&file, BYTES_MAX).is_ok());
}

#[test]
fn a_bomb_is_not_unpacked() {
    let sheet = format!("<row r=\"1\"><c><v>{}</v></c></row>", " ".repeat(8 * 1024 * 1024));
    let file = workbook("", &sheet);
    assert!(file.len() < 100_000, "{}", file.len());
    assert_eq!(cells(&file), Err(ReadError::TooLarge(BYTES_MAX)));
    let shared = format!("<si><t>{}</t></si>", "a".repeat(100_000));
    let row = format!("<row r=\"1\">{}</row>", "<c t=\"s\"><v>0</v></c>".repeat(50));
    assert!(matches!(cells(&workbook(&shared, &row)), Err(ReadError::Damaged { .. })));
    let strings = "<si/>".repeat(limits::XLSX_STRINGS_MAX + 1);
    let file = workbook(&strings, "");
    let opened = Workbook::open(&file, 64 * BYTES_MAX);
    assert_eq!(opened.err(), Some(ReadError::TooManyTexts));
}

#[test]
fn what_is_damaged_is_refused_with_its_part() {
    let sheet = "xl/worksheets/sheet1.xml in ";
    for (content, problem) in [
        ("<row r=\"0\"></row>", "there is no row 0"),
        ("<row r=\"1048577\"></row>", "there is no row 1048577"),
        ("<row r=\"x\"></row>", "a row without number"),
        ("<row r=\"1\"><c r=\"XFE1\"></c></row>", "a cell without place"),
        ("<row r=\"1\"><c r=\"AAAAA1\"></c></row>", "a cell without place"),
        ("<row r=\"1\"><c r=\"1\"></c></row>", "a cell without place"),
        (
            "<row><c r=\"B1\"><v>1</v></c><c r=\"A1\"><v>1</v></c></row>",
            "cells that do not stand in their order",
        ),
        ("<row r=\"1\"><c t=\"s\"><v>0</v></c></row>", "a cell whose text is missing"),
        ("<row r=\"1\"><c t=\"s\"><v>-1</v></c></row>", "a cell whose text is missing"),
        ("<row r=\"1\"><c><v>&bomb;</v></c></row>", "an entity that is not accepted"),
    ] {
        match cells(&workbook("", content)) {
            Err(ReadError::Damaged { part, problem: found }) => {
                assert_eq!((format!("{part} in "), found.as_str()), (sheet.to_owned(), problem), "{content}");
            }
            other => panic!("{content}: {other:?}"),
        }
    }
    for file in [&b""[..], b"PK", b"PK\x03\x04", &zipped(&[("a", "b")]), b"%PDF-1.4 and so on"] {
        assert!(matches!(cells(file), Err(ReadError::NotXlsx(_))));
    }
    let declared = zipped(&[(WORKBOOK, SHEETS), (RELATIONS, "<!DOCTYPE a [<!ENTITY b \"c\">]><a/>")]);
    assert!(matches!(cells(&declared), Err(ReadError::Damaged { .. })));
}

#[test]
fn a_torn_workbook_is_an_error_or_less_of_it_never_a_panic() {
    let file = workbook("<si><t>a</t></si>", "<row r=\"1\"><c t=\"s\"><v>0</v></c></row>");
    for at in 0..file.len() {
        let _ = cells(&file[..at]);
        let mut other = file.clone();
        other[at] ^= 0xff;
        let _ = cells(&other);
    }
}

#[test]
fn columns_have_letters() {
    for (column, name) in [(0, "A"), (25, "Z"), (26, "AA"), (701, "ZZ"), (702, "AAA"), (16_383, "XFD")] {
        assert_eq!(column_name(column), name);
        assert_eq!(column_of(&format!("{name}12")), Some(column));
    }
}
