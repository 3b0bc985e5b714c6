//! Environment variables `ORDER_LEDGER__SECTION__KEY`, laid over what the file says.

use std::collections::BTreeMap;

use super::place::{Place, Problems};
use super::raw::{Node, Table, Value, from_environment};

const PREFIX: &str = "ORDER_LEDGER__";

/// The variable for a key such as `access.finance-lin.role`.
pub fn variable(key: &str) -> String {
    format!("{PREFIX}{}", key.replace('.', "__").replace('-', "_").to_ascii_uppercase())
}

/// Sets in `root` what the environment says. Keys that do not exist are found later, when the tree is
/// read, like those of the file.
pub fn overlay(
    root: &mut Table,
    environment: impl IntoIterator<Item = (String, String)>,
    problems: &Problems,
) {
    // Sorted, so that a whole section comes before its keys.
    let ours: BTreeMap<String, String> =
        environment.into_iter().filter(|(name, _)| name.starts_with(PREFIX)).collect();
    for (name, text) in ours {
        let place = Place::Environment(name.clone());
        match path(&name) {
            Some(path) => {
                if let Err(no_section) = set(root, &path, &place, from_environment(place.clone(), &text)) {
                    problems.report(
                        &place,
                        &path.join("."),
                        format!("{no_section} is no section, so it has no keys"),
                    );
                }
            }
            None => problems.report(
                &place,
                "",
                "is no key: write ORDER_LEDGER__SECTION__KEY in upper-case letters, digits and _",
            ),
        }
    }
}

/// The key a variable stands for: `["app", "demo", "mode"]`.
fn path(variable: &str) -> Option<Vec<String>> {
    let rest = variable.strip_prefix(PREFIX)?;
    let allowed = |byte: u8| byte.is_ascii_uppercase() || byte.is_ascii_digit() || byte == b'_';
    let mut path: Vec<String> = rest.split("__").map(str::to_ascii_lowercase).collect();
    if !rest.bytes().all(allowed) || path.iter().any(String::is_empty) {
        return None;
    }
    // The name of an access token has no `_`, and a variable no `-`.
    if let [section, name, ..] = path.as_mut_slice()
        && section == "access"
    {
        *name = name.replace('_', "-");
    }
    Some(path)
}

/// Sets the value at `path`, or returns the part of the path that is there and is no section.
fn set(table: &mut Table, path: &[String], place: &Place, value: Node) -> Result<(), String> {
    match path {
        [] => Ok(()),
        [key] => {
            lay_over(table, key, value);
            Ok(())
        }
        [section, rest @ ..] => {
            let empty = || Node { place: place.clone(), value: Value::Table(Table::new()), written: None };
            match &mut table.entry(section.clone()).or_insert_with(empty).value {
                Value::Table(below) => set(below, rest, place, value).map_err(|at| format!("{section}.{at}")),
                Value::Text(_)
                | Value::Integer(_)
                | Value::Flag(_)
                | Value::DateTime(_)
                | Value::List(_)
                | Value::Other(_) => Err(section.clone()),
            }
        }
    }
}

/// A table adds to a table; anything else takes the place of what was there.
fn lay_over(table: &mut Table, key: &str, node: Node) {
    match (table.get_mut(key), node.value) {
        (Some(Node { value: Value::Table(below), .. }), Value::Table(above)) => {
            for (key, node) in above {
                lay_over(below, &key, node);
            }
        }
        (_, value) => {
            table.insert(key.to_owned(), Node { value, ..node });
        }
    }
}
