//! Seals of a small log: what they cover, that there is one chain, and what is not sealed.

use std::sync::Arc;

use tempfile::TempDir;

use super::super::anchor::{self, Anchor};
use super::*;
use crate::domain::app::AppSlug;
use crate::domain::evidence::{Evidence, Transport};
use crate::domain::push::Push;
use crate::domain::samples;
use crate::ed25519::key_file;
use crate::quota::Quotas;
use crate::store::CopyTarget;
use crate::store::StreamName;
use crate::store::sqlite::{CopyFile, Settings, SqliteStore};

fn at(minutes: i64) -> DateTime<Utc> {
    DateTime::from_timestamp_millis(1_767_225_600_123 + minutes * 60_000).unwrap()
}

fn sealer(seed: u8) -> Sealer {
    Sealer::new(SigningKey::parse(&key_file(&[seed; 32])).unwrap())
}

/// An empty log, whose folder goes with what is returned beside it.
async fn empty() -> (Ledger, TempDir) {
    let folder = tempfile::tempdir().unwrap();
    let store = SqliteStore::open(&Settings::at(folder.path().join("events.db"))).unwrap();
    (Ledger::open(Arc::new(store), Quotas::default()).await.unwrap(), folder)
}

async fn record(ledger: &Ledger, numbers: std::ops::Range<usize>) {
    for number in numbers {
        let goods = crate::domain::push::GoodsPush {
            out_trade_no: crate::domain::id::OutTradeNo::parse(&format!("N{number}")).unwrap(),
            ..samples::goods()
        };
        let evidence = Evidence {
            event: "minigame_h5_goods_deliver_notify".into(),
            payload: "{}".into(),
            signature: None,
            transport: Transport::Plain,
            create_time: None,
            received_at: at(0),
        };
        ledger.record(&AppSlug::parse("demo").unwrap(), &Push::Goods(goods), &evidence).await.unwrap();
    }
}

async fn all(ledger: &Ledger) -> Vec<RecordedEvent> {
    ledger.store().read_all(None, 1000).await.unwrap()
}

async fn anchors(ledger: &Ledger) -> Vec<Anchor> {
    anchor::of_log(ledger.store().as_ref(), 1, 1000).await.unwrap()
}

/// What the first `count` events of a log come to, made of one segment each that ends where `ends` says.
fn roots(events: &[RecordedEvent], ends: &[usize]) -> Vec<String> {
    let (mut root, mut begin, mut roots) = (NO_ROOT, 0, vec![]);
    for end in ends {
        let mut segment = Segment::default();
        events[begin..*end].iter().for_each(|event| segment.add(&chain::digest(event)));
        root = chain::root(&root, &segment.hash());
        roots.push(hex::encode(root));
        begin = *end;
    }
    roots
}

/// That the seals are one chain over the log, whoever made them, and end where it is said.
async fn is_one_chain(ledger: &Ledger, ends: &[usize]) {
    let (events, anchors) = (all(ledger).await, anchors(ledger).await);
    let sealed: Vec<_> = anchors.iter().map(|anchor| anchor.seal.root.to_string()).collect();
    assert_eq!(sealed, roots(&events, ends));
    for (revision, (anchor, end)) in (1..).zip(anchors.iter().zip(ends)) {
        let Seal { count, position, log_id, .. } = anchor.seal;
        let end = u64::try_from(*end).unwrap();
        assert_eq!((anchor.seal.revision, count, position), (revision, end, end));
        assert_eq!(log_id, ledger.store().log_id().0);
        assert!(anchor.verify().is_ok(), "{anchor:?}");
    }
}

#[tokio::test]
async fn a_seal_covers_exactly_the_events_up_to_its_position_and_the_next_those_after_it() {
    let (ledger, _folder) = empty().await;
    let sealer = sealer(1);
    record(&ledger, 0..3).await;
    let first = sealer.seal(&ledger, &|| at(1)).await.unwrap();
    assert_eq!(first.added, 1);
    let placed = first.newest.unwrap();
    assert_eq!((placed.seal.count, placed.position.number(), placed.seal.sealed_at), (3, 4, at(1)));
    is_one_chain(&ledger, &[3]).await;
    record(&ledger, 3..5).await;
    sealer.seal(&ledger, &|| at(2)).await.unwrap();
    // The first seal is an event like all others: it lies in the second segment.
    is_one_chain(&ledger, &[3, 6]).await;
    assert_eq!(sealer.newest().unwrap().count, 6);
    assert_eq!(sealer.newest().unwrap().public_key, sealer.key.public().to_string());
}

