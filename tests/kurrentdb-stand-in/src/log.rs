//! The log itself: records at byte offsets, streams that index into them, and the ids that were written.

use std::{
    collections::HashMap,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};

use bytes::Bytes;
use uuid::Uuid;

use crate::clock;

/// What a record takes beside its names and contents: framing, header, stamps.
const RECORD_OVERHEAD_BYTES: u64 = 94;
/// `$tb` of a stream that was deleted softly, and the number of the event that is a tombstone.
pub(crate) const DELETED: u64 = i64::MAX as u64;
const METADATA_TYPE: &str = "$metadata";

/// An event as it stands in the log.
#[derive(Debug)]
pub struct Record {
    /// Byte offset of this record.
    pub position: u64,
    /// Byte offset of the first record of the same append.
    pub append_position: u64,
    /// The event's number in its stream.
    pub revision: u64,
    pub stream: Arc<str>,
    pub event: Event,
    /// Ticks of 100 ns since 1970.
    pub created_ticks: u64,
}

/// An event as a client proposes it.
#[derive(Clone, Debug)]
pub struct Event {
    pub id: Uuid,
    pub event_type: String,
    pub is_json: bool,
    pub data: Bytes,
    pub metadata: Bytes,
}

impl Event {
    /// One that the server writes by itself.
    pub(crate) fn of_the_system(event_type: &str, data: String) -> Self {
        Self {
            id: Uuid::new_v4(),
            event_type: event_type.to_owned(),
            is_json: true,
            data: data.into(),
            metadata: Bytes::new(),
        }
    }
}

/// One log for all nodes of a cluster.
#[derive(Debug)]
pub struct Log(Mutex<Written>);

#[derive(Debug, Default)]
pub(crate) struct Written {
    pub(crate) records: Vec<Arc<Record>>,
    pub(crate) streams: HashMap<Arc<str>, Stream>,
    /// Where each event id stands: what appends that expect no exact revision are compared with.
    pub(crate) ids: HashMap<Uuid, (Arc<str>, u64)>,
    /// Byte offset of the next record.
    end: u64,
}

#[derive(Debug)]
pub(crate) struct Stream {
    pub(crate) name: Arc<str>,
    /// Index into the records of each event, by its number.
    pub(crate) events: Vec<usize>,
    /// `$tb` of its metadata: events below are gone for readers.
    pub(crate) truncate_before: u64,
    pub(crate) is_tombstoned: bool,
}

impl Stream {
    /// The last event's number; none if there never was one.
    pub(crate) fn last(&self) -> Option<u64> {
        (self.events.len() as u64).checked_sub(1)
    }

    pub(crate) fn is_soft_deleted(&self) -> bool {
        self.truncate_before == DELETED
    }
}

