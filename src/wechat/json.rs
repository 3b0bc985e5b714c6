//! JSON that is kept no longer than its text: names and texts without escapes stay where they stand. And what fields are
//! read from, be it that or serde's own values.

use std::borrow::Cow;

use serde_json::{Map, Number, Value};

/// A value of a text. [`super::strict_json`] is its maker.
#[derive(Clone, Debug, PartialEq)]
pub enum Json<'a> {
    Null,
    Bool(bool),
    Number(Number),
    Text(Cow<'a, str>),
    List(Vec<Json<'a>>),
    Object(JsonObject<'a>),
}

/// In the order of the text; no name stands twice.
pub type JsonObject<'a> = Vec<(Cow<'a, str>, Json<'a>)>;

/// One value by its kind.
pub enum Kind<'a, N: Node> {
    Null,
    Bool(bool),
    Number(&'a Number),
    Text(&'a str),
    List(&'a [N]),
    Object(&'a N::Object),
}

/// A value that fields are read from.
pub trait Node: Sized {
    type Object: Object<Value = Self>;

    fn kind(&self) -> Kind<'_, Self>;
}

/// Values by their names.
pub trait Object {
    type Value: Node<Object = Self>;

    fn value(&self, name: &str) -> Option<&Self::Value>;

    fn entries(&self) -> impl Iterator<Item = (&str, &Self::Value)>;
}

impl Node for Value {
    type Object = Map<String, Value>;

    fn kind(&self) -> Kind<'_, Self> {
        match self {
            Self::Null => Kind::Null,
            Self::Bool(flag) => Kind::Bool(*flag),
            Self::Number(number) => Kind::Number(number),
            Self::String(text) => Kind::Text(text),
            Self::Array(items) => Kind::List(items),
            Self::Object(map) => Kind::Object(map),
        }
    }
}

impl Object for Map<String, Value> {
    type Value = Value;

    fn value(&self, name: &str) -> Option<&Value> {
        self.get(name)
    }

    fn entries(&self) -> impl Iterator<Item = (&str, &Value)> {
        self.iter().map(|(name, value)| (name.as_str(), value))
    }
}

impl<'a> Node for Json<'a> {
    type Object = JsonObject<'a>;

    fn kind(&self) -> Kind<'_, Self> {
        match self {
            Self::Null => Kind::Null,
            Self::Bool(flag) => Kind::Bool(*flag),
            Self::Number(number) => Kind::Number(number),
            Self::Text(text) => Kind::Text(text),
            Self::List(items) => Kind::List(items),
            Self::Object(fields) => Kind::Object(fields),
        }
    }
}

impl<'a> Object for JsonObject<'a> {
    type Value = Json<'a>;

    fn value(&self, name: &str) -> Option<&Json<'a>> {
        self.iter().find(|(known, _)| known == name).map(|(_, value)| value)
    }

    fn entries(&self) -> impl Iterator<Item = (&str, &Json<'a>)> {
        self.iter().map(|(name, value)| (name.as_ref(), value))
    }
}

impl From<Json<'_>> for Value {
    fn from(json: Json<'_>) -> Self {
        match json {
            Json::Null => Self::Null,
            Json::Bool(flag) => Self::Bool(flag),
            Json::Number(number) => Self::Number(number),
            Json::Text(text) => Self::String(text.into_owned()),
            Json::List(items) => Self::Array(items.into_iter().map(Self::from).collect()),
            Json::Object(fields) => {
                let owned = |(name, value): (Cow<'_, str>, Json<'_>)| (name.into_owned(), Self::from(value));
                Self::Object(fields.into_iter().map(owned).collect())
            }
        }
    }
}
