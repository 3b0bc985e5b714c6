//! What stands above a report: its scope, the state it is of, the sums, what the bills cover, and the files.
//! Every figure is checked: what the ledger and the bills differ by is the sum of the differences, to the fen.

use serde::ser::SerializeMap;
use serde::{Serialize, Serializer};

use super::report::ReportError;
use super::scope::{self, Scope};
use super::source::{self, Source};
use crate::domain::seal::Seal;
use crate::moment::{beijing, stamp};
use crate::store::{LogId, Position};
use crate::table::json::Rows;
use crate::table::{Cell, Column, Row, Table, Unit};

pub const SOFTWARE_VERSION: &str = env!("CARGO_PKG_VERSION");

/// The fact that is a moment.
const AS_OF: &str = "as_of";

#[derive(Clone, Debug, PartialEq)]
pub struct Header {
    pub scope: Scope,
    pub log_id: LogId,
    pub position: Option<Position>,
    /// The newest that stands at or before the position.
    pub seal: Option<Seal>,
    /// The hash of the SQL that matched.
    pub sql_version: String,
    /// Of payments and of refunds, whatever their status.
    pub totals: Vec<Totals>,
    /// Counts and sums by kind and status.
    pub summary: Table,
    /// What the bills cover, by day.
    pub coverage: Table,
    /// Days before the scope whose bills its rows wait for.
    pub awaited: Table,
    pub files: Table,
    /// Differences from before, those that go on, and what came late.
    pub carried: Table,
}

/// The sums of rows; `ledger_fen - bill_fen` is `difference_fen`.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Totals {
    pub kind: String,
    pub rows: i64,
    pub ledger_fen: i64,
    pub bill_fen: i64,
    pub difference_fen: i64,
}

impl Totals {
    fn of(kind: &str) -> Self {
        Self { kind: kind.to_owned(), ..Self::default() }
    }

    /// `None` where a sum is too large to count.
    pub fn plus(&self, rows: i64, sums: Sums) -> Option<Self> {
        Some(Self {
            kind: self.kind.clone(),
            rows: self.rows.checked_add(rows)?,
            ledger_fen: self.ledger_fen.checked_add(sums.ledger_fen)?,
            bill_fen: self.bill_fen.checked_add(sums.bill_fen)?,
            difference_fen: self.difference_fen.checked_add(sums.difference_fen)?,
        })
    }

    pub fn adds_up(&self) -> bool {
        self.ledger_fen.checked_sub(self.bill_fen) == Some(self.difference_fen)
    }
}

/// What a row says of money; what it does not say is nothing.
#[derive(Clone, Copy)]
pub struct Sums {
    ledger_fen: i64,
    bill_fen: i64,
    difference_fen: i64,
}

impl Sums {
    pub fn of(row: Row<'_>) -> Self {
        let fen = |column| row.integer(column).unwrap_or(0);
        Self {
            ledger_fen: fen("ledger_fen"),
            bill_fen: fen("bill_fen"),
            difference_fen: fen("difference_fen"),
        }
    }
}

impl Header {
    pub fn read(source: &dyn Source, scope: &Scope) -> Result<Self, ReportError> {
        let parameters = scope.parameters();
        let table = |query| source::table(source, query, &parameters, scope.as_of);
        let summary = table("summary")?;
        let totals = totals(&summary, |_| true)?;
        if let Some(wrong) = totals.iter().find(|totals| !totals.adds_up()) {
            return Err(ReportError::DoesNotAddUp(wrong.clone()));
        }
        Ok(Self {
            scope: scope.clone(),
            log_id: source.log_id(),
            position: source.position(),
            seal: source.seal().cloned(),
            sql_version: source.version().to_owned(),
            totals,
            summary,
            coverage: table("coverage")?,
            awaited: table("awaited")?,
            files: table("files")?,
            carried: table("carried")?,
        })
    }

    /// The sums of the rows that the report lists.
    pub fn listed(&self) -> Result<Vec<Totals>, ReportError> {
        let status = self.scope.status.as_deref();
        totals(&self.summary, |row| status.is_none() || row.text("status") == status)
    }

    /// Days of which the bills do not say everything.
    pub fn gaps(&self) -> Table {
        let is_gap = |row: &Row<'_>| ["payments", "refunds"].iter().any(|side| row.text(side) == Some("no"));
        let rows = self.coverage.rows().filter(is_gap).map(|row| row.cells().to_vec());
        Table { columns: self.coverage.columns.clone(), rows: rows.collect() }
    }

