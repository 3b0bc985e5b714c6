//! Logs copied: whole, in pieces, while the source grows, and refused.

use std::path::Path;
use std::sync::Mutex;

use tokio::sync::watch;
use uuid::Uuid;

use super::super::sqlite::{CopyFile, Readers, Settings, SqliteStore};
use super::super::{
    Append, AppendOutcome, CopyTarget, EventStore, ExpectedVersion, NewEvent, ReadLog, StreamName, Urgency,
};
use super::*;

async fn grow(store: &SqliteStore, from: u64, count: u64) {
    for number in from..from + count {
        let event = NewEvent {
            id: Uuid::from_u128(u128::from(number)),
            event_type: "Tested",
            data: format!("[{number}]"),
            metadata: "{}".into(),
        };
        let append = Append {
            stream: StreamName(format!("order-{number}")),
            expected: ExpectedVersion::NoStream,
            events: [event.clone(), NewEvent { data: "[]".into(), ..event }].into(),
            urgency: Urgency::Command,
        };
        let outcome = store.append(append).await;
        assert!(matches!(outcome, AppendOutcome::Appended { .. }), "{outcome:?}");
    }
}

fn source(folder: &Path) -> SqliteStore {
    SqliteStore::open(&Settings::at(folder.join("source.db"))).unwrap()
}

async fn copy(source: &dyn ReadLog, target: &Path) -> Result<Copied, CopyError> {
    let (_stop, stop) = watch::channel(false);
    let mut target = CopyFile::open(target).unwrap();
    let copied = catch_up(source, &mut target, &stop, &|_| {}).await;
    Box::new(target).close().await;
    copied
}

async fn whole(log: &dyn ReadLog) -> Vec<RecordedEvent> {
    log.read_all(None, 1000).await.unwrap()
}

#[tokio::test]
async fn a_copy_takes_all_and_then_only_what_is_new() {
    let folder = tempfile::tempdir().unwrap();
    let (source, target) = (source(folder.path()), folder.path().join("copy.db"));
    for (round, grown) in [0, 3, 0, 40, 1].into_iter().enumerate() {
        grow(&source, round as u64 * 100, grown).await;
        let copied = copy(&source, &target).await.unwrap();
        assert_eq!(copied, Copied { events: 2 * grown, end: End::Reached });
        let readers = Readers::open(&target).unwrap();
        assert_eq!(whole(&readers).await, whole(&source).await);
        assert_ne!(readers.log_id(), source.log_id());
    }
}

#[tokio::test]
async fn a_source_that_grows_meanwhile_is_copied_to_where_it_ended_at_first() {
    let folder = tempfile::tempdir().unwrap();
    let source = source(folder.path());
    grow(&source, 0, 50).await;
    let mut target = CopyFile::open(&folder.path().join("copy.db")).unwrap();
    let (_stop, stop) = watch::channel(false);
    let told = Mutex::new(vec![]);
    let watcher = |progress: Progress| told.lock().unwrap().push(progress);
    let growing = grow(&source, 1000, 30);
    let (copied, ()) = tokio::join!(catch_up(&source, &mut target, &stop, &watcher), growing);
    let copied = copied.unwrap();
    let last = target.last().unwrap().position;
    assert_eq!((copied.events, copied.end), (last.number(), End::Reached));
    assert!((100..=160).contains(&last.number()), "{last}");
    let told = told.into_inner().unwrap();
    assert_eq!(told.first(), Some(&Progress { at: None, of: Some(last), copied: 0 }));
    let end = told.last().unwrap();
    assert_eq!((end.at, end.of), (Some(last), Some(last)));
    assert_eq!(told.iter().map(|progress| progress.copied).sum::<u64>(), copied.events);
    let rest = catch_up(&source, &mut target, &stop, &|_| {}).await.unwrap();
    assert_eq!(copied.events + rest.events, 160);
}

