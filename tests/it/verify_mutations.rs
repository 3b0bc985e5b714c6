//! A sealed log that somebody changed behind the program's back, in a thousand random ways: `verify` finds each one,
//! says what it is, and where, and calls nothing else altered.

use std::collections::BTreeSet;
use std::num::NonZeroUsize;

use order_ledger::audit::verify::{Finding, Kind, Plan, verify};
use order_ledger::codec;
use order_ledger::store::sqlite::Readers;
use order_ledger::store::{RecordedEvent, StreamName};
use rand::rngs::StdRng;
use rand::{RngExt, SeedableRng};

use super::sealed::{ByHand, SEALS, Sealed, key};
use super::server::Home;

const MUTATIONS: usize = 1_000;

#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Mutation {
    EditData,
    EditDataAndId,
    EditRecordedAt,
    EditPayload,
    EditFingerprint,
    DropSignature,
    Swap,
    Drop,
    DropAndCloseTheGap,
    Insert,
    CutTheTail,
    RenumberVersion,
    RenumberPositions,
    SealAgainWithAnotherKey,
    SealAgainWithTheSameKey,
}

use Mutation::{
    CutTheTail, Drop, DropAndCloseTheGap, DropSignature, EditData, EditDataAndId, EditFingerprint,
    EditPayload, EditRecordedAt, Insert, RenumberPositions, RenumberVersion, SealAgainWithAnotherKey,
    SealAgainWithTheSameKey, Swap,
};

const ALL: [Mutation; 15] = [
    EditData,
    EditDataAndId,
    EditRecordedAt,
    EditPayload,
    EditFingerprint,
    DropSignature,
    Swap,
    Drop,
    DropAndCloseTheGap,
    Insert,
    CutTheTail,
    RenumberVersion,
    RenumberPositions,
    SealAgainWithAnotherKey,
    SealAgainWithTheSameKey,
];

/// What must be found.
struct Expected {
    /// Each at its position.
    at: Vec<(Kind, u64)>,
    /// Wherever.
    somewhere: Vec<Kind>,
    /// What follows from it, wherever, and may be found too. Nothing else may be.
    follows: Vec<Kind>,
    /// The seals whose segments are altered, and no others.
    segments: BTreeSet<u64>,
}

impl Expected {
    fn of(segments: impl IntoIterator<Item = u64>) -> Self {
        Self { at: vec![], somewhere: vec![], follows: vec![], segments: segments.into_iter().collect() }
    }

    fn follows(mut self, kinds: &[Kind]) -> Self {
        self.follows.extend(kinds);
        self
    }

    fn at(mut self, kind: Kind, position: u64) -> Self {
        self.at.push((kind, position));
        self
    }

    fn somewhere(mut self, kind: Kind) -> Self {
        self.somewhere.push(kind);
        self
    }
}

fn is_push(event: &RecordedEvent) -> bool {
    event.event_type == "GoodsDelivered"
}

/// Says something else, as somebody would make it say.
fn edited(data: &str) -> String {
    let ways = [
        ("actual_price_fen\":", "actual_price_fen\":1"),
        ("\"by\":\"", "\"by\":\"x"),
        ("\"sealed_at\":\"2", "\"sealed_at\":\"3"),
        ("\"app_id\":\"", "\"app_id\":\"x"),
    ];
    let (from, to) = ways.into_iter().find(|(from, _)| data.contains(from)).unwrap();
    data.replacen(from, to, 1)
}

fn without_signature(metadata: &str) -> String {
    let (begin, rest) = metadata.split_once(",\"pay_event_sig\"").unwrap();
    let (_, end) = rest.split_once(",\"transport\"").unwrap();
    format!("{begin},\"transport\"{end}")
}

