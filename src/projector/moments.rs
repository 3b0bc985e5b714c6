//! The functions that statements have for moments: they take text as the log writes it, and need no clock.

use chrono::{DateTime, FixedOffset, NaiveDate, SecondsFormat, TimeDelta};

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

/// The moment so many seconds later, or earlier where they are negative, as the log writes it.
pub fn moment_plus(moment: &str, seconds: i64) -> Option<String> {
    let at = parse(moment)?.to_utc().checked_add_signed(TimeDelta::try_seconds(seconds)?)?;
    Some(at.to_rfc3339_opts(SecondsFormat::Millis, true))
}

/// The day so many days later, or earlier where they are negative.
pub fn day_plus(day: &str, days: i64) -> Option<String> {
    let day: NaiveDate = day.parse().ok()?;
    Some(day.checked_add_signed(TimeDelta::try_days(days)?)?.to_string())
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

    #[test]
    fn moments_and_days_are_added_to() {
        assert_eq!(
            moment_plus("2026-03-01T00:03:59.999Z", -86_640).as_deref(),
            Some("2026-02-27T23:59:59.999Z")
        );
        assert_eq!(
            moment_plus("2026-01-01T08:00:00.000+08:00", 1).as_deref(),
            Some("2026-01-01T00:00:01.000Z")
        );
        assert_eq!(day_plus("2026-02-28", 1).as_deref(), Some("2026-03-01"));
        assert_eq!(day_plus("2026-01-01", -15).as_deref(), Some("2025-12-17"));
        for (moment, seconds) in [("now", 1), ("2026-01-01T00:00:00Z", i64::MAX)] {
            assert_eq!(moment_plus(moment, seconds), None);
        }
        for (day, days) in [("today", 1), ("2026-01-01", i64::MAX)] {
            assert_eq!(day_plus(day, days), None);
        }
    }
}
