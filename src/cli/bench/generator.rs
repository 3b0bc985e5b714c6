//! The load generator of the benchmarks, which is `order-ledger simulate`, and what it says of its pushes.

use std::process::{Command, Output};

use anyhow::{Context, ensure};
use serde::Deserialize;

use super::server::Folder;

/// What the load generator says.
#[derive(Deserialize)]
pub struct Load {
    pub pushes: u64,
    pub pushes_per_second: u64,
    pub latency_us: Latency,
    wrong: u64,
}

#[derive(Deserialize)]
pub struct Latency {
    pub p50: u64,
    pub p99: u64,
    pub p99_9: u64,
    pub max: u64,
}

/// Pushes so many orders to the listener at an address.
pub fn simulate(folder: &Folder, to: &str, orders: u32, connections: u16) -> anyhow::Result<Command> {
    let mut command = Command::new(std::env::current_exe()?);
    command
        .args(["simulate", "--only-goods", "--json", "--orders", &orders.to_string()])
        .args(["--connections", &connections.to_string(), "--url", &format!("http://{to}"), "--config"])
        .arg(folder.config());
    Ok(command)
}

impl Load {
    /// # Errors
    /// Also where answers were wrong: then its figures mean nothing.
    pub fn told(output: &Output) -> anyhow::Result<Self> {
        let load: Self = serde_json::from_slice(&output.stdout).with_context(|| {
            format!("the load generator said nothing usable: {}", String::from_utf8_lossy(&output.stderr))
        })?;
        ensure!(load.wrong == 0, "{} answers were wrong: the figures mean nothing", load.wrong);
        Ok(load)
    }
}