/// Makes one, and says what it must be found as. Positions up to an anchor's are those of events and counts alike.
fn mutate(sealed: &Sealed, log: &ByHand, mutation: Mutation, rng: &mut StdRng) -> Expected {
    let count = sealed.count();
    let is_fit = |event: &RecordedEvent| match mutation {
        EditPayload | EditFingerprint | DropSignature => is_push(event),
        // Another seal would be made of it.
        SealAgainWithAnotherKey | SealAgainWithTheSameKey => event.event_type != "LedgerSealed",
        _ => true,
    };
    let event = loop {
        let event = log.event(rng.random_range(1..=count));
        if is_fit(&event) {
            break event;
        }
    };
    let position = event.position.number();
    let expected = Expected::of([sealed.seal_of(position)]);
    match mutation {
        EditData => {
            log.put(&RecordedEvent { data: edited(&event.data), ..event.clone() });
            edited_content(&event, expected.at(Kind::DataAltered, position))
        }
        EditDataAndId => {
            let data = edited(&event.data);
            let id = codec::event_id(&event.stream, &event.event_type, &data);
            log.put(&RecordedEvent { data, id, ..event.clone() });
            edited_content(&event, expected)
        }
        EditRecordedAt => {
            let metadata = event.metadata.replacen("\"recorded_at\":\"202", "\"recorded_at\":\"203", 1);
            log.put(&RecordedEvent { metadata, ..event });
            expected
        }
        EditPayload => {
            let metadata = event.metadata.replacen("gem_60", "gem_600", 1);
            log.put(&RecordedEvent { metadata, ..event });
            expected.at(Kind::SignatureBroken, position)
        }
        EditFingerprint => {
            let metadata = event.metadata.replacen("\"key_fingerprint\":\"", "\"key_fingerprint\":\"x", 1);
            log.put(&RecordedEvent { metadata, ..event });
            expected.at(Kind::KeyMissing, position)
        }
        DropSignature => {
            log.put(&RecordedEvent { metadata: without_signature(&event.metadata), ..event });
            expected.at(Kind::SignatureMissing, position)
        }
        RenumberVersion => {
            log.put(&RecordedEvent { version: event.version + 7, ..event.clone() });
            let expected =
                expected.at(Kind::VersionGap, position).follows(&[Kind::VersionGap, Kind::VersionOrder]);
            // It says by itself which seal it is.
            if event.event_type == "LedgerSealed" {
                expected.at(Kind::SealMisplaced, position)
            } else {
                expected
            }
        }
        Swap => swap(sealed, log, &event, rng),
        Drop => {
            log.delete(position);
            dropped(&event, expected).at(Kind::PositionGap, position)
        }
        DropAndCloseTheGap => {
            log.delete(position);
            log.shift(position, -1);
            let expected = dropped(&event, expected);
            // The next seal that is intact tells of it.
            if sealed.seal_of(position) < SEALS { expected.somewhere(Kind::SealMisplaced) } else { expected }
        }
        Insert => {
            log.shift(position, 1);
            log.insert(&forged(&event));
            if sealed.seal_of(position) < SEALS { expected.somewhere(Kind::SealMisplaced) } else { expected }
        }
        CutTheTail => {
            log.run(&format!("DELETE FROM events WHERE position >= {position}"));
            Expected::of([]).at(Kind::TailCut, position - 1)
        }
        RenumberPositions => {
            log.shift(position, 3);
            Expected::of([]).at(Kind::PositionGap, position).somewhere(Kind::SealMisplaced)
        }
        SealAgainWithAnotherKey | SealAgainWithTheSameKey => seal_again(sealed, log, mutation, event),
    }
}

/// What shows by the content alone that somebody edited it.
fn edited_content(event: &RecordedEvent, expected: Expected) -> Expected {
    let position = event.position.number();
    match event.event_type.as_str() {
        "GoodsDelivered" => expected.at(Kind::SignatureContradicted, position),
        "LedgerSealed" => expected.at(Kind::SealSignature, position).at(Kind::AnchorDiffers, position),
        _ => expected,
    }
}

fn swap(sealed: &Sealed, log: &ByHand, one: &RecordedEvent, rng: &mut StdRng) -> Expected {
    let other = loop {
        let other = log.event(rng.random_range(1..=sealed.count()));
        if other.position != one.position {
            break other;
        }
    };
    let (a, b) = (one.position.number(), other.position.number());
    log.run(&format!(
        "UPDATE events SET position = -{a} WHERE position = {a};
         UPDATE events SET position = {a} WHERE position = {b};
         UPDATE events SET position = {b} WHERE position = -{a}"
    ));
    let expected = Expected::of([a, b].map(|position| sealed.seal_of(position)));
    // Either may now stand on the other side of another event of its stream.
    let expected = expected.follows(&[Kind::VersionOrder]);
    // The later version stands where the earlier one stood.
    if one.stream == other.stream { expected.at(Kind::VersionOrder, a.min(b)) } else { expected }
}

