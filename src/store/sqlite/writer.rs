//! The one thread that writes: all appends waiting become one transaction and one fsync.

use std::io::ErrorKind;
use std::path::PathBuf;
use std::sync::Arc;

use rusqlite::{CachedStatement, Connection, OptionalExtension, TransactionBehavior};
use tokio::sync::{mpsc, oneshot, watch};
use tokio::time::{Instant, sleep_until};
use tracing::error;

use super::super::condition::Condition;
use super::super::{Append, AppendOutcome, Counters, Fault, Health, NewEvent, Position, StreamName, signed};
use super::checkpoint::Checkpoints;
use super::effort::Effort;
use super::{end_process_if_sync_failed, fault};
use crate::limits;

/// An append and whoever waits for its outcome.
pub struct Waiting {
    pub append: Append,
    pub reply: oneshot::Sender<AppendOutcome>,
}

pub struct Writer {
    pub path: PathBuf,
    pub connection: Connection,
    pub checkpoints: Checkpoints,
    pub pushes: mpsc::Receiver<Waiting>,
    pub commands: mpsc::Receiver<Waiting>,
    pub closing: watch::Receiver<bool>,
    pub head: watch::Sender<Option<Position>>,
    pub condition: Arc<Condition>,
    pub counters: Arc<Counters>,
    pub effort: Arc<Effort>,
    pub health: watch::Receiver<Health>,
    pub groups_since_command: u32,
    pub probe_at: Option<Instant>,
}

/// Ends the process when the writer ends unasked: without it nothing could be recorded any more.
struct Indispensable;

impl Drop for Indispensable {
    fn drop(&mut self) {
        if std::thread::panicking() {
            error!(alarm = "store", "the log's writer has failed; the process ends");
            std::process::exit(2);
        }
    }
}

/// What the writer does next.
enum Next {
    WritePushes,
    WriteCommand,
    /// See whether the store can be written again.
    Probe,
    /// See what has changed.
    Look,
    Close,
}

impl Writer {
    pub fn run(mut self) {
        let _indispensable = Indispensable;
        let runtime = match tokio::runtime::Builder::new_current_thread().enable_time().build() {
            Ok(runtime) => runtime,
            Err(error) => {
                error!(alarm = "store", %error, "the log's writer cannot start; the process ends");
                std::process::exit(2);
            }
        };
        runtime.block_on(async {
            let mut group = Vec::with_capacity(limits::GROUP_APPENDS_MAX);
            loop {
                match self.next(&mut group).await {
                    Next::WriteCommand => self.write_group(&mut group),
                    Next::WritePushes => {
                        self.gather(&mut group);
                        self.write_group(&mut group);
                    }
                    Next::Probe => self.probe(),
                    Next::Look => {}
                    Next::Close => break,
                }
            }
        });
        self.close();
    }

    /// Pushes go first; a command gets a transaction of its own when no push waits, or after a while.
    async fn next(&mut self, group: &mut Vec<Waiting>) -> Next {
        let probe_at = self.probe_at();
        if probe_at.is_some_and(|at| at <= Instant::now()) {
            self.probe_at = None;
            return Next::Probe;
        }
        if self.groups_since_command >= limits::GROUPS_BEFORE_COMMAND
            && let Ok(command) = self.commands.try_recv()
        {
            self.groups_since_command = 0;
            group.push(command);
            return Next::WriteCommand;
        }
        tokio::select! {
            biased;
            received = self.pushes.recv_many(group, limits::GROUP_APPENDS_MAX) => {
                self.groups_since_command = self.groups_since_command.saturating_add(1);
                if received == 0 { Next::Close } else { Next::WritePushes }
            }
            command = self.commands.recv() => match command {
                Some(command) => {
                    self.groups_since_command = 0;
                    group.push(command);
                    Next::WriteCommand
                }
                None => Next::Close,
            },
            _ = self.closing.wait_for(|closing| *closing) => Next::Close,
            () = sleep_until(probe_at.unwrap_or_else(Instant::now)), if probe_at.is_some() => Next::Look,
            // Somebody else found a fault while nothing is to be written.
            _ = self.health.changed() => Next::Look,
        }
    }

