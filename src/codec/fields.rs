//! An event's fields as values, for those who fold by name and not by type: no domain object is made.

use std::borrow::Cow;
use std::fmt;

use serde::de::{DeserializeSeed, Deserializer, IgnoredAny, MapAccess, SeqAccess, Visitor};
use serde::{Deserialize, de};

use super::catalogue::{EventFields, catalogue, kind_of};
use crate::store::RecordedEvent;

/// One field. Truth is 0 or 1; lists and objects are their JSON text.
#[derive(Clone, Debug, PartialEq)]
pub enum FieldValue {
    Null,
    Integer(i64),
    /// No event of ours has one; what cannot be an integer is kept as it came.
    Real(f64),
    Text(Box<str>),
}

/// An event that has been read for folding.
#[derive(Clone, Debug, PartialEq)]
pub struct FieldsOfEvent {
    /// Which event type of the catalogue; `None` for one that only a newer version knows.
    pub kind: Option<usize>,
    /// In the order of the catalogue; empty for an unknown type.
    pub values: Vec<FieldValue>,
    /// `None` for what happens to no app.
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

/// The fields of an object, in the order of the catalogue, whatever order they stand in.
struct FieldsSeed {
    event: &'static EventFields,
}

impl<'de> DeserializeSeed<'de> for FieldsSeed {
    type Value = Vec<FieldValue>;

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<Self::Value, D::Error> {
        deserializer.deserialize_map(self)
    }
}

impl<'de> Visitor<'de> for FieldsSeed {
    type Value = Vec<FieldValue>;

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
                Some((place, value)) => {
                    *value = map.next_value()?;
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

impl<'de> Deserialize<'de> for FieldValue {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Any;
        impl<'de> Visitor<'de> for Any {
            type Value = FieldValue;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a value")
            }

            fn visit_unit<E>(self) -> Result<FieldValue, E> {
                Ok(FieldValue::Null)
            }

            fn visit_bool<E>(self, value: bool) -> Result<FieldValue, E> {
                Ok(FieldValue::Integer(value.into()))
            }

            fn visit_i64<E>(self, value: i64) -> Result<FieldValue, E> {
                Ok(FieldValue::Integer(value))
            }

            fn visit_u64<E: de::Error>(self, value: u64) -> Result<FieldValue, E> {
                i64::try_from(value).map(FieldValue::Integer).map_err(|_| E::custom("a number is too large"))
            }

            fn visit_f64<E>(self, value: f64) -> Result<FieldValue, E> {
                Ok(FieldValue::Real(value))
            }

            fn visit_str<E>(self, value: &str) -> Result<FieldValue, E> {
                Ok(FieldValue::Text(value.into()))
            }

            fn visit_seq<A: SeqAccess<'de>>(self, mut list: A) -> Result<FieldValue, A::Error> {
                let mut items: Vec<serde_json::Value> = Vec::new();
                while let Some(item) = list.next_element()? {
                    items.push(item);
                }
                Ok(FieldValue::Text(serde_json::Value::from(items).to_string().into()))
            }

            fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<FieldValue, A::Error> {
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
