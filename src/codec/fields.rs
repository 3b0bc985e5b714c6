//! An event's fields as values, for those who fold by name and not by type: no domain object is made.

use std::borrow::Cow;
use std::fmt;

use chrono::{DateTime, Utc};
use serde::de::{DeserializeSeed, Deserializer, IgnoredAny, MapAccess, SeqAccess, Visitor};
use serde::{Deserialize, de};

use super::catalogue::{COLUMNS, EventFields, LINES, catalogue, kind_of};
use super::lines::Lines;
use crate::moment::parse_stamp;
use crate::store::RecordedEvent;

/// One field. Truth is 0 or 1; lists and objects are their JSON text.
#[derive(Clone, Debug, PartialEq)]
pub enum FieldValue<'a> {
    Null,
    Integer(i64),
    /// No event of ours has one; what cannot be an integer is kept as it came.
    Real(f64),
    Text(Cow<'a, str>),
}

impl FieldValue<'_> {
    fn into_owned(self) -> FieldValue<'static> {
        match self {
            Self::Null => FieldValue::Null,
            Self::Integer(number) => FieldValue::Integer(number),
            Self::Real(number) => FieldValue::Real(number),
            Self::Text(text) => FieldValue::Text(text.into_owned().into()),
        }
    }
}

/// An event that has been read for folding.
#[derive(Clone, Debug, PartialEq)]
pub struct FieldsOfEvent {
    /// Which event type of the catalogue; `None` for one that only a newer version knows.
    pub kind: Option<usize>,
    /// In the order of the catalogue; empty for an unknown type. The lines that the event brings are not here.
    pub values: Vec<FieldValue<'static>>,
    /// `None` where the event belongs to no app.
    pub app: Option<String>,
    /// RFC 3339 in UTC, to the millisecond.
    pub recorded_at: String,
}

/// What is needed of the metadata; the rest is skipped.
#[derive(Deserialize)]
struct Beside<'a> {
    #[serde(borrow, default)]
    app: Option<Cow<'a, str>>,
    #[serde(borrow)]
    recorded_at: Cow<'a, str>,
}

#[derive(Deserialize)]
struct Signed<'a> {
    #[serde(borrow)]
    payload: Option<Cow<'a, str>>,
}

/// The payload as it was signed; `None` for an event that no push brought.
pub fn payload(metadata: &str) -> Option<String> {
    serde_json::from_str::<Signed<'_>>(metadata).ok()?.payload.map(Cow::into_owned)
}

/// When an event was recorded; `None` where its metadata cannot be read.
pub fn recorded_at(metadata: &str) -> Option<DateTime<Utc>> {
    let beside: Beside<'_> = serde_json::from_str(metadata).ok()?;
    parse_stamp(&beside.recorded_at).ok()
}

/// Reads an event's fields, or says what is wrong with it.
pub fn fields(recorded: &RecordedEvent) -> Result<FieldsOfEvent, String> {
    let beside: Beside<'_> =
        serde_json::from_str(&recorded.metadata).map_err(|error| format!("metadata: {error}"))?;
    let kind = kind_of(&recorded.event_type);
    let values = match kind.and_then(|kind| catalogue().get(kind)) {
        None => Vec::new(),
        Some(event) => {
            let mut json = serde_json::Deserializer::from_str(&recorded.data);
            FieldsSeed { event }.deserialize(&mut json).map_err(|error| format!("data: {error}"))?
        }
    };
    let (app, recorded_at) = (beside.app.map(Cow::into_owned), beside.recorded_at.into_owned());
    Ok(FieldsOfEvent { kind, values, app, recorded_at })
}

/// Takes the lines of an event apart, or says what is wrong with them.
pub fn lines(recorded: &RecordedEvent) -> Result<Lines, String> {
    let event = kind_of(&recorded.event_type).and_then(|kind| catalogue().get(kind));
    event.map_or_else(|| Ok(Lines::default()), |event| Lines::parse(event, &recorded.data))
}

fn is_of_lines(name: &str) -> bool {
    name == COLUMNS || name == LINES
}

/// The fields of an object, in the order of the catalogue, whatever order they stand in.
struct FieldsSeed {
    event: &'static EventFields,
}

