//! One id's events in the order they happened, each with its evidence verified now.

use uuid::Uuid;

use super::proof::{Proof, prove};
use crate::codec::{self, DecodeError, Decoded};
use crate::limits;
use crate::store::{Fault, Position, ReadLog, RecordedEvent, StreamName};
use crate::wechat::App;

pub struct Entry {
    pub position: Position,
    pub stream: StreamName,
    pub version: u64,
    /// Events that must have stood before this one in its stream, and do not.
    pub missing_before: u64,
    pub id: Uuid,
    /// Whether the id is the one that the content makes.
    pub id_is_right: bool,
    pub decoded: Decoded,
    /// As it stands in the log.
    pub data: String,
    pub proof: Proof,
}

impl Entry {
    /// Whether anything shows that the event, or what stood before it, is not what was recorded.
    pub fn is_altered(&self) -> bool {
        let altered = match self.proof {
            Proof::Broken { .. } | Proof::Contradicted { .. } | Proof::Missing => true,
            Proof::Verified { .. } | Proof::KeyMissing { .. } | Proof::Transport | Proof::None => false,
        };
        altered || !self.id_is_right || self.missing_before > 0
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
            if page.is_empty() {
                break;
            }
            for recorded in page {
                let missing_before = recorded.version.saturating_sub(from);
                from = recorded.version + 1;
                entries.push(Entry { missing_before, ..entry(app, recorded)? });
            }
        }
    }
    entries.retain(|entry| entry.decoded.metadata.app.as_ref() == Some(&app.slug));
    entries.sort_by_key(|entry| entry.position);
    Ok(entries)
}

fn entry(app: &App, recorded: RecordedEvent) -> Result<Entry, DecodeError> {
    let decoded = codec::decode(&recorded)?;
    let proof = prove(app, &recorded.stream, &decoded.event, decoded.metadata.evidence.as_ref());
    let RecordedEvent { position, stream, version, id, event_type, data, metadata: _ } = recorded;
    let id_is_right = codec::event_id(&stream, &event_type, &data) == id;
    Ok(Entry { position, stream, version, missing_before: 0, id, id_is_right, decoded, data, proof })
}
