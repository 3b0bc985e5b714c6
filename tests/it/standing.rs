//! Where events stand among seals, where positions are counts and where they are none: what `history` says of it, and
//! packs that are made of such logs.

use std::collections::BTreeSet;
use std::path::Path;
use std::sync::Arc;

use async_trait::async_trait;
use order_ledger::audit::seals::Seals;
use order_ledger::audit::standing::{self, Stand};
use order_ledger::store::sqlite::Readers;
use order_ledger::store::{Fault, Position, RecordedEvent, StreamName};
use serde_json::Value;

use super::bills::home_of_a_merchant;
use super::by_hand::{GOODS, goods, push_of};
use super::finance_api::serving;
use super::history::{known, with_a_long_story};
use super::pack::{anchors, done, files, kept_anchors, seal, unpacked, verified};
use super::pack_script::python;
use super::sealed::{ByHand, Sealed, key, written};
use super::server::Home;
use super::through::{Before, Read, Through};

fn home() -> Home {
    let public = key(1).public();
    Home::with(|text| format!("{text}[seal]\npublic_keys = [\"{public}\"]\n"))
}

/// Puts a log where a configuration has it.
fn placed(log: &Path) -> Home {
    let home = home();
    std::fs::create_dir_all(home.store().parent().unwrap()).unwrap();
    std::fs::copy(log, home.store()).unwrap();
    home
}

/// A log that was sealed under its positions, copies of it, and copies that went on.
async fn logs() -> Vec<(&'static str, Sealed)> {
    let dense = Sealed::new(home().app()).await;
    let spread = dense.spread().await;
    let (taken_over, again) = (dense.taken_over().await, spread.taken_over().await);
    let mut logs = vec![];
    for (name, sealed) in [("a copy elsewhere", &dense), ("a copy of a copy", &spread)] {
        let copy = Sealed {
            folder: tempfile::tempdir().unwrap(),
            app: sealed.app.clone(),
            anchors: sealed.anchors.clone(),
        };
        sealed.moved(&copy.path(), |position| position * 3 - 1).await;
        logs.push((name, copy));
    }
    let same = Sealed {
        folder: tempfile::tempdir().unwrap(),
        app: dense.app.clone(),
        anchors: dense.anchors.clone(),
    };
    dense.moved(&same.path(), |position| position).await;
    let others = [
        ("a copy at the same positions", same),
        ("positions that are counts", dense),
        ("positions that are none", spread),
        ("a copy that went on", taken_over),
        ("a copy of a copy that went on", again),
    ];
    logs.extend(others);
    logs
}

#[tokio::test(flavor = "multi_thread")]
async fn each_event_is_counted_and_covered_by_the_first_seal_that_counts_as_many_whatever_its_position() {
    for (name, sealed) in logs().await {
        let log = Readers::open(&sealed.path()).unwrap();
        let seals = Seals::read(&log).await.unwrap();
        let positions: BTreeSet<_> = sealed.events().iter().map(|event| event.position).collect();
        let covering = |ordinal| sealed.anchors.iter().position(|anchor| anchor.seal.count >= ordinal);
        let stand = |(ordinal, position)| (position, Stand { ordinal, seal: covering(ordinal) });
        let expected: Vec<_> = (1..).zip(positions.iter().copied()).map(stand).collect();
        assert!(expected.iter().any(|(_, stand)| stand.seal.is_none()), "{name}");
        let stands = standing::of(&log, &seals, &positions).await.unwrap();
        assert_eq!(stands.into_iter().collect::<Vec<_>>(), expected, "{name}");
        let sealed_ones: Vec<_> =
            expected.iter().filter_map(|(at, stand)| Some((*at, stand.seal?))).collect();
        let covered = standing::covered(&log, &seals, &positions).await.unwrap();
        assert_eq!(covered.into_iter().collect::<Vec<_>>(), sealed_ones, "{name}");
        // Also where nothing before it has been looked at.
        for (position, stand) in expected {
            let only = BTreeSet::from([position]);
            let found = standing::of(&log, &seals, &only).await.unwrap();
            assert_eq!(found[&position], stand, "{name}: {position}");
            let covered = standing::covered(&log, &seals, &only).await.unwrap();
            assert_eq!(covered.get(&position).copied(), stand.seal, "{name}: {position}");
        }
    }
}

/// Of a log nothing is read but its seals, and what stands behind a position.
struct OnlyBehind(Option<Position>);

#[async_trait]
impl Before for OnlyBehind {
    async fn before(&self, read: Read) -> Result<(), Fault> {
        match read {
            Read::Stream => Ok(()),
            Read::All { after, .. } if self.0.is_some() && after >= self.0 => Ok(()),
            Read::All { .. } | Read::Category | Read::Versions | Read::NextPosition | Read::Last => {
                Err(Fault::Slow)
            }
        }
    }
}

