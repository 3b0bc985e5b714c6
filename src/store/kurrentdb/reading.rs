//! The log, as it is read: page by page, from where it begins in the server's log.

use std::sync::{Arc, Mutex, PoisonError};

use async_trait::async_trait;

use super::super::{Fault, LogId, Position, ReadLog, RecordedEvent, StreamName, VersionAt};
use super::asking::{Of, Piece, Request, Seen, Sought, Unread, Way};
use super::connection::Connection;
use super::names::Names;
use super::search::Search;
use super::versions::Walks;
use crate::limits;

/// The log, as it is read. Its clones share what they know.
#[derive(Clone)]
pub struct Log {
    pub connection: Arc<Connection>,
    pub names: Arc<Names>,
    begun: Option<Begun>,
    quiet: Arc<Mutex<Option<Quiet>>>,
    walks: Arc<Walks>,
}

/// The event that a log begins with: it was named before anything was appended to it.
#[derive(Clone, Copy, Debug)]
pub struct Begun {
    pub id: LogId,
    pub at: Position,
}

/// Nothing of ours stands behind `from` up to `to`: others use the server too, and what is theirs need not be looked
/// through again and again.
#[derive(Clone, Copy)]
struct Quiet {
    from: u64,
    to: u64,
}

impl Log {
    /// Before it is known where it begins.
    pub fn new(connection: Arc<Connection>, names: Names) -> Self {
        let names = Arc::new(names);
        Self { connection, names, begun: None, quiet: Arc::default(), walks: Arc::default() }
    }

    pub fn begun(self, begun: Begun) -> Self {
        Self { begun: Some(begun), ..self }
    }

    /// Streams that are kept beside it.
    pub fn beside(&self) -> Self {
        Self::new(self.connection.clone(), Names::beside())
    }

    /// Nothing of ours stands before.
    fn beginning(&self) -> Option<u64> {
        self.begun.map(|begun| begun.at.number())
    }

    /// What stands strictly after a position: a piece that has something, or the last.
    async fn read_after(
        &self,
        after: Option<Position>,
        limit: usize,
        category: Option<&str>,
    ) -> Result<Piece, Fault> {
        let sought = Sought { category, behind: after.map(Position::number), up_to: None };
        self.sought(sought, limit).await
    }

    async fn sought(&self, sought: Sought<'_>, limit: usize) -> Result<Piece, Fault> {
        let beginning = self.beginning();
        let after = self.over_what_is_quiet(sought.behind.max(beginning));
        if after.is_some_and(is_no_place) {
            return Ok(Piece::nothing());
        }
        let limit = limit.clamp(1, limits::READ_PAGE_EVENTS_MAX);
        let sought = Sought { behind: after, ..sought };
        // The server takes only positions at which an event stands. One that a person has named may be none; one
        // just before an event is meant for that event; and from the beginning all are found, if slowly.
        for at in [after, after.map(|number| number + 1), beginning, None] {
            let search = Search { log: self, sought, way: Way::Forwards, at, limit };
            match search.run().await {
                Ok(mut piece) => {
                    piece.events.truncate(limit);
                    return Ok(piece);
                }
                Err(Unread::NoEventThere) if self.end_of_all().await? <= after => {
                    return Ok(Piece::nothing());
                }
                Err(Unread::NoEventThere) => {}
                Err(Unread::Fault(fault)) => return Err(fault),
            }
        }
        Err(Unread::NoEventThere.fault())
    }

    /// Where events stand after a position, those that cannot be read too; nothing only where there is no more.
    pub async fn places_after(&self, after: Option<Position>) -> Result<Vec<VersionAt>, Fault> {
        Ok(self.read_after(after, limits::READ_PAGE_EVENTS_MAX, None).await?.places)
    }

    /// Ours after what is known, one by one, in an answer that shows whether it has come to `last`.
    pub async fn news(&self, after: Option<Position>, last: &Seen) -> Result<Piece, Fault> {
        let up_to = last.of_another.as_deref();
        let sought = Sought { category: None, behind: after.map(Position::number), up_to };
        self.sought(sought, limits::KURRENTDB_POLL_EVENTS).await
    }

    /// The last of ours.
    pub async fn last_of_ours(&self) -> Result<Option<RecordedEvent>, Fault> {
        Ok(self.piece_of_last().await?.read()?.events.into_iter().next())
    }

    async fn piece_of_last(&self) -> Result<Piece, Fault> {
        let sought = Sought { category: None, behind: self.beginning(), up_to: None };
        let search = Search { log: self, sought, way: Way::Backwards, at: None, limit: 1 };
        search.run().await.map_err(Unread::fault)
    }

    /// What stands last in the server's log, whoever wrote it.
    pub async fn last_of_all(&self) -> Result<Option<Seen>, Fault> {
        Ok(self.piece(&of_all(Way::Backwards, None, None)).await.map_err(Unread::fault)?.seen)
    }

    async fn end_of_all(&self) -> Result<Option<u64>, Fault> {
        Ok(self.last_of_all().await?.map(|last| last.position))
    }

    /// Nothing of ours stands between the two. Only an answer that has come to `to` shows that: what one node has told
    /// of, another one may not show yet.
    pub fn is_quiet(&self, from: Option<Position>, to: u64) {
        let from = from.map(Position::number).max(self.beginning()).unwrap_or(0);
        *self.quiet.lock().unwrap_or_else(PoisonError::into_inner) = Some(Quiet { from, to });
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
        let of = Of::Stream { outer: &outer, from };
        let request = Request { of, count, wait: limits::KURRENTDB_STREAM_WAIT };
        self.piece(&request).await.map_err(Unread::fault)
    }
}

/// One event of the server's log, anybody's.
fn of_all(way: Way, at: Option<u64>, behind: Option<u64>) -> Request<'static> {
    let of = Of::All { way, at, filter: None, sought: Sought { category: None, behind, up_to: None } };
    Request { of, count: 1, wait: limits::KURRENTDB_STREAM_WAIT }
}

/// The server counts in signed numbers, and takes the greatest one for the log's end.
fn is_no_place(number: u64) -> bool {
    number >= i64::MAX.unsigned_abs()
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
        Ok(self.read_after(after, limit, None).await?.read()?.events)
    }

    async fn read_category(
        &self,
        category: &str,
        after: Option<Position>,
        limit: usize,
    ) -> Result<Vec<RecordedEvent>, Fault> {
        Ok(self.read_after(after, limit, Some(category)).await?.read()?.events)
    }

    async fn event_at(&self, position: Position) -> Result<Option<RecordedEvent>, Fault> {
        let number = position.number();
        if Some(number) <= self.beginning() || is_no_place(number) {
            return Ok(None);
        }
        match self.piece(&of_all(Way::Forwards, Some(number), self.beginning())).await {
            Ok(piece) => Ok(piece.read()?.events.into_iter().find(|event| event.position == position)),
            Err(Unread::NoEventThere) => Ok(None),
            Err(Unread::Fault(fault)) => Err(fault),
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
        let piece = self.read_after(after, 1, None).await?;
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
        self.begun.map_or(LogId(uuid::Uuid::nil()), |begun| begun.id)
    }
}
