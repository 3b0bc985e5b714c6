//! `order-ledger copy`: a log into another file, event by event, once or for ever.

mod away;

use std::fs::File;
use std::os::unix::fs::MetadataExt;
use std::path::PathBuf;
use std::process::ExitCode;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

use anyhow::{Context, bail};
use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};
use serde_json::json;
use tokio::sync::watch;
use tracing::info;

use super::log::LogPlace;
use super::long_running::{self, EndSignals};
use super::serve::{LogFormat, log_to_stderr};
use super::{COULD_NOT_RUN, counted};
use crate::limits;
use crate::store::copying::{End, Progress, begins_alike, catch_up};
use crate::store::{CopyTarget, Fault, LogId, Position, ReadLog};
use away::{Away, Side};

/// Copy a log into another, event by event with the same ids: a backup, a replica, a log on another machine
///
/// A server may be writing the source; the copy is of what stood there when the command began. The copy has a log id
/// of its own, so that cursors of the source are told apart. Interrupted at any moment, the same command goes on
/// where it was; a target whose last event, or one of some others that are looked at, is another than the source's
/// there is left as it is. Goes second to a server on this machine. Needs no configuration.
#[derive(clap::Args)]
pub struct Args {
    /// The log to copy: its file, or kurrentdb://…, or @FILE that holds such a URL, as it must where that has a password
    #[arg(long, value_name = "STORE")]
    from: PathBuf,
    /// The copy: its file, which is created where there is none; a cluster likewise as for --from
    #[arg(long, value_name = "STORE")]
    to: PathBuf,
    /// Go on with what comes, until SIGINT, SIGTERM or SIGHUP, and wait for a cluster that is away; while nothing comes
    /// the copy is one whole file
    #[arg(long)]
    follow: bool,
    /// The result as JSON, one line
    #[arg(long)]
    json: bool,
}

pub fn run(args: Args) -> anyhow::Result<ExitCode> {
    let (from, to) = (LogPlace::named("--from", &args.from)?, LogPlace::named("--to", &args.to)?);
    log_to_stderr(LogFormat::Text);
    long_running::yield_to_a_server();
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    runtime.block_on(async {
        let stop = stop_when_told()?;
        let source = Source::open(&from).await?;
        if from.is(&to) {
            let what = if matches!(to, LogPlace::File(_)) { "file" } else { "log" };
            bail!("--from and --to are the same {what}, {to}: name another one as --to")
        }
        let target = to.open_as_copy().await.context("--to")?;
        // A cluster is asked for events by positions that it has given out only, and not for those of a sample.
        if let (LogPlace::File(_), LogPlace::File(_), Some(last)) = (&from, &to, target.last()) {
            // What each round looks at anew is the last event only.
            let stands = to.open_to_read().await.context("--to")?;
            let alike = begins_alike(source.log.as_ref(), stands.as_ref(), last.position).await;
            alike.with_context(|| between(&source, &to))?;
        }
        copy(&args, source, &to, target, stop).await
    })
}

/// Which logs an error is about.
fn between(source: &Source<'_>, to: &LogPlace) -> String {
    format!("{} to {to}", source.place)
}

async fn copy(
    args: &Args,
    mut source: Source<'_>,
    to: &LogPlace,
    mut target: Box<dyn CopyTarget>,
    mut stop: watch::Receiver<bool>,
) -> anyhow::Result<ExitCode> {
    let stood = target.last().map(|last| last.position);
    let (bar, events) = (bar(), AtomicU64::new(0));
    let watcher = |Progress { at, of, copied }: Progress| {
        let number = |position: Option<Position>| position.map_or(0, Position::number);
        bar.set_length(number(of));
        bar.set_position(number(at));
        events.fetch_add(copied, Ordering::Relaxed);
    };
    let (mut has_caught_up, mut is_following) = (false, false);
    let mut quiet = Quiet { since: Instant::now(), is_one_file: false };
    let mut away = Away::new(source.place, to, (!args.follow).then_some(limits::COPY_AWAY_WAIT));
    let ended = loop {
        if let Err(error) = source.follow_its_name().await {
            break Err(error);
        }
        match catch_up(source.log.as_ref(), target.as_mut(), &stop, &watcher).await {
            Err(error) => {
                let Some(side) = away.waits_for(&error, events.load(Ordering::Relaxed)) else {
                    break Err(error.into());
                };
                if side == Side::Target {
                    target = opened_again(target, to, &mut away, &mut stop).await;
                }
            }
            Ok(copied) => {
                away.is_back();
                has_caught_up |= copied.end == End::Reached;
                if copied.end == End::Stopped || !args.follow {
                    break Ok(());
                }
                if let Err(fault) = quiet.after(copied.events, target.as_mut()).await {
                    break Err(anyhow::Error::from(fault).context("--to"));
                }
                if !is_following {
                    is_following = true;
                    bar.set_style(style("{spinner} position {human_pos}, following"));
                    info!(events = events.load(Ordering::Relaxed), "the copy has caught up and follows");
                }
            }
        }
        if is_stopped_within(&mut stop, limits::COPY_POLL).await {
            break Ok(());
        }
    };
    bar.finish_and_clear();
    let position = target.last().map(|last| last.position);
    let log_id = target.log_id();
    target.close().await;
    ended.with_context(|| between(&source, to))?;
    let (from, to, events) = (source.place.to_string(), to.to_string(), events.into_inner());
    let done = Done { from, to, source: source.log.log_id(), target: log_id, stood, position, events };
    done.tell(args.json);
    if !has_caught_up {
        eprintln!("stopped before the end: the same command goes on there");
        return Ok(COULD_NOT_RUN.into());
    }
    Ok(ExitCode::SUCCESS)
}