    /// While the log is failing, when it is tried next, also where repeats alone keep the writer busy.
    fn probe_at(&mut self) -> Option<Instant> {
        if !self.condition.is_failing() {
            self.probe_at = None;
            return None;
        }
        Some(*self.probe_at.get_or_insert_with(|| Instant::now() + limits::PROBE_INTERVAL))
    }

    /// Lets those go first who are about to append, where processors are short: fewer and larger groups
    /// are fewer fsyncs. Costs nothing where nobody comes.
    fn gather(&mut self, group: &mut Vec<Waiting>) {
        loop {
            let before = group.len();
            std::thread::yield_now();
            while group.len() < limits::GROUP_APPENDS_MAX
                && let Ok(waiting) = self.pushes.try_recv()
            {
                group.push(waiting);
            }
            if group.len() == before || group.len() >= limits::GROUP_APPENDS_MAX {
                break;
            }
        }
    }

    fn write_group(&mut self, group: &mut Vec<Waiting>) {
        // Who has gone is not waited for: WeChat will push again.
        group.retain(|waiting| !waiting.reply.is_closed());
        if group.is_empty() {
            return;
        }
        match self.effort.of(|| write(&mut self.connection, group)) {
            Ok(written) => {
                // A repeat or a conflict writes nothing and shows nothing of the disk.
                if written.events > 0 {
                    self.condition.wrote();
                    Counters::add(&self.counters.events, written.events);
                    Counters::add(&self.counters.commits, 1);
                    self.head.send_replace(written.head);
                }
                for (waiting, outcome) in group.drain(..).zip(written.outcomes) {
                    // The caller may have gone meanwhile; its event is durable all the same.
                    let _gone = waiting.reply.send(outcome);
                }
                self.checkpoints.advance(&self.connection);
            }
            Err(failure) => {
                end_process_if_sync_failed(&failure.error);
                Counters::add(&self.counters.commit_failures, 1);
                let fault = self.fault(&failure.error);
                self.condition.failed(&fault);
                for waiting in group.drain(..) {
                    let outcome = match failure.stage {
                        Stage::BeforeCommit => AppendOutcome::NotWritten(fault.clone()),
                        Stage::Commit => AppendOutcome::Unknown(fault.clone()),
                    };
                    let _gone = waiting.reply.send(outcome);
                }
            }
        }
    }

    /// What is behind an error. SQLite does not tell a disk that has turned read-only from a broken one;
    /// the file does.
    fn fault(&self, error: &rusqlite::Error) -> Fault {
        let fault = fault(error);
        let Fault::Io(_) = &fault else { return fault };
        let tried = std::fs::OpenOptions::new().write(true).open(&self.path);
        match tried.map_err(|error| error.kind()) {
            Err(ErrorKind::ReadOnlyFilesystem | ErrorKind::PermissionDenied) => Fault::ReadOnly,
            _ => fault,
        }
    }

    fn probe(&mut self) {
        let result = self.connection.execute("UPDATE log SET probes = probes + 1", []);
        match result {
            Ok(_) => self.condition.wrote(),
            Err(error) => {
                end_process_if_sync_failed(&error);
                self.condition.failed(&self.fault(&error));
            }
        }
    }

    /// Writes what still waits, then leaves everything in the one file.
    fn close(mut self) {
        self.pushes.close();
        self.commands.close();
        let mut group = Vec::new();
        while let Ok(waiting) = self.pushes.try_recv() {
            group.push(waiting);
        }
        while let Ok(waiting) = self.commands.try_recv() {
            group.push(waiting);
        }
        self.write_group(&mut group);
        self.checkpoints.finish(&self.connection);
    }
}

enum Stage {
    BeforeCommit,
    Commit,
}

struct Failure {
    stage: Stage,
    error: rusqlite::Error,
}

struct Written {
    outcomes: Vec<AppendOutcome>,
    events: u64,
    head: Option<Position>,
}

