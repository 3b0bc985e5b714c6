//! Reads the log page by page, each with a deadline. What has come of a page when something fails is a page too, for
//! only an empty one says that there is no more.

use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use async_trait::async_trait;
use eventstore::{
    Error as ClientError, Position as ServerPosition, ReadAllOptions, ReadStream, ReadStreamOptions,
    ResolvedEvent, StreamPosition, SubscriptionFilter,
};
use tokio::time::Instant;

use super::super::{Fault, LogId, Position, ReadLog, RecordedEvent, StreamName, VersionAt};
use super::connection::{Connection, Failure, Remedy, Session, guarded};
use super::names::Names;
use super::versions::Walks;
use crate::limits;

/// The log, as it is read. Its clones share what they know.
#[derive(Clone)]
pub struct Log {
    pub connection: Arc<Connection>,
    pub names: Arc<Names>,
    pub log_id: LogId,
    quiet: Arc<Mutex<Option<Quiet>>>,
    walks: Arc<Walks>,
}

/// Nothing of ours stands behind `from` up to `to`: others use the server too, and what is theirs need not be looked
/// through again and again.
#[derive(Clone, Copy)]
struct Quiet {
    from: u64,
    to: u64,
}

/// What a read brought.
pub struct Piece {
    pub events: Vec<RecordedEvent>,
    pub end: End,
    /// Where events of ours stand, the one that cannot be read too.
    pub places: Vec<VersionAt>,
    /// Why the first one behind `events` cannot be read.
    unreadable: Option<Fault>,
}

impl Piece {
    /// What was read, and where nothing could be, why.
    fn read(self) -> Result<Self, Fault> {
        match self.unreadable {
            Some(fault) if self.events.is_empty() => Err(fault),
            Some(_) | None => Ok(self),
        }
    }
}

#[derive(Clone, Copy, PartialEq, Eq)]
pub enum End {
    /// There is no more now.
    Reached,
    /// The last record that was looked at, ours or not.
    MoreAfter(u64),
}

/// Where the server begins to read.
#[derive(Clone, Copy)]
enum Begin {
    Start,
    /// With the event that stands there.
    At(u64),
}

/// What a request asks for.
struct Request {
    of: Of,
    /// What stands up to here is passed over, unseen: it may be what cannot be read.
    after: Option<u64>,
    /// Events of the server, ours or not.
    count: usize,
    /// How long the next event may take.
    wait: Duration,
}

enum Of {
    Stream { outer: String, from: u64 },
    All { at: StreamPosition<ServerPosition>, filter: Option<SubscriptionFilter>, way: Way },
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Way {
    Forwards,
    Backwards,
}

impl Log {
    pub fn new(connection: Arc<Connection>, names: Names, log_id: LogId) -> Self {
        let names = Arc::new(names);
        Self { connection, names, log_id, quiet: Arc::default(), walks: Arc::default() }
    }

    /// The same log by its name.
    pub fn named(self, log_id: LogId) -> Self {
        Self { log_id, ..self }
    }

    /// Streams that are kept beside it.
    pub fn beside(&self) -> Self {
        Self::new(self.connection.clone(), Names::beside(), self.log_id)
    }

    /// What stands strictly after a position and comes through the filter: a piece that has something, or the last.
    async fn read_after(
        &self,
        after: Option<Position>,
        limit: usize,
        filter: &SubscriptionFilter,
    ) -> Result<Piece, Fault> {
        let after = self.over_what_is_quiet(after.map(Position::number));
        let Some(number) = after else { return self.read_from(Begin::Start, None, limit, filter).await };
        // The server takes only positions at which an event stands. One that a person has named may be none; one
        // just before an event is meant for that event; and from the beginning all are found, if slowly.
        for begin in [Begin::At(number), Begin::At(number.saturating_add(1))] {
            match self.read_from(begin, after, limit, filter).await {
                Err(Fault::Refused(_)) => {}
                read => return read,
            }
        }
        self.read_from(Begin::Start, after, limit, filter).await
    }

