//! Players' OpenIds as support sees them: enough to compare two, too little to use one.

use super::{Cell, Table, Unit};

/// Characters that stay at the beginning and at the end.
const KEPT_FIRST: usize = 4;
const KEPT_LAST: usize = 2;
/// Of a shorter OpenId than this nearly everything would stay.
const LENGTH_MIN: usize = 10;
const HIDDEN: char = '…';

/// `oUpF…9k`; of a short one only the first character stays.
pub fn open_id(open_id: &str) -> String {
    let length = open_id.chars().count();
    let (first, last) = if length < LENGTH_MIN { (1, 0) } else { (KEPT_FIRST, KEPT_LAST) };
    let kept_first = open_id.chars().take(first);
    kept_first.chain([HIDDEN]).chain(open_id.chars().skip(length - last)).collect()
}

/// Masks every OpenId of a table: its columns of that unit, and those inside its JSON.
pub fn table(table: &mut Table) {
    for (place, column) in table.columns.iter().enumerate() {
        let mask: fn(&str) -> String = match column.unit {
            Unit::OpenId => open_id,
            Unit::Json => json,
            Unit::Text
            | Unit::Id
            | Unit::Fen
            | Unit::Millifen
            | Unit::Count
            | Unit::Moment
            | Unit::Day
            | Unit::Flag
            | Unit::Position
            | Unit::Seconds => continue,
        };
        for row in &mut table.rows {
            if let Some(Cell::Text(text)) = row.get_mut(place) {
                *text = mask(text);
            }
        }
    }
}

/// A text that is no JSON is hidden whole: nobody knows what stands in it.
fn json(text: &str) -> String {
    let Ok(mut value) = serde_json::from_str::<serde_json::Value>(text) else { return HIDDEN.into() };
    in_value(&mut value);
    value.to_string()
}

fn in_value(value: &mut serde_json::Value) {
    match value {
        serde_json::Value::Object(fields) => {
            for (name, value) in fields {
                match value {
                    serde_json::Value::String(text) if names_a_player(name) => *text = open_id(text),
                    value => in_value(value),
                }
            }
        }
        serde_json::Value::Array(items) => items.iter_mut().for_each(in_value),
        serde_json::Value::Null
        | serde_json::Value::Bool(_)
        | serde_json::Value::Number(_)
        | serde_json::Value::String(_) => {}
    }
}

/// `open_id`, and the protocol's `OpenId` and `ToUserOpenid`.
fn names_a_player(field: &str) -> bool {
    let letters = field.chars().filter(|c| *c != '_').collect::<String>();
    letters.to_ascii_lowercase().ends_with("openid")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::table::Column;

    #[test]
    fn of_an_open_id_the_first_four_and_the_last_two_characters_stay() {
        for (whole, masked) in [
            ("oUpF8uMuAJO_M2pxb1Q9zNjWeS6o", "oUpF…6o"),
            ("0123456789", "0123…89"),
            ("012345678", "0…"),
            ("玩家玩家玩家玩家玩家", "玩家玩家…玩家"),
            ("o", "o…"),
            ("", "…"),
        ] {
            assert_eq!(open_id(whole), masked, "{whole}");
        }
    }

    #[test]
    fn a_table_tells_no_open_id_in_its_columns_nor_inside_its_json() {
        let whole = "oUpF8uMuAJO_M2pxb1Q9zNjWeS6o";
        let column = |name: &str, unit| Column { name: name.into(), unit, label: String::new() };
        let json = format!(r#"{{"goods":[{{"OpenId":"{whole}","n":1}}],"to_user_openid":"{whole}"}}"#);
        let row = |cells: [&str; 3]| cells.map(|text| Cell::Text(text.into())).to_vec();
        let mut masked = Table {
            columns: vec![
                column("open_id", Unit::OpenId),
                column("data", Unit::Json),
                column("id", Unit::Id),
            ],
            rows: vec![row([whole, &json, "00123"]), row([whole, whole, "x"]), vec![Cell::Null; 3]],
        };
        table(&mut masked);
        let hidden = r#"{"goods":[{"OpenId":"oUpF…6o","n":1}],"to_user_openid":"oUpF…6o"}"#;
        assert_eq!(masked.rows[0], row(["oUpF…6o", hidden, "00123"]));
        assert_eq!(masked.rows[1], row(["oUpF…6o", "…", "x"]));
        assert_eq!(masked.rows[2], vec![Cell::Null; 3]);
    }
}
