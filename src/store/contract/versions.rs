//! What every store must keep of versions: all events are walked in the order of their streams, page by page.

use crate::store::{EventStore, RecordedEvent, VersionAt};

#[allow(clippy::unwrap_used)]
pub async fn all_events_are_walked_in_the_order_of_their_streams(
    store: &dyn EventStore,
    all: &[RecordedEvent],
) {
    let place = |event: &RecordedEvent| VersionAt {
        stream: event.stream.clone(),
        version: event.version,
        position: event.position,
    };
    let mut expected: Vec<_> = all.iter().map(place).collect();
    expected.sort_by(|one, other| {
        (one.stream.as_str(), one.version).cmp(&(other.stream.as_str(), other.version))
    });
    for limit in [7, 1000] {
        let (mut walked, mut after) = (Vec::new(), None);
        loop {
            let page = store.read_versions(after, limit).await.unwrap();
            let Some(last) = page.last() else { break };
            assert!(page.len() <= limit);
            after = Some((last.stream.clone(), last.version));
            walked.extend(page);
        }
        assert_eq!(walked, expected, "{limit} at a time");
    }
}
