//! `order-ledger bench fold`: how fast the read models are built, how late they are, how fast an id is found, and
//! what folding costs those who push.

use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::sync::Arc;
use std::time::{Duration, Instant};

use anyhow::{Context, ensure};
use tokio::runtime::Handle;

use super::judged::{self, Judged, Size};
use super::orders::{self, Ids};
use super::server::{self, Serves};
use super::{Numbers, machine, median, ms, one, ratio};
use crate::domain::app::AppSlug;
use crate::domain::push::Push;
use crate::ledger::Ledger;
use crate::lookup::{self, Players, ReadModelsAndRing};
use crate::projector::{Definition, Folder, Projector, Views};
use crate::quota::Quotas;
use crate::store::refused::Ring;
use crate::store::sqlite::{Settings, SqliteStore};
use crate::store::{EventStore, Position, ReadLog};
use crate::{clock, limits};

#[derive(clap::Args)]
pub struct FoldArgs {
    /// A size that only shows that the benchmark works; its figures mean nothing
    #[arg(long)]
    small: bool,
    /// Orders in the log
    #[arg(long, default_value_t = 1_000_000)]
    orders: u32,
    /// Pushes a second while the delay is measured
    #[arg(long, default_value_t = 2_000)]
    rate: u32,
    /// How often pushing with and without folding is compared
    #[arg(long, default_value_t = 3)]
    pairs: usize,
    /// Leave out what folding costs those who push
    #[arg(long)]
    no_pairs: bool,
}

// What must be reached.
const EVENTS_PER_SECOND: u64 = 40_000;
const LOOKUP_P99_US: u64 = 5_000;
const DELAY_P99_US: u64 = 50_000;
/// "Not lower by more than a third."
const PUSH_RATIO_PERMILLE: u64 = 667;

const LOOKUPS: u32 = 2_000;
const DELAY_MEASURED_S: u32 = 15;
const PUSH_ORDERS: u32 = 150_000;
const PUSH_CONNECTIONS: u16 = 128;

pub fn run(mut args: FoldArgs) -> anyhow::Result<ExitCode> {
    if args.small {
        (args.orders, args.rate, args.pairs) = (5_000, 200, 1);
    }
    let folder = server::Folder::new()?;
    machine::print(folder.path())?;
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build()?;
    let mut judged = runtime.block_on(in_one_process(folder.path(), &args))?;
    if !args.no_pairs {
        judged.push(cost_for_pushes(&folder, &args)?);
    }
    println!();
    Ok(judged::tell(&judged, Size::of(args.small)))
}

async fn in_one_process(folder: &Path, args: &FoldArgs) -> anyhow::Result<Vec<Judged>> {
    let path = folder.join("fold/events.db");
    let sqlite =
        SqliteStore::open(&Settings { append_wait: Duration::from_secs(60), ..Settings::at(&path) })?;
    let store: Arc<dyn EventStore> = Arc::new(sqlite);
    let begun = Instant::now();
    let sample = orders::fill(&store, args.orders, (args.orders / LOOKUPS).max(1)).await?;
    println!(
        "\na log of {} orders with random numbers, written in {} s",
        args.orders,
        begun.elapsed().as_secs()
    );
    let definitions =
        Definition::check_all(Folder::built_in()).map_err(|problems| anyhow::anyhow!("{problems}"))?;
    for definition in &definitions {
        built(folder, &store, std::slice::from_ref(definition)).await?;
    }
    let (projector, rate) = built(folder, &store, &definitions).await?;
    let mut judged = vec![Judged {
        met: rate >= EVENTS_PER_SECOND,
        target: format!("all projections built with {rate} events/s, at least {EVENTS_PER_SECOND}"),
    }];
    judged.push(lookups(&projector, *store.head().borrow(), folder, &sample).await?);
    judged.push(delays(&projector, &store, args.rate).await?);
    close(projector).await?;
    store.close().await;
    println!("memory of all this {} MiB", memory_kib()? / 1024);
    std::fs::remove_dir_all(folder.join("fold"))?;
    Ok(judged)
}

