//! Reports of a small answer: every format, twice, and what does not add up.

use chrono::{DateTime, Utc};
use uuid::Uuid;

use super::*;
use crate::domain::bill::MerchantId;
use crate::domain::samples;
use crate::domain::seal::Seal;
use crate::reconcile::source::EachRow;
use crate::store::{LogId, Position};
use crate::table::xlsx::reading::{cells, part};
use crate::table::{Table, Unit};

/// 2026-02-01 08:00 in Beijing.
const AT: DateTime<Utc> = DateTime::from_timestamp(1_769_904_000, 0).unwrap();

/// Answers as they were prepared, whatever the scope.
struct Prepared {
    summary: Table,
    rows: Table,
    coverage: Table,
    awaited: Table,
    seal: Option<Seal>,
}

fn column(name: &str, unit: Unit, label: &str) -> Column {
    Column { name: name.into(), unit, label: label.into() }
}

fn text(text: &str) -> Cell {
    Cell::Text(text.into())
}

fn fen(fen: i64) -> Cell {
    if fen == 0 { Cell::Null } else { Cell::Integer(fen) }
}

/// One order that the bill does not show, one payment without order, one that differs, one refund.
fn prepared() -> Prepared {
    let money = |label: &str| [column("ledger_fen", Unit::Fen, label), column("bill_fen", Unit::Fen, "")];
    let difference = || column("difference_fen", Unit::Fen, "差额");
    let mut rows = Table { columns: vec![column("kind", Unit::Text, "种类")], rows: vec![] };
    rows.columns.push(column("status", Unit::Text, "状态"));
    rows.columns.push(column("transaction_id", Unit::Id, "微信订单号"));
    rows.columns.extend(money("账本金额"));
    rows.columns.push(difference());
    let mut summary = Table { columns: vec![column("kind", Unit::Text, "种类")], rows: vec![] };
    summary.columns.push(column("status", Unit::Text, "状态"));
    summary.columns.push(column("rows", Unit::Count, "行数"));
    summary.columns.extend(money("账本金额"));
    summary.columns.push(difference());
    for (kind, status, id, ledger, bill) in [
        ("payment", "missing_in_bill", "=4200001", 600, 0),
        ("payment", "missing_in_ledger", "4200002", 0, 1000),
        ("payment", "amount_differs", "4200003", 600, 601),
        ("refund", "refund_matched", "4200003", -200, -200),
    ] {
        let sums = [fen(ledger), fen(bill), Cell::Integer(ledger - bill)];
        rows.rows.push([vec![text(kind), text(status), text(id)], sums.to_vec()].concat());
        summary.rows.push([vec![text(kind), text(status), Cell::Integer(1)], sums.to_vec()].concat());
    }
    let sides = ["day", "payments", "refunds", "funds"];
    let coverage = Table {
        columns: sides.map(|name| column(name, Unit::Text, "")).to_vec(),
        rows: [["2026-01-01", "covered", "covered", "covered"], ["2026-01-02", "covered", "no", "no"]]
            .map(|row| row.map(text).to_vec())
            .to_vec(),
    };
    let awaited = Table {
        columns: ["day", "side", "rows"].map(|name| column(name, Unit::Text, "")).to_vec(),
        rows: vec![vec![text("2025-12-31"), text("payments"), Cell::Integer(31)]],
    };
    Prepared { summary, rows, coverage, awaited, seal: None }
}

impl Prepared {
    fn answer(&self, query: &str) -> Table {
        match query {
            "summary" => self.summary.clone(),
            "report" | "rows" => self.rows.clone(),
            "coverage" => self.coverage.clone(),
            "awaited" => self.awaited.clone(),
            _ => Table::default(),
        }
    }
}

impl Source for Prepared {
    fn log_id(&self) -> LogId {
        LogId(Uuid::nil())
    }

    fn position(&self) -> Option<Position> {
        Some(Position::from_number(42))
    }

    fn seal(&self) -> Option<&Seal> {
        self.seal.as_ref()
    }

    fn version(&self) -> &str {
        "c0ffee"
    }

    fn columns(&self, query: &str) -> Result<Vec<Column>, AskError> {
        Ok(self.answer(query).columns)
    }

