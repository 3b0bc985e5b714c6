//! The thread of a projection that follows the log, whether it answers or is to take over. What comes before, the
//! build from the log's beginning, stands in `build`.

use std::sync::Arc;
use std::time::{Duration, Instant};

use rusqlite::ErrorCode;
use tracing::{error, info, warn};

use super::feed::Stop;
use super::file;
use super::fold::{FoldError, FoldFailure, Folding, Plan};
use super::slot::{Generation, Slot, Source};
use super::status::State;
use super::stretch::{Reached, Stretch, UpTo};
use crate::limits;
use crate::store::Position;
use crate::store::sqlite::{CheckpointRules, Checkpoints, Rest, SyncFailure};

pub struct Worker {
    pub slot: Arc<Slot>,
    pub source: Source,
    pub stop: Stop,
}

/// How a stretch of folding ended.
pub enum End {
    /// Told to stop.
    Told,
    /// At the log's end, or near it.
    CaughtUp,
    /// An event cannot be folded.
    Event(FoldFailure),
    /// The file or the log fails.
    Fault(String),
    /// The log cannot be read, which the store tells of itself.
    LogFault(String),
    /// The file is lost.
    Lost(String),
}

/// A read model can be made again from the log; a file that is damaged or gone is not worth keeping.
fn end_by(error: &rusqlite::Error, generation: &Generation) -> End {
    match error.sqlite_error_code() {
        Some(ErrorCode::DatabaseCorrupt | ErrorCode::NotADatabase) => End::Lost(error.to_string()),
        Some(ErrorCode::CannotOpen) if !generation.path.exists() => End::Lost(error.to_string()),
        _ => End::Fault(error.to_string()),
    }
}

/// This thread gets what pushes leave over.
pub fn yield_to_pushes() {
    if let Err(error) = rustix::process::nice(limits::FOLD_NICENESS) {
        warn!(%error, "folding cannot yield to pushes");
    }
}

impl Worker {
    /// Follows the log with the build that answers already.
    pub fn follow_live(&self, generation: &Arc<Generation>) {
        self.follow(generation, Takeover::Done, None);
    }

    pub(super) fn follow(
        &self,
        generation: &Arc<Generation>,
        mut takeover: Takeover,
        mut failed: Option<FoldFailure>,
    ) -> Followed {
        loop {
            let end =
                self.follow_file(generation, &mut takeover, failed.as_ref().map(|failure| failure.position));
            match end.unwrap_or_else(|error| end_by(&error, generation)) {
                End::Told => return Followed::of(takeover),
                End::CaughtUp => {
                    // Up to the event that failed.
                    let replaces = takeover == Takeover::Ahead && self.slot.live.load().is_some();
                    if let Some(failure) = failed.as_ref().filter(|_| replaces) {
                        self.note_build_failure(failure);
                    } else if let Some(failure) = failed {
                        let stopped = State::Stopped(failure.clone());
                        self.slot.note(|status| status.state = stopped);
                        error!(alarm = "projection", projection = self.slot.name, %failure, "an event cannot be folded: the projection stops before it");
                    }
                    return Followed::of(takeover);
                }
                End::Event(failure) => failed = Some(failure),
                End::LogFault(problem) => self.wait_for_the_log(problem),
                End::Fault(problem) => {
                    self.note_fault(&problem, takeover);
                    self.pause(limits::FOLD_TRY_AGAIN_AFTER);
                }
                End::Lost(problem) => {
                    let (projection, file) = (&self.slot.name, generation.path.display());
                    error!(alarm = "projection", projection, %file, problem, "the file is lost: it is built anew");
                    self.note_fault(&problem, takeover);
                    if takeover == Takeover::Ahead {
                        return Followed::Lost;
                    }
                    // Nobody is answered from it any more.
                    self.slot.live.store(None);
                    self.slot.progress.send_replace(None);
                    if !self.stop.is_told() {
                        self.slot.build_unless_building(&self.source);
                    }
                    return Followed::Answered;
                }
            }
            if self.stop.is_told() {
                return Followed::of(takeover);
            }
        }
    }