async fn close(projector: Arc<Projector>) -> anyhow::Result<()> {
    Ok(tokio::task::spawn_blocking(move || projector.close()).await?)
}

/// Builds projections from nothing, and how many events a second went through all of them.
async fn built(
    folder: &Path,
    store: &Arc<dyn EventStore>,
    definitions: &[Arc<Definition>],
) -> anyhow::Result<(Arc<Projector>, u64)> {
    let views = folder.join("fold/views");
    if views.exists() {
        std::fs::remove_dir_all(&views)?;
    }
    let last = store.last().await?;
    let begun = Instant::now();
    let log: Arc<dyn ReadLog> = store.clone();
    let projector = Projector::new(log, store.head(), Handle::current());
    let (building, views, wanted) = (projector.clone(), Views::take(&views)?, definitions.to_vec());
    tokio::task::spawn_blocking(move || building.begin(views, &wanted.into())).await??;
    projector.caught_up(last, Duration::from_millis(10), |_| {}).await?;
    let took = begun.elapsed();
    let events = last.map_or(0, |last| last.number());
    let rate = events * 1000 / u64::try_from(took.as_millis())?.max(1);
    let names: Vec<_> = definitions.iter().map(|definition| definition.name.as_str()).collect();
    let mib: u64 = projector.list().iter().map(|listed| listed.bytes / 1024 / 1024).sum();
    println!("  {:<55} {:>6} ms  {rate:>7} events/s  {mib} MiB", names.join(", "), took.as_millis());
    if let [_] = definitions {
        close(projector.clone()).await?;
    }
    Ok((projector, rate))
}

/// As the API and `find` look an id up: wherever it may be.
async fn lookups(
    projector: &Arc<Projector>,
    head: Option<Position>,
    folder: &Path,
    sample: &[Ids],
) -> anyhow::Result<Judged> {
    let ring = folder.join("fold/refused.db");
    drop(Ring::open(&ring)?);
    let wait = limits::QUERY_POSITION_WAIT;
    let sources = ReadModelsAndRing { projector: projector.clone(), ring, app: None, head, wait };
    let mut p99 = 0;
    for (what, id_of) in IDS {
        let mut took = Vec::new();
        for ids in sample {
            let begun = Instant::now();
            let found = lookup::find(&sources, id_of(ids), clock::now(), Players::Shown).await;
            took.push(u64::try_from(begun.elapsed().as_micros())?);
            ensure!(!found.found.is_empty(), "{what}: nothing is found");
        }
        p99 = p99.max(percentiles(&format!("looked up by {what}"), took));
    }
    let target = format!("an id is looked up within {} ms at p99, under {} ms", ms(p99), ms(LOOKUP_P99_US));
    Ok(Judged { met: p99 < LOOKUP_P99_US, target })
}

type IdOf = fn(&Ids) -> &str;
const IDS: [(&str, IdOf); 4] = [
    ("OutTradeNo", |ids| &ids.out_trade_no),
    ("TransactionId", |ids| &ids.transaction_id),
    ("MchOrderNo", |ids| &ids.mch_order_no),
    ("OpenId", |ids| &ids.open_id),
];

/// The p99.
fn percentiles(what: &str, mut took_us: Vec<u64>) -> u64 {
    took_us.sort_unstable();
    let at = |permille: usize| took_us.get(took_us.len() * permille / 1000).copied().unwrap_or(0);
    let max = took_us.last().copied().unwrap_or(0);
    println!(
        "  {what}: p50 {} ms, p99 {} ms, max {} ms ({} times)",
        ms(at(500)),
        ms(at(990)),
        ms(max),
        took_us.len()
    );
    at(990)
}

