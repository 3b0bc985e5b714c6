//! JSON read once and strictly: a duplicate key at any depth is an error, for two readers could take
//! either. Unknown keys are kept.

use std::fmt;

use serde::Deserializer;
use serde::de::{DeserializeSeed, Error, MapAccess, SeqAccess, Visitor};
use serde_json::map::Entry;
use serde_json::{Map, Number, Value};

use crate::limits;

pub fn parse(text: &str) -> Result<Value, serde_json::Error> {
    let mut deserializer = serde_json::Deserializer::from_str(text);
    let value = Strict { depth: 0 }.deserialize(&mut deserializer)?;
    deserializer.end()?;
    Ok(value)
}

#[derive(Clone, Copy)]
struct Strict {
    depth: usize,
}

impl Strict {
    fn deeper<E: Error>(self) -> Result<Self, E> {
        if self.depth == limits::NESTING_DEPTH_MAX {
            return Err(E::custom(format_args!("nested deeper than {} levels", limits::NESTING_DEPTH_MAX)));
        }
        Ok(Self { depth: self.depth + 1 })
    }
}

impl<'de> DeserializeSeed<'de> for Strict {
    type Value = Value;

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<Value, D::Error> {
        deserializer.deserialize_any(self)
    }
}

impl<'de> Visitor<'de> for Strict {
    type Value = Value;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("JSON without duplicate keys")
    }

    fn visit_bool<E>(self, value: bool) -> Result<Value, E> {
        Ok(Value::Bool(value))
    }

    fn visit_i64<E>(self, value: i64) -> Result<Value, E> {
        Ok(Value::from(value))
    }

    fn visit_u64<E>(self, value: u64) -> Result<Value, E> {
        Ok(Value::from(value))
    }

    fn visit_f64<E: Error>(self, value: f64) -> Result<Value, E> {
        Number::from_f64(value).map(Value::Number).ok_or_else(|| E::custom("a number is not finite"))
    }

    fn visit_str<E>(self, value: &str) -> Result<Value, E> {
        Ok(Value::from(value))
    }

    fn visit_string<E>(self, value: String) -> Result<Value, E> {
        Ok(Value::from(value))
    }

    fn visit_unit<E>(self) -> Result<Value, E> {
        Ok(Value::Null)
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut items: A) -> Result<Value, A::Error> {
        let item = self.deeper()?;
        let mut list = Vec::new();
        while let Some(value) = items.next_element_seed(item)? {
            list.push(value);
        }
        Ok(Value::Array(list))
    }

    fn visit_map<A: MapAccess<'de>>(self, mut entries: A) -> Result<Value, A::Error> {
        let value_seed = self.deeper()?;
        let mut map = Map::new();
        while let Some(key) = entries.next_key::<String>()? {
            match map.entry(key) {
                Entry::Occupied(known) => {
                    let shown: String = known.key().chars().take(64).collect();
                    return Err(A::Error::custom(format_args!("duplicate key {shown:?}")));
                }
                Entry::Vacant(place) => {
                    place.insert(entries.next_value_seed(value_seed)?);
                }
            }
        }
        Ok(Value::Object(map))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_duplicate_key_at_any_depth_is_refused_with_its_place() {
        for (text, error) in [
            (r#"{"a":1,"a":1}"#, r#"duplicate key "a" at line 1 column 10"#),
            (r#"{"x":{"Env":0,"Env":1}}"#, r#"duplicate key "Env" at line 1 column 19"#),
            (r#"[{"a":1,"\u0061":2}]"#, r#"duplicate key "a" at line 1 column 16"#),
            (r#"{"a":1} {"#, "trailing characters at line 1 column 9"),
            ("{", "EOF while parsing an object at line 1 column 1"),
        ] {
            assert_eq!(parse(text).unwrap_err().to_string(), error);
        }
    }

    #[test]
    fn a_nested_bomb_is_refused_not_followed() {
        let bomb = "[".repeat(60_000);
        assert!(parse(&bomb).unwrap_err().to_string().starts_with("nested deeper than"));
    }

    #[test]
    fn anything_else_reads_as_it_does_elsewhere() {
        for text in
            [r#"{"a":[1,-2,"3",null,true,{"b":1.5}],"":"中文"}"#, "[]", "\"\"", "18446744073709551615"]
        {
            assert_eq!(parse(text).unwrap(), serde_json::from_str::<Value>(text).unwrap());
        }
    }
}
