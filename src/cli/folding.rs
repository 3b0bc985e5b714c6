//! Read models for commands: through files that a running server folds, or folded here first, where none runs.

use std::path::PathBuf;
use std::sync::Arc;
use std::time::{Duration, Instant};

use anyhow::Context;
use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};
use tokio::sync::watch;
use tracing::error;

use super::ConfigFile;
use super::log::LogPlace;
use crate::config::Config;
use crate::limits;
use crate::projector::{AskError, Listed, Projector, Snapshot, Usable, Views, ViewsError};
use crate::store::{Position, ReadLog};

/// Where the user's own projections are.
#[derive(clap::Args, Clone, Debug, Default)]
pub struct Projections {
    /// A folder with projections of your own, one folder each. Without it: views.projections of the configuration
    #[arg(long = "projections", value_name = "DIR")]
    dir: Option<PathBuf>,
}

impl Projections {
    pub fn dir(&self, config: &Config) -> Option<PathBuf> {
        self.dir.clone().or_else(|| config.projections_dir.clone())
    }

    /// Those that can run, and what is wrong with the others.
    pub fn usable(&self, config: &Config) -> Usable {
        Usable::read(self.dir(config).as_deref())
    }
}

/// The projections of a running server, begun as soon as their folder is free: nothing about them ever keeps a
/// push waiting.
pub struct Serving {
    projections: Projections,
    begun: tokio::task::JoinHandle<()>,
}

impl Serving {
    pub fn begin(projections: &Projections, config: &Config, projector: &Arc<Projector>) -> Self {
        let (projections, config, projector) = (projections.clone(), config.clone(), projector.clone());
        let wanted = projections.clone();
        // Reading and checking the folders takes a while: the server is ready before.
        let begun = tokio::spawn(async move {
            let folder = config.views_dir.clone();
            let read = tokio::task::spawn_blocking(move || Self::told(&wanted, &config)).await;
            // What panicked has told of it.
            if let Ok(usable) = read {
                begin(folder, projector, usable).await;
            }
        });
        Self { projections, begun }
    }

    fn told(projections: &Projections, config: &Config) -> Usable {
        let usable = projections.usable(config);
        for problem in &usable.problems.0 {
            error!(alarm = "projection", "{problem}");
        }
        usable
    }

    /// Builds what has changed beside what answers.
    pub fn reload(&self, config: &Config, projector: &Arc<Projector>) {
        let usable = Self::told(&self.projections, config);
        let projector = projector.clone();
        tokio::task::spawn_blocking(move || {
            if let Err(error) = projector.take(&usable) {
                error!(alarm = "projection", %error, "a projection cannot be built");
            }
        });
    }

    pub async fn end(self, projector: Arc<Projector>) {
        self.begun.abort();
        // What panicked has told of it.
        let _ended = tokio::task::spawn_blocking(move || projector.close()).await;
    }
}

async fn begin(folder: PathBuf, projector: Arc<Projector>, usable: Usable) {
    let mut told = false;
    let views = loop {
        match Views::take(&folder) {
            Ok(views) => break views,
            Err(error) if !told => {
                error!(alarm = "projection", %error, "nothing is folded; it is tried again")
            }
            Err(_) => {}
        }
        told = true;
        tokio::time::sleep(limits::FOLD_TRY_AGAIN_AFTER).await;
    };
    let begun = tokio::task::spawn_blocking(move || {
        projector.begin(views, &usable)?;
        projector.forget(&usable)
    });
    let begun = begun.await;
    if let Ok(Err(error)) = begun {
        error!(alarm = "projection", %error, "a projection cannot be folded");
    }
}

/// Read models that a command can ask.
pub struct ReadModels {
    pub projector: Arc<Projector>,
    pub log: Arc<dyn ReadLog>,
    /// The log's end when this was opened.
    pub last: Option<Position>,
    /// Whether another process, a server, folds them.
    pub is_folded_elsewhere: bool,
    /// Where they stand.
    views: PathBuf,
    /// Whether folders of the user's are left out because they are wrong; beside a server, its log tells.
    pub has_wrong_folders: bool,
}

/// How often progress is shown.
pub const SHOWN_EVERY: Duration = Duration::from_millis(100);

impl ReadModels {
    /// Opens them for some work, and closes them whatever becomes of it: threads that fold must end before the
    /// runtime does.
    pub async fn with<T>(
        file: &ConfigFile,
        projections: &Projections,
        work: impl AsyncFnOnce(&Self) -> anyhow::Result<T>,
    ) -> anyhow::Result<T> {
        let models = Self::open(file, projections).await?;
        let done = match models.fold().await {
            Ok(()) => work(&models).await,
            Err(error) => Err(error),
        };
        let closed = models.close().await;
        let done = done?;
        closed?;
        Ok(done)
    }

    async fn open(file: &ConfigFile, projections: &Projections) -> anyhow::Result<Self> {
        let config = super::load_config(file)?;
        let log = LogPlace::of(&config).open_to_read().await?;
        let last = log.last().await?;
        let (_head, head) = watch::channel(last);
        let projector = Projector::new(log.clone(), head, tokio::runtime::Handle::current());
        let views = match Views::take(&config.views_dir) {
            Ok(views) => views,
            Err(ViewsError::InUse { .. }) => {
                let models = Self {
                    projector,
                    log,
                    last,
                    is_folded_elsewhere: true,
                    views: config.views_dir,
                    has_wrong_folders: false,
                };
                models.open_what_is_built().await?;
                return Ok(models);
            }
            Err(error) => return Err(error.into()),
        };
        let usable = projections.usable(&config);
        for problem in &usable.problems.0 {
            eprintln!("{problem}");
        }
        let has_wrong_folders = !usable.problems.0.is_empty();
        let begun = projector.clone();
        let begun = tokio::task::spawn_blocking(move || begun.begin(views, &usable)).await?;
        let views = config.views_dir;
        let models = Self { projector, log, last, is_folded_elsewhere: false, views, has_wrong_folders };
        if let Err(error) = begun {
            models.close().await?;
            return Err(error.into());
        }
        Ok(models)
    }