/// From an append's acknowledgement until the last projection shows it.
async fn delays(
    projector: &Arc<Projector>,
    store: &Arc<dyn EventStore>,
    rate: u32,
) -> anyhow::Result<Judged> {
    let quotas = Quotas::new(limits::QUARANTINE_BYTES_PER_DAY, limits::SANDBOX_BYTES_PER_DAY);
    let ledger = Arc::new(Ledger::open(store.clone(), quotas).await?);
    let names: Vec<_> = projector.list().iter().map(|listed| listed.definition.name.clone()).collect();
    let mut tick = tokio::time::interval(Duration::from_secs(1) / rate);
    tick.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Burst);
    let mut waiting = Vec::new();
    for number in 0..rate * DELAY_MEASURED_S {
        tick.tick().await;
        let (ledger, projector, names, head) =
            (ledger.clone(), projector.clone(), names.clone(), store.head());
        waiting.push(tokio::spawn(async move {
            let goods = orders::order(number)?;
            let evidence = orders::evidence(&goods, clock::now());
            ledger.record(&AppSlug::parse("demo")?, &Push::Goods(goods), &evidence).await?;
            let begun = Instant::now();
            let position = *head.borrow();
            let shown = names.iter().map(|name| shown(&projector, name, position, begun));
            futures_util::future::try_join_all(shown).await
        }));
    }
    let (mut took, mut of_each) = (Vec::new(), vec![Vec::new(); names.len()]);
    for delays in waiting {
        let delays = delays.await??;
        took.push(delays.iter().copied().max().unwrap_or(0));
        of_each.iter_mut().zip(delays).for_each(|(of_one, delay)| of_one.push(delay));
    }
    for (name, of_one) in names.iter().zip(of_each) {
        percentiles(&format!("  in {name}"), of_one);
    }
    let p99 = percentiles(&format!("from append to visible in all, {rate} appends/s"), took);
    let target = format!("visible after {} ms at p99, under {} ms", ms(p99), ms(DELAY_P99_US));
    Ok(Judged { met: p99 < DELAY_P99_US, target })
}

/// How long after `begun` a projection shows a position, in µs.
async fn shown(
    projector: &Projector,
    name: &str,
    position: Option<Position>,
    begun: Instant,
) -> anyhow::Result<u64> {
    let mut progress = projector.progress(name).context("the projection has gone")?;
    progress.wait_for(|at| *at >= position).await?;
    Ok(u64::try_from(begun.elapsed().as_micros())?)
}

/// The same server under load, with and without folding, in turn.
fn cost_for_pushes(folder: &server::Folder, args: &FoldArgs) -> anyhow::Result<Judged> {
    let (orders, connections) = if args.small { (args.orders, 16) } else { (PUSH_ORDERS, PUSH_CONNECTIONS) };
    println!("\npushes over {connections} connections, {orders} orders a run");
    let (mut with, mut without, mut ratios) = (vec![], vec![], vec![]);
    for _ in 0..args.pairs {
        let bare = one(folder, orders, connections, Numbers::Ascending, Serves::Durably)?;
        let folding = one(folder, orders, connections, Numbers::Ascending, Serves::DurablyAndFolds)?;
        ratios.push(folding.load.pushes_per_second * 1000 / bare.load.pushes_per_second.max(1));
        without.push(bare);
        with.push(folding);
    }
    for (name, runs) in [("without folding", &without), ("with folding", &with)] {
        let of = |figure: fn(&super::Run) -> u64| median(runs.iter().map(figure).collect());
        println!(
            "  {name:<16} {:>7} pushes/s   p99 {} ms   memory {} MiB",
            of(|run| run.load.pushes_per_second),
            ms(of(|run| run.load.latency_us.p99)),
            of(|run| run.kept.memory_kib) / 1024,
        );
    }
    let found = median(ratios);
    let target =
        format!("with folding {} of the pushes, at least {}", ratio(found), ratio(PUSH_RATIO_PERMILLE));
    Ok(Judged { met: found >= PUSH_RATIO_PERMILLE, target })
}

fn memory_kib() -> anyhow::Result<u64> {
    server::figure(&std::fs::read_to_string(PathBuf::from("/proc/self/status"))?, "VmHWM:")
}
