//! What every store must keep of positions: each event is stepped to from the one before, whatever numbers they are.

use crate::store::{EventStore, Position, RecordedEvent};

#[allow(clippy::unwrap_used)]
pub async fn each_event_is_stepped_to_from_the_one_before(store: &dyn EventStore, all: &[RecordedEvent]) {
    let (mut stepped, mut after) = (Vec::new(), None);
    while let Some(next) = store.next_position(after).await.unwrap() {
        assert!(after.is_none_or(|after| after < next), "{after:?}, then {next:?}");
        // From anywhere between the two it is the same.
        let before = next.before().filter(|before| Some(*before) > after);
        if before.is_some() {
            assert_eq!(store.next_position(before).await.unwrap(), Some(next));
        }
        after = Some(next);
        stepped.push(next);
    }
    assert_eq!(stepped, all.iter().map(|event| event.position).collect::<Vec<Position>>());
    assert_eq!(store.last().await.unwrap(), after);
}
