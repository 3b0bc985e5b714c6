//! Whether a log can be written, and telling people once when that changes: the same for all stores.

use std::sync::Mutex;
use std::time::Instant;

use tokio::sync::watch;
use tracing::{error, info};

use super::{Fault, Health};
use crate::limits;

/// The condition of the log, seen by the writer, the readers and those who wait for the writer.
pub struct Condition {
    health: watch::Sender<Health>,
    told: Mutex<Told>,
}

/// What people were told.
#[derive(Default)]
struct Told {
    /// That the log fails, and not yet that it works again.
    failing: bool,
    /// Each fault that was told of lately, and when.
    of: Vec<(Fault, Instant)>,
}

impl Told {
    /// Whether a fault has been told of often enough for now. Under too much load two of them come and go
    /// many times a second.
    fn is_enough(&mut self, fault: &Fault) -> bool {
        self.of.retain(|(_, at)| at.elapsed() < limits::FAULT_TOLD_AGAIN_AFTER);
        let times = self.of.iter().filter(|(known, _)| known == fault).count();
        let flickers = matches!(fault, Fault::QueueFull | Fault::Slow);
        times >= if flickers { 1 } else { limits::FAULT_TOLD_TIMES }
    }
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
        if !self.is_failing() {
            return;
        }
        let mut told = self.told();
        if self.changes_to(Health::Writable) && std::mem::take(&mut told.failing) {
            info!("the log can be written again");
        }
    }

    /// Something could not be written or read. One line when that begins. What comes and goes quickly, as
    /// under too much load, is told once in a while.
    pub fn failed(&self, fault: &Fault) {
        let mut told = self.told();
        let is_news = self.changes_to(Health::Failing(fault.clone()));
        if (told.failing && !is_news) || told.is_enough(fault) {
            return;
        }
        told.failing = true;
        told.of.push((fault.clone(), Instant::now()));
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
