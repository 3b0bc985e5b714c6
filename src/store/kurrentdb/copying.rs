//! Writes a log as the copy of another: in its order, one stream's events after another's. Each append waits for the
//! one before, for the server carries out together what it is sent together, in whatever order.

use async_trait::async_trait;
use tokio::time::Instant;

use super::super::{
    AppendOutcome, CopyTarget, ExpectedVersion, Fault, LogId, Positions, ReadLog as _, RecordedEvent,
};
use super::append::{Appending, bytes};
use super::flights::Flights;
use super::reading::Log;
use super::{OpenError, Settings, named_or_begun};
use crate::limits;

/// A log that is being written as a copy.
pub struct CopyLog {
    log: Log,
    flights: Flights,
    last: Option<RecordedEvent>,
    state: State,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum State {
    Writing,
    /// After a fault.
    Closed,
}

impl CopyLog {
    /// Opens the log, which begins where there is none.
    pub async fn open(settings: &Settings) -> Result<Self, OpenError> {
        let opened = settings.within_open_wait(async |log| {
            let log = named_or_begun(log).await?;
            let last = log.last_of_ours().await?;
            Ok((log, last))
        });
        let (log, last) = opened.await?;
        let flights = Flights::new(last.as_ref().map(|last| last.position));
        Ok(Self { log, flights, last, state: State::Writing })
    }

    /// Events of one stream, as one append.
    async fn append(&self, run: &[RecordedEvent]) -> Result<(), Fault> {
        let Some(first) = run.first() else { return Ok(()) };
        let expected = first.version.checked_sub(1);
        let appending = Appending {
            log: &self.log,
            stream: &first.stream,
            expected: expected.map_or(ExpectedVersion::NoStream, ExpectedVersion::Exact),
            events: run,
            until: Instant::now() + limits::KURRENTDB_APPEND_WAIT,
        };
        match appending.run(&self.flights).await {
            AppendOutcome::Appended { first_version, .. } if first_version == first.version => Ok(()),
            AppendOutcome::Appended { .. } | AppendOutcome::Conflict { .. } => {
                let (stream, version) = (&first.stream, first.version);
                let told =
                    format!("{stream} has another event at version {version}, or had one that was deleted");
                Err(Fault::Refused(told))
            }
            AppendOutcome::NotWritten(fault) | AppendOutcome::Unknown(fault) => Err(fault),
        }
    }
}

/// Events that stand one behind the other in the log and in one stream, as many as one append takes.
fn runs(events: &[RecordedEvent]) -> Vec<&[RecordedEvent]> {
    let mut runs = Vec::new();
    let (mut begin, mut size) = (0, 0);
    for (index, event) in events.iter().enumerate() {
        let follows = index
            .checked_sub(1)
            .and_then(|before| events.get(before))
            .is_some_and(|before| before.stream == event.stream && before.version + 1 == event.version);
        let fits = size + bytes(event) <= limits::EVENT_BYTES_MAX;
        if index > begin && !(follows && fits) {
            runs.extend(events.get(begin..index));
            (begin, size) = (index, 0);
        }
        size += bytes(event);
    }
    runs.extend(events.get(begin..).filter(|rest| !rest.is_empty()));
    runs
}

#[async_trait]
impl CopyTarget for CopyLog {
    fn log_id(&self) -> LogId {
        self.log.log_id()
    }

    fn positions(&self) -> Positions {
        Positions::ItsOwn
    }

    fn last(&self) -> Option<&RecordedEvent> {
        self.last.as_ref()
    }

    async fn append_recorded(&mut self, events: Vec<RecordedEvent>) -> Result<(), Fault> {
        if self.state == State::Closed {
            return Err(Fault::Closing);
        }
        for run in runs(&events) {
            if let Err(fault) = self.append(run).await {
                self.state = State::Closed;
                return Err(fault);
            }
            self.last = run.last().cloned().or_else(|| self.last.take());
        }
        Ok(())
    }

    /// Each append was durable when it returned.
    async fn sync(&mut self) -> Result<(), Fault> {
        Ok(())
    }

    async fn close(self: Box<Self>) {}
}

#[cfg(test)]
mod tests {
    use uuid::Uuid;

    use super::super::super::{Position, StreamName};
    use super::*;

    fn event((stream, version): (&str, u64), length: usize) -> RecordedEvent {
        RecordedEvent {
            position: Position::from_number(1),
            stream: StreamName(stream.into()),
            version,
            id: Uuid::nil(),
            event_type: "Tested".into(),
            data: "x".repeat(length),
            metadata: "{}".into(),
        }
    }

    #[test]
    fn what_follows_in_log_and_stream_is_one_append_as_far_as_the_server_takes_it() {
        let half = limits::EVENT_BYTES_MAX / 2;
        let events = [
            event(("a-1", 0), 1),
            event(("a-1", 1), 1),
            event(("b-1", 0), 1),
            event(("a-1", 2), half),
            event(("a-1", 3), half),
            event(("a-1", 4), 1),
            event(("a-1", 6), 1),
        ];
        let lengths: Vec<_> = runs(&events).iter().map(|run| run.len()).collect();
        assert_eq!(lengths, [2, 1, 1, 2, 1]);
        assert_eq!(runs(&events).concat(), events);
        assert!(runs(&[]).is_empty());
    }
}
