//! `order-ledger bench copy`: how fast a log is copied into another, by the command itself, and that the copy is equal.

use std::path::Path;
use std::process::{Child, Command, ExitCode, Stdio};
use std::sync::Arc;
use std::time::{Duration, Instant};

use anyhow::{Context, ensure};
use serde::Deserialize;

use super::judged::{self, Judged, Size};
use super::server::{Folder, figure};
use super::{machine, orders};
use crate::audit::compare::{Verdict, compare};
use crate::store::EventStore;
use crate::store::sqlite::{Readers, Settings, SqliteStore};

#[derive(clap::Args)]
pub struct CopyArgs {
    /// A size that only shows that the benchmark works; its figures mean nothing
    #[arg(long)]
    small: bool,
    /// Orders in the log, with random numbers: the worst case for an index over them
    #[arg(long, default_value_t = 1_000_000)]
    orders: u32,
    /// How often it is copied; the median counts
    #[arg(long, default_value_t = 3)]
    times: usize,
}

// What must be reached.
const EVENTS_PER_SECOND: u64 = 100_000;
/// How often the memory of the command is looked at.
const LOOK_EVERY: Duration = Duration::from_millis(10);

pub fn run(mut args: CopyArgs) -> anyhow::Result<ExitCode> {
    if args.small {
        (args.orders, args.times) = (5_000, 1);
    }
    let folder = Folder::new()?;
    machine::print(folder.path())?;
    let log = folder.path().join("copied/events.db");
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build()?;
    runtime.block_on(fill(&log, args.orders))?;
    let judged = runtime.block_on(measure(&log, args.times))?;
    println!();
    Ok(judged::tell(&[judged], Size::of(args.small)))
}

async fn fill(log: &Path, orders: u32) -> anyhow::Result<()> {
    let settings = Settings { append_wait: Duration::from_secs(60), ..Settings::at(log) };
    let store: Arc<dyn EventStore> = Arc::new(SqliteStore::open(&settings)?);
    let begun = Instant::now();
    orders::fill(&store, orders, orders).await?;
    store.close().await;
    println!("\na log of {orders} orders with random numbers, written in {} s", begun.elapsed().as_secs());
    Ok(())
}

#[derive(Deserialize)]
struct Told {
    events: u64,
}

/// Copies a log into new files beside it, so many times, and compares each with it.
pub async fn measure(log: &Path, times: usize) -> anyhow::Result<Judged> {
    let copy = log.with_file_name("copy.db");
    let mut rates = vec![];
    for _ in 0..times {
        let begun = Instant::now();
        let (told, memory_kib) = copied(log, &copy)?;
        let rate = per_second(told.events, begun.elapsed());
        let begun = Instant::now();
        let compared = compare(&Readers::open(log)?, &Readers::open(&copy)?, &|_| {}).await?;
        ensure!(compared.verdict == Verdict::Equal, "the copy is none: {compared:?}");
        ensure!(
            compared.same == told.events,
            "{} events were copied, and {} stand",
            told.events,
            compared.same
        );
        println!(
            "  {} events, {} MiB: copied with {rate} events/s in {} MiB of memory, compared with {} events/s",
            told.events,
            std::fs::metadata(&copy)?.len() / 1024 / 1024,
            memory_kib / 1024,
            per_second(compared.same, begun.elapsed())
        );
        rates.push(rate);
        for suffix in ["", "-wal", "-shm", ".lock"] {
            // Those beside it may have gone with the last who had it open.
            let _gone = std::fs::remove_file(log.with_file_name(format!("copy.db{suffix}")));
        }
    }
    let rate = super::median(rates);
    let target = format!("a log is copied with {rate} events/s, at least {EVENTS_PER_SECOND}");
    Ok(Judged { met: rate >= EVENTS_PER_SECOND, target })
}

pub fn per_second(events: u64, took: Duration) -> u64 {
    events.saturating_mul(1000) / u64::try_from(took.as_millis()).unwrap_or(u64::MAX).max(1)
}

/// By the command, and the memory that it took at most.
fn copied(log: &Path, copy: &Path) -> anyhow::Result<(Told, u64)> {
    let mut command = Command::new(std::env::current_exe()?);
    command.args(["copy", "--json", "--from"]).arg(log).arg("--to").arg(copy);
    let mut child = command.stdout(Stdio::piped()).stderr(Stdio::inherit()).spawn()?;
    let memory_kib = memory_until_the_end(&mut child)?;
    let output = child.wait_with_output()?;
    ensure!(output.status.success(), "the copy failed");
    Ok((serde_json::from_slice(&output.stdout).context("the copy told nothing usable")?, memory_kib))
}

pub fn memory_until_the_end(child: &mut Child) -> anyhow::Result<u64> {
    let status = format!("/proc/{}/status", child.id());
    let mut memory_kib = 0;
    while child.try_wait()?.is_none() {
        // One that ends just now has no figure any more.
        let text = std::fs::read_to_string(&status).unwrap_or_default();
        memory_kib = figure(&text, "VmHWM:").unwrap_or(memory_kib);
        std::thread::park_timeout(LOOK_EVERY);
    }
    Ok(memory_kib)
}
