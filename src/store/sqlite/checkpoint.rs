//! Folds a write-ahead log into its database file, beside the writer as far as that goes: of the log, and of
//! the files of read models.
//!
//! A checkpoint copies pages and waits for the disk, tens of milliseconds for a long write-ahead log. So a
//! thread of its own copies what stands there when it begins, and again what has come meanwhile, until little
//! is left; then the writer copies that rest itself, between two groups, and the write-ahead log begins anew with
//! the next transaction.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU32, Ordering};
use std::sync::mpsc;
use std::time::Instant;

use rusqlite::{Connection, ErrorCode};
use tracing::{error, info};

use super::{end_process_if_sync_failed, fault};
use crate::limits;

/// What differs from file to file.
#[derive(Clone)]
pub struct CheckpointRules {
    /// How the file is named in messages.
    pub file: String,
    /// Folded when the write-ahead log has grown to so many pages.
    pub wal_pages: u32,
    pub rest: Rest,
    pub sync_failure: SyncFailure,
}

/// Who copies what little is left when the thread beside the writer has done its part.
#[derive(Clone, Copy, PartialEq, Eq)]
pub enum Rest {
    /// The writer, between two transactions: it has no pauses.
    ByWriter,
    /// The thread, in one of the writer's pauses, however often it has to try. Only a write-ahead log that has
    /// grown to this many times its pages is left to the writer.
    InPauses { until_times: u32 },
}

/// What a failed sync means.
#[derive(Clone, Copy, PartialEq, Eq)]
pub enum SyncFailure {
    /// What was acknowledged may be lost: nothing may be said any more.
    EndsProcess,
    /// The file can be built anew.
    IsTold,
}

pub struct Checkpoints {
    rules: CheckpointRules,
    /// Pages in the write-ahead log after the last transaction.
    wal_pages: Arc<AtomicU32>,
    /// How many pages there may be before the next checkpoint.
    next_at: u32,
    begin: mpsc::SyncSender<()>,
    copied: Arc<AtomicBool>,
    is_running: bool,
    outcome: Outcome,
}

/// Makes durable what a process before us left in the write-ahead log. What was committed there may not have
/// been synced: that process may have ended between the two, and repeats of its pushes are going to be
/// answered success because they stand in the log.
pub fn fold_what_was_left(connection: &Connection) -> Result<(), rusqlite::Error> {
    let begun = Instant::now();
    loop {
        // FULL waits for readers of older states; those of the newest, and those of an empty log, do not matter.
        let folded = connection.query_row("PRAGMA wal_checkpoint(FULL)", [], |row| {
            let (pages, copied): (i64, i64) = (row.get(1)?, row.get(2)?);
            Ok(pages == copied)
        });
        match folded {
            Ok(true) => return Ok(()),
            Err(error) if error.sqlite_error_code() != Some(ErrorCode::DatabaseBusy) => return Err(error),
            Ok(false) | Err(_) if begun.elapsed() < limits::FOLD_WAIT => {
                std::thread::park_timeout(limits::FOLD_TRY_INTERVAL);
            }
            Ok(false) | Err(_) => {
                let code = rusqlite::ffi::Error::new(rusqlite::ffi::SQLITE_BUSY);
                return Err(rusqlite::Error::SqliteFailure(code, None));
            }
        }
    }
}

fn no_thread() -> rusqlite::Error {
    let code = rusqlite::ffi::Error::new(rusqlite::ffi::SQLITE_NOMEM);
    rusqlite::Error::SqliteFailure(code, Some("no thread can be started".into()))
}

/// Whether checkpoints fail at the moment.
#[derive(Clone)]
struct Outcome {
    failing: Arc<AtomicBool>,
    rules: CheckpointRules,
}

