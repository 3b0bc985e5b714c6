//! `order-ledger bench push`: durable pushes a second, beside the same server with a store that keeps
//! nothing. Built with the feature `bench` only, and run by hand through `scripts/bench`.

mod copy;
mod fold;
mod judged;
mod kurrentdb;
mod machine;
mod month;
mod orders;
mod reconcile;
mod server;
mod verify;

use std::path::PathBuf;
use std::process::{Command, ExitCode};

use anyhow::{Context, bail, ensure};
use serde::Deserialize;

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

/// What the load generator says.
#[derive(Deserialize)]
struct Load {
    pushes: u64,
    pushes_per_second: u64,
    latency_us: Latency,
    wrong: u64,
}

#[derive(Deserialize)]
struct Latency {
    p50: u64,
    p99: u64,
    p99_9: u64,
    max: u64,
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
    let (mut nothing, mut durable, mut ratios) = (vec![], vec![], vec![]);
    for _ in 0..args.pairs {
        let without = one(folder, args.orders, connections, numbers, Serves::Nothing)?;
        let with = one(folder, args.orders, connections, numbers, Serves::Durably)?;
        ratios.push(with.load.pushes_per_second * 1000 / without.load.pushes_per_second.max(1));
        nothing.push(without);
        durable.push(with);
    }
    let of = |runs: &[Run], figure: fn(&Run) -> u64| median(runs.iter().map(figure).collect());
    for (name, runs) in [("keeping nothing", &nothing), ("durable", &durable)] {
        println!(
            "  {name:<16} {:>7} pushes/s   p50 {}  p99 {}  max {} ms   memory {} MiB",
            of(runs, |run| run.load.pushes_per_second),
            ms(of(runs, |run| run.load.latency_us.p50)),
            ms(of(runs, |run| run.load.latency_us.p99)),
            ms(of(runs, |run| run.load.latency_us.max)),
            of(runs, |run| run.kept.memory_kib) / 1024,
        );
    }
    let per_sync = of(&durable, |run| run.kept.events / run.kept.commits.max(1));
    let (lowest, highest) = (ratios.iter().min().copied(), ratios.iter().max().copied());
    println!(
        "  ratio {} (of the pairs: {} to {}), {per_sync} orders an fsync",
        ratio(median(ratios.clone())),
        ratio(lowest.unwrap_or(0)),
        ratio(highest.unwrap_or(0)),
    );
    if matches!(numbers, Numbers::Shuffled) {
        return Ok(0);
    }
    let targets = [
        (median(ratios) >= RATIO_PERMILLE, format!("ratio at least {}", ratio(RATIO_PERMILLE))),
        (of(&durable, |run| run.load.latency_us.p99) < P99_US, format!("p99 under {} ms", ms(P99_US))),
        (per_sync >= ORDERS_PER_SYNC, format!("at least {ORDERS_PER_SYNC} orders an fsync")),
        (
            of(&durable, |run| run.kept.memory_kib) < MEMORY_KIB,
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
    let mut command = Command::new(std::env::current_exe()?);
    command
        .args(["simulate", "--only-goods", "--json", "--orders", &orders.to_string()])
        .args(["--connections", &connections.to_string(), "--url", &format!("http://{}", server.push)])
        .arg("--config")
        .arg(folder.config());
    if matches!(numbers, Numbers::Shuffled) {
        command.arg("--shuffle");
    }
    let output = command.output().context("the load generator did not start")?;
    let load: Load = serde_json::from_slice(&output.stdout).with_context(|| {
        format!("the load generator said nothing usable: {}", String::from_utf8_lossy(&output.stderr))
    })?;
    let kept = server.stop()?;
    if load.wrong > 0 {
        bail!("{} answers were wrong: the figures mean nothing", load.wrong);
    }
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
