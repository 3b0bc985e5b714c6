//! What every store must keep of positions: each event is stepped to from the one before, whatever numbers they are.

use futures_util::future::join_all;

use super::AT_ONCE;
use crate::store::{EventStore, Position, RecordedEvent};

#[allow(clippy::unwrap_used)]
pub async fn each_event_is_stepped_to_from_the_one_before(store: &dyn EventStore, all: &[RecordedEvent]) {
    let positions: Vec<Position> = all.iter().map(|event| event.position).collect();
    assert!(positions.is_sorted_by(|one, next| one < next), "positions ascend");
    let before_each = [None].into_iter().chain(positions.iter().copied().map(Some));
    let steps: Vec<_> = before_each.zip(positions.iter().copied().map(Some).chain([None])).collect();
    // Many at once: where the log is on a server, lone requests wait for the network.
    for steps in steps.chunks(AT_ONCE) {
        let steps = steps.iter().map(async |(after, next)| {
            assert_eq!(store.next_position(*after).await.unwrap(), *next, "after {after:?}");
            // From anywhere between the two it is the same.
            let between = next.and_then(Position::before).filter(|between| Some(*between) > *after);
            if between.is_some() {
                assert_eq!(store.next_position(between).await.unwrap(), *next, "after {between:?}");
            }
        });
        join_all(steps).await;
    }
    assert_eq!(store.last().await.unwrap(), positions.last().copied());
}
