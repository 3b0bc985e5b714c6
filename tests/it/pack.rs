//! Audit packs: what is in them, and that their script verifies them with Python alone and finds every change.

use std::collections::BTreeMap;
use std::io::Read;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};

use serde_json::Value;

use super::bill_text::{BillRow, MERCHANT, all, paid_for};
use super::bills::home_of_a_merchant;
use super::by_hand::{GOODS, goods, push_of, without};
use super::history::with_a_long_story;
use super::pack_script::python;
use super::server::{Home, PRODUCTION_KEY, SANDBOX_KEY};

/// Seals all that the log has. The server has no key, so that it does not seal meanwhile.
pub fn seal(home: &Home) {
    let key = home.folder().join("seal.key");
    if !key.exists() {
        done(home, &["seal", "--new-key", key.to_str().unwrap()]);
    }
    let output = home.command(&["seal"]).env("ORDER_LEDGER__SEAL__KEY_FILE", key).output().unwrap();
    assert!(output.status.success(), "{output:?}");
}

pub fn done(home: &Home, args: &[&str]) -> String {
    let output = home.run(args);
    let told = String::from_utf8_lossy(&[output.stdout, output.stderr].concat()).into_owned();
    assert_eq!(output.status.code(), Some(0), "{args:?}: {told}");
    told
}

/// The log of one order's story, sealed three times: in the middle, at its end, and after other orders.
async fn sealed_story() -> Home {
    let home = home_of_a_merchant();
    let server = home.serve();
    for number in ["BEFORE-1", "BEFORE-2"] {
        assert_eq!(server.push(&push_of(GOODS, &goods(number, 0))).await.code(), 0);
    }
    assert!(server.terminate().success());
    seal(&home);
    let server = with_a_long_story(&home).await;
    assert!(server.terminate().success());
    seal(&home);
    let server = home.serve();
    assert_eq!(server.push(&push_of(GOODS, &goods("AFTER", 0))).await.code(), 0);
    assert!(server.terminate().success());
    seal(&home);
    home
}

/// The pack of an id, and the root of the newest seal.
fn packed(home: &Home, id: &str) -> (PathBuf, String) {
    let pack = home.folder().join("pack.zip");
    done(home, &["history", id, "--pack", pack.to_str().unwrap()]);
    (pack, anchors(home).last().unwrap()["root"].as_str().unwrap().to_owned())
}

pub fn anchors(home: &Home) -> Vec<Value> {
    let exported = home.run(&["seal", "--export"]).stdout;
    let exported = String::from_utf8(exported).unwrap();
    exported.lines().map(|line| serde_json::from_str(line).unwrap()).collect()
}

/// All seals, exported to a file.
pub fn kept_anchors(home: &Home) -> PathBuf {
    let file = home.folder().join("anchors.jsonl");
    done(home, &["seal", "--export", file.to_str().unwrap()]);
    file
}

pub fn files(pack: &Path) -> BTreeMap<String, Vec<u8>> {
    let mut archive = zip::ZipArchive::new(std::fs::File::open(pack).unwrap()).unwrap();
    let mut files = BTreeMap::new();
    for place in 0..archive.len() {
        let mut file = archive.by_index(place).unwrap();
        let mut bytes = vec![];
        file.read_to_end(&mut bytes).unwrap();
        files.insert(file.name().unwrap().into_owned(), bytes);
    }
    files
}

pub fn unpacked(pack: &Path) -> tempfile::TempDir {
    let folder = tempfile::tempdir().unwrap();
    for (name, bytes) in files(pack) {
        let path = folder.path().join(name);
        std::fs::create_dir_all(path.parent().unwrap()).unwrap();
        std::fs::write(path, bytes).unwrap();
    }
    folder
}

/// The script of an unpacked pack: its exit code and what it said.
pub fn verified(folder: &Path, args: &[&str], typed: &str) -> (i32, String) {
    let script = folder.join("verify.py").display().to_string();
    let output = python(&[&[script.as_str()], args].concat(), typed);
    let told = String::from_utf8(output.stdout).unwrap() + &String::from_utf8(output.stderr).unwrap();
    (output.status.code().unwrap(), told)
}

