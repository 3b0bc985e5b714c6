//! A fixed log, `tests/fixtures/replay.jsonl`, and its beginnings.

use std::path::Path;

use chrono::{DateTime, Utc};
use order_ledger::codec;
use order_ledger::store::sqlite::{Settings, SqliteStore};
use order_ledger::store::{Append, EventStore, ExpectedVersion, NewEvent, StreamName, Urgency};
use serde_json::Value;

use super::reconciling::appended;

/// One event of it.
#[derive(Clone)]
pub struct Line {
    pub stream: StreamName,
    pub version: u64,
    pub event: NewEvent,
    pub recorded_at: DateTime<Utc>,
}

pub fn lines() -> Vec<Line> {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/fixtures/replay.jsonl");
    std::fs::read_to_string(path).unwrap().lines().map(line).collect()
}

fn line(text: &str) -> Line {
    let line: Value = serde_json::from_str(text).unwrap();
    let text = |name: &str| line[name].as_str().unwrap().to_owned();
    let kind = codec::kind_of(&text("event_type")).unwrap();
    let event = NewEvent {
        id: text("id").parse().unwrap(),
        event_type: codec::catalogue()[kind].event_type,
        data: text("data"),
        metadata: text("metadata"),
    };
    let recorded_at = codec::recorded_at(&event.metadata).unwrap();
    Line {
        stream: StreamName(text("stream")),
        version: line["version"].as_u64().unwrap(),
        event,
        recorded_at,
    }
}

/// Records them; the position of each is its place, counted from 1. What stands together in a stream goes at once.
pub async fn record(store: &SqliteStore, lines: &[Line]) {
    for together in lines.chunk_by(|one, next| one.stream == next.stream) {
        let Line { stream, version, .. } = &together[0];
        let expected = version.checked_sub(1).map_or(ExpectedVersion::NoStream, ExpectedVersion::Exact);
        let events = together.iter().map(|line| line.event.clone()).collect();
        let append = Append { stream: stream.clone(), expected, events, urgency: Urgency::Push };
        appended(store, append).await;
    }
}

/// A log at this path that begins like the fixed one.
pub async fn log_of(path: &Path, lines: &[Line]) {
    let store = SqliteStore::open(&Settings::at(path.to_owned())).unwrap();
    record(&store, lines).await;
    store.close().await;
}
