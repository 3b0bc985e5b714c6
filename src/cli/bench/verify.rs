//! `order-ledger bench verify`: how fast a sealed log is verified, by the command itself, and how fast it is copied.

use std::path::{Path, PathBuf};
use std::process::{Command, ExitCode, Stdio};
use std::sync::Arc;
use std::time::{Duration, Instant};

use anyhow::{Context, ensure};
use serde::Deserialize;

use super::judged::{self, Judged, Size};
use super::server::Folder;
use super::{copy, machine, median, orders};
use crate::audit::anchor;
use crate::audit::seal::Sealer;
use crate::cli::{ConfigFile, load_config};
use crate::clock;
use crate::ed25519::{SEED_BYTES, SigningKey, key_file};
use crate::ledger::Ledger;
use crate::limits;
use crate::quota::Quotas;
use crate::store::EventStore;
use crate::store::sqlite::{Settings, SqliteStore};

#[derive(clap::Args)]
pub struct VerifyArgs {
    /// A size that only shows that the benchmark works; its figures mean nothing
    #[arg(long)]
    small: bool,
    /// Orders in the log
    #[arg(long, default_value_t = 1_000_000)]
    orders: u32,
    /// How often it is verified and copied; the medians count
    #[arg(long, default_value_t = 3)]
    times: usize,
}

// What must be reached.
const EVENTS_PER_SECOND: u64 = 200_000;
const MEMORY_KIB: u64 = 150 * 1024;

/// It signs nothing but this.
const SEED: [u8; SEED_BYTES] = [7; SEED_BYTES];

pub fn run(mut args: VerifyArgs) -> anyhow::Result<ExitCode> {
    if args.small {
        (args.orders, args.times) = (5_000, 1);
    }
    let folder = Folder::new()?;
    machine::print(folder.path())?;
    let log = folder.path().join("verified/events.db");
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build()?;
    let anchors = runtime.block_on(sealed(&folder, &log, args.orders))?;
    let mut judged = verified(&folder, &log, &anchors, &args)?;
    judged.push(runtime.block_on(copy::measure(&log, args.times))?);
    println!();
    Ok(judged::tell(&judged, Size::of(args.small)))
}

/// A log of orders that are truly signed, and the file that its seals were exported to.
async fn sealed(folder: &Folder, log: &Path, orders: u32) -> anyhow::Result<PathBuf> {
    let config = load_config(&ConfigFile { path: folder.config() })?;
    let app = config.apps.first().context("the configuration has no app")?;
    let key = app.app.production_keys.first().context("the app has no key")?;
    let settings = Settings { append_wait: Duration::from_secs(60), ..Settings::at(log) };
    let store: Arc<dyn EventStore> = Arc::new(SqliteStore::open(&settings)?);
    let begun = Instant::now();
    orders::fill_signed(&store, orders, key).await?;
    println!("\na log of {orders} orders with random numbers, written in {} s", begun.elapsed().as_secs());
    let begun = Instant::now();
    let ledger = Ledger::open(store.clone(), Quotas::default()).await?;
    let sealing = Sealer::new(SigningKey::parse(&key_file(&SEED))?).seal(&ledger, &clock::now).await?;
    let rate = copy::per_second(u64::from(orders), begun.elapsed());
    println!("  sealed with {rate} events/s, {} seals", sealing.added);
    let anchors = log.with_file_name("anchors.jsonl");
    let mut lines = String::new();
    for seal in anchor::of_log(store.as_ref(), 1, limits::READ_PAGE_EVENTS_MAX).await? {
        lines.push_str(&seal.to_line()?);
        lines.push('\n');
    }
    std::fs::write(&anchors, lines)?;
    store.close().await;
    Ok(anchors)
}

#[derive(Deserialize)]
struct Told {
    events: u64,
    findings: u64,
    segments: u64,
    signatures: Signatures,
}

#[derive(Deserialize)]
struct Signatures {
    signed: u64,
}

fn verified(folder: &Folder, log: &Path, anchors: &Path, args: &VerifyArgs) -> anyhow::Result<Vec<Judged>> {
    let (mut rates, mut memory_kib) = (vec![], 0);
    for _ in 0..args.times {
        let mut command = Command::new(std::env::current_exe()?);
        command.args(["verify", "--json", "--config"]).arg(folder.config()).arg("--anchor").arg(anchors);
        command.env("ORDER_LEDGER__STORE__PATH", log).stdout(Stdio::piped()).stderr(Stdio::inherit());
        let begun = Instant::now();
        let mut child = command.spawn()?;
        let memory = copy::memory_until_the_end(&mut child)?;
        let took = begun.elapsed();
        let output = child.wait_with_output()?;
        let told = serde_json::from_slice(&output.stdout);
        let Told { events, findings, segments, signatures } = told.context("verify told nothing usable")?;
        ensure!(findings == 0, "{findings} findings: {}", String::from_utf8_lossy(&output.stdout));
        ensure!(signatures.signed == u64::from(args.orders), "{} signatures verified", signatures.signed);
        let rate = copy::per_second(events, took);
        println!(
            "  {events} events, {} MiB: verified with {rate} events/s in {} MiB of memory, {segments} segments",
            std::fs::metadata(log)?.len() / 1024 / 1024,
            memory / 1024
        );
        rates.push(rate);
        memory_kib = memory_kib.max(memory);
    }
    let rate = median(rates);
    Ok(vec![
        Judged {
            met: rate >= EVENTS_PER_SECOND,
            target: format!("a log is verified with {rate} events/s, at least {EVENTS_PER_SECOND}"),
        },
        Judged {
            met: memory_kib < MEMORY_KIB,
            target: format!("in {} MiB of memory, under {}", memory_kib / 1024, MEMORY_KIB / 1024),
        },
    ])
}
