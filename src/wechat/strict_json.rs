//! JSON read once and strictly: a duplicate key at any depth is an error, for two readers could take
//! either. Unknown keys are kept.

use std::borrow::Cow;
use std::collections::HashSet;
use std::fmt;

use serde::Deserializer;
use serde::de::{DeserializeSeed, Error, MapAccess, SeqAccess, Visitor};
use serde_json::{Number, Value};

use super::json::{Json, JsonObject};
use crate::limits;

/// As serde's own value, which is kept.
pub fn parse(text: &str) -> Result<Value, serde_json::Error> {
    read(text).map(Value::from)
}

pub fn read(text: &str) -> Result<Json<'_>, serde_json::Error> {
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
    type Value = Json<'de>;

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<Json<'de>, D::Error> {
        deserializer.deserialize_any(self)
    }
}

impl<'de> Visitor<'de> for Strict {
    type Value = Json<'de>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("JSON without duplicate keys")
    }

    fn visit_bool<E>(self, value: bool) -> Result<Json<'de>, E> {
        Ok(Json::Bool(value))
    }

    fn visit_i64<E>(self, value: i64) -> Result<Json<'de>, E> {
        Ok(Json::Number(value.into()))
    }

    fn visit_u64<E>(self, value: u64) -> Result<Json<'de>, E> {
        Ok(Json::Number(value.into()))
    }

    fn visit_f64<E: Error>(self, value: f64) -> Result<Json<'de>, E> {
        Number::from_f64(value).map(Json::Number).ok_or_else(|| E::custom("a number is not finite"))
    }

    fn visit_borrowed_str<E>(self, value: &'de str) -> Result<Json<'de>, E> {
        Ok(Json::Text(Cow::Borrowed(value)))
    }

    fn visit_str<E>(self, value: &str) -> Result<Json<'de>, E> {
        Ok(Json::Text(Cow::Owned(value.to_owned())))
    }

    fn visit_unit<E>(self) -> Result<Json<'de>, E> {
        Ok(Json::Null)
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut items: A) -> Result<Json<'de>, A::Error> {
        let item = self.deeper()?;
        let mut list = Vec::new();
        while let Some(value) = items.next_element_seed(item)? {
            list.push(value);
        }
        Ok(Json::List(list))
    }

    fn visit_map<A: MapAccess<'de>>(self, mut entries: A) -> Result<Json<'de>, A::Error> {
        let value_seed = self.deeper()?;
        let (mut fields, mut names) = (JsonObject::with_capacity(limits::FIELDS_EXPECTED), Names::default());
        while let Some(name) = entries.next_key_seed(Name)? {
            if !names.is_new(&name, &fields) {
                let shown: String = name.chars().take(64).collect();
                return Err(A::Error::custom(format_args!("duplicate key {shown:?}")));
            }
            fields.push((name, entries.next_value_seed(value_seed)?));
        }
        Ok(Json::Object(fields))
    }
}

/// The name of a field.
struct Name;

impl<'de> DeserializeSeed<'de> for Name {
    type Value = Cow<'de, str>;

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<Cow<'de, str>, D::Error> {
        deserializer.deserialize_str(self)
    }
}

impl<'de> Visitor<'de> for Name {
    type Value = Cow<'de, str>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a key")
    }

    fn visit_borrowed_str<E>(self, name: &'de str) -> Result<Cow<'de, str>, E> {
        Ok(Cow::Borrowed(name))
    }

    fn visit_str<E>(self, name: &str) -> Result<Cow<'de, str>, E> {
        Ok(Cow::Owned(name.to_owned()))
    }
}

/// The names of an object so far: few are looked through, many are hashed.
#[derive(Default)]
struct Names(HashSet<String>);

impl Names {
    fn is_new(&mut self, name: &str, fields: &JsonObject<'_>) -> bool {
        if fields.len() < limits::FIELDS_LOOKED_THROUGH_MAX {
            return fields.iter().all(|(known, _)| known != name);
        }
        if self.0.is_empty() {
            self.0.extend(fields.iter().map(|(known, _)| known.clone().into_owned()));
        }
        self.0.insert(name.to_owned())
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
    fn a_duplicate_among_many_keys_is_refused_too() {
        let keys = |last: &str| {
            let keys: Vec<_> = (0..10_000).map(|key| format!(r#""k\u0030{key}":{key}"#)).collect();
            format!("{{{},\"{last}\":0}}", keys.join(","))
        };
        assert!(parse(&keys("k0new")).is_ok());
        for key in [0, 20, 9_999] {
            let error = parse(&keys(&format!("k0{key}"))).unwrap_err().to_string();
            assert!(error.starts_with(&format!("duplicate key \"k0{key}\"")), "{error}");
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
