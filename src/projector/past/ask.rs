//! Asks read models as of a position or a moment: of one that stands there the present answers, of others the past.

use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use chrono::{DateTime, Utc};
use tokio::time::{Instant, timeout_at};

use super::super::ask::{self, Answer, AskError, Question};
use super::super::definition::Definition;
use super::super::fold::FoldFailure;
use super::super::slot::Generation;
use super::super::snapshot::{self, Snapshot};
use super::super::status::State;
use super::super::{Projector, unknown_query};
use super::kept::{Lease, Sought};
use super::times::{self, TimesError};
use crate::store::Position;

/// Which state is asked.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum AsOf {
    /// After this event.
    Position(Position),
    /// After the last event before the first that was recorded later.
    Moment(DateTime<Utc>),
}

/// A state of the log.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct StateOf {
    /// Its last event; `None` before the first.
    pub until: Option<Position>,
    /// What ages are counted to.
    pub at: DateTime<Utc>,
    pub reach: Reach,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Reach {
    /// A position: an answer of a state before it is none.
    Exactly,
    /// A moment that is over: only a read model that has stopped before it, at an event that it cannot fold, answers as
    /// it is, and says so.
    Over,
    /// A moment to come: whatever is known belongs to it.
    Open,
}

/// Why there is no such state.
#[derive(Debug, thiserror::Error)]
pub enum AsOfError {
    #[error(
        "lies outside of this log, whose positions are 1 to {end}; one of another log means nothing here"
    )]
    Outside { end: u64 },
    #[error("no event stands at position {0}: name the position of an event, as an answer gave it")]
    NoEvent(Position),
    #[error("of the event at position {0} it cannot be read when it was recorded: name another position")]
    Unreadable(Position),
    #[error(transparent)]
    Ask(#[from] AskError),
}

impl Projector {
    /// The state that is meant, `now`.
    pub async fn state_of(
        &self,
        as_of: AsOf,
        now: DateTime<Utc>,
        wait: Duration,
    ) -> Result<StateOf, AsOfError> {
        let log = self.past.feed.log();
        let fault = |error: &dyn std::error::Error| AskError::Fault {
            projection: "as_of".to_owned(),
            problem: error.to_string(),
        };
        match as_of {
            AsOf::Position(position) => {
                let event = log.event_at(position).await.map_err(|error| fault(&error))?;
                let Some(event) = event else {
                    let end = log.last().await.map_err(|error| fault(&error))?.map_or(0, Position::number);
                    let is_inside = (1..=end).contains(&position.number());
                    return Err(if is_inside {
                        AsOfError::NoEvent(position)
                    } else {
                        AsOfError::Outside { end }
                    });
                };
                let at = times::at(&event).ok_or(AsOfError::Unreadable(position))?;
                Ok(StateOf { until: Some(position), at, reach: Reach::Exactly })
            }
            AsOf::Moment(at) if at > now => {
                let until = *self.source.head.borrow();
                Ok(StateOf { until, at, reach: Reach::Open })
            }
            AsOf::Moment(at) => {
                let deadline = Instant::now() + wait;
                // Another may be reading on, as long as it may.
                let times = timeout_at(deadline, self.past.times.lock()).await;
                let mut times = times.map_err(|_| AskError::NotBuilt {
                    projection: "the index of moments".to_owned(),
                    done: "for others first".to_owned(),
                })?;
                let then = times.at(log, at, deadline).await;
                let then = then.map_err(|error| match error {
                    TimesError::Slow(_) => {
                        let (projection, done) = ("the index of moments".to_owned(), error.to_string());
                        AskError::NotBuilt { projection, done }
                    }
                    TimesError::Log(_) => fault(&error),
                })?;
                Ok(StateOf { until: then.last, at, reach: Reach::Over })
            }
        }
    }

    /// The answer as of then. Of the past, one state at a time is folded for `by`, who asks.
    pub async fn ask_as_of(
        self: &Arc<Self>,
        question: &Question<'_>,
        state: &StateOf,
        by: &str,
    ) -> Result<Answer, AskError> {
        let definition = self.definition(question.projection)?;
        let query = definition.query(question.query).cloned();
        let query = query.ok_or_else(|| unknown_query(&definition, question.query))?;
        let uses = &query.declaration.uses;
        if let Some(now) = self.now(&definition.name, uses, question.min_position, state)? {
            let wait = if now.stopped.is_some() { Duration::ZERO } else { question.wait };
            let answer = self.ask(&Question { min_position: now.at_least, wait, ..question.clone() }).await?;
            if self.is_of(state, answer.position, &answer.declaration.uses).await? {
                return Ok(Answer { stopped: now.stopped, ..answer });
            }
        }
        let deadline = Instant::now() + question.wait;
        let parameters = ask::bind(&query.declaration, question.parameters, question.as_of)?;
        let Folded { asked, joined, leases, stopped } =
            self.folded(&definition, uses, state, (by, deadline)).await?;
        let run = self.run(&asked, joined, &query, &parameters, (&self.turns, leases));
        let (table, position) = run.await?;
        let next = ask::next_page(&query.declaration, &table, &parameters);
        Ok(Answer { table, position, stopped, next, declaration: query.declaration.clone() })
    }

