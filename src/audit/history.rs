//! One id's events in the order they happened, each with its evidence verified now.

use super::proof::{Proof, prove};
use crate::codec::{self, DecodeError, Decoded};
use crate::domain::app::AppSlug;
use crate::domain::bill::MerchantId;
use crate::domain::event::Event;
use crate::limits;
use crate::store::{Fault, ReadLog, RecordedEvent, StreamName};
use crate::wechat::App;

pub struct Entry {
    /// As it stands in the log.
    pub recorded: RecordedEvent,
    /// Events that must have stood before this one in its stream, and do not.
    pub missing_before: u64,
    /// Whether the id is the one that the content makes.
    pub id_is_right: bool,
    pub decoded: Decoded,
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

/// Everything recorded of an app under an id: an order number, a refund number, a gift number, or the id of a
/// push in quarantine.
pub async fn of(log: &dyn ReadLog, app: &App, id: &str) -> Result<Vec<Entry>, HistoryError> {
    let mut entries = Vec::new();
    for stream in codec::streams_of_id(&app.slug, id) {
        read(log, Some(app), &stream, limits::READ_PAGE_EVENTS_MAX, &mut entries).await?;
    }
    entries.retain(|entry| entry.decoded.metadata.app.as_ref() == Some(&app.slug));
    entries.sort_by_key(|entry| entry.recorded.position);
    Ok(entries)
}

/// Everything recorded of merchants under an id: cases of the orders, payments and refunds that it names, what a
/// payment was claimed for, and by their whole keys bills, periods, cases and payments. `merchants` are those that are
/// configured; those that the apps were assigned to before are looked at too. The lines of bills are checked, and shown
/// only where they are not what was recorded.
pub async fn of_merchants(
    log: &dyn ReadLog,
    merchants: &[MerchantId],
    apps: &[&AppSlug],
    id: &str,
) -> Result<Vec<Entry>, HistoryError> {
    let mut merchants = merchants.to_vec();
    for app in apps {
        merchants.extend(assigned(log, app).await?);
    }
    merchants.sort_unstable();
    merchants.dedup();
    let mut entries = Vec::new();
    for stream in codec::merchant_streams_of_id(&merchants, apps, id) {
        read(log, None, &stream, limits::LARGE_EVENTS_PAGE, &mut entries).await?;
    }
    entries.sort_by_key(|entry| entry.recorded.position);
    Ok(entries)
}

/// Whom an app's orders were ever paid to.
async fn assigned(log: &dyn ReadLog, app: &AppSlug) -> Result<Vec<MerchantId>, HistoryError> {
    let (mut merchants, mut from) = (Vec::new(), 0);
    loop {
        let page = log.read_stream(&codec::app_stream(app), from, limits::READ_PAGE_EVENTS_MAX).await;
        let page = page.map_err(HistoryError::Fault)?;
        let Some(last) = page.last() else { return Ok(merchants) };
        from = last.version + 1;
        for recorded in &page {
            if let Event::MerchantAssigned { merchant, .. } = codec::decode(recorded)?.event {
                merchants.push(merchant);
            }
        }
    }
}

async fn read(
    log: &dyn ReadLog,
    app: Option<&App>,
    stream: &StreamName,
    page_events: usize,
    entries: &mut Vec<Entry>,
) -> Result<(), HistoryError> {
    let mut from = 0;
    loop {
        let page = log.read_stream(stream, from, page_events).await;
        let page = page.map_err(HistoryError::Fault)?;
        if page.is_empty() {
            return Ok(());
        }
        for recorded in page {
            let missing_before = recorded.version.saturating_sub(from);
            from = recorded.version + 1;
            let holds_lines = codec::line_count(&recorded)?.is_some();
            if holds_lines && missing_before == 0 && id_is_right(&recorded) {
                continue;
            }
            entries.push(Entry { missing_before, ..entry(app, recorded)? });
        }
    }
}

fn id_is_right(recorded: &RecordedEvent) -> bool {
    codec::event_id(&recorded.stream, &recorded.event_type, &recorded.data) == recorded.id
}

/// The event with what proves it. What happens to a merchant no push brings: there is no app then.
pub(super) fn entry(app: Option<&App>, recorded: RecordedEvent) -> Result<Entry, DecodeError> {
    let decoded = codec::decode(&recorded)?;
    let id_is_right = id_is_right(&recorded);
    let evidence = decoded.metadata.evidence.as_ref();
    let proof = app.map_or(Proof::None, |app| prove(app, &recorded.stream, &decoded.event, evidence));
    Ok(Entry { recorded, missing_before: 0, id_is_right, decoded, proof })
}
