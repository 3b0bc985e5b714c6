//! How often something is allowed: so many times a second, and more at once after a quiet time.

use chrono::{DateTime, Utc};

pub struct Pace {
    per_second: u32,
    burst: u32,
    credit: u32,
    last: Option<DateTime<Utc>>,
}

impl Pace {
    pub fn new(per_second: u32, burst: u32) -> Self {
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

    /// Up to when credit has been earned; `None` where it was never asked.
    pub fn last(&self) -> Option<DateTime<Utc>> {
        self.last
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
        let mut pace = Pace::new(50, 500);
        let allowed = |pace: &mut Pace, second| (0..10_000).filter(|_| pace.allows(at(second))).count();
        assert_eq!(allowed(&mut pace, 0), 500);
        assert_eq!(allowed(&mut pace, 1), 50);
        assert_eq!(allowed(&mut pace, 3600), 500);
    }
}
