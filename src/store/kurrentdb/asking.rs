//! Asks the server for one piece of a stream or of the whole log. What has come of it when something fails is a piece
//! too.

use std::fmt;
use std::time::Duration;

use eventstore::{
    Error as ClientError, Position as ServerPosition, ReadAllOptions, ReadStream, ReadStreamOptions,
    ResolvedEvent, StreamPosition, SubscriptionFilter,
};
use tokio::time::Instant;

use super::super::{Fault, Position, RecordedEvent, StreamName, VersionAt};
use super::connection::Session;
use super::failure::{Failure, Remedy, guarded};
use super::names::Names;
use super::reading::Log;
use crate::limits;

/// What a read brought.
pub struct Piece {
    pub events: Vec<RecordedEvent>,
    pub end: End,
    /// Where the events stand that were sought, those that cannot be read too.
    pub places: Vec<VersionAt>,
    /// The last record that was looked at, ours or not.
    pub seen: Option<Seen>,
    /// Why the first one behind `events` cannot be read.
    unreadable: Option<Fault>,
}

impl Piece {
    /// There is no more.
    pub fn nothing() -> Self {
        Self { events: Vec::new(), end: End::Reached, places: Vec::new(), seen: None, unreadable: None }
    }

    /// What was read, and where nothing could be, why.
    pub fn read(self) -> Result<Self, Fault> {
        match self.unreadable {
            Some(fault) if self.events.is_empty() => Err(fault),
            Some(_) | None => Ok(self),
        }
    }
}

/// A record of the server's log.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Seen {
    pub position: u64,
    /// The name of its stream as the server knows it, where that is another's.
    pub of_another: Option<String>,
}

#[derive(Clone, Copy, PartialEq, Eq)]
pub enum End {
    /// There is no more now.
    Reached,
    /// The last record that was looked at, ours or not.
    MoreAfter(u64),
}

/// Why there is no piece.
#[derive(Debug)]
pub enum Unread {
    /// The server begins only at positions at which an event stands, anybody's.
    NoEventThere,
    Fault(Fault),
}

impl Unread {
    /// Where a position had been told by the server itself.
    pub fn fault(self) -> Fault {
        match self {
            Self::NoEventThere => Fault::Io("the server does not find what it has told of before".into()),
            Self::Fault(fault) => fault,
        }
    }
}

/// What a request asks for.
pub struct Request<'a> {
    pub of: Of<'a>,
    /// Events of the server, ours or not.
    pub count: usize,
    /// How long the next event may take.
    pub wait: Duration,
}

pub enum Of<'a> {
    Stream { outer: &'a str, from: u64 },
    All { way: Way, at: Option<u64>, filter: Option<SubscriptionFilter>, sought: Sought<'a> },
}

/// The way through the whole log. Where a request says no place, it begins at the log's beginning or at its end.
#[derive(Clone, Copy, PartialEq, Eq)]
pub enum Way {
    /// With the event that stands there.
    Forwards,
    /// With the one before it.
    Backwards,
}

/// Which events of ours are handed on.
#[derive(Clone, Copy)]
pub struct Sought<'a> {
    pub category: Option<&'a str>,
    /// Strictly.
    pub behind: Option<u64>,
    /// Another's stream, whose records the server lets through too, so that it is seen how far an answer has come.
    pub up_to: Option<&'a str>,
}

impl Sought<'_> {
    fn takes(&self, position: u64, stream: &StreamName) -> bool {
        let is_of =
            |category: &str| stream.as_str().strip_prefix(category).is_some_and(|rest| rest.starts_with('-'));
        self.category.is_none_or(is_of) && self.behind.is_none_or(|behind| position > behind)
    }
}

impl Request<'_> {
    /// The one of ours where it is, or none.
    fn takes(&self, names: &Names, event: &eventstore::RecordedEvent) -> Option<StreamName> {
        let stream = names.inner(event.stream_id())?;
        match &self.of {
            Of::Stream { .. } => Some(stream),
            Of::All { sought, .. } => sought.takes(event.position.commit, &stream).then_some(stream),
        }
    }

    /// Whether one more event brings a later request further than this one.
    fn is_further(&self, seen: Option<u64>) -> bool {
        match &self.of {
            Of::Stream { .. } => seen.is_some(),
            Of::All { at, .. } => seen.is_some() && seen != *at,
        }
    }

    /// Whether it may take the server long to come to an event that it hands out.
    fn is_search(&self) -> bool {
        matches!(self.of, Of::All { filter: Some(_), .. })
    }
}