impl Checkpoints {
    /// Watches the writer's connection and starts the thread that copies, through a connection of its own.
    pub fn start(
        writer: &mut Connection,
        beside: Connection,
        rules: CheckpointRules,
    ) -> Result<Self, rusqlite::Error> {
        let wal_pages = Arc::new(AtomicU32::new(0));
        let counted = wal_pages.clone();
        let count = move |_: &mut rusqlite::hooks::Wal, pages: i32| {
            counted.store(pages.unsigned_abs(), Ordering::Relaxed);
            Ok(())
        };
        // Also turns SQLite's own checkpoints off.
        writer.wal_hook(Some(count))?;
        let (begin, due) = mpsc::sync_channel::<()>(1);
        let copied = Arc::new(AtomicBool::new(false));
        let done = copied.clone();
        let outcome = Outcome { failing: Arc::default(), rules: rules.clone() };
        let told = outcome.clone();
        let written = wal_pages.clone();
        let run = move || {
            while due.recv().is_ok() {
                for _ in 0..limits::CHECKPOINT_PASSES_MAX {
                    let copied = told.of(&beside, "PASSIVE");
                    let copied = copied.map_or(u32::MAX, |folded| folded.copied);
                    let rest = written.load(Ordering::Relaxed).saturating_sub(copied);
                    if rest <= limits::CHECKPOINT_REST_PAGES {
                        break;
                    }
                }
                done.store(true, Ordering::Release);
            }
        };
        let thread = std::thread::Builder::new().name("checkpoint".into()).spawn(run);
        thread.map_err(|_| no_thread())?;
        let next_at = rules.wal_pages;
        Ok(Self { rules, wal_pages, next_at, begin, copied, is_running: false, outcome })
    }

    /// After each transaction.
    pub fn advance(&mut self, writer: &Connection) {
        let pages = self.wal_pages.load(Ordering::Relaxed);
        if self.is_running {
            if pages < self.rules.wal_pages {
                // It has begun anew by itself: all was copied in a pause.
                self.is_running = !self.copied.swap(false, Ordering::Acquire);
                self.next_at = self.rules.wal_pages;
            } else if self.copied.swap(false, Ordering::Acquire) {
                if let Rest::InPauses { until_times } = self.rules.rest
                    && pages < self.rules.wal_pages.saturating_mul(until_times)
                {
                    self.is_running = self.begin.try_send(()).is_ok();
                    return;
                }
                // One that could not begin anew in any pause, for others read it, waits for them now.
                let mode = if self.rules.rest == Rest::ByWriter { "PASSIVE" } else { "RESTART" };
                self.outcome.of(writer, mode);
                self.is_running = false;
                // Where a reader keeps the write-ahead log from beginning anew, it grows on for a while.
                self.next_at = pages.saturating_add(self.rules.wal_pages);
            }
        } else if pages < self.rules.wal_pages {
            self.next_at = self.rules.wal_pages;
        } else if pages >= self.next_at {
            // The thread is idle, so there is room.
            self.is_running = self.begin.try_send(()).is_ok();
        }
    }

    /// Leaves everything in the one file for now, and whether that is done: readers may be in the way.
    pub fn fold(&mut self, writer: &Connection) -> bool {
        let is_done = self.outcome.of(writer, "TRUNCATE").is_some_and(|Folded { pages, .. }| pages == 0);
        if is_done {
            self.wal_pages.store(0, Ordering::Relaxed);
        }
        is_done
    }

    /// Leaves everything in the one file.
    pub fn finish(self, writer: &Connection) {
        self.outcome.of(writer, "TRUNCATE");
    }
}

/// Pages of the write-ahead log, and how many of them stand in the file by now.
struct Folded {
    pages: u32,
    copied: u32,
}

impl Outcome {
    /// Runs a checkpoint; how far it has come, where that is known. A failure loses nothing: what was committed stays
    /// in the write-ahead log, and the next one tries again. One line when they begin to fail, one when they work
    /// again.
    fn of(&self, connection: &Connection, mode: &str) -> Option<Folded> {
        let sql = format!("PRAGMA wal_checkpoint({mode})");
        match connection.query_row(&sql, [], |row| Ok((row.get::<_, i64>(1)?, row.get::<_, i64>(2)?))) {
            Ok((pages, copied)) => {
                if self.failing.swap(false, Ordering::Relaxed) {
                    info!(file = self.rules.file, "the write-ahead log can be folded into its file again");
                }
                // Both are -1 where another one is at it.
                Some(Folded { pages: u32::try_from(pages).ok()?, copied: u32::try_from(copied).ok()? })
            }
            Err(error) => {
                if self.rules.sync_failure == SyncFailure::EndsProcess {
                    end_process_if_sync_failed(&error);
                }
                if !self.failing.swap(true, Ordering::Relaxed) {
                    let fault = fault(&error);
                    let file = &self.rules.file;
                    error!(alarm = "store", file, %fault, "the write-ahead log cannot be folded into its file");
                }
                None
            }
        }
    }
}
