//! `order-ledger bench push --store kurrentdb`: pushes recorded in a cluster, beside the same pushes through a server
//! that appends with nothing but the cluster's client. A program that keeps all in memory stands in for the cluster,
//! so what is compared is what the store does around the client.

use std::io::{BufRead, BufReader};
use std::path::Path;
use std::process::{Child, ChildStdin, Command, ExitCode, Stdio};

use anyhow::{Context, ensure};
use serde::Deserialize;

use super::judged::{self, Judged, Size};
use super::server::{BenchServer, Folder};
use super::{Numbers, PushArgs, Run, load, median, ms, ratio};

// What must be reached.
const RATIO_PERMILLE: u64 = 800;

/// Ends with its stdin.
struct StandIn {
    child: Child,
    stdin: Option<ChildStdin>,
    url: String,
}

#[derive(Deserialize)]
struct Began {
    url: String,
}

impl StandIn {
    fn start(program: &Path) -> anyhow::Result<Self> {
        let mut child = Command::new(program)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .with_context(|| format!("{} does not start", program.display()))?;
        let stdin = child.stdin.take();
        let stdout = child.stdout.take().context("the stand-in has no stdout")?;
        let mut line = String::new();
        BufReader::new(stdout).read_line(&mut line)?;
        let Began { url } = serde_json::from_str(&line).context("the stand-in did not start")?;
        Ok(Self { child, stdin, url })
    }
}

impl Drop for StandIn {
    fn drop(&mut self) {
        drop(self.stdin.take());
        let _reaped = self.child.wait();
    }
}

pub fn run(folder: &Folder, args: &PushArgs, stand_in: &Path) -> anyhow::Result<ExitCode> {
    let mut judged = vec![];
    for connections in &args.connections {
        println!("\n{connections} connections, {} orders a run", args.orders);
        let (mut bare, mut ours, mut ratios) = (vec![], vec![], vec![]);
        for _ in 0..args.pairs {
            let without = one(folder, args.orders, *connections, stand_in, &["--store-bare"])?;
            let with = one(folder, args.orders, *connections, stand_in, &[])?;
            ratios.push(with.load.pushes_per_second * 1000 / without.load.pushes_per_second.max(1));
            bare.push(without);
            ours.push(with);
        }
        for (name, runs) in [("the bare client", &bare), ("the store", &ours)] {
            let of = |figure: fn(&Run) -> u64| median(runs.iter().map(figure).collect());
            println!(
                "  {name:<16} {:>7} pushes/s   p50 {}  p99 {}  max {} ms   memory {} MiB",
                of(|run| run.load.pushes_per_second),
                ms(of(|run| run.load.latency_us.p50)),
                ms(of(|run| run.load.latency_us.p99)),
                ms(of(|run| run.load.latency_us.max)),
                of(|run| run.kept.memory_kib) / 1024,
            );
        }
        let found = median(ratios.clone());
        let (lowest, highest) = (ratios.iter().min().copied(), ratios.iter().max().copied());
        let target = format!(
            "{connections} connections: {} of the bare client's pushes a second (of the pairs: {} to {}), at least {}",
            ratio(found),
            ratio(lowest.unwrap_or(0)),
            ratio(highest.unwrap_or(0)),
            ratio(RATIO_PERMILLE)
        );
        judged.push(Judged { met: found >= RATIO_PERMILLE, target });
    }
    println!();
    Ok(judged::tell(&judged, Size::of(args.small)))
}

fn one(
    folder: &Folder,
    orders: u32,
    connections: u16,
    stand_in: &Path,
    options: &[&str],
) -> anyhow::Result<Run> {
    let cluster = StandIn::start(stand_in)?;
    let settings = [("ORDER_LEDGER__STORE__KIND", "kurrentdb"), ("ORDER_LEDGER__STORE__URL", &cluster.url)];
    let options = [&["--fold-nothing"], options].concat();
    let server = BenchServer::start_with(folder.path().join("log"), folder, &options, &settings)?;
    let run = load(folder, server, orders, connections, Numbers::Ascending)?;
    ensure!(run.kept.events >= u64::from(orders), "{} events stand for {orders} orders", run.kept.events);
    Ok(run)
}
