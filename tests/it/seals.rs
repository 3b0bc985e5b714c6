//! Seals: keys, sealing on the clock, on demand and by command, and what is kept elsewhere.

use std::os::unix::fs::PermissionsExt;
use std::path::Path;
use std::process::Output;

use order_ledger::audit::anchor::{self, Anchor};
use serde_json::{Value, json};

use super::asking::home_of_all_roles;
use super::by_hand::{self, SUCCESS_JSON};
use super::log_file::LogFile;
use super::server::{Ended, Home, Server, until};

/// A home whose server seals with a fresh key.
fn home_with_a_key() -> Home {
    let home = home_of_all_roles();
    let made = home.run(&["seal", "--new-key", "seal.key"]);
    assert!(made.status.success(), "{made:?}");
    home.reconfigure(|text| text + "[seal]\nkey_file = \"seal.key\"\n");
    home
}

fn text(bytes: &[u8]) -> String {
    String::from_utf8(bytes.to_vec()).unwrap()
}

fn told(output: &Output) -> Value {
    assert!(output.status.success(), "{output:?}");
    serde_json::from_slice(&output.stdout).unwrap()
}

async fn push(server: &Server, number: &str) {
    let goods = by_hand::push_of(by_hand::GOODS, &by_hand::goods(number, 0));
    assert_eq!(server.push(&goods).await.body, SUCCESS_JSON);
}

fn anchors(file: &[u8]) -> Vec<Anchor> {
    let anchors = anchor::read(file).unwrap();
    assert!(anchors.iter().all(|anchor| anchor.verify().is_ok()), "{anchors:?}");
    assert!(anchors.windows(2).all(|pair| hex::encode(pair[1].previous_root) == pair[0].seal.root.as_str()));
    anchors
}

#[test]
fn a_new_key_is_for_its_owner_only_and_overwrites_nothing() {
    let home = Home::new();
    let file = home.folder().join("seal.key");
    let made = told(&home.run(&["seal", "--new-key", "seal.key", "--json"]));
    assert_eq!(std::fs::metadata(&file).unwrap().permissions().mode() & 0o777, 0o600);
    let key = std::fs::read_to_string(&file).unwrap();
    assert!(key.starts_with("-----BEGIN PRIVATE KEY-----\n"), "{made}");
    let again = home.run(&["seal", "--new-key", "seal.key"]);
    assert_eq!(again.status.code(), Some(2));
    let expected = "seal.key is there already and stays as it is; name another file with --new-key";
    assert!(text(&again.stderr).contains(expected), "{again:?}");
    assert_eq!(std::fs::read_to_string(&file).unwrap(), key);
    home.reconfigure(|text| text + "[seal]\nkey_file = \"seal.key\"\n");
    let checked = told(&home.run(&["config", "check", "--json"]));
    assert_eq!(checked["seal"]["public_key"], made["public_key"]);
    assert_eq!(checked["notes"], json!([]));
}

#[test]
fn a_key_file_that_is_absent_unreadable_or_no_key_stops_the_start_and_is_named_with_what_to_do() {
    let home = Home::new();
    std::fs::create_dir(home.folder().join("folder")).unwrap();
    std::fs::write(home.folder().join("wrong"), "SECRET").unwrap();
    let right = std::fs::read_to_string(home.config_file()).unwrap();
    for (file, expected) in [
        (
            "absent",
            "absent: No such file or directory (os error 2); make a key with `order-ledger seal --new-key ",
        ),
        ("folder", "folder: Is a directory (os error 21); it must be a file with a private key in PEM"),
        ("wrong", "wrong is no PEM file: it must begin with -----BEGIN PRIVATE KEY-----; make a key with "),
    ] {
        home.configure(&format!("{right}[seal]\nkey_file = \"{file}\"\n"));
        let started = Server::try_start(home.command(&["serve"]), home.folder());
        let Err(Ended { status, log }) = started else { panic!("it started") };
        assert_eq!(status.code(), Some(2));
        assert!(log.contains("seal.key_file: ") && log.contains(expected), "{log}");
        assert!(!log.contains("SECRET"), "{log}");
    }
}

