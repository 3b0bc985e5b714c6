//! The program over a cluster, which the stand-in plays: pushes, read models, commands, copies, and a server that goes
//! away and comes back.

use std::path::PathBuf;
use std::process::Output;
use std::time::{Duration, Instant};

use kurrentdb_stand_in::Cluster;
use serde_json::Value;

use super::cluster::{at, home_of, with_password};
use super::copying::{Follower, copied, copying, until_copied};
use super::expecting::{accepted, order};
use super::pack::{seal, unpacked, verified as verified_pack};
use super::server::{ADMIN_TOKEN, Home, Server, until};

/// As an option names it.
fn place(home: &Home, cluster: &Cluster, prefix: &str) -> PathBuf {
    super::cluster::place(home, &with_password(&cluster.url()), prefix)
}

fn said(output: &Output) -> String {
    let said = [&output.stdout[..], &output.stderr].concat();
    let said = String::from_utf8(said).unwrap();
    assert!(!said.contains("changeit") && !said.contains("panicked"), "{said}");
    said
}

fn verified(home: &Home, args: &[&str]) {
    let output = home.run(&[&["verify"], args].concat());
    assert!(output.status.success(), "{}", said(&output));
}

async fn folded(server: &Server, number: &str) -> Value {
    let begun = Instant::now();
    loop {
        let feed = server.admin("GET", "/v1/apps/demo/deliveries?limit=100", "").await;
        if feed.body.contains(number) {
            return serde_json::from_str(&feed.body).unwrap();
        }
        assert!(begun.elapsed() < Duration::from_secs(30), "{feed:?}\n{}", server.log());
        tokio::task::yield_now().await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn pushes_are_answered_folded_and_verified_over_a_cluster() {
    let cluster = Cluster::start(3).await.unwrap();
    let home = home_of(&cluster, "shop_");
    let server = home.serve();
    accepted(&home, &server, &["A", "B", "A", "C"]).await;
    let feed = folded(&server, "C").await;
    assert_eq!(feed["items"].as_array().unwrap().len(), 3, "{feed}");
    assert_eq!(cluster.log().stream("shop_order-demo.A").len(), 1);
    // Beside the server, and through it.
    verified(&home, &[]);
    let history = home.run(&["history", "A", "--json"]);
    assert!(history.status.success(), "{}", said(&history));
    let history: Value = serde_json::from_slice(&history.stdout).unwrap();
    assert_eq!(history["events"].as_array().unwrap().len(), 1);
    let quarantined = home.run(&["quarantine", "list"]);
    assert!(quarantined.status.success(), "{}", said(&quarantined));
    let checked = home.run(&["replay", "--check"]);
    assert!(checked.status.success(), "{}", said(&checked));
    let config = said(&home.run(&["config", "check"]));
    assert!(config.contains("store kurrentdb://127.0.0.1:"), "{config}");
    assert_eq!(server.complaints(), [""; 0]);
    assert!(!server.log().contains("changeit"));
    assert!(server.terminate().success());
    // The next one goes on where its read models are.
    let server = home.serve();
    accepted(&home, &server, &["C", "D"]).await;
    folded(&server, "D").await;
    assert!(!server.log().contains("rebuil"), "{}", server.log());
}

#[tokio::test(flavor = "multi_thread")]
async fn a_log_is_copied_into_a_cluster_and_back_again_and_again() {
    let cluster = Cluster::start(1).await.unwrap();
    let source = Home::new();
    let server = source.serve();
    let (there, back) = (place(&source, &cluster, "copy_"), source.folder().join("back/events.db"));
    let mut events = 0;
    for (pushed, new) in [(&["A", "B"][..], 3), (&[], 0), (&["C"], 1)] {
        accepted(&source, &server, pushed).await;
        events += new;
        for (from, to) in [(source.store(), there.clone()), (there.clone(), back.clone())] {
            let output = copying(&from, &to).output().unwrap();
            said(&output);
            assert_eq!(copied(&output)["events"], new, "{output:?}");
        }
        let compared = source.run(&["verify", "--json", "--against", there.to_str().unwrap()]);
        assert!(compared.status.success(), "{}", said(&compared));
        let compared: Value = serde_json::from_slice(&compared.stdout).unwrap();
        assert_eq!((&compared["verdict"], &compared["same"]), (&"equal".into(), &events.into()));
        verified(&source, &["--against", back.to_str().unwrap()]);
    }
    assert!(server.terminate().success());
    // Another log stands there.
    let other = Home::new();
    let server = other.serve();
    accepted(&other, &server, &["X"]).await;
    let output = copying(&other.store(), &there).output().unwrap();
    assert_eq!(output.status.code(), Some(2));
    assert!(said(&output).contains("the target is no copy of the source"), "{output:?}");
    // A server takes the copy over.
    let moved = home_of(&cluster, "copy_");
    let itself = moved.run(&["verify", "--against", there.to_str().unwrap()]);
    assert_eq!(itself.status.code(), Some(2), "{itself:?}");
    assert!(said(&itself).contains("--against names the log itself"), "{itself:?}");
    let server = moved.serve();
    accepted(&moved, &server, &["A", "D"]).await;
    let feed = folded(&server, "D").await;
    assert_eq!(feed["items"].as_array().unwrap().len(), 4, "{feed}");
}

#[tokio::test(flavor = "multi_thread")]
async fn copies_that_follow_go_on_when_a_cluster_comes_back_that_was_away() {
    let cluster = Cluster::start(1).await.unwrap();
    let home = Home::new();
    let server = home.serve();
    accepted(&home, &server, &["A"]).await;
    let (there, back) = (place(&home, &cluster, "copy_"), home.folder().join("back.db"));
    let logs = ["there.log", "back.log"].map(|name| home.folder().join(name));
    // One writes what the other reads.
    copied(&copying(&home.store(), &there).output().unwrap());
    let followers = [(&home.store(), &there, &logs[0]), (&there, &back, &logs[1])]
        .map(|(from, to, log)| Follower::telling(from, to, log));
    until_copied(&back, 1).await;
    for (turn, order) in ["B", "C"].into_iter().enumerate() {
        cluster.kill(0).await.unwrap();
        accepted(&home, &server, &[order]).await;
        for log in &logs {
            let told = || std::fs::read_to_string(log).unwrap().matches("the copy waits").count() == turn + 1;
            until("the copy waits", told).await;
        }
        cluster.revive(0).await.unwrap();
        until_copied(&back, turn + 2).await;
        for log in &logs {
            let told =
                || std::fs::read_to_string(log).unwrap().matches("the copy goes on").count() == turn + 1;
            until("the copy goes on", told).await;
        }
    }
    for (follower, log) in followers.into_iter().zip(&logs) {
        copied(&follower.stop("TERM"));
        let told = std::fs::read_to_string(log).unwrap();
        for words in ["the copy waits", "the copy goes on"] {
            assert_eq!(told.matches(words).count(), 2, "once each time: {told}");
        }
        assert!(!told.contains("changeit"), "{told}");
    }
    verified(&home, &["--against", back.to_str().unwrap()]);
}

#[tokio::test(flavor = "multi_thread")]
async fn an_authoritys_file_that_holds_no_certificate_is_named_at_the_start() {
    let home = Home::new();
    std::fs::write(home.folder().join("ca.crt"), "-----BEGIN CERTIFICATE-----\nhalf").unwrap();
    let home = at(home, "kurrentdb://ledger:changeit@127.0.0.1:1?tlsCaFile=ca.crt", "");
    let output = home.run(&["verify"]);
    assert_eq!(output.status.code(), Some(2));
    assert!(
        said(&output).contains("tlsCaFile=ca.crt in the URL: it must hold whole certificates"),
        "{output:?}"
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn service_returns_within_five_seconds_of_the_clusters_return() {
    let cluster = Cluster::start(1).await.unwrap();
    let home = home_of(&cluster, "");
    let server = home.serve();
    accepted(&home, &server, &["A"]).await;
    cluster.kill(0).await.unwrap();
    let answer = server.push(&order(&home, "B")).await;
    assert_eq!((answer.status, answer.code()), (200, 50301), "{answer:?}");
    server.until_ready_is(503).await;
    cluster.revive(0).await.unwrap();
    let begun = Instant::now();
    server.until_ready_is(200).await;
    assert!(begun.elapsed() < Duration::from_secs(5), "{:?}", begun.elapsed());
    accepted(&home, &server, &["B", "A"]).await;
    folded(&server, "B").await;
    until("it is told", || server.log().contains("the log can be written again")).await;
    assert!(!server.log().contains("changeit"));
}

#[tokio::test(flavor = "multi_thread")]
async fn commands_write_themselves_where_no_server_of_this_machine_runs() {
    let cluster = Cluster::start(1).await.unwrap();
    let home = home_of(&cluster, "");
    // Nothing stands there yet, and nothing is made by asking.
    let output = home.run(&["verify"]);
    assert_eq!(output.status.code(), Some(2));
    assert!(said(&output).contains("there is no log yet"), "{output:?}");
    let day = ["bill", "declare-empty", "--merchant", "1900000109", "--day", "2026-01-05", "--kind", "all"];
    home.reconfigure(|text| format!("{text}[merchant.1900000109]\napps = [\"demo\"]\n"));
    let output = home.run(&[&day[..], &["--reason", "no sales"]].concat());
    assert!(output.status.success(), "{}", said(&output));
    assert!(cluster.log().client_events() > 1);
    verified(&home, &[]);
}

#[test]
fn nothing_is_sent_in_the_clear_to_other_machines() {
    let url = "url = \"kurrentdb://ledger:changeit@db.example:2113?tls=false\"";
    let home =
        Home::with(|text| text.replace("[store]\n", &format!("[store]\nkind = \"kurrentdb\"\n{url}\n")));
    let output = home.run(&["config", "check"]);
    assert!(!output.status.success());
    assert!(
        said(&output).contains("store.url: tls=false sends orders and the password in the clear"),
        "{output:?}"
    );
    let secret = home.folder().join("url.txt");
    std::fs::write(&secret, "kurrentdb://ledger:changeit@db.example\n").unwrap();
    home.reconfigure(|text| text.replace(url, "url_file = \"url.txt\""));
    let output = home.run(&["config", "check"]);
    assert!(output.status.success(), "{output:?}");
    assert!(said(&output).contains("store kurrentdb://db.example:2113"), "{output:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_log_in_a_cluster_is_sealed_and_verified_though_its_positions_are_no_counts() {
    let cluster = Cluster::start(1).await.unwrap();
    let home = home_of(&cluster, "");
    let key = home.folder().join("seal.key");
    let made = home.run(&["seal", "--new-key", key.to_str().unwrap()]);
    assert!(made.status.success(), "{}", said(&made));
    home.reconfigure(|text| format!("{text}[seal]\nkey_file = \"seal.key\"\n"));
    let server = home.serve();
    accepted(&home, &server, &["A", "B", "C"]).await;
    // Through the server, which is on this machine, and by itself.
    for server in [Some(server), None] {
        let sealed = home.command(&["seal", "--json"]).env("ORDER_LEDGER_TOKEN", ADMIN_TOKEN).output();
        let sealed = sealed.unwrap();
        assert!(sealed.status.success(), "{}", said(&sealed));
        drop(server);
        verified(&home, &[]);
    }
    let verified = home.run(&["verify", "--json"]);
    let verified: Value = serde_json::from_slice(&verified.stdout).unwrap();
    // The last seal covers all but itself.
    assert_eq!((&verified["unsealed"], &verified["findings"]), (&1.into(), &0.into()), "{verified}");
}

/// The revision of the seal that covers an order's event, and what an auditor is told of its pack.
fn packed(home: &Home, number: &str) -> (Option<u64>, String) {
    let pack = home.folder().join("pack.zip");
    let args = ["history", number, "--log-only", "--json", "--pack", pack.to_str().unwrap()];
    let output = home.run(&args);
    assert!(output.status.success(), "{}", said(&output));
    let known: Value = serde_json::from_slice(&output.stdout).unwrap();
    let exported = home.run(&["seal", "--export"]);
    let newest = exported.stdout.split(|byte| *byte == b'\n').rfind(|line| !line.is_empty());
    let newest: Value = serde_json::from_slice(newest.unwrap()).unwrap();
    let root = newest["root"].as_str().unwrap();
    let (code, told) = verified_pack(unpacked(&pack).path(), &["--root", root], "");
    assert_ne!(code, 1, "{told}");
    (known["events"][0]["seal"]["revision"].as_u64(), told)
}

#[tokio::test(flavor = "multi_thread")]
async fn orders_of_a_cluster_are_sealed_told_and_packed_and_so_are_they_in_a_copy() {
    let cluster = Cluster::start(1).await.unwrap();
    let home = home_of(&cluster, "");
    for numbers in [["A", "B"], ["C", "D"]] {
        let server = home.serve();
        accepted(&home, &server, &numbers).await;
        assert!(server.terminate().success());
        seal(&home);
    }
    let server = home.serve();
    accepted(&home, &server, &["E"]).await;
    assert!(server.terminate().success());
    let copy = Home::new();
    let output = copying(&place(&home, &cluster, ""), &copy.store()).output().unwrap();
    assert!(output.status.success(), "{}", said(&output));
    for home in [&home, &copy] {
        for (number, revision) in [("A", Some(1)), ("D", Some(2)), ("E", None)] {
            let (covering, told) = packed(home, number);
            assert_eq!(covering, revision, "{number}: {told}");
            let result = if revision.is_some() {
                "result: the pack verifies"
            } else {
                "not sealed yet, so nothing proves"
            };
            assert!(told.contains(result), "{number}: {told}");
        }
    }
}
