//! What every store must keep of pages: they end after so many bytes, and only the last one is empty.

use super::{event, short};
use crate::limits;
use crate::store::{
    Append, EventStore, ExpectedVersion, NewEvent, Position, RecordedEvent, StreamName, Urgency,
};

/// Of nearly a mebibyte each: more than two pages.
const EVENTS: usize = 11;

fn bytes(recorded: &RecordedEvent) -> usize {
    recorded.data.len() + recorded.metadata.len()
}

/// Leaves a stream of large events behind.
#[allow(clippy::unwrap_used)]
pub async fn a_page_ends_after_so_many_bytes_and_has_an_event_where_there_is_one(store: &dyn EventStore) {
    let stream = StreamName("pages-1".into());
    let begin = *store.head().borrow();
    let text = "x".repeat(limits::EVENT_BYTES_MAX - 1000);
    let large = |number: usize| NewEvent { data: format!("\"{text}\""), ..event(&format!("page-{number}")) };
    let events: Vec<_> = (0..EVENTS).map(large).collect();
    // One by one: a server takes no more than that at once.
    let mut expected = ExpectedVersion::NoStream;
    for event in events.clone() {
        let version = expected.next();
        let (stream, events) = (stream.clone(), [event].into());
        let append = Append { stream, expected, events, urgency: Urgency::Push };
        assert_eq!(short(&store.append(append).await), format!("appended at {version}"));
        expected = ExpectedVersion::Exact(version);
    }
    for way in ["stream", "all", "category"] {
        let (mut read, mut pages): (Vec<RecordedEvent>, Vec<usize>) = (vec![], vec![]);
        loop {
            let after: Option<Position> = read.last().map(|last| last.position).or(begin);
            let page = match way {
                "stream" => store.read_stream(&stream, read.len() as u64, 1000).await,
                "all" => store.read_all(after, 1000).await,
                _ => store.read_category("pages", after, 1000).await,
            };
            let page = page.unwrap();
            let Some((_, before)) = page.split_last() else { break };
            let before: usize = before.iter().map(bytes).sum();
            assert!(before < limits::READ_PAGE_BYTES_MAX, "{way}: a page goes on after {before} bytes");
            pages.push(page.len());
            read.extend(page);
        }
        let ids: Vec<_> = read.iter().map(|recorded| recorded.id).collect();
        assert_eq!(ids, events.iter().map(|event| event.id).collect::<Vec<_>>(), "{way}: {pages:?}");
        assert!(pages.len() > 1, "{way}: {pages:?}");
        assert_eq!(store.read_all(begin, 1).await.unwrap().len(), 1, "{way}");
    }
}
