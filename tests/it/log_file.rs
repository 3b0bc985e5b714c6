//! The log's file, read with SQL and nothing of the program.

use std::collections::HashMap;
use std::path::Path;

use rusqlite::{Connection, OpenFlags};

/// A stream and the type of an event in it.
pub type Trace = (String, String);

pub struct LogFile(Connection);

impl LogFile {
    /// Only reads, so that nothing is repaired by looking. A server may be writing.
    pub fn open(path: &Path) -> Self {
        let connection = Connection::open_with_flags(path, OpenFlags::SQLITE_OPEN_READ_ONLY).unwrap();
        connection.busy_timeout(std::time::Duration::from_secs(5)).unwrap();
        Self(connection)
    }

    pub fn count(&self, sql: &str) -> i64 {
        self.0.query_row(sql, [], |row| row.get(0)).unwrap()
    }

    /// The position of the last event.
    pub fn end(&self) -> u64 {
        self.count("SELECT max(position) FROM events").unsigned_abs()
    }

    /// How many events stand in each stream of production orders, by the order's number.
    pub fn events_by_order(&self) -> HashMap<String, i64> {
        let sql =
            "SELECT substr(stream, 12), count(*) FROM events WHERE stream LIKE 'order-demo.%' GROUP BY 1";
        let mut statement = self.0.prepare(sql).unwrap();
        let rows = statement.query_map([], |row| Ok((row.get(0)?, row.get(1)?))).unwrap();
        rows.collect::<Result<_, _>>().unwrap()
    }

    /// How often each type of event stands in each stream. A stream of quarantine is named by the order
    /// number of its push.
    pub fn tally(&self) -> HashMap<Trace, i64> {
        let sql = "SELECT CASE WHEN stream LIKE 'quarantine-%'
                       THEN 'quarantine ' || json_extract(first.data, '$.out_trade_no') ELSE stream END,
                   type, count(*)
                   FROM events JOIN (SELECT stream AS s, data FROM events WHERE version = 0) AS first
                       ON first.s = stream
                   GROUP BY 1, 2";
        let mut statement = self.0.prepare(sql).unwrap();
        let rows = statement.query_map([], |row| Ok(((row.get(0)?, row.get(1)?), row.get(2)?))).unwrap();
        rows.collect::<Result<_, _>>().unwrap()
    }

    pub fn types_of(&self, stream: &str) -> Vec<String> {
        let sql = "SELECT type FROM events WHERE stream = ?1 ORDER BY version";
        let mut statement = self.0.prepare(sql).unwrap();
        let rows = statement.query_map([stream], |row| row.get(0)).unwrap();
        rows.collect::<Result<_, _>>().unwrap()
    }

    /// Some streams of each type of event.
    pub fn samples(&self) -> Vec<(String, String)> {
        let sql = "SELECT type, min(stream) FROM events GROUP BY type, substr(stream, -1)";
        let mut statement = self.0.prepare(sql).unwrap();
        let rows = statement.query_map([], |row| Ok((row.get(0)?, row.get(1)?))).unwrap();
        rows.collect::<Result<_, _>>().unwrap()
    }

    /// Each of these orders stands there once, and no order stands there twice.
    pub fn holds_once<'a>(&self, orders: impl IntoIterator<Item = &'a String>) {
        let events = self.events_by_order();
        let lost: Vec<_> = orders.into_iter().filter(|order| !events.contains_key(*order)).collect();
        assert!(lost.is_empty(), "answered success and not in the log: {lost:?}");
        let twice: Vec<_> = events.iter().filter(|(_, count)| **count != 1).collect();
        assert!(twice.is_empty(), "more than one event: {twice:?}");
    }

    /// The file is whole, and neither positions nor versions leave anything out.
    pub fn is_gapless(&self) {
        let integrity: String = self.0.query_row("PRAGMA integrity_check", [], |row| row.get(0)).unwrap();
        assert_eq!(integrity, "ok");
        let positions = self.count("SELECT max(position) - count(*) FROM events");
        assert_eq!((positions, self.count("SELECT min(position) FROM events")), (0, 1));
        let gaps = "SELECT count(*) FROM (SELECT 1 FROM events GROUP BY stream
                    HAVING min(version) != 0 OR max(version) != count(*) - 1)";
        assert_eq!(self.count(gaps), 0, "streams with gaps");
    }
}

/// Nothing is left in the write-ahead log: it is empty or gone.
pub fn wal_is_empty(path: &Path) -> bool {
    let wal = format!("{}-wal", path.display());
    std::fs::metadata(wal).map_or(0, |metadata| metadata.len()) == 0
}
