//! The switchboard: each fault does what it says to a request, and is counted.

use std::{sync::Arc, time::Duration};

use kurrentdb_stand_in::{
    Cluster, Fault, Moment, On, Schedule,
    wire::append::{ExpectedRevision as Expected, ProposedMessage},
};
use tokio::time::timeout;

use crate::caller::{Answer, Caller, Failed, connect, paid};

const ORDER: &str = "order-demo.1";
/// Long enough that nothing which is answered at all would not be.
const UNANSWERED: Duration = Duration::from_millis(300);

async fn begin() -> (Cluster, Caller) {
    let cluster = Cluster::start(1).await.unwrap();
    let caller = connect(cluster.addresses()[0]).await.unwrap();
    (cluster, caller)
}

async fn first(caller: &Caller, event: &ProposedMessage) -> Result<Answer, Failed> {
    caller.append(ORDER, Expected::NoStream(()), std::slice::from_ref(event)).await
}

/// On a new connection, as a client does that lost its own.
async fn first_again(cluster: &Cluster, event: &ProposedMessage) -> Answer {
    loop {
        if let Ok(caller) = connect(cluster.addresses()[0]).await {
            return first(&caller, event).await.unwrap();
        }
        tokio::task::yield_now().await;
    }
}

#[tokio::test]
async fn a_line_cut_before_the_append_leaves_nothing_behind() {
    let (cluster, caller) = begin().await;
    cluster.faults().next(1, On::Append, Fault::Cut { moment: Moment::Before });
    let event = paid("{}");
    assert_eq!(first(&caller, &event).await, Err(Failed::Connection));
    assert_eq!(cluster.log().stream(ORDER).len(), 0);
    first_again(&cluster, &event).await;
    assert_eq!(cluster.counts().appends_applied, 1);
    assert_eq!(cluster.faults().done()["cut_before"], 1);
}

#[tokio::test]
async fn a_line_cut_after_the_append_leaves_it_and_a_repeat_is_answered() {
    let (cluster, caller) = begin().await;
    cluster.faults().next(1, On::Append, Fault::Cut { moment: Moment::After });
    let event = paid("{}");
    assert_eq!(first(&caller, &event).await, Err(Failed::Connection));
    let position = cluster.log().stream(ORDER)[0].position;
    assert_eq!(first_again(&cluster, &event).await, Answer::Appended { last: 0, position });
    let counts = cluster.counts();
    assert_eq!((counts.appends_seen, counts.appends_applied, counts.appends_repeated), (2, 1, 1));
}

#[tokio::test]
async fn a_cut_takes_the_other_calls_of_its_line_with_it() {
    let (cluster, caller) = begin().await;
    cluster.faults().next(1, On::Append, Fault::AnswerDelayed { ms: 600_000 });
    cluster.faults().next(1, On::Append, Fault::Cut { moment: Moment::Before });
    let delayed = tokio::spawn({
        let caller = caller.clone();
        async move { first(&caller, &paid("{}")).await }
    });
    while cluster.counts().appends_applied == 0 {
        tokio::task::yield_now().await;
    }
    assert_eq!(first(&caller, &paid("{}")).await, Err(Failed::Connection));
    assert_eq!(delayed.await.unwrap(), Err(Failed::Connection));
}

#[tokio::test]
async fn an_unavailable_server_wrote_nothing_and_the_line_stays() {
    let (cluster, caller) = begin().await;
    cluster.faults().next(2, On::Append, Fault::Unavailable);
    let event = paid("{}");
    for _ in 0..2 {
        assert_eq!(first(&caller, &event).await.unwrap_err().code(), 14);
    }
    assert_eq!(cluster.log().stream(ORDER).len(), 0);
    first(&caller, &event).await.unwrap();
    assert_eq!(cluster.counts().connections, 1);
    assert_eq!(cluster.faults().done()["unavailable"], 2);
}

#[tokio::test]
async fn a_half_open_line_takes_everything_and_answers_nothing() {
    for (moment, written) in [(Moment::Before, 0), (Moment::After, 1)] {
        let (cluster, caller) = begin().await;
        cluster.faults().next(1, On::Append, Fault::HalfOpen { moment });
        let event = paid("{}");
        assert!(timeout(UNANSWERED, first(&caller, &event)).await.is_err());
        assert!(timeout(UNANSWERED, caller.gossip()).await.is_err());
        assert_eq!(cluster.log().stream(ORDER).len(), written);
        let again = first_again(&cluster, &event).await;
        assert!(matches!(again, Answer::Appended { last: 0, .. }), "{again:?}");
        assert_eq!(cluster.log().stream(ORDER).len(), 1);
    }
}

#[tokio::test]
async fn an_append_delivered_twice_stands_once() {
    let (cluster, caller) = begin().await;
    cluster.faults().next(1, On::Append, Fault::Twice);
    let answer = first(&caller, &paid("{}")).await.unwrap();
    let position = cluster.log().stream(ORDER)[0].position;
    assert_eq!(answer, Answer::Appended { last: 0, position });
    let counts = cluster.counts();
    assert_eq!((counts.appends_seen, counts.appends_applied, counts.appends_repeated), (1, 1, 1));
    assert_eq!(cluster.log().stream(ORDER).len(), 1);
}

#[tokio::test]
async fn a_restart_keeps_the_log_whether_it_comes_before_or_after_the_append() {
    for (moment, written) in [(Moment::Before, 0), (Moment::After, 1)] {
        let (cluster, caller) = begin().await;
        cluster.faults().next(1, On::Append, Fault::Restart { moment, down_ms: 20 });
        let event = paid("{}");
        assert_eq!(first(&caller, &event).await, Err(Failed::Connection));
        assert_eq!(cluster.log().stream(ORDER).len(), written);
        let again = first_again(&cluster, &event).await;
        assert!(matches!(again, Answer::Appended { last: 0, .. }), "{again:?}");
        assert_eq!(cluster.log().stream(ORDER).len(), 1);
    }
}

