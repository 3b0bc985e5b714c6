//! Asks read models as of a position or a moment: of one that stands there the present answers, of others the past.

use std::sync::Arc;
use std::time::Duration;

use chrono::{DateTime, Utc};
use tokio::time::Instant;

use super::super::ask::{self, Answer, AskError, Question};
use super::super::definition::Definition;
use super::super::snapshot::{self, Snapshot};
use super::super::{Projector, unknown_query};
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
    /// A moment that is over: a read model that has stopped before it answers as it is.
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
                let recorded = times::recorded_at(log, position).await.map_err(|error| fault(&error))?;
                let end = self.source.head.borrow().map_or(0, Position::number);
                let at = recorded.ok_or(AsOfError::Outside { end })?;
                Ok(StateOf { until: Some(position), at, reach: Reach::Exactly })
            }
            AsOf::Moment(at) if at > now => {
                let until = *self.source.head.borrow();
                Ok(StateOf { until, at, reach: Reach::Open })
            }
            AsOf::Moment(at) => {
                let deadline = Instant::now() + wait;
                let then = self.past.times.lock().await.at(log, at, deadline).await;
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

    /// The answer as of then.
    pub async fn ask_as_of(
        self: &Arc<Self>,
        question: &Question<'_>,
        state: &StateOf,
    ) -> Result<Answer, AskError> {
        if let Some(min_position) = self.may_know(question.projection, question.min_position, state) {
            let now = Question { min_position, ..question.clone() };
            let answer = match self.ask(&now).await {
                // What does not come so far answers as it is, and says how far that is.
                Err(AskError::Behind { .. }) if state.reach == Reach::Over => {
                    self.ask(&Question { wait: Duration::ZERO, ..question.clone() }).await?
                }
                other => other?,
            };
            if self.is_of(state, answer.position, &answer.declaration.uses) {
                return Ok(answer);
            }
        }
        self.ask_past(question, state.until).await
    }

    async fn ask_past(
        self: &Arc<Self>,
        question: &Question<'_>,
        until: Option<Position>,
    ) -> Result<Answer, AskError> {
        let deadline = Instant::now() + question.wait;
        let definition = self.definition(question.projection)?;
        let query = definition.query(question.query).cloned();
        let query = query.ok_or_else(|| unknown_query(&definition, question.query))?;
        let parameters = ask::bind(&query.declaration, question.parameters, question.as_of)?;
        let all = self.with_joined(definition, &query.declaration.uses)?;
        let ready = self.past.ready(&all, until, deadline).await?;
        let (Some(asked), joined) = (ready.first(), ready.iter().skip(1)) else {
            return Err(self.unknown(question.projection));
        };
        let joined = query.declaration.uses.iter().cloned().zip(joined.map(|joined| joined.path.clone()));
        let (table, position) = self.run(asked, joined.collect(), &query, &parameters, &self.turns).await?;
        let next = ask::next_page(&query.declaration, &table, &parameters);
        Ok(Answer { table, position, next, declaration: query.declaration.clone() })
    }

    /// A snapshot as of then.
    pub async fn snapshot_as_of(
        self: &Arc<Self>,
        projection: &str,
        at_least: Option<Position>,
        state: &StateOf,
        wait: Duration,
    ) -> Result<Snapshot, AskError> {
        if let Some(min_position) = self.may_know(projection, at_least, state) {
            let snapshot = match self.snapshot(projection, min_position, wait).await {
                Err(AskError::Behind { .. }) if state.reach == Reach::Over => {
                    self.snapshot(projection, at_least, Duration::ZERO).await?
                }
                other => other?,
            };
            if self.is_of(state, snapshot.position(), snapshot.joined()) {
                return Ok(snapshot);
            }
        }
        let until = Instant::now() + wait;
        let turn = self.report_turn(projection, until).await?;
        let definition = self.definition(projection)?;
        let names = snapshot::joined_by(&definition);
        let all = self.with_joined(definition, &names)?;
        let ready = self.past.ready(&all, state.until, until).await?;
        let (Some(asked), joined) = (ready.first(), ready.iter().skip(1)) else {
            return Err(self.unknown(projection));
        };
        let joined = names.into_iter().zip(joined.map(|joined| joined.path.clone()));
        self.snapshot_of(asked, joined.collect(), turn).await
    }

    /// The position that the present must know of to answer, where it is not too far already.
    fn may_know(
        &self,
        projection: &str,
        min_position: Option<Position>,
        state: &StateOf,
    ) -> Option<Option<Position>> {
        let at = self.progress(projection).and_then(|progress| *progress.borrow());
        match state.reach {
            Reach::Open => Some(min_position),
            Reach::Over | Reach::Exactly if at <= state.until => Some(min_position.max(state.until)),
            Reach::Over | Reach::Exactly => None,
        }
    }

    /// Whether an answer of the present knows of nothing that came later.
    fn is_of(&self, state: &StateOf, position: Option<Position>, joined: &[String]) -> bool {
        // Of several files only the earliest position is known.
        let is_all = || *self.source.head.borrow() <= state.until;
        state.reach == Reach::Open || (position <= state.until && (joined.is_empty() || is_all()))
    }

    /// What answers now, or is to.
    fn definition(&self, projection: &str) -> Result<Arc<Definition>, AskError> {
        Ok(self.slot(projection).ok_or_else(|| self.unknown(projection))?.definition())
    }

    /// A projection, and those that it joins.
    fn with_joined(
        &self,
        first: Arc<Definition>,
        joined: &[String],
    ) -> Result<Vec<Arc<Definition>>, AskError> {
        let joined = joined.iter().map(|name| self.definition(name));
        std::iter::once(Ok(first)).chain(joined).collect()
    }
}