#[tokio::test]
async fn a_server_seals_what_is_due_and_on_demand_for_those_who_may_and_never_tells_its_key() {
    let home = home_with_a_key();
    let server = home.serve();
    // Nothing was sealed before, so a seal is due at once.
    server.logged("the log is sealed").await;
    for (name, seals, lists) in [
        ("game", "403 role", "403 role"),
        ("support", "403 role", "403 role"),
        ("finance", "403 role", "200"),
        ("audit_demo", "403 scope", "403 scope"),
        ("audit", "200", "200"),
        ("admin", "200", "200"),
    ] {
        let client = server.client(name);
        assert_eq!(client.send("POST", "/v1/seals", &json!({})).await.outcome(), seals, "{name}");
        assert_eq!(client.get("/v1/seals").await.outcome(), lists, "{name}");
    }
    assert_eq!(server.stranger().get("/v1/seals").await.outcome(), "401 token_missing");
    let audit = server.client("audit");
    for number in ["A", "B", "C"] {
        push(&server, number).await;
        let sealed = audit.send("POST", "/v1/seals", &json!({})).await.json();
        assert_eq!(sealed["added"], 1);
        let newest = LogFile::open(&home.store()).end();
        assert_eq!(sealed["seal"]["position"], (newest - 1).to_string());
    }
    let again = audit.send("POST", "/v1/seals", &json!({})).await.json();
    assert_eq!((&again["added"], &again["seal"]["revision"]), (&json!(0), &json!(4)));
    let revisions = |page: &Value| -> Vec<u64> {
        page["seals"].as_array().unwrap().iter().map(|seal| seal["revision"].as_u64().unwrap()).collect()
    };
    let page = audit.get("/v1/seals?limit=3").await.json();
    assert_eq!((revisions(&page), &page["next"]), (vec![4, 3, 2], &json!({"before": "2"})));
    assert_eq!(page["seals"][0], again["seal"]);
    assert_eq!(page["seals"][0]["previous_root"], page["seals"][1]["root"]);
    let last = audit.get("/v1/seals?limit=3&before=2").await.json();
    assert_eq!((revisions(&last), &last["next"]), (vec![1], &json!(null)));
    assert_eq!(last["seals"][0]["previous_root"], "0".repeat(64));
    for wrong in ["limit=0", "limit=501", "before=0", "before=x", "after=1"] {
        assert_eq!(audit.get(&format!("/v1/seals?{wrong}")).await.outcome(), "422 parameter", "{wrong}");
    }
    let metrics = text(&server.client("admin").get("/metrics").await.body);
    let count = &again["seal"]["count"];
    assert!(metrics.contains(&format!("order_ledger_sealed_events {count}\n")), "{metrics}");
    assert!(metrics.contains("order_ledger_seal_timestamp_seconds "), "{metrics}");
    let log = server.log();
    let root = again["seal"]["root"].as_str().unwrap();
    assert!(log.contains(&format!("root={root}")), "{log}");
    let key = std::fs::read_to_string(home.folder().join("seal.key")).unwrap();
    assert!(!log.contains(key.lines().nth(1).unwrap()), "{log}");
    assert!(server.terminate().success());
}

#[tokio::test]
async fn seals_are_made_with_and_without_a_server_and_kept_elsewhere_as_lines() {
    let home = home_with_a_key();
    let sealed = told(&home.run(&["seal", "--json"]));
    assert_eq!(sealed, json!({"added": 0, "seal": null}), "nothing is recorded yet");
    let server = home.serve();
    server.logged("the log is sealed").await;
    push(&server, "A").await;
    let through_the_server =
        home.command(&["seal", "--json"]).env("ORDER_LEDGER_TOKEN", "olt_audit").output();
    assert_eq!(told(&through_the_server.unwrap())["seal"]["revision"], 2);
    let refused = home.command(&["seal"]).env("ORDER_LEDGER_TOKEN", "olt_finance").output().unwrap();
    assert_eq!(refused.status.code(), Some(2));
    assert!(text(&refused.stderr).contains("needs audit or admin"), "{refused:?}");
    push(&server, "B").await;
    assert!(server.terminate().success());
    let alone = home.run(&["seal"]);
    assert!(text(&alone.stdout).starts_with("seal 3 covers "), "{alone:?}");
    let again = text(&home.run(&["seal"]).stdout);
    assert!(again.starts_with("nothing new since seal 3, of ") && again.contains("+08:00"), "{again}");

    let exported = home.run(&["seal", "--export"]);
    let all = anchors(&exported.stdout);
    assert_eq!(all.iter().map(|anchor| anchor.seal.revision).collect::<Vec<_>>(), [1, 2, 3]);
    let newest = anchors(&home.run(&["seal", "--export", "-", "--newest"]).stdout);
    assert_eq!(newest, all[2..]);
    let told = home.run(&["seal", "--export", "anchors.jsonl"]);
    assert!(text(&told.stderr).contains("anchors.jsonl: 3 seals"), "{told:?}");
    let file = home.folder().join("anchors.jsonl");
    assert_eq!(std::fs::read(&file).unwrap(), exported.stdout);
    let only_newest = |name: &str| home.run(&["seal", "--newest", "--export", name]);
    let refused = only_newest("anchors.jsonl");
    assert_eq!(refused.status.code(), Some(2), "{refused:?}");
    assert!(
        text(&refused.stderr).contains("it holds 3 seals, of which --newest would leave one"),
        "{refused:?}"
    );
    assert_eq!(std::fs::read(&file).unwrap(), exported.stdout, "the file stays as it is");
    for _ in 0..2 {
        assert!(text(&only_newest("newest.jsonl").stderr).contains("newest.jsonl: 1 seal\n"));
    }
}