#[tokio::test]
async fn a_pack_verifies_with_python_alone_against_the_published_root() {
    let home = sealed_story().await;
    let (pack, root) = packed(&home, "TDEAR");
    let folder = unpacked(&pack);
    let bill = home.folder().join("bill.csv");
    let dear = BillRow { fen: 1300, ..paid_for(5, "DEAR") };
    let anchors = anchors(&home);
    let public_key = anchors[0]["public_key"].as_str().unwrap();
    let (first, second) = (anchors[0]["root"].as_str().unwrap(), anchors[1]["root"].as_str().unwrap());
    let (key, wrong) = (format!("{PRODUCTION_KEY}\n"), "0".repeat(64));
    let kept = kept_anchors(&home);
    let lines = std::fs::read_to_string(&kept).unwrap();
    let lines: Vec<_> = lines.lines().map(str::to_owned).collect();
    let (old_line, line) = (lines[0].clone(), lines[1].clone());
    let made_at = anchors[1]["sealed_at"].as_str().unwrap();
    let (false_line, kept) = (line.replace(made_at, "2020-02-02T20:20:20.202Z"), kept.display().to_string());
    for (args, typed, code, words) in [
        (&["--root", &root, "--public-key", public_key][..], "", 0, "result: the pack verifies"),
        (&["--root", &root.to_uppercase(), "--ask-key"], &key, 0, "3 of 3 verify under the AppKeys"),
        (&["--root", second], "", 0, "it is the root of seal 2"),
        (&["--root", &root], "", 0, "is only the word of whoever signed it"),
        (&["--anchor", &kept], "", 0, "seal 3 is, in number, count of events, root, moment"),
        (&["--anchor", &line], "", 0, "seal 2 is, in number, count of events, root, moment"),
        (&["--root", &root, "--anchor", &kept, "--anchor", &line], "", 0, "result: the pack verifies"),
        // Not all is proven.
        (&[], "", 3, "--root and --anchor are missing"),
        (&["--root", &root, "--ask-key"], "\n", 3, "their keys were left out"),
        // Wrong, or wrongly used.
        (&["--root", first], "", 3, "it is older than all events here and proves none of them"),
        (&["--anchor", &old_line], "", 3, "seals 1 to 1 were kept, and this pack has seals 2 to 3"),
        (&["--anchor", &false_line], "", 1, "seal 2 is not the one that was kept: its sealed_at is "),
        (&["--root", &root, "--anchor", &false_line], "", 1, "seal 2 is not the one that was kept"),
        (&["--anchor", "{}"], "", 2, "this is no line of `order-ledger seal --export`"),
        (&["--anchor", "absent.jsonl"], "", 2, "absent.jsonl: "),
        (&["--root", &wrong], "", 1, "is that of no seal from 2 to 3"),
        (&["--root", &root, "--public-key", &wrong], "", 1, "none that --public-key names"),
        (&["--root", &root, "--ask-key"], "mistyped\n", 2, "mistyped"),
        (&["--root", "short"], "", 2, "must be 64 hex digits"),
    ] {
        let (found, told) = verified(folder.path(), args, typed);
        assert_eq!(found, code, "{args:?}: {told}");
        assert!(told.contains(words), "{args:?}: {told}");
    }
    let as_file = [pack.to_str().unwrap(), "--root", &root];
    assert_eq!(verified(folder.path(), &as_file, "").0, 0);
    let back = super::bill_text::refunded(5, "TDEAR", "50300001", 600);
    let back = BillRow { mch_order_no: "MDEAR".into(), ..back };
    for (rows, code, words) in [
        (vec![paid_for(5, "GOOD"), dear.clone(), back], 0, "line 3: `2026-01-05"),
        (vec![paid_for(5, "GOOD"), dear], 1, "no line of the pack is from that file"),
    ] {
        std::fs::write(&bill, all(&rows)).unwrap();
        let args = ["--root", &root, "--bill", bill.to_str().unwrap()];
        let (found, told) = verified(folder.path(), &args, "");
        assert_eq!(found, code, "{told}");
        assert!(told.contains(words), "{told}");
    }
}

