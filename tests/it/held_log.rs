//! A log whose pages are small and whose reading the test holds up or breaks, with the read models over it.

use std::collections::BTreeSet;
use std::path::PathBuf;
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use async_trait::async_trait;
use chrono::DateTime;
use order_ledger::projector::past::{AsOf, Reach, Room, StateOf};
use order_ledger::projector::{Answer, AskError, Definition, Folder, Projector, Question, Views};
use order_ledger::store::sqlite::{Settings, SqliteStore};
use order_ledger::store::{EventStore, Fault, Position};
use rusqlite::Connection;
use tempfile::TempDir;
use tokio::sync::watch;

use super::as_of::questions;
use super::fixture_log::{Line, record};
use super::server::HANGS_AFTER;
use super::through::{Before, Read, Through};

/// Events of a page.
const PAGE: usize = 10;
const ENOUGH: Duration = Duration::from_secs(60);

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Reading {
    Free,
    /// What stands after this position is not read before something else holds.
    HeldAfter(u64),
    Fails,
    Panics,
}

pub struct Held {
    reading: watch::Sender<Reading>,
    /// What pages were read after.
    read: Mutex<Vec<u64>>,
}

pub type HeldLog = Through<SqliteStore, Held>;

#[async_trait]
impl Before for Held {
    async fn before(&self, read: Read) -> Result<(), Fault> {
        let Read::All { after, limit: 2.. } = read else {
            // One event is read to know its moment.
            return Ok(());
        };
        let at = after.map_or(0, Position::number);
        let is_free = |reading: &Reading| !matches!(reading, Reading::HeldAfter(held) if at >= *held);
        let reading = *self.reading.subscribe().wait_for(is_free).await.unwrap();
        self.read.lock().unwrap().push(at);
        match reading {
            Reading::Free | Reading::HeldAfter(_) => Ok(()),
            Reading::Fails => Err(Fault::Io("/secret/place is gone".to_owned())),
            Reading::Panics => panic!("the log cannot be read at all"),
        }
    }

    fn page_max(&self) -> usize {
        PAGE
    }
}

/// Read models over such a log.
pub struct HeldPast {
    pub projector: Arc<Projector>,
    pub log: Arc<HeldLog>,
    folder: TempDir,
}

impl HeldPast {
    /// Those of the program and these, once they have folded it all.
    pub async fn of(lines: &[Line], own: Vec<Folder>) -> Self {
        let past = Self::begun(lines, own, Reading::Free).await;
        let head = *past.log.store.head().borrow();
        let done = past.projector.caught_up(head, Duration::from_millis(5), |_| {});
        tokio::time::timeout(HANGS_AFTER, done).await.expect("folding does not end").unwrap();
        past
    }

