//! The log's name: the one event of a stream beside it, with which the log begins. Its stream is never written a
//! second time: what was deleted there had been a log, and another one in its place would take up its streams.

use std::time::Duration;

use tokio::time::Instant;
use tracing::error;
use uuid::Uuid;

use super::super::{AppendOutcome, ExpectedVersion, Fault, LogId, NewEvent, ReadLog as _, StreamName};
use super::append::Appending;
use super::failure::DELETED_FOR_EVER;
use super::flights::Flights;
use super::reading::{Begun, Log};
use crate::limits;

const ID_TYPE: &str = "LogBegun";

/// The log, where it has begun.
pub async fn named(log: Log) -> Result<Option<Log>, Fault> {
    Ok(find(&log).await?.map(|begun| log.begun(begun)))
}

/// To be written: the log begins where there is none.
pub async fn named_or_begun(log: Log) -> Result<Log, Fault> {
    let begun = match find(&log).await? {
        Some(begun) => begun,
        None => begin(&log).await?,
    };
    Ok(log.begun(begun))
}

async fn find(log: &Log) -> Result<Option<Begun>, Fault> {
    let found = match log.beside().stream_piece(log.names.id_stream(), 0, 1).await {
        Err(Fault::Refused(told)) if told.contains(DELETED_FOR_EVER) => return Err(alarm_of_deleted(log)),
        found => found?.events,
    };
    match found.first() {
        Some(first) if first.version > 0 => Err(alarm_of_deleted(log)),
        Some(first) => Ok(Some(Begun { id: LogId(first.id), at: first.position })),
        None if is_deleted(log).await? => Err(alarm_of_deleted(log)),
        None => Ok(None),
    }
}

/// A stream that was deleted looks like one that never was; its metadata says from which version on it is read. Not
/// every user may read that: then it is seen when something is written there.
async fn is_deleted(log: &Log) -> Result<bool, Fault> {
    let metadata = format!("$${}", log.names.id_stream());
    let found = match log.beside().stream_piece(metadata, 0, limits::READ_PAGE_EVENTS_MAX).await {
        Err(Fault::Denied(_)) => return Ok(false),
        found => found?.events,
    };
    let begins_at = |text: &str| serde_json::from_str::<serde_json::Value>(text).ok()?.get("$tb")?.as_u64();
    Ok(found.last().and_then(|last| begins_at(&last.data)).is_some_and(|version| version > 0))
}

/// Names the log, unless somebody else has done it at the same moment.
async fn begin(log: &Log) -> Result<Begun, Fault> {
    let id = LogId(Uuid::new_v4());
    match append_id(log, id, limits::KURRENTDB_APPEND_WAIT).await {
        AppendOutcome::Appended { position, .. } => Ok(Begun { id, at: position }),
        AppendOutcome::Conflict { .. } => find(log).await?.ok_or_else(|| alarm_of_deleted(log)),
        AppendOutcome::NotWritten(fault) | AppendOutcome::Unknown(fault) => Err(fault),
    }
}

/// Names a log by its own name once more: that writes nothing, and is answered only where appends are.
pub async fn append_again(log: &Log) -> AppendOutcome {
    append_id(log, log.log_id(), limits::KURRENTDB_TRY_WAIT).await
}

/// The server takes it for a deleted stream too, behind what stood there.
async fn append_id(log: &Log, id: LogId, wait: Duration) -> AppendOutcome {
    let event = NewEvent {
        id: id.0,
        event_type: ID_TYPE,
        data: format!(r#"{{"log_id":"{}"}}"#, id.0),
        metadata: "{}".into(),
    };
    let appending = Appending {
        log: &log.beside(),
        stream: &StreamName(log.names.id_stream()),
        expected: ExpectedVersion::NoStream,
        events: &[event],
        until: Instant::now() + wait,
    };
    match appending.run(&Flights::new(None)).await {
        AppendOutcome::Appended { first_version: 1.., .. } => AppendOutcome::Unknown(alarm_of_deleted(log)),
        AppendOutcome::NotWritten(Fault::Refused(told)) | AppendOutcome::Unknown(Fault::Refused(told))
            if told.contains(DELETED_FOR_EVER) =>
        {
            AppendOutcome::NotWritten(alarm_of_deleted(log))
        }
        outcome => outcome,
    }
}

fn alarm_of_deleted(log: &Log) -> Fault {
    let stream = log.names.id_stream();
    error!(alarm = "stream", %stream, "the stream with the log's id was deleted or cut off: no log begins in its place");
    Fault::Refused(format!(
        "the stream {stream}, with which the log begins, was deleted or cut off on the server; no other log begins \
         in its place. Where it was not deleted for ever and its events were not scavenged yet, set $tb in its \
         metadata back to 0; otherwise restore the server from a backup"
    ))
}
