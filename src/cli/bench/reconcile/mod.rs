//! `order-ledger bench reconcile`: a month of orders and bills with every difference planted: how fast bills are
//! read, imported and folded, how fast the report answers, and whether it finds exactly what was planted.
//!
//! Each phase is a process of its own, so that its memory is its own.

mod ask;
mod log;
mod phases;
mod pushes;

use std::path::{Path, PathBuf};
use std::process::{Command, ExitCode};

use anyhow::{Context, ensure};
use sha2::{Digest, Sha256};

use super::judged::{self, Size};
use super::month::{Month, ORDERS_PER_DAY_MIN};
use super::{machine, server};
use crate::cli::{ConfigFile, load_config};
use crate::domain::app::AppSlug;
use crate::domain::bill::MerchantId;

#[derive(clap::Args)]
pub struct ReconcileArgs {
    /// A size that only shows that the benchmark works and that the report is right
    #[arg(long)]
    small: bool,
    /// Orders of the month
    #[arg(long, default_value_t = 1_000_000)]
    orders: u32,
    /// Days of the month
    #[arg(long, default_value_t = 30, value_parser = clap::value_parser!(u32).range(4..=365))]
    days: u32,
    /// Lines of the one file that is only read
    #[arg(long, default_value_t = 2_000_000)]
    lines: u32,
    /// Pushes a second while bills are imported
    #[arg(long, default_value_t = 500)]
    rate: u32,
    /// One part of it, in the folder of a run
    #[arg(long, hide = true, requires = "folder")]
    phase: Option<Phase>,
    #[arg(long, hide = true)]
    folder: Option<PathBuf>,
}

#[derive(Clone, Copy, Debug, clap::ValueEnum)]
pub enum Phase {
    Generate,
    Read,
    Import,
    Fold,
    Build,
    Ask,
}

const PHASES: [Phase; 6] =
    [Phase::Generate, Phase::Read, Phase::Import, Phase::Fold, Phase::Build, Phase::Ask];

/// 商户号 of the month.
pub const MERCHANT: &str = "1900000109";
/// Of a server that lives as long as the benchmark.
pub const TOKEN: &str = "olt_bench";
const APP: &str = "demo";
const SEED: u64 = 20_260_101;
const SMALL_ORDERS: u32 = 6_000;
const SMALL_DAYS: u32 = 30;
const SMALL_LINES: u32 = 20_000;

/// Where a run keeps everything.
pub struct Run {
    pub month: Month,
    pub folder: PathBuf,
    pub lines: u32,
}

impl Run {
    pub fn bills(&self) -> PathBuf {
        self.folder.join("bills")
    }

    pub fn log(&self) -> PathBuf {
        self.folder.join("reconcile/events.db")
    }

    pub fn views(&self) -> PathBuf {
        self.folder.join("reconcile/views")
    }

    pub fn large_bill(&self) -> PathBuf {
        self.folder.join("large.csv")
    }
}

pub fn run(mut args: ReconcileArgs) -> anyhow::Result<ExitCode> {
    if args.small {
        (args.orders, args.days, args.lines) = (SMALL_ORDERS, SMALL_DAYS, SMALL_LINES);
    }
    let orders_per_day = args.orders / args.days;
    ensure!(
        orders_per_day >= ORDERS_PER_DAY_MIN,
        "--orders: {orders_per_day} orders a day are too few to plant every difference, {ORDERS_PER_DAY_MIN} are needed"
    );
    match (args.phase, args.folder.clone()) {
        (Some(phase), Some(folder)) => one_phase(phase, &args, folder),
        _ => all_phases(&args),
    }
}

fn month(folder: &Path, args: &ReconcileArgs) -> anyhow::Result<Month> {
    let config = load_config(&ConfigFile { path: folder.join("order-ledger.toml") })?;
    let app = AppSlug::parse(APP)?;
    let configured = config.apps.iter().find(|config| config.app.slug == app);
    Ok(Month {
        merchant: MerchantId::parse(MERCHANT)?,
        app_id: configured.context("the configuration has no app")?.app.app_id.clone(),
        app,
        days: args.days,
        orders_per_day: args.orders / args.days,
        seed: SEED,
    })
}

fn one_phase(phase: Phase, args: &ReconcileArgs, folder: PathBuf) -> anyhow::Result<ExitCode> {
    let run = Run { month: month(&folder, args)?, folder, lines: args.lines };
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build()?;
    let judged = runtime.block_on(async {
        match phase {
            Phase::Generate => phases::generate(&run).await,
            Phase::Read => phases::read(&run),
            Phase::Import => phases::import(&run).await,
            Phase::Fold => phases::fold(&run).await,
            Phase::Build => phases::build(&run).await,
            Phase::Ask => ask::ask(&run).await,
        }
    })?;
    println!("  memory of this phase {} MiB", memory_kib()? / 1024);
    Ok(judged::tell(&judged, Size::of(args.small)))
}

fn all_phases(args: &ReconcileArgs) -> anyhow::Result<ExitCode> {
    let folder = server::Folder::new()?;
    let mut text = std::fs::read_to_string(folder.config())?;
    let token_sha256 = hex::encode(Sha256::digest(TOKEN));
    text.push_str(&format!("\n[access.bench]\nrole = \"admin\"\ntoken_sha256 = \"{token_sha256}\"\n"));
    std::fs::write(folder.config(), text)?;
    machine::print(folder.path())?;
    let mut is_well = true;
    for phase in PHASES {
        println!("\n{phase:?}");
        let mut command = Command::new(std::env::current_exe()?);
        command.args(["bench", "reconcile", "--folder"]).arg(folder.path());
        command.arg("--phase").arg(format!("{phase:?}").to_lowercase());
        command.args(["--orders", &args.orders.to_string(), "--days", &args.days.to_string()]);
        command.args(["--lines", &args.lines.to_string()]);
        if args.small {
            command.arg("--small");
        }
        match command.status()?.code() {
            Some(0) => {}
            Some(code) if code == i32::from(crate::cli::FOUND_WRONG) => is_well = false,
            _ => anyhow::bail!("the phase {phase:?} could not be run"),
        }
    }
    println!("\nPushes");
    let run = Run { month: month(folder.path(), args)?, folder: folder.path().to_owned(), lines: args.lines };
    let judged = pushes::pushes(&folder, &run, args.rate)?;
    is_well &= judged::tell(&judged, Size::of(args.small)) == ExitCode::SUCCESS;
    Ok(if is_well { ExitCode::SUCCESS } else { crate::cli::FOUND_WRONG.into() })
}

/// At its highest, since the process began.
pub fn memory_kib() -> anyhow::Result<u64> {
    server::figure(&std::fs::read_to_string("/proc/self/status")?, "VmHWM:")
}

#[cfg(test)]
mod tests;