/// As it stands now, where it can be opened; else as it was, to be tried another time.
async fn opened_again(
    target: Box<dyn CopyTarget>,
    to: &LogPlace,
    away: &mut Away<'_>,
    stop: &mut watch::Receiver<bool>,
) -> Box<dyn CopyTarget> {
    let opened = tokio::select! {
        opened = to.open_as_copy() => opened,
        _ = stop.wait_for(|told| *told) => return target,
    };
    opened.unwrap_or_else(|error| {
        away.cannot_be_opened(&error);
        target
    })
}

/// A copy that follows, while nothing comes.
struct Quiet {
    since: Instant,
    is_one_file: bool,
}

impl Quiet {
    /// Nothing may have come for a while: then who takes the copy's file alone has all of it.
    async fn after(&mut self, events: u64, target: &mut dyn CopyTarget) -> Result<(), Fault> {
        if events > 0 {
            *self = Self { since: Instant::now(), is_one_file: false };
        } else if !self.is_one_file && self.since.elapsed() >= limits::COPY_IDLE {
            *self = Self { since: Instant::now(), is_one_file: target.rest().await? };
        }
        Ok(())
    }
}

/// The log that is read, by the name it was given.
struct Source<'a> {
    place: &'a LogPlace,
    log: Arc<dyn ReadLog>,
    /// The file that the name led to: while it is open, no other one is given its number.
    file: Option<File>,
}

impl<'a> Source<'a> {
    async fn open(place: &'a LogPlace) -> anyhow::Result<Self> {
        let log = place.open_to_read().await.context("--from")?;
        let file = match place {
            LogPlace::File(path) => Some(File::open(path).with_context(|| place.to_string())?),
            LogPlace::Cluster { .. } => None,
        };
        Ok(Self { place, log, file })
    }

    /// Opens it again where its name leads to another file by now, as when a backup has taken its place.
    async fn follow_its_name(&mut self) -> anyhow::Result<()> {
        let (LogPlace::File(path), Some(file)) = (self.place, &self.file) else { return Ok(()) };
        let shown = || self.place.to_string();
        let (named, open) =
            (std::fs::metadata(path).with_context(shown)?, file.metadata().with_context(shown)?);
        if (named.dev(), named.ino()) != (open.dev(), open.ino()) {
            info!(source = %self.place, "the source's name leads to another file now, which is opened");
            *self = Self::open(self.place).await?;
        }
        Ok(())
    }
}

/// What the command has done.
struct Done {
    from: String,
    to: String,
    source: LogId,
    target: LogId,
    /// Where the target ended before and ends now.
    stood: Option<Position>,
    position: Option<Position>,
    events: u64,
}

impl Done {
    fn tell(&self, json: bool) {
        let text = |position: Option<Position>| position.map(|position| position.to_string());
        if json {
            let done = json!({
                "from": self.from,
                "to": self.to,
                "from_log_id": self.source.0,
                "to_log_id": self.target.0,
                "events": self.events,
                "position_before": text(self.stood),
                "position": text(self.position),
            });
            return out!("{done}");
        }
        let position = text(self.position).unwrap_or_else(|| "0".into());
        out!("{} copied, up to position {position} of the source", counted(self.events, "event"));
        out!("{} is log {}", self.from, self.source.0);
        out!("{} is log {}", self.to, self.target.0);
    }
}

/// True once the command is told to end.
fn stop_when_told() -> anyhow::Result<watch::Receiver<bool>> {
    let mut signals = EndSignals::listen()?;
    let (told, stop) = watch::channel(false);
    tokio::spawn(async move {
        signals.told().await;
        told.send_replace(true);
    });
    Ok(stop)
}

async fn is_stopped_within(stop: &mut watch::Receiver<bool>, time: Duration) -> bool {
    // Nobody tells any more where the sender has gone.
    tokio::time::timeout(time, stop.wait_for(|told| *told)).await.is_ok()
}

fn bar() -> ProgressBar {
    let bar = ProgressBar::with_draw_target(Some(0), ProgressDrawTarget::stderr_with_hz(5));
    bar.set_style(style("{wide_bar} position {human_pos} of {human_len}, {per_sec}, {eta} left"));
    bar
}

fn style(template: &str) -> ProgressStyle {
    ProgressStyle::with_template(template).unwrap_or_else(|_| ProgressStyle::default_bar())
}