    fn ask(
        &self,
        query: &str,
        parameters: &[(String, String)],
        _as_of: DateTime<Utc>,
        each: EachRow<'_>,
    ) -> Result<(), AskError> {
        let status = parameters.iter().find(|(name, _)| name == "status").map(|(_, status)| status.as_str());
        let answer = self.answer(query);
        let wanted = answer.rows().filter(|row| status.is_none() || row.text("status") == status);
        wanted.for_each(|row| each(row.cells()).unwrap());
        Ok(())
    }
}

fn january(status: Option<&str>) -> Scope {
    let day = |day| chrono::NaiveDate::from_ymd_opt(2026, 1, day).unwrap();
    let merchant = MerchantId::parse("1900000109").unwrap();
    Scope::new(merchant, (day(1), day(31)), status.map(str::to_owned), AT).unwrap()
}

fn written(source: &Prepared, scope: &Scope, format: Format) -> (Vec<u8>, Written) {
    let mut out = vec![];
    let written = write(source, scope, format, &mut out).unwrap();
    (out, written)
}

#[test]
fn the_same_state_and_scope_give_the_same_bytes_in_every_format() {
    let formats = [Format::Csv(Bom::With), Format::Xlsx, Format::Json, Format::Table, Format::Filed];
    for format in formats {
        let (first, told) = written(&prepared(), &january(None), format);
        assert_eq!(written(&prepared(), &january(None), format), (first.clone(), told.clone()), "{format:?}");
        assert_eq!(told.sha256.as_str(), hex::encode(Sha256::digest(&first)), "{format:?}");
        assert_eq!((told.bytes, told.rows), (first.len() as u64, 4), "{format:?}");
    }
}

#[test]
fn csv_is_the_rows_alone_and_formulas_are_harmless() {
    let (csv, _) = written(&prepared(), &january(Some("missing_in_bill")), Format::Csv(Bom::Without));
    assert_eq!(
        String::from_utf8(csv).unwrap(),
        "kind,status,transaction_id,ledger_fen,bill_fen,difference_fen\r\n\
         payment,missing_in_bill,'=4200001,600,,600\r\n"
    );
}

#[test]
fn json_is_the_header_and_the_rows() {
    let (json, _) = written(&prepared(), &january(None), Format::Json);
    let json: serde_json::Value = serde_json::from_slice(&json).unwrap();
    assert_eq!(json["rows"][1]["transaction_id"], "4200002");
    let header = &json["header"];
    for (key, value) in [
        ("merchant", "1900000109"),
        ("from_day", "2026-01-01"),
        ("to_day", "2026-01-31"),
        ("as_of", "2026-02-01T00:00:00.000Z"),
        ("log_id", "00000000-0000-0000-0000-000000000000"),
        ("position", "42"),
        ("sql_version", "c0ffee"),
        ("software_version", env!("CARGO_PKG_VERSION")),
    ] {
        assert_eq!(header[key], value, "{key}");
    }
    assert!(header["seal_head"].is_null() && header["seal_count"].is_null() && header["status"].is_null());
    assert_eq!(header["coverage"][1]["refunds"], "no");
    let payments = serde_json::json!({
        "kind": "payment", "rows": 3, "ledger_fen": 1200, "bill_fen": 1601, "difference_fen": -401
    });
    assert_eq!(header["totals"][0], payments, "ledger less bill is the sum of the differences");
}

#[test]
fn the_newest_seal_stands_in_every_header() {
    let source = Prepared { seal: Some(samples::seal()), ..prepared() };
    let (json, _) = written(&source, &january(None), Format::Json);
    let json: serde_json::Value = serde_json::from_slice(&json).unwrap();
    let head = "e".repeat(64);
    for (key, value) in [
        ("seal_head", head.as_str()),
        ("seal_revision", "2"),
        ("seal_count", "1341"),
        ("seal_position", "1341"),
    ] {
        assert_eq!(json["header"][key], value, "{key}");
    }
    for format in [Format::Table, Format::Filed] {
        let (text, _) = written(&source, &january(None), format);
        assert!(String::from_utf8(text).unwrap().contains(&head), "{format:?}");
    }
    let (xlsx, _) = written(&source, &january(None), Format::Xlsx);
    assert!(format!("{:?}", cells(&xlsx, 1)).contains(&head));
}

