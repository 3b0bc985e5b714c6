//! How moments are written: RFC 3339 in UTC where programs read them, Beijing time where people do.

use chrono::{DateTime, FixedOffset, SecondsFormat, Utc};

const BEIJING_S: i32 = 8 * 3600;

/// To the millisecond, which is the precision the log keeps: `2026-01-01T00:00:00.123Z`.
pub fn stamp(at: DateTime<Utc>) -> String {
    at.to_rfc3339_opts(SecondsFormat::Millis, true)
}

/// Any RFC 3339, in UTC.
pub fn parse_stamp(text: &str) -> Result<DateTime<Utc>, chrono::ParseError> {
    DateTime::parse_from_rfc3339(text).map(|at| at.with_timezone(&Utc))
}

/// The same moment in Beijing: its date is the day it counts for.
pub fn in_beijing(at: DateTime<Utc>) -> DateTime<FixedOffset> {
    // Eight hours east are within a day, so there is such a zone.
    FixedOffset::east_opt(BEIJING_S).map_or_else(|| at.fixed_offset(), |zone| at.with_timezone(&zone))
}

/// `2026-01-01T08:00:00.123+08:00`.
pub fn beijing(at: DateTime<Utc>) -> String {
    in_beijing(at).to_rfc3339_opts(SecondsFormat::Millis, false)
}

/// The same of a moment that stands somewhere as text; what is none stays as it is.
pub fn beijing_text(text: &str) -> String {
    parse_stamp(text).map_or_else(|_| text.to_owned(), beijing)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_day_begins_at_midnight_in_beijing() {
        let at = |hour: i64| DateTime::from_timestamp(1_767_196_800 + hour * 3600, 0).unwrap();
        assert_eq!(stamp(at(0)), "2025-12-31T16:00:00.000Z");
        assert_eq!(beijing(at(0)), "2026-01-01T00:00:00.000+08:00");
        assert_eq!(beijing_text(&stamp(at(1))), "2026-01-01T01:00:00.000+08:00");
        assert_eq!(beijing_text("soon"), "soon");
        assert_eq!(in_beijing(at(-1)).date_naive().to_string(), "2025-12-31");
    }
}
