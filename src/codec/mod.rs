//! Domain events to stored bytes and back: names, schema versions, event ids. The only place that knows
//! both sides; a golden file per event type and version holds it to its word.

mod bill_data;
mod case_data;
mod catalogue;
mod data;
mod fields;
mod line_data;
mod lines;
mod metadata;
mod push_data;
mod recovery_data;
mod role_data;
mod seal_data;
mod stream;
mod verbatim;
mod written;

use chrono::{DateTime, Utc};
use sha1::Sha1;
use sha2::{Digest, Sha256};
use uuid::Uuid;

use crate::domain::app::AppSlug;
use crate::domain::event::Event;
use crate::domain::evidence::Evidence;
use crate::store::{NewEvent, RecordedEvent, StreamName};

use verbatim::Form;

pub use catalogue::{EventFields, catalogue, kind_of};
pub use data::SCHEMA;
pub use fields::{FieldValue, FieldsOfEvent, fields, lines, payload, recorded_at};
pub use line_data::{LineCount, cells};
pub use lines::Lines;
pub use stream::{
    CATEGORIES, QUARANTINE, app_stream, billday_stream, case_stream, env_of, key_of, merchant_streams_of_id,
    mock_stream, order_stream, payment_stream, period_stream, player_stream, push_stream, quarantine_id,
    quarantine_id_of, quarantine_stream, recovery_stream, report_stream, seal_stream, streams_of_id,
};

/// All event ids are made in this namespace; it never changes.
const NAMESPACE: Uuid = Uuid::from_u128(0x3c2d_8f6e_51a4_4e0b_9d27_6b1f_0a94_c7e5);

/// What stands beside an event's data.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Metadata {
    /// `None` for what happens to a merchant or a report, not to one app.
    pub app: Option<AppSlug>,
    pub recorded_at: DateTime<Utc>,
    /// What proves it, for events that a push brought.
    pub evidence: Option<Evidence>,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Decoded {
    pub event: Event,
    pub metadata: Metadata,
}

/// A stored event that cannot be read: written by a newer version, or altered.
#[derive(Debug, thiserror::Error)]
#[error("event {version} of {stream} ({event_type}) cannot be read: {problem}")]
pub struct DecodeError {
    pub stream: StreamName,
    pub version: u64,
    pub event_type: String,
    pub problem: String,
}

#[derive(Debug, thiserror::Error)]
#[error("the event cannot be written as JSON: {0}")]
pub struct EncodeError(#[from] serde_json::Error);

pub fn encode(stream: &StreamName, event: &Event, metadata: &Metadata) -> Result<NewEvent, EncodeError> {
    let event_type = event.type_name();
    let data = data::encode(event)?;
    let id = event_id(stream, event_type, &data);
    Ok(NewEvent { id, event_type, data, metadata: metadata::encode(metadata)? })
}

/// UUIDv5 of stream, event type and the SHA-256 of the data, which is canonical: fixed order of fields, no
/// white space, nothing that varies from repeat to repeat. So the same fact has the same id on every node,
/// and a different content never passes as a repeat.
pub fn event_id(stream: &StreamName, event_type: &str, data: &str) -> Uuid {
    let mut content = [0; 64];
    // Twice as many digits as bytes: it always fits.
    let _fits = hex::encode_to_slice(Sha256::digest(data.as_bytes()), &mut content);
    let name = [stream.as_str().as_bytes(), b"\n", event_type.as_bytes(), b"\n", &content];
    let mut sha = Sha1::new_with_prefix(NAMESPACE.as_bytes());
    name.iter().for_each(|part| sha.update(part));
    let mut id = [0; 16];
    id.iter_mut().zip(sha.finalize()).for_each(|(byte, hashed)| *byte = hashed);
    uuid::Builder::from_sha1_bytes(id).into_uuid()
}

pub fn decode(recorded: &RecordedEvent) -> Result<Decoded, DecodeError> {
    read(recorded).map(|(decoded, _)| decoded)
}

/// Also whether what was read, written again, gives the same bytes: nothing stands in the event that is not read.
pub fn decode_canonical(
    recorded: &RecordedEvent,
) -> Result<(Decoded, Result<bool, EncodeError>), DecodeError> {
    let (decoded, forms) = read(recorded)?;
    let is_canonical = is_canonical(recorded, &decoded, forms);
    Ok((decoded, is_canonical))
}

/// What is read, and what reading has shown of the form of the data and of the metadata.
fn read(recorded: &RecordedEvent) -> Result<(Decoded, [Form; 2]), DecodeError> {
    let failed = |problem| unreadable(recorded, problem);
    let (metadata, schema, metadata_form) = metadata::read(&recorded.metadata).map_err(failed)?;
    if schema != SCHEMA {
        return Err(failed(format!("its schema version is {schema}, known is {SCHEMA}")));
    }
    let (event, data_form) = data::read(&recorded.event_type, &recorded.data).map_err(failed)?;
    if event.belongs_to_an_app() && metadata.app.is_none() {
        return Err(failed("metadata: app is missing".into()));
    }
    Ok((Decoded { event, metadata }, [data_form, metadata_form]))
}

fn is_canonical(
    recorded: &RecordedEvent,
    Decoded { event, metadata }: &Decoded,
    [data_form, metadata_form]: [Form; 2],
) -> Result<bool, EncodeError> {
    let is_same = recorded.event_type == event.type_name()
        && (data_form == Form::Verbatim || data::is_written_as(event, &recorded.data)?)
        && (metadata_form == Form::Verbatim || metadata::is_written_as(metadata, &recorded.metadata)?);
    Ok(is_same)
}

/// How many lines of a bill an event holds, without reading them; `None` where it is no such event.
pub fn line_count(recorded: &RecordedEvent) -> Result<Option<LineCount>, DecodeError> {
    let brings_lines = |event: &EventFields| event.event_type == recorded.event_type && event.brings_lines();
    if !catalogue().iter().any(brings_lines) {
        return Ok(None);
    }
    line_data::count(&recorded.data).map(Some).map_err(|problem| unreadable(recorded, problem))
}

fn unreadable(recorded: &RecordedEvent, problem: String) -> DecodeError {
    DecodeError {
        stream: recorded.stream.clone(),
        version: recorded.version,
        event_type: recorded.event_type.clone(),
        problem,
    }
}

#[cfg(test)]
#[path = "codec_tests.rs"]
mod tests;

#[cfg(test)]
mod finance_tests;
