//! The pushes in quarantine, in the order they came.

use std::collections::HashMap;

use chrono::{DateTime, Utc};

use super::history::HistoryError;
use crate::codec::{self, Decoded, Metadata};
use crate::domain::app::AppSlug;
use crate::domain::event::Event;
use crate::domain::evidence::Evidence;
use crate::domain::quarantine::{Quarantine, Reason, Resolution};
use crate::limits;
use crate::store::ReadLog;

#[derive(Clone, Debug)]
pub struct Held {
    /// 64 hex digits.
    pub id: String,
    pub app: AppSlug,
    pub event: String,
    pub reason: Reason,
    pub out_trade_no: Option<String>,
    pub since: DateTime<Utc>,
    pub resolution: Option<Resolution>,
    pub evidence: Option<Evidence>,
}

/// In the order they came.
pub async fn all(log: &dyn ReadLog) -> Result<Vec<Held>, HistoryError> {
    let mut held: Vec<Held> = Vec::new();
    let mut place = HashMap::new();
    let mut after = None;
    loop {
        let page = log.read_category(codec::QUARANTINE, after, limits::READ_PAGE_EVENTS_MAX).await;
        let page = page.map_err(HistoryError::Fault)?;
        let Some(last) = page.last() else { return Ok(held) };
        after = Some(last.position);
        for recorded in &page {
            let Some(id) = codec::quarantine_id_of(&recorded.stream) else { continue };
            let Decoded { event, metadata } = codec::decode(recorded)?;
            if let Some(resolution) = Quarantine::default().evolve(&event).resolution {
                resolve(&mut held, place.get(id), resolution);
            }
            let Metadata { app, recorded_at: since, evidence } = metadata;
            if let (Event::PushQuarantined { event, reason, out_trade_no }, Some(app)) = (event, app) {
                place.insert(id.to_owned(), held.len());
                let (id, resolution) = (id.to_owned(), None);
                held.push(Held { id, app, event, reason, out_trade_no, since, resolution, evidence });
            }
        }
    }
}

fn resolve(held: &mut [Held], place: Option<&usize>, how: Resolution) {
    if let Some(held) = place.and_then(|place| held.get_mut(*place)) {
        held.resolution = Some(how);
    }
}
