//! An audit pack: one ZIP file by which somebody with Python alone verifies what an order's events were, against a
//! root that was published. It holds of other events only their digests, and never a key.

mod archive;

use std::collections::BTreeSet;
use std::io::{self, Read, Seek, Write};

use chrono::{DateTime, Utc};
use serde::Serialize;

use super::chain::{Segment, digest};
use super::seals::Seals;
use super::standing::{Counter, Stand};
use crate::domain::bill::Sha256Hex;
use crate::limits;
use crate::moment::stamp;
use crate::store::{Fault, Position, ReadLog, RecordedEvent};
use archive::{Archive, Files};

const README: &str = include_str!("README.txt");
/// Knows every file of the pack, and in which way it is written.
pub const SCRIPT: &str = include_str!("verify.py");
const FORMAT: &str = "order-ledger audit pack 1";

/// What goes into a pack.
pub struct Contents<'a> {
    /// The id that was asked for.
    pub id: &'a str,
    pub made_at: DateTime<Utc>,
    /// The log's end.
    pub position: Option<Position>,
    /// In the order of the log, each once.
    pub events: &'a [(&'a RecordedEvent, Stand)],
    pub seals: &'a Seals,
    /// JSON: rows of the reconciliation and the lines of bills behind them.
    pub bill: &'a str,
    /// JSON: what people decided.
    pub cases: &'a str,
}

/// What became of it.
#[derive(Debug, PartialEq, Eq)]
pub struct Packed {
    /// Of pack.json, which names the hashes of all other files: it names the pack.
    pub sha256: Sha256Hex,
    /// Events that no seal covers yet.
    pub unsealed: usize,
    /// Seals whose segment does not hash to what they say: the log was altered.
    pub altered: Vec<u64>,
}

#[derive(Debug, thiserror::Error)]
pub enum PackError {
    #[error("the log cannot be read: {0}")]
    Fault(#[from] Fault),
    #[error("the pack cannot be written: {0}")]
    Io(#[from] io::Error),
}

impl From<serde_json::Error> for PackError {
    fn from(error: serde_json::Error) -> Self {
        Self::Io(error.into())
    }
}

/// One line of events.jsonl. `ordinal` counts the events of the log from 1.
#[derive(Serialize)]
struct EventLine<'a> {
    position: u64,
    ordinal: u64,
    stream: &'a str,
    version: u64,
    id: String,
    event_type: &'a str,
    data: &'a str,
    metadata: &'a str,
}

#[derive(Serialize)]
struct Manifest<'a> {
    format: &'static str,
    software: String,
    made_at: String,
    id: &'a str,
    log_id: String,
    position: u64,
    events: usize,
    unsealed: usize,
    seals: usize,
    /// Empty where there is no seal.
    newest_root: &'a str,
    files: Files<'a>,
}

/// Whether a file is a pack of this program, of whatever version.
pub fn is_pack(file: impl Read + Seek) -> bool {
    let names = |archive: zip::ZipArchive<_>| {
        ["pack.json", "pack.sha256", "verify.py"].iter().all(|name| archive.index_for_name(name).is_some())
    };
    zip::ZipArchive::new(file).is_ok_and(names)
}

/// The same contents give the same bytes.
pub async fn write<W: Write + Send>(
    log: &dyn ReadLog,
    contents: &Contents<'_>,
    out: W,
) -> Result<Packed, PackError> {
    let Contents { events, seals, .. } = contents;
    let unsealed = events.iter().filter(|(_, stand)| stand.seal.is_none()).count();
    let needed: BTreeSet<usize> = events.iter().filter_map(|(_, stand)| stand.seal).collect();
    // Where nothing is sealed yet, the newest seal tells how far the log is.
    let first = needed.first().copied().unwrap_or(seals.all().len().saturating_sub(1));
    let shown = seals.all().get(first..).unwrap_or_default();

    let mut archive = Archive::begin(out);
    archive.file("README.txt", README.as_bytes())?;
    archive.file("verify.py", SCRIPT.as_bytes())?;
    archive.open("events.jsonl")?;
    for (event, stand) in *events {
        archive.line(&event_line(event, *stand)?)?;
    }
    archive.open("seals.jsonl")?;
    for anchor in shown {
        archive.line(&anchor.to_line()?)?;
    }
    let (mut altered, mut counter) = (Vec::new(), Counter::new(log));
    for place in needed {
        let Some(anchor) = seals.all().get(place) else { continue };
        archive.open(&format!("segments/{}.txt", anchor.seal.revision))?;
        let hash = write_segment(log, seals, place, &mut counter, &mut archive).await?;
        if hash != anchor.seal.segment {
            altered.push(anchor.seal.revision);
        }
    }
    archive.file("bill.json", contents.bill.as_bytes())?;
    archive.file("cases.json", contents.cases.as_bytes())?;
    let manifest = Manifest {
        format: FORMAT,
        software: format!("order-ledger {}", env!("CARGO_PKG_VERSION")),
        made_at: stamp(contents.made_at),
        id: contents.id,
        log_id: log.log_id().0.to_string(),
        position: contents.position.map_or(0, Position::number),
        events: events.len(),
        unsealed,
        seals: shown.len(),
        newest_root: shown.last().map_or("", |anchor| anchor.seal.root.as_str()),
        files: archive.files()?,
    };
    let manifest = serde_json::to_string(&manifest)?;
    Ok(Packed { sha256: archive.finish(&manifest)?, unsealed, altered })
}

fn event_line(event: &RecordedEvent, stand: Stand) -> Result<String, serde_json::Error> {
    let RecordedEvent { position, stream, version, id, event_type, data, metadata } = event;
    serde_json::to_string(&EventLine {
        position: position.number(),
        ordinal: stand.ordinal,
        stream: stream.as_str(),
        version: *version,
        id: id.hyphenated().to_string(),
        event_type,
        data,
        metadata,
    })
}

/// The digests of all events that the seal at this place sealed, one a line, and what they hash to.
async fn write_segment<W: Write>(
    log: &dyn ReadLog,
    seals: &Seals,
    place: usize,
    counter: &mut Counter<'_>,
    archive: &mut Archive<W>,
) -> Result<Sha256Hex, PackError> {
    let (mut segment, mut at) = (Segment::default(), counter.begin_of(seals, place).await?);
    loop {
        let page = log.read_all(at.last, limits::READ_PAGE_EVENTS_MAX).await?;
        for event in &page {
            let next = at.and(event.position);
            if !seals.reaches(place, next) {
                break;
            }
            at = next;
            let digest = digest(event);
            segment.add(&digest);
            archive.line(&hex::encode(digest))?;
        }
        if page.last().is_none_or(|last| at.last != Some(last.position)) {
            break;
        }
    }
    counter.go_on_from(at);
    Ok(Sha256Hex::of_digest(&segment.hash()))
}