    /// Those that are being built.
    pub async fn begun(lines: &[Line], own: Vec<Folder>, reading: Reading) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let store = Arc::new(SqliteStore::open(&Settings::at(folder.path().join("events.db"))).unwrap());
        record(&store, lines).await;
        let reading = watch::Sender::new(reading);
        let before = Held { reading, read: Mutex::default() };
        let log = Arc::new(HeldLog { store: store.clone(), before });
        let views = Views::take(&folder.path().join("views")).unwrap();
        let definitions = Definition::check_all(Folder::built_in().into_iter().chain(own).collect()).unwrap();
        let projector = Projector::new(log.clone(), store.head(), tokio::runtime::Handle::current());
        let begun = projector.clone();
        let begin = move || begun.begin(views, &definitions.into()).unwrap();
        tokio::task::spawn_blocking(begin).await.unwrap();
        Self { projector, log, folder }
    }

    pub fn reading(&self, reading: Reading) {
        self.log.before.reading.send_replace(reading);
    }

    /// What pages were read after since it was last looked at.
    pub fn pages(&self) -> Vec<u64> {
        std::mem::take(&mut *self.log.before.read.lock().unwrap())
    }

    pub fn moment(until: u64) -> StateOf {
        let at = DateTime::from_timestamp(1_800_000_000, 0).unwrap();
        StateOf { until: Some(Position::from_number(until)), at, reach: Reach::Over }
    }

    pub async fn position(&self, until: u64) -> StateOf {
        let at = DateTime::from_timestamp(1_800_000_000, 0).unwrap();
        let position = AsOf::Position(Position::from_number(until));
        self.projector.state_of(position, at, ENOUGH).await.unwrap()
    }

    pub async fn ask_of(
        &self,
        question: &str,
        state: &StateOf,
        (by, wait): (&str, Duration),
    ) -> Result<Answer, AskError> {
        let (projection, query) = question.split_once('/').unwrap();
        let declaration = self.projector.declaration(projection, query).unwrap();
        let parameters = &questions(&declaration);
        let question = Question { projection, query, parameters, as_of: state.at, min_position: None, wait };
        self.projector.ask_as_of(&question, state, by).await
    }

    /// Orders as of a position, when it is folded.
    pub async fn orders(&self, until: u64) -> Result<Answer, AskError> {
        self.ask("orders/search", until).await
    }

    pub async fn ask(&self, question: &str, until: u64) -> Result<Answer, AskError> {
        let answer = self.ask_of(question, &self.position(until).await, ("auditor", ENOUGH)).await?;
        assert_eq!(answer.position, Some(Position::from_number(until)));
        Ok(answer)
    }

    /// The same, which is told soon.
    pub async fn soon(&self, until: u64, by: &str) -> Result<Answer, AskError> {
        let state = self.position(until).await;
        self.ask_of("orders/search", &state, (by, Duration::from_millis(200))).await
    }

    /// All files of states of the past.
    pub fn files(&self) -> Vec<PathBuf> {
        let Ok(files) = std::fs::read_dir(self.folder.path().join("views/as-of")) else { return vec![] };
        files.map(|file| file.unwrap().path()).collect()
    }

    /// Those that are finished, and what each is as of.
    pub fn states(&self) -> Vec<(PathBuf, u64)> {
        let is_state = |path: &PathBuf| path.extension().is_some_and(|it| it == "db");
        let position = |path: PathBuf| {
            let connection = Connection::open(&path).unwrap();
            let position: i64 = connection
                .query_row("SELECT position FROM _checkpoint", [], |row| row.get(0))
                .unwrap_or_else(|error| panic!("{}: {error}", path.display()));
            (path, position.unsigned_abs())
        };
        self.files().into_iter().filter(is_state).map(position).collect()
    }

    /// Files of states that are removed, and that this process holds open still.
    pub fn open_and_gone(&self) -> Vec<String> {
        let folder = self.folder.path().join("views/as-of").display().to_string();
        let open = std::fs::read_dir("/proc/self/fd").unwrap();
        let names = open.filter_map(|file| std::fs::read_link(file.ok()?.path()).ok());
        let names = names.map(|name| name.display().to_string());
        names.filter(|name| name.starts_with(&folder) && name.ends_with("(deleted)")).collect()
    }

    pub fn positions(&self) -> BTreeSet<u64> {
        self.states().into_iter().map(|(_, position)| position).collect()
    }

    pub fn bytes(&self) -> u64 {
        self.states().iter().map(|(path, _)| std::fs::metadata(path).unwrap().len()).sum()
    }

    /// Everything in the state of a projection at a position.
    pub fn dump(&self, projection: &str, position: u64) -> Vec<String> {
        let begins = format!("{projection}-");
        let is_it = |(path, at): &(PathBuf, u64)| {
            *at == position && path.file_name().unwrap().to_str().unwrap().starts_with(&begins)
        };
        let found: Vec<_> = self.states().into_iter().filter(is_it).collect();
        assert_eq!(found.len(), 1, "{projection} as of {position}");
        dump(&found[0].0)
    }

    /// No state is kept any more, but for one of the first event.
    pub async fn forget_all(&self) {
        self.projector.keep_past_within(Room { states_max: 1, ..Room::default() });
        self.orders(1).await.unwrap();
        self.projector.keep_past_within(Room::default());
    }

    pub async fn end(self) {
        let projector = self.projector.clone();
        tokio::task::spawn_blocking(move || projector.close()).await.unwrap();
        assert_eq!(self.files(), Vec::<PathBuf>::new(), "nothing is left");
    }
}

/// What SQLite would write down of a file: its schema, and the rows of each table as they stand. Ids of logs differ.
fn dump(path: &std::path::Path) -> Vec<String> {
    let connection = Connection::open(path).unwrap();
    let rows = |sql: &str| {
        let mut statement = connection.prepare(sql).unwrap();
        let width = statement.column_count();
        let row = |row: &rusqlite::Row<'_>| {
            Ok(format!("{:?}", (0..width).map(|at| row.get_ref(at).unwrap()).collect::<Vec<_>>()))
        };
        statement.query_map([], row).unwrap().collect::<Result<Vec<_>, _>>().unwrap()
    };
    let mut all = rows("SELECT type, name, sql FROM sqlite_schema ORDER BY type, name");
    let names =
        "SELECT name FROM sqlite_schema WHERE type = 'table' AND name NOT LIKE 'sqlite%' ORDER BY name";
    let mut tables = connection.prepare(names).unwrap();
    let tables: Vec<String> = tables.query_map([], |row| row.get(0)).unwrap().map(Result::unwrap).collect();
    for table in tables {
        let what = if table == "_checkpoint" { "position, event_id" } else { "*" };
        all.push(table.clone());
        all.extend(rows(&format!("SELECT {what} FROM \"{table}\"")));
    }
    all
}

/// Whether it is told at once, and not when some wait is over.
pub fn at_once(begun: Instant) -> bool {
    begun.elapsed() < Duration::from_secs(10)
}
