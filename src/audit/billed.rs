//! Lines of an imported bill: which event named their file, and what they say.

use serde_json::Value;

use super::history::{Entry, HistoryError, entry};
use crate::codec;
use crate::domain::bill::{BillEvent, BillKey, BillLines, Sha256Hex};
use crate::domain::event::Event;
use crate::limits;
use crate::store::{ReadLog, RecordedEvent};

/// A file, and some of its lines.
pub struct BilledFile {
    pub key: BillKey,
    pub sha256: Sha256Hex,
    /// What names the file and its hash.
    pub opened: Entry,
    /// What says that all of its lines stand; `None` where the import was never finished.
    pub sealed: Option<Entry>,
    pub lines: Vec<BilledLine>,
}

pub struct BilledLine {
    /// In the file, whose header is line 1.
    pub line: u64,
    /// As they are stored, by their columns.
    pub cells: Vec<(&'static str, Value)>,
}

/// The file of this hash as it was imported last, with those of these lines that it has; `None` where it never was.
pub async fn of(
    log: &dyn ReadLog,
    key: &BillKey,
    sha256: &Sha256Hex,
    lines: &[u64],
) -> Result<Option<BilledFile>, HistoryError> {
    let stream = codec::billday_stream(key);
    let (mut from, mut found, mut at) = (0, None::<BilledFile>, None);
    loop {
        let page = log.read_stream(&stream, from, limits::LARGE_EVENTS_PAGE).await;
        let page = page.map_err(HistoryError::Fault)?;
        let Some(last) = page.last() else { return Ok(found) };
        from = last.version + 1;
        for recorded in page {
            match codec::line_count(&recorded)? {
                Some(count) if at == Some(count.revision) => {
                    let told = told(&recorded, lines)?;
                    if let Some(file) = &mut found {
                        file.lines.extend(told);
                    }
                }
                Some(_) => {}
                None => word(entry(None, recorded)?, key, sha256, &mut found, &mut at),
            }
        }
    }
}

/// What an event other than lines says of the file; `at` is the revision whose lines are its own.
fn word(
    entry: Entry,
    key: &BillKey,
    wanted: &Sha256Hex,
    found: &mut Option<BilledFile>,
    at: &mut Option<u64>,
) {
    let Event::Bill(event) = &entry.decoded.event else { return };
    match event {
        BillEvent::Opened { revision, sha256, .. } if sha256 == wanted => {
            *at = Some(*revision);
            let (key, sha256) = (key.clone(), wanted.clone());
            *found = Some(BilledFile { key, sha256, opened: entry, sealed: None, lines: vec![] });
        }
        BillEvent::Sealed { revision, .. } if *at == Some(*revision) => {
            if let Some(file) = found {
                file.sealed = Some(entry);
            }
        }
        BillEvent::Opened { .. }
        | BillEvent::Sealed { .. }
        | BillEvent::Lines { .. }
        | BillEvent::Superseded { .. }
        | BillEvent::DeclaredEmpty { .. } => {}
    }
}

/// Those of the wanted lines that an event holds.
fn told(recorded: &RecordedEvent, wanted: &[u64]) -> Result<Vec<BilledLine>, HistoryError> {
    let Event::Bill(BillEvent::Lines { lines, .. }) = codec::decode(recorded)?.event else {
        return Ok(vec![]);
    };
    let of = |line: u64, cells: Result<Vec<(&'static str, Value)>, serde_json::Error>| {
        // What was read can be written.
        BilledLine { line, cells: cells.unwrap_or_default() }
    };
    let is_wanted = |line: &u64| wanted.contains(line);
    Ok(match &lines {
        BillLines::Trade(lines) => {
            let lines = lines.iter().filter(|line| is_wanted(&line.line));
            lines.map(|line| of(line.line, codec::cells(line))).collect()
        }
        BillLines::Funds(lines) => {
            let lines = lines.iter().filter(|line| is_wanted(&line.line));
            lines.map(|line| of(line.line, codec::cells(line))).collect()
        }
    })
}
