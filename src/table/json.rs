//! A table as JSON: a list of objects whose fields stand in the order of the columns.

use serde::ser::{SerializeMap, SerializeSeq};
use serde::{Serialize, Serializer};
use serde_json::value::RawValue;

use super::{Cell, Row, Table, Unit};

/// The rows as serde writes them: ids, texts, moments, days and positions as strings, fen, counts and
/// seconds as numbers, flags as booleans, JSON as itself.
pub struct Rows<'a>(pub &'a Table);

impl Serialize for Rows<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut rows = serializer.serialize_seq(Some(self.0.rows.len()))?;
        for row in self.0.rows() {
            rows.serialize_element(&row)?;
        }
        rows.end()
    }
}

impl Serialize for Row<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut fields = serializer.serialize_map(Some(self.columns.len()))?;
        for (column, cell) in self.columns.iter().zip(self.cells) {
            fields.serialize_entry(&column.name, &Value { unit: column.unit, cell })?;
        }
        fields.end()
    }
}

/// One cell as its unit says.
struct Value<'a> {
    unit: Unit,
    cell: &'a Cell,
}

impl Serialize for Value<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        match (self.cell, self.unit) {
            (Cell::Null, _) => serializer.serialize_unit(),
            (Cell::Integer(flag), Unit::Flag) => serializer.serialize_bool(*flag != 0),
            (
                Cell::Integer(number),
                Unit::Fen | Unit::Millifen | Unit::Count | Unit::Seconds | Unit::Json,
            ) => serializer.serialize_i64(*number),
            (Cell::Integer(number), _) => serializer.collect_str(number),
            (
                Cell::Real(number),
                Unit::Fen | Unit::Millifen | Unit::Count | Unit::Seconds | Unit::Flag | Unit::Json,
            ) => serializer.serialize_f64(*number),
            (Cell::Real(number), _) => serializer.collect_str(number),
            (Cell::Text(text), Unit::Json) => match serde_json::from_str::<&RawValue>(text) {
                Ok(json) => json.serialize(serializer),
                Err(_) => serializer.serialize_str(text),
            },
            (Cell::Text(text), unit) if unit.is_number() => match text.parse::<i64>() {
                Ok(number) => serializer.serialize_i64(number),
                Err(_) => serializer.serialize_str(text),
            },
            (Cell::Text(text), _) => serializer.serialize_str(text),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::table::{Column, sample};

    #[test]
    fn rows_are_objects_in_the_order_of_the_columns_with_the_type_that_the_unit_says() {
        let written = serde_json::to_string(&Rows(&sample::table())).unwrap();
        assert_eq!(
            written,
            r#"[{"out_trade_no":"00123","open_id":"oPlayer0000000000000000000001","amount_fen":1234,"count":2,"share":0.5,"first_at":"2025-12-31T16:00:00.123Z","day":"2026-01-01","granted":true,"position":"7","goods":[{"id":"a"}],"age_s":60,"note":"a, \"b\""},"#
                .to_owned()
                + r#"{"out_trade_no":"9007199254740993","open_id":null,"amount_fen":-5,"count":null,"share":null,"first_at":null,"day":null,"granted":false,"position":null,"goods":null,"age_s":null,"note":"=HYPERLINK(\"x\")"}]"#
        );
    }

    #[test]
    fn a_json_text_that_is_none_stays_a_text() {
        let mut table = sample::table();
        table.columns = vec![Column { name: "payload".into(), unit: Unit::Json, label: String::new() }];
        table.rows = vec![vec![Cell::Text("{".into())], vec![Cell::Text(" 1.0 ".into())]];
        assert_eq!(serde_json::to_string(&Rows(&table)).unwrap(), r#"[{"payload":"{"},{"payload":1.0}]"#);
    }
}