    /// Ends `CaughtUp` only before an event that failed.
    fn follow_file(
        &self,
        generation: &Arc<Generation>,
        takeover: &mut Takeover,
        up_to: UpTo,
    ) -> Result<End, rusqlite::Error> {
        let mut folding = Folding::over(file::open_to_fold(&generation.path)?, &self.stop)?;
        let rules = CheckpointRules {
            file: generation.path.display().to_string(),
            wal_pages: limits::VIEW_WAL_PAGES,
            rest: Rest::InPauses { until_times: limits::VIEW_WAL_TIMES_MAX },
            sync_failure: SyncFailure::IsTold,
        };
        let beside = file::open_to_fold(&generation.path)?;
        let mut checkpoints = Checkpoints::start(&mut folding.connection, beside, rules)?;
        let mut plan = Plan::prepare(&folding, &generation.definition)?;
        let checkpoint = file::checkpoint(&folding.connection, "main")?;
        let at = checkpoint.and_then(|checkpoint| checkpoint.position);
        if *takeover == Takeover::Done {
            self.tell_begun(at);
        }
        let mut stretch = Stretch::from(&self.source.live, at, up_to);
        loop {
            let (begun, head) = (Instant::now(), *self.source.head.borrow());
            folding.begin()?;
            let end = self.stretch(&mut plan, &mut stretch, limits::FOLD_TRANSACTION_EVENTS);
            match end {
                Ok(None | Some(End::CaughtUp)) => folding.commit()?,
                Ok(Some(end)) => {
                    folding.roll_back();
                    return Ok(end);
                }
                Err(error) => {
                    folding.roll_back();
                    return Err(error);
                }
            }
            checkpoints.advance(&folding.connection);
            let is_caught_up = matches!(end, Ok(Some(_)));
            if let Err(error) = self.publish(generation, takeover, &stretch) {
                return Ok(End::Fault(error.to_string()));
            }
            if is_caught_up && up_to.is_some() {
                return Ok(End::CaughtUp);
            }
            if is_caught_up {
                // What comes meanwhile shares a transaction. The more there is to do, the longer: pushes go first,
                // and pages that many events touch are written once.
                self.pause(begun.elapsed().clamp(limits::FOLD_PAUSE, limits::FOLD_PAUSE_MAX));
                // What was told of and could not be read yet.
                if *self.source.head.borrow() == head && head > stretch.at {
                    self.pause(limits::FOLD_PAUSE_MAX);
                }
                self.wait_for_more(stretch.at);
            }
            if self.stop.is_told() {
                return Ok(End::Told);
            }
        }
    }

    /// Folds what there is, within one transaction of the caller's. `None`: there is more.
    pub(super) fn stretch(
        &self,
        plan: &mut Plan<'_>,
        stretch: &mut Stretch,
        work_max: u64,
    ) -> Result<Option<End>, rusqlite::Error> {
        let (begun, until) = (Instant::now(), stretch.work + work_max);
        while stretch.work < until {
            if self.stop.is_told() {
                return Ok(Some(End::Told));
            }
            let effort = self.source.live.log().write_effort();
            if stretch.is_far_behind && effort > limits::FOLD_YIELDS_FROM {
                self.pause(effort.min(limits::FOLD_PAUSE_MAX));
            }
            let batch = match stretch.reader.after(stretch.at) {
                Ok(Some(batch)) => batch,
                Ok(None) => return Ok(Some(End::CaughtUp)),
                Err(fault) => return Ok(Some(End::LogFault(format!("the log: {fault}")))),
            };
            stretch.is_far_behind = !batch.is_near_the_end();
            match stretch.fold(plan, &batch) {
                // Near enough for a build.
                Ok(Reached::End) if stretch.is_build && batch.is_near_the_end() => {
                    return Ok(Some(End::CaughtUp));
                }
                // Who follows a log that is read slowly never comes to its end while pushes come.
                Ok(Reached::End)
                    if batch.is_near_the_end() && begun.elapsed() >= limits::FOLD_TRANSACTION_WAIT =>
                {
                    return Ok(None);
                }
                Ok(Reached::End) => {}
                Ok(Reached::Bound) => return Ok(Some(End::CaughtUp)),
                Err(FoldError::Event(failure)) => return Ok(Some(End::Event(failure))),
                Err(FoldError::Told) => return Ok(Some(End::Told)),
                Err(FoldError::File(error)) => return Err(error),
            }
            if stretch.is_build && stretch.is_round(batch.events.len()) {
                self.note_build(stretch);
            }
        }
        Ok(None)
    }

