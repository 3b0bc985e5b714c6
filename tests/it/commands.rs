//! The commands as a new user types them, and what they say when something is wrong.

use std::collections::BTreeSet;
use std::path::Path;
use std::process::{Command, Output, Stdio};

use order_ledger::store::StreamName;
use order_ledger::wechat::event_name;
use serde_json::Value;

use super::by_hand::{key_of, push};
use super::expecting::accepted;
use super::log_file::LogFile;
use super::pushes::{goods, goods_push};
use super::server::{BINARY, Home, Server, until};

fn text(bytes: &[u8]) -> String {
    String::from_utf8(bytes.to_vec()).unwrap()
}

/// What a command said on both streams, and its exit code.
fn said(output: &Output) -> (i32, String) {
    (output.status.code().unwrap(), format!("{}{}", text(&output.stdout), text(&output.stderr)))
}

/// A command in a folder, with the default configuration there.
fn in_folder(folder: &Path, args: &[&str]) -> Command {
    let mut command = Command::new(BINARY);
    command.args(args).current_dir(folder);
    command
}

fn json(output: &Output) -> Value {
    serde_json::from_slice(&output.stdout).unwrap_or_else(|error| panic!("{error}: {output:?}"))
}

#[test]
fn a_new_user_gets_from_init_to_an_orders_history_in_five_commands() {
    for mode in ["plain", "compatible", "security"] {
        let folder = tempfile::tempdir().unwrap();
        let run = |args: &[&str]| in_folder(folder.path(), args).output().unwrap();
        let done = |args: &[&str]| {
            let output = run(args);
            assert!(output.status.success(), "{mode} {args:?}: {output:?}");
            output
        };
        done(&["init", "--demo", "--mode", mode]);
        done(&["config", "check"]);
        let mut serve = in_folder(folder.path(), &["serve"]);
        serve.env("ORDER_LEDGER__PUSH__LISTEN", "127.0.0.1:0");
        serve.env("ORDER_LEDGER__ADMIN__LISTEN", "127.0.0.1:0");
        let server = Server::start(serve, folder.path());
        let url = format!("http://{}", server.push);
        let report = json(&done(&["simulate", "--url", &url, "--orders", "200", "--json"]));
        assert_eq!(report["wrong"], 0);
        let gifts = report["answers"].as_array().unwrap().iter().any(|line| line["family"] == "gift");
        assert_eq!(gifts, mode == "security", "gifts are played where they can be");
        let sample = report["sample_order"].as_str().unwrap();
        let told = text(&done(&["history", sample]).stdout);
        assert!(told.contains("GoodsDelivered") || told.contains("CoinsDelivered"), "{told}");
        assert!(told.contains("verified now"), "{told}");
        let log_only = || {
            let told = text(&done(&["history", sample, "--log-only"]).stdout);
            // The server may seal the log meanwhile.
            told.lines().filter(|line| !line.starts_with("    seal")).collect::<Vec<_>>().join("\n")
        };
        let before = log_only();
        assert!(server.terminate().success());
        assert_eq!(log_only(), before, "and after the server has stopped");
        let again = run(&["init", "--demo"]);
        assert_eq!(again.status.code(), Some(2), "{again:?}");
        assert!(text(&again.stderr).contains("order-ledger.toml is there already"), "{again:?}");
    }
}

#[test]
fn the_next_steps_that_init_prints_find_a_server_on_a_free_port() {
    let home = Home::new();
    let _server = home.serve();
    let (code, said) = said(&home.run(&["simulate", "--production", "--orders", "20"]));
    assert_eq!(code, 0, "{said}");
}

#[test]
fn gifts_are_played_and_recorded_in_security_mode() {
    let home = Home::secure();
    let server = home.serve();
    let output = home.run(&["simulate", "--production", "--orders", "50", "--gifts", "0.5", "--json"]);
    assert!(output.status.success(), "{output:?}");
    assert!(server.terminate().success());
    let gifts = "SELECT count(*) FROM events WHERE type = 'GiftDelivered'";
    assert_eq!(LogFile::open(&home.store()).count(gifts), 25);
}

#[test]
fn simulating_against_no_server_fails_and_says_that_nobody_listens() {
    let home = Home::new();
    let nobody = std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
    let url = format!("http://{nobody}");
    let (code, said) = said(&home.run(&["simulate", "--production", "--orders", "5", "--url", &url]));
    assert!(code == 1 || code == 2, "{code}: {said}");
    assert!(said.contains("connection refused"), "{said}");
}

