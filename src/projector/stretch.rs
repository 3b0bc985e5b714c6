//! A run of folding: how far it has come in the log, and to where it may go.

use std::sync::Arc;

use super::feed::{Batch, Feed, Reader};
use super::fold::{FoldError, Folded, Plan};
use crate::store::Position;

/// Folding goes up to what stands here, and no further: it is not folded itself.
pub type UpTo = Option<Position>;

/// How far a run of folding has come.
pub struct Stretch {
    pub reader: Reader,
    pub at: Option<Position>,
    /// Where the first event stands that it looked at.
    pub first: Option<Position>,
    /// Looked at since the run began.
    pub events: u64,
    /// The same, and each line that was folded one by one.
    pub work: u64,
    up_to: UpTo,
    pub is_build: bool,
    /// When it last looked, there was much more to come.
    pub is_far_behind: bool,
}

pub enum Reached {
    /// The end of the batch.
    End,
    /// What it may go up to.
    Bound,
}

impl Stretch {
    pub fn from(feed: &Arc<Feed>, at: Option<Position>, up_to: UpTo) -> Self {
        Self {
            reader: feed.reader(),
            at,
            first: None,
            events: 0,
            work: 0,
            up_to,
            is_build: false,
            is_far_behind: false,
        }
    }

    pub fn fold(&mut self, plan: &mut Plan<'_>, batch: &Batch) -> Result<Reached, FoldError> {
        let begin = batch.events.partition_point(|event| Some(event.position) <= self.at);
        let end = match self.up_to {
            Some(bound) => batch.events.partition_point(|event| event.position < bound),
            None => batch.events.len(),
        };
        let events = batch.events.get(begin..end).unwrap_or_default();
        let folded: Folded<'_> = plan.fold(events)?;
        plan.check_point(&folded).map_err(FoldError::File)?;
        self.first = self.first.or(events.first().map(|event| event.position));
        self.events += folded.count;
        self.work += folded.count + folded.lines;
        self.at = folded.last.map(|event| event.position).or(self.at);
        Ok(if end < batch.events.len() { Reached::Bound } else { Reached::End })
    }

    /// A build tells of itself about every so many events.
    pub fn is_round(&self, just_folded: usize) -> bool {
        const EVERY: u64 = 10_000;
        let before = self.events.saturating_sub(just_folded as u64);
        self.events / EVERY != before / EVERY
    }
}
