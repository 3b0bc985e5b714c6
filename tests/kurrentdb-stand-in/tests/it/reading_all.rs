//! Reads of the whole log: order, positions, filters.

use kurrentdb_stand_in::{
    Cluster,
    wire::{
        Position,
        append::ExpectedRevision as Expected,
        read::{Filtering, FromPosition, HowMany, RecordedEvent},
    },
};

use crate::caller::{
    Caller, by_stream, by_type, connect, event, events, of_all, paid, prefixes, regex, streams,
};

async fn three_streams() -> (Cluster, Caller) {
    let cluster = Cluster::start(1).await.unwrap();
    let caller = connect(cluster.addresses()[0]).await.unwrap();
    for (stream, event_type) in [
        ("order-demo.1", "GoodsDelivered"),
        ("refund-demo.1", "RefundSucceeded"),
        ("order-demo.2", "CoinsDelivered"),
        ("orderly-x", "GoodsDelivered"),
    ] {
        caller.append(stream, Expected::NoStream(()), &[event(event_type, "{}")]).await.unwrap();
    }
    (cluster, caller)
}

fn at(event: &RecordedEvent) -> FromPosition {
    let (commit, prepare) = (event.commit_position, event.prepare_position);
    FromPosition::Position(Position { commit, prepare })
}

#[tokio::test]
async fn the_log_has_the_servers_own_events_among_ours_in_the_order_of_their_positions() {
    let (_cluster, caller) = three_streams().await;
    let all = caller.all().await;
    assert!(all.windows(2).all(|pair| pair[1].commit_position > pair[0].commit_position + 1));
    let names = streams(&all);
    assert!(names.iter().any(|name| name.starts_with("$$")), "{names:?}");
    assert!(names.iter().any(|name| name == "$settings"), "{names:?}");
    assert!(all.iter().any(|event| event.metadata["type"] == "$metadata"));
    assert_eq!(&names[names.len() - 4..], ["order-demo.1", "refund-demo.1", "order-demo.2", "orderly-x"]);
}

#[tokio::test]
async fn a_filter_takes_what_begins_so_or_matches() {
    let (_cluster, caller) = three_streams().await;
    let cases = [
        (by_stream(prefixes(&["order-", "refund-"])), vec!["order-demo.1", "refund-demo.1", "order-demo.2"]),
        (by_stream(prefixes(&["nothing-"])), vec![]),
        (by_stream(regex("^order")), vec!["order-demo.1", "order-demo.2", "orderly-x"]),
        (by_stream(regex("demo.2$")), vec!["order-demo.2"]),
        (by_type(prefixes(&["Goods"])), vec!["order-demo.1", "orderly-x"]),
        (by_type(regex("^(Coins|Refund)")), vec!["refund-demo.1", "order-demo.2"]),
        (by_type(regex(r"^(?!\$|Goods)")), vec!["refund-demo.1", "order-demo.2"]),
        (by_type(regex("^[^$]")), vec!["order-demo.1", "refund-demo.1", "order-demo.2", "orderly-x"]),
    ];
    for (filtering, expected) in cases {
        let options = of_all(FromPosition::Start(()), filtering.clone());
        let read = events(caller.read(options).await.unwrap());
        assert_eq!(streams(&read), expected, "{filtering:?}");
    }
}

#[tokio::test]
async fn a_filter_counts_only_what_it_takes() {
    let (_cluster, caller) = three_streams().await;
    let mut options = of_all(FromPosition::Start(()), by_stream(prefixes(&["order-"])));
    options.how_many = Some(HowMany::Count(2));
    let read = events(caller.read(options).await.unwrap());
    assert_eq!(streams(&read), ["order-demo.1", "order-demo.2"]);
}

#[tokio::test]
async fn forwards_begins_with_the_event_at_the_position_and_backwards_before_it() {
    let (_cluster, caller) = three_streams().await;
    let all = caller.all().await;
    let middle = all.len() - 2;
    let forwards = events(caller.read(of_all(at(&all[middle]), Filtering::NoFilter(()))).await.unwrap());
    assert_eq!(streams(&forwards), ["order-demo.2", "orderly-x"]);
    let mut options = of_all(at(&all[middle]), Filtering::NoFilter(()));
    (options.direction, options.how_many) = (1, Some(HowMany::Count(2)));
    let backwards = events(caller.read(options).await.unwrap());
    assert_eq!(streams(&backwards), ["refund-demo.1", "order-demo.1"]);
}

#[tokio::test]
async fn the_end_is_before_nothing_and_after_everything() {
    let (_cluster, caller) = three_streams().await;
    let mut options = of_all(FromPosition::End(()), Filtering::NoFilter(()));
    assert_eq!(caller.read(options.clone()).await.unwrap(), []);
    (options.direction, options.how_many) = (1, Some(HowMany::Count(1)));
    assert_eq!(streams(&events(caller.read(options).await.unwrap())), ["orderly-x"]);
}

#[tokio::test]
async fn a_position_at_which_no_event_begins_is_refused() {
    let (_cluster, caller) = three_streams().await;
    let all = caller.all().await;
    let commit = all[2].commit_position + 1;
    let position = FromPosition::Position(Position { commit, prepare: commit });
    let failed = caller.read(of_all(position, Filtering::NoFilter(()))).await.unwrap_err();
    assert_eq!(failed.code(), 2);
}

#[tokio::test]
async fn the_events_of_one_append_share_where_it_begins() {
    let (_cluster, caller) = three_streams().await;
    caller.append("order-demo.7", Expected::NoStream(()), &[paid("{}"), paid("{}")]).await.unwrap();
    let read = caller.events("order-demo.7").await;
    assert_eq!(read[0].prepare_position, read[0].commit_position);
    assert_eq!(read[1].prepare_position, read[0].commit_position);
    assert!(read[1].commit_position > read[0].commit_position);
    let after = caller.read(of_all(at(&read[1]), Filtering::NoFilter(()))).await.unwrap();
    assert_eq!(events(after).len(), 1);
}

#[tokio::test]
async fn pages_that_begin_at_the_last_event_seen_miss_nothing() {
    let (_cluster, caller) = three_streams().await;
    for number in 0..700 {
        let stream = format!("order-demo.{}", number % 7);
        caller.append(&stream, Expected::Any(()), &[paid("{}")]).await.unwrap();
    }
    let all = caller.all().await;
    let mut seen: Vec<RecordedEvent> = Vec::new();
    loop {
        let from = seen.last().map_or(FromPosition::Start(()), at);
        let mut options = of_all(from, Filtering::NoFilter(()));
        options.how_many = Some(HowMany::Count(100));
        let page = events(caller.read(options).await.unwrap());
        let new = page.into_iter().skip(usize::from(!seen.is_empty()));
        let before = seen.len();
        seen.extend(new);
        if seen.len() == before {
            break;
        }
    }
    assert_eq!(seen, all);
}