#[tokio::test]
async fn a_pack_holds_no_key_and_of_others_only_their_digests() {
    let home = sealed_story().await;
    let (pack, _) = packed(&home, "DEAR");
    let files = files(&pack);
    let names: Vec<_> = files.keys().map(String::as_str).collect();
    assert_eq!(
        names,
        [
            "README.txt",
            "bill.json",
            "cases.json",
            "events.jsonl",
            "pack.json",
            "pack.sha256",
            "seals.jsonl",
            "segments/2.txt",
            "verify.py"
        ]
    );
    for (name, bytes) in &files {
        let text = String::from_utf8_lossy(bytes);
        for word in [PRODUCTION_KEY, SANDBOX_KEY, "BEFORE-1", "TGOOD", "TAFTER", "olt_"] {
            assert!(!text.contains(word), "{name} has {word}");
        }
    }
    assert!(String::from_utf8_lossy(&files["events.jsonl"]).contains("pay_event_sig"));
    assert!(String::from_utf8_lossy(&files["bill.json"]).contains(MERCHANT));
    let ending = |file: &str| std::fs::read(home.folder().join(file)).unwrap();
    assert_eq!(&ending("pack.zip")[..2], b"PK");
}

#[tokio::test]
async fn a_pack_is_for_its_owner_only_and_replaces_nothing_but_a_pack() {
    let home = home_of_a_merchant();
    let server = home.serve();
    assert_eq!(server.push(&push_of(GOODS, &goods("A", 0))).await.code(), 0);
    assert!(server.terminate().success());
    let pack = home.folder().join("pack.zip");
    let pack_it = |more: &[&str]| home.run(&[&["history", "A", "--pack", "pack.zip"], more].concat());
    let mode = || std::fs::metadata(&pack).unwrap().permissions().mode() & 0o777;
    assert_eq!((pack_it(&[]).status.code(), mode()), (Some(0), 0o600));
    // An earlier pack, which somebody opened to all.
    std::fs::set_permissions(&pack, std::fs::Permissions::from_mode(0o644)).unwrap();
    assert_eq!((pack_it(&[]).status.code(), mode()), (Some(0), 0o600));
    for other in ["no pack", ""] {
        std::fs::write(&pack, other).unwrap();
        let refused = pack_it(&[]);
        assert_eq!(refused.status.code(), Some(2), "{refused:?}");
        let told = String::from_utf8(refused.stderr).unwrap();
        let expected = "is there already and is no audit pack: name another file, or replace it with --force";
        assert!(told.contains(expected), "{told}");
        assert!(refused.stdout.is_empty());
        assert_eq!(std::fs::read(&pack).unwrap(), other.as_bytes());
    }
    assert_eq!((pack_it(&["--force"]).status.code(), mode()), (Some(0), 0o600));
    assert!(files(&pack).contains_key("events.jsonl"));
    let beside = std::fs::read_dir(home.folder()).unwrap();
    let beside: Vec<_> = beside.map(|file| file.unwrap().file_name()).collect();
    assert!(!beside.iter().any(|name| name.to_string_lossy().starts_with(".order-ledger-")), "{beside:?}");
}

#[tokio::test]
async fn every_single_byte_that_is_changed_left_out_or_added_is_found() {
    let home = sealed_story().await;
    let (pack, root) = packed(&home, "DEAR");
    let seed = rand::random::<u32>().to_string();
    let anchors = kept_anchors(&home).display().to_string();
    let script = include_str!("pack_mutations.py");
    let output = python(&["-c", script, pack.to_str().unwrap(), &root, &anchors, &seed], "");
    let sampled = String::from_utf8(output.stderr).unwrap();
    let told = String::from_utf8(output.stdout).unwrap();
    assert!(output.status.success(), "seed {seed}: {told}{sampled}");
    // Of the data, all.
    assert!(
        sampled.lines().all(|line| ["README.txt ", "verify.py "].iter().any(|name| line.starts_with(name)))
    );
    let tried = told.strip_suffix(" changes tried\n").map(str::parse::<u32>);
    assert!(matches!(tried, Some(Ok(15_000..))), "seed {seed}: {told}");
    // And as an auditor does it, with the files on a disk.
    for name in files(&pack).keys() {
        let folder = unpacked(&pack);
        let path = folder.path().join(name);
        let mut bytes = std::fs::read(&path).unwrap();
        let middle = bytes.len() / 2;
        // In the script, a comment: its own text is what is checked.
        let at = if name == "verify.py" { 30 } else { middle };
        bytes[at] ^= 1;
        std::fs::write(&path, bytes).unwrap();
        let (code, told) = verified(folder.path(), &["--root", &root], "");
        assert_eq!(code, 1, "{name}: {told}");
        assert!(told.contains("this pack does not verify"), "{name}: {told}");
    }
}