impl fmt::Display for Request<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.of {
            Of::Stream { outer, from } => write!(f, "read stream {outer} from version {from}"),
            Of::All { at: Some(at), .. } => write!(f, "read the whole log from position {at}"),
            Of::All { at: None, .. } => f.write_str("read the whole log"),
        }
    }
}

impl Log {
    /// Asks, and where the client fails, asks another one.
    pub async fn piece(&self, request: &Request<'_>) -> Result<Piece, Unread> {
        let mut fault = Fault::Slow;
        for _ in 0..limits::KURRENTDB_TRIES_MAX {
            let session = self.connection.session();
            let asked = tokio::select! {
                piece = self.ask(&session, request) => piece,
                () = self.is_left_behind(&session) => Err(Failure::late()),
            };
            let failure = match asked {
                Ok(piece) => return Ok(piece),
                Err(failure) => failure.of_what(request),
            };
            // The client may be well and the server looking through what is another's.
            if failure.fault == Fault::Slow && request.is_search() {
                return Err(Unread::Fault(Fault::Slow));
            }
            // Of several the one that says most.
            if failure.fault != Fault::Slow {
                fault = failure.fault;
            }
            match failure.remedy {
                Remedy::Elsewhere => return Err(Unread::NoEventThere),
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
        Err(Unread::Fault(fault))
    }

    /// Others have found the client failing. What is nearly done is not begun anew.
    async fn is_left_behind(&self, session: &Session) {
        self.connection.has_replaced(session).await;
        tokio::time::sleep(limits::KURRENTDB_STREAM_WAIT).await;
    }

    async fn ask(&self, session: &Session, request: &Request<'_>) -> Result<Piece, Failure> {
        let opened = guarded(request.wait, open(session, request)).await?;
        let mut stream = opened.map_err(|error| session.failure(&error))?;
        let begun = Instant::now();
        let (mut gathered, mut bytes, mut seen, mut count) = (Vec::new(), 0, None, 0);
        let (mut places, mut unreadable, mut of_another) = (Vec::new(), None, None);
        let is_whole = loop {
            let next = match guarded(request.wait, stream.next()).await {
                Ok(Ok(next)) => next,
                // A missing stream is told here, and a node without a leader when the stream is opened.
                Ok(Err(ClientError::ResourceNotFound)) if matches!(request.of, Of::Stream { .. }) => None,
                Ok(Err(_)) | Err(_) if request.is_further(seen) => break false,
                Ok(Err(error)) => return Err(session.failure(&error)),
                Err(failure) => return Err(failure),
            };
            let Some(next) = next else { break count < request.count };
            count += 1;
            let Some(next) = event_of(next) else { continue };
            seen = Some(next.position.commit);
            let taken = request.takes(&self.names, &next);
            let is_ours = taken.is_some() || self.names.inner(next.stream_id()).is_some();
            of_another = (!is_ours).then(|| next.stream_id().to_owned());
            if let Some(stream) = taken {
                let (version, position) = (next.revision, Position(next.position.commit));
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
            }
            let is_enough =
                bytes >= limits::READ_PAGE_BYTES_MAX || begun.elapsed() >= limits::KURRENTDB_PAGE_WAIT;
            if is_enough && request.is_further(seen) {
                break false;
            }
        };
        let end = match seen {
            Some(seen) if !is_whole => End::MoreAfter(seen),
            Some(_) | None => End::Reached,
        };
        let seen = seen.map(|position| Seen { position, of_another });
        Ok(Piece { events: gathered, end, places, seen, unreadable })
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

/// A link whose event is gone has none.
fn event_of(resolved: ResolvedEvent) -> Option<eventstore::RecordedEvent> {
    resolved.event.or(resolved.link)
}

async fn open(session: &Session, request: &Request<'_>) -> Result<ReadStream, ClientError> {
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
            session.client.read_stream(*outer, &options).await
        }
        Of::All { way, at, filter, .. } => {
            let place = match (at, way) {
                (Some(at), _) => StreamPosition::Position(ServerPosition { commit: *at, prepare: *at }),
                (None, Way::Forwards) => StreamPosition::Start,
                (None, Way::Backwards) => StreamPosition::End,
            };
            let options = ReadAllOptions::default().position(place).max_count(request.count);
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
