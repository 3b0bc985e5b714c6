//! States of the past that are kept: how many, how large, for whom, and what is told when one cannot be folded.

use std::time::{Duration, Instant};

use order_ledger::limits;
use order_ledger::projector::AskError;
use order_ledger::projector::past::Room;

use super::fixture_log::lines;
use super::folded::folder;
use super::held_log::{HeldPast, Reading, at_once};
use super::server::{HANGS_AFTER, until};

const ENOUGH: Duration = Duration::from_secs(60);

fn told<T>(asked: Result<T, AskError>) -> String {
    asked.err().expect("it is answered").to_string()
}

#[tokio::test(flavor = "multi_thread")]
async fn of_more_states_than_may_be_kept_the_one_that_nobody_has_asked_for_longest_goes() {
    let past = HeldPast::of(&lines(), vec![]).await;
    past.projector.keep_past_within(Room { states_max: 2, ..Room::default() });
    // None is near enough to an earlier one to begin from it, which would keep that.
    for position in [10, 30, 10, 90] {
        past.orders(position).await.unwrap();
    }
    assert_eq!(past.positions(), [10, 90].into());
    past.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn states_take_no_more_disk_than_they_may_and_leave_what_is_to_be_left_free() {
    let past = HeldPast::of(&lines(), vec![]).await;
    past.orders(200).await.unwrap();
    let one = past.bytes();
    past.projector.keep_past_within(Room { bytes_max: one * 5 / 2, ..Room::default() });
    for position in [210, 205, 207, 203] {
        past.orders(position).await.unwrap();
        assert!(past.bytes() <= one * 5 / 2, "{} bytes as of {position}, one has {one}", past.bytes());
    }
    assert_eq!(past.positions(), [203, 207].into());
    // What cannot find room in any way takes nobody else's.
    past.projector.keep_past_within(Room { free_bytes_min: u64::MAX / 2, ..Room::default() });
    let refused = past.orders(100).await;
    assert!(matches!(&refused, Err(AskError::NoRoom { .. })), "{refused:?}");
    assert!(told(refused).contains("limits.as_of_free_bytes_min"));
    assert_eq!(past.positions(), [203, 207].into());
    past.projector.keep_past_within(Room { bytes_max: one / 8, ..Room::default() });
    let refused = told(past.orders(100).await);
    assert!(
        refused.contains("limits.as_of_bytes_max") && refused.contains("order-ledger replay"),
        "{refused}"
    );
    until("what was begun is gone", || past.files().iter().all(|file| !is_building(file))).await;
    // And what is answered still is.
    past.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_state_that_goes_takes_its_disk_with_it_though_another_was_asked_together_with_it() {
    let schema =
        "-- What came?\n-- environments: both\nCREATE TABLE seen (position INTEGER PRIMARY KEY) STRICT;";
    let head = "-- What came?\n-- role: finance\n";
    let rows = "-- column: position position\nSELECT position FROM seen";
    let (alone, joined) = (format!("{head}{rows}"), format!("{head}-- uses: orders\n{rows}"));
    let on = "INSERT INTO seen VALUES (:position);";
    let files = [
        ("schema.sql", schema),
        ("on/GoodsDelivered.sql", on),
        ("queries/alone.sql", &alone),
        ("queries/joined.sql", &joined),
    ];
    let past = HeldPast::of(&lines(), vec![folder("seen", &files)]).await;
    past.projector.keep_past_within(Room { states_max: 2, ..Room::default() });
    past.ask("seen/joined", 60).await.unwrap();
    past.ask("seen/alone", 60).await.unwrap();
    assert_eq!(past.states().len(), 2);
    // That of the orders is the one that goes.
    past.orders(70).await.unwrap();
    assert_eq!(past.positions(), [60, 70].into());
    assert_eq!(past.open_and_gone(), Vec::<String>::new());
    past.end().await;
}

fn is_building(file: &std::path::Path) -> bool {
    file.to_str().unwrap().contains(".building")
}

#[tokio::test(flavor = "multi_thread")]
async fn a_state_stays_while_it_is_asked() {
    let past = HeldPast::of(&lines(), vec![]).await;
    past.projector.keep_past_within(Room { states_max: 1, ..Room::default() });
    let state = past.position(50).await;
    let by = ("auditor", ENOUGH);
    let report = past.projector.snapshot_as_of("reconciliation", None, &state, by).await.unwrap();
    let refused = past.orders(60).await;
    assert!(matches!(&refused, Err(AskError::NoRoom { .. })), "{refused:?}");
    assert!(told(refused).contains("1 are kept, and all of them are being asked or folded"));
    assert_eq!(past.positions(), [50].into());
    drop(report);
    past.orders(60).await.unwrap();
    assert_eq!(past.positions(), [60].into());
    past.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn what_could_not_be_folded_is_told_again_for_a_while_without_being_tried_again() {
    let past = HeldPast::of(&lines(), vec![]).await;
    for (reading, says) in
        [(Reading::Fails, "the log cannot be read"), (Reading::Panics, "folding it broke off")]
    {
        past.reading(reading);
        let until = if reading == Reading::Fails { 40 } else { 50 };
        let begun = Instant::now();
        let failed = past.soon(until, "auditor").await;
        let failed = match failed {
            // The machine is slow.
            Err(AskError::NotBuilt { .. }) => past.orders(until).await,
            other => other,
        };
        assert!(at_once(begun), "{reading:?} is told after {:?}", begun.elapsed());
        assert!(matches!(&failed, Err(AskError::PastFailed { .. })), "{failed:?}");
        let failed = told(failed);
        assert!(failed.contains(says) && !failed.contains("/secret"), "{failed}");
        assert_eq!(past.files(), Vec::<std::path::PathBuf>::new(), "{reading:?} leaves nothing");
        past.pages();
        past.reading(Reading::Free);
        assert!(told(past.orders(until).await).contains(says), "{reading:?}");
        assert_eq!(past.pages(), Vec::<u64>::new(), "it is not folded again at once");
        // Nobody's turn is taken, nor room.
        past.projector.keep_past_within(Room { states_max: 1, ..Room::default() });
        past.orders(until + 1).await.unwrap();
        past.orders(until + 2).await.unwrap();
        assert_eq!(past.positions(), [until + 2].into());
        // The next round begins with an empty folder.
        past.forget_all().await;
        past.files().iter().for_each(|file| std::fs::remove_file(file).unwrap());
    }
    past.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn for_each_access_token_one_state_is_folded_at_a_time_and_who_waits_is_told_how_far_it_is() {
    let past = HeldPast::of(&lines(), vec![]).await;
    past.reading(Reading::HeldAfter(20));
    let begun = Instant::now();
    while !told(past.soon(40, "auditor").await).contains("50 % done") {
        assert!(begun.elapsed() < HANGS_AFTER, "it is folded up to where it is held");
    }
    for (by, position, says) in [
        ("auditor", 40, "orders is being built, as of position 40, 50 % done"),
        ("auditor", 50, "behind orders as of position 40, which is 50 % done for the same access token"),
        ("finance", 80, "as of position 80, 0 % done"),
        ("auditor", 80, "as of position 80, 0 % done"),
        ("support", 70, "as of position 70, behind 2 of others that are folded first"),
    ] {
        let asked = past.soon(position, by).await;
        assert!(matches!(&asked, Err(AskError::NotBuilt { .. })), "{by} {position}: {asked:?}");
        let told = told(asked);
        assert!(told.contains(says), "{by}: {told}");
    }
    past.reading(Reading::Free);
    for position in [40, 50, 80, 70] {
        past.orders(position).await.unwrap();
    }
    assert_eq!(past.positions(), [40, 50, 70, 80].into());
    past.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_server_that_ends_tells_who_waits_for_the_past_and_leaves_nothing() {
    let past = HeldPast::of(&lines(), vec![]).await;
    past.orders(10).await.unwrap();
    past.reading(Reading::HeldAfter(20));
    let state = past.position(40).await;
    let (waits, ends) = (past.ask_of("orders/search", &state, ("auditor", ENOUGH)), async {
        until("it is being folded", || past.files().iter().any(|file| is_building(file))).await;
        past.projector.end_past();
        Instant::now()
    });
    let (asked, begun) = tokio::join!(waits, ends);
    assert!(matches!(&asked, Err(AskError::Closing)), "{asked:?}");
    assert!(at_once(begun));
    assert_eq!(told(past.soon(30, "auditor").await), "the server is closing: ask again when it runs");
    past.reading(Reading::Free);
    past.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn who_leaves_while_a_state_is_folded_leaves_it_to_the_next() {
    let past = HeldPast::of(&lines(), vec![]).await;
    past.reading(Reading::HeldAfter(20));
    let state = past.position(40).await;
    let asked = past.ask_of("orders/search", &state, ("auditor", ENOUGH));
    assert!(tokio::time::timeout(Duration::from_millis(100), asked).await.is_err());
    until("it is being folded", || past.files().iter().any(|file| is_building(file))).await;
    past.reading(Reading::Free);
    past.orders(40).await.unwrap();
    past.orders(41).await.unwrap();
    past.end().await;
}

#[test]
fn a_failed_state_is_kept_for_longer_than_a_client_waits_to_ask_again() {
    assert!(limits::AS_OF_FAILED_KEPT > limits::QUERY_RETRY_AFTER + limits::QUERY_POSITION_WAIT);
}
