//! What is known under an id, for people: events first, then bills, rows and cases.

use std::borrow::Cow;

use serde_json::Value;

use super::{History, shown};
use crate::audit::history::Entry;
use crate::moment::beijing;
use crate::store::Position;
use crate::table::text::{harmless, text};
use crate::table::{Cell, Table};

pub fn print(history: &History) {
    for entry in &history.entries {
        event(entry, history);
    }
    for file in &history.billed {
        for line in shown::lines(file, Position::number) {
            out!("\nbill line {} of {}", line.line, harmless(line.file_name));
            out!("    file       SHA-256 {}", line.sha256);
            out!("    bill       {} {} {}", line.merchant, line.bill_day, line.kind);
            out!(
                "    read as    {}, named by the event at position {}",
                harmless(line.profile),
                line.opened_ordinal
            );
            for (name, cell) in line.cells.iter().filter(|(name, cell)| **name != "line" && !cell.is_null()) {
                out!("    {name:<20} {}", harmless(&cell_text(cell)));
            }
        }
    }
    rows("reconciliation", &history.related.rows);
    rows("recovered order", &history.related.recoveries);
    for case in shown::cases(history, Position::number) {
        let state = case.state.unwrap_or("without a row");
        out!("\ncase {}.{}.{}: {state}", case.merchant, case.kind, harmless(case.id));
        out!(
            "    said       {} (by {})",
            harmless(case.reason.unwrap_or("")),
            harmless(case.by.unwrap_or(""))
        );
        let events: Vec<_> = case.events.iter().map(u64::to_string).collect();
        out!("    events     at position {}", events.join(", "));
    }
}

fn cell_text(cell: &Value) -> Cow<'_, str> {
    cell.as_str().map_or_else(|| cell.to_string().into(), Cow::from)
}

fn rows(what: &str, table: &Table) {
    for row in table.rows() {
        out!("\n{what}");
        for (column, cell) in table.columns.iter().zip(row.cells()) {
            if !matches!(cell, Cell::Null) {
                out!("    {:<20} {}", column.name, text(column.unit, cell));
            }
        }
    }
}

fn event(entry: &Entry, history: &History) {
    let (recorded, metadata) = (&entry.recorded, &entry.decoded.metadata);
    let (seal, newest) = (history.seal_of(entry), history.seals.newest());
    out!(
        "#{} {} {} {}",
        recorded.position,
        beijing(metadata.recorded_at),
        harmless(recorded.stream.as_str()),
        entry.decoded.event.type_name()
    );
    let id_note = if entry.id_is_right { "made from its content" } else { "DOES NOT MATCH ITS CONTENT" };
    match entry.missing_before {
        0 => out!("    version    {}", recorded.version),
        missing => out!("    version    {} ({missing} EVENTS BEFORE IT ARE MISSING)", recorded.version),
    }
    out!("    event id   {} ({id_note})", recorded.id);
    out!("    data       {}", harmless(&recorded.data));
    if let Some(evidence) = &metadata.evidence {
        out!("    event      {}", harmless(&evidence.event));
        out!("    payload    {}", harmless(&evidence.payload));
        if let Some(signature) = &evidence.signature {
            out!("    sig        {} ({})", harmless(&signature.pay_event_sig), signature.verified_env);
        }
        out!("    transport  {}", evidence.transport.as_str());
    }
    out!("    signature  {}", harmless(&shown::in_words(&entry.proof)));
    match (seal, newest) {
        (Some(anchor), _) => {
            let seal = &anchor.seal;
            let problem = history.trusted.problem(anchor);
            let note = problem.map_or_else(String::new, |problem| format!(" ({problem})"));
            out!("    seal       {} of {}, root {}{note}", seal.revision, beijing(seal.sealed_at), seal.root);
        }
        (None, Some(_)) => out!("    seal       none yet"),
        // A log that is not sealed has nothing to say of it.
        (None, None) => {}
    }
}
