//! Whether the log can be written, and telling people once when that changes.

use std::sync::Mutex;
use std::time::Instant;

use tokio::sync::watch;
use tracing::{error, info};

use super::super::{Fault, Health};
use crate::limits;

/// The condition of the log, seen by the writer, the readers and those who wait for the writer.
pub struct Condition {
    health: watch::Sender<Health>,
    told: Mutex<Told>,
}

/// What people were told last.
#[derive(Default)]
struct Told {
    failing: bool,
    at: Option<Instant>,
}

impl Default for Condition {
    fn default() -> Self {
        Self { health: watch::Sender::new(Health::Writable), told: Mutex::default() }
    }
}

impl Condition {
    pub fn watch(&self) -> watch::Receiver<Health> {
        self.health.subscribe()
    }

    pub fn is_failing(&self) -> bool {
        *self.health.borrow() != Health::Writable
    }

    /// Something was written and synced.
    pub fn wrote(&self) {
        if self.changes_to(Health::Writable) {
            let mut told = self.told();
            if std::mem::take(&mut told.failing) {
                info!("the log can be written again");
            }
        }
    }

    /// Something could not be written or read. One line when that begins; where it comes and goes quickly,
    /// one in a while.
    pub fn failed(&self, fault: &Fault) {
        if !self.changes_to(Health::Failing(fault.clone())) {
            return;
        }
        let mut told = self.told();
        // Under too much load these two come and go many times a second.
        let flickers = matches!(fault, Fault::QueueFull | Fault::Slow);
        let lately = told.at.is_some_and(|at| at.elapsed() < limits::FAULT_TOLD_AGAIN_AFTER);
        if flickers && lately {
            return;
        }
        *told = Told { failing: true, at: Some(Instant::now()) };
        error!(alarm = "store", %fault, "the log cannot be written; pushes are answered with a failure");
    }

    /// A damaged file does not heal because a part of it can still be written.
    fn changes_to(&self, health: Health) -> bool {
        self.health.send_if_modified(|known| {
            let changes = *known != health && *known != Health::Failing(Fault::Corrupt);
            if changes {
                *known = health;
            }
            changes
        })
    }

    fn told(&self) -> std::sync::MutexGuard<'_, Told> {
        self.told.lock().unwrap_or_else(std::sync::PoisonError::into_inner)
    }
}
