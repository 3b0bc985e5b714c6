//! Waiting for projections: for a build that answers, for a position, for all to be folded.

use std::sync::Arc;
use std::time::Duration;

use tokio::time::Instant;

use super::ask::AskError;
use super::slot::Generation;
use super::status::State;
use super::{Listed, Projector, behind};
use crate::limits;
use crate::store::Position;

/// A projection that cannot be folded for a while now.
#[derive(Debug, thiserror::Error)]
#[error("{projection} cannot be folded: {problem}")]
pub struct KeepsFailing {
    pub projection: String,
    pub problem: String,
}

impl Projector {
    /// Waits until every projection answers and has reached a position, or has stopped; tells how far they are
    /// meanwhile. One that keeps failing is told of as an error.
    pub async fn caught_up(
        &self,
        position: Option<Position>,
        every: Duration,
        tell: impl Fn(&[Listed]),
    ) -> Result<(), KeepsFailing> {
        let mut failing_since = None;
        loop {
            let listed = self.list();
            tell(&listed);
            let is_done = |listed: &Listed| match listed.status.state {
                State::Stopped(_) => listed.status.build.is_none(),
                State::Live => listed.status.build.is_none() && listed.position >= position,
                State::Building | State::Failing(_) => false,
            };
            if listed.iter().all(is_done) {
                return Ok(());
            }
            let failing = listed.iter().find_map(|listed| match &listed.status.state {
                State::Failing(problem) => Some((listed.definition.name.clone(), problem.clone())),
                State::Building | State::Live | State::Stopped(_) => None,
            });
            match (failing, failing_since) {
                (None, _) => failing_since = None,
                (Some(_), None) => failing_since = Some(Instant::now()),
                (Some((projection, problem)), Some(since))
                    if since.elapsed() > limits::FOLD_GIVE_UP_AFTER =>
                {
                    return Err(KeepsFailing { projection, problem });
                }
                (Some(_), Some(_)) => {}
            }
            tokio::time::sleep(every).await;
        }
    }

    /// The build that answers, once it knows of a position.
    pub(super) async fn ready(
        &self,
        name: &str,
        position: Option<Position>,
        until: Instant,
    ) -> Result<Arc<Generation>, AskError> {
        let mut begun = self.begun.subscribe();
        // What is unknown after that is unknown.
        let _waited = tokio::time::timeout_at(until, begun.wait_for(|begun| *begun)).await.is_ok();
        let slot = self.slot(name).ok_or_else(|| self.unknown(name))?;
        let mut progress = slot.progress.subscribe();
        loop {
            let at = *progress.borrow_and_update();
            match slot.live.load_full() {
                Some(live) if slot.is_folded_elsewhere || at >= position => return Ok(live),
                Some(live) if Instant::now() >= until => {
                    let name = &live.definition.name;
                    return Err(
                        position.map_or_else(|| self.unknown(name), |wanted| behind(name, at, wanted))
                    );
                }
                None if Instant::now() >= until => {
                    let status = slot.status();
                    let done = status.build.map_or(0, |build| build.permille() / 10);
                    let problem = status.state.problem().map(|problem| format!(" ({problem})"));
                    let done = format!("{done} % done{}", problem.unwrap_or_default());
                    return Err(AskError::NotBuilt { projection: name.to_owned(), done });
                }
                Some(_) | None => {}
            }
            let wait = until.min(Instant::now() + limits::QUERY_LOOK_AGAIN);
            // Whether it has moved or not is looked at above.
            let _moved = tokio::time::timeout_at(wait, progress.changed()).await;
        }
    }

    /// Waits until a projection's checkpoint moves, at most until then.
    pub(super) async fn moved(&self, name: &str, until: Instant) {
        if let Some(mut progress) = self.progress(name) {
            let wait = until.min(Instant::now() + limits::QUERY_LOOK_AGAIN);
            let _moved = tokio::time::timeout_at(wait, progress.changed()).await;
        }
    }
}
