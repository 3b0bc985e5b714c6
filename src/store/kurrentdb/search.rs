//! Finds events of ours in the server's log, which others write too. The server looks for them by itself; where it
//! takes too long over what is another's, and tells nothing of how far it has come, that is gone through here.

use eventstore::SubscriptionFilter;

use super::super::Fault;
use super::asking::{End, Of, Piece, Request, Sought, Unread, Way};
use super::reading::Log;
use crate::limits;

/// A search under way.
pub struct Search<'a> {
    pub log: &'a Log,
    pub sought: Sought<'a>,
    pub way: Way,
    /// How far it has come: there the next request begins.
    pub at: Option<u64>,
    /// As many events are enough.
    pub limit: usize,
}

/// Who passes over what is another's.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Sifting {
    Server,
    Here,
}

impl Search<'_> {
    /// A piece that has something, or the last. Nothing that is sought stands between its beginning and the piece.
    pub async fn run(mut self) -> Result<Piece, Unread> {
        let mut steps = 1_usize;
        loop {
            match self.ask(Sifting::Server).await {
                Ok(piece) if self.ends_with(&piece) => return Ok(piece),
                Ok(_) => {}
                // Each time further, for every try of the server's costs its wait.
                Err(Unread::Fault(Fault::Slow)) => {
                    for _ in 0..steps {
                        let piece = self.ask(Sifting::Here).await?;
                        if self.ends_with(&piece) {
                            return Ok(piece);
                        }
                    }
                    steps = steps.saturating_mul(2);
                }
                Err(unread) => return Err(unread),
            }
        }
    }

    /// Where it does not, the search goes on behind what was looked at.
    fn ends_with(&mut self, piece: &Piece) -> bool {
        match piece.end {
            End::MoreAfter(seen) if piece.places.is_empty() && !self.is_over(seen) => {
                self.at = Some(seen);
                false
            }
            End::MoreAfter(_) | End::Reached => true,
        }
    }

    /// Backwards, nothing that is sought stands before.
    fn is_over(&self, seen: u64) -> bool {
        self.way == Way::Backwards && Some(seen) <= self.sought.behind
    }

    async fn ask(&self, sifting: Sifting) -> Result<Piece, Unread> {
        let (filter, count, wait) = match sifting {
            Sifting::Server => (Some(self.filter()), self.count(), limits::KURRENTDB_LOG_WAIT),
            Sifting::Here => (None, limits::READ_PAGE_EVENTS_MAX, limits::KURRENTDB_STREAM_WAIT),
        };
        let of = Of::All { way: self.way, at: self.at, filter, sought: self.sought };
        self.log.piece(&Request { of, count, wait }).await
    }

    /// One more than is needed makes the server look through all that follows.
    fn count(&self) -> usize {
        match (self.way, self.at) {
            (Way::Backwards, _) => self.limit,
            // What comes before what is sought is passed over, and what another writes comes through as well.
            (Way::Forwards, at) if at < self.sought.behind || self.sought.up_to.is_some() => {
                limits::READ_PAGE_EVENTS_MAX
            }
            // With the event at which it begins.
            (Way::Forwards, _) => self.limit + 1 + self.log.names.beside_ours(),
        }
    }

    fn filter(&self) -> SubscriptionFilter {
        let names = &self.log.names;
        let filter = match self.sought.category {
            Some(category) => names.filter_of(category),
            None => names.filter(),
        };
        let filter = match self.sought.up_to {
            Some(stream) => filter.add_prefix(stream),
            None => filter,
        };
        match self.way {
            // The log's beginning ends the search: the server need not look through what is before.
            Way::Backwards if names.beside_ours() == 0 => filter.add_prefix(names.id_stream()),
            Way::Backwards | Way::Forwards => filter,
        }
    }
}