    async fn read_from(
        &self,
        mut begin: Begin,
        after: Option<u64>,
        limit: usize,
        filter: &SubscriptionFilter,
    ) -> Result<Piece, Fault> {
        loop {
            let piece = self.piece_from(begin, after, limit, filter).await?;
            match piece.end {
                // All that was let through was another's: an empty page would say that there is no more.
                End::MoreAfter(seen) if piece.places.is_empty() => begin = Begin::At(seen),
                End::MoreAfter(_) | End::Reached => return Ok(piece),
            }
        }
    }

    async fn piece_from(
        &self,
        begin: Begin,
        after: Option<u64>,
        limit: usize,
        filter: &SubscriptionFilter,
    ) -> Result<Piece, Fault> {
        let limit = limit.clamp(1, limits::READ_PAGE_EVENTS_MAX);
        let (at, count) = match (begin, after) {
            (Begin::Start, None) => (StreamPosition::Start, limit),
            // What comes before is passed over.
            (Begin::Start, Some(_)) => (StreamPosition::Start, limits::READ_PAGE_EVENTS_MAX),
            (Begin::At(number), Some(after)) if number < after => (at(number), limits::READ_PAGE_EVENTS_MAX),
            // The server begins with the event that stands there.
            (Begin::At(number), _) => (at(number), limit + 1),
        };
        let count = count + self.names.beside_ours();
        let of = Of::All { at, filter: Some(filter.clone()), way: Way::Forwards };
        let mut piece = self.piece(&Request { of, after, count, wait: limits::KURRENTDB_LOG_WAIT }).await?;
        piece.events.truncate(limit);
        Ok(piece)
    }

    /// Where events stand after a position, those that cannot be read too; nothing only where there is no more.
    pub async fn places_after(&self, after: Option<Position>) -> Result<Vec<VersionAt>, Fault> {
        let limit = limits::READ_PAGE_EVENTS_MAX;
        Ok(self.read_after(after, limit, &self.names.filter()).await?.places)
    }

    /// Ours after what is known, one by one, and where all of it ends.
    pub async fn news(&self, after: Option<Position>) -> Result<Piece, Fault> {
        self.read_after(after, limits::KURRENTDB_POLL_EVENTS, &self.names.filter()).await
    }

    /// The last of ours.
    pub async fn last_of_ours(&self) -> Result<Option<RecordedEvent>, Fault> {
        Ok(self.piece_of_last().await?.read()?.events.into_iter().next())
    }

    async fn piece_of_last(&self) -> Result<Piece, Fault> {
        let filter = Some(self.names.filter());
        let of = Of::All { at: StreamPosition::End, filter, way: Way::Backwards };
        // One more than is needed makes the server look through all that is before.
        let count = 1 + self.names.beside_ours();
        self.piece(&Request { of, after: None, count, wait: limits::KURRENTDB_LOG_WAIT }).await
    }

    /// Where the server's log ends, whoever wrote there last.
    pub async fn last_of_all(&self) -> Result<Option<u64>, Fault> {
        let of = Of::All { at: StreamPosition::End, filter: None, way: Way::Backwards };
        let request = Request { of, after: None, count: 1, wait: limits::KURRENTDB_STREAM_WAIT };
        let piece = self.piece(&request).await?;
        Ok(match piece.end {
            End::Reached => None,
            End::MoreAfter(seen) => Some(seen),
        })
    }

    /// Nothing of ours stands between the two.
    pub fn is_quiet(&self, from: Option<Position>, to: Option<u64>) {
        let quiet = to.map(|to| Quiet { from: from.map_or(0, Position::number), to });
        *self.quiet.lock().unwrap_or_else(PoisonError::into_inner) = quiet;
    }

    fn over_what_is_quiet(&self, after: Option<u64>) -> Option<u64> {
        match *self.quiet.lock().unwrap_or_else(PoisonError::into_inner) {
            Some(Quiet { from, to }) if (from..to).contains(&after.unwrap_or(0)) => Some(to),
            Some(_) | None => after,
        }
    }

    pub async fn stream_piece(&self, outer: String, from: u64, limit: usize) -> Result<Piece, Fault> {
        self.piece_of_stream(outer, from, limit).await?.read()
    }

