//! Decide, append, and where another writer was faster, read and decide again: what every fact goes through.

use std::sync::Arc;

use chrono::{DateTime, Utc};
use tokio::time::{Instant, sleep};
use tracing::error;

use super::{Ledger, LedgerError, Recorded, Revised, Said, Upon};
use crate::codec::{self, EncodeError, Metadata};
use crate::domain::app::AppSlug;
use crate::domain::event::Event;
use crate::domain::evidence::Evidence;
use crate::limits;
use crate::quota::Budget;
use crate::store::{
    Append, AppendOutcome, ExpectedVersion, Fault, NewEvent, Position, RecordedEvent, StreamName, Urgency,
};

/// What a stream says, and the version up to which it has been read.
pub struct Seen<State> {
    pub state: State,
    version: ExpectedVersion,
    /// Of the first event, where there is one.
    pub app: Option<AppSlug>,
    /// Of the last event, where there is one.
    position: Option<Position>,
}

/// What was decided and stands in the log now.
pub struct Settled<Outcome> {
    pub outcome: Outcome,
    /// Of the stream's last event as far as it was looked at: what was decided, or found to stand already,
    /// is in every read model that has come so far.
    pub position: Option<Position>,
    /// Whether this call recorded it; if not, it stood in the log before, or there was nothing to record.
    pub recorded: bool,
}

/// What became of one append.
enum Appending {
    /// `recorded`: now, and not by another caller who said the same at the same moment.
    Appended {
        first_version: u64,
        position: Position,
        recorded: bool,
    },
    Conflict,
}

impl<State: Default> Seen<State> {
    pub fn nothing() -> Self {
        Self { state: State::default(), version: ExpectedVersion::NoStream, app: None, position: None }
    }
}

/// Where and under which conditions a decision's events are appended.
pub struct Target<'a> {
    stream: &'a StreamName,
    /// `None` for what happens to no app.
    app: Option<&'a AppSlug>,
    evidence: Option<&'a Evidence>,
    recorded_at: DateTime<Utc>,
    /// Which of the app's daily quotas it is charged to.
    budget: Option<(&'a AppSlug, Budget)>,
    urgency: Urgency,
}

impl Ledger {
    /// Decides, appends, and where another writer was faster, reads and decides again.
    pub(super) async fn settle<State: Default, Outcome>(
        &self,
        target: &Target<'_>,
        mut seen: Seen<State>,
        evolve: impl Fn(State, &Event) -> State + Copy,
        decide: impl Fn(&State) -> (Vec<Event>, Outcome),
    ) -> Result<Settled<Outcome>, LedgerError> {
        let begun = Instant::now();
        for _ in 0..limits::DECIDE_TRIES_MAX {
            let (events, outcome) = decide(&seen.state);
            if events.is_empty() {
                return Ok(Settled { outcome, position: seen.position, recorded: false });
            }
            match self.append(target, seen.version, &events, begun).await {
                Ok(Appending::Appended { first_version, position, recorded })
                    if first_version == seen.version.next() =>
                {
                    return Ok(Settled { outcome, position: Some(position), recorded });
                }
                Ok(Appending::Appended { first_version: found, .. }) => {
                    return Err(altered(target.stream, seen.version.next(), found));
                }
                Ok(Appending::Conflict) => seen = self.read(target.stream, evolve).await?,
                Err(LedgerError::OverQuota(over)) => {
                    // A repeat adds no bytes, and only reading tells it from a first push.
                    let known = self.read(target.stream, evolve).await?;
                    let (events, outcome) = decide(&known.state);
                    if !events.is_empty() {
                        return Err(over.into());
                    }
                    self.quotas.excuse(&over);
                    return Ok(Settled { outcome, position: known.position, recorded: false });
                }
                Err(error) => return Err(error),
            }
        }
        Err(LedgerError::Contended)
    }

