//! The cursor of the delivery feed: up to where a client has looked, in which log.

use std::fmt;

use uuid::Uuid;

use super::code::Code;
use super::error::ApiError;
use crate::store::{LogId, Position};

/// `{log_id}.{position}`; clients keep it as it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Cursor {
    pub log_id: LogId,
    /// `None` before the first event.
    pub position: Option<Position>,
}

impl fmt::Display for Cursor {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}.{}", self.log_id.0, self.position.map_or(0, Position::number))
    }
}

impl Cursor {
    /// The beginning of a log.
    pub fn start(log_id: LogId) -> Self {
        Self { log_id, position: None }
    }

    fn parse(text: &str) -> Option<Self> {
        let (log_id, position) = text.split_once('.')?;
        let log_id = Uuid::try_parse(log_id).ok().filter(|id| id.to_string() == log_id)?;
        let number = position.parse::<u64>().ok().filter(|number| number.to_string() == position)?;
        // What SQLite can count to.
        let is_position = i64::try_from(number).is_ok();
        let position = (number > 0).then(|| Position::from_number(number));
        is_position.then_some(Self { log_id: LogId(log_id), position })
    }

    /// The cursor that a client sent, which must be of this log.
    pub fn read(text: &str, place: &str, log_id: LogId) -> Result<Self, ApiError> {
        let malformed = || ApiError::at(Code::Parameter, place, "must be a cursor, as an answer gave it");
        let cursor = Self::parse(text).ok_or_else(malformed)?;
        if cursor.log_id == log_id {
            return Ok(cursor);
        }
        let message = format!(
            "the cursor is of the log {}, and this is the log {}, perhaps a restored copy: begin again without a \
             cursor and pass over what you have granted, for positions of one log mean nothing in another",
            cursor.log_id.0, log_id.0
        );
        Err(ApiError::new(Code::OtherLog, message))
    }

    /// It must lie within its log. A log that has been put back to an older copy of itself ends before cursors that
    /// were given since.
    pub fn check_within(self, end: Option<Position>) -> Result<(), ApiError> {
        if self.position <= end {
            return Ok(());
        }
        let message = format!(
            "the cursor lies beyond the end of this log, {}: the log has been put back to an older copy; begin \
             again without a cursor and pass over what you have granted",
            end.map_or(0, Position::number)
        );
        Err(ApiError::new(Code::OtherLog, message))
    }

    /// The same log, at an item.
    pub fn just_at(self, position: Option<Position>) -> Self {
        Self { position, ..self }
    }

    /// A page was looked at up to there. It never goes back.
    pub fn at_least(self, position: Option<Position>) -> Self {
        Self { position: self.position.max(position), ..self }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_cursor_is_read_as_it_was_written_and_nothing_else_is_one() {
        let log = LogId(Uuid::from_u128(7));
        let at = |number| Cursor { log_id: log, position: Some(Position::from_number(number)) };
        for cursor in [Cursor::start(log), at(1), at(i64::MAX as u64)] {
            assert_eq!(Cursor::parse(&cursor.to_string()), Some(cursor));
        }
        let id = log.0;
        for text in [
            "".to_owned(),
            "5".into(),
            format!("{id}"),
            format!("{id}."),
            format!("{id}.-1"),
            format!("{id}.+1"),
            format!("{id}.01"),
            format!("{id}.1.1"),
            format!("{id}.9223372036854775808"),
            format!("{}.1", id.simple()),
            "x.1".into(),
        ] {
            assert_eq!(Cursor::parse(&text), None, "{text}");
        }
    }

    #[test]
    fn a_cursor_never_goes_back() {
        let at = |number| Some(Position::from_number(number));
        let cursor = Cursor { log_id: LogId(Uuid::from_u128(7)), position: at(5) };
        assert_eq!(cursor.at_least(at(4)).position, at(5));
        assert_eq!(cursor.at_least(at(6)).position, at(6));
        assert_eq!(cursor.at_least(None).position, at(5));
    }
}
