//! What became of a bill file, for people: its days on stdout, and on stderr the lines by which it differs.

use std::path::Path;

use super::super::admin_client::Refusal;
use crate::http::api::{BillDayImported, BillImported, DayOutcome};

pub fn imported(file: &Path, imported: &BillImported) {
    let BillImported { merchant, kind, rows, sha256, lines, .. } = imported;
    out!("{}: merchant {merchant}, {kind}, {rows} lines, SHA-256 {sha256}", file.display());
    for day in &imported.days {
        out!("  {}: {}", day.day, of_day(day));
    }
    for (app, count) in &lines.apps {
        out!("  {count} lines of {app}");
    }
    if lines.other_apps > 0 {
        out!("  {} lines with an AppID that is not configured", lines.other_apps);
    }
    if lines.no_app > 0 {
        out!("  {} lines without an AppID", lines.no_app);
    }
}

fn of_day(day: &BillDayImported) -> String {
    let BillDayImported { rows, lines_stood, superseded, .. } = day;
    let done = match day.outcome {
        DayOutcome::Imported => format!("{rows} lines imported"),
        DayOutcome::Resumed => {
            format!(
                "{rows} lines stand; {lines_stood} of them had been appended by a run that was interrupted"
            )
        }
        DayOutcome::Stands => format!("{rows} lines stood already; nothing was appended"),
    };
    match superseded {
        Some(sha256) => format!("{done}; {sha256} is superseded"),
        None => done,
    }
}

/// The lines by which a file differs from what stands.
pub fn differences(refusal: &Refusal) {
    let rows = refusal.detail.get("rows").and_then(serde_json::Value::as_array);
    for row in rows.into_iter().flatten() {
        let text = |name: &str| row.get(name).and_then(serde_json::Value::as_str).unwrap_or_default();
        let line = row.get("line").and_then(serde_json::Value::as_u64).unwrap_or_default();
        eprintln!("  {} line {line} {}: {}", text("day"), text("change"), text("id"));
        let columns = row.get("columns").and_then(serde_json::Value::as_array);
        for column in columns.into_iter().flatten() {
            let name = column.get("column").and_then(serde_json::Value::as_str).unwrap_or_default();
            let value = |side: &str| column.get(side).map_or_else(String::new, ToString::to_string);
            eprintln!("    {name}: {} stands, {} in the file", value("stands"), value("file"));
        }
    }
}
