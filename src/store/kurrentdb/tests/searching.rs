//! Reading a log on a server that others fill, which takes long to look through what is theirs.

use super::super::naming::named;
use super::*;

/// So many records of others that a server which looks slowly takes longer over them than anybody waits.
const MANY: usize = 4000;
const LOOK_MS: u64 = 200;

fn ours(cluster: &Cluster) -> Settings {
    Settings { categories: &["order", "seal"], ..settings(cluster) }
}

/// Appends of somebody else, in few requests.
async fn fill(cluster: &Cluster, name: &str) {
    let other = open(&Settings { prefix: "other_".into(), ..settings(cluster) }).await;
    for part in 0..MANY / 500 {
        let stream = format!("{name}-{part}");
        let mut filling = first(&stream);
        filling.events = (0..500)
            .map(|number| append(&stream, ExpectedVersion::NoStream, &number.to_string()).events[0].clone())
            .collect();
        let outcome = other.append(filling).await;
        assert!(matches!(outcome, AppendOutcome::Appended { .. }), "{outcome:?}");
    }
    other.close().await;
}

async fn appended(store: &KurrentStore, stream: &str) -> Position {
    let outcome = store.append(first(stream)).await;
    let AppendOutcome::Appended { position, .. } = outcome else { panic!("{outcome:?}") };
    position
}

#[tokio::test(flavor = "multi_thread")]
async fn a_log_is_read_to_its_end_over_gaps_that_the_server_takes_too_long_to_look_through() {
    let cluster = cluster(1).await;
    let store = open(&ours(&cluster)).await;
    let one = appended(&store, "order-1").await;
    fill(&cluster, "a").await;
    let two = appended(&store, "order-2").await;
    let three = appended(&store, "seal-3").await;
    fill(&cluster, "b").await;
    store.close().await;
    cluster.faults().look_slowly(LOOK_MS);
    let log = ours(&cluster).open_to_read().await.unwrap();
    let (mut read, mut after) = (Vec::new(), None);
    loop {
        let page = log.read_all(after, 1).await.unwrap();
        let Some(last) = page.last() else { break };
        after = Some(last.position);
        read.extend(page.into_iter().map(|event| event.position));
    }
    assert_eq!(read, [one, two, three]);
    assert_eq!(log.last().await.unwrap(), Some(three));
    assert_eq!(log.next_position(Some(one)).await.unwrap(), Some(two));
    assert_eq!(log.next_position(Some(three)).await.unwrap(), None);
    let of_category = log.read_category("seal", None, 10).await.unwrap();
    assert_eq!(of_category.iter().map(|event| event.position).collect::<Vec<_>>(), [three]);
    // Of a piece that was read unsifted too, only what was asked for.
    let store = open(&ours(&cluster)).await;
    assert_eq!(*store.head().borrow(), Some(three));
}

#[tokio::test(flavor = "multi_thread")]
async fn what_others_wrote_before_a_log_began_is_never_looked_through() {
    let cluster = cluster(1).await;
    fill(&cluster, "before").await;
    // One look that finds nothing would last longer than the test.
    cluster.faults().look_slowly(600_000);
    let begun = Instant::now();
    let store = open(&ours(&cluster)).await;
    assert_eq!(store.last().await.unwrap(), None);
    assert_eq!(store.read_all(None, 10).await.unwrap(), []);
    let one = appended(&store, "order-1").await;
    let log = ours(&cluster).open_to_read().await.unwrap();
    assert_eq!(log.last().await.unwrap(), Some(one));
    // One that ends with what is ours; a larger one has to look whether more follows.
    assert_eq!(log.next_position(None).await.unwrap(), Some(one));
    assert_eq!(log.event_at(one).await.unwrap().unwrap().position, one);
    assert!(begun.elapsed() < Duration::from_secs(10), "{:?}", begun.elapsed());
}