    /// Those that a server has built by now.
    async fn open_what_is_built(&self) -> anyhow::Result<()> {
        let (folder, asked) = (self.views.clone(), self.projector.clone());
        let names = Views::names(&folder).with_context(|| folder.display().to_string())?;
        Ok(tokio::task::spawn_blocking(move || asked.open_to_ask(&folder, &names)).await?)
    }

    /// Folds what has not been folded yet, unless a server does that.
    async fn fold(&self) -> anyhow::Result<()> {
        if self.is_folded_elsewhere { Ok(()) } else { self.catch_up(self.last).await }
    }

    /// Waits until all is folded, with a progress bar.
    pub async fn catch_up(&self, last: Option<Position>) -> anyhow::Result<()> {
        let bar = progress_bar(last);
        let done = self.projector.caught_up(last, SHOWN_EVERY, |listed| show(&bar, listed)).await;
        bar.finish_and_clear();
        Ok(done?)
    }

    /// A state that knows of the log's end as it was when the command began: what was written before it counts.
    /// Waits for the server that folds, as long as that goes on.
    pub async fn snapshot(&self, projection: &str) -> anyhow::Result<Snapshot> {
        let bar = ProgressBar::with_draw_target(None, ProgressDrawTarget::stderr_with_hz(5));
        if let Ok(style) = ProgressStyle::with_template("{spinner} {msg}, {elapsed}") {
            bar.set_style(style);
        }
        let mut standing = Standing::new(Instant::now());
        let mut told = false;
        let taken = loop {
            let asked = self.projector.snapshot(projection, self.last, limits::QUERY_POSITION_WAIT).await;
            let behind = match asked {
                Err(error @ (AskError::Behind { .. } | AskError::NotBuilt { .. })) => error,
                other => break other.map_err(anyhow::Error::from),
            };
            let at = behind.to_string();
            if !self.is_folded_elsewhere || standing.is_over(&at, Instant::now()) {
                break Err(anyhow::Error::from(behind).context(STANDS_STILL));
            }
            if !std::mem::replace(&mut told, true) {
                eprintln!("waiting for the server to fold what has been written: {at}");
            }
            if matches!(behind, AskError::NotBuilt { .. }) {
                tokio::time::sleep(SHOWN_EVERY).await;
                self.open_what_is_built().await?;
            }
            bar.set_message(at);
        };
        bar.finish_and_clear();
        taken
    }

    async fn close(self) -> anyhow::Result<()> {
        let projector = self.projector;
        Ok(tokio::task::spawn_blocking(move || projector.close()).await?)
    }
}

const STANDS_STILL: &str = "the read model does not come to the log's end, so the answer would leave out what was \
    written last; `order-ledger projections list` and the server's log say why";

/// How long what another process folds has not moved.
struct Standing {
    at: String,
    since: Instant,
}

impl Standing {
    fn new(now: Instant) -> Self {
        Self { at: String::new(), since: now }
    }

    /// Whether it has stood where it stands for too long.
    fn is_over(&mut self, at: &str, now: Instant) -> bool {
        if self.at != at {
            *self = Self { at: at.to_owned(), since: now };
        }
        now.duration_since(self.since) >= limits::FOLD_STANDSTILL
    }
}

/// The progress of builds that another process makes.
pub fn thousandths() -> ProgressBar {
    let bar = ProgressBar::with_draw_target(Some(1000), ProgressDrawTarget::stderr_with_hz(5));
    if let Ok(style) = ProgressStyle::with_template("{wide_bar} {percent} %, {eta} left") {
        bar.set_style(style);
    }
    bar
}

/// The progress of folding up to there.
pub fn progress_bar(last: Option<Position>) -> ProgressBar {
    let end = last.map_or(0, Position::number);
    let bar = ProgressBar::with_draw_target(Some(end), ProgressDrawTarget::stderr_with_hz(5));
    let style =
        ProgressStyle::with_template("{msg} {wide_bar} position {human_pos} of {human_len}, {eta} left");
    if let Ok(style) = style {
        bar.set_style(style);
    }
    bar
}

/// The slowest decides when all are done.
fn show(bar: &ProgressBar, listed: &[Listed]) {
    let at = |listed: &Listed| match listed.status.build {
        Some(build) => build.position.map_or(0, Position::number),
        None => listed.position.map_or(0, Position::number),
    };
    let slowest = listed
        .iter()
        .filter(|listed| listed.status.state.problem().is_none())
        .min_by_key(|listed| at(listed));
    if let Some(slowest) = slowest {
        bar.set_position(at(slowest));
        bar.set_message(slowest.definition.name.clone());
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_moves_is_waited_for_and_what_stands_still_is_not() {
        let begin = Instant::now();
        let mut standing = Standing::new(begin);
        let half = limits::FOLD_STANDSTILL / 2;
        assert!(!standing.is_over("position 1", begin + 3 * half));
        assert!(!standing.is_over("position 1", begin + 4 * half));
        assert!(!standing.is_over("position 2", begin + 5 * half));
        assert!(!standing.is_over("position 2", begin + 6 * half));
        assert!(standing.is_over("position 2", begin + 7 * half));
    }
}
