//! What the program's commands tell of the log, of quarantine and of the refused ring.

use serde_json::Value;

use super::server::{Home, Server};

/// A command that prints one JSON object a line.
pub fn lines(home: &Home, args: &[&str]) -> Vec<Value> {
    let output = home.run(args);
    assert!(output.status.success(), "{args:?}: {}", String::from_utf8_lossy(&output.stderr));
    let text = String::from_utf8(output.stdout).unwrap();
    text.lines().map(|line| serde_json::from_str(line).unwrap()).collect()
}

/// The events that the log has under an id itself.
pub fn history(home: &Home, id: &str) -> Vec<Value> {
    let output = home.run(&["history", id, "--log-only", "--json"]);
    let known: Value = serde_json::from_slice(&output.stdout).unwrap();
    let events = known["events"].as_array().unwrap().clone();
    // 1 says "found something wrong": here, that there is no trace.
    let expected = i32::from(events.is_empty());
    assert_eq!(output.status.code(), Some(expected), "{}", String::from_utf8_lossy(&output.stderr));
    events
}

/// The types of the events recorded under an id, each with its stream.
pub fn recorded(home: &Home, id: &str) -> Vec<String> {
    let name = |event: &Value| {
        format!("{} {}", event["stream"].as_str().unwrap(), event["event_type"].as_str().unwrap())
    };
    history(home, id).iter().map(name).collect()
}

/// The pushes that wait for a decision.
pub fn waiting(home: &Home) -> Vec<Value> {
    lines(home, &["quarantine", "list", "--json"])
}

/// The refused ring, newest first.
pub fn refused(home: &Home) -> Vec<Value> {
    lines(home, &["refused", "list", "--json", "--limit", "10000"])
}

/// `quarantine adopt` or `dismiss` with an access token: exit code, and what it said.
pub fn decide(home: &Home, verb: &str, id: &str, token: Option<&str>) -> (i32, String) {
    let mut command = home.command(&["quarantine", verb, id, "--reason", "delivered by hand"]);
    command.env_remove("ORDER_LEDGER_TOKEN");
    if let Some(token) = token {
        command.env("ORDER_LEDGER_TOKEN", token);
    }
    let output = command.output().unwrap();
    let said = [output.stdout, output.stderr].concat();
    (output.status.code().unwrap(), String::from_utf8(said).unwrap())
}

/// Ends the server and asserts that it neither panicked nor told a secret.
pub fn ended_well(server: Server, secrets: &[&str]) {
    let log = server.log();
    assert!(server.terminate().success());
    assert!(!log.contains("panicked"), "{log}");
    for secret in secrets {
        assert!(!log.contains(secret), "the log tells {secret:?}:\n{log}");
    }
}