#[tokio::test]
async fn told_to_stop_it_leaves_the_beginning_of_the_source_and_goes_on_another_time() {
    let folder = tempfile::tempdir().unwrap();
    let (source, path) = (source(folder.path()), folder.path().join("copy.db"));
    grow(&source, 0, 5).await;
    let mut target = CopyFile::open(&path).unwrap();
    let (told, stop) = watch::channel(true);
    let copied = catch_up(&source, &mut target, &stop, &|_| {}).await.unwrap();
    assert_eq!(copied, Copied { events: 0, end: End::Stopped });
    told.send_replace(false);
    let copied = catch_up(&source, &mut target, &stop, &|_| {}).await.unwrap();
    assert_eq!(copied, Copied { events: 10, end: End::Reached });
}

#[tokio::test]
async fn told_to_stop_in_the_middle_it_ends_behind_a_whole_page() {
    const PAGES: usize = 5 + limits::COPY_PAGES_WAITING;
    let event = |number: usize| RecordedEvent {
        position: Position::from_number(number as u64 + 1),
        stream: StreamName("order-1".into()),
        version: number as u64,
        id: Uuid::from_u128(number as u128),
        event_type: "Tested".into(),
        data: "{}".into(),
        metadata: "{}".into(),
    };
    let folder = tempfile::tempdir().unwrap();
    let paths = ["source.db", "copy.db"].map(|name| folder.path().join(name));
    let mut source = CopyFile::open(&paths[0]).unwrap();
    source.append_recorded((0..PAGES * limits::COPY_PAGE_EVENTS).map(event).collect()).await.unwrap();
    Box::new(source).close().await;
    let source = Readers::open(&paths[0]).unwrap();
    let mut target = CopyFile::open(&paths[1]).unwrap();
    let (told, stop) = watch::channel(false);
    let stop_at_the_first_page = |progress: Progress| {
        told.send_replace(progress.at.is_some());
    };
    let first = catch_up(&source, &mut target, &stop, &stop_at_the_first_page).await.unwrap();
    assert_eq!(first.end, End::Stopped);
    let pages = first.events as usize / limits::COPY_PAGE_EVENTS;
    assert!((1..PAGES).contains(&pages), "{pages} of {PAGES}");
    assert_eq!(first.events as usize, pages * limits::COPY_PAGE_EVENTS);
    assert_eq!(target.last().map(|last| last.position.number()), Some(first.events));
    told.send_replace(false);
    let rest = catch_up(&source, &mut target, &stop, &|_| {}).await.unwrap();
    assert_eq!((first.events + rest.events) as usize, PAGES * limits::COPY_PAGE_EVENTS);
}

#[tokio::test]
async fn a_target_that_holds_something_else_is_refused_and_stays_as_it_is() {
    let folder = tempfile::tempdir().unwrap();
    let source = source(folder.path());
    grow(&source, 0, 5).await;
    type Change = fn(&mut Vec<RecordedEvent>);
    let changes: [(&str, Change, &str); 6] = [
        (
            "another event",
            |log| log[9].stream.0.push('x'),
            "order-4x version 1 at position 10, is not in the source",
        ),
        ("data", |log| log[9].data.push(' '), "has another data in the source"),
        (
            "id and type",
            |log| {
                log[9].id = Uuid::from_u128(77);
                log[9].event_type.push('2');
            },
            "has another id and another event_type in the source",
        ),
        ("one is missing", |log| drop(log.remove(3)), ""),
        (
            "elsewhere",
            |log| log[9].position = Position::from_number(11),
            "order-4 version 1 at position 11, stands at position 10 in the source",
        ),
        (
            "ahead",
            |log| {
                log.push(RecordedEvent { position: Position::from_number(11), version: 2, ..log[9].clone() })
            },
            "order-4 version 2 at position 11, is not in the source",
        ),
    ];
    for (what, change, told) in changes {
        let path = folder.path().join(format!("{what}.db"));
        let mut events = whole(&source).await;
        change(&mut events);
        let mut target = CopyFile::open(&path).unwrap();
        target.append_recorded(events.clone()).await.unwrap();
        Box::new(target).close().await;
        let copied = copy(&source, &path).await;
        match copied {
            // Each round looks at the last event only.
            Ok(copied) => assert_eq!((told, copied.events), ("", 0), "{what}"),
            Err(error) => assert!(error.to_string().contains(told) && !told.is_empty(), "{what}: {error}"),
        }
        assert_eq!(whole(&Readers::open(&path).unwrap()).await, events, "{what}");
    }
}