#[tokio::test(flavor = "multi_thread")]
async fn a_refusal_is_never_taken_for_an_empty_log_and_says_what_was_asked() {
    let cluster = cluster(1).await;
    let store = open(&ours(&cluster)).await;
    let one = appended(&store, "order-1").await;
    appended(&store, "order-2").await;
    for fault in [Faulty::Denied, Faulty::Malformed] {
        let is_told = |told: Fault| match (fault, &told) {
            (Faulty::Denied, Fault::Denied(_)) => {}
            (Faulty::Malformed, Fault::Refused(text)) => {
                assert!(text.contains("read the whole log"), "{text}")
            }
            _ => panic!("{fault:?}: {told:?}"),
        };
        let log = ours(&cluster).open_to_read().await.unwrap();
        store.close().await;
        let refuse = || cluster.faults().next(1, On::ReadAll, fault);
        refuse();
        is_told(log.read_all(Some(one), 10).await.unwrap_err());
        refuse();
        is_told(log.event_at(one).await.unwrap_err());
        refuse();
        is_told(log.next_position(None).await.unwrap_err());
        refuse();
        is_told(log.last().await.unwrap_err());
        assert_eq!(log.read_all(Some(one), 10).await.unwrap().len(), 1);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn positions_at_which_nothing_stands_are_none_and_need_no_look_through_the_log() {
    let cluster = cluster(1).await;
    let store = open(&ours(&cluster)).await;
    let one = appended(&store, "order-1").await;
    store.close().await;
    let log = ours(&cluster).open_to_read().await.unwrap();
    for number in [0, 1, one.number() - 1, one.number() + 1, one.number() + 1_000_000, u64::MAX] {
        let position = Position::from_number(number);
        assert_eq!(log.event_at(position).await.unwrap(), None, "{number}");
        let expected = usize::from(number < one.number());
        assert_eq!(log.read_all(Some(position), 10).await.unwrap().len(), expected, "{number}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_log_whose_id_was_deleted_is_refused_at_every_start_and_no_other_begins_in_its_place() {
    for with_metadata in ["read", "denied"] {
        let cluster = cluster(1).await;
        let store = open(&ours(&cluster)).await;
        let one = appended(&store, "order-1").await;
        delete(&store, "ledgerLog-id").await;
        store.close().await;
        let logged = Logged::default();
        let writer = logged.clone();
        let subscriber =
            tracing_subscriber::fmt().with_ansi(false).with_writer(move || writer.clone()).finish();
        let logging = tracing::subscriber::set_default(subscriber);
        if with_metadata == "denied" {
            // The first read is of the id, the second one of its stream's metadata.
            cluster.faults().next(1, On::ReadStream, Faulty::Twice);
            cluster.faults().next(1, On::ReadStream, Faulty::Denied);
        }
        for start in 0..3 {
            let refused = KurrentStore::open(&ours(&cluster)).await.err();
            let Some(OpenError::Fault { fault: Fault::Refused(told), .. }) = &refused else {
                panic!("{with_metadata} {start}: {refused:?}")
            };
            assert!(told.contains("ledgerLog-id") && told.contains("$tb"), "{told}");
            assert!(ours(&cluster).open_to_read().await.is_err());
        }
        drop(logging);
        let logged = String::from_utf8(logged.0.lock().unwrap().clone()).unwrap();
        assert!(logged.matches("alarm=\"stream\"").count() >= 3, "{logged}");
        let written = cluster.log().stream("ledgerLog-id").len();
        assert!(written <= 2, "{with_metadata}: {written}");
        assert_eq!(cluster.log().stream("order-1").len(), 1);
        assert!(one.number() > 0);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_log_that_never_began_is_no_deleted_one() {
    let cluster = cluster(1).await;
    let settings = ours(&cluster);
    assert!(matches!(settings.open_to_read().await, Err(OpenError::Missing { .. })));
    let connection = Arc::new(Connection::new(&settings.address).await.unwrap());
    assert!(named(Log::new(connection, Names::new("", &[]))).await.unwrap().is_none());
}

/// What a node knows after it has looked, at the end of a time in which less was shown to it.
async fn after_less_was_shown(records: usize, by_others: &[&str]) -> Vec<String> {
    let cluster = cluster(1).await;
    let (one, other) = (open(&ours(&cluster)).await, open(&ours(&cluster)).await);
    let another = open(&Settings { prefix: "other_".into(), ..settings(&cluster) }).await;
    let begin = appended(&one, "order-a").await;
    until("the other node sees it", async || *other.head().borrow() == Some(begin)).await;
    cluster.faults().show_less(records);
    appended(&other, "order-b").await;
    for stream in by_others {
        appended(&another, stream).await;
    }
    let looked = cluster.counts().reads + 20;
    until("it is looked for again and again", async || cluster.counts().reads >= looked).await;
    cluster.faults().clear();
    until("what was not shown is learnt of", async || *one.head().borrow() > Some(begin)).await;
    appended(&one, "order-c").await;
    let read = one.read_all(Some(begin), 10).await.unwrap();
    read.into_iter().map(|event| event.stream.0).collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn what_one_node_tells_of_and_another_does_not_show_yet_is_never_passed_over() {
    for (records, by_others) in [(1, &[][..]), (2, &["x-1"]), (1, &["x-1"]), (3, &["x-1", "x-2"])] {
        let read = after_less_was_shown(records, by_others).await;
        assert_eq!(read, ["order-b", "order-c"], "{records} of {by_others:?} were not shown");
    }
}
