//! The program: addresses first, then a line of JSON for a line of JSON.

use std::io::{BufRead, BufReader, Lines, Write};
use std::process::{Child, ChildStdout, Command, Stdio};

use kurrentdb_stand_in::wire::append::ExpectedRevision as Expected;
use serde_json::{Value, json};

use crate::caller::{Failed, connect, paid};

struct Program {
    child: Child,
    stdout: Lines<BufReader<ChildStdout>>,
}

impl Program {
    fn start(arguments: &[&str]) -> (Self, Value) {
        let mut child = Command::new(env!("CARGO_BIN_EXE_kurrentdb-stand-in"))
            .args(arguments)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        let stdout = BufReader::new(child.stdout.take().unwrap()).lines();
        let mut program = Self { child, stdout };
        let began = program.line();
        (program, began)
    }

    fn line(&mut self) -> Value {
        serde_json::from_str(&self.stdout.next().unwrap().unwrap()).unwrap()
    }

    fn run(&mut self, command: &Value) -> Value {
        self.child.stdin.as_mut().unwrap().write_all(format!("{command}\n").as_bytes()).unwrap();
        self.line()
    }

    /// Closes its stdin, with which it ends.
    fn end(&mut self) -> std::process::ExitStatus {
        self.child.stdin = None;
        self.child.wait().unwrap()
    }
}

impl Drop for Program {
    fn drop(&mut self) {
        // Where it has ended already there is nothing to kill.
        let _ended = self.child.kill();
        let _reaped = self.child.wait();
    }
}

#[tokio::test]
async fn it_says_its_addresses_does_as_it_is_told_and_ends_with_its_stdin() {
    let (mut program, began) = Program::start(&["--nodes", "3"]);
    let addresses: Vec<std::net::SocketAddr> = serde_json::from_value(began["addresses"].clone()).unwrap();
    assert_eq!(addresses.len(), 3);
    assert!(began["url"].as_str().unwrap().starts_with("kurrentdb://127.0.0.1:"));

    let ok = json!({"ok": true});
    let cut = json!({"do": "next", "on": "append", "fault": "cut", "moment": "after"});
    assert_eq!(program.run(&cut), ok);
    let caller = connect(addresses[0]).await.unwrap();
    let lost = caller.append("order-demo.1", Expected::NoStream(()), &[paid("{}")]).await;
    assert_eq!(lost, Err(Failed::Connection));

    let counts = program.run(&json!({"do": "counts"}));
    assert_eq!((&counts["leader"], &counts["faults"]), (&json!(0), &json!({"cut_after": 1})));
    assert_eq!(counts["counts"]["appends_applied"], 1);
    assert_eq!(program.run(&json!({"do": "move_leader"})), json!({"ok": true, "leader": 1}));
    assert_eq!(program.run(&json!({"do": "kill", "node": 1})), ok);
    assert_eq!(program.run(&json!({"do": "counts"}))["leader"], 0);
    assert_eq!(program.run(&json!({"do": "revive", "node": 1})), ok);
    assert_eq!(program.run(&json!({"do": "restart", "node": 1})), ok);
    let events = program.run(&json!({"do": "events", "stream": "order-demo.1"}));
    assert_eq!(events, json!({"ok": true, "client_events": 1, "in_stream": 1}));

    assert!(program.end().success());
}

#[test]
fn schedules_and_every_fault_are_read_from_json() {
    let (mut program, _) = Program::start(&[]);
    let faults = json!([
        {"fault": "cut", "moment": "before"},
        {"fault": "unavailable"},
        {"fault": "answer_delayed", "ms": 5},
        {"fault": "effect_delayed", "ms": 5},
        {"fault": "half_open", "moment": "after"},
        {"fault": "twice"},
        {"fault": "restart", "moment": "before", "down_ms": 5},
        {"fault": "node_dead", "moment": "before"},
        {"fault": "leader_moved"},
    ]);
    let schedule = json!({"do": "schedule", "seed": 1, "on": "append", "per_mille": 0, "faults": faults});
    assert_eq!(program.run(&schedule), json!({"ok": true}));
    assert_eq!(program.run(&json!({"do": "clear"})), json!({"ok": true}));
}

#[test]
fn what_is_no_command_is_answered_with_an_error() {
    let (mut program, _) = Program::start(&[]);
    for command in [json!({"do": "dance"}), json!({"do": "kill", "node": 9}), json!(7)] {
        let answer = program.run(&command);
        assert!(answer["error"].is_string(), "{command}: {answer}");
    }
}
