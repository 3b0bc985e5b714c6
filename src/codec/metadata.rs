//! What stands beside an event: where it belongs, when it was recorded, and its evidence.

use std::borrow::Cow;

use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};

use super::data::SCHEMA;
use super::verbatim::Form;
use super::written::{AsText, Like, Written};
use super::{Metadata, verbatim};
use crate::domain::app::AppSlug;
use crate::domain::environment::Environment;
use crate::domain::evidence::{Evidence, KeyFingerprint, SignatureEvidence, Transport};
use crate::moment::{parse_stamp, stamp};

#[derive(Serialize)]
struct Stored<'a> {
    schema: u32,
    #[serde(skip_serializing_if = "Option::is_none")]
    app: Option<&'a str>,
    recorded_at: String,
    #[serde(flatten, skip_serializing_if = "Option::is_none")]
    evidence: Option<StoredEvidence<'a>>,
}

#[derive(Serialize)]
struct StoredEvidence<'a> {
    event: &'a str,
    payload: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    pay_event_sig: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    verified_env: Option<i64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    key_fingerprint: Option<&'a str>,
    transport: &'static str,
    #[serde(skip_serializing_if = "Option::is_none")]
    create_time: Option<i64>,
    received_at: String,
}

/// The same as it is read: flat, for what is flattened is read twice.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Read<'a> {
    schema: u32,
    #[serde(borrow)]
    app: Option<Text<'a>>,
    #[serde(borrow)]
    recorded_at: Cow<'a, str>,
    event: Option<String>,
    payload: Option<String>,
    pay_event_sig: Option<String>,
    verified_env: Option<i64>,
    key_fingerprint: Option<String>,
    #[serde(borrow)]
    transport: Option<Text<'a>>,
    create_time: Option<i64>,
    #[serde(borrow)]
    received_at: Option<Text<'a>>,
}

/// What is not kept as a text.
#[derive(Deserialize)]
struct Text<'a>(#[serde(borrow)] Cow<'a, str>);

fn stamped(text: &str) -> Result<DateTime<Utc>, String> {
    parse_stamp(text).map_err(|error| format!("metadata: {text:?}: {error}"))
}

pub fn encode(metadata: &Metadata) -> Result<String, serde_json::Error> {
    AsText.value(&stored(metadata))
}

/// Whether it is written as this text.
pub fn is_written_as(metadata: &Metadata, text: &str) -> Result<bool, serde_json::Error> {
    Like(text).value(&stored(metadata))
}

fn stored(metadata: &Metadata) -> Stored<'_> {
    Stored {
        schema: SCHEMA,
        app: metadata.app.as_ref().map(AppSlug::as_str),
        recorded_at: stamp(metadata.recorded_at),
        evidence: metadata.evidence.as_ref().map(|evidence| {
            let signature = evidence.signature.as_ref();
            StoredEvidence {
                event: &evidence.event,
                payload: &evidence.payload,
                pay_event_sig: signature.map(|signature| signature.pay_event_sig.as_str()),
                verified_env: signature.map(|signature| signature.verified_env.number()),
                key_fingerprint: signature.map(|signature| signature.key_fingerprint.0.as_str()),
                transport: evidence.transport.as_str(),
                create_time: evidence.create_time,
                received_at: stamp(evidence.received_at),
            }
        }),
    }
}

/// The metadata, the schema version of its event, and what reading has shown of its form.
pub fn read(text: &str) -> Result<(Metadata, u32, Form), String> {
    match verbatim::read(text) {
        Some(metadata) => Ok((metadata, SCHEMA, Form::Verbatim)),
        None => decode(text).map(|(metadata, schema)| (metadata, schema, Form::Any)),
    }
}

/// The metadata and the schema version of its event, in whatever form they stand.
pub fn decode(text: &str) -> Result<(Metadata, u32), String> {
    let read: Read<'_> = serde_json::from_str(text).map_err(|error| format!("metadata: {error}"))?;
    let app = read.app.as_ref().map(|app| AppSlug::parse(&app.0)).transpose();
    let app = app.map_err(|error| format!("metadata: {error}"))?;
    let (schema, recorded_at) = (read.schema, stamped(&read.recorded_at)?);
    Ok((Metadata { app, recorded_at, evidence: evidence(read)? }, schema))
}

fn evidence(read: Read<'_>) -> Result<Option<Evidence>, String> {
    let signature = match (read.pay_event_sig, read.verified_env, read.key_fingerprint) {
        (Some(pay_event_sig), Some(env), Some(fingerprint)) => Some(SignatureEvidence {
            pay_event_sig,
            verified_env: Environment::from_number(env)
                .ok_or_else(|| format!("metadata: verified_env is {env}, must be 0 or 1"))?,
            key_fingerprint: KeyFingerprint(fingerprint),
        }),
        (None, None, None) => None,
        _ => return Err("metadata: the signature's evidence is incomplete".into()),
    };
    match (read.event, read.payload, read.transport, read.received_at) {
        (Some(event), Some(payload), Some(transport), Some(received_at)) => Ok(Some(Evidence {
            event,
            payload,
            signature,
            transport: Transport::parse(&transport.0)
                .ok_or_else(|| format!("metadata: transport is {:?}", transport.0))?,
            create_time: read.create_time,
            received_at: stamped(&received_at.0)?,
        })),
        (None, None, None, None) if signature.is_none() && read.create_time.is_none() => Ok(None),
        _ => Err("metadata: the evidence is incomplete".into()),
    }
}
