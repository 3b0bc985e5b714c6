//! Pushes to a running server while a million bill lines are imported through it.

use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::Instant;

use anyhow::{Context, ensure};
use rustix::process::{Pid, Signal, kill_process};

use super::super::generator::{self, Latency, Load};
use super::super::judged::Judged;
use super::super::ms;
use super::super::server::{BenchServer, Folder, Serves};
use super::log::bill_files;
use super::{MERCHANT, Run, TOKEN};

// What must be reached.
const P99_US: u64 = 100_000;

const CONNECTIONS: u16 = 32;
/// How long is pushed without an import, in seconds, and beside one at most.
const ALONE_S: u32 = 20;
const BESIDE_S_MAX: u32 = 300;

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
    let alone = Pushing::begin(folder, &server.push, rate, ALONE_S)?.end(Ending::ByItself)?;
    println!("  with log and read models {place}: pushes alone, at {rate}/s: {}", told(&alone.latency_us));
    let begun = Instant::now();
    let pushing = Pushing::begin(folder, &server.push, rate, BESIDE_S_MAX)?;
    let imported = Command::new(std::env::current_exe()?)
        .args(["bill", "import", "--merchant", MERCHANT, "--config"])
        .arg(folder.config())
        .env("ORDER_LEDGER__STORE__PATH", server.log().join("events.db"))
        .env("ORDER_LEDGER_TOKEN", TOKEN)
        .stdout(Stdio::null())
        .args(&files)
        .status()
        .context("the import did not start")?;
    let took_s = begun.elapsed().as_secs();
    ensure!(took_s < u64::from(BESIDE_S_MAX), "the import took {took_s} s: pushes ended before it");
    let beside = pushing.end(Ending::Told)?;
    println!(
        "  {} files imported through the server in {took_s} s, beside {} pushes at {rate}/s: {}",
        files.len(),
        beside.pushes,
        told(&beside.latency_us)
    );
    ensure!(imported.success(), "the bills were not imported: {imported}");
    server.stop()?;
    let p99 = beside.latency_us.p99;
    let target = format!("{place}: p99 of pushes beside an import {} ms, under {} ms", ms(p99), ms(P99_US));
    Ok(Judged { met: p99 < P99_US, target })
}

fn told(latency_us: &Latency) -> String {
    format!("p99 {} ms, p99.9 {} ms, max {} ms", ms(latency_us.p99), ms(latency_us.p99_9), ms(latency_us.max))
}

/// The load generator at work.
struct Pushing(Child);

/// How pushing ends.
enum Ending {
    ByItself,
    Told,
}

impl Pushing {
    fn begin(folder: &Folder, to: &str, rate: u32, seconds: u32) -> anyhow::Result<Self> {
        let mut command = generator::simulate(folder, to, rate * seconds, CONNECTIONS)?;
        command.args(["--rate", &rate.to_string()]).stdout(Stdio::piped());
        command.spawn().map(Self).context("the load generator did not start")
    }

    fn end(self, ending: Ending) -> anyhow::Result<Load> {
        let Self(generator) = self;
        match ending {
            Ending::ByItself => {}
            Ending::Told => kill_process(Pid::from_child(&generator), Signal::INT)?,
        }
        Load::told(&generator.wait_with_output()?)
    }
}