#[test]
fn what_is_filed_is_the_header_as_a_line_and_the_rows_as_csv() {
    let (filed, _) = written(&prepared(), &january(None), Format::Filed);
    let filed = String::from_utf8(filed).unwrap();
    let (header, csv) = filed.split_once('\n').unwrap();
    assert_eq!(serde_json::from_str::<serde_json::Value>(header).unwrap()["position"], "42");
    let (rows, _) = written(&prepared(), &january(None), Format::Csv(Bom::Without));
    assert_eq!(csv.as_bytes(), rows);
}

#[test]
fn an_excel_file_has_the_header_first_and_then_as_many_sheets_as_the_rows_need() {
    let source = prepared();
    let header = Header::read(&source, &january(None)).unwrap();
    let mut file = vec![];
    assert_eq!(xlsx(None, &source, &header, 3, &mut file).unwrap(), 4);
    let names = part(&file, "xl/workbook.xml");
    assert!(
        names.contains("name=\"report\"")
            && names.contains("name=\"rows\"")
            && names.contains("name=\"rows 2\"")
    );
    let page = cells(&file, 1);
    for cell in ["\"商户号 merchant\"", "\"1900000109\"", "\"none\"", "\"按状态 by status\"", "-4.01", "-401"]
    {
        assert!(page.contains(&cell.to_owned()), "{cell} in {page:?}");
    }
    let rows = cells(&file, 2);
    assert_eq!(rows[3..6], ["\"账本金额 元\"", "\"账本金额 分\"", "\"bill_yuan\""]);
    assert_eq!(rows[9..13], ["\"kind\"", "\"status\"", "\"transaction_id\"", "\"ledger_yuan\""]);
    assert_eq!(rows[20..23], ["\"=4200001\"", "6", "600"], "a text, no formula");
    assert!(part(&file, "docProps/core.xml").contains("2026-02-01T00:00:00Z"), "made as of then");
}

#[test]
fn a_terminal_shows_sums_gaps_and_the_first_differences() {
    let (shown, told) = written(&prepared(), &january(None), Format::Table);
    assert_eq!(told.header.open_rows(), 3, "what matches waits for nobody");
    let shown = String::from_utf8(shown).unwrap();
    for line in [
        "Days without bills\nday         payments  refunds\n2026-01-02  covered   no\n",
        "31 rows wait for the bill of 2025-12-31 (payments).\n",
        "1 of 2 days have no fund flow bill.\n",
        "missing_in_ledger",
    ] {
        assert!(shown.contains(line), "{line} in\n{shown}");
    }
}

#[test]
fn figures_that_do_not_add_up_are_no_report() {
    let mut wrong = prepared();
    wrong.summary.rows[0][5] = Cell::Integer(599);
    let error = write(&wrong, &january(None), Format::Json, vec![]).unwrap_err();
    assert!(matches!(&error, ReportError::DoesNotAddUp(totals) if totals.kind == "payment"), "{error}");
    let mut fewer = prepared();
    fewer.rows.rows.pop();
    let error = write(&fewer, &january(None), Format::Csv(Bom::Without), vec![]).unwrap_err();
    assert!(error.to_string().starts_with("the refund rows do not add up to the summary: 0 rows"), "{error}");
    let mut other = prepared();
    other.rows.rows[0][3] = Cell::Integer(601);
    let error = write(&other, &january(None), Format::Xlsx, vec![]).unwrap_err();
    assert!(matches!(error, ReportError::OtherThanSummary { .. }), "{error}");
    let mut more = prepared();
    more.summary.rows.pop();
    assert!(write(&more, &january(None), Format::Filed, vec![]).is_err());
    let mut too_much = prepared();
    too_much.summary.rows[0][3] = Cell::Integer(i64::MAX);
    let error = write(&too_much, &january(None), Format::Json, vec![]).unwrap_err();
    assert!(matches!(error, ReportError::TooMuch(_)), "{error}");
}
