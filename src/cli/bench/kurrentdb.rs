//! `order-ledger bench push --store kurrentdb`: pushes recorded in a cluster, beside the same pushes through a server
//! that appends with nothing but the cluster's client. A program that keeps all in memory stands in for the cluster,
//! so what is compared is what the store does around the client.

use std::io::{BufRead, BufReader};
use std::path::Path;
use std::process::{Child, ChildStdin, Command, ExitCode, Stdio};

use anyhow::{Context, ensure};
use serde::Deserialize;

use super::judged::{self, Judged, Size};
use super::pairs::Pairs;
use super::server::{BenchServer, Folder};
use super::{Numbers, PushArgs, Run, load, ratio};

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
        let run = |options: &[&str]| one(folder, args.orders, *connections, stand_in, options);
        let pairs = Pairs::run(args.pairs, || run(&["--store-bare"]), || run(&[]))?;
        pairs.print("the bare client", "the store");
        let ratios = pairs.ratios();
        let target = format!(
            "{connections} connections: pushes a second beside the bare client's {ratios}, at least {}",
            ratio(RATIO_PERMILLE)
        );
        judged.push(Judged { met: ratios.median >= RATIO_PERMILLE, target });
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