#[tokio::test]
async fn a_dead_node_stays_dead_until_it_is_revived() {
    let cluster = Cluster::start(3).await.unwrap();
    let caller = connect(cluster.addresses()[0]).await.unwrap();
    cluster.faults().next(1, On::Append, Fault::NodeDead { moment: Moment::Before });
    assert_eq!(first(&caller, &paid("{}")).await, Err(Failed::Connection));
    assert!(matches!(connect(cluster.addresses()[0]).await, Err(Failed::Connection)));
    assert_eq!(cluster.leader(), Some(1));
    cluster.revive(0).await.unwrap();
    connect(cluster.addresses()[0]).await.unwrap();
}

#[tokio::test]
async fn a_moved_leader_sends_the_append_on() {
    let cluster = Cluster::start(3).await.unwrap();
    let caller = connect(cluster.addresses()[0]).await.unwrap().with("requires-leader", "true");
    cluster.faults().next(1, On::Append, Fault::LeaderMoved);
    let failed = first(&caller, &paid("{}")).await.unwrap_err();
    assert_eq!(failed.header("leader-endpoint-port"), cluster.addresses()[1].port().to_string());
}

#[tokio::test]
async fn a_fault_strikes_only_the_kind_it_was_set_for() {
    let (cluster, caller) = begin().await;
    cluster.faults().next(1, On::Gossip, Fault::Unavailable);
    first(&caller, &paid("{}")).await.unwrap();
    caller.server_features().await.unwrap();
    caller.events(ORDER).await;
    assert_eq!(caller.gossip().await.unwrap_err().code(), 14);
    caller.gossip().await.unwrap();
}

#[tokio::test]
async fn what_is_cleared_strikes_no_more() {
    let (cluster, caller) = begin().await;
    cluster.faults().next(9, On::Any, Fault::Unavailable);
    cluster.faults().clear();
    first(&caller, &paid("{}")).await.unwrap();
    assert!(cluster.faults().done().is_empty());
}

/// Which of a hundred appends go wrong under a seed.
async fn struck(seed: u64) -> Vec<usize> {
    let (cluster, caller) = begin().await;
    let schedule =
        Schedule { seed, on: On::Append, per_mille: 200, faults: vec![Fault::Unavailable], faults_max: 1000 };
    cluster.faults().schedule(schedule);
    let mut struck = Vec::new();
    for turn in 0..100 {
        if caller.append(ORDER, Expected::Any(()), &[paid("{}")]).await.is_err() {
            struck.push(turn);
        }
    }
    assert_eq!(cluster.faults().done()["unavailable"], struck.len() as u64);
    struck
}

#[tokio::test]
async fn a_seed_draws_the_same_faults_each_time_and_another_draws_others() {
    let first = struck(7).await;
    assert_eq!(first, struck(7).await);
    assert_ne!(first, struck(8).await);
    assert!((8..=35).contains(&first.len()), "about one in five, not {}", first.len());
}

#[tokio::test]
async fn a_schedule_ends_after_its_last_fault() {
    let (cluster, caller) = begin().await;
    let schedule = Schedule {
        seed: 1,
        on: On::Any,
        per_mille: 1000,
        faults: vec![Fault::Unavailable, Fault::Twice],
        faults_max: 3,
    };
    cluster.faults().schedule(schedule);
    for _ in 0..10 {
        let _answered_or_not = first(&caller, &paid("{}")).await;
    }
    assert_eq!(cluster.faults().done().values().sum::<u64>(), 3);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn under_all_faults_at_once_nothing_acknowledged_is_lost_and_nothing_stands_twice() {
    let cluster = Arc::new(Cluster::start(1).await.unwrap());
    cluster.faults().schedule(Schedule {
        seed: 20_26,
        on: On::Append,
        per_mille: 150,
        faults: vec![
            Fault::Cut { moment: Moment::Before },
            Fault::Cut { moment: Moment::After },
            Fault::Unavailable,
            Fault::Twice,
            Fault::AnswerDelayed { ms: 5 },
            Fault::EffectDelayed { ms: 5 },
            Fault::Restart { moment: Moment::After, down_ms: 1 },
        ],
        faults_max: u64::MAX,
    });
    let clients: Vec<_> = (0..8).map(|client| tokio::spawn(push(Arc::clone(&cluster), client))).collect();
    for client in clients {
        client.await.unwrap();
    }
    assert_eq!(cluster.log().client_events(), 8 * 50);
    assert_eq!(cluster.counts().events_written, 8 * 50);
    assert!(cluster.faults().done().len() == 7, "{:?}", cluster.faults().done());
}

/// Fifty orders, each until it is answered.
async fn push(cluster: Arc<Cluster>, client: usize) {
    let mut line = None;
    for order in 0..50 {
        let (stream, event) = (format!("order-demo.{client}-{order}"), paid("{}"));
        loop {
            let caller = match line.take() {
                Some(caller) => caller,
                None => match connect(cluster.addresses()[0]).await {
                    Ok(caller) => caller,
                    Err(_) => continue,
                },
            };
            match caller.append(&stream, Expected::NoStream(()), std::slice::from_ref(&event)).await {
                Ok(answer) => {
                    let record = &cluster.log().stream(&stream)[0];
                    assert_eq!(answer, Answer::Appended { last: 0, position: record.position });
                    line = Some(caller);
                    break;
                }
                Err(Failed::Status { code: 14, .. }) => line = Some(caller),
                Err(Failed::Connection) => {}
                Err(other) => panic!("{other:?}"),
            }
        }
    }
}