impl Log {
    /// A log as a server finds it that was started for the first time.
    pub(crate) fn new() -> Self {
        let log = Self(Mutex::default());
        {
            let mut written = log.lock();
            written.write("$user-admin", vec![Event::of_the_system("$UserCreated", "{}".to_owned())]);
            written.write(
                "$$$stats",
                vec![Event::of_the_system(METADATA_TYPE, r#"{"$maxCount":10}"#.to_owned())],
            );
            written.write("$settings", vec![Event::of_the_system("$settings", "{}".to_owned())]);
        }
        log
    }

    pub(crate) fn lock(&self) -> MutexGuard<'_, Written> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// What servers write when one of them becomes the leader.
    pub(crate) fn begin_epoch(&self, leader: usize) {
        let data = format!(r#"{{"leader":{leader}}}"#);
        self.lock().write("$epoch-information", vec![Event::of_the_system("$EpochInformation", data)]);
    }

    /// The events of a stream in order, also those that a deletion hides. For tests to look at.
    #[must_use]
    pub fn stream(&self, name: &str) -> Vec<Arc<Record>> {
        let written = self.lock();
        written.streams.get(name).map_or_else(Vec::new, |stream| {
            stream.events.iter().map(|index| Arc::clone(&written.records[*index])).collect()
        })
    }

    /// All that stands in the log, in its order, the server's own records among it. For tests to look at.
    #[must_use]
    pub fn records(&self) -> Vec<Arc<Record>> {
        self.lock().records.clone()
    }

    /// How many records stand in the log, the server's own among them.
    #[must_use]
    pub fn len(&self) -> usize {
        self.lock().records.len()
    }

    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// How many events stand in streams whose name does not begin with `$`.
    #[must_use]
    pub fn client_events(&self) -> usize {
        self.lock().records.iter().filter(|record| !record.stream.starts_with('$')).count()
    }
}

impl Written {
    /// Writes at the end of a stream, whatever is there. Returns the last record's number and position.
    pub(crate) fn write(&mut self, name: &str, events: Vec<Event>) -> Option<(u64, u64)> {
        let stream = self.name_of(name);
        let append_position = self.end;
        let mut last = None;
        for event in events {
            last = Some(self.push(&stream, append_position, event));
        }
        last
    }

    /// Ends a stream for ever. Returns the tombstone's position.
    pub(crate) fn write_tombstone(&mut self, name: &str) -> u64 {
        let stream = self.name_of(name);
        if let Some(entry) = self.streams.get_mut(&stream) {
            entry.is_tombstoned = true;
        }
        let event = Event::of_the_system("$streamDeleted", String::new());
        self.put(&stream, DELETED, self.end, event)
    }

    /// Writes a stream's metadata, with which its `$tb` changes. Returns the position.
    pub(crate) fn write_truncate_before(&mut self, name: &str, truncate_before: u64) -> u64 {
        let data = format!(r#"{{"$tb":{truncate_before}}}"#);
        self.write(&format!("$${name}"), vec![Event::of_the_system(METADATA_TYPE, data)])
            .map_or(0, |(_, position)| position)
    }

    /// Byte offset after the last record.
    pub(crate) fn end(&self) -> u64 {
        self.end
    }

    /// Index of the first record at or after a byte offset.
    pub(crate) fn index_at(&self, position: u64) -> usize {
        self.records.partition_point(|record| record.position < position)
    }

    fn push(&mut self, stream: &Arc<str>, append_position: u64, event: Event) -> (u64, u64) {
        let index = self.records.len();
        let revision = self.streams.get_mut(stream).map_or(0, |entry| {
            entry.events.push(index);
            index_of_last(&entry.events)
        });
        self.ids.insert(event.id, (Arc::clone(stream), revision));
        if let Some(of) = stream.strip_prefix("$$") {
            self.take_metadata(of, &event.data);
        }
        (revision, self.put(stream, revision, append_position, event))
    }

    fn put(&mut self, stream: &Arc<str>, revision: u64, append_position: u64, event: Event) -> u64 {
        let position = self.end;
        let content = event.data.len() + event.metadata.len() + event.event_type.len() + stream.len();
        self.end += RECORD_OVERHEAD_BYTES + content as u64;
        let (stream, created_ticks) = (Arc::clone(stream), clock::ticks_now());
        self.records.push(Arc::new(Record {
            position,
            append_position,
            revision,
            stream,
            event,
            created_ticks,
        }));
        position
    }

    fn take_metadata(&mut self, name: &str, data: &[u8]) {
        let truncate_before = serde_json::from_slice::<serde_json::Value>(data)
            .ok()
            .and_then(|metadata| metadata.get("$tb")?.as_u64());
        let stream = self.name_of(name);
        if let Some(entry) = self.streams.get_mut(&stream) {
            entry.truncate_before = truncate_before.unwrap_or(0);
        }
    }

    /// The one copy of a stream's name, and its entry if there was none.
    fn name_of(&mut self, name: &str) -> Arc<str> {
        if let Some(entry) = self.streams.get(name) {
            return Arc::clone(&entry.name);
        }
        let name: Arc<str> = Arc::from(name);
        let entry =
            Stream { name: Arc::clone(&name), events: Vec::new(), truncate_before: 0, is_tombstoned: false };
        self.streams.insert(Arc::clone(&name), entry);
        name
    }
}

fn index_of_last(events: &[usize]) -> u64 {
    (events.len() as u64).saturating_sub(1)
}