fn seen(log: &Path, behind: Option<Position>) -> Through<Readers, OnlyBehind> {
    Through { store: Arc::new(Readers::open(log).unwrap()), before: OnlyBehind(behind) }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_log_that_sealed_itself_is_not_read_to_say_which_seal_covers_an_event() {
    let dense = Sealed::new(home().app()).await;
    let spread = dense.spread().await;
    for (sealed, counts_are_known) in [(&dense, true), (&spread, false)] {
        let log = seen(&sealed.path(), None);
        let seals = Seals::read(&log).await.unwrap();
        let positions: BTreeSet<_> = sealed.events().iter().map(|event| event.position).collect();
        let covered = standing::covered(&log, &seals, &positions).await.unwrap();
        assert_eq!(covered.len() as u64, sealed.count());
        assert_eq!(standing::of(&log, &seals, &positions).await.is_ok(), counts_are_known);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn of_a_copy_that_keeps_positions_only_the_segment_is_read_that_is_asked_for() {
    let sealed = Sealed::new(home().app()).await;
    let copy = sealed.folder.path().join("copy.db");
    sealed.moved(&copy, |position| position).await;
    let [.., before, newest] = sealed.anchors.as_slice() else { panic!() };
    let behind = Some(Position::from_number(before.seal.position));
    let log = seen(&copy, behind);
    let seals = Seals::read(&log).await.unwrap();
    for (ordinal, seal) in
        [(before.seal.count + 2, Some(4)), (newest.seal.count, Some(4)), (newest.seal.count + 2, None)]
    {
        let position = Position::from_number(ordinal);
        let only = BTreeSet::from([position]);
        assert_eq!(standing::of(&log, &seals, &only).await.unwrap()[&position], Stand { ordinal, seal });
        assert_eq!(standing::covered(&log, &seals, &only).await.unwrap().get(&position).copied(), seal);
    }
    let earlier = BTreeSet::from([Position::from_number(before.seal.position)]);
    assert_eq!(standing::covered(&log, &seals, &earlier).await, Err(Fault::Slow));
}

/// Orders of the log: in the first segment, in one between, in the newest, and not sealed; with the seal, if any.
const SPREAD: [(&str, Option<u64>); 4] =
    [("N0-1", Some(1)), ("S1-0", Some(3)), ("S3-1", Some(5)), ("S4-1", None)];
const TAKEN_OVER: [(&str, Option<u64>); 6] = [
    ("N0-1", Some(1)),
    ("N3-0", Some(4)),
    ("UNSEALED", Some(6)),
    ("T1-0", Some(8)),
    ("T3-1", Some(10)),
    ("T4-1", None),
];

fn packed(home: &Home, id: &str) -> (i32, std::path::PathBuf) {
    let pack = home.folder().join("pack.zip");
    let output = home.run(&["history", id, "--log-only", "--pack", pack.to_str().unwrap()]);
    (output.status.code().unwrap(), pack)
}

/// Its lines of events.jsonl.
fn events(pack: &Path) -> Vec<Value> {
    let files = files(pack);
    let text = String::from_utf8(files["events.jsonl"].clone()).unwrap();
    text.lines().map(|line| serde_json::from_str(line).unwrap()).collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn history_names_the_seal_and_a_pack_verifies_in_logs_whose_positions_are_no_counts() {
    let spread = Sealed::new(home().app()).await.spread().await;
    let taken_over = Sealed::new(home().app()).await.taken_over().await;
    for (sealed, orders) in [(&spread, &SPREAD[..]), (&taken_over, &TAKEN_OVER)] {
        let home = placed(&sealed.path());
        let all = sealed.events();
        for (id, seal) in orders {
            let (code, known) = known(&home, id, &["--log-only"]);
            assert_eq!(code, 0, "{id}: {known:#}");
            let shown = known["events"].as_array().unwrap();
            let revisions: Vec<_> = shown.iter().map(|event| event["seal"]["revision"].as_u64()).collect();
            assert!(
                !shown.is_empty() && revisions.iter().all(|revision| revision == seal),
                "{id}: {known:#}"
            );
            let (code, pack) = packed(&home, id);
            assert_eq!(code, 0, "{id}");
            for event in events(&pack) {
                let ordinal = usize::try_from(event["ordinal"].as_u64().unwrap()).unwrap();
                let stands = &all[ordinal - 1];
                assert_eq!(event["position"], stands.position.number(), "{id}");
                assert_eq!(event["id"], stands.id.to_string(), "{id}");
            }
            let anchors = home.folder().join("anchors.jsonl");
            done(&home, &["seal", "--export", anchors.to_str().unwrap()]);
            let root = sealed.anchors.last().unwrap().seal.root.to_string();
            let args = ["--root", &root, "--anchor", anchors.to_str().unwrap()];
            let (found, said) = verified(unpacked(&pack).path(), &args, "");
            let expected = if seal.is_some() { 0 } else { 3 };
            assert_eq!(found, expected, "{id}: {said}");
            let words = match seal {
                Some(_) => format!("{} events stand in 1 segments where they must", shown.len()),
                None => "not sealed yet, so nothing proves when they were written".to_owned(),
            };
            assert!(said.contains(&words), "{id}: {said}");
        }
    }
}

/// Of another's event in the same segment.
type Alteration = fn(&ByHand, &RecordedEvent);

#[tokio::test(flavor = "multi_thread")]
async fn a_segment_of_such_a_log_that_was_altered_makes_a_pack_that_does_not_verify() {
    let alterations: [(&str, Alteration); 3] = [
        ("changed", |log, event| {
            let metadata = event.metadata.replace("plain", "encrypted");
            log.put(&RecordedEvent { metadata, ..event.clone() });
        }),
        ("deleted", |log, event| log.delete(event.position.number())),
        ("inserted", |log, event| {
            let position = Position::from_number(event.position.number() + 1);
            let stream = StreamName("order-demo.FORGED".into());
            log.insert(&RecordedEvent { position, stream, version: 0, ..event.clone() });
        }),
    ];
    let spread = Sealed::new(home().app()).await.spread().await;
    let taken_over = Sealed::new(home().app()).await.taken_over().await;
    for (sealed, id, other) in
        [(&spread, "N0-1", "order-demo.N0-2"), (&taken_over, "N1-3", "order-demo.N1-0")]
    {
        for (what, alter) in alterations {
            let home = placed(&sealed.path());
            let events = sealed.events();
            let event = events.iter().find(|event| event.stream.as_str() == other).unwrap();
            alter(&ByHand::open(&home.store()), event);
            let (code, pack) = packed(&home, id);
            assert_eq!(code, 1, "{what}");
            let root = sealed.anchors.last().unwrap().seal.root.to_string();
            let (found, said) = verified(unpacked(&pack).path(), &["--root", &root], "");
            assert_eq!(found, 1, "{what}: {said}");
        }
    }
}

/// An order with bills, a refund and a case, in a log that another store began and this one goes on with.
#[tokio::test(flavor = "multi_thread")]
async fn a_whole_story_in_such_a_log_is_packed_with_its_bill_and_every_changed_byte_is_found() {
    let began = home_of_a_merchant();
    assert!(with_a_long_story(&began).await.terminate().success());
    let home = home_of_a_merchant();
    std::fs::create_dir_all(home.store().parent().unwrap()).unwrap();
    let story = ByHand::open(&began.store()).events();
    written(&home.store(), story.into_iter(), |position| position * 700 + 13).await;
    seal(&home);
    let server = serving(&home).await;
    assert_eq!(server.push(&push_of(GOODS, &goods("AFTER", 0))).await.code(), 0);
    assert!(server.terminate().success());
    seal(&home);
    let pack = home.folder().join("pack.zip");
    done(&home, &["history", "TDEAR", "--pack", pack.to_str().unwrap()]);
    let root = anchors(&home).last().unwrap()["root"].as_str().unwrap().to_owned();
    let (code, said) = verified(unpacked(&pack).path(), &["--root", &root], "");
    assert_eq!(code, 0, "{said}");
    assert!(said.contains("2 bill lines, each of a file that an event names"), "{said}");
    assert!(said.contains("1 cases"), "{said}");
    // Where people look, positions are told.
    let (code, known) = known(&home, "TDEAR", &[]);
    assert_eq!(code, 0, "{known:#}");
    let position = known["cases"][0]["events"][0].to_string();
    let shown = known["events"].as_array().unwrap();
    assert!(shown.iter().any(|event| event["position"] == position.as_str()), "{known:#}");
    let (kept, seed) = (kept_anchors(&home).display().to_string(), rand::random::<u32>().to_string());
    let script = include_str!("pack_mutations.py");
    let output = python(&["-c", script, pack.to_str().unwrap(), &root, &kept, &seed], "");
    let told = String::from_utf8(output.stdout).unwrap();
    assert!(output.status.success(), "seed {seed}: {told}");
    let tried = told.strip_suffix(" changes tried\n").map(str::parse::<u32>);
    assert!(matches!(tried, Some(Ok(10_000..))), "seed {seed}: {told}");
}
