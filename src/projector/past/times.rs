//! Which event was the last at a moment: the one before the first that was recorded after it. Clocks are set back
//! now and then, so moments need not be in the log's order; the latest moment so far is.

use chrono::{DateTime, Utc};
use tokio::time::Instant;

use crate::store::{Fault, Position, ReadLog, RecordedEvent};
use crate::{codec, limits};

/// What has been read of the log so far, page by page.
#[derive(Default)]
pub struct Times {
    pages: Vec<Page>,
}

struct Page {
    /// Its last event.
    last: Position,
    /// Of all events up to that; what has no moment that can be read counts as the one before it.
    latest: DateTime<Utc>,
}

/// The log's state at a moment.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Then {
    /// Its last event; `None` before the first.
    pub last: Option<Position>,
    /// Whether the log has no event that was recorded later.
    pub is_all: bool,
}

#[derive(Debug, thiserror::Error)]
pub enum TimesError {
    #[error("the log: {0}")]
    Log(#[from] Fault),
    /// The next time it goes on there.
    #[error("the log's moments have been read up to position {0}")]
    Slow(Position),
}

impl Times {
    /// Reads on as far as it needs to, until then at most.
    pub async fn at(
        &mut self,
        log: &dyn ReadLog,
        moment: DateTime<Utc>,
        until: Instant,
    ) -> Result<Then, TimesError> {
        loop {
            let place = self.pages.partition_point(|page| page.latest <= moment);
            let before = place.checked_sub(1).and_then(|before| self.pages.get(before));
            let (after, latest) =
                (before.map(|page| page.last), before.map_or(DateTime::UNIX_EPOCH, |page| page.latest));
            let events = log.read_all(after, limits::READ_PAGE_EVENTS_MAX).await?;
            let Some(last) = events.last().map(|event| event.position) else {
                return Ok(Then { last: after, is_all: true });
            };
            let is_later = |event: &RecordedEvent| at(event).is_some_and(|at| at > moment);
            if let Some(first) = events.iter().position(is_later) {
                let before = first.checked_sub(1).and_then(|before| events.get(before));
                return Ok(Then { last: before.map(|event| event.position).or(after), is_all: false });
            }
            let latest = events.iter().filter_map(at).fold(latest, DateTime::max);
            self.pages.truncate(place);
            self.pages.push(Page { last, latest });
            if Instant::now() >= until {
                return Err(TimesError::Slow(last));
            }
        }
    }
}

/// When it was recorded; `None` where that cannot be read.
pub fn at(event: &RecordedEvent) -> Option<DateTime<Utc>> {
    codec::recorded_at(&event.metadata)
}

/// When the event at a position was recorded; `None` where there is none, or it cannot be read.
pub async fn recorded_at(log: &dyn ReadLog, position: Position) -> Result<Option<DateTime<Utc>>, Fault> {
    Ok(log.event_at(position).await?.as_ref().and_then(at))
}