fn dropped(event: &RecordedEvent, expected: Expected) -> Expected {
    // A later version of its stream may stand.
    let expected = expected.follows(&[Kind::VersionGap]);
    match event.event_type.as_str() {
        "LedgerSealed" => expected.somewhere(Kind::AnchorDiffers).somewhere(Kind::VersionGap),
        _ => expected,
    }
}

/// Nothing shows by itself that nobody recorded it.
fn forged(like: &RecordedEvent) -> RecordedEvent {
    let (event_type, data) = ("GoodsGranted".to_owned(), "{\"by\":\"eve\"}".to_owned());
    let stream = StreamName("order-demo.FORGED".into());
    let metadata = "{\"schema\":1,\"app\":\"demo\",\"recorded_at\":\"2026-01-01T00:00:00.000Z\"}".to_owned();
    let id = codec::event_id(&stream, &event_type, &data);
    RecordedEvent { position: like.position, stream, version: 0, id, event_type, data, metadata }
}

fn seal_again(sealed: &Sealed, log: &ByHand, mutation: Mutation, event: RecordedEvent) -> Expected {
    let position = event.position.number();
    let metadata = event.metadata.replacen("\"recorded_at\":\"202", "\"recorded_at\":\"203", 1);
    log.put(&RecordedEvent { metadata, ..event });
    let from = sealed.seal_of(position);
    log.seal_again(from, &key(if mutation == SealAgainWithTheSameKey { 1 } else { 2 }));
    // Each seal that was made anew stands in the next one's segment.
    let mut expected = Expected::of(from..=SEALS);
    // It does not follow from what was exported of the seal before.
    expected.follows.push(Kind::SealMisplaced);
    for anchor in sealed.anchors.iter().filter(|anchor| anchor.seal.revision >= from) {
        let at = log
            .events()
            .into_iter()
            .find(|event| event.event_type == "LedgerSealed" && event.version + 1 == anchor.seal.revision);
        let at = at.unwrap().position.number();
        expected = expected.at(Kind::AnchorDiffers, at);
        if mutation == SealAgainWithAnotherKey {
            expected = expected.at(Kind::SealKeyUnknown, at);
        }
    }
    expected
}

/// The seals whose segments are said to be altered.
fn altered(listed: &[Finding]) -> BTreeSet<u64> {
    let seal_in = |finding: &Finding| {
        let words: Vec<_> = finding.what.split_whitespace().collect();
        let at = words.iter().position(|word| *word == "seal").unwrap();
        words[at + 1].parse::<u64>().unwrap()
    };
    listed.iter().filter(|finding| finding.kind == Kind::SegmentAltered).map(seal_in).collect()
}

/// All that is expected, but for what is not asked for.
fn is_found(listed: &[Finding], expected: &Expected, asked: fn(Kind) -> bool) -> Result<(), String> {
    let has = |is: &dyn Fn(&Finding) -> bool| listed.iter().any(is);
    for (kind, position) in expected.at.iter().filter(|(kind, _)| asked(*kind)) {
        if !has(&|finding| finding.kind == *kind && finding.position == Some(*position)) {
            return Err(format!("{kind:?} at {position} is not found"));
        }
    }
    for kind in expected.somewhere.iter().filter(|kind| asked(**kind)) {
        if !has(&|finding| finding.kind == *kind) {
            return Err(format!("{kind:?} is not found"));
        }
    }
    Ok(())
}

/// Nothing is found but what is expected and what follows from it.
fn is_all(listed: &[Finding], expected: &Expected) -> Result<(), String> {
    for finding in listed {
        let is_expected = finding.kind == Kind::SegmentAltered
            || expected.somewhere.contains(&finding.kind)
            || expected.follows.contains(&finding.kind)
            || expected.at.iter().any(|(kind, at)| finding.kind == *kind && finding.position == Some(*at));
        if !is_expected {
            return Err(format!("{finding:?} is found and does not follow"));
        }
    }
    let altered = altered(listed);
    if altered == expected.segments {
        Ok(())
    } else {
        Err(format!("segments {altered:?}, not {:?}", expected.segments))
    }
}

