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
        PRIMARY KEY (stream, version, position)) STRICT, WITHOUT ROWID;";
const PLACES: &str = "SELECT stream, version, position FROM places
    WHERE (stream, version, position) > (?1, ?2, ?3) ORDER BY stream, version, position LIMIT ?4";

/// The walk that is under way, if one is.
#[derive(Default)]
pub struct Walks(Mutex<Option<Walk>>);

/// The file goes when this is dropped.
struct Walk {
    connection: Connection,
    /// The last place given. A version that stands twice, which only damage or a hand can bring about, is two places:
    /// whoever asks by stream and version alone is not to miss the second.
    given: Option<VersionAt>,
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
        let mut walk = Self::empty()?;
        let mut after: Option<Position> = None;
        loop {
            let places = log.places_after(after).await?;
            let Some(last) = places.last() else { return Ok(walk) };
            after = Some(last.position);
            (walk, ()) = blocking(walk, move |walk| walk.add(&places)).await?;
        }
    }

    fn empty() -> Result<Self, Fault> {
        let file =
            NamedTempFile::new().map_err(|error| Fault::Io(format!("no file can be made: {error}")))?;
        let connection = Connection::open(file.path()).and_then(|connection| {
            connection.execute_batch(SCHEMA)?;
            Ok(connection)
        });
        Ok(Self { connection: connection.map_err(fault)?, given: None, _file: file })
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
        &mut self,
        after: Option<(StreamName, u64)>,
        limit: usize,
    ) -> Result<Vec<VersionAt>, rusqlite::Error> {
        let limit = i64::try_from(limit.min(limits::READ_PAGE_EVENTS_MAX)).unwrap_or(i64::MAX);
        // No stream is nameless: the empty name comes before all.
        let (stream, version) = after.unwrap_or_else(|| (StreamName(String::new()), 0));
        let given = self.given.take().filter(|given| given.stream == stream && given.version == version);
        let position = given.map_or(i64::MAX, |given| signed(given.position.number()));
        let mut statement = self.connection.prepare_cached(PLACES)?;
        let places = statement.query_map(params![stream.as_str(), signed(version), position, limit], |row| {
            Ok(VersionAt {
                stream: StreamName(row.get(0)?),
                version: row.get::<_, i64>(1)?.unsigned_abs(),
                position: Position(row.get::<_, i64>(2)?.unsigned_abs()),
            })
        });
        let places: Vec<_> = places?.collect::<Result<_, _>>()?;
        self.given = places.last().cloned();
        Ok(places)
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_version_that_stands_twice_is_walked_over_twice_however_many_are_asked_for_at_a_time() {
        let at = |stream: &str, version, position| {
            let (stream, position) = (StreamName(stream.into()), Position::from_number(position));
            VersionAt { stream, version, position }
        };
        let expected =
            [at("a", 0, 3), at("a", 1, 4), at("a", 1, 6), at("a", 1, 8), at("a", 2, 9), at("b", 0, 5)];
        let mut recorded = expected.to_vec();
        recorded.sort_by_key(|at| at.position);
        for limit in 1..=expected.len() {
            let mut walk = Walk::empty().unwrap();
            walk.add(&recorded).unwrap();
            let (mut walked, mut after) = (Vec::new(), None);
            loop {
                let page = walk.page(after, limit).unwrap();
                let Some(last) = page.last() else { break };
                after = Some((last.stream.clone(), last.version));
                walked.extend(page);
            }
            assert_eq!(walked, expected, "{limit} at a time");
        }
    }

    #[test]
    fn who_asks_behind_a_version_that_was_not_given_last_gets_what_follows_it() {
        let mut walk = Walk::empty().unwrap();
        let at = |version, position| {
            let (stream, position) = (StreamName("a".into()), Position::from_number(position));
            VersionAt { stream, version, position }
        };
        walk.add(&[at(0, 1), at(1, 2), at(1, 3), at(2, 4)]).unwrap();
        for _ in 0..2 {
            assert_eq!(walk.page(Some((StreamName("a".into()), 1)), 9).unwrap(), [at(2, 4)]);
        }
    }
}
