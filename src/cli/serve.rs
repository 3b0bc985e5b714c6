//! `order-ledger serve`: opens the log, binds both listeners, reloads keys on SIGHUP and drains on SIGTERM.

use std::io::Write;
use std::process::ExitCode;
use std::sync::Arc;
use std::time::Duration;

use anyhow::Context;
use serde::Serialize;
use tokio::net::TcpListener;
use tokio::signal::unix::{SignalKind, signal};
use tokio::sync::watch;
use tracing::{error, info, warn};

use super::folding::{Projections, Serving};
use super::log::{LogPlace, OwnLog};
use super::{ConfigFile, environment, sealing};
use crate::audit::seal::Sealer;
use crate::config::{self, AppConfig, Config};
use crate::http::server::Bounds;
use crate::http::service::Parts;
use crate::http::{Keys, Service, api, push, server};
use crate::ledger::{ConfiguredApp, Ledger, RegisterError};
use crate::projector::Projector;
use crate::projector::past::Room;
use crate::quota::Quotas;
use crate::spool::Spool;
use crate::store::refused::RefusedRing;
use crate::store::sqlite::LockHolder;
use crate::{clock, limits};

#[derive(clap::Args)]
pub struct Args {
    #[command(flatten)]
    config: ConfigFile,
    #[command(flatten)]
    projections: Projections,
    /// How the log lines on stderr look. What is shown is chosen by RUST_LOG, default: info
    #[arg(long, value_enum, default_value_t = LogFormat::Text)]
    log_format: LogFormat,
    /// Keep nothing, for measuring the rest
    #[cfg(feature = "bench")]
    #[arg(long)]
    store_nothing: bool,
    /// Append through the client of KurrentDB as it comes, for measuring what is around it
    #[cfg(all(feature = "bench", feature = "kurrentdb"))]
    #[arg(long)]
    store_bare: bool,
    /// Run no projections, for measuring the rest
    #[cfg(feature = "bench")]
    #[arg(long)]
    fold_nothing: bool,
}

#[derive(Clone, Copy, clap::ValueEnum)]
pub enum LogFormat {
    Text,
    Json,
}

/// Where the listeners are, told on stdout once pushes are answered.
#[derive(Serialize)]
struct Ready {
    push: String,
    admin: String,
}

pub fn run(args: Args) -> anyhow::Result<ExitCode> {
    let config = super::load_config(&args.config)?;
    log_to_stderr(args.log_format);
    for warning in config::warnings(&config, &args.config.path) {
        warn!("{warning}");
    }
    for note in config::notes(&config) {
        info!("{note}");
    }
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build()?;
    runtime.block_on(serve(&args, config))?;
    Ok(ExitCode::SUCCESS)
}

/// The client of KurrentDB tells every failing request as an error; the store tells once, and how it ends.
const LOGGED: &str = "info,kurrentdb=off";

pub fn log_to_stderr(format: LogFormat) {
    let filter = tracing_subscriber::EnvFilter::try_from_default_env()
        .unwrap_or_else(|_| tracing_subscriber::EnvFilter::new(LOGGED));
    let lines = tracing_subscriber::fmt().with_env_filter(filter).with_writer(std::io::stderr);
    match format {
        LogFormat::Text => lines.with_ansi(false).init(),
        LogFormat::Json => lines.json().init(),
    }
}

async fn open_log(args: &Args, config: &Config) -> anyhow::Result<OwnLog> {
    #[cfg(feature = "bench")]
    if args.store_nothing {
        return Ok(OwnLog::nothing());
    }
    #[cfg(all(feature = "bench", feature = "kurrentdb"))]
    if args.store_bare {
        return OwnLog::through_the_bare_client(config).await;
    }
    let _ = args;
    Ok(OwnLog::open(config).await?)
}

/// Always, but for measuring what it costs.
fn folds(args: &Args) -> bool {
    #[cfg(feature = "bench")]
    return !args.fold_nothing;
    #[cfg(not(feature = "bench"))]
    {
        let _ = args;
        true
    }
}

