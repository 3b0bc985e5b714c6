//! One event as statements see it: by name, without knowing what it means.

use std::borrow::Cow;
use std::sync::OnceLock;

use rusqlite::types::{ToSqlOutput, Value, ValueRef};

use super::moments;
use super::sources::Source;
use crate::codec::{self, FieldValue, FieldsOfEvent, Lines};
use crate::domain::environment::Environment;
use crate::store::{Position, RecordedEvent, signed};

#[derive(Debug)]
pub struct Event {
    pub position: Position,
    pub env: Option<Environment>,
    pub id: uuid::Uuid,
    recorded: RecordedEvent,
    day: String,
    /// Or why it cannot be read.
    pub fields: Result<FieldsOfEvent, String>,
    /// Taken apart by who first folds them, for all.
    lines: OnceLock<Result<Lines, String>>,
}

impl Event {
    pub fn read(recorded: RecordedEvent, days: &mut Days) -> Self {
        let fields = codec::fields(&recorded);
        let day = fields.as_ref().map(|fields| days.of(&fields.recorded_at)).unwrap_or_default();
        let (position, env, id) = (recorded.position, codec::env_of(&recorded.stream), recorded.id);
        Self { position, env, id, recorded, day, fields, lines: OnceLock::new() }
    }

    /// The lines it brings, or why they cannot be read.
    pub fn lines(&self) -> Result<&Lines, &String> {
        self.lines.get_or_init(|| codec::lines(&self.recorded)).as_ref()
    }

    /// A field of one of these lines, by its place in the catalogue.
    pub fn value_of_line<'e>(&'e self, lines: &'e Lines, line: usize, field: usize) -> ToSqlOutput<'e> {
        shown(lines.value(&self.recorded.data, line, field))
    }

    /// How a line is named in what its writer read: by its field `line`, or by its place among the others.
    pub fn number_of_line(&self, lines: &Lines, line: usize) -> i64 {
        let event = self.kind().and_then(|kind| codec::catalogue().get(kind));
        let field = event.and_then(|event| event.line_fields.iter().position(|field| *field == "line"));
        match field.map(|field| lines.value(&self.recorded.data, line, field)) {
            Some(FieldValue::Integer(number)) => number,
            _ => signed(line as u64 + 1),
        }
    }

    /// The place of its type in the catalogue; `None` for a type that only a newer version knows.
    pub fn kind(&self) -> Option<usize> {
        match &self.fields {
            Ok(fields) => fields.kind,
            Err(_) => codec::kind_of(&self.recorded.event_type),
        }
    }

    pub fn event_type(&self) -> &str {
        &self.recorded.event_type
    }

    pub fn value(&self, source: Source) -> ToSqlOutput<'_> {
        let text = |text: &'static str| ToSqlOutput::Borrowed(ValueRef::Text(text.as_bytes()));
        let borrowed = |text| ToSqlOutput::Borrowed(ValueRef::from(text));
        let owned = |text: Option<String>| ToSqlOutput::Owned(text.map_or(Value::Null, Value::Text));
        let fields = self.fields.as_ref().ok();
        match source {
            Source::Field(place) => {
                fields.and_then(|fields| fields.values.get(place)).map_or_else(null, field)
            }
            // Of each line another: bound when the line is folded.
            Source::Line(_) => null(),
            Source::Position => ToSqlOutput::Owned(Value::Integer(signed(self.position.number()))),
            Source::Stream => borrowed(self.recorded.stream.as_str()),
            Source::Version => ToSqlOutput::Owned(Value::Integer(signed(self.recorded.version))),
            Source::EventId => owned(Some(self.id.to_string())),
            Source::EventType => borrowed(self.event_type()),
            Source::RecordedAt => fields.map_or_else(null, |fields| borrowed(fields.recorded_at.as_str())),
            Source::Day => borrowed(self.day.as_str()),
            Source::App => fields.and_then(|fields| fields.app.as_deref()).map_or_else(null, borrowed),
            Source::Env => match self.env {
                Some(Environment::Production) => text("production"),
                Some(Environment::Sandbox) => text("sandbox"),
                None => null(),
            },
            Source::Key => codec::key_of(&self.recorded.stream).map_or_else(null, borrowed),
            Source::Payload => owned(codec::payload(&self.recorded.metadata)),
        }
    }
}

fn null<'a>() -> ToSqlOutput<'a> {
    ToSqlOutput::Owned(Value::Null)
}

fn field<'e>(value: &'e FieldValue<'static>) -> ToSqlOutput<'e> {
    shown(match value {
        FieldValue::Null => FieldValue::Null,
        FieldValue::Integer(number) => FieldValue::Integer(*number),
        FieldValue::Real(number) => FieldValue::Real(*number),
        FieldValue::Text(text) => FieldValue::Text(Cow::Borrowed(text)),
    })
}

fn shown(value: FieldValue<'_>) -> ToSqlOutput<'_> {
    match value {
        FieldValue::Null => null(),
        FieldValue::Integer(number) => ToSqlOutput::Owned(Value::Integer(number)),
        FieldValue::Real(number) => ToSqlOutput::Owned(Value::Real(number)),
        FieldValue::Text(Cow::Borrowed(text)) => ToSqlOutput::Borrowed(ValueRef::Text(text.as_bytes())),
        FieldValue::Text(Cow::Owned(text)) => ToSqlOutput::Owned(Value::Text(text)),
    }
}

/// Days of moments that come nearly in order: most share an hour with the one before.
#[derive(Debug, Default)]
pub struct Days {
    hour: String,
    day: String,
}

/// `2026-01-01T00`
const HOUR_BYTES: usize = 13;

impl Days {
    fn of(&mut self, recorded_at: &str) -> String {
        // An hour of a moment in UTC lies in one day in Beijing.
        let hour = recorded_at.get(..HOUR_BYTES).filter(|_| recorded_at.ends_with('Z'));
        if hour != Some(self.hour.as_str()) {
            self.day = moments::beijing_day(recorded_at).unwrap_or_default();
            self.hour = hour.unwrap_or_default().to_owned();
        }
        self.day.clone()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn days_are_those_of_beijing_whatever_came_before() {
        let mut days = Days::default();
        for (at, day) in [
            ("2025-12-31T15:59:59.999Z", "2025-12-31"),
            ("2025-12-31T16:00:00.000Z", "2026-01-01"),
            ("2025-12-31T16:30:00.000Z", "2026-01-01"),
            ("2025-12-31T16:30:00.000+08:00", "2025-12-31"),
            ("2025-12-31T15:00:00.000Z", "2025-12-31"),
            ("no moment", ""),
        ] {
            assert_eq!(days.of(at), day, "{at}");
        }
    }
}
