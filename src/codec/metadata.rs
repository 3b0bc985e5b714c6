//! What stands beside an event: where it belongs, when it was recorded, and its evidence.

use std::borrow::Cow;

use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};

use super::Metadata;
use super::data::SCHEMA;
use crate::domain::app::AppSlug;
use crate::domain::environment::Environment;
use crate::domain::evidence::{Evidence, KeyFingerprint, SignatureEvidence, Transport};
use crate::moment::{parse_stamp, stamp};

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Stored<'a> {
    schema: u32,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    app: Option<Cow<'a, str>>,
    recorded_at: String,
    #[serde(flatten, skip_serializing_if = "Option::is_none")]
    evidence: Option<StoredEvidence<'a>>,
}

#[derive(Serialize, Deserialize)]
struct StoredEvidence<'a> {
    event: Cow<'a, str>,
    payload: Cow<'a, str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pay_event_sig: Option<Cow<'a, str>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    verified_env: Option<i64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    key_fingerprint: Option<Cow<'a, str>>,
    transport: Cow<'a, str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    create_time: Option<i64>,
    received_at: String,
}

fn stamped(text: &str) -> Result<DateTime<Utc>, String> {
    parse_stamp(text).map_err(|error| format!("metadata: {text:?}: {error}"))
}

pub fn encode(metadata: &Metadata) -> Result<String, serde_json::Error> {
    serde_json::to_string(&Stored {
        schema: SCHEMA,
        app: metadata.app.as_ref().map(|app| app.as_str().into()),
        recorded_at: stamp(metadata.recorded_at),
        evidence: metadata.evidence.as_ref().map(|evidence| {
            let signature = evidence.signature.as_ref();
            StoredEvidence {
                event: evidence.event.as_str().into(),
                payload: evidence.payload.as_str().into(),
                pay_event_sig: signature.map(|signature| signature.pay_event_sig.as_str().into()),
                verified_env: signature.map(|signature| signature.verified_env.number()),
                key_fingerprint: signature.map(|signature| signature.key_fingerprint.0.as_str().into()),
                transport: evidence.transport.as_str().into(),
                create_time: evidence.create_time,
                received_at: stamp(evidence.received_at),
            }
        }),
    })
}

/// The metadata and the schema version of its event.
pub fn decode(text: &str) -> Result<(Metadata, u32), String> {
    let stored: Stored = serde_json::from_str(text).map_err(|error| format!("metadata: {error}"))?;
    let app = stored.app.as_deref().map(AppSlug::parse).transpose();
    let metadata = Metadata {
        app: app.map_err(|error| format!("metadata: {error}"))?,
        recorded_at: stamped(&stored.recorded_at)?,
        evidence: stored.evidence.map(evidence).transpose()?,
    };
    Ok((metadata, stored.schema))
}

fn evidence(stored: StoredEvidence<'_>) -> Result<Evidence, String> {
    let signature = match (stored.pay_event_sig, stored.verified_env, stored.key_fingerprint) {
        (Some(pay_event_sig), Some(env), Some(fingerprint)) => Some(SignatureEvidence {
            pay_event_sig: pay_event_sig.into_owned(),
            verified_env: Environment::from_number(env)
                .ok_or_else(|| format!("metadata: verified_env is {env}, must be 0 or 1"))?,
            key_fingerprint: KeyFingerprint(fingerprint.into_owned()),
        }),
        (None, None, None) => None,
        _ => return Err("metadata: the signature's evidence is incomplete".into()),
    };
    Ok(Evidence {
        event: stored.event.into_owned(),
        payload: stored.payload.into_owned(),
        signature,
        transport: Transport::parse(&stored.transport)
            .ok_or_else(|| format!("metadata: transport is {:?}", stored.transport))?,
        create_time: stored.create_time,
        received_at: stamped(&stored.received_at)?,
    })
}