async fn serve(args: &Args, config: Config) -> anyhow::Result<()> {
    // Before anything else, so that no early signal kills what is half begun.
    let mut signals = Signals::listen()?;
    let own = open_log(args, &config).await?;
    let store = own.store.clone();
    let quotas = Quotas::new(config.limits.quarantine_bytes_per_day, config.limits.sandbox_bytes_per_day);
    let log = || format!("the log {}", LogPlace::of(&config));
    let ledger = Ledger::open(store.clone(), quotas).await.with_context(log)?;
    let ring = RefusedRing::open(&config.refused_path)?;
    let keys = Keys::of(&config)?;
    let spool = Spool::beside(&config.store_path);
    spool.clear().with_context(|| spool.folder().display().to_string())?;
    let projector = Projector::new(store.clone(), store.head(), tokio::runtime::Handle::current());
    projector.keep_past_within(Room {
        bytes_max: config.limits.as_of_bytes_max,
        free_bytes_min: config.limits.as_of_free_bytes_min,
        ..Room::default()
    });
    let (stop, stopping) = watch::channel(false);
    let body_bytes_max = config.limits.body_bytes_max;
    register(&ledger, &config).await.with_context(log)?;
    let sealer = config.seal.key.as_ref().map(|own| Sealer::new(own.key.clone()));
    let parts = Parts { ledger, keys, ring, projector: projector.clone(), spool, sealer };
    let service = Arc::new(Service::new(parts, stopping.clone(), body_bytes_max)?);
    let push_listener = bind(config.push_listen, "push.listen").await?;
    let admin_listener = bind(config.admin_listen, "admin.listen").await?;
    let ready = Ready {
        push: push_listener.local_addr()?.to_string(),
        admin: admin_listener.local_addr()?.to_string(),
    };
    let (push, admin) = (Some(ready.push.clone()), Some(ready.admin.clone()));
    own.announce(&LockHolder { pid: std::process::id(), push, admin })?;
    let bounds =
        Bounds { connections_max: config.limits.connections_max, head_bytes_max: limits::HEAD_BYTES_MAX };
    let pushes = push::router(service.clone());
    let pushes = tokio::spawn(server::serve(push_listener, pushes, bounds, stopping.clone()));
    let admin = api::router(service.clone());
    let bounds = Bounds {
        connections_max: limits::ADMIN_CONNECTIONS_MAX,
        head_bytes_max: limits::ADMIN_HEAD_BYTES_MAX,
    };
    let admin = server::serve(admin_listener, admin, bounds, stopping.clone());
    let admin = tokio::spawn(admin);
    let folding = folds(args).then(|| Serving::begin(&args.projections, &config, &projector));
    let every = Duration::from_secs(60 * config.seal.every_minutes);
    let sealing = tokio::spawn(sealing::on_the_clock(service.clone(), every, stopping.clone()));
    let deciding = service.clone();
    let deciding = tokio::spawn(async move { deciding.ledger.follow_decisions(stopping).await });
    announce(&ready)?;
    info!(push = ready.push, admin = ready.admin, apps = config.apps.len(), "ready");

    let mut current = config;
    while signals.next().await == Signal::Reload {
        let taken = reload(&service, &args.config, &current).await;
        let is_reloaded = taken.is_some();
        current = taken.unwrap_or(current);
        if let Some(folding) = &folding {
            folding.reload(&current, &projector);
        }
        // Last: whoever has waited for it may change the files again.
        if is_reloaded {
            info!(apps = current.apps.len(), "the configuration is reloaded");
        }
    }
    info!("stopping: in-flight pushes are answered, then the log is synced");
    stop.send_replace(true);
    projector.end_past();
    pushes.await.context("the push listener failed")?;
    admin.await.context("the admin listener failed")?;
    sealing.await.context("sealing failed")?;
    deciding.await.context("following decisions failed")?;
    if let Some(folding) = folding {
        folding.end(projector).await;
    }
    service.ring.close().await;
    store.close().await;
    info!("stopped");
    Ok(())
}

async fn bind(address: std::net::SocketAddr, key: &str) -> anyhow::Result<TcpListener> {
    TcpListener::bind(address).await.with_context(|| format!("{key}: cannot listen on {address}"))
}

fn announce(ready: &Ready) -> anyhow::Result<()> {
    let mut stdout = std::io::stdout().lock();
    writeln!(stdout, "{}", serde_json::to_string(ready)?)?;
    Ok(stdout.flush()?)
}

/// Says in the log what the configuration says of apps.
pub async fn register(ledger: &Ledger, config: &Config) -> Result<(), RegisterError> {
    let mut apps = Vec::with_capacity(config.apps.len());
    for AppConfig { app, actual_price_is, .. } in &config.apps {
        let (merchant, app_id) = (config.merchant_of(&app.slug), app.app_id.as_str());
        apps.push(ConfiguredApp { slug: &app.slug, app_id, actual_price_is: *actual_price_is, merchant });
    }
    ledger.register_all(&apps, clock::now()).await
}

/// Takes over keys, tokens and apps from the file; a wrong file changes nothing.
async fn reload(service: &Service, file: &ConfigFile, current: &Config) -> Option<Config> {
    let not_reloaded = |problem: &dyn std::fmt::Display| {
        error!(error = %problem, "the configuration is not reloaded; the one before stays in force");
    };
    let config = match config::load(&file.path, environment()) {
        Ok(config) => config,
        Err(errors) => {
            for line in errors.lines() {
                error!("{line}");
            }
            error!("the configuration is not reloaded; the one before stays in force");
            return None;
        }
    };
    let keys = Keys::of(&config).inspect_err(|error| not_reloaded(error)).ok()?;
    register(&service.ledger, &config).await.inspect_err(|error| not_reloaded(error)).ok()?;
    if config.needs_restart_after(current) {
        warn!("listeners, store, refused ring, views, seal and limits are taken over at the next start only");
    }
    service.keys.store(Arc::new(keys));
    Some(config)
}

#[derive(PartialEq, Eq)]
enum Signal {
    Reload,
    Stop,
}

struct Signals {
    hangup: tokio::signal::unix::Signal,
    terminate: tokio::signal::unix::Signal,
    interrupt: tokio::signal::unix::Signal,
}

impl Signals {
    fn listen() -> std::io::Result<Self> {
        Ok(Self {
            hangup: signal(SignalKind::hangup())?,
            terminate: signal(SignalKind::terminate())?,
            interrupt: signal(SignalKind::interrupt())?,
        })
    }

    async fn next(&mut self) -> Signal {
        tokio::select! {
            _ = self.hangup.recv() => Signal::Reload,
            _ = self.terminate.recv() => Signal::Stop,
            _ = self.interrupt.recv() => Signal::Stop,
        }
    }
}
