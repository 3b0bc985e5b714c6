//! A log that is written as a copy: in the source's order, whatever fails on the way.

use super::super::super::CopyTarget as _;
use super::*;

/// As large as a push is kept.
fn recorded(position: u64, stream: &str, version: u64) -> RecordedEvent {
    RecordedEvent {
        position: Position::from_number(position),
        stream: StreamName(stream.into()),
        version,
        id: Uuid::new_v5(&Uuid::NAMESPACE_OID, format!("{stream} {version}").as_bytes()),
        event_type: "Tested".into(),
        data: format!(r#"{{"name":"{}"}}"#, "x".repeat(300)),
        metadata: format!(r#"{{"payload":"{}"}}"#, "y".repeat(700)),
    }
}

/// So many orders, and every tenth with a second event right behind the first.
fn source(orders: u64) -> Vec<RecordedEvent> {
    let mut events = Vec::new();
    for order in 0..orders {
        let stream = format!("order-{order}");
        for version in 0..=u64::from(order % 10 == 9) {
            events.push(recorded(events.len() as u64 + 1, &stream, version));
        }
    }
    events
}

/// Whether all stand there, in this order and each once.
async fn is_copied(cluster: &Cluster, events: &[RecordedEvent]) {
    let log = settings(cluster).open_to_read().await.unwrap();
    let (mut found, mut after) = (Vec::new(), None);
    loop {
        let page = log.read_all(after, limits::READ_PAGE_EVENTS_MAX).await.unwrap();
        let Some(last) = page.last() else { break };
        after = Some(last.position);
        found.extend(page);
    }
    assert_eq!(found.len(), events.len());
    for (found, event) in found.iter().zip(events) {
        assert_eq!(found.differs_from(event), [""; 0], "{} {}", event.stream, event.version);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn whatever_happens_to_an_append_of_a_copy_the_order_stays() {
    use Moment::{After, Before};
    for (nodes, fault) in [
        (1, Faulty::Cut { moment: Before }),
        (1, Faulty::Cut { moment: After }),
        (1, Faulty::Unavailable),
        (1, Faulty::Twice),
        (1, Faulty::EffectDelayed { ms: 1500 }),
        (1, Faulty::Restart { moment: After, down_ms: 100 }),
        (3, Faulty::LeaderMoved),
    ] {
        let cluster = cluster(nodes).await;
        let (events, mut target) = (source(20), CopyLog::open(&settings(&cluster)).await.unwrap());
        let (first, rest) = events.split_at(5);
        target.append_recorded(first.to_vec()).await.unwrap();
        cluster.faults().next(1, On::Append, fault);
        target.append_recorded(rest.to_vec()).await.unwrap();
        assert_eq!(cluster.faults().done().values().sum::<u64>(), 1, "{fault:?} struck");
        is_copied(&cluster, &events).await;
    }
}
