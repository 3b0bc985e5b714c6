//! How fast the refused ring takes entries.

use chrono::{DateTime, Utc};

use crate::limits;

/// How many entries a second are taken: a flood of forgeries must not wear the disk out.
pub struct Pace {
    per_second: u32,
    burst: u32,
    credit: u32,
    last: Option<DateTime<Utc>>,
}

/// The paces of those who know a Token and of strangers.
pub struct Paces {
    token_holders: Pace,
    strangers: Pace,
}

impl Paces {
    pub fn of(&mut self, stranger: bool) -> &mut Pace {
        if stranger { &mut self.strangers } else { &mut self.token_holders }
    }
}

impl Default for Paces {
    fn default() -> Self {
        Self {
            token_holders: Pace::new(limits::REFUSED_PER_SECOND, limits::REFUSED_BURST),
            strangers: Pace::new(limits::REFUSED_STRANGERS_PER_SECOND, limits::REFUSED_STRANGERS_BURST),
        }
    }
}

impl Pace {
    fn new(per_second: u32, burst: u32) -> Self {
        Self { per_second, burst, credit: burst, last: None }
    }

    pub fn allows(&mut self, at: DateTime<Utc>) -> bool {
        let last = *self.last.get_or_insert(at);
        let seconds = u32::try_from((at - last).num_seconds()).unwrap_or(0);
        if seconds > 0 {
            let earned = seconds.saturating_mul(self.per_second);
            self.credit = self.credit.saturating_add(earned).min(self.burst);
            self.last = Some(at);
        }
        let allowed = self.credit > 0;
        self.credit = self.credit.saturating_sub(1);
        allowed
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(second: i64) -> DateTime<Utc> {
        DateTime::from_timestamp(1_800_000_000 + second, 0).unwrap()
    }

    #[test]
    fn a_flood_is_paced() {
        let mut pace = Pace::new(limits::REFUSED_PER_SECOND, limits::REFUSED_BURST);
        let allowed = |pace: &mut Pace, second| (0..10_000).filter(|_| pace.allows(at(second))).count();
        assert_eq!(allowed(&mut pace, 0), limits::REFUSED_BURST as usize);
        assert_eq!(allowed(&mut pace, 1), limits::REFUSED_PER_SECOND as usize);
        assert_eq!(allowed(&mut pace, 3600), limits::REFUSED_BURST as usize);
    }
}
