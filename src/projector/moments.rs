//! The functions that statements have for moments: they take text as the log writes it, and need no clock.

use chrono::{DateTime, FixedOffset};

use crate::moment::in_beijing;

fn parse(text: &str) -> Option<DateTime<FixedOffset>> {
    DateTime::parse_from_rfc3339(text).ok().map(|at| in_beijing(at.to_utc()))
}

/// The day in Beijing that a moment counts for, `2026-01-01`; `None` for what is no moment.
pub fn beijing_day(moment: &str) -> Option<String> {
    Some(parse(moment)?.format("%Y-%m-%d").to_string())
}

/// The hour in Beijing, `2026-01-01T08`.
pub fn beijing_hour(moment: &str) -> Option<String> {
    Some(parse(moment)?.format("%Y-%m-%dT%H").to_string())
}

/// Whole seconds from one moment to another; negative where the other is earlier.
pub fn seconds_between(earlier: &str, later: &str) -> Option<i64> {
    Some((parse(later)? - parse(earlier)?).num_seconds())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn moments_are_read_as_the_log_writes_them_and_days_begin_in_beijing() {
        assert_eq!(beijing_day("2025-12-31T15:59:59.999Z").as_deref(), Some("2025-12-31"));
        assert_eq!(beijing_day("2025-12-31T16:00:00.000Z").as_deref(), Some("2026-01-01"));
        assert_eq!(beijing_hour("2025-12-31T23:30:00.000Z").as_deref(), Some("2026-01-01T07"));
        assert_eq!(seconds_between("2026-01-01T00:00:00.000Z", "2026-01-01T09:00:01.999+08:00"), Some(3601));
        assert_eq!(beijing_day("now"), None);
    }
}