    async fn append(
        &self,
        target: &Target<'_>,
        expected: ExpectedVersion,
        events: &[Event],
        begun: Instant,
    ) -> Result<Appending, LedgerError> {
        let events = target.encoded(events)?;
        let bytes: usize = events.iter().map(|event| event.data.len() + event.metadata.len()).sum();
        let charge = match target.budget {
            None => None,
            Some((app, budget)) => Some(self.quotas.charge(app, budget, bytes, target.recorded_at)?),
        };
        let append = Append { stream: target.stream.clone(), expected, events, urgency: target.urgency };
        let mut outcome = self.store.append(append.clone()).await;
        let is_worth_another_try = match &outcome {
            AppendOutcome::Unknown(Fault::Slow | Fault::Refused(_)) => false,
            // A store that several ledgers write has tried again itself.
            AppendOutcome::Unknown(_) => !self.store.is_shared(),
            AppendOutcome::Appended { .. }
            | AppendOutcome::Conflict { .. }
            | AppendOutcome::NotWritten(_) => false,
        };
        let tried_before = is_worth_another_try && begun.elapsed() < limits::APPEND_WAIT / 2;
        if tried_before {
            // The same ids again are the same append, whatever became of the first try.
            outcome = self.store.append(append).await;
        }
        match outcome {
            AppendOutcome::Appended { first_version, position, repeated } => {
                if let Some(charge) = charge.filter(|_| !repeated) {
                    charge.keep();
                }
                Ok(Appending::Appended { first_version, position, recorded: !repeated || tried_before })
            }
            AppendOutcome::Conflict { .. } => Ok(Appending::Conflict),
            AppendOutcome::NotWritten(fault) | AppendOutcome::Unknown(fault) => {
                Err(LedgerError::Unavailable(fault))
            }
        }
    }

    pub(super) async fn read<State: Default>(
        &self,
        stream: &StreamName,
        evolve: impl Fn(State, &Event) -> State,
    ) -> Result<Seen<State>, LedgerError> {
        let (mut state, mut app) = (State::default(), None);
        let end = self
            .read_each(stream, limits::READ_PAGE_EVENTS_MAX, |recorded| {
                let decoded = codec::decode(recorded)?;
                app = app.take().or(decoded.metadata.app);
                state = evolve(std::mem::take(&mut state), &decoded.event);
                Ok(())
            })
            .await?;
        Ok(Seen { state, app, version: end.version, position: end.position })
    }

    /// Hands on each event of a stream, read in pieces, and says where it ends.
    pub(super) async fn read_each(
        &self,
        stream: &StreamName,
        page_events: usize,
        mut each: impl FnMut(&RecordedEvent) -> Result<(), LedgerError>,
    ) -> Result<StreamEnd, LedgerError> {
        let mut end = StreamEnd::nothing();
        loop {
            let page = self.next_page(stream, &mut end, page_events).await?;
            if page.is_empty() {
                return Ok(end);
            }
            page.iter().try_for_each(&mut each)?;
        }
    }

    /// The events of a stream after `end`, which is theirs then; none where the stream ends.
    pub(super) async fn next_page(
        &self,
        stream: &StreamName,
        end: &mut StreamEnd,
        page_events: usize,
    ) -> Result<Vec<RecordedEvent>, LedgerError> {
        let page = self.store.read_stream(stream, end.version.next(), page_events).await;
        let page = page.map_err(LedgerError::Unavailable)?;
        for recorded in &page {
            if recorded.version != end.version.next() {
                return Err(altered(stream, end.version.next(), recorded.version));
            }
            end.version = ExpectedVersion::Exact(recorded.version);
            end.position = Some(recorded.position);
        }
        Ok(page)
    }

    /// Reads, decides and appends what a person or a program says: at most one event.
    pub(super) async fn say<State: Default, Refusal>(
        &self,
        target: &Target<'_>,
        evolve: impl Fn(State, &Event) -> State + Copy,
        decide: impl Fn(&State) -> Result<Option<Event>, Refusal>,
    ) -> Result<Result<Recorded, Refusal>, LedgerError> {
        let seen = self.read(target.stream, evolve).await?;
        let decide = |state: &State| match decide(state) {
            Ok(event) => (event.into_iter().collect(), Ok(())),
            Err(refusal) => (vec![], Err(refusal)),
        };
        let Settled { outcome, position, recorded } = self.settle(target, seen, evolve, decide).await?;
        Ok(outcome.map(|()| Recorded { recorded, position }))
    }

