//! One id's events in the order they happened, each with its evidence verified now.

use uuid::Uuid;

use crate::codec::{self, DecodeError, Decoded};
use crate::domain::evidence::Evidence;
use crate::limits;
use crate::store::{Fault, Position, ReadLog, RecordedEvent, StreamName};
use crate::wechat::App;
use crate::wechat::signature::{AppKey, hex_equal};

/// What became of verifying an event's signature once more.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Proof {
    /// PayEventSig verifies under this key.
    Verified { key_fingerprint: String },
    /// It was verified by a key that is no longer configured.
    KeyMissing { key_fingerprint: String },
    /// It does not verify: the event was altered.
    Broken { key_fingerprint: String },
    /// A gift: it came encrypted and carries no signature.
    Transport,
    /// No push brought it.
    None,
}

pub struct Entry {
    pub position: Position,
    pub stream: StreamName,
    pub version: u64,
    pub id: Uuid,
    /// Whether the id is the one that the content makes.
    pub id_is_right: bool,
    pub decoded: Decoded,
    /// As it stands in the log.
    pub data: String,
    pub proof: Proof,
}

impl Entry {
    /// Whether anything shows that the event is not what was recorded.
    pub fn is_altered(&self) -> bool {
        !self.id_is_right || matches!(self.proof, Proof::Broken { .. })
    }
}

#[derive(Debug, thiserror::Error)]
pub enum HistoryError {
    #[error("the log cannot be read: {0}")]
    Fault(Fault),
    #[error(transparent)]
    Unreadable(#[from] DecodeError),
}

/// Everything recorded under an id: an order number, a refund number, a gift number, or the id of a push
/// in quarantine.
pub async fn of(log: &dyn ReadLog, app: &App, id: &str) -> Result<Vec<Entry>, HistoryError> {
    let mut entries = Vec::new();
    for stream in codec::streams_of_id(&app.slug, id) {
        let mut from = 0;
        loop {
            let page = log.read_stream(&stream, from, limits::READ_PAGE_EVENTS_MAX).await;
            let page = page.map_err(HistoryError::Fault)?;
            let Some(last) = page.last() else { break };
            from = last.version + 1;
            for recorded in page {
                entries.push(entry(app, recorded)?);
            }
        }
    }
    entries.retain(|entry| entry.decoded.metadata.app == app.slug);
    entries.sort_by_key(|entry| entry.position);
    Ok(entries)
}

fn entry(app: &App, recorded: RecordedEvent) -> Result<Entry, DecodeError> {
    let decoded = codec::decode(&recorded)?;
    let proof = decoded.metadata.evidence.as_ref().map_or(Proof::None, |evidence| prove(app, evidence));
    let RecordedEvent { position, stream, version, id, event_type, data, metadata: _ } = recorded;
    let id_is_right = codec::event_id(&stream, &event_type, &data) == id;
    Ok(Entry { position, stream, version, id, id_is_right, decoded, data, proof })
}

/// Verifies an event's signature once more, with the key that verified it then.
fn prove(app: &App, evidence: &Evidence) -> Proof {
    let Some(signature) = &evidence.signature else { return Proof::Transport };
    let key_fingerprint = signature.key_fingerprint.0.clone();
    let by_name = |key: &&AppKey| key.fingerprint() == &signature.key_fingerprint;
    let Some(key) = app.keys_of_all_times().find(by_name) else {
        return Proof::KeyMissing { key_fingerprint };
    };
    let expected = key.pay_event_sig(&evidence.event, &evidence.payload);
    if hex_equal(&expected, &signature.pay_event_sig) {
        Proof::Verified { key_fingerprint }
    } else {
        Proof::Broken { key_fingerprint }
    }
}