    /// A snapshot as of then, likewise.
    pub async fn snapshot_as_of(
        self: &Arc<Self>,
        projection: &str,
        at_least: Option<Position>,
        state: &StateOf,
        (by, wait): (&str, Duration),
    ) -> Result<Snapshot, AskError> {
        let until = Instant::now() + wait;
        let definition = self.definition(projection)?;
        let names = snapshot::joined_by(&definition);
        if let Some(now) = self.now(projection, &names, at_least, state)? {
            let wait = if now.stopped.is_some() { Duration::ZERO } else { wait };
            let snapshot = self.snapshot(projection, now.at_least, wait).await?;
            if self.is_of(state, snapshot.position(), snapshot.joined()).await? {
                return Ok(snapshot.stopped_before(now.stopped));
            }
        }
        let Folded { asked, joined, leases, stopped } =
            self.folded(&definition, &names, state, (by, until)).await?;
        // Not before: others make reports while a state is folded.
        let turn = self.report_turn(projection, until).await?;
        Ok(self.snapshot_of(&asked, joined, turn, leases).await?.stopped_before(stopped))
    }

    /// A projection and those that it joins, folded up to the state.
    async fn folded(
        &self,
        definition: &Arc<Definition>,
        joined: &[String],
        state: &StateOf,
        (by, deadline): (&str, Instant),
    ) -> Result<Folded, AskError> {
        let mut sought = vec![self.sought(definition.clone())];
        for name in joined {
            sought.push(self.sought(self.definition(name)?));
        }
        let mut ready = self.past.ready(&sought, state.until, by, deadline).await?;
        let failures = ready.iter().filter_map(|pinned| Some((pinned, pinned.failure.as_ref()?)));
        let first = failures.min_by_key(|(_, failure)| failure.position);
        let stopped = first.as_ref().map(|(_, failure)| failure.position);
        if let (Some((pinned, failure)), Reach::Exactly) = (first, state.reach) {
            return Err(stopped_before(&pinned.generation.definition.name, failure, state));
        }
        let leases = ready.iter().map(|pinned| pinned.lease.clone()).collect();
        let paths = ready.iter().skip(1).map(|pinned| pinned.generation.path.clone());
        let joined = joined.iter().cloned().zip(paths).collect();
        // Of each that was sought there is one.
        let asked = ready.swap_remove(0).generation;
        Ok(Folded { asked, joined, leases, stopped })
    }

    fn sought(&self, definition: Arc<Definition>) -> Sought {
        let slot = self.slot(&definition.name);
        let live = slot.and_then(|slot| {
            let at = *slot.progress.borrow();
            Some((slot.live.load_full()?.path.clone(), at?))
        });
        Sought { definition, live }
    }

    /// How the present is to be asked, where it is not too far already.
    fn now(
        &self,
        projection: &str,
        joined: &[String],
        min_position: Option<Position>,
        state: &StateOf,
    ) -> Result<Option<Now>, AskError> {
        let at = self.progress(projection).and_then(|progress| *progress.borrow());
        match state.reach {
            Reach::Open => return Ok(Some(Now { at_least: min_position, stopped: None })),
            Reach::Over | Reach::Exactly if at > state.until => return Ok(None),
            Reach::Over | Reach::Exactly => {}
        }
        let at_least = min_position.max(state.until);
        let names = std::iter::once(projection).chain(joined.iter().map(String::as_str));
        let stopped = names.filter_map(|name| Some((name, self.standing_still(name)?)));
        let stopped = stopped.filter(|(_, failure)| Some(failure.position) <= state.until);
        let Some((name, failure)) = stopped.min_by_key(|(_, failure)| failure.position) else {
            return Ok(Some(Now { at_least, stopped: None }));
        };
        match state.reach {
            Reach::Exactly => Err(stopped_before(name, &failure, state)),
            Reach::Over | Reach::Open => {
                Ok(Some(Now { at_least: min_position, stopped: Some(failure.position) }))
            }
        }
    }

    /// The event that a read model stands before for good.
    fn standing_still(&self, name: &str) -> Option<FoldFailure> {
        let status = self.slot(name)?.status();
        match status.state {
            State::Stopped(failure) if status.build.is_none() => Some(failure),
            State::Stopped(_) | State::Building | State::Live | State::Failing(_) => None,
        }
    }

    /// Whether an answer of the present knows of nothing that came later.
    async fn is_of(
        &self,
        state: &StateOf,
        position: Option<Position>,
        joined: &[String],
    ) -> Result<bool, AskError> {
        if state.reach == Reach::Open || position > state.until || joined.is_empty() {
            return Ok(state.reach == Reach::Open || position <= state.until);
        }
        // Of several files only the earliest position is known, and another process may have written the log.
        let last = self.past.feed.log().last().await;
        let last = last.map_err(|error| AskError::Fault {
            projection: "as_of".to_owned(),
            problem: error.to_string(),
        })?;
        Ok(last <= state.until)
    }

    /// What answers now, or is to.
    fn definition(&self, projection: &str) -> Result<Arc<Definition>, AskError> {
        Ok(self.slot(projection).ok_or_else(|| self.unknown(projection))?.definition())
    }
}

/// How the present is asked.
struct Now {
    at_least: Option<Position>,
    /// The event that it has stopped before, which is not later than the state.
    stopped: Option<Position>,
}

/// States of the past to be asked.
struct Folded {
    asked: Arc<Generation>,
    joined: Vec<(String, PathBuf)>,
    leases: Vec<Lease>,
    stopped: Option<Position>,
}

fn stopped_before(projection: &str, failure: &FoldFailure, state: &StateOf) -> AskError {
    AskError::Stopped {
        projection: projection.to_owned(),
        at: failure.position.before().map_or(0, Position::number),
        wanted: state.until.map_or(0, Position::number),
        problem: failure.to_string(),
    }
}