    /// Differences that wait for a decision.
    pub fn open_rows(&self) -> i64 {
        let count = |row: Row<'_>| match row.text("status") {
            Some(status) if scope::is_difference(status) => {
                row.integer("rows").unwrap_or(0) - row.integer("resolved_rows").unwrap_or(0)
            }
            Some(_) | None => 0,
        };
        self.summary.rows().map(count).sum()
    }

    /// What is missing beside the days of the scope, a sentence each.
    pub fn remarks(&self) -> Vec<String> {
        let waits = |row: Row<'_>| {
            let (day, side) = (row.text("day").unwrap_or_default(), row.text("side").unwrap_or_default());
            let rows = match row.integer("rows").unwrap_or(0) {
                1 => "1 row waits".to_owned(),
                rows => format!("{rows} rows wait"),
            };
            format!("{rows} for the bill of {day} ({side})")
        };
        let mut remarks: Vec<String> = self.awaited.rows().map(waits).collect();
        let days = self.coverage.rows.len();
        let without_funds = self.coverage.rows().filter(|row| row.text("funds") == Some("no")).count();
        if without_funds > 0 {
            remarks.push(format!("{without_funds} of {days} days have no fund flow bill"));
        }
        remarks
    }

    /// The facts of the report itself, as lines for people: the moment is Beijing's.
    pub fn about(&self) -> Table {
        let text = |text: &str| Cell::Text(text.to_owned());
        let row = |Fact { key, label, value }: Fact| {
            let value = if key == AS_OF { Some(beijing(self.scope.as_of)) } else { value };
            vec![text(label), text(key), text(value.as_deref().unwrap_or("none"))]
        };
        Table {
            columns: [("item", "项目 item"), ("key", "键 key"), ("value", "值 value")]
                .map(|(name, label)| Column { name: name.into(), unit: Unit::Id, label: label.into() })
                .to_vec(),
            rows: self.facts().map(row).to_vec(),
        }
    }

    pub fn totals_table(&self) -> Table {
        let columns = [
            ("kind", Unit::Text, "种类 kind"),
            ("rows", Unit::Count, "行数 rows"),
            ("ledger_fen", Unit::Fen, "账本金额 ledger"),
            ("bill_fen", Unit::Fen, "账单金额 bill"),
            ("difference_fen", Unit::Fen, "差额合计 sum of differences"),
        ];
        let row = |totals: &Totals| {
            let Totals { kind, rows, ledger_fen, bill_fen, difference_fen } = totals;
            let mut cells = vec![Cell::Text(kind.clone())];
            cells.extend([rows, ledger_fen, bill_fen, difference_fen].map(|number| Cell::Integer(*number)));
            cells
        };
        Table {
            columns: columns
                .map(|(name, unit, label)| Column { name: name.into(), unit, label: label.into() })
                .to_vec(),
            rows: self.totals.iter().map(row).collect(),
        }
    }

    /// Everything, in order, under titles: name for programs, and title for people.
    pub fn sections(&self) -> [(&'static str, &'static str, Table); 6] {
        [
            ("totals", "合计 totals", self.totals_table()),
            ("summary", "按状态 by status", self.summary.clone()),
            ("coverage", "账单覆盖 coverage by day", self.coverage.clone()),
            ("awaited", "等待中的账单 bills of before that rows wait for", self.awaited.clone()),
            ("files", "账单文件 bill files", self.files.clone()),
            ("carried", "结转与迟到 carried and late", self.carried.clone()),
        ]
    }

    fn facts(&self) -> [Fact; 13] {
        let Scope { merchant, from, to, status, as_of } = &self.scope;
        let of_seal = |value: fn(&Seal) -> String| self.seal.as_ref().map(value);
        let fact = |key, label, value: String| Fact { key, label, value: Some(value) };
        let maybe = |key, label, value| Fact { key, label, value };
        [
            fact("merchant", "商户号 merchant", merchant.to_string()),
            fact("from_day", "起始日 from", from.to_string()),
            fact("to_day", "截止日 to", to.to_string()),
            maybe("status", "状态筛选 status", status.clone()),
            fact(AS_OF, "截至时刻 as of", stamp(*as_of)),
            fact("log_id", "日志编号 log", self.log_id.0.to_string()),
            maybe("position", "日志位置 position", self.position.map(|position| position.to_string())),
            maybe("seal_head", "封存根哈希 root of the newest seal", of_seal(|seal| seal.root.to_string())),
            maybe("seal_revision", "封存序号 its number", of_seal(|seal| seal.revision.to_string())),
            maybe("seal_count", "封存的事件数 events it covers", of_seal(|seal| seal.count.to_string())),
            maybe("seal_position", "封存到的位置 up to position", of_seal(|seal| seal.position.to_string())),
            fact("sql_version", "对账规则版本 SQL version", self.sql_version.clone()),
            fact("software_version", "软件版本 software version", SOFTWARE_VERSION.to_owned()),
        ]
    }
}

struct Fact {
    key: &'static str,
    label: &'static str,
    value: Option<String>,
}

impl Serialize for Header {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut fields = serializer.serialize_map(None)?;
        for Fact { key, value, .. } in self.facts() {
            fields.serialize_entry(key, &value)?;
        }
        for (key, _, table) in self.sections() {
            fields.serialize_entry(key, &Rows(&table))?;
        }
        fields.end()
    }
}

/// By kind, of those rows of the summary that are wanted.
fn totals(summary: &Table, is_wanted: impl Fn(&Row<'_>) -> bool) -> Result<Vec<Totals>, ReportError> {
    let mut sums: Vec<Totals> = Vec::new();
    for row in summary.rows().filter(is_wanted) {
        let kind = row.text("kind").ok_or(ReportError::Column("summary", "kind"))?;
        let rows = row.integer("rows").ok_or(ReportError::Column("summary", "rows"))?;
        add(&mut sums, kind, rows, Sums::of(row))?;
    }
    Ok(sums)
}

/// Adds to the sums of a kind.
pub fn add(totals: &mut Vec<Totals>, kind: &str, rows: i64, sums: Sums) -> Result<(), ReportError> {
    let place = totals.iter().position(|totals| totals.kind == kind).unwrap_or_else(|| {
        totals.push(Totals::of(kind));
        totals.len() - 1
    });
    if let Some(known) = totals.get_mut(place) {
        *known = known.plus(rows, sums).ok_or_else(|| ReportError::TooMuch(kind.to_owned()))?;
    }
    Ok(())
}
