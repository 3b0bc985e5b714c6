//! The commands of the program: each is one line of JSON, and so is its answer.

use std::time::Duration;

use kurrentdb_stand_in::{Cluster, Fault, On, Schedule};
use serde::Deserialize;
use serde_json::{Value, json};

#[derive(Deserialize)]
#[serde(tag = "do", rename_all = "snake_case")]
enum Command {
    /// The next `times` requests go wrong: `{"do":"next","times":1,"on":"append","fault":"cut","moment":"after"}`.
    Next {
        #[serde(default = "once")]
        times: u32,
        on: On,
        #[serde(flatten)]
        fault: Fault,
    },
    /// Requests go wrong by chance, drawn from a seed.
    Schedule(Schedule),
    /// Nothing goes wrong any more.
    Clear,
    MoveLeader,
    Kill {
        node: usize,
    },
    Revive {
        node: usize,
    },
    Restart {
        node: usize,
        #[serde(default)]
        down_ms: u64,
    },
    /// Who leads, what was counted, which faults struck.
    Counts,
    /// How many events of clients stand in the log, and in one stream if one is named.
    Events {
        stream: Option<String>,
    },
}

fn once() -> u32 {
    1
}

/// The first line: where the nodes listen.
pub fn began(cluster: &Cluster) -> Value {
    json!({ "addresses": cluster.addresses(), "url": cluster.url() })
}

pub async fn run(cluster: &Cluster, line: &str) -> Value {
    let command = match serde_json::from_str(line) {
        Ok(command) => command,
        Err(error) => return json!({ "error": format!("not a command: {error}") }),
    };
    let done = match command {
        Command::Next { times, on, fault } => {
            cluster.faults().next(times, on, fault);
            Ok(())
        }
        Command::Schedule(schedule) => {
            cluster.faults().schedule(schedule);
            Ok(())
        }
        Command::Clear => {
            cluster.faults().clear();
            Ok(())
        }
        Command::MoveLeader => return json!({ "ok": true, "leader": cluster.move_leader() }),
        Command::Kill { node } => cluster.kill(node).await,
        Command::Revive { node } => cluster.revive(node).await,
        Command::Restart { node, down_ms } => cluster.restart(node, Duration::from_millis(down_ms)).await,
        Command::Counts => {
            let (leader, counts) = (cluster.leader(), cluster.counts());
            return json!({ "ok": true, "leader": leader, "counts": counts, "faults": cluster.faults().done() });
        }
        Command::Events { stream } => {
            let of_clients = cluster.log().client_events();
            let in_stream = stream.map(|stream| cluster.log().stream(&stream).len());
            return json!({ "ok": true, "client_events": of_clients, "in_stream": in_stream });
        }
    };
    match done {
        Ok(()) => json!({ "ok": true }),
        Err(error) => json!({ "error": error.to_string() }),
    }
}