/// One transaction for the whole group. A conflict is the outcome of one append; an error fails them all.
fn write(connection: &mut Connection, group: &[Waiting]) -> Result<Written, Failure> {
    let before = |error| Failure { stage: Stage::BeforeCommit, error };
    let transaction = connection.transaction_with_behavior(TransactionBehavior::Immediate).map_err(before)?;
    let mut written = Written { outcomes: Vec::with_capacity(group.len()), events: 0, head: None };
    let mut statements = Statements::prepare(&transaction).map_err(before)?;
    for Waiting { append, .. } in group {
        let outcome = append_one(&mut statements, append).map_err(before)?;
        if let AppendOutcome::Appended { position, repeated: false, .. } = outcome {
            written.events += append.events.len() as u64;
            written.head = Some(position);
        }
        written.outcomes.push(outcome);
    }
    drop(statements);
    transaction.commit().map_err(|error| Failure { stage: Stage::Commit, error })?;
    Ok(written)
}

/// The statements of a group, looked up once.
struct Statements<'c> {
    insert: CachedStatement<'c>,
    current_version: CachedStatement<'c>,
    position: CachedStatement<'c>,
}

impl<'c> Statements<'c> {
    fn prepare(connection: &'c Connection) -> Result<Self, rusqlite::Error> {
        Ok(Self {
            insert: connection.prepare_cached(
                "INSERT INTO events (stream, version, id, type, data, metadata)
                 VALUES (?1, ?2, ?3, ?4, ?5, ?6)",
            )?,
            current_version: connection.prepare_cached(
                "SELECT version FROM events WHERE stream = ?1 ORDER BY version DESC LIMIT 1",
            )?,
            position: connection.prepare_cached(
                "SELECT position FROM events WHERE stream = ?1 AND version = ?2 AND id = ?3",
            )?,
        })
    }

    fn insert(
        &mut self,
        stream: &StreamName,
        version: u64,
        event: &NewEvent,
    ) -> Result<i64, rusqlite::Error> {
        self.insert.insert((
            stream.as_str(),
            signed(version),
            event.id.as_bytes(),
            event.event_type,
            &event.data,
            &event.metadata,
        ))
    }

    fn current_version(&mut self, stream: &StreamName) -> Result<Option<u64>, rusqlite::Error> {
        let version = self.current_version.query_row([stream.as_str()], |row| row.get::<_, i64>(0));
        Ok(version.optional()?.map(i64::unsigned_abs))
    }

    /// Where this very event stands, if it does.
    fn position(
        &mut self,
        stream: &StreamName,
        version: u64,
        event: &NewEvent,
    ) -> Result<Option<Position>, rusqlite::Error> {
        let values = (stream.as_str(), signed(version), event.id.as_bytes());
        let position = self.position.query_row(values, |row| row.get::<_, i64>(0)).optional()?;
        Ok(position.map(|position| Position(position.unsigned_abs())))
    }
}

fn append_one(statements: &mut Statements<'_>, append: &Append) -> Result<AppendOutcome, rusqlite::Error> {
    let first_version = append.expected.next();
    let current = statements.current_version(&append.stream)?;
    if current.map_or(0, |version| version + 1) != first_version {
        return repeated_or_conflict(statements, append, current);
    }
    let mut position = None;
    for (event, version) in append.events.iter().zip(first_version..) {
        position = Some(Position(statements.insert(&append.stream, version, event)?.unsigned_abs()));
    }
    match position {
        Some(position) => Ok(AppendOutcome::Appended { first_version, position, repeated: false }),
        // Nothing was asked for.
        None => Ok(AppendOutcome::Conflict { current }),
    }
}

/// The same ids at the same versions are the same append: it gets its original result.
fn repeated_or_conflict(
    statements: &mut Statements<'_>,
    append: &Append,
    current: Option<u64>,
) -> Result<AppendOutcome, rusqlite::Error> {
    let first_version = append.expected.next();
    let mut position = None;
    for (event, version) in append.events.iter().zip(first_version..) {
        position = statements.position(&append.stream, version, event)?;
        if position.is_none() {
            break;
        }
    }
    Ok(match position {
        Some(position) => AppendOutcome::Appended { first_version, position, repeated: true },
        None => AppendOutcome::Conflict { current },
    })
}
