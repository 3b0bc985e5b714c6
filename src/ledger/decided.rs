//! The pushes in quarantine that people have decided about. Such a push may verify later, when a key has been put
//! right; it stays decided, whichever process it comes to.

use std::collections::HashSet;
use std::sync::{PoisonError, RwLock};

use tokio::sync::watch;
use tokio::time::{Instant, sleep};
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
    read: tokio::sync::Mutex<Read>,
}

/// Up to where the log has been read for them.
#[derive(Default)]
struct Read {
    to: Option<Position>,
    /// Where the log ended at a moment.
    end: Option<(Instant, Option<Position>)>,
}

impl Read {
    /// Nothing more came. What is no decision need not be looked at again, once all nodes of a cluster show it: one may
    /// tell of an end that another has not come to.
    fn nothing_more(&mut self, head: Option<Position>, now: Instant) {
        let (seen_at, end) = *self.end.get_or_insert((now, head));
        if now.duration_since(seen_at) >= limits::DECISIONS_SETTLE {
            self.to = self.to.max(end);
            self.end = None;
        }
    }
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
        let mut read = self.decided.read.lock().await;
        let head = *self.store.head().borrow();
        loop {
            let page =
                self.store.read_category(codec::QUARANTINE, read.to, limits::READ_PAGE_EVENTS_MAX).await;
            let page = page.map_err(LedgerError::Unavailable)?;
            let Some(last) = page.last() else {
                read.nothing_more(head, Instant::now());
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
            read.to = Some(last.position);
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_no_decision_is_passed_over_once_all_nodes_must_show_it() {
        let [earlier, later] = [5, 9].map(|number| Some(Position::from_number(number)));
        let (mut read, begun) = (Read::default(), Instant::now());
        let settled = begun + limits::DECISIONS_SETTLE;
        for (head, now, to) in [
            (earlier, begun, None),
            (later, settled - limits::DECISIONS_READ_EVERY, None),
            (later, settled, earlier),
            (later, settled, earlier),
            (later, settled + limits::DECISIONS_SETTLE, later),
        ] {
            read.nothing_more(head, now);
            assert_eq!(read.to, to, "{:?} after the beginning", now - begun);
        }
    }
}
