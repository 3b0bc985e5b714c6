//! What `replay --check` tells of each read model, in words and as JSON.

use serde::Serialize;

use super::ToldAs;
use super::check::{By, Checked};
use crate::replay::check::{Compared, Difference, Differing, What};
use crate::store::Position;

/// Said of a read model that agrees with what is stored in it.
const STORED: &str = "was built by other definitions than those that are usable now, and was compared by those that are \
    stored in it: whoever altered rows could have altered them too. The program that has the usable ones builds it anew";

#[derive(Serialize)]
struct Line<'a> {
    projection: &'a str,
    /// `null` where it was not compared.
    position: Option<String>,
    is_equal: bool,
    /// usable or stored: whose definitions the log was folded by. `null` where it was not compared.
    compared_by: Option<&'static str>,
    tables: u64,
    rows: u64,
    problem: Option<&'a str>,
    differences: Vec<Shown<'a>>,
}

#[derive(Serialize)]
struct Shown<'a> {
    table: &'a str,
    /// damaged, schema, unreadable, missing, extra or otherwise
    kind: &'static str,
    key: Vec<[&'a str; 2]>,
    /// Name, what answers, and what the log makes of it.
    columns: Vec<[&'a str; 3]>,
    message: String,
}

impl<'a> Shown<'a> {
    fn of(difference: &'a Difference) -> Self {
        let (kind, fields, differing) = match &difference.what {
            What::Damaged(_) => ("damaged", &[][..], &[][..]),
            What::Schema(_) => ("schema", &[][..], &[][..]),
            What::Unreadable(_) => ("unreadable", &[][..], &[][..]),
            What::Missing(key) => ("missing", key.as_slice(), &[][..]),
            What::Extra(key) => ("extra", key.as_slice(), &[][..]),
            What::Otherwise { key, columns } => ("otherwise", key.as_slice(), columns.as_slice()),
        };
        let key = fields.iter().map(|field| [field.name.as_str(), field.value.as_str()]).collect();
        let column = |differing: &'a Differing| {
            [differing.name.as_str(), differing.found.as_str(), differing.folded.as_str()]
        };
        let columns = differing.iter().map(column).collect();
        Self { table: &difference.table, kind, key, columns, message: difference.to_string() }
    }
}

pub fn tell(projection: &str, checked: &Checked, told_as: ToldAs) -> anyhow::Result<()> {
    if told_as == ToldAs::Json {
        out!("{}", serde_json::to_string(&line(projection, checked))?);
        return Ok(());
    }
    match checked {
        Checked::Wrong(problem) => out!("{projection}: {problem}"),
        Checked::LeftOut(why) => out!("{projection}: not compared: it {why}"),
        Checked::Compared { position, by, compared } => {
            let at = position.map_or(0, Position::number);
            let Compared { tables, rows, differences } = compared;
            if *by == By::Stored {
                out!("{projection}: it {STORED}");
            }
            if differences.is_empty() {
                out!("{projection}: equal at position {at}: {tables} tables, {rows} rows");
            }
            for difference in differences {
                out!("{projection}: differs at position {at}: {difference}");
            }
        }
    }
    Ok(())
}

fn line<'a>(projection: &'a str, checked: &'a Checked) -> Line<'a> {
    let line = Line {
        projection,
        position: None,
        is_equal: checked.is_equal(),
        compared_by: None,
        tables: 0,
        rows: 0,
        problem: None,
        differences: vec![],
    };
    match checked {
        Checked::Wrong(problem) | Checked::LeftOut(problem) => Line { problem: Some(problem), ..line },
        Checked::Compared { position, by, compared } => Line {
            position: position.map(|position| position.to_string()),
            compared_by: Some(by.as_str()),
            tables: compared.tables,
            rows: compared.rows,
            problem: (*by == By::Stored).then_some(STORED),
            differences: compared.differences.iter().map(Shown::of).collect(),
            ..line
        },
    }
}