#[tokio::test]
async fn where_nothing_but_a_seal_is_new_nothing_is_sealed() {
    let (ledger, _folder) = empty().await;
    let sealer = sealer(1);
    let nothing = Sealing { added: 0, newest: None };
    assert_eq!(sealer.seal(&ledger, &|| at(0)).await.unwrap(), nothing);
    record(&ledger, 0..1).await;
    let sealed = sealer.seal(&ledger, &|| at(1)).await.unwrap();
    let again = sealer.seal(&ledger, &|| at(2)).await.unwrap();
    assert_eq!(again, Sealing { added: 0, ..sealed });
    assert_eq!(all(&ledger).await.len(), 2);
}

#[tokio::test]
async fn of_sealers_that_race_each_adds_to_one_chain_or_finds_nothing_to_do() {
    let (ledger, _folder) = empty().await;
    for round in 0..20 {
        record(&ledger, 3 * round..3 * round + 2).await;
        let (one, other) = (sealer(1), sealer(2));
        let (one, other, ()) = tokio::join!(
            one.seal(&ledger, &|| at(1)),
            other.seal(&ledger, &|| at(2)),
            record(&ledger, 3 * round + 2..3 * round + 3)
        );
        assert!((1..=3).contains(&(one.unwrap().added + other.unwrap().added)));
    }
    sealer(3).seal(&ledger, &|| at(3)).await.unwrap();
    let ends: Vec<_> = anchors(&ledger).await.iter().map(|anchor| anchor.seal.count as usize).collect();
    assert!(ends.len() >= 20 && ends.is_sorted_by(|before, after| before < after), "{ends:?}");
    is_one_chain(&ledger, &ends).await;
}

#[tokio::test]
async fn a_long_log_that_was_never_sealed_gets_several_seals_at_once() {
    let (ledger, _folder) = empty().await;
    record(&ledger, 0..8).await;
    let sealer = Sealer { events_max: 3, ..sealer(1) };
    assert_eq!(sealer.seal(&ledger, &|| at(0)).await.unwrap().added, 3);
    is_one_chain(&ledger, &[3, 6, 8]).await;
    assert_eq!(all(&ledger).await.len(), 11);
    record(&ledger, 8..9).await;
    // Before the new event stand as many seals as fill one.
    assert_eq!(sealer.seal(&ledger, &|| at(1)).await.unwrap().added, 1);
    is_one_chain(&ledger, &[3, 6, 8, 12]).await;
}

#[tokio::test]
async fn the_newest_seal_of_any_place_is_found_among_many() {
    let (ledger, _folder) = empty().await;
    let log = ledger.store().clone();
    assert_eq!(newest_seal(log.as_ref(), None).await.unwrap(), None);
    let sealer = sealer(1);
    for seals in 1..=9 {
        record(&ledger, seals..seals + 1).await;
        sealer.seal(&ledger, &|| at(0)).await.unwrap();
        for place in 0..=2 * seals {
            // Each second event is a seal.
            let newest = newest_seal(log.as_ref(), Some(Position::from_number(place as u64))).await.unwrap();
            let found = newest.map_or((0, 0), |newest| (newest.seal.revision, newest.position.number()));
            assert_eq!(found, ((place / 2) as u64, (place / 2 * 2) as u64), "{place} of {seals}");
        }
    }
    let page = anchor::of_log(log.as_ref(), 4, 3).await.unwrap();
    let revisions: Vec<_> = page.iter().map(|anchor| anchor.seal.revision).collect();
    assert_eq!(revisions, [4, 5, 6]);
    assert!(page.iter().all(|anchor| anchor.verify().is_ok()));
    assert!(anchor::of_log(log.as_ref(), 10, 3).await.unwrap().is_empty());
}

#[tokio::test]
async fn a_log_or_a_stream_of_seals_that_was_altered_is_not_sealed() {
    let (ledger, folder) = empty().await;
    record(&ledger, 0..3).await;
    let file = rusqlite::Connection::open(folder.path().join("events.db")).unwrap();
    sealer(1).seal(&ledger, &|| at(0)).await.unwrap();
    record(&ledger, 3..6).await;
    file.execute("DELETE FROM events WHERE position = 6", []).unwrap();
    let error = sealer(1).seal(&ledger, &|| at(0)).await.unwrap_err();
    let SealError::Gap { expected: 6, found } = error else { panic!("{error}") };
    assert_eq!(found.number(), 7);
    file.execute("DELETE FROM events WHERE position = 4", []).unwrap();
    let stream: StreamName = codec::seal_stream();
    file.execute("UPDATE events SET stream = ?1 WHERE position = 1", [stream.as_str()]).unwrap();
    let error = sealer(1).seal(&ledger, &|| at(0)).await.unwrap_err().to_string();
    assert!(error.contains("the event at position 1 is not the seal 1"), "{error}");
}

