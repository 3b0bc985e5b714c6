//! Appends, each by itself and never behind another: sent with a deadline, and where that passes or the connection
//! fails, sent again by a new client with the same ids, which writes nothing twice; and so on while there is time, which
//! is a second try where the first had no answer, and some more where it failed at once.

use std::time::Duration;

use eventstore::{
    AppendToStreamOptions, CurrentRevision, Error as ClientError, EventData, StreamState, WriteResult,
};
use serde_json::value::RawValue;
use tokio::time::Instant;
use tracing::error;
use uuid::Uuid;

use super::super::{AppendOutcome, ExpectedVersion, Fault, NewEvent, Position, RecordedEvent, StreamName};
use super::connection::Session;
use super::failure::{Effect, Failure, Remedy, guarded};
use super::flights::{Flight, Flights, Novelty};
use super::reading::Log;
use crate::limits;

/// What of an event is written, whoever it comes from.
pub trait Written {
    fn id(&self) -> Uuid;
    fn event_type(&self) -> &str;
    fn data(&self) -> &str;
    fn metadata(&self) -> &str;
}

macro_rules! written {
    ($type:ty) => {
        impl Written for $type {
            fn id(&self) -> Uuid {
                self.id
            }
            fn event_type(&self) -> &str {
                self.event_type.as_ref()
            }
            fn data(&self) -> &str {
                &self.data
            }
            fn metadata(&self) -> &str {
                &self.metadata
            }
        }
    };
}

written!(NewEvent);
written!(RecordedEvent);

/// One append on its way.
pub struct Appending<'a, W> {
    pub log: &'a Log,
    pub stream: &'a StreamName,
    pub expected: ExpectedVersion,
    pub events: &'a [W],
    /// Nobody waits longer.
    pub until: Instant,
}