#[test]
fn simulating_with_wrong_keys_fails_and_names_the_wrong_answers() {
    let home = Home::new();
    let server = home.serve();
    let other = Home::with(|text| text.replace("prod-app-key", "another-app-key"));
    let url = format!("http://{}", server.push);
    let output = other.run(&["simulate", "--production", "--orders", "50", "--url", &url]);
    let (code, said) = said(&output);
    assert_eq!(code, 1, "{said}");
    assert!(said.contains("not the ones the protocol demands"), "{said}");
    assert!(said.contains("expected 0, got 40101"), "{said}");
}

#[tokio::test]
async fn with_retries_a_simulation_over_a_restart_ends_with_success() {
    let home = Home::with(|text| {
        // The same port again after the restart.
        let free = std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
        text.replacen("127.0.0.1:0", &free.to_string(), 1)
    });
    let server = home.serve();
    // Role list queries, and mocks of them, are not repeated by WeChat either.
    let options = "simulate --production --orders 3000 --rate 1000 --retry --retry-scale 50 --json";
    let options: Vec<_> = options.split(' ').collect();
    let mut simulate = home.command(&options);
    let playing = simulate.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
    let recorded = |count: i64| {
        let store = home.store();
        move || LogFile::open(&store).count("SELECT count(*) FROM events") > count
    };
    until("the simulation runs", recorded(300)).await;
    server.kill();
    let server = home.serve();
    let before = LogFile::open(&home.store()).count("SELECT count(*) FROM events");
    until("it goes on", recorded(before + 300)).await;
    assert!(server.terminate().success());
    let server = home.serve();
    let output = playing.wait_with_output().unwrap();
    let report = json(&output);
    assert!(output.status.success(), "{report:#}");
    assert!(report["sent_again"].as_u64().unwrap() > 0, "{report:#}");
    assert_eq!(report["wrong"], 0);
    assert!(server.terminate().success());
    LogFile::open(&home.store()).is_gapless();
}

