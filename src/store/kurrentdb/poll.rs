//! Looks again and again whether others have written, and while the log fails, whether it can be written again.

use std::sync::{Arc, Mutex, PoisonError};

use tokio::sync::watch;
use tokio::task::JoinHandle;

use super::super::condition::Condition;
use super::super::{AppendOutcome, Fault, Position, ReadLog as _};
use super::asking::End;
use super::flights::Flights;
use super::naming::append_again;
use super::reading::Log;
use crate::limits;

/// Ends when it is dropped.
pub struct Poll {
    stop: watch::Sender<bool>,
    task: Mutex<Option<JoinHandle<()>>>,
}

impl Poll {
    pub fn begin(log: Log, flights: Arc<Flights>, condition: Arc<Condition>) -> Self {
        let (stop, mut stopped) = watch::channel(false);
        let mut looking = Looking { log, flights, condition, end: None };
        let task = tokio::spawn(async move {
            while tokio::time::timeout(limits::KURRENTDB_POLL, stopped.wait_for(|stop| *stop)).await.is_err()
            {
                tokio::select! {
                    () = looking.look() => {}
                    _ = stopped.wait_for(|stop| *stop) => return,
                }
            }
        });
        Self { stop, task: Mutex::new(Some(task)) }
    }

    pub async fn end(&self) {
        self.stop.send_replace(true);
        let task = self.task.lock().unwrap_or_else(PoisonError::into_inner).take();
        if let Some(task) = task {
            // A task that panicked has been reported by the panic itself.
            let _ended = task.await;
        }
    }
}

struct Looking {
    log: Log,
    flights: Arc<Flights>,
    condition: Arc<Condition>,
    /// Up to where the server's log has been looked through.
    end: Option<u64>,
}

impl Looking {
    async fn look(&mut self) {
        if let Err(fault) = self.follow().await {
            return self.condition.failed(&fault);
        }
        if self.condition.is_failing() {
            match append_again(&self.log).await {
                // Of its own stream only: others are written.
                AppendOutcome::NotWritten(Fault::Refused(_)) | AppendOutcome::Unknown(Fault::Refused(_)) => {
                    self.condition.wrote();
                }
                AppendOutcome::Appended { .. } | AppendOutcome::Conflict { .. } => self.condition.wrote(),
                AppendOutcome::NotWritten(fault) | AppendOutcome::Unknown(fault) => {
                    self.condition.failed(&fault);
                }
            }
        }
    }

    async fn follow(&mut self) -> Result<(), Fault> {
        let Some(last) = self.log.last_of_all().await? else { return Ok(()) };
        let end = Some(last.position);
        if end <= self.end {
            return Ok(());
        }
        let known = self.flights.known_end();
        if end <= known.map(Position::number) {
            // The last ones were our own.
            self.end = end;
            return Ok(());
        }
        let news = self.log.news(known, &last).await?;
        let mut newest = news.places.last().map(|at| at.position);
        if let End::MoreAfter(_) = news.end {
            // So many of ours that the last one is found at once from behind.
            newest = newest.max(self.log.last().await?);
        }
        if let Some(newest) = newest {
            self.flights.move_to(newest);
        }
        // Where another node has answered, and shows less, it is looked for again.
        if news.seen.map(|seen| seen.position) >= end {
            self.log.is_quiet(newest.or(known), last.position);
            self.end = end;
        }
        Ok(())
    }
}