#[tokio::test]
async fn a_seal_is_dated_when_its_turn_has_come_and_never_before_the_seal_before_it() {
    let (ledger, _folder) = empty().await;
    let sealer = sealer(1);
    record(&ledger, 0..1).await;
    let held = sealer.turn.lock().await;
    let is_over = std::sync::atomic::AtomicBool::new(false);
    let clock = || at(if is_over.load(std::sync::atomic::Ordering::SeqCst) { 9 } else { 1 });
    let (sealed, ()) = tokio::join!(sealer.seal(&ledger, &clock), async {
        // An order that comes while somebody else seals is covered, and the seal must not be older than it.
        record(&ledger, 1..2).await;
        is_over.store(true, std::sync::atomic::Ordering::SeqCst);
        drop(held);
    });
    let seal = sealed.unwrap().newest.unwrap().seal;
    assert_eq!((seal.count, seal.sealed_at), (2, at(9)));
    record(&ledger, 2..3).await;
    let after = sealer.seal(&ledger, &|| at(5)).await.unwrap().newest.unwrap().seal;
    assert_eq!((after.revision, after.sealed_at), (2, at(9)), "the clock was put back");
}

/// The log again, with positions that say nothing of how many events there are.
async fn spread(ledger: &Ledger) -> (Ledger, TempDir) {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("events.db");
    let mut copy = CopyFile::open(&path).unwrap();
    let moved = |event: RecordedEvent| {
        let position = Position::from_number(event.position.number() * 700 + 13);
        RecordedEvent { position, ..event }
    };
    copy.append_recorded(all(ledger).await.into_iter().map(moved).collect()).await.unwrap();
    Box::new(copy).close().await;
    let store = SqliteStore::open(&Settings::at(path)).unwrap();
    (Ledger::open(Arc::new(store), Quotas::default()).await.unwrap(), folder)
}

#[tokio::test]
async fn a_log_whose_positions_are_no_counts_is_sealed_like_any_other() {
    let (source, _folder) = empty().await;
    record(&source, 0..4).await;
    let (ledger, _kept) = spread(&source).await;
    let sealer = Sealer { events_max: 3, ..sealer(1) };
    assert_eq!(sealer.seal(&ledger, &|| at(0)).await.unwrap().added, 2);
    record(&ledger, 4..6).await;
    assert_eq!(sealer.seal(&ledger, &|| at(1)).await.unwrap().added, 2);
    let (events, anchors) = (all(&ledger).await, anchors(&ledger).await);
    let ends: Vec<_> = anchors.iter().map(|anchor| anchor.seal.count as usize).collect();
    assert_eq!(ends, [3, 4, 7, 8]);
    let sealed: Vec<_> = anchors.iter().map(|anchor| anchor.seal.root.to_string()).collect();
    assert_eq!(sealed, roots(&events, &ends));
    for (anchor, end) in anchors.iter().zip(ends) {
        assert_eq!(anchor.seal.position, events[end - 1].position.number());
    }
}

#[tokio::test]
async fn a_copy_that_goes_on_by_itself_is_sealed_behind_the_seals_of_its_source() {
    let (source, _folder) = empty().await;
    record(&source, 0..4).await;
    sealer(1).seal(&source, &|| at(0)).await.unwrap();
    let (ledger, _kept) = spread(&source).await;
    record(&ledger, 4..6).await;
    assert_eq!(sealer(1).seal(&ledger, &|| at(1)).await.unwrap().added, 1);
    let (events, anchors) = (all(&ledger).await, anchors(&ledger).await);
    let sealed: Vec<_> = anchors.iter().map(|anchor| anchor.seal.root.to_string()).collect();
    assert_eq!(sealed, roots(&events, &[4, 7]));
    assert_eq!(anchors[1].seal.position, events[6].position.number());
    assert_ne!(anchors[1].seal.log_id, anchors[0].seal.log_id);
}
