//! Answers and effects that come late, to callers that wait and to callers that do not.

use std::time::{Duration, Instant};

use kurrentdb_stand_in::{Cluster, Fault, On, wire::append::ExpectedRevision as Expected};

use crate::caller::{Answer, connect, paid};

const ORDER: &str = "order-demo.1";
const DEADLINE_EXCEEDED: u16 = 4;

#[tokio::test]
async fn a_delayed_answer_comes_late_to_who_waits() {
    let cluster = Cluster::start(1).await.unwrap();
    let caller = connect(cluster.addresses()[0]).await.unwrap();
    cluster.faults().next(1, On::Append, Fault::AnswerDelayed { ms: 120 });
    let begun = Instant::now();
    let answer = caller.append(ORDER, Expected::NoStream(()), &[paid("{}")]).await.unwrap();
    assert!(matches!(answer, Answer::Appended { last: 0, .. }));
    assert!(begun.elapsed() >= Duration::from_millis(120), "{:?}", begun.elapsed());
}

#[tokio::test]
async fn who_does_not_wait_for_a_delayed_answer_is_told_so_at_the_deadline_and_the_append_stands() {
    let cluster = Cluster::start(1).await.unwrap();
    let caller = connect(cluster.addresses()[0]).await.unwrap();
    cluster.faults().next(1, On::Append, Fault::AnswerDelayed { ms: 600_000 });
    let hurried = caller.with("grpc-timeout", "50m");
    let failed = hurried.append(ORDER, Expected::NoStream(()), &[paid("{}")]).await.unwrap_err();
    assert_eq!(failed.code(), DEADLINE_EXCEEDED);
    assert_eq!(cluster.log().stream(ORDER).len(), 1);
}

#[tokio::test]
async fn an_append_may_take_effect_after_its_caller_gave_up_and_after_its_repeat() {
    let cluster = Cluster::start(1).await.unwrap();
    let caller = connect(cluster.addresses()[0]).await.unwrap();
    cluster.faults().next(1, On::Append, Fault::EffectDelayed { ms: 1500 });
    let event = [paid("{}")];
    let hurried = caller.with("grpc-timeout", "20m");
    let failed = hurried.append(ORDER, Expected::NoStream(()), &event).await.unwrap_err();
    assert_eq!(failed.code(), DEADLINE_EXCEEDED);
    assert_eq!(cluster.log().stream(ORDER).len(), 0);
    caller.append(ORDER, Expected::NoStream(()), &event).await.unwrap();
    while cluster.counts().appends_repeated == 0 {
        tokio::task::yield_now().await;
    }
    assert_eq!(cluster.log().stream(ORDER).len(), 1);
}

#[tokio::test]
async fn every_unit_of_a_deadline_is_read() {
    let cluster = Cluster::start(1).await.unwrap();
    let caller = connect(cluster.addresses()[0]).await.unwrap();
    for (timeout, is_exceeded) in
        [("1H", false), ("1M", false), ("5S", false), ("1m", true), ("900u", true), ("9000n", true)]
    {
        cluster.faults().next(1, On::Append, Fault::AnswerDelayed { ms: 30 });
        let answer =
            caller.with("grpc-timeout", timeout).append(ORDER, Expected::Any(()), &[paid("{}")]).await;
        assert_eq!(answer.is_err(), is_exceeded, "{timeout}: {answer:?}");
    }
}
