//! The log in a cluster, over the stand-in: the contract, and what the client must be helped over.

mod copied;
mod searching;
mod telling;
mod unreadable_tests;

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use futures_util::future::join_all;
use kurrentdb_stand_in::{Cluster, Fault as Faulty, Moment, On, Options};

use uuid::Uuid;

use super::super::{ExpectedVersion, NewEvent, Urgency, contract};
use super::*;
use crate::domain::app::{AppSlug, PriceMeaning};
use crate::ledger::{ConfiguredApp, Ledger, LedgerError, RegisterError};
use crate::quota::Quotas;

async fn cluster(nodes: usize) -> Cluster {
    let options = Options { nodes, ..Options::default() };
    Cluster::start_with(options).await.unwrap()
}

fn settings(cluster: &Cluster) -> Settings {
    Settings {
        address: Address::parse(&cluster.url()).unwrap(),
        prefix: String::new(),
        categories: &[],
        appends_max: 1000,
    }
}

async fn open(settings: &Settings) -> KurrentStore {
    KurrentStore::open(settings).await.unwrap()
}

fn append(stream: &str, expected: ExpectedVersion, name: &str) -> Append {
    let event = NewEvent {
        id: Uuid::new_v5(&Uuid::NAMESPACE_OID, format!("{stream} {name}").as_bytes()),
        event_type: "Tested",
        data: format!(r#"{{"name":"{name}"}}"#),
        metadata: "{}".into(),
    };
    Append { stream: StreamName(stream.into()), expected, events: [event].into(), urgency: Urgency::Push }
}

/// First events, each of its own stream.
fn first(stream: &str) -> Append {
    append(stream, ExpectedVersion::NoStream, "first")
}

fn is_new(outcome: &AppendOutcome) -> bool {
    matches!(outcome, AppendOutcome::Appended { first_version: 0, repeated: false, .. })
}

async fn until(what: &str, condition: impl AsyncFn() -> bool) {
    let begun = Instant::now();
    while !condition().await {
        assert!(begun.elapsed() < Duration::from_secs(10), "{what}");
        tokio::task::yield_now().await;
    }
}

async fn keeps_the_contract(nodes: usize, prefix: &str) {
    let cluster = cluster(nodes).await;
    let settings = Settings { prefix: prefix.into(), ..settings(&cluster) };
    contract::check_all(async || {
        let store: Arc<dyn EventStore> = Arc::new(open(&settings).await);
        store
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn the_log_in_one_node_keeps_the_contract_of_stores() {
    keeps_the_contract(1, "").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn the_log_in_three_nodes_keeps_the_contract_of_stores_behind_its_prefix() {
    keeps_the_contract(3, "shop_").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn whatever_happens_to_an_append_it_stands_once_and_is_told_in_time() {
    use Moment::{After, Before};
    for (nodes, fault) in [
        (1, Faulty::Cut { moment: Before }),
        (1, Faulty::Cut { moment: After }),
        (1, Faulty::Unavailable),
        (1, Faulty::Twice),
        (1, Faulty::AnswerDelayed { ms: 1500 }),
        (1, Faulty::EffectDelayed { ms: 1500 }),
        (1, Faulty::HalfOpen { moment: Before }),
        (1, Faulty::HalfOpen { moment: After }),
        (1, Faulty::Restart { moment: Before, down_ms: 300 }),
        (1, Faulty::Restart { moment: After, down_ms: 300 }),
        (3, Faulty::LeaderMoved),
        (3, Faulty::NodeDead { moment: Before }),
        (3, Faulty::NodeDead { moment: After }),
    ] {
        let cluster = cluster(nodes).await;
        let store = open(&settings(&cluster)).await;
        assert!(is_new(&store.append(first("before")).await));
        cluster.faults().next(1, On::Append, fault);
        let begun = Instant::now();
        let outcome = store.append(first("hit")).await;
        let took = begun.elapsed();
        assert!(took < limits::KURRENTDB_APPEND_WAIT + Duration::from_millis(300), "{fault:?}: {took:?}");
        // A second effect of the same append finds the first.
        assert!(is_new(&outcome), "{fault:?}: {outcome:?} after {took:?}");
        assert_eq!(cluster.faults().done().values().sum::<u64>(), 1, "{fault:?} struck");
        let again = store.append(first("hit")).await;
        assert!(matches!(again, AppendOutcome::Appended { repeated: true, .. }), "{fault:?}: {again:?}");
        assert!(is_new(&store.append(first("later")).await), "{fault:?}");
        for stream in ["before", "hit", "later"] {
            assert_eq!(cluster.log().stream(stream).len(), 1, "{fault:?}: {stream}");
        }
        store.close().await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_server_that_was_away_is_found_again_by_itself_though_nobody_appends() {
    for nodes in [1, 3] {
        let cluster = cluster(nodes).await;
        let store = open(&settings(&cluster)).await;
        let mut health = store.health();
        assert!(is_new(&store.append(first("before")).await));
        for node in 0..nodes {
            cluster.kill(node).await.unwrap();
        }
        let outcome = store.append(first("away")).await;
        assert!(matches!(outcome, AppendOutcome::NotWritten(_) | AppendOutcome::Unknown(_)), "{outcome:?}");
        assert!(matches!(*health.borrow_and_update(), Health::Failing(_)));
        for node in 0..nodes {
            cluster.revive(node).await.unwrap();
        }
        let over = health.wait_for(|health| *health == Health::Writable);
        tokio::time::timeout(Duration::from_secs(5), over).await.unwrap().unwrap();
        assert!(is_new(&store.append(first("away")).await));
        assert_eq!(store.read_all(None, 10).await.unwrap().len(), 2);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_dead_leader_is_left_by_reads_and_appends() {
    let cluster = cluster(3).await;
    let store = open(&settings(&cluster)).await;
    assert!(is_new(&store.append(first("a-0")).await));
    cluster.kill(cluster.leader().unwrap()).await.unwrap();
    assert_eq!(store.read_all(None, 10).await.unwrap().len(), 1);
    let appends = (1..50).map(|number| {
        let store = &store;
        async move { store.append(first(&format!("a-{number}"))).await }
    });
    assert!(join_all(appends).await.iter().all(is_new));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_log_is_opened_once_its_server_is_there() {
    let cluster = cluster(1).await;
    cluster.kill(0).await.unwrap();
    let settings = settings(&cluster);
    let opening = tokio::spawn(async move { KurrentStore::open(&settings).await });
    tokio::time::timeout(Duration::from_millis(700), std::future::pending::<()>()).await.unwrap_err();
    cluster.revive(0).await.unwrap();
    let store = opening.await.unwrap().unwrap();
    assert!(is_new(&store.append(first("a-1")).await));
}

#[tokio::test(flavor = "multi_thread")]
async fn what_another_node_appends_moves_the_head_and_what_is_not_ours_does_not() {
    let cluster = cluster(1).await;
    let settings = |prefix: &str| Settings {
        prefix: prefix.into(),
        categories: &["order", "seal"],
        ..settings(&cluster)
    };
    let (one, other) = (open(&settings("")).await, open(&settings("")).await);
    let stranger = open(&settings("x_")).await;
    assert_eq!(one.log_id(), other.log_id());
    assert_ne!(one.log_id(), stranger.log_id());
    let mut head = one.head();
    assert_eq!(*head.borrow_and_update(), None);
    for number in 0..3 {
        assert!(is_new(&stranger.append(first(&format!("order-{number}"))).await));
        assert!(is_new(&other.append(first(&format!("else-{number}"))).await), "of no category of ours");
    }
    assert_eq!(one.read_all(None, 10).await.unwrap(), []);
    let AppendOutcome::Appended { position, .. } = other.append(first("order-1")).await else { panic!() };
    tokio::time::timeout(Duration::from_secs(5), head.changed()).await.unwrap().unwrap();
    assert_eq!(*head.borrow_and_update(), Some(position));
    // Many at once, and strangers' behind them.
    let many = (10..200).map(|number| {
        let other = &other;
        async move { other.append(first(&format!("order-{number}"))).await }
    });
    assert!(join_all(many).await.iter().all(is_new));
    for number in 100..150 {
        assert!(is_new(&stranger.append(first(&format!("order-{number}"))).await));
    }
    let last = *other.head().borrow();
    until("the head follows", async || *one.head().borrow() == last).await;
    let (mut read, mut after) = (0, None);
    loop {
        let page = one.read_all(after, 7).await.unwrap();
        let Some(last) = page.last() else { break };
        (read, after) = (read + page.len(), Some(last.position));
        let first = &page[0];
        assert_eq!(one.next_position(first.position.before()).await.unwrap(), Some(first.position));
        // Where no event stands, too.
        let beside = Position::from_number(first.position.number() - 2);
        assert_eq!(one.read_all(Some(beside), 1).await.unwrap(), page[..1]);
    }
    assert_eq!((read, after), (191, last));
    assert_eq!(one.next_position(last).await.unwrap(), None);
    assert_eq!(one.next_position(None).await.unwrap(), Some(position));
    assert_eq!(one.event_at(position).await.unwrap().unwrap().stream.as_str(), "order-1");
    let beside = Position::from_number(position.number() + 1);
    assert_eq!(one.event_at(beside).await.unwrap(), None);
    assert!(cluster.log().stream("x_order-1").len() == 1 && cluster.log().stream("ledgerLog-id").len() == 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn appends_do_not_wait_for_one_another_and_too_many_are_refused() {
    let cluster = cluster(1).await;
    let store = open(&Settings { appends_max: 8, ..settings(&cluster) }).await;
    cluster.faults().next(1, On::Append, Faulty::AnswerDelayed { ms: 800 });
    let answered = AtomicUsize::new(0);
    let appends = (0..8).map(|number| {
        let (store, answered) = (&store, &answered);
        async move {
            let begun = Instant::now();
            let outcome = store.append(first(&format!("a-{number}"))).await;
            assert!(is_new(&outcome), "{outcome:?}");
            (answered.fetch_add(1, Ordering::Relaxed), begun.elapsed() >= Duration::from_millis(800))
        }
    });
    let mut order = join_all(appends).await;
    order.sort_unstable();
    assert!(order.last().unwrap().1, "the one that is answered late comes after the seven others: {order:?}");
    let outcomes = join_all((0..20).map(|number| store.append(first(&format!("full-{number}"))))).await;
    let full = AppendOutcome::NotWritten(Fault::QueueFull);
    assert_eq!(outcomes.iter().filter(|outcome| **outcome == full).count(), 12, "{outcomes:?}");
    assert_eq!(outcomes.iter().filter(|outcome| is_new(outcome)).count(), 8, "{outcomes:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn what_the_server_finds_too_large_is_certainly_not_written_and_the_log_goes_on() {
    let cluster = Cluster::start(1).await.unwrap();
    let store = open(&settings(&cluster)).await;
    let large = |bytes: usize| {
        let (mut large, second) = (first("large"), append("large", ExpectedVersion::NoStream, "second"));
        let first = NewEvent { data: "1".repeat(bytes), ..large.events[0].clone() };
        large.events = [first, second.events[0].clone()].into();
        large
    };
    let outcome = store.append(large(limits::EVENT_BYTES_MAX - 14)).await;
    assert!(matches!(outcome, AppendOutcome::NotWritten(Fault::Refused(_))), "{outcome:?}");
    assert_eq!(*store.health().borrow(), Health::Writable);
    assert!(matches!(store.append(large(1000)).await, AppendOutcome::Appended { first_version: 0, .. }));
}

/// Deletes a stream as an operator would, by the client itself.
async fn delete(store: &KurrentStore, stream: &str) {
    let session = store.log.connection.session();
    session.client.delete_stream(stream, &eventstore::DeleteStreamOptions::default()).await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn a_first_append_to_a_stream_that_was_deleted_is_told_by_its_version() {
    let cluster = cluster(1).await;
    let store = open(&settings(&cluster)).await;
    assert!(is_new(&store.append(first("order-1")).await));
    delete(&store, "order-1").await;
    let repeat = store.append(first("order-1")).await;
    assert!(matches!(repeat, AppendOutcome::Unknown(Fault::Refused(_))), "{repeat:?}");
    let outcome = store.append(append("order-1", ExpectedVersion::NoStream, "other")).await;
    assert!(matches!(outcome, AppendOutcome::Appended { first_version: 1, .. }), "{outcome:?}");
    assert_eq!(*store.health().borrow(), Health::Writable, "the log itself is well");
}

#[tokio::test(flavor = "multi_thread")]
async fn the_ledger_takes_nothing_for_recorded_in_a_stream_that_was_deleted() {
    let cluster = cluster(1).await;
    let store = Arc::new(open(&settings(&cluster)).await);
    let slug = AppSlug::parse("demo").unwrap();
    let app =
        |app_id| ConfiguredApp { slug: &slug, app_id, actual_price_is: PriceMeaning::Order, merchant: None };
    let ledger = Ledger::open(store.clone(), Quotas::default()).await.unwrap();
    ledger.register_all(&[app("wx1")], crate::clock::now()).await.unwrap();
    delete(&store, "app-demo").await;
    let refused = ledger.register_all(&[app("wx2")], crate::clock::now()).await;
    let altered = |error: &RegisterError| {
        matches!(error, RegisterError::Ledger(LedgerError::Altered { expected: 0, found: 1.., .. }))
    };
    assert!(refused.as_ref().is_err_and(altered), "{refused:?}");
}

/// What is logged meanwhile.
#[derive(Clone, Default)]
struct Logged(Arc<std::sync::Mutex<Vec<u8>>>);

impl std::io::Write for Logged {
    fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
        self.0.lock().unwrap().write(bytes)
    }

    fn flush(&mut self) -> std::io::Result<()> {
        Ok(())
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_stream_that_was_deleted_for_ever_is_refused_and_the_log_goes_on() {
    let cluster = cluster(1).await;
    let store = open(&settings(&cluster)).await;
    assert!(is_new(&store.append(first("order-1")).await));
    let session = store.log.connection.session();
    let options = eventstore::TombstoneStreamOptions::default();
    session.client.tombstone_stream("order-1", &options).await.unwrap();
    let logged = Logged::default();
    let writer = logged.clone();
    let subscriber = tracing_subscriber::fmt().with_ansi(false).with_writer(move || writer.clone()).finish();
    let logging = tracing::subscriber::set_default(subscriber);
    let outcome = store.append(first("order-1")).await;
    drop(logging);
    assert!(matches!(outcome, AppendOutcome::NotWritten(Fault::Refused(_))), "{outcome:?}");
    let logged = String::from_utf8(logged.0.lock().unwrap().clone()).unwrap();
    assert_eq!(logged.matches("alarm=\"stream\"").count(), 1, "{logged}");
    assert!(logged.contains("ERROR") && logged.contains("order-1"), "{logged}");
    let read = store.read_stream(&StreamName("order-1".into()), 0, 10).await;
    assert!(matches!(read, Err(Fault::Refused(_))), "{read:?}");
    assert_eq!(*store.health().borrow(), Health::Writable);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_read_whose_connection_fails_is_asked_again() {
    for fault in [
        Faulty::Cut { moment: Moment::Before },
        Faulty::Cut { moment: Moment::After },
        Faulty::Unavailable,
        Faulty::HalfOpen { moment: Moment::Before },
        Faulty::AnswerDelayed { ms: 1500 },
        Faulty::Restart { moment: Moment::Before, down_ms: 100 },
    ] {
        let cluster = cluster(1).await;
        let store = open(&settings(&cluster)).await;
        assert!(is_new(&store.append(first("a-1")).await));
        cluster.faults().next(1, On::ReadStream, fault);
        let read = store.read_stream(&StreamName("a-1".into()), 0, 10).await.unwrap();
        assert_eq!(read.len(), 1, "{fault:?}");
        assert_eq!(cluster.faults().done().values().sum::<u64>(), 1, "{fault:?} struck");
    }
}