#[tokio::test]
async fn a_token_that_is_made_opens_the_admin_listener() {
    let home = Home::new();
    let made = json(&home_free(&["token", "new", "--role", "admin", "--name", "shift", "--json"]));
    home.reconfigure(|text| text + made["config"].as_str().unwrap());
    let server = home.serve();
    let path = "/v1/quarantine/0/dismiss";
    let ask = |token: String| {
        let request = hyper::Request::post(path)
            .header("authorization", format!("Bearer {token}"))
            .header("content-type", "application/json");
        request.body(http_body_util::Full::from(r#"{"reason":"a test"}"#)).unwrap()
    };
    let token = made["token"].as_str().unwrap();
    let known = super::server::send(server.admin, ask(token.to_owned())).await;
    let unknown = super::server::send(server.admin, ask(format!("{token}x"))).await;
    assert_eq!((known.status, unknown.status), (404, 401), "{known:?} {unknown:?}");
}

/// A command that reads no configuration.
fn home_free(args: &[&str]) -> Output {
    let folder = tempfile::tempdir().unwrap();
    in_folder(folder.path(), args).output().unwrap()
}

#[tokio::test]
async fn the_history_of_an_unknown_id_says_where_it_looked() {
    let home = Home::new();
    let missing = home.run(&["history", "NOWHERE"]);
    assert_eq!(missing.status.code(), Some(2), "there is no log yet: {missing:?}");
    let server = home.serve();
    accepted(&home, &server, &["SOMETHING"]).await;
    let (code, said) = said(&home.run(&["history", "NOWHERE"]));
    assert_eq!(code, 1, "{said}");
    for place in ["NOWHERE", "order", "refund", "gift", "quarantine", "demo", "refused list"] {
        assert!(said.contains(place), "{place}: {said}");
    }
}

#[tokio::test]
async fn an_event_altered_behind_the_programs_back_is_found_by_its_history() {
    for (what, change) in [
        ("data", "UPDATE events SET data = replace(data, '600', '100')"),
        ("the payload", "UPDATE events SET metadata = replace(metadata, '600', '100')"),
        ("the player", "UPDATE events SET data = replace(data, 'oTest', 'oThief')"),
        (
            "the signature",
            "UPDATE events SET metadata = json_set(metadata, '$.pay_event_sig', hex(zeroblob(32)))",
        ),
        ("the type", "UPDATE events SET type = 'CoinsDelivered'"),
        ("the id", "UPDATE events SET id = randomblob(16)"),
        ("the stream", "UPDATE events SET stream = 'order-demo.ALTERED-1x', version = 0"),
    ] {
        let home = Home::new();
        let server = home.serve();
        accepted(&home, &server, &["ALTERED-1"]).await;
        assert!(server.terminate().success());
        assert!(home.run(&["history", "ALTERED-1"]).status.success());
        let log = rusqlite::Connection::open(home.store()).unwrap();
        let changed = log.execute(&format!("{change} WHERE stream = 'order-demo.ALTERED-1'"), []).unwrap();
        assert_eq!(changed, 1);
        drop(log);
        let id = if what == "the stream" { "ALTERED-1x" } else { "ALTERED-1" };
        let (code, told) = said(&home.run(&["history", id]));
        // 2 where the event cannot even be read any more.
        assert!(code == 1 || (code == 2 && what == "the type"), "{what}: {code}\n{told}");
        let words = ["DOES NOT MATCH ITS CONTENT", "DOES NOT VERIFY", "CoinsDelivered"];
        assert!(words.iter().any(|words| told.contains(words)), "{what}: {told}");
    }
}

#[tokio::test]
async fn an_event_that_says_other_things_than_its_signed_payload_is_found_though_its_id_fits() {
    let home = Home::new();
    let server = home.serve();
    accepted(&home, &server, &["FORGED-1"]).await;
    assert!(server.terminate().success());
    let log = rusqlite::Connection::open(home.store()).unwrap();
    let stream = "order-demo.FORGED-1";
    let read = "SELECT data FROM events WHERE stream = ?1";
    let data: String = log.query_row(read, [stream], |row| row.get(0)).unwrap();
    let forged = data.replace("600", "100");
    assert_ne!(forged, data);
    // Whoever can write the file can make the id that fits, for no key is needed for it.
    let id = order_ledger::codec::event_id(&StreamName(stream.to_owned()), "GoodsDelivered", &forged);
    let write = "UPDATE events SET data = ?1, id = ?2 WHERE stream = ?3";
    assert_eq!(log.execute(write, (&forged, id.as_bytes(), stream)).unwrap(), 1);
    drop(log);
    let (code, told) = said(&home.run(&["history", "FORGED-1"]));
    assert_eq!(code, 1, "{told}");
}

#[tokio::test]
async fn every_sort_of_event_in_an_honest_log_is_found_unaltered() {
    let mut seen = BTreeSet::new();
    for home in [Home::new(), Home::secure()] {
        let server = home.serve();
        let options =
            "simulate --production --orders 100 --mocks 0.2 --conflicts 0.1 --refunds 0.2 --wrong-env 0.1";
        let output = home.run(&options.split(' ').collect::<Vec<_>>());
        assert!(output.status.success(), "{output:?}");
        // Payment ids that come later; plain mode only.
        let mut goods = goods("LATE-IDS", 600);
        let payment = std::mem::take(&mut goods.payment);
        server.push(&goods_push(&home.app(), goods.clone())).await;
        goods.payment = payment;
        server.push(&goods_push(&home.app(), goods)).await;
        // Signed, and of no use: to quarantine.
        server.push(&push(key_of(0), event_name::GOODS[0], r#"{"Env":0}"#)).await;
        assert!(server.terminate().success());
        for (event_type, stream) in LogFile::open(&home.store()).samples() {
            let Some(id) = stream.split_once("demo.").or_else(|| stream.split_once("quarantine-")) else {
                continue;
            };
            let (code, told) = said(&home.run(&["history", id.1, "--log-only"]));
            assert_eq!(code, 0, "{event_type} in {stream}: {told}");
            seen.insert(event_type);
        }
    }
    let sorts = [
        "CoinsDelivered",
        "ConflictingPushReceived",
        "GiftDelivered",
        "GoodsDelivered",
        "MockReceived",
        "PaymentIdentified",
        "PushQuarantined",
        "RefundSucceeded",
    ];
    assert_eq!(seen.iter().map(String::as_str).collect::<Vec<_>>(), sorts);
}

#[tokio::test]
async fn a_delivery_whose_evidence_was_taken_away_is_found_by_its_history() {
    let signature = "'$.pay_event_sig', '$.verified_env', '$.key_fingerprint'";
    let rest = "'$.event', '$.payload', '$.transport', '$.create_time', '$.received_at'";
    for fields in [signature.to_owned(), format!("{signature}, {rest}")] {
        let home = Home::new();
        let server = home.serve();
        accepted(&home, &server, &["BARE-1"]).await;
        assert!(server.terminate().success());
        let log = rusqlite::Connection::open(home.store()).unwrap();
        let take = format!("UPDATE events SET metadata = json_remove(metadata, {fields})");
        assert_eq!(log.execute(&format!("{take} WHERE type = 'GoodsDelivered'"), []).unwrap(), 1);
        drop(log);
        let (code, told) = said(&home.run(&["history", "BARE-1"]));
        assert_eq!(code, 1, "without {fields}: {told}");
    }
}

#[test]
fn simulate_writes_no_production_orders_with_real_keys_unless_told_to() {
    let home = Home::new();
    let (code, said) = said(&home.run(&["simulate", "--orders", "5"]));
    assert_eq!(code, 2, "{said}");
    assert!(said.contains("--sandbox 1") && said.contains("--production"), "{said}");
}