/// Of the seals, only the newest was exported: what those before it show by themselves is found all the same.
fn is_found_by_the_newest(listed: &[Finding], expected: &Expected) -> Result<(), String> {
    if listed.is_empty() {
        return Err("nothing is found".into());
    }
    is_found(listed, expected, |kind| kind != Kind::AnchorDiffers)
}

#[tokio::test(flavor = "multi_thread")]
async fn a_thousand_random_mutations_of_a_sealed_log_are_all_found_and_named() {
    let sealed = Sealed::new(Home::new().app()).await;
    let newest = sealed.anchors[sealed.anchors.len() - 1..].to_vec();
    let mut rng = StdRng::seed_from_u64(20_260_101);
    let mut seen = BTreeSet::new();
    for number in 0..MUTATIONS {
        let mutation = ALL[number % ALL.len()];
        seen.insert(mutation);
        let path = sealed.folder.path().join(format!("mutated-{number}.db"));
        let log = sealed.copied(&path);
        let expected = mutate(&sealed, &log, mutation, &mut rng);
        drop(log);
        // A log of many pages, on pages of every size.
        let page_events = NonZeroUsize::new(rng.random_range(1..=12));
        let log = Readers::open(&path).unwrap();
        for anchors in [&sealed.anchors, &newest] {
            let plan = Plan { anchors: Some(anchors.clone()), page_events, ..sealed.plan() };
            let verified = verify(&log, plan, &mut |_| {}).await.unwrap();
            let listed = verified.findings.listed();
            let found = if anchors.len() > 1 {
                is_found(listed, &expected, |_| true).and_then(|()| is_all(listed, &expected))
            } else {
                is_found_by_the_newest(listed, &expected)
            };
            if let Err(problem) = found {
                let listed: Vec<_> = listed.iter().map(|found| format!("{found:?}")).collect();
                panic!(
                    "{number}, {mutation:?}, {page_events:?}, {} anchors: {problem}\n{}",
                    anchors.len(),
                    listed.join("\n")
                );
            }
        }
        std::fs::remove_file(&path).unwrap();
    }
    assert_eq!(seen.len(), ALL.len());
}

#[tokio::test(flavor = "multi_thread")]
async fn a_log_that_nobody_changed_has_nothing_wrong_and_its_end_is_not_yet_proven() {
    let sealed = Sealed::new(Home::new().app()).await;
    let verified = sealed.verified(&sealed.path()).await;
    assert_eq!(verified.findings.listed(), []);
    // The last seal itself, and what came after it.
    assert_eq!(verified.unsealed, 2);
    let anchored = verified.anchored.unwrap();
    assert_eq!((anchored.given, anchored.met, anchored.not_yet_proven), (SEALS, SEALS, 2));
    assert_eq!((verified.segments, verified.sealed.unwrap().count), (SEALS, sealed.count()));
    assert_eq!(verified.events, sealed.count() + 2);
    assert_eq!(verified.proofs.signed, SEALS * 4 + 1);
    assert_eq!(verified.notes, [""; 0]);
}

/// Each is found without anchors too, but for what only they can tell.
#[tokio::test(flavor = "multi_thread")]
async fn without_anchors_an_owner_of_the_key_can_seal_again_and_a_stranger_cannot() {
    let sealed = Sealed::new(Home::new().app()).await;
    for (seed, kinds) in [(1, vec![]), (2, vec![Kind::SealKeyUnknown])] {
        let path = sealed.folder.path().join(format!("sealed-again-{seed}.db"));
        let log = sealed.copied(&path);
        let event = log.event(2);
        let metadata = event.metadata.replacen("\"recorded_at\":\"202", "\"recorded_at\":\"203", 1);
        log.put(&RecordedEvent { metadata, ..event });
        log.seal_again(1, &key(seed));
        drop(log);
        let plan = Plan { anchors: None, ..sealed.plan() };
        let log = Readers::open(&path).unwrap();
        let verified = verify(&log, plan, &mut |_| {}).await.unwrap();
        let found: Vec<_> = verified.findings.counts().keys().copied().collect();
        assert_eq!(found, kinds, "{:?}", verified.findings);
        assert!(verified.notes[0].contains("no --anchor was given"), "{:?}", verified.notes);
        assert!(verified.anchored.is_none());
    }
}
