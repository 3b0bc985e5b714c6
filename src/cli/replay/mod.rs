//! `order-ledger replay`: the log folded once more, into a file as of then, or to check the read models.

mod check;
mod into;
mod told;

use std::path::{Path, PathBuf};
use std::pin::pin;
use std::process::ExitCode;
use std::sync::{Arc, Mutex, PoisonError};

use anyhow::{Context, bail};
use chrono::{DateTime, Utc};

use into::Existing;

use super::ConfigFile;
use super::folding::{Projections, progress_bar};
use super::log::LogPlace;
use super::long_running::{self, EndSignals};
use crate::config::Config;
use crate::moment;
use crate::projector::FoldFailure;
use crate::projector::past::{PastFolds, Wanted};
use crate::replay::working::Working;
use crate::store::{Position, ReadLog};

/// Fold the log once more: all read models as of then into one SQLite file, or to check those that answer
///
/// Reads the log and the read models; a server may be running. Folds in a folder of its own beside views.dir. With
/// --into each table and each view becomes a table PROJECTION_TABLE of the file, and _replay says what it is of;
/// the same log, moment and program give the same rows. With --check each read model is held against a fresh fold by
/// the definitions that are usable now, up to its own position: its tables and indexes, what it says of itself, and each
/// row. The exit code is 1 where one differs or cannot be compared with them, or where a projection had to be left out;
/// 2 when the command could not run.
#[derive(clap::Args)]
pub struct Args {
    #[command(flatten)]
    config: ConfigFile,
    #[command(flatten)]
    projections: Projections,
    /// Up to and with this position, or what was recorded up to this moment (RFC 3339)
    #[arg(long, value_name = "MOMENT|POSITION", value_parser = until, required_unless_present = "check")]
    until: Option<Until>,
    /// The file to be made
    #[arg(long, value_name = "FILE", required_unless_present = "check")]
    into: Option<PathBuf>,
    /// Replace the file where it is there, and was written by replay
    #[arg(long, requires = "into")]
    force: bool,
    /// Compare the read models that answer with a fresh fold, table by table, and name the first row that differs
    #[arg(long, conflicts_with_all = ["until", "into"])]
    check: bool,
    /// The result as JSON
    #[arg(long)]
    json: bool,
}

/// How the result is told.
#[derive(Clone, Copy, PartialEq, Eq)]
enum ToldAs {
    Text,
    Json,
}

/// What a state is of.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Until {
    Position(Position),
    Moment(DateTime<Utc>),
}

fn until(text: &str) -> Result<Until, String> {
    if let Ok(position) = text.parse() {
        return Ok(Until::Position(position));
    }
    let moment = moment::parse_stamp(text).map(Until::Moment);
    moment.map_err(|_| "write a position, or a moment such as 2026-02-01T00:00:00+08:00".to_owned())
}

pub fn run(args: Args) -> anyhow::Result<ExitCode> {
    long_running::yield_to_a_server();
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(1).enable_all().build()?;
    let config = super::load_config(&args.config)?;
    runtime.block_on(async {
        // Before anything else, so that no early signal leaves what is half begun.
        let mut signals = EndSignals::listen()?;
        let replay = Replay::open(&config).await?;
        let mut work = pin!(replay.work(args, &config));
        tokio::select! {
            done = &mut work => return done,
            () = signals.told() => {}
        }
        replay.folds.stop();
        // What it fails with is that it was told to stop.
        let _stopped = work.await;
        bail!("ended before it was done")
    })
}

/// The log, and a folder to fold into.
struct Replay {
    log: Arc<dyn ReadLog>,
    folds: Arc<PastFolds>,
    /// Removed when the command ends.
    folder: Working,
}

impl Replay {
    async fn open(config: &Config) -> anyhow::Result<Self> {
        let log = LogPlace::of(config).open_to_read().await?;
        let beside = config.views_dir.parent().filter(|parent| !parent.as_os_str().is_empty());
        let beside = beside.unwrap_or(Path::new("."));
        let folder = Working::begin(beside).with_context(|| beside.display().to_string())?;
        let folds = Arc::new(PastFolds::of(log.clone(), tokio::runtime::Handle::current()));
        Ok(Self { log, folds, folder })
    }

    async fn work(&self, args: Args, config: &Config) -> anyhow::Result<ExitCode> {
        let told_as = if args.json { ToldAs::Json } else { ToldAs::Text };
        match (args.until, args.into) {
            (Some(until), Some(file)) => {
                let existing = if args.force { Existing::IsReplaced } else { Existing::Stays };
                let target = into::Target { file, existing, told_as };
                target.check(config)?;
                self.export(args.projections.usable(config), until, target).await
            }
            _ => self.check(&config.views_dir, args.projections.usable(config), told_as).await,
        }
    }

    /// Folds all of them, with a progress bar.
    async fn fold(&self, wanted: &[Wanted]) -> anyhow::Result<Vec<Option<FoldFailure>>> {
        let last = wanted.iter().filter_map(|wanted| wanted.until).max();
        let (bar, far) = (progress_bar(last), Mutex::new(vec![0; wanted.len()]));
        let (folds, wanted) = (self.folds.clone(), wanted.to_vec());
        let folding = tokio::task::spawn_blocking(move || {
            let names: Vec<_> = wanted.iter().map(|wanted| wanted.definition.name.clone()).collect();
            let tell = |place: usize, at: Position| {
                let mut far = far.lock().unwrap_or_else(PoisonError::into_inner);
                far.get_mut(place).into_iter().for_each(|known| *known = at.number());
                // The slowest decides when all are done.
                if let Some((far, name)) = far.iter().zip(&names).min() {
                    bar.set_position(*far);
                    bar.set_message(name.clone());
                }
            };
            let folded = folds.fold(&wanted, &tell);
            bar.finish_and_clear();
            folded
        });
        Ok(folding.await??)
    }

    /// A file for a projection.
    fn path_of(&self, projection: &str) -> PathBuf {
        self.folder.path().join(format!("{projection}.db"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_state_is_named_by_a_position_or_a_moment() {
        assert_eq!(until("12"), Ok(Until::Position(Position::from_number(12))));
        let moment = DateTime::from_timestamp(1_767_196_800, 0).unwrap();
        for text in ["2026-01-01T00:00:00+08:00", "2025-12-31T16:00:00Z"] {
            assert_eq!(until(text), Ok(Until::Moment(moment)), "{text}");
        }
        for text in ["-1", "today", "2026-01-01", ""] {
            assert!(until(text).is_err(), "{text}");
        }
    }
}
