//! Logs whose positions ascend and are no counts, as another store numbers them: they are verified like any other, and
//! what was altered in them is found.

use std::collections::BTreeSet;
use std::num::NonZeroUsize;
use std::path::Path;

use order_ledger::audit::verify::{Finding, Kind, Plan, State, Told, Verified, verify};
use order_ledger::store::sqlite::Readers;
use order_ledger::store::{Position, RecordedEvent, StreamName};

use super::sealed::{ByHand, SEALS, Sealed};
use super::server::Home;

async fn spread() -> Sealed {
    Sealed::new(Home::new().app()).await.spread().await
}

async fn run(path: &Path, plan: Plan) -> (Verified, Vec<State>) {
    let mut states = vec![];
    let mut told = |told| {
        if let Told::Reached(state) = told {
            states.push(*state);
        }
    };
    let verified = verify(&Readers::open(path).unwrap(), plan, &mut told).await.unwrap();
    (verified, states)
}

/// Verifies all of it, goes on behind each seal, and from each position on.
async fn is_sound(sealed: &Sealed, path: &Path, events: &[RecordedEvent]) {
    let page_events = NonZeroUsize::new(3);
    let (whole, states) = run(path, Plan { page_events, ..sealed.plan() }).await;
    assert_eq!(whole.findings.listed(), []);
    assert_eq!(whole.notes, [""; 0]);
    assert_eq!((whole.events, whole.segments), (events.len() as u64, SEALS));
    let proven = |verified: &Verified| {
        let anchored = verified.anchored.as_ref().unwrap();
        (anchored.met, anchored.newest.clone(), anchored.not_yet_proven)
    };
    assert_eq!(proven(&whole).0, SEALS);
    assert_eq!(states.len() as u64, SEALS);
    for state in states {
        let (again, _) = run(path, Plan { resume: Some(state), ..sealed.plan() }).await;
        assert_eq!((again.findings.listed(), proven(&again)), (&[][..], proven(&whole)));
        assert_eq!((again.events, again.segments), (whole.events, whole.segments));
    }
    for (index, event) in events.iter().enumerate().skip(1) {
        let (part, _) = run(path, Plan { from: Some(event.position), ..sealed.plan() }).await;
        let begun = sealed.anchors.iter().filter(|anchor| anchor.seal.count < index as u64).count() as u64;
        assert_eq!(part.findings.listed(), [], "from {}", event.position);
        assert_eq!(part.segments, SEALS.saturating_sub(begun + 1), "from {}", event.position);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_log_whose_positions_are_no_counts_is_verified_like_any_other_and_so_is_its_copy_elsewhere() {
    let sealed = spread().await;
    let events = sealed.events();
    let first = &sealed.anchors[0].seal;
    assert!(first.position > 10 * first.count, "{first:?}");
    is_sound(&sealed, &sealed.path(), &events).await;
    let elsewhere = sealed.folder.path().join("elsewhere.db");
    sealed.moved(&elsewhere, |position| position * 3 - 7).await;
    let moved = |event: &RecordedEvent| {
        let position = Position::from_number(event.position.number() * 3 - 7);
        RecordedEvent { position, ..event.clone() }
    };
    is_sound(&sealed, &elsewhere, &events.iter().map(moved).collect::<Vec<_>>()).await;
}

/// Of the first segment, by its number from 0.
type Alteration = fn(&ByHand, &[RecordedEvent]);

fn delete(log: &ByHand, events: &[RecordedEvent]) {
    events.iter().for_each(|event| log.delete(event.position.number()));
}

#[tokio::test(flavor = "multi_thread")]
async fn what_was_altered_in_such_a_log_is_found_and_nothing_else_is_called_altered() {
    let sealed = spread().await;
    let events = sealed.events();
    let alterations: [(Alteration, &[Kind]); 6] = [
        (
            |log, events| {
                let event = &events[1];
                log.put(&RecordedEvent { data: event.data.replace("oTest", "oEve"), ..event.clone() });
            },
            &[Kind::DataAltered, Kind::SignatureContradicted, Kind::SegmentAltered],
        ),
        (|log, events| delete(log, &events[4..5]), &[Kind::SegmentAltered, Kind::SealMisplaced]),
        // More than are supposed to have gone where nothing else tells.
        (|log, events| delete(log, &events[1..11]), &[Kind::SegmentAltered, Kind::SealMisplaced]),
        (
            |log, events| {
                let stream = StreamName("order-demo.FORGED".into());
                let position = Position::from_number(events[4].position.number() + 1);
                log.insert(&RecordedEvent { stream, version: 0, position, ..events[4].clone() });
            },
            &[Kind::DataAltered, Kind::SignatureContradicted, Kind::SegmentAltered, Kind::SealMisplaced],
        ),
        (
            |log, events| {
                let [one, other] = [&events[2], &events[9]];
                log.delete(one.position.number());
                log.put(&RecordedEvent { position: other.position, ..one.clone() });
                log.insert(&RecordedEvent { position: one.position, ..other.clone() });
            },
            &[Kind::SegmentAltered],
        ),
        (|log, events| delete(log, &events[2..]), &[Kind::TailCut]),
    ];
    for (number, (alter, kinds)) in alterations.into_iter().enumerate() {
        let path = sealed.folder.path().join(format!("altered-{number}.db"));
        let log = sealed.copied(&path);
        alter(&log, &events);
        drop(log);
        let verified = sealed.verified(&path).await;
        let found: BTreeSet<Kind> = verified.findings.counts().keys().copied().collect();
        let follows = [Kind::VersionGap, Kind::VersionOrder];
        let expected: BTreeSet<Kind> = kinds.iter().copied().collect();
        let listed = verified.findings.listed();
        assert!(expected.is_subset(&found), "{number}: {listed:?}");
        assert!(found.difference(&expected).all(|kind| follows.contains(kind)), "{number}: {listed:?}");
        let altered = |finding: &&Finding| finding.kind == Kind::SegmentAltered;
        assert!(listed.iter().filter(altered).all(|finding| finding.what.contains("seal 1 ")), "{listed:?}");
    }
}

/// Where the store counts by itself, behind the copied part, a position that is missing is named.
#[tokio::test(flavor = "multi_thread")]
async fn behind_what_was_copied_a_position_that_is_missing_is_named() {
    let sealed = spread().await;
    let path = sealed.folder.path().join("gap.db");
    let log = sealed.copied(&path);
    let position = sealed.anchors[2].seal.position;
    log.delete(position);
    drop(log);
    let verified = sealed.verified(&path).await;
    let gap = verified.findings.listed().iter().find(|finding| finding.kind == Kind::PositionGap);
    assert_eq!(gap.unwrap().position, Some(position));
}

/// A walk that steps through the numbers would not end.
#[tokio::test(flavor = "multi_thread")]
async fn an_event_far_behind_the_others_that_cannot_be_read_is_stepped_over() {
    let sealed = Sealed::new(Home::new().app()).await;
    let path = sealed.folder.path().join("far.db");
    let log = sealed.copied(&path);
    let (last, far) = (sealed.count() + 2, 4_000_000_000_000_000_000);
    log.run(&format!(
        "UPDATE events SET position = {far}, data = CAST(x'ff' AS TEXT) WHERE position = {last}"
    ));
    drop(log);
    let verified = sealed.verified(&path).await;
    let listed = verified.findings.listed();
    let found: Vec<_> = listed.iter().map(|finding| (finding.kind, finding.position)).collect();
    assert_eq!(found, [(Kind::PositionGap, Some(last)), (Kind::Unreadable, Some(far))], "{listed:?}");
    assert_eq!(verified.events, sealed.count() + 2);
}
