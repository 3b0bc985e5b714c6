//! `order-ledger bench push`: durable pushes a second, beside the same server with a store that keeps
//! nothing. Built with the feature `bench` only, and run by hand through `scripts/bench`.

mod copy;
mod fold;
mod generator;
mod judged;
mod kurrentdb;
mod machine;
mod month;
mod orders;
mod pairs;
mod reconcile;
mod server;
mod verify;

use std::path::PathBuf;
use std::process::ExitCode;

use anyhow::{Context, bail, ensure};

use generator::Load;
use pairs::Pairs;
use server::{BenchServer, Kept, Serves};

#[derive(clap::Subcommand)]
pub enum Bench {
    /// Accept pushes, durably and not, in turn, and compare
    Push(PushArgs),
    /// Build the read models of a million orders, follow a log, look ids up, and push while folding
    Fold(fold::FoldArgs),
    /// Copy a log of a million events into another
    Copy(copy::CopyArgs),
    /// Import, fold and report a month of a million orders with every difference planted, and push beside it
    Reconcile(reconcile::ReconcileArgs),
    /// Verify a log of a million signed events that is sealed, and copy it
    Verify(verify::VerifyArgs),
}

#[derive(clap::Args)]
pub struct PushArgs {
    /// A size that only shows that the benchmark works; its figures mean nothing
    #[arg(long)]
    small: bool,
    /// Orders of each run
    #[arg(long, default_value_t = 200_000)]
    orders: u32,
    /// How often each pair is run; medians are shown
    #[arg(long, default_value_t = 5)]
    pairs: usize,
    /// Connections of the load
    #[arg(long, value_delimiter = ',', default_values_t = [128, 256])]
    connections: Vec<u16>,
    /// What keeps the orders. With kurrentdb, a server that stands in for a cluster, and the same appends through
    /// nothing but its client beside it
    #[arg(long, value_enum, default_value_t = Store::Sqlite)]
    store: Store,
    /// The program that stands in for a KurrentDB cluster, built from tests/kurrentdb-stand-in
    #[arg(long, value_name = "FILE", required_if_eq("store", "kurrentdb"))]
    stand_in: Option<PathBuf>,
}

#[derive(Clone, Copy, PartialEq, Eq, clap::ValueEnum)]
enum Store {
    Sqlite,
    Kurrentdb,
}

// What the durable server must reach.
const RATIO_PERMILLE: u64 = 650;
const P99_US: u64 = 50_000;
const ORDERS_PER_SYNC: u64 = 12;
const MEMORY_KIB: u64 = 100 * 1024;

/// In which order the numbers of orders come.
#[derive(Clone, Copy)]
enum Numbers {
    /// As players order: what the targets are about.
    Ascending,
    /// At random: the worst case for an index over them.
    Shuffled,
}

impl Numbers {
    fn as_str(self) -> &'static str {
        match self {
            Self::Ascending => "ascending",
            Self::Shuffled => "shuffled",
        }
    }
}

/// One run.
struct Run {
    load: Load,
    kept: Kept,
}

pub fn run(bench: Bench) -> anyhow::Result<ExitCode> {
    let mut args = match bench {
        Bench::Push(args) => args,
        Bench::Fold(args) => return fold::run(args),
        Bench::Copy(args) => return copy::run(args),
        Bench::Reconcile(args) => return reconcile::run(args),
        Bench::Verify(args) => return verify::run(args),
    };
    if args.small {
        (args.orders, args.pairs, args.connections) = (2_000, 1, vec![16]);
    }
    ensure!(args.pairs > 0 && !args.connections.is_empty(), "nothing to run");
    let folder = server::Folder::new()?;
    machine::print(folder.path())?;
    if let Some(stand_in) = args.stand_in.as_ref().filter(|_| args.store == Store::Kurrentdb) {
        return kurrentdb::run(&folder, &args, stand_in);
    }
    let mut missed = 0;
    for connections in &args.connections {
        for numbers in [Numbers::Ascending, Numbers::Shuffled] {
            missed += compare(&folder, &args, *connections, numbers)?;
        }
    }
    match (args.small, missed) {
        (true, _) => println!("\nthe benchmark works; this size says nothing about speed"),
        (false, 0) => println!("\nall targets are met"),
        (false, missed) => println!("\n{missed} targets are missed"),
    }
    let failed = missed > 0 && !args.small;
    Ok(if failed { super::FOUND_WRONG.into() } else { ExitCode::SUCCESS })
}

/// Runs both servers in turn and prints medians. The number of targets missed.
fn compare(
    folder: &server::Folder,
    args: &PushArgs,
    connections: u16,
    numbers: Numbers,
) -> anyhow::Result<usize> {
    println!("\n{connections} connections, {} order numbers, {} orders a run", numbers.as_str(), args.orders);
    let run = |serves| one(folder, args.orders, connections, numbers, serves);
    let pairs = Pairs::run(args.pairs, || run(Serves::Nothing), || run(Serves::Durably))?;
    pairs.print("keeping nothing", "durable");
    let (ratios, per_sync) = (pairs.ratios(), pairs.ours(|run| run.kept.events / run.kept.commits.max(1)));
    println!("  ratio {ratios}, {per_sync} orders an fsync");
    if matches!(numbers, Numbers::Shuffled) {
        return Ok(0);
    }
    let targets = [
        (ratios.median >= RATIO_PERMILLE, format!("ratio at least {}", ratio(RATIO_PERMILLE))),
        (pairs.ours(|run| run.load.latency_us.p99) < P99_US, format!("p99 under {} ms", ms(P99_US))),
        (per_sync >= ORDERS_PER_SYNC, format!("at least {ORDERS_PER_SYNC} orders an fsync")),
        (
            pairs.ours(|run| run.kept.memory_kib) < MEMORY_KIB,
            format!("memory under {} MiB", MEMORY_KIB / 1024),
        ),
    ];
    for (met, target) in &targets {
        println!("  {} {target}", if *met { "met:   " } else { "MISSED:" });
    }
    Ok(targets.iter().filter(|(met, _)| !met).count())
}

fn one(
    folder: &server::Folder,
    orders: u32,
    connections: u16,
    numbers: Numbers,
    serves: Serves,
) -> anyhow::Result<Run> {
    let run = load(folder, BenchServer::start(folder, serves)?, orders, connections, numbers)?;
    // Beside the orders: the registration of the app, and to whom it is paid.
    if serves != Serves::Nothing && run.kept.events != u64::from(orders) + 2 {
        bail!("{} events stand in the log for {orders} orders", run.kept.events);
    }
    Ok(run)
}

/// Pushes so many orders to a server and ends it.
fn load(
    folder: &server::Folder,
    server: BenchServer,
    orders: u32,
    connections: u16,
    numbers: Numbers,
) -> anyhow::Result<Run> {
    let mut command = generator::simulate(folder, &server.push, orders, connections)?;
    if matches!(numbers, Numbers::Shuffled) {
        command.arg("--shuffle");
    }
    let output = command.output().context("the load generator did not start")?;
    let load = Load::told(&output)?;
    let kept = server.stop()?;
    Ok(Run { load, kept })
}

fn median(mut figures: Vec<u64>) -> u64 {
    figures.sort_unstable();
    figures.get(figures.len() / 2).copied().unwrap_or(0)
}

fn ms(us: u64) -> String {
    format!("{}.{:01}", us / 1000, us % 1000 / 100)
}

fn ratio(permille: u64) -> String {
    format!("{}.{:03}", permille / 1000, permille % 1000)
}