impl<'de> DeserializeSeed<'de> for FieldsSeed {
    type Value = Vec<FieldValue<'static>>;

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<Self::Value, D::Error> {
        deserializer.deserialize_map(self)
    }
}

impl<'de> Visitor<'de> for FieldsSeed {
    type Value = Vec<FieldValue<'static>>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("an object")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Self::Value, A::Error> {
        let names = self.event.fields;
        let mut values = vec![FieldValue::Null; names.len()];
        // They stand in the order of the catalogue, some left out: the next is near.
        let mut expected = 0;
        while let Some(name) = map.next_key::<Name<'de>>()? {
            let ahead = names.iter().skip(expected).position(|known| *known == name.0);
            let place = ahead
                .map(|ahead| expected + ahead)
                .or_else(|| names.iter().position(|known| *known == name.0));
            match place.and_then(|place| Some((place, values.get_mut(place)?))) {
                // Only who folds the lines takes them apart.
                Some((place, _)) if self.event.brings_lines() && is_of_lines(&name.0) => {
                    map.next_value::<IgnoredAny>()?;
                    expected = place + 1;
                }
                Some((place, value)) => {
                    *value = map.next_value::<FieldValue<'de>>()?.into_owned();
                    expected = place + 1;
                }
                None => {
                    map.next_value::<IgnoredAny>()?;
                }
            }
        }
        Ok(values)
    }
}

struct Name<'a>(Cow<'a, str>);

impl<'de> Deserialize<'de> for Name<'de> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Borrowing;
        impl<'de> Visitor<'de> for Borrowing {
            type Value = Name<'de>;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a name")
            }

            fn visit_borrowed_str<E: de::Error>(self, name: &'de str) -> Result<Self::Value, E> {
                Ok(Name(Cow::Borrowed(name)))
            }

            fn visit_str<E: de::Error>(self, name: &str) -> Result<Self::Value, E> {
                Ok(Name(Cow::Owned(name.to_owned())))
            }
        }
        deserializer.deserialize_str(Borrowing)
    }
}

impl<'de> Deserialize<'de> for FieldValue<'de> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Any;
        impl<'de> Visitor<'de> for Any {
            type Value = FieldValue<'de>;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a value")
            }

            fn visit_unit<E>(self) -> Result<FieldValue<'de>, E> {
                Ok(FieldValue::Null)
            }

            fn visit_bool<E>(self, value: bool) -> Result<FieldValue<'de>, E> {
                Ok(FieldValue::Integer(value.into()))
            }

            fn visit_i64<E>(self, value: i64) -> Result<FieldValue<'de>, E> {
                Ok(FieldValue::Integer(value))
            }

            fn visit_u64<E: de::Error>(self, value: u64) -> Result<FieldValue<'de>, E> {
                i64::try_from(value).map(FieldValue::Integer).map_err(|_| E::custom("a number is too large"))
            }

            fn visit_f64<E>(self, value: f64) -> Result<FieldValue<'de>, E> {
                Ok(FieldValue::Real(value))
            }

            fn visit_borrowed_str<E>(self, value: &'de str) -> Result<FieldValue<'de>, E> {
                Ok(FieldValue::Text(value.into()))
            }

            fn visit_str<E>(self, value: &str) -> Result<FieldValue<'de>, E> {
                Ok(FieldValue::Text(value.to_owned().into()))
            }

            fn visit_seq<A: SeqAccess<'de>>(self, mut list: A) -> Result<FieldValue<'de>, A::Error> {
                let mut items: Vec<serde_json::Value> = Vec::new();
                while let Some(item) = list.next_element()? {
                    items.push(item);
                }
                Ok(FieldValue::Text(serde_json::Value::from(items).to_string().into()))
            }

            fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<FieldValue<'de>, A::Error> {
                let mut object = serde_json::Map::new();
                while let Some((name, value)) = map.next_entry()? {
                    object.insert(name, value);
                }
                Ok(FieldValue::Text(serde_json::Value::from(object).to_string().into()))
            }
        }
        deserializer.deserialize_any(Any)
    }
}
