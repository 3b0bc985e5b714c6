//! What is asked for while a store closes, and what stands when it is opened again.

use std::sync::Arc;
use std::time::Duration;

use futures_util::future::join_all;

use super::super::{AppendOutcome, EventStore, ExpectedVersion, RecordedEvent, StreamName};
use super::{AT_ONCE, append, event, short, whole};

/// An append of three events, its number, and what became of it.
pub type AtClose = (usize, AppendOutcome);

fn closing_names(number: usize) -> [String; 3] {
    [0, 1, 2].map(|event| format!("closing-{number}-{event}"))
}

/// Closes the store with appends in flight: some were there before, some race with the close.
#[allow(clippy::unwrap_used)]
pub async fn appends_that_wait_at_the_close_get_an_outcome(store: &Arc<dyn EventStore>) -> Vec<AtClose> {
    const BEFORE: usize = 100;
    const RACING: usize = 300;
    let close = |number: usize| {
        let store = store.clone();
        async move {
            let names = closing_names(number);
            let names = names.each_ref().map(String::as_str);
            let append = append(&format!("closing-{number}"), ExpectedVersion::NoStream, &names);
            (number, store.append(append).await)
        }
    };
    let mut racing = tokio::task::JoinSet::new();
    for number in BEFORE..BEFORE + RACING {
        racing.spawn(close(number));
    }
    let waiting = join_all((0..BEFORE).map(close));
    let all = async {
        let (before, ()) = tokio::join!(waiting, store.close());
        [before, racing.join_all().await].concat()
    };
    let outcomes = tokio::time::timeout(Duration::from_secs(30), all).await.unwrap();
    assert_eq!(outcomes.len(), BEFORE + RACING);
    for (number, outcome) in &outcomes {
        let allowed = ["appended at 0", "not written: the store is closing", "unknown: the store is closing"];
        assert!(allowed.contains(&short(outcome).as_str()), "{number}: {outcome:?}");
    }
    assert!(outcomes.iter().any(|(_, outcome)| short(outcome) == "appended at 0"), "{outcomes:?}");
    outcomes
}

pub async fn what_is_closed_writes_nothing_and_reads_without_a_panic(store: &dyn EventStore) {
    use ExpectedVersion::{Exact, NoStream};
    for (stream, expected, names) in [("late", NoStream, &["late"][..]), ("a", Exact(3), &["a4", "a5"])] {
        let late = store.append(append(stream, expected, names)).await;
        assert_eq!(short(&late), "not written: the store is closing");
    }
    // A closed store may refuse to read; what it reads is right.
    let a = StreamName("a".into());
    for (what, read, count) in [
        ("a stream", store.read_stream(&a, 0, 100).await, 4),
        ("no stream", store.read_stream(&StreamName("late".into()), 0, 100).await, 0),
        ("the log", store.read_all(None, 7).await, 7),
        ("a category", store.read_category("cat", None, 100).await, 3),
    ] {
        if let Ok(read) = read {
            assert_eq!(read.len(), count, "{what}");
        }
    }
    store.close().await;
}

#[allow(clippy::unwrap_used)]
pub async fn what_was_appended_is_there_after_the_store_is_opened_again(
    store: &dyn EventStore,
    before: &[RecordedEvent],
    outcomes: &[AtClose],
) {
    let after = whole(store).await;
    assert_eq!(&after[..before.len()], before, "what stood before the close stands as it did");
    assert_eq!(*store.head().borrow(), after.last().map(|last| last.position));
    // Many at once: where the log is on a server, lone requests wait for the network.
    for outcomes in outcomes.chunks(AT_ONCE) {
        join_all(outcomes.iter().map(|closed| its_outcome_is_kept_and_the_repeat_is_taken(store, closed)))
            .await;
    }
    assert_eq!(store.read_stream(&StreamName("late".into()), 0, 100).await.unwrap(), []);
}

#[allow(clippy::unwrap_used)]
async fn its_outcome_is_kept_and_the_repeat_is_taken(store: &dyn EventStore, (number, outcome): &AtClose) {
    let (stream, names) = (format!("closing-{number}"), closing_names(*number));
    let read = store.read_stream(&StreamName(stream.clone()), 0, 100).await.unwrap();
    let ids: Vec<_> = read.iter().map(|recorded| recorded.id).collect();
    let whole = names.each_ref().map(|name| event(name).id);
    match outcome {
        AppendOutcome::Appended { position, .. } => {
            assert_eq!(ids, whole, "{stream} was appended");
            assert_eq!(read[2].position, *position, "{stream}");
        }
        AppendOutcome::NotWritten(_) => assert!(ids.is_empty(), "{stream} was not written"),
        AppendOutcome::Conflict { .. } | AppendOutcome::Unknown(_) => {
            assert!(ids.is_empty() || ids == whole, "{stream}: a part of it stands");
        }
    }
    // WeChat comes again: the end is the same for all of them.
    let again = append(&stream, ExpectedVersion::NoStream, &names.each_ref().map(String::as_str));
    let is_new = ids.is_empty();
    let done = short(&store.append(again).await);
    assert_eq!(done, if is_new { "appended at 0" } else { "repeated at 0" }, "{stream}");
}
