//! The stand-in as a program: says its addresses on stdout, then takes commands on stdin, one JSON a line.

mod commands;

use std::io::Write as _;

use tokio::io::{AsyncBufReadExt as _, BufReader};

use kurrentdb_stand_in::{Cluster, Options};

const USAGE: &str =
    "usage: kurrentdb-stand-in [--nodes N] [--append-bytes-max BYTES] [--concurrent-calls-max N]";

#[tokio::main]
async fn main() -> std::process::ExitCode {
    match run().await {
        Ok(()) => std::process::ExitCode::SUCCESS,
        Err(reason) => {
            eprintln!("{reason}");
            std::process::ExitCode::from(2)
        }
    }
}

/// Ends with its stdin.
async fn run() -> Result<(), String> {
    let options = options(std::env::args().skip(1))?;
    let cluster =
        Cluster::start_with(options).await.map_err(|error| format!("no port to listen on: {error}"))?;
    say(&commands::began(&cluster))?;
    let mut lines = BufReader::new(tokio::io::stdin()).lines();
    while let Some(line) = lines.next_line().await.map_err(|error| format!("stdin: {error}"))? {
        if !line.trim().is_empty() {
            say(&commands::run(&cluster, &line).await)?;
        }
    }
    Ok(())
}

fn say(answer: &serde_json::Value) -> Result<(), String> {
    let mut stdout = std::io::stdout().lock();
    writeln!(stdout, "{answer}").and_then(|()| stdout.flush()).map_err(|error| format!("stdout: {error}"))
}

fn options(mut arguments: impl Iterator<Item = String>) -> Result<Options, String> {
    let mut options = Options::default();
    while let Some(argument) = arguments.next() {
        let value = arguments.next().ok_or(USAGE)?;
        match argument.as_str() {
            "--nodes" => options.nodes = value.parse().map_err(|_| USAGE)?,
            "--append-bytes-max" => options.append_bytes_max = value.parse().map_err(|_| USAGE)?,
            "--concurrent-calls-max" => options.concurrent_calls_max = value.parse().map_err(|_| USAGE)?,
            _ => return Err(USAGE.to_owned()),
        }
    }
    Ok(options)
}