    /// Tells how far the build that answers is, and lets a new one answer that is as far as the one before.
    fn publish(
        &self,
        generation: &Arc<Generation>,
        takeover: &mut Takeover,
        stretch: &Stretch,
    ) -> Result<(), file::FileError> {
        if *takeover == Takeover::Ahead {
            if stretch.at < *self.slot.progress.borrow() {
                return Ok(());
            }
            self.slot.take_over(generation)?;
            *takeover = Takeover::Done;
        }
        // It is so after nearly every commit.
        if !self.slot.is_live() {
            if matches!(self.slot.status().state, State::Failing(_)) {
                info!(projection = self.slot.name, "folds again");
            }
            self.slot.note(|status| status.state = State::Live);
        }
        self.tell_progress(stretch.at);
        Ok(())
    }

    /// A file that was there already answers before the next event is folded, which may take long.
    fn tell_begun(&self, at: Option<Position>) {
        self.tell_progress(at);
        if matches!(self.slot.status().state, State::Building) {
            self.slot.note(|status| status.state = State::Live);
        }
    }

    fn tell_progress(&self, at: Option<Position>) {
        self.slot.progress.send_if_modified(|position| {
            let is_new = *position != at;
            *position = at;
            is_new
        });
    }

    fn wait_for_more(&self, at: Option<Position>) {
        let mut head = self.source.head.clone();
        self.source.live.block_on(async {
            tokio::select! {
                more = head.wait_for(|head| *head > at) => {
                    if more.is_err() {
                        // The store has gone; nothing more will come.
                        self.stop.told().await;
                    }
                }
                () = self.stop.told() => {}
            }
        });
    }

    /// Ends early when told to stop.
    pub(super) fn pause(&self, wait: Duration) {
        // A pause that was not cut short is over.
        self.source
            .live
            .block_on(async { tokio::time::timeout(wait, self.stop.told()).await.unwrap_or_default() });
    }

    pub(super) fn wait_for_the_log(&self, problem: String) {
        self.slot.note(|status| status.state = State::Failing(problem));
        self.pause(limits::FOLD_TRY_AGAIN_AFTER);
    }

    /// What a build beside a live one meets says nothing about that.
    pub(super) fn note_fault(&self, problem: &str, takeover: Takeover) {
        if takeover == Takeover::Ahead && self.slot.live.load().is_some() {
            let told_before = self.slot.status().build_failure.is_some();
            if !told_before {
                let projection = &self.slot.name;
                warn!(alarm = "projection", projection, problem, "a build fails and is tried again");
            }
            let problem = Some(problem.to_owned());
            return self.slot.note(|status| status.build_failure = problem);
        }
        let failed_before = matches!(self.slot.status().state, State::Failing(_));
        if !failed_before {
            warn!(
                alarm = "projection",
                projection = self.slot.name,
                problem,
                "folding fails and is tried again"
            );
        }
        let problem = problem.to_owned();
        self.slot.note(|status| status.state = State::Failing(problem));
    }
}

#[derive(Clone, Copy, PartialEq, Eq)]
pub enum Takeover {
    /// It does not answer yet.
    Ahead,
    Done,
}

/// How following with a build ended.
pub enum Followed {
    /// It answers, or has answered.
    Answered,
    /// It never took over, and never will.
    GivenUp,
    /// Its file is lost before it took over.
    Lost,
}

impl Followed {
    fn of(takeover: Takeover) -> Self {
        match takeover {
            Takeover::Ahead => Self::GivenUp,
            Takeover::Done => Self::Answered,
        }
    }
}