    /// The same, only while the stream is as `upon` demands when the word is recorded, whoever else writes to it.
    pub(super) async fn say_upon<State: Default + Revised, Refusal>(
        &self,
        target: &Target<'_>,
        upon: Upon,
        evolve: impl Fn(State, &Event) -> State + Copy,
        decide: impl Fn(&State) -> Result<Option<Event>, Refusal>,
    ) -> Result<Result<Said, Refusal>, LedgerError> {
        let seen = self.read(target.stream, evolve).await?;
        let decide = |state: &State| {
            let revision = state.revision();
            match upon.check(revision).map(|()| decide(state)) {
                Ok(Ok(Some(event))) => (vec![event], Ok(Ok(revision + 1))),
                Ok(Ok(None)) => (vec![], Ok(Ok(revision))),
                Ok(Err(refusal)) => (vec![], Ok(Err(refusal))),
                Err(stale) => (vec![], Err(stale)),
            }
        };
        let Settled { outcome, position, recorded } = self.settle(target, seen, evolve, decide).await?;
        Ok(outcome?.map(|revision| Said { recorded, position, revision }))
    }

    /// Appends part of something large, where the stream is still as it was seen. Pushes go first: while the
    /// store is too busy with them, it is tried again and again, for the same ids again are the same append.
    /// `None`: the stream is not as it was seen.
    pub(super) async fn append_part(
        &self,
        target: &Target<'_>,
        expected: ExpectedVersion,
        events: Arc<[NewEvent]>,
    ) -> Result<Option<Part>, LedgerError> {
        let count = events.len() as u64;
        let append = Append { stream: target.stream.clone(), expected, events, urgency: target.urgency };
        let begun = Instant::now();
        loop {
            match self.store.append(append.clone()).await {
                AppendOutcome::Appended { first_version, position, .. }
                    if first_version == expected.next() =>
                {
                    let version = ExpectedVersion::Exact(first_version + count.saturating_sub(1));
                    return Ok(Some(Part { version, position }));
                }
                AppendOutcome::Appended { first_version: found, .. } => {
                    return Err(altered(target.stream, expected.next(), found));
                }
                AppendOutcome::Conflict { .. } => return Ok(None),
                AppendOutcome::NotWritten(Fault::QueueFull | Fault::Slow)
                | AppendOutcome::Unknown(Fault::QueueFull | Fault::Slow)
                    if begun.elapsed() < limits::IMPORT_STORE_WAIT =>
                {
                    sleep(limits::IMPORT_PAUSE).await;
                }
                AppendOutcome::NotWritten(fault) | AppendOutcome::Unknown(fault) => {
                    return Err(LedgerError::Unavailable(fault));
                }
            }
        }
    }
}

/// Where a stream ends.
#[derive(Debug)]
pub struct StreamEnd {
    pub version: ExpectedVersion,
    pub position: Option<Position>,
}

impl StreamEnd {
    /// That of a stream of which nothing has been read.
    pub fn nothing() -> Self {
        Self { version: ExpectedVersion::NoStream, position: None }
    }
}

/// Part of something large that stands now.
pub struct Part {
    /// Of its last event.
    pub version: ExpectedVersion,
    pub position: Position,
}

impl Target<'_> {
    pub fn encoded(&self, events: &[Event]) -> Result<Arc<[NewEvent]>, EncodeError> {
        let (app, recorded_at) = (self.app.cloned(), self.recorded_at);
        let metadata = Metadata { app, recorded_at, evidence: self.evidence.cloned() };
        events.iter().map(|event| codec::encode(self.stream, event, &metadata)).collect()
    }
}

/// Somebody wrote behind the ledger's back: nothing is acknowledged for such a stream.
pub fn altered(stream: &StreamName, expected: u64, found: u64) -> LedgerError {
    error!(alarm = "stream", %stream, expected, found, "a stream was deleted or altered; nothing is added to it");
    LedgerError::Altered { stream: stream.clone(), expected, found }
}

pub fn command_target<'a>(
    stream: &'a StreamName,
    app: Option<&'a AppSlug>,
    recorded_at: DateTime<Utc>,
) -> Target<'a> {
    Target { stream, app, evidence: None, recorded_at, budget: None, urgency: Urgency::Command }
}

pub fn push_target<'a>(
    stream: &'a StreamName,
    app: &'a AppSlug,
    evidence: &'a Evidence,
    budget: Option<Budget>,
) -> Target<'a> {
    let recorded_at = evidence.received_at;
    let budget = budget.map(|budget| (app, budget));
    Target { stream, app: Some(app), evidence: Some(evidence), recorded_at, budget, urgency: Urgency::Push }
}
