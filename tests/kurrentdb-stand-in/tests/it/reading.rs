//! Reads of one stream.

use kurrentdb_stand_in::{
    Cluster,
    wire::{
        append::ExpectedRevision as Expected,
        read::{FromRevision, HowMany, ReadContent},
    },
};

use crate::caller::{Caller, connect, event, events, of_stream};

const ORDER: &str = "order-demo.1";

async fn five_events() -> (Cluster, Caller) {
    let cluster = Cluster::start(1).await.unwrap();
    let caller = connect(cluster.addresses()[0]).await.unwrap();
    for number in 0..5 {
        let event = event("GoodsDelivered", &format!("{{\"number\":{number}}}"));
        caller.append(ORDER, Expected::Any(()), &[event]).await.unwrap();
    }
    (cluster, caller)
}

#[tokio::test]
async fn an_event_comes_back_as_it_was_sent_with_its_place_and_time() {
    let (cluster, caller) = five_events().await;
    let read = caller.events(ORDER).await;
    let record = &cluster.log().stream(ORDER)[3];
    let event = &read[3];
    assert_eq!(event.revision, 3);
    assert_eq!((event.commit_position, event.prepare_position), (record.position, record.position));
    assert_eq!(event.data.as_ref(), b"{\"number\":3}");
    assert_eq!(event.custom_metadata.as_ref(), b"{\"push\":1}");
    assert_eq!(event.id.as_ref().unwrap().read(), Some(record.event.id));
    assert_eq!(event.metadata["type"], "GoodsDelivered");
    assert_eq!(event.metadata["content-type"], "application/json");
    // Ticks of 100 ns: after 2020 and before 2100.
    let created: u64 = event.metadata["created"].parse().unwrap();
    assert!((15_778_368_000_000_000..41_024_448_000_000_000).contains(&created), "{created}");
}

#[tokio::test]
async fn a_read_begins_where_it_is_told_and_goes_the_way_it_is_told() {
    let (_cluster, caller) = five_events().await;
    let cases = [
        (FromRevision::Start(()), 0, u64::MAX, vec![0, 1, 2, 3, 4]),
        (FromRevision::Start(()), 0, 2, vec![0, 1]),
        (FromRevision::Revision(3), 0, u64::MAX, vec![3, 4]),
        (FromRevision::Revision(5), 0, u64::MAX, vec![]),
        (FromRevision::Revision(50), 0, u64::MAX, vec![]),
        (FromRevision::End(()), 0, u64::MAX, vec![]),
        (FromRevision::End(()), 1, u64::MAX, vec![4, 3, 2, 1, 0]),
        (FromRevision::End(()), 1, 1, vec![4]),
        (FromRevision::Revision(2), 1, u64::MAX, vec![2, 1, 0]),
        (FromRevision::Revision(50), 1, 2, vec![4, 3]),
        (FromRevision::Start(()), 1, u64::MAX, vec![0]),
    ];
    for (from, direction, count, expected) in cases {
        let mut options = of_stream(ORDER, from);
        (options.direction, options.how_many) = (direction, Some(HowMany::Count(count)));
        let read = events(caller.read(options).await.unwrap());
        let numbers: Vec<u64> = read.iter().map(|event| event.revision).collect();
        assert_eq!(numbers, expected, "from {from:?}, direction {direction}, at most {count}");
    }
}

#[tokio::test]
async fn who_asks_for_it_is_told_the_last_revision() {
    let (_cluster, caller) = five_events().await;
    let contents = caller.read(of_stream(ORDER, FromRevision::Revision(4))).await.unwrap();
    assert!(matches!(contents[0], ReadContent::Event(_)));
    assert_eq!(contents[1..], [ReadContent::LastStreamPosition(4)]);
    let beyond = caller.read(of_stream(ORDER, FromRevision::Revision(9))).await.unwrap();
    assert_eq!(beyond, [ReadContent::FirstStreamPosition(5), ReadContent::LastStreamPosition(4)]);
    let mut without = of_stream(ORDER, FromRevision::Revision(9));
    without.control = None;
    assert_eq!(caller.read(without).await.unwrap(), []);
}

#[tokio::test]
async fn a_stream_that_is_not_there_is_an_answer_and_no_error() {
    let (_cluster, caller) = five_events().await;
    let contents = caller.read(of_stream("order-demo.2", FromRevision::Start(()))).await.unwrap();
    let [ReadContent::StreamNotFound(not_found)] = contents.as_slice() else { panic!("{contents:?}") };
    assert_eq!(not_found.stream.as_ref().unwrap().name.as_ref(), b"order-demo.2");
}

#[tokio::test]
async fn a_subscription_is_refused() {
    let (_cluster, caller) = five_events().await;
    let mut options = of_stream(ORDER, FromRevision::Start(()));
    options.how_many = Some(HowMany::Subscription(()));
    assert_eq!(caller.read(options).await.unwrap_err().code(), 12);
}

#[tokio::test]
async fn a_read_of_more_than_a_window_arrives_whole() {
    let (_cluster, caller) = five_events().await;
    let data = format!("{{\"attach\":\"{}\"}}", "x".repeat(900_000));
    for _ in 0..4 {
        caller.append("order-demo.9", Expected::Any(()), &[event("GoodsDelivered", &data)]).await.unwrap();
    }
    let read = caller.events("order-demo.9").await;
    assert_eq!(read.len(), 4);
    assert!(read.iter().all(|event| event.data == data));
}
