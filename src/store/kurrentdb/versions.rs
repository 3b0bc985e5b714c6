//! Walks all events in the order of their streams, which the server does not know: by a file with the places of all
//! of them, which is written from the whole log when a walk begins and goes with it.

use rusqlite::{Connection, params};
use tempfile::NamedTempFile;
use tokio::sync::Mutex;

use super::super::{Fault, Position, StreamName, VersionAt, signed};
use super::reading::Log;
use crate::limits;

const SCHEMA: &str = "
    PRAGMA journal_mode = OFF;
    PRAGMA synchronous = OFF;
    CREATE TABLE places (stream TEXT NOT NULL, version INTEGER NOT NULL, position INTEGER NOT NULL,
        PRIMARY KEY (stream, version)) STRICT, WITHOUT ROWID;";
const PLACES: &str = "SELECT stream, version, position FROM places
    WHERE (stream, version) > (?1, ?2) ORDER BY stream, version LIMIT ?3";

/// The walk that is under way, if one is.
#[derive(Default)]
pub struct Walks(Mutex<Option<Walk>>);

/// The file goes when this is dropped.
struct Walk {
    connection: Connection,
    _file: NamedTempFile,
}

impl Walks {
    /// The next page; the first one waits until the whole log has been read.
    pub async fn next(
        &self,
        log: &Log,
        after: Option<(StreamName, u64)>,
        limit: usize,
    ) -> Result<Vec<VersionAt>, Fault> {
        let mut kept = self.0.lock().await;
        let walk = match kept.take() {
            Some(walk) if after.is_some() => walk,
            Some(_) | None => Walk::begin(log).await?,
        };
        let (walk, page) = blocking(walk, move |walk| walk.page(after, limit)).await?;
        if !page.is_empty() {
            *kept = Some(walk);
        }
        Ok(page)
    }
}

impl Walk {
    async fn begin(log: &Log) -> Result<Self, Fault> {
        let file =
            NamedTempFile::new().map_err(|error| Fault::Io(format!("no file can be made: {error}")))?;
        let connection = Connection::open(file.path()).and_then(|connection| {
            connection.execute_batch(SCHEMA)?;
            Ok(connection)
        });
        let mut walk = Self { connection: connection.map_err(fault)?, _file: file };
        let mut after: Option<Position> = None;
        loop {
            let places = log.places_after(after).await?;
            let Some(last) = places.last() else { return Ok(walk) };
            after = Some(last.position);
            (walk, ()) = blocking(walk, move |walk| walk.add(&places)).await?;
        }
    }

    fn add(&mut self, places: &[VersionAt]) -> Result<(), rusqlite::Error> {
        let transaction = self.connection.transaction()?;
        {
            let mut insert = transaction.prepare_cached("INSERT INTO places VALUES (?1, ?2, ?3)")?;
            for VersionAt { stream, version, position } in places {
                insert.execute(params![stream.as_str(), signed(*version), signed(position.number())])?;
            }
        }
        transaction.commit()
    }

    fn page(
        &self,
        after: Option<(StreamName, u64)>,
        limit: usize,
    ) -> Result<Vec<VersionAt>, rusqlite::Error> {
        let limit = i64::try_from(limit.min(limits::READ_PAGE_EVENTS_MAX)).unwrap_or(i64::MAX);
        // No stream is nameless: the empty name comes before all.
        let (stream, version) =
            after.map_or((String::new(), 0), |(stream, version)| (stream.0, signed(version)));
        let mut statement = self.connection.prepare_cached(PLACES)?;
        let places = statement.query_map(params![stream, version, limit], |row| {
            Ok(VersionAt {
                stream: StreamName(row.get(0)?),
                version: row.get::<_, i64>(1)?.unsigned_abs(),
                position: Position(row.get::<_, i64>(2)?.unsigned_abs()),
            })
        });
        places?.collect()
    }
}

async fn blocking<T: Send + 'static>(
    mut walk: Walk,
    work: impl FnOnce(&mut Walk) -> Result<T, rusqlite::Error> + Send + 'static,
) -> Result<(Walk, T), Fault> {
    let done = tokio::task::spawn_blocking(move || {
        let done = work(&mut walk)?;
        Ok((walk, done))
    });
    done.await.map_err(|error| Fault::Io(error.to_string()))?.map_err(fault)
}

fn fault(error: rusqlite::Error) -> Fault {
    Fault::Io(format!("the file with the places of all events: {error}"))
}
