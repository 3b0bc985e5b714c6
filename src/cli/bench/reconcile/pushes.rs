//! Pushes to a running server while a million bill lines are imported through it.

use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::Instant;

use anyhow::{Context, ensure};

use super::super::server::{BenchServer, Folder, Serves};
use super::super::{Load, ms};
use super::log::bill_files;
use super::{Judged, MERCHANT, Run, TOKEN};

// What must be reached.
const P99_US: u64 = 100_000;

const CONNECTIONS: u16 = 32;
/// Pushed for so long at least.
const PUSHED_S: u32 = 10;

/// Where log and read models lie: in memory, which shows what the import does to pushes by itself, and on this
/// machine's disk, which stalls when it likes.
const IN_MEMORY: &str = "/dev/shm";

pub fn pushes(folder: &Folder, run: &Run, rate: u32) -> anyhow::Result<Vec<Judged>> {
    let in_memory = Path::new(IN_MEMORY).join(format!("order-ledger-bench-{}", std::process::id()));
    let judged = [("in memory", in_memory), ("on the disk", folder.path().join("log"))]
        .map(|(place, log)| beside_an_import(folder, run, rate, place, log));
    judged.into_iter().collect()
}

/// The server folds as it does in production.
fn beside_an_import(
    folder: &Folder,
    run: &Run,
    rate: u32,
    place: &str,
    log: PathBuf,
) -> anyhow::Result<Judged> {
    let server = BenchServer::start_in(log, folder, Serves::DurablyAndFolds)?;
    let files = bill_files(&run.bills())?;
    // What this machine does to pushes without an import.
    let alone = push(folder, &server.push, rate)?;
    ensure!(alone.wrong == 0, "{} answers were wrong: the figures mean nothing", alone.wrong);
    println!(
        "  with log and read models {place}: pushes alone, at {rate}/s: p99 {} ms, max {} ms",
        ms(alone.latency_us.p99),
        ms(alone.latency_us.max)
    );
    let begun = Instant::now();
    let mut import = Command::new(std::env::current_exe()?);
    import
        .args(["bill", "import", "--merchant", MERCHANT, "--config"])
        .arg(folder.config())
        .env("ORDER_LEDGER__STORE__PATH", server.log().join("events.db"))
        .env("ORDER_LEDGER_TOKEN", TOKEN)
        .stdout(Stdio::null())
        .args(&files);
    let mut import = import.spawn().context("the import did not start")?;
    let (mut rounds, mut p99, mut max, mut pushed) = (0, 0, 0, 0);
    let imported = loop {
        let load = push(folder, &server.push, rate)?;
        ensure!(load.wrong == 0, "{} answers were wrong: the figures mean nothing", load.wrong);
        rounds += 1;
        pushed += u64::from(rate * PUSHED_S);
        p99 = p99.max(load.latency_us.p99);
        max = max.max(load.latency_us.max);
        if let Some(status) = import.try_wait()? {
            break status;
        }
    };
    println!(
        "  {} files imported through the server in at most {} s, beside {pushed} pushes at {rate}/s in {rounds} rounds: \
         the worst round's p99 {} ms, max {} ms",
        files.len(),
        begun.elapsed().as_secs(),
        ms(p99),
        ms(max)
    );
    ensure!(imported.success(), "the bills were not imported: {imported}");
    server.stop()?;
    let target = format!("{place}: p99 of pushes beside an import {} ms, under {} ms", ms(p99), ms(P99_US));
    Ok(Judged { met: p99 < P99_US, target })
}

fn push(folder: &Folder, to: &str, rate: u32) -> anyhow::Result<Load> {
    let mut command = Command::new(std::env::current_exe()?);
    command
        .args(["simulate", "--only-goods", "--json", "--orders", &(rate * PUSHED_S).to_string()])
        .args(["--connections", &CONNECTIONS.to_string(), "--rate", &rate.to_string()])
        .args(["--url", &format!("http://{to}"), "--config"])
        .arg(folder.config());
    let output = command.output().context("the load generator did not start")?;
    serde_json::from_slice(&output.stdout).with_context(|| {
        format!("the load generator said nothing usable: {}", String::from_utf8_lossy(&output.stderr))
    })
}