#[tokio::test]
async fn a_target_that_is_otherwise_far_before_its_end_is_refused_before_anything_is_copied() {
    let folder = tempfile::tempdir().unwrap();
    let source = source(folder.path());
    grow(&source, 0, 3 * limits::COPY_SAMPLES).await;
    let all = whole(&source).await;
    type Change = fn(&mut Vec<RecordedEvent>);
    let changes: [(&str, Change, Option<&str>); 5] = [
        ("nothing", |_| (), None),
        (
            "the first event",
            |log| log[0].data.push(' '),
            Some("one of its events, order-0 version 0 at position 1, has another data in the source"),
        ),
        (
            "the first is missing",
            |log| drop(log.remove(0)),
            Some(
                "order-0 version 1 at position 2, stands behind order-0 version 0 at position 1 in the source",
            ),
        ),
        (
            "all that was in the middle",
            |log| log[150..200].iter_mut().for_each(|event| event.metadata.push(' ')),
            Some("has another metadata in the source"),
        ),
        ("some are missing", |log| drop(log.drain(100..110)), Some(", which the target lacks")),
    ];
    for (what, change, told) in changes {
        let path = folder.path().join(format!("{what}.db"));
        let mut events = all.clone();
        change(&mut events);
        let last = events.last().unwrap().position;
        let mut target = CopyFile::open(&path).unwrap();
        target.append_recorded(events).await.unwrap();
        Box::new(target).close().await;
        let looked = begins_alike(&source, &Readers::open(&path).unwrap(), last).await;
        match (looked, told) {
            (Ok(()), None) => {}
            (Err(error), Some(told)) => assert!(error.to_string().contains(told), "{what}: {error}"),
            (looked, told) => panic!("{what}: {looked:?}, expected {told:?}"),
        }
    }
}

#[tokio::test]
async fn a_copy_of_the_file_has_the_log_id_of_its_source_and_is_refused() {
    let folder = tempfile::tempdir().unwrap();
    let store = source(folder.path());
    grow(&store, 0, 2).await;
    store.close().await;
    let path = folder.path().join("copy.db");
    std::fs::copy(folder.path().join("source.db"), &path).unwrap();
    grow_again(store, folder.path()).await;
    let source = Readers::open(&folder.path().join("source.db")).unwrap();
    let refused = copy(&source, &path).await.unwrap_err();
    assert!(matches!(refused, CopyError::SameLog), "{refused}");
}

async fn grow_again(closed: SqliteStore, folder: &Path) {
    drop(closed);
    let store = source(folder);
    grow(&store, 100, 2).await;
    store.close().await;
}

#[test]
fn how_much_is_to_be_copied_is_told_by_the_first_page_whether_or_not_positions_are_counts() {
    let at = |number| Some(Position::from_number(number));
    for (first, after, until, events) in [
        (vec![1, 2, 3], None, 3, 3),
        (vec![11, 12], at(10), 30_010, 30_000),
        // Of a cluster: bytes.
        (vec![1_000, 2_000, 3_000], None, 3_000, 3),
        (vec![901_000, 902_000], at(900_000), 910_000, 10),
    ] {
        let event = |number: &u64| RecordedEvent {
            position: Position::from_number(*number),
            stream: StreamName("a-1".into()),
            version: 0,
            id: Uuid::nil(),
            event_type: "Tested".into(),
            data: "{}".into(),
            metadata: "{}".into(),
        };
        let first: Vec<_> = first.iter().map(event).collect();
        assert_eq!(expected(&first, after, at(until)), events);
    }
}
