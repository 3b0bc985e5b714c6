//! The pushes in quarantine that people have decided about. Such a push may verify later, when a key has been put
//! right; it stays decided, whichever process it comes to.

use std::collections::HashSet;
use std::sync::{PoisonError, RwLock};

use tokio::sync::watch;
use tokio::time::sleep;
use tracing::{error, warn};

use super::{Ledger, LedgerError};
use crate::codec;
use crate::domain::app::AppSlug;
use crate::domain::evidence::Evidence;
use crate::domain::quarantine::Quarantine;
use crate::limits;
use crate::store::Position;

#[derive(Default)]
pub(super) struct Decided {
    ids: RwLock<HashSet<String>>,
    /// Up to where the log has been read for them.
    read_to: tokio::sync::Mutex<Option<Position>>,
}

impl Decided {
    pub fn insert(&self, id: &str) {
        self.ids.write().unwrap_or_else(PoisonError::into_inner).insert(id.to_owned());
    }

    fn holds(&self, app: &AppSlug, evidence: &Evidence) -> bool {
        let ids = self.ids.read().unwrap_or_else(PoisonError::into_inner);
        !ids.is_empty() && ids.contains(&codec::quarantine_id(app, &evidence.event, &evidence.payload))
    }
}

impl Ledger {
    /// Whether this process knows that people have decided about such a push.
    pub fn is_decided(&self, app: &AppSlug, evidence: &Evidence) -> bool {
        self.decided.holds(app, evidence)
    }

    /// Learns what has been decided since the last time.
    pub(super) async fn read_decisions(&self) -> Result<(), LedgerError> {
        let mut read_to = self.decided.read_to.lock().await;
        let head = *self.store.head().borrow();
        loop {
            let page =
                self.store.read_category(codec::QUARANTINE, *read_to, limits::READ_PAGE_EVENTS_MAX).await;
            let page = page.map_err(LedgerError::Unavailable)?;
            let Some(last) = page.last() else {
                // What is no decision need not be looked at again.
                *read_to = (*read_to).max(head);
                return Ok(());
            };
            for recorded in &page {
                let Some(id) = codec::quarantine_id_of(&recorded.stream) else { continue };
                match codec::decode(recorded) {
                    Ok(decoded) if Quarantine::default().evolve(&decoded.event).resolution.is_some() => {
                        self.decided.insert(id);
                    }
                    Ok(_) => {}
                    // One damaged event must not keep all pushes out.
                    Err(error) => error!(alarm = "ledger", %error, "a decision may be forgotten"),
                }
            }
            *read_to = Some(last.position);
        }
    }

    /// Learns what other processes decide, until told to stop. Where this is the only one, there is nothing to learn.
    pub async fn follow_decisions(&self, mut stopping: watch::Receiver<bool>) {
        if !self.store.is_shared() {
            return;
        }
        let mut head = self.store.head();
        // What was decided since this process has read them moved the head before anybody looked at it.
        head.mark_changed();
        let following = async {
            while head.changed().await.is_ok() {
                if let Err(error) = self.read_decisions().await {
                    warn!(%error, "what other processes decide in quarantine is not known for now");
                    // Whatever comes next, it is asked for again.
                    head.mark_changed();
                }
                sleep(limits::DECISIONS_READ_EVERY).await;
            }
        };
        tokio::select! {
            () = following => {}
            _ = stopping.wait_for(|stopping| *stopping) => {}
        }
    }
}
