//! Daily byte quotas: what an app may add to quarantine and to its sandbox streams, so that neither a
//! misconfiguration nor a sandbox key can fill the disk that production needs. Counted per process, by
//! Beijing days; a restart begins a new count.

use std::collections::HashMap;
use std::sync::Mutex;

use chrono::{DateTime, NaiveDate, Utc};

use crate::domain::app::AppSlug;
use crate::limits;
use crate::moment::in_beijing;

#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Budget {
    /// Pushes in quarantine, and mocks.
    Quarantine,
    /// Orders and refunds of the sandbox.
    Sandbox,
}

impl Budget {
    fn as_str(self) -> &'static str {
        match self {
            Self::Quarantine => "quarantine_bytes_per_day",
            Self::Sandbox => "sandbox_bytes_per_day",
        }
    }
}

#[derive(Debug, thiserror::Error, PartialEq, Eq)]
#[error("app {app} has used up limits.{} ({max} bytes) for today", budget.as_str())]
pub struct OverQuota {
    pub app: AppSlug,
    pub budget: Budget,
    pub max: u64,
    /// Of this app, budget and day: the moment for an alarm.
    pub is_first: bool,
}

/// What has been used of a budget.
#[derive(Debug)]
struct Used {
    day: NaiveDate,
    bytes: u64,
    exceeded: bool,
}

impl Used {
    fn nothing_on(day: NaiveDate) -> Self {
        Self { day, bytes: 0, exceeded: false }
    }
}

#[derive(Debug)]
pub struct Quotas {
    quarantine_bytes_per_day: u64,
    sandbox_bytes_per_day: u64,
    used: Mutex<HashMap<(AppSlug, Budget), Used>>,
}

impl Default for Quotas {
    fn default() -> Self {
        Self::new(limits::QUARANTINE_BYTES_PER_DAY, limits::SANDBOX_BYTES_PER_DAY)
    }
}

impl Quotas {
    pub fn new(quarantine_bytes_per_day: u64, sandbox_bytes_per_day: u64) -> Self {
        Self { quarantine_bytes_per_day, sandbox_bytes_per_day, used: Mutex::default() }
    }

    /// Takes bytes out of the day's budget; they go back unless the charge is kept.
    pub fn charge(
        &self,
        app: &AppSlug,
        budget: Budget,
        bytes: usize,
        at: DateTime<Utc>,
    ) -> Result<Charge<'_>, OverQuota> {
        let max = match budget {
            Budget::Quarantine => self.quarantine_bytes_per_day,
            Budget::Sandbox => self.sandbox_bytes_per_day,
        };
        let (bytes, key) = (bytes as u64, (app.clone(), budget));
        let mut used = self.used.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
        let today = in_beijing(at).date_naive();
        let entry = used.entry(key.clone()).or_insert(Used::nothing_on(today));
        // A push of an earlier day, adopted today, counts with today.
        if entry.day < today {
            *entry = Used::nothing_on(today);
        }
        if entry.bytes.saturating_add(bytes) > max {
            let is_first = !std::mem::replace(&mut entry.exceeded, true);
            return Err(OverQuota { app: app.clone(), budget, max, is_first });
        }
        entry.bytes += bytes;
        Ok(Charge { quotas: self, key: Some(key), bytes })
    }

    /// What was over quota needs no bytes after all: the alarm is left to the next that does.
    pub fn excuse(&self, over: &OverQuota) {
        let mut used = self.used.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
        if let Some(entry) = used.get_mut(&(over.app.clone(), over.budget)).filter(|_| over.is_first) {
            entry.exceeded = false;
        }
    }

    fn give_back(&self, key: &(AppSlug, Budget), bytes: u64) {
        let mut used = self.used.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
        if let Some(entry) = used.get_mut(key) {
            entry.bytes = entry.bytes.saturating_sub(bytes);
        }
    }
}

/// Bytes taken out of a budget.
pub struct Charge<'a> {
    quotas: &'a Quotas,
    key: Option<(AppSlug, Budget)>,
    bytes: u64,
}

impl Charge<'_> {
    /// The bytes were written.
    pub fn keep(mut self) {
        self.key = None;
    }
}

impl Drop for Charge<'_> {
    fn drop(&mut self) {
        if let Some(key) = &self.key {
            self.quotas.give_back(key, self.bytes);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_budget_is_per_app_kind_and_beijing_day_and_only_what_was_written_counts() {
        let at = |hour: i64| DateTime::from_timestamp(1_800_000_000 + hour * 3600, 0).unwrap();
        let (demo, other) = (AppSlug::parse("demo").unwrap(), AppSlug::parse("other").unwrap());
        let quotas = Quotas::new(100, 50);
        let charge = |app, budget, bytes, hour| quotas.charge(app, budget, bytes, at(hour));
        charge(&demo, Budget::Quarantine, 60, 0).unwrap().keep();
        drop(charge(&demo, Budget::Quarantine, 40, 0).unwrap());
        charge(&demo, Budget::Quarantine, 40, 0).unwrap().keep();
        let over = charge(&demo, Budget::Quarantine, 1, 0).err().unwrap();
        assert_eq!((over.max, over.is_first), (100, true));
        quotas.excuse(&over);
        assert!(charge(&demo, Budget::Quarantine, 1, 0).err().unwrap().is_first, "not yet given");
        assert!(!charge(&demo, Budget::Quarantine, 1, 0).err().unwrap().is_first, "one alarm a day");
        assert!(charge(&demo, Budget::Sandbox, 50, 0).is_ok());
        assert!(charge(&other, Budget::Quarantine, 100, 0).is_ok());
        // 16:00 in Beijing: eight hours to the next day.
        assert!(charge(&demo, Budget::Quarantine, 1, 7).is_err());
        assert!(charge(&demo, Budget::Quarantine, 1, 8).is_ok());
    }
}
