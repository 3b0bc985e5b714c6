//! Expected versions, repeats by id, conflicts, sizes.

use kurrentdb_stand_in::{Cluster, Options, wire::append::ExpectedRevision as Expected};

use crate::caller::{Answer, connect, event, paid};

const ORDER: &str = "order-demo.1";

#[tokio::test]
async fn a_first_append_stands_at_revision_0_and_the_next_one_after_it() {
    let cluster = Cluster::start(1).await.unwrap();
    let caller = connect(cluster.addresses()[0]).await.unwrap();
    let first = caller.append(ORDER, Expected::NoStream(()), &[paid("{}")]).await.unwrap();
    let Answer::Appended { last: 0, position: first_position } = first else { panic!("{first:?}") };
    let second = caller.append(ORDER, Expected::Revision(0), &[paid("{}"), paid("{}")]).await.unwrap();
    let Answer::Appended { last: 2, position } = second else { panic!("{second:?}") };
    assert!(position > first_position + 1, "positions are byte offsets, with gaps");
    assert_eq!(cluster.counts().appends_applied, 2);
    assert_eq!(cluster.counts().events_written, 3);
}

#[tokio::test]
async fn what_is_expected_wrongly_is_answered_with_what_stands_there() {
    let cluster = Cluster::start(1).await.unwrap();
    let caller = connect(cluster.addresses()[0]).await.unwrap();
    let append = async |expected| caller.append(ORDER, expected, &[paid("{}")]).await.unwrap();
    assert_eq!(append(Expected::Revision(0)).await, Answer::Wrong { current: None });
    assert_eq!(append(Expected::StreamExists(())).await, Answer::Wrong { current: None });
    append(Expected::NoStream(())).await;
    append(Expected::Any(())).await;
    assert_eq!(append(Expected::NoStream(())).await, Answer::Wrong { current: Some(1) });
    assert_eq!(append(Expected::Revision(0)).await, Answer::Wrong { current: Some(1) });
    assert_eq!(append(Expected::Revision(2)).await, Answer::Wrong { current: Some(1) });
    assert_eq!(append(Expected::Revision(u64::MAX)).await, Answer::Wrong { current: Some(1) });
    assert_eq!(cluster.log().stream(ORDER).len(), 2);
    assert_eq!(cluster.counts().appends_refused, 6);
}

#[tokio::test]
async fn the_same_ids_at_the_same_place_are_answered_like_the_first_time() {
    let cluster = Cluster::start(1).await.unwrap();
    let caller = connect(cluster.addresses()[0]).await.unwrap();
    let (one, two) = ([paid("{}")], [paid("{}"), paid("{}")]);
    let first = caller.append(ORDER, Expected::NoStream(()), &one).await.unwrap();
    let second = caller.append(ORDER, Expected::Revision(0), &two).await.unwrap();
    for _ in 0..2 {
        assert_eq!(caller.append(ORDER, Expected::NoStream(()), &one).await.unwrap(), first);
        assert_eq!(caller.append(ORDER, Expected::Revision(0), &two).await.unwrap(), second);
        assert_eq!(caller.append(ORDER, Expected::Any(()), &two).await.unwrap(), second);
        assert_eq!(caller.append(ORDER, Expected::StreamExists(()), &one).await.unwrap(), first);
    }
    assert_eq!(cluster.log().stream(ORDER).len(), 3);
    assert_eq!(cluster.counts().appends_repeated, 8);
}

#[tokio::test]
async fn only_ids_are_compared_never_contents() {
    let cluster = Cluster::start(1).await.unwrap();
    let caller = connect(cluster.addresses()[0]).await.unwrap();
    let first = paid("{\"price\":1}");
    let mut other = paid("{\"price\":2}");
    other.id.clone_from(&first.id);
    let answer = caller.append(ORDER, Expected::NoStream(()), &[first]).await.unwrap();
    assert_eq!(caller.append(ORDER, Expected::NoStream(()), &[other]).await.unwrap(), answer);
    assert_eq!(cluster.log().stream(ORDER)[0].event.data.as_ref(), b"{\"price\":1}");
}

#[tokio::test]
async fn ids_that_stand_partly_or_elsewhere_are_no_repeat() {
    let cluster = Cluster::start(1).await.unwrap();
    let caller = connect(cluster.addresses()[0]).await.unwrap();
    let (first, second) = (paid("{}"), paid("{}"));
    caller.append(ORDER, Expected::NoStream(()), &[first.clone(), second.clone()]).await.unwrap();
    let wrong = Answer::Wrong { current: Some(1) };
    let partly = [first.clone(), paid("{}")];
    assert_eq!(caller.append(ORDER, Expected::NoStream(()), &partly).await.unwrap(), wrong);
    assert_eq!(caller.append(ORDER, Expected::Any(()), &partly).await.unwrap(), wrong);
    assert_eq!(
        caller.append(ORDER, Expected::NoStream(()), std::slice::from_ref(&second)).await.unwrap(),
        wrong
    );
    let longer = [first.clone(), second, paid("{}")];
    assert_eq!(caller.append(ORDER, Expected::NoStream(()), &longer).await.unwrap(), wrong);
    // In another stream the same id is another event.
    let elsewhere = caller.append("order-demo.2", Expected::Any(()), &[first]).await.unwrap();
    assert!(matches!(elsewhere, Answer::Appended { last: 0, .. }), "{elsewhere:?}");
}

