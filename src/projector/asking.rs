//! Questions put to the read models that answer now: each waits for its turn and for its position, and is asked again
//! where another build takes over meanwhile.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use rusqlite::types::Value;
use tokio::sync::Semaphore;
use tokio::time::Instant;

use super::ask::{self, Answer, AskError, Question};
use super::definition::{Definition, Query};
use super::past::Lease;
use super::slot::Generation;
use super::{Projector, behind, unknown_query};
use crate::store::Position;
use crate::table::Table;

impl Projector {
    pub async fn ask(self: &Arc<Self>, question: &Question<'_>) -> Result<Answer, AskError> {
        self.ask_in_turn(question, &self.turns).await
    }

    /// For WeChat, which does not wait behind slow questions of others.
    pub async fn ask_urgently(self: &Arc<Self>, question: &Question<'_>) -> Result<Answer, AskError> {
        self.ask_in_turn(question, &self.urgent_turns).await
    }

    async fn ask_in_turn(
        self: &Arc<Self>,
        question: &Question<'_>,
        turns: &Arc<Semaphore>,
    ) -> Result<Answer, AskError> {
        let until = Instant::now() + question.wait;
        // What is wrong with it is told at once, also while nothing answers yet.
        if let Some(slot) = self.slot(question.projection) {
            bound(&slot.definition(), question)?;
        }
        loop {
            let live = self.ready(question.projection, question.min_position, until).await?;
            let (query, parameters) = bound(&live.definition, question)?;
            let mut joined = Vec::new();
            for name in &query.declaration.uses {
                joined
                    .push((name.clone(), self.ready(name, question.min_position, until).await?.path.clone()));
            }
            let asked = joined.clone();
            let run = self.run(&live, joined, &query, &parameters, (turns, vec![]));
            let (table, position) = match run.await {
                // Another build took over while the files were being opened.
                Err(AskError::Fault { .. }) if self.has_moved_on(&live, &asked) => continue,
                other => other?,
            };
            // A build that has just taken over may be a little behind the one before.
            if position < question.min_position && Instant::now() < until {
                self.moved(question.projection, until).await;
                continue;
            }
            if let Some(wanted) = question.min_position.filter(|wanted| position < Some(*wanted)) {
                return Err(behind(question.projection, position, wanted));
            }
            let next = ask::next_page(&query.declaration, &table, &parameters);
            return Ok(Answer {
                table,
                position,
                next,
                stopped: None,
                declaration: query.declaration.clone(),
            });
        }
    }

    pub(super) async fn run(
        self: &Arc<Self>,
        live: &Arc<Generation>,
        joined: Vec<(String, PathBuf)>,
        query: &Arc<Query>,
        parameters: &[(String, Value)],
        (turns, leases): (&Arc<Semaphore>, Vec<Lease>),
    ) -> Result<(Table, Option<Position>), AskError> {
        let fault = |problem: String| AskError::Fault { projection: live.definition.name.clone(), problem };
        let turn = turns.clone().acquire_owned().await.map_err(|error| fault(error.to_string()))?;
        let (live, query, parameters) = (live.clone(), query.clone(), parameters.to_vec());
        let asking = tokio::task::spawn_blocking(move || {
            // Whoever asked may have gone; the query runs on, and its turn is taken until it ends.
            let _until_answered = (turn, leases);
            live.pool.ask(&live.path, &joined, &query, &parameters)
        });
        asking.await.map_err(|error| fault(error.to_string()))?
    }

    pub(super) fn has_moved_on(&self, from: &Generation, joined: &[(String, PathBuf)]) -> bool {
        let is_elsewhere = |name: &str, path: &Path| {
            let live = self.slot(name).and_then(|slot| slot.live.load_full());
            live.is_some_and(|live| live.path != path)
        };
        is_elsewhere(&from.definition.name, &from.path)
            || joined.iter().any(|(name, path)| is_elsewhere(name, path))
    }
}

/// A query, and what it is asked with.
type Bound = (Arc<Query>, Vec<(String, Value)>);

/// The query that is asked for, and its parameters.
fn bound(definition: &Definition, question: &Question<'_>) -> Result<Bound, AskError> {
    let query = definition.query(question.query).cloned();
    let query = query.ok_or_else(|| unknown_query(definition, question.query))?;
    let parameters = ask::bind(&query.declaration, question.parameters, question.as_of)?;
    Ok((query, parameters))
}
