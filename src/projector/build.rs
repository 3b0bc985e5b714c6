//! Builds a projection from the log's beginning, beside the one that answers.

use std::sync::Arc;

use tracing::{error, info, warn};

use super::definition::Definition;
use super::file;
use super::fold::{FoldFailure, Folding, Plan};
use super::slot::Generation;
use super::status::Progress;
use super::stretch::{Stretch, UpTo};
use super::worker::{End, Followed, Takeover, Worker};
use crate::limits;

impl Worker {
    /// Builds a projection from the beginning, lets it take over, and follows the log with it.
    pub fn build(&self, definition: &Arc<Definition>) {
        let mut failed: Option<FoldFailure> = None;
        loop {
            let path = self.slot.place.next_name(&definition.version);
            let built = self.build_file(definition, &path, failed.as_ref().map(|failure| failure.position));
            let _gone_where_finished = std::fs::remove_file(file::building(&path));
            match built {
                End::CaughtUp => {
                    let generation = Arc::new(Generation::new(definition.clone(), path));
                    match self.follow(&generation, Takeover::Ahead, failed.take()) {
                        Followed::Answered => return,
                        Followed::GivenUp => return self.remove(&generation),
                        Followed::Lost => self.remove(&generation),
                    }
                }
                End::Told => return,
                End::Event(failure) if self.slot.live.load().is_some() => {
                    return self.note_build_failure(&failure);
                }
                // Once more, up to the event that failed: nothing can be taken back during a build.
                End::Event(failure) => failed = Some(failure),
                End::Fault(problem) | End::Lost(problem) => {
                    self.note_fault(&problem, Takeover::Ahead);
                    self.pause(limits::FOLD_TRY_AGAIN_AFTER);
                }
                End::LogFault(problem) => self.wait_for_the_log(problem),
            }
            if self.stop.is_told() {
                return;
            }
        }
    }

    /// A finished build that never answered.
    fn remove(&self, generation: &Generation) {
        if let Err(error) = file::remove(&generation.path) {
            warn!(projection = self.slot.name, %error, "a build that was given up cannot be removed");
        }
    }

    fn build_file(&self, definition: &Arc<Definition>, path: &std::path::Path, up_to: UpTo) -> End {
        let built = file::building(path);
        let fault = |error: &dyn std::fmt::Display| End::Fault(format!("{}: {error}", built.display()));
        let made = file::create(&built, definition, self.source.live.log().log_id());
        let folding = match made.map(|connection| Folding::over(connection, &self.stop)) {
            Ok(Ok(folding)) => folding,
            Ok(Err(error)) => return fault(&error),
            Err(error) => return fault(&error),
        };
        let end = match self.build_rows(&folding, definition, up_to) {
            Ok(end) => end,
            Err(error) if folding.was_stopped(&error) => return End::Told,
            Err(error) => return fault(&error),
        };
        if !matches!(end, End::CaughtUp) {
            return end;
        }
        drop(folding);
        match file::finish(&built, path) {
            Ok(()) => End::CaughtUp,
            Err(error) => fault(&error),
        }
    }

    fn build_rows(
        &self,
        folding: &Folding,
        definition: &Definition,
        up_to: UpTo,
    ) -> Result<End, rusqlite::Error> {
        folding.begin()?;
        folding.make(&definition.schema)?;
        let mut plan = Plan::prepare(folding, definition)?;
        let mut stretch = Stretch::from(&self.source.builds, None, up_to);
        stretch.is_build = true;
        self.note_build(&stretch);
        let end = loop {
            let end = self.stretch(&mut plan, &mut stretch, limits::BUILD_TRANSACTION_EVENTS)?;
            self.note_build(&stretch);
            match end {
                Some(end) => break end,
                None => {
                    folding.commit()?;
                    folding.begin()?;
                }
            }
        };
        if matches!(end, End::CaughtUp) {
            folding.make(&definition.late_indexes)?;
            folding.commit()?;
            let (projection, events) = (&self.slot.name, stretch.events);
            info!(projection, events, "is built");
        }
        Ok(end)
    }

    pub(super) fn note_build(&self, stretch: &Stretch) {
        let head = *self.source.head.borrow();
        let progress = Progress { events: stretch.events, first: stretch.first, position: stretch.at, head };
        self.slot.note(|status| status.build = Some(progress));
    }

    pub(super) fn note_build_failure(&self, failure: &FoldFailure) {
        self.slot.note(|status| (status.build, status.build_failure) = (None, Some(failure.to_string())));
        error!(alarm = "projection", projection = self.slot.name, %failure, "the new version cannot be built; the one before goes on");
    }
}
