//! What every store must keep, as a test that runs over any of them: [`check_all`].

mod closing;
mod pages;
mod positions;
mod versions;

use std::sync::Arc;

use futures_util::future::join_all;
use uuid::Uuid;

use super::{
    Append, AppendOutcome, EventStore, ExpectedVersion, Fault, Health, NewEvent, Position, RecordedEvent,
    StreamName, Urgency,
};
use crate::limits;

/// So many requests are under way together, where their order does not matter.
const AT_ONCE: usize = 64;

/// A position to fill in where none matters.
pub fn any_position() -> Position {
    Position(1)
}

fn event(name: &str) -> NewEvent {
    NewEvent {
        id: Uuid::new_v5(&Uuid::NAMESPACE_OID, name.as_bytes()),
        event_type: "Tested",
        data: format!(r#"{{"name":"{name}","text":"中文 \" \u0000"}}"#),
        metadata: format!(r#"{{"of":"{name}"}}"#),
    }
}

fn append(stream: &str, expected: ExpectedVersion, names: &[&str]) -> Append {
    Append {
        stream: StreamName(stream.into()),
        expected,
        events: names.iter().map(|name| event(name)).collect(),
        urgency: Urgency::Push,
    }
}

/// What became of it, without the position.
fn short(outcome: &AppendOutcome) -> String {
    match outcome {
        AppendOutcome::Appended { first_version, repeated, .. } => {
            format!("{} at {first_version}", if *repeated { "repeated" } else { "appended" })
        }
        AppendOutcome::Conflict { current: None } => "conflict, no stream".into(),
        AppendOutcome::Conflict { current: Some(version) } => format!("conflict at {version}"),
        AppendOutcome::NotWritten(fault) => format!("not written: {fault}"),
        AppendOutcome::Unknown(fault) => format!("unknown: {fault}"),
    }
}

/// Runs the whole contract over an empty store, which `open` opens, and opens again when the one before
/// has been closed and dropped.
///
/// # Panics
/// Where the store breaks it.
#[allow(clippy::unwrap_used, clippy::panic)]
pub async fn check_all(open: impl AsyncFn() -> Arc<dyn EventStore>) {
    let store = open().await;
    appends_are_checked_and_repeatable(store.as_ref()).await;
    streams_and_the_whole_log_read_back_as_written(store.as_ref()).await;
    a_category_is_read_alone(store.as_ref()).await;
    concurrent_first_appends_have_one_winner(&store).await;
    the_head_wakes_who_waits(&store).await;
    what_is_too_large_is_not_written(store.as_ref()).await;
    a_repeat_gets_its_original_result_however_far_the_stream_has_moved(store.as_ref()).await;
    an_append_that_conflicts_in_its_middle_writes_nothing_at_all(store.as_ref()).await;
    concurrent_appends_of_several_events_do_not_mix(&store).await;
    pages::a_page_ends_after_so_many_bytes_and_has_an_event_where_there_is_one(store.as_ref()).await;
    assert_eq!(*store.health().borrow(), Health::Writable);
    let id = store.log_id();
    let before = whole(store.as_ref()).await;
    positions::each_event_is_stepped_to_from_the_one_before(store.as_ref(), &before).await;
    versions::all_events_are_walked_in_the_order_of_their_streams(store.as_ref(), &before).await;
    let outcomes = closing::appends_that_wait_at_the_close_get_an_outcome(&store).await;
    closing::what_is_closed_writes_nothing_and_reads_without_a_panic(store.as_ref()).await;
    assert_eq!(store.log_id(), id);
    drop(store);
    let store = open().await;
    assert_eq!(store.log_id(), id);
    closing::what_was_appended_is_there_after_the_store_is_opened_again(store.as_ref(), &before, &outcomes)
        .await;
    store.close().await;
}

async fn appends_are_checked_and_repeatable(store: &dyn EventStore) {
    use ExpectedVersion::{Exact, NoStream};
    for (stream, expected, names, outcome) in [
        ("a", NoStream, &["a0"][..], "appended at 0"),
        // The same fact again is the same success, however often and however late.
        ("a", NoStream, &["a0"], "repeated at 0"),
        ("a", NoStream, &["other"], "conflict at 0"),
        ("a", Exact(0), &["a1", "a2"], "appended at 1"),
        ("a", Exact(0), &["a1", "a2"], "repeated at 1"),
        ("a", Exact(0), &["a1"], "repeated at 1"),
        ("a", NoStream, &["a0"], "repeated at 0"),
        ("a", NoStream, &["a0", "a1", "a2"], "repeated at 0"),
        // Only a part of it stands: that is another append.
        ("a", Exact(0), &["a1", "other"], "conflict at 2"),
        ("a", Exact(1), &["a2", "a3"], "conflict at 2"),
        ("a", Exact(7), &["a8"], "conflict at 2"),
        ("a", Exact(2), &["a3"], "appended at 3"),
        ("absent", Exact(0), &["x"], "conflict, no stream"),
        // The same fact in another stream is another event.
        ("b", NoStream, &["a0", "b1"], "appended at 0"),
        ("b", Exact(1), &["b2"], "appended at 2"),
    ] {
        let done = store.append(append(stream, expected, names)).await;
        assert_eq!(short(&done), outcome, "{names:?} to {stream} expecting {expected:?}");
    }
}

#[allow(clippy::unwrap_used)]
async fn streams_and_the_whole_log_read_back_as_written(store: &dyn EventStore) {
    let a = StreamName("a".into());
    let read = store.read_stream(&a, 0, 100).await.unwrap();
    for (version, (recorded, name)) in read.iter().zip(["a0", "a1", "a2", "a3"]).enumerate() {
        let written = event(name);
        assert_eq!((recorded.version, recorded.id), (version as u64, written.id));
        assert_eq!((&recorded.data, &recorded.metadata), (&written.data, &written.metadata));
        assert_eq!((recorded.event_type.as_str(), &recorded.stream), ("Tested", &a));
    }
    assert_eq!(read.len(), 4);
    assert_eq!(store.read_stream(&a, 2, 1).await.unwrap(), read[2..3]);
    assert_eq!(store.read_stream(&a, 4, 10).await.unwrap(), []);
    assert_eq!(store.read_stream(&StreamName("absent".into()), 0, 10).await.unwrap(), []);

    let all = store.read_all(None, 100).await.unwrap();
    let names: Vec<_> = all.iter().map(|recorded| (recorded.stream.as_str(), recorded.version)).collect();
    assert_eq!(names, [("a", 0), ("a", 1), ("a", 2), ("a", 3), ("b", 0), ("b", 1), ("b", 2)]);
    assert!(all.is_sorted_by(|one, next| one.position < next.position), "positions ascend");
    // Only what is strictly after, a page at a time.
    let mut paged = vec![];
    let mut after = None;
    loop {
        let page = store.read_all(after, 2).await.unwrap();
        let Some(last) = page.last() else { break };
        after = Some(last.position);
        paged.extend(page);
    }
    assert_eq!(paged, all);
    assert_eq!(*store.head().borrow(), all.last().map(|last| last.position));
}

#[allow(clippy::unwrap_used)]
async fn a_category_is_read_alone(store: &dyn EventStore) {
    use ExpectedVersion::{Exact, NoStream};
    for (stream, expected, name) in [
        ("cat-1", NoStream, "c1"),
        ("cat", NoStream, "none"),
        ("cats-1", NoStream, "other"),
        ("cat-2.x", NoStream, "c2"),
        ("cat-1", Exact(0), "c3"),
        ("ca-1", NoStream, "other"),
        ("cat.1", NoStream, "other"),
    ] {
        assert!(short(&store.append(append(stream, expected, &[name])).await).starts_with("appended"));
    }
    let all = store.read_category("cat", None, 100).await.unwrap();
    let ids: Vec<_> = all.iter().map(|recorded| recorded.id).collect();
    assert_eq!(ids, ["c1", "c2", "c3"].map(|name| event(name).id));
    assert!(all.iter().all(|recorded| recorded.stream.category() == "cat"));
    let rest = store.read_category("cat", Some(all[0].position), 1).await.unwrap();
    assert_eq!(rest, all[1..2]);
    assert_eq!(store.read_category("absent", None, 100).await.unwrap(), []);
}

#[allow(clippy::unwrap_used)]
async fn concurrent_first_appends_have_one_winner(store: &Arc<dyn EventStore>) {
    const STREAMS: usize = 50;
    const WRITERS: usize = 8;
    let mut tasks = tokio::task::JoinSet::new();
    for stream in 0..STREAMS {
        for writer in 0..WRITERS {
            let store = store.clone();
            // Every second writer brings the same fact.
            let name = format!("{stream}-{}", writer / 2);
            let append = append(&format!("race-{stream}"), ExpectedVersion::NoStream, &[&name]);
            tasks.spawn(async move { (stream, short(&store.append(append).await)) });
        }
    }
    let mut outcomes: Vec<Vec<String>> = vec![vec![]; STREAMS];
    while let Some(done) = tasks.join_next().await {
        let (stream, outcome) = done.unwrap();
        outcomes[stream].push(outcome);
    }
    for (stream, outcomes) in outcomes.iter().enumerate() {
        let count = |what: &str| outcomes.iter().filter(|outcome| *outcome == what).count();
        let counts = (count("appended at 0"), count("repeated at 0"), count("conflict at 0"));
        assert_eq!(counts, (1, 1, WRITERS - 2), "stream {stream}");
    }
}

#[allow(clippy::unwrap_used)]
async fn the_head_wakes_who_waits(store: &Arc<dyn EventStore>) {
    let mut head = store.head();
    let before = *head.borrow_and_update();
    let waiting = tokio::spawn(async move {
        head.changed().await.unwrap();
        *head.borrow()
    });
    let done = store.append(append("head", ExpectedVersion::NoStream, &["h"])).await;
    let AppendOutcome::Appended { position, .. } = done else { return assert_eq!(short(&done), "appended") };
    assert_eq!(waiting.await.unwrap(), Some(position));
    assert!(Some(position) > before);
    let conflict = store.append(append("head", ExpectedVersion::NoStream, &["other"])).await;
    assert_eq!(short(&conflict), "conflict at 0");
    assert_eq!(*store.head().borrow(), Some(position), "a conflict moves nothing");
}

async fn what_is_too_large_is_not_written(store: &dyn EventStore) {
    let mut large = append("large", ExpectedVersion::NoStream, &["l"]);
    let data = format!("\"{}\"", "x".repeat(limits::EVENT_BYTES_MAX));
    large.events = [NewEvent { data, ..event("l") }].into();
    let fault = Fault::TooLarge { max: limits::EVENT_BYTES_MAX };
    assert_eq!(store.append(large).await, AppendOutcome::NotWritten(fault));
}

async fn a_repeat_gets_its_original_result_however_far_the_stream_has_moved(store: &dyn EventStore) {
    use ExpectedVersion::{Exact, NoStream};
    let appends = [
        append("moved", NoStream, &["m0"]),
        append("moved", Exact(0), &["m1", "m2", "m3"]),
        append("moved", Exact(3), &["m4"]),
        append("moved", Exact(4), &["m5", "m6"]),
        append("moved", Exact(6), &["m7"]),
    ];
    let mut originals = vec![];
    for append in &appends {
        // What stands in another stream moves the positions on.
        let other = format!("moved-beside-{}", originals.len());
        let names: Vec<_> = (0..7).map(|number| format!("{other}-{number}")).collect();
        let names: Vec<_> = names.iter().map(String::as_str).collect();
        assert_eq!(short(&store.append(self::append(&other, NoStream, &names)).await), "appended at 0");
        originals.push(store.append(append.clone()).await);
    }
    let head = *store.head().borrow();
    for (append, original) in appends.into_iter().zip(originals) {
        let AppendOutcome::Appended { first_version, position, repeated: false } = original else {
            return assert_eq!(short(&original), "appended", "{append:?}");
        };
        let repeated = AppendOutcome::Appended { first_version, position, repeated: true };
        for _ in 0..2 {
            assert_eq!(store.append(append.clone()).await, repeated, "{append:?}");
        }
    }
    // The same events where they do not stand are no repeat.
    for (expected, names) in [(NoStream, ["m1"]), (Exact(0), ["m2"]), (Exact(4), ["m4"]), (Exact(6), ["m6"])]
    {
        let done = store.append(append("moved", expected, &names)).await;
        assert_eq!(short(&done), "conflict at 7", "{names:?} expecting {expected:?}");
    }
    assert_eq!(names_of(store, "moved", 8).await, ["m0", "m1", "m2", "m3", "m4", "m5", "m6", "m7"]);
    assert_eq!(*store.head().borrow(), head, "a repeat and a conflict move nothing");
}

/// The names that [`event`] was given for the events of a stream, of which there must be so many.
#[allow(clippy::unwrap_used)]
async fn names_of(store: &dyn EventStore, stream: &str, count: u64) -> Vec<String> {
    let read = store.read_stream(&StreamName(stream.into()), 0, 1000).await.unwrap();
    let versions: Vec<_> = read.iter().map(|recorded| recorded.version).collect();
    assert_eq!(versions, (0..count).collect::<Vec<_>>(), "{stream}");
    let prefix = r#"{"of":""#;
    let name =
        |metadata: &str| metadata.strip_prefix(prefix).unwrap().strip_suffix(r#""}"#).unwrap().to_owned();
    read.iter().map(|recorded| name(&recorded.metadata)).collect()
}

async fn an_append_that_conflicts_in_its_middle_writes_nothing_at_all(store: &dyn EventStore) {
    use ExpectedVersion::{Exact, NoStream};
    let begun = store.append(append("middle", NoStream, &["m0", "m1", "m2", "m3"])).await;
    assert_eq!(short(&begun), "appended at 0");
    for (expected, names) in [
        // The first ones stand, one in the middle is another, the last ones would be new.
        (Exact(0), &["m1", "other", "m3"][..]),
        (Exact(0), &["m1", "other", "m3", "m4", "m5"]),
        (NoStream, &["m0", "m1", "other", "m3", "m4"]),
        // All that stand are the same, and more follow.
        (Exact(1), &["m2", "m3", "m4", "m5"]),
        // Only the last one that stands is the same.
        (Exact(1), &["other", "m3", "m4"]),
        // A gap before them.
        (Exact(4), &["m5", "m6"]),
    ] {
        let head = *store.head().borrow();
        let done = store.append(append("middle", expected, names)).await;
        assert_eq!(short(&done), "conflict at 3", "{names:?} expecting {expected:?}");
        assert_eq!(names_of(store, "middle", 4).await, ["m0", "m1", "m2", "m3"], "{names:?}");
        assert_eq!(*store.head().borrow(), head, "{names:?}");
    }
    // Appends that come together may be written together; each gets its own outcome all the same.
    let together = [
        ("together-1", NoStream, &["t0", "t1", "t2"][..], "appended at 0"),
        ("middle", Exact(2), &["other", "m4", "m5"], "conflict at 3"),
        ("together-2", NoStream, &["t3", "t4"], "appended at 0"),
        ("absent-2", Exact(1), &["t5", "t6"], "conflict, no stream"),
        ("middle", Exact(3), &["m4", "m5"], "appended at 4"),
        ("together-3", NoStream, &["t7"], "appended at 0"),
    ];
    let appends = together.iter().map(|(stream, expected, names, _)| {
        let append = append(stream, *expected, names);
        async move { short(&store.append(append).await) }
    });
    for (outcome, (stream, _, names, expected)) in join_all(appends).await.iter().zip(together) {
        // Which of two that come together to a stream is first, nobody says.
        let came_second = expected == "conflict at 3" && outcome == "conflict at 5";
        assert!(came_second || outcome == expected, "{names:?} to {stream}: {outcome}, not {expected}");
    }
    assert_eq!(names_of(store, "together-1", 3).await, ["t0", "t1", "t2"]);
    assert_eq!(names_of(store, "together-2", 2).await, ["t3", "t4"]);
    assert_eq!(names_of(store, "together-3", 1).await, ["t7"]);
    assert_eq!(names_of(store, "middle", 6).await, ["m0", "m1", "m2", "m3", "m4", "m5"]);
    assert!(names_of(store, "absent-2", 0).await.is_empty());
}

#[allow(clippy::unwrap_used)]
async fn concurrent_appends_of_several_events_do_not_mix(store: &Arc<dyn EventStore>) {
    const ROUNDS: u64 = 20;
    const WRITERS: usize = 4;
    let names = |round: u64, writer: usize| [0, 1, 2].map(|event| format!("mix-{round}-{writer}-{event}"));
    let mut stands = vec![];
    for round in 0..ROUNDS {
        let expected = (round * 3).checked_sub(1);
        let expected = expected.map_or(ExpectedVersion::NoStream, ExpectedVersion::Exact);
        let mut tasks = tokio::task::JoinSet::new();
        for writer in 0..WRITERS {
            let store = store.clone();
            let names = names(round, writer);
            let append = append("mix", expected, &names.each_ref().map(String::as_str));
            tasks.spawn(async move { (writer, short(&store.append(append).await)) });
        }
        let outcomes = tasks.join_all().await;
        let first = round * 3;
        let won = |(_, outcome): &&(usize, String)| *outcome == format!("appended at {first}");
        let lost = format!("conflict at {}", first + 2);
        assert_eq!(outcomes.iter().filter(won).count(), 1, "{outcomes:?}");
        assert_eq!(
            outcomes.iter().filter(|(_, outcome)| *outcome == lost).count(),
            WRITERS - 1,
            "{outcomes:?}"
        );
        stands.extend(names(round, outcomes.iter().find(won).unwrap().0));
    }
    assert_eq!(names_of(store.as_ref(), "mix", ROUNDS * 3).await, stands);
}

/// The whole log, a page at a time.
#[allow(clippy::unwrap_used)]
async fn whole(store: &dyn EventStore) -> Vec<RecordedEvent> {
    let mut all: Vec<RecordedEvent> = vec![];
    loop {
        let page = store.read_all(all.last().map(|last| last.position), 100).await.unwrap();
        if page.is_empty() {
            return all;
        }
        all.extend(page);
    }
}