impl<W: Written> Appending<'_, W> {
    pub async fn run(&self, flights: &Flights) -> AppendOutcome {
        let flight = flights.begin();
        // A try that may have written something makes the end unknown, whatever later ones are told.
        let (mut unsure, mut refused) = (None, Fault::Slow);
        let mut redirected = 0;
        while !self.left().is_zero() {
            let session = self.log.connection.session();
            let failure = match self.send(&session).await {
                Ok(Sent::Stands(written)) => return self.stands(&flight, &written).await,
                Ok(Sent::Otherwise(current)) => return self.conflicts(&flight, current).await,
                Err(failure) => failure,
            };
            match failure.effect {
                Effect::Unknown => unsure = Some(failure.fault),
                Effect::None => refused = failure.fault,
            }
            match failure.remedy {
                Remedy::Nothing | Remedy::Elsewhere => break,
                Remedy::Again if redirected < limits::KURRENTDB_TRIES_MAX => redirected += 1,
                // Which waits a little where this has just been done.
                Remedy::Again | Remedy::Rebuild => {
                    let rebuilding = self.log.connection.rebuild(&session);
                    if tokio::time::timeout_at(self.until, rebuilding).await.is_err() {
                        break;
                    }
                }
            }
        }
        match unsure {
            Some(fault) => AppendOutcome::Unknown(fault),
            None => AppendOutcome::NotWritten(refused),
        }
    }

    async fn send(&self, session: &Session) -> Result<Sent, Failure> {
        let wait = self.left().min(limits::KURRENTDB_TRY_WAIT);
        let state = match self.expected {
            ExpectedVersion::NoStream => StreamState::NoStream,
            ExpectedVersion::Exact(version) => StreamState::StreamRevision(version),
        };
        let options = AppendToStreamOptions::default().stream_state(state).deadline(wait);
        let options = match session.login() {
            Some(login) => options.authenticated(login),
            None => options,
        };
        let events: Vec<_> = self.events.iter().map(proposed).collect();
        let outer = self.log.names.outer(self.stream);
        match guarded(wait, session.client.append_to_stream(outer, &options, events)).await? {
            Ok(written) => Ok(Sent::Stands(written)),
            Err(ClientError::WrongExpectedVersion { current, .. }) => Ok(Sent::Otherwise(match current {
                CurrentRevision::Current(version) => Some(version),
                CurrentRevision::NoStream => None,
            })),
            Err(error @ ClientError::ResourceDeleted) => {
                self.alarm_of_deleted();
                Err(self.failed(session, &error))
            }
            Err(error) => Err(self.failed(session, &error)),
        }
    }

    fn failed(&self, session: &Session, error: &ClientError) -> Failure {
        session.failure(error).of_what(&format_args!("append to stream {}", self.stream))
    }

    fn alarm_of_deleted(&self) {
        let stream = self.stream;
        error!(alarm = "stream", %stream, "a stream was deleted: what the server has of it cannot be read");
    }

    /// The server says that the events stand; whether they did before, it does not say.
    async fn stands(&self, flight: &Flight<'_>, written: &WriteResult) -> AppendOutcome {
        let count = self.events.len() as u64;
        let (last, told) = (written.next_expected_version, Position(written.position.commit));
        let Some(first_version) = (last + 1).checked_sub(count) else {
            return AppendOutcome::Unknown(Fault::Io("the server tells a version that cannot be".into()));
        };
        // Of one new event the place is its own. What is told of several, and of a repeat, differs from server to
        // server, down to nothing at all.
        let is_sure = count == 1 && told.number() > 0 && !flight.is_behind(told);
        let position = if is_sure { Ok(Some(told)) } else { self.place_of_last(last).await };
        match position {
            Ok(Some(position)) => {
                let repeated = flight.land(position) == Novelty::Repeated;
                AppendOutcome::Appended { first_version, position, repeated }
            }
            // It is a repeat of what was deleted: nothing may be said of it but that.
            Ok(None) => {
                self.alarm_of_deleted();
                AppendOutcome::Unknown(Fault::Refused("the stream was deleted".into()))
            }
            Err(fault) => AppendOutcome::Unknown(fault),
        }
    }

    /// The server compares what stands there with the ids itself. Here it is seen once more, for it decides whether a
    /// push is answered as a repeat.
    async fn conflicts(&self, flight: &Flight<'_>, current: Option<u64>) -> AppendOutcome {
        let (first_version, count) = (self.expected.next(), self.events.len() as u64);
        let last = (first_version + count).saturating_sub(1);
        if current.is_none_or(|current| current < last) {
            return AppendOutcome::Conflict { current };
        }
        match self.read(first_version, self.events.len()).await {
            Ok(found) => {
                let stands = found.len() == self.events.len()
                    && found.iter().zip(self.events).all(|(found, event)| found.id == event.id());
                match found.last().filter(|_| stands) {
                    Some(found) => {
                        flight.stood(found.position);
                        AppendOutcome::Appended { first_version, position: found.position, repeated: true }
                    }
                    None => AppendOutcome::Conflict { current },
                }
            }
            Err(fault) => AppendOutcome::Unknown(fault),
        }
    }

    async fn place_of_last(&self, version: u64) -> Result<Option<Position>, Fault> {
        let found = self.read(version, 1).await?;
        let id = self.events.last().map(Written::id);
        Ok(found.first().filter(|found| Some(found.id) == id).map(|found| found.position))
    }

    /// Reads back, within what time is left.
    async fn read(&self, from: u64, count: usize) -> Result<Vec<RecordedEvent>, Fault> {
        let mut found: Vec<RecordedEvent> = Vec::new();
        while found.len() < count {
            let outer = self.log.names.outer(self.stream);
            let piece = self.log.stream_piece(outer, from + found.len() as u64, count - found.len());
            let piece = tokio::time::timeout_at(self.until, piece).await.map_err(|_| Fault::Slow)??;
            if piece.events.is_empty() {
                break;
            }
            found.extend(piece.events);
        }
        Ok(found)
    }

    fn left(&self) -> Duration {
        self.until.saturating_duration_since(Instant::now())
    }
}

enum Sent {
    Stands(WriteResult),
    /// The stream's last version.
    Otherwise(Option<u64>),
}

/// The texts as they are: what the server hands out later is compared byte by byte. Text that is no JSON, as in a copy
/// of a damaged log, is sent as bytes, for the client takes no other text for JSON.
pub(super) fn proposed(event: &impl Written) -> EventData {
    let data = event.data();
    let json = RawValue::from_string(data.to_owned()).ok().filter(|json| json.get() == data);
    let proposed = json.and_then(|json| EventData::json(event.event_type(), &json).ok());
    proposed
        .unwrap_or_else(|| EventData::binary(event.event_type(), data.to_owned().into()))
        .id(event.id())
        .metadata(event.metadata().to_owned().into())
}

/// What the server counts of an event: its limit is for them.
pub fn bytes(event: &impl Written) -> usize {
    event.data().len() + event.metadata().len() + 2 * event.event_type().len()
}