    async fn piece_of_stream(&self, outer: String, from: u64, limit: usize) -> Result<Piece, Fault> {
        let count = limit.clamp(1, limits::READ_PAGE_EVENTS_MAX);
        let of = Of::Stream { outer, from };
        self.piece(&Request { of, after: None, count, wait: limits::KURRENTDB_STREAM_WAIT }).await
    }

    /// Asks, and where the client fails, asks another one.
    async fn piece(&self, request: &Request) -> Result<Piece, Fault> {
        let mut fault = Fault::Slow;
        for _ in 0..limits::KURRENTDB_TRIES_MAX {
            let session = self.connection.session();
            let asked = tokio::select! {
                piece = self.ask(&session, request) => piece,
                () = self.is_left_behind(&session) => Err(Failure::late()),
            };
            let failure = match asked {
                Ok(piece) => return Ok(piece),
                Err(failure) => failure,
            };
            fault = failure.fault;
            match failure.remedy {
                Remedy::Nothing => break,
                Remedy::Again => {}
                Remedy::Rebuild => {
                    let rebuilding = self.connection.rebuild(&session);
                    if tokio::time::timeout(limits::KURRENTDB_STREAM_WAIT, rebuilding).await.is_err() {
                        break;
                    }
                }
            }
        }
        Err(fault)
    }

    /// Others have found the client failing. What is nearly done is not begun anew.
    async fn is_left_behind(&self, session: &Session) {
        self.connection.has_replaced(session).await;
        tokio::time::sleep(limits::KURRENTDB_STREAM_WAIT).await;
    }

    async fn ask(&self, session: &Session, request: &Request) -> Result<Piece, Failure> {
        let opened = guarded(request.wait, open(session, request)).await?;
        let mut stream = opened.map_err(|error| session.failure(&error))?;
        let begun = Instant::now();
        let (mut gathered, mut bytes, mut seen, mut count) = (Vec::new(), 0, None, 0);
        let (mut places, mut unreadable) = (Vec::new(), None);
        let is_whole = loop {
            let next = match guarded(request.wait, stream.next()).await {
                Ok(Ok(next)) => next,
                // A missing stream is told here, and a node without a leader when the stream is opened.
                Ok(Err(ClientError::ResourceNotFound)) if matches!(request.of, Of::Stream { .. }) => None,
                Ok(Err(_)) | Err(_) if !gathered.is_empty() => break false,
                Ok(Err(error)) => return Err(session.failure(&error)),
                Err(failure) => return Err(failure),
            };
            let Some(next) = next.and_then(event_of) else { break count < request.count };
            let number = next.position.commit;
            (seen, count) = (Some(number), count + 1);
            if request.after.is_some_and(|after| number <= after) {
                continue;
            }
            let Some(stream) = self.names.inner(next.stream_id()) else { continue };
            let (version, position) = (next.revision, Position(number));
            places.push(VersionAt { stream: stream.clone(), version, position });
            match recorded(next, stream) {
                Ok(event) => {
                    bytes += event.bytes();
                    gathered.push(event);
                }
                // What comes before it is told first; asked again, it comes alone.
                Err(fault) => {
                    unreadable = Some(fault);
                    break false;
                }
            }
            if bytes >= limits::READ_PAGE_BYTES_MAX || begun.elapsed() >= limits::KURRENTDB_PAGE_WAIT {
                break false;
            }
        };
        let end = match seen {
            Some(seen) if !is_whole => End::MoreAfter(seen),
            Some(_) | None => End::Reached,
        };
        Ok(Piece { events: gathered, end, places, unreadable })
    }
}

fn recorded(event: eventstore::RecordedEvent, stream: StreamName) -> Result<RecordedEvent, Fault> {
    let unreadable = |what| {
        let version = event.revision;
        Fault::Unreadable(format!("{stream} version {version}: its {what} is not UTF-8"))
    };
    let data = std::str::from_utf8(&event.data).map_err(|_| unreadable("data"))?.to_owned();
    let metadata = std::str::from_utf8(&event.custom_metadata).map_err(|_| unreadable("metadata"))?;
    Ok(RecordedEvent {
        position: Position(event.position.commit),
        version: event.revision,
        id: event.id,
        metadata: metadata.to_owned(),
        data,
        event_type: event.event_type,
        stream,
    })
}

fn at(number: u64) -> StreamPosition<ServerPosition> {
    StreamPosition::Position(ServerPosition { commit: number, prepare: number })
}

/// A link whose event is gone has none.
fn event_of(resolved: ResolvedEvent) -> Option<eventstore::RecordedEvent> {
    resolved.event.or(resolved.link)
}

async fn open(session: &Session, request: &Request) -> Result<ReadStream, ClientError> {
    match &request.of {
        Of::Stream { outer, from } => {
            let options = ReadStreamOptions::default()
                .position(StreamPosition::Position(*from))
                .forwards()
                .max_count(request.count);
            let options = match session.login() {
                Some(login) => options.authenticated(login),
                None => options,
            };
            session.client.read_stream(outer.as_str(), &options).await
        }
        Of::All { at, filter, way } => {
            let options = ReadAllOptions::default().position(*at).max_count(request.count);
            let options = match way {
                Way::Forwards => options.forwards(),
                Way::Backwards => options.backwards(),
            };
            let options = match filter {
                Some(filter) => options.filter(filter.clone()),
                None => options,
            };
            let options = match session.login() {
                Some(login) => options.authenticated(login),
                None => options,
            };
            session.client.read_all(&options).await
        }
    }
}

#[async_trait]
impl ReadLog for Log {
    async fn read_stream(
        &self,
        stream: &StreamName,
        from: u64,
        limit: usize,
    ) -> Result<Vec<RecordedEvent>, Fault> {
        let mut piece = self.stream_piece(self.names.outer(stream), from, limit).await?;
        // Of a stream whose beginning was cut off, the server may give what is before.
        piece.events.retain(|event| event.version >= from);
        Ok(piece.events)
    }