#[tokio::test]
async fn without_a_key_nothing_is_sealed_and_it_is_said_how_to_get_one() {
    let home = home_of_all_roles();
    let alone = home.run(&["seal"]);
    assert_eq!(alone.status.code(), Some(2));
    assert!(text(&alone.stderr).contains("seal.key_file: no key is configured; make one with "), "{alone:?}");
    assert!(text(&home.run(&["config", "check"]).stdout).contains("note: the log is not sealed: "));
    let server = home.serve();
    let audit = server.client("audit");
    assert_eq!(audit.send("POST", "/v1/seals", &json!({})).await.outcome(), "409 not_sealing");
    let none = audit.get("/v1/seals").await.json();
    assert_eq!((&none["seals"], &none["next"]), (&json!([]), &json!(null)));
    assert!(!text(&audit.get("/metrics").await.body).contains("order_ledger_seal"));
    assert_eq!(server.complaints(), Vec::<String>::new());
    // As alone: it could not run.
    let through_the_server = home.command(&["seal"]).env("ORDER_LEDGER_TOKEN", "olt_audit").output().unwrap();
    assert_eq!(through_the_server.status.code(), Some(2), "{through_the_server:?}");
    assert!(text(&through_the_server.stderr).contains("configure seal.key_file"), "{through_the_server:?}");
    assert!(server.terminate().success());
    let exported = home.run(&["seal", "--export"]);
    assert!(exported.status.success() && exported.stdout.is_empty());
    assert!(text(&exported.stderr).contains("the log has no seal yet: order-ledger seal"), "{exported:?}");
}

#[tokio::test]
async fn an_export_never_overwrites_what_the_log_does_not_have_nor_a_file_of_another_kind() {
    let home = home_with_a_key();
    let whole = home.folder().join("whole.db");
    for number in ["A", "B", "C"] {
        let server = home.serve();
        push(&server, number).await;
        assert!(server.terminate().success());
        assert!(home.run(&["seal"]).status.success());
        if number == "B" {
            // Where somebody goes back to.
            assert!(
                rusqlite::Connection::open(home.store())
                    .unwrap()
                    .execute("VACUUM INTO ?1", [whole.to_str()])
                    .is_ok()
            );
        }
    }
    let file = home.folder().join("anchors.jsonl");
    let export = || home.run(&["seal", "--export", "anchors.jsonl"]);
    assert!(export().status.success());
    assert!(export().status.success(), "the log has all that stands there");
    let kept = std::fs::read(&file).unwrap();
    let newest = anchors(&kept).last().unwrap().seal.revision;
    remove_what_is_beside(&home.store());
    std::fs::copy(&whole, home.store()).unwrap();
    let refused = export();
    assert_eq!(refused.status.code(), Some(1), "{refused:?}");
    let told = text(&refused.stderr);
    assert!(told.contains("and the log has no seal ") && told.contains("was cut off or replaced"), "{told}");
    assert!(told.contains("verify --anchor anchors.jsonl"), "{told}");
    assert_eq!(std::fs::read(&file).unwrap(), kept);
    // It goes on another way, until it has as many seals.
    let server = home.serve();
    push(&server, "D").await;
    assert!(server.terminate().success());
    assert!(home.run(&["seal"]).status.success());
    let refused = export();
    assert_eq!(refused.status.code(), Some(1), "{refused:?}");
    let told = text(&refused.stderr);
    assert!(told.contains("of the log is another one"), "{told}");
    assert_eq!(std::fs::read(&file).unwrap(), kept);
    assert!(newest > 2);
    // Elsewhere it is written.
    assert!(home.run(&["seal", "--export", "others.jsonl"]).status.success());
    for other in ["a report\n", "{}\n", "{\"log_id\":1}"] {
        std::fs::write(&file, other).unwrap();
        let refused = export();
        assert_eq!(refused.status.code(), Some(2), "{refused:?}");
        let told = text(&refused.stderr);
        assert!(told.contains("anchors.jsonl: line 1: ") && told.contains("stays as it is"), "{told}");
        assert_eq!(std::fs::read(&file).unwrap(), other.as_bytes());
    }
}

/// What SQLite keeps beside a log that was not closed for good.
fn remove_what_is_beside(log: &Path) {
    for ending in ["-wal", "-shm"] {
        let beside = format!("{}{ending}", log.display());
        assert!(
            std::fs::remove_file(beside)
                .map_or_else(|error| error.kind() == std::io::ErrorKind::NotFound, |()| true)
        );
    }
}

#[tokio::test]
async fn a_log_that_was_altered_is_not_sealed_and_raises_an_alarm() {
    let home = home_with_a_key();
    home.reconfigure(|text| text.replace("key_file", "# key_file"));
    assert!(home.serve().terminate().success());
    forge_a_seal(&home.store());
    home.reconfigure(|text| text.replace("# key_file", "key_file"));
    let server = home.serve();
    until("the alarm is raised", || server.log().contains("alarm=\"seal\"")).await;
    let told = server.log();
    let expected = "the event at position 1 is not the seal 1";
    assert!(told.contains(expected), "{told}");
    // Pushes come in all the same.
    push(&server, "A").await;
    let asked = server.client("audit").send("POST", "/v1/seals", &json!({})).await;
    assert_eq!(asked.outcome(), "500 internal");
}

/// Of the first event.
fn forge_a_seal(log: &Path) {
    let file = rusqlite::Connection::open(log).unwrap();
    let sql = "UPDATE events SET stream = 'seal-ledger' WHERE position = 1";
    assert_eq!(file.execute(sql, []).unwrap(), 1);
}