#[tokio::test]
async fn an_append_over_the_limit_is_refused_and_one_at_the_limit_is_not() {
    let cluster =
        Cluster::start_with(Options { append_bytes_max: 1000, ..Options::default() }).await.unwrap();
    let caller = connect(cluster.addresses()[0]).await.unwrap();
    let overhead = 2 * "GoodsDelivered".len() + "{\"push\":1}".len();
    let at_the_limit = paid(&"x".repeat(1000 - overhead));
    let over_it = [paid(&"x".repeat(500 - overhead)), paid(&"x".repeat(501 - overhead))];
    let failed = caller.append(ORDER, Expected::NoStream(()), &over_it).await.unwrap_err();
    assert_eq!((failed.code(), failed.exception()), (3, "maximum-append-size-exceeded"));
    assert_eq!(failed.header("maximum-append-size"), "1000");
    assert_eq!(cluster.log().stream(ORDER).len(), 0);
    caller.append(ORDER, Expected::NoStream(()), &[at_the_limit]).await.unwrap();
}

#[tokio::test]
async fn an_append_of_a_mebibyte_arrives_and_a_byte_more_does_not() {
    let cluster = Cluster::start(1).await.unwrap();
    let caller = connect(cluster.addresses()[0]).await.unwrap();
    let overhead = 2 * "T".len() + "{\"push\":1}".len();
    let full = event("T", &"x".repeat(1024 * 1024 - overhead));
    let over = event("T", &"x".repeat(1024 * 1024 - overhead + 1));
    let failed = caller.append(ORDER, Expected::NoStream(()), &[over]).await.unwrap_err();
    assert_eq!(failed.exception(), "maximum-append-size-exceeded");
    caller.append(ORDER, Expected::NoStream(()), std::slice::from_ref(&full)).await.unwrap();
    assert_eq!(caller.events(ORDER).await[0].data, full.data);
}

#[tokio::test]
async fn an_event_without_its_type_or_content_type_is_refused() {
    let cluster = Cluster::start(1).await.unwrap();
    let caller = connect(cluster.addresses()[0]).await.unwrap();
    for property in ["type", "content-type"] {
        let mut event = paid("{}");
        event.metadata.remove(property);
        let failed = caller.append(ORDER, Expected::Any(()), &[event]).await.unwrap_err();
        assert_eq!((failed.code(), failed.exception()), (3, "missing-required-metadata-property"));
    }
}

#[tokio::test]
async fn what_the_stand_in_does_not_do_it_does_not_list_and_refuses() {
    let cluster = Cluster::start(1).await.unwrap();
    let caller = connect(cluster.addresses()[0]).await.unwrap();
    let features = caller.server_features().await.unwrap();
    assert!(features.methods.iter().any(|method| method.method == "append"));
    assert!(features.methods.iter().all(|method| method.method != "batchappend"));
    let path = "/event_store.client.streams.Streams/BatchAppend";
    let failed = caller.call::<(), ()>(path, &[()]).await.unwrap_err();
    assert_eq!(failed.code(), 12);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn of_many_that_append_first_at_once_one_wins_and_all_repeats_are_told_the_same() {
    let cluster = Cluster::start(1).await.unwrap();
    let caller = connect(cluster.addresses()[0]).await.unwrap();
    let (mine, theirs) = (paid("{}"), paid("{}"));
    let calls: Vec<_> = (0..64)
        .map(|turn| {
            let (caller, event) = (caller.clone(), if turn % 2 == 0 { mine.clone() } else { theirs.clone() });
            tokio::spawn(async move { caller.append(ORDER, Expected::NoStream(()), &[event]).await.unwrap() })
        })
        .collect();
    let mut won = Vec::new();
    let mut lost = 0;
    for call in calls {
        match call.await.unwrap() {
            answer @ Answer::Appended { .. } => won.push(answer),
            Answer::Wrong { current: Some(0) } => lost += 1,
            other => panic!("{other:?}"),
        }
    }
    won.dedup();
    assert_eq!((won.len(), lost), (1, 32));
    assert_eq!(cluster.log().stream(ORDER).len(), 1);
}
