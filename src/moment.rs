//! How moments are written: RFC 3339 in UTC where programs read them, Beijing time where people do.

use std::ops::Range;

use chrono::{DateTime, FixedOffset, NaiveDate, SecondsFormat, Utc};

const BEIJING_S: i32 = 8 * 3600;

/// To the millisecond, which is the precision the log keeps: `2026-01-01T00:00:00.123Z`.
pub fn stamp(at: DateTime<Utc>) -> String {
    at.to_rfc3339_opts(SecondsFormat::Millis, true)
}

/// Exactly what [`stamp`] writes of the years 0 to 9999, and nothing else; sooner read than any RFC 3339.
pub fn parse_own_stamp(text: &str) -> Option<DateTime<Utc>> {
    const SHAPE: &str = "0000-00-00T00:00:00.000Z";
    let fits = |(byte, shape): (u8, u8)| if shape == b'0' { byte.is_ascii_digit() } else { byte == shape };
    if text.len() != SHAPE.len() || !text.bytes().zip(SHAPE.bytes()).all(fits) {
        return None;
    }
    let number = |place: Range<usize>| text.get(place)?.parse::<u32>().ok();
    let year = i32::try_from(number(0..4)?).ok()?;
    let date = NaiveDate::from_ymd_opt(year, number(5..7)?, number(8..10)?)?;
    let (hour, minute, second) = (number(11..13)?, number(14..16)?, number(17..19)?);
    Some(date.and_hms_milli_opt(hour, minute, second, number(20..23)?)?.and_utc())
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
        assert_eq!(parse_own_stamp(&stamp(at(0))), Some(at(0)));
        assert_eq!(parse_own_stamp(&beijing(at(0))), None);
        assert_eq!(in_beijing(at(-1)).date_naive().to_string(), "2025-12-31");
    }
}