#[tokio::test]
async fn a_payments_ids_that_came_later_and_another_environment_verify_too() {
    let home = home_of_a_merchant();
    let server = home.serve();
    for env in [0, 1] {
        for payload in [without(goods("LATE", env), "/WeChatPayInfo"), goods("LATE", env)] {
            assert_eq!(server.push(&push_of(GOODS, &payload)).await.code(), 0);
        }
    }
    assert!(server.terminate().success());
    seal(&home);
    let (pack, root) = packed(&home, "TLATE");
    let keys = format!("{SANDBOX_KEY}\n{PRODUCTION_KEY}\n");
    let (code, told) = verified(unpacked(&pack).path(), &["--root", &root, "--ask-key"], &keys);
    assert_eq!(code, 0, "{told}");
    assert!(told.contains("4 of 4 verify under the AppKeys"), "{told}");
}

#[tokio::test]
async fn what_is_not_sealed_yet_is_packed_and_told_to_be_not_proven() {
    let home = home_of_a_merchant();
    let server = home.serve();
    assert_eq!(server.push(&push_of(GOODS, &goods("A", 0))).await.code(), 0);
    assert!(server.terminate().success());
    let pack = home.folder().join("pack.zip");
    let pack_it = || done(&home, &["history", "A", "--pack", pack.to_str().unwrap()]);
    assert!(pack_it().contains("the log has no seal"));
    let (code, told) = verified(unpacked(&pack).path(), &[], "");
    assert_eq!(code, 3, "{told}");
    assert!(told.contains("there is no seal yet"), "{told}");
    seal(&home);
    let server = home.serve();
    let game = server.client("game");
    let granted = game.send("POST", "/v1/apps/demo/orders/A/grant", &serde_json::json!({})).await;
    assert_eq!(granted.status, 200);
    assert!(server.terminate().success());
    let root = anchors(&home)[0]["root"].as_str().unwrap().to_owned();
    assert!(pack_it().contains("1 of the events is not sealed yet"));
    let (code, told) = verified(unpacked(&pack).path(), &["--root", &root], "");
    assert_eq!(code, 3, "{told}");
    assert!(told.contains("not sealed yet, so nothing proves when they were written"), "{told}");
}

#[tokio::test]
async fn a_log_that_was_altered_after_it_was_sealed_makes_a_pack_that_does_not_verify() {
    let home = sealed_story().await;
    let (_, root) = packed(&home, "DEAR");
    // Another's event in the segment of the order.
    let log = rusqlite::Connection::open(home.store()).unwrap();
    let change = "UPDATE events SET metadata = replace(metadata, 'plain', 'encrypted') WHERE stream = 'order-demo.GOOD'";
    assert_eq!(log.execute(change, []).unwrap(), 1);
    drop(log);
    let pack = home.folder().join("pack.zip");
    let output = home.run(&["history", "DEAR", "--pack", pack.to_str().unwrap()]);
    assert_eq!(output.status.code(), Some(1), "{output:?}");
    assert!(String::from_utf8_lossy(&output.stderr).contains("seal 2 ARE NOT WHAT WAS SEALED"), "{output:?}");
    let (code, told) = verified(unpacked(&pack).path(), &["--root", &root], "");
    assert_eq!(code, 1, "{told}");
    assert!(told.contains("does not hash to the segment"), "{told}");
}