    async fn read_all(&self, after: Option<Position>, limit: usize) -> Result<Vec<RecordedEvent>, Fault> {
        Ok(self.read_after(after, limit, &self.names.filter()).await?.read()?.events)
    }

    async fn read_category(
        &self,
        category: &str,
        after: Option<Position>,
        limit: usize,
    ) -> Result<Vec<RecordedEvent>, Fault> {
        Ok(self.read_after(after, limit, &self.names.filter_of(category)).await?.read()?.events)
    }

    async fn event_at(&self, position: Position) -> Result<Option<RecordedEvent>, Fault> {
        let of = Of::All { at: at(position.number()), filter: Some(self.names.filter()), way: Way::Forwards };
        match self.piece(&Request { of, after: None, count: 1, wait: limits::KURRENTDB_LOG_WAIT }).await {
            Ok(piece) => Ok(piece.read()?.events.into_iter().find(|event| event.position == position)),
            // Events begin at some numbers only.
            Err(Fault::Refused(_)) => Ok(None),
            Err(fault) => Err(fault),
        }
    }

    async fn read_versions(
        &self,
        after: Option<(StreamName, u64)>,
        limit: usize,
    ) -> Result<Vec<VersionAt>, Fault> {
        self.walks.next(self, after, limit).await
    }

    async fn next_position(&self, after: Option<Position>) -> Result<Option<Position>, Fault> {
        let piece = self.read_after(after, 1, &self.names.filter()).await?;
        Ok(piece.places.first().map(|at| at.position))
    }

    async fn next_version(&self, stream: &StreamName, after: u64) -> Result<Option<u64>, Fault> {
        let piece = self.piece_of_stream(self.names.outer(stream), after.saturating_add(1), 1).await?;
        Ok(piece.places.first().map(|at| at.version).filter(|version| *version > after))
    }

    async fn last(&self) -> Result<Option<Position>, Fault> {
        Ok(self.piece_of_last().await?.places.first().map(|at| at.position))
    }

    fn log_id(&self) -> LogId {
        self.log_id
    }
}
