//! What every store must keep, as a test that runs over any of them: [`check_all`].

use std::sync::Arc;

use uuid::Uuid;

use super::{
    Append, AppendOutcome, EventStore, ExpectedVersion, Fault, Health, NewEvent, Position, StreamName,
    Urgency,
};
use crate::limits;

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

/// Runs the whole contract over an empty store.
///
/// # Panics
/// Where the store breaks it.
#[allow(clippy::unwrap_used, clippy::panic)]
pub async fn check_all(store: Arc<dyn EventStore>) {
    appends_are_checked_and_repeatable(store.as_ref()).await;
    streams_and_the_whole_log_read_back_as_written(store.as_ref()).await;
    a_category_is_read_alone(store.as_ref()).await;
    concurrent_first_appends_have_one_winner(&store).await;
    the_head_wakes_who_waits(&store).await;
    what_is_too_large_is_not_written(store.as_ref()).await;
    assert_eq!(*store.health().borrow(), Health::Writable);
    let id = store.log_id();
    store.close().await;
    let late = store.append(append("late", ExpectedVersion::NoStream, &["late"])).await;
    assert_eq!(short(&late), "not written: the store is closing");
    assert_eq!(store.log_id(), id);
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
