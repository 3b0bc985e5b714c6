//! Reads typed fields out of a parsed message and says where one is wrong. Generous about numeric strings
//! and unknown fields, strict about everything else.

use serde_json::{Map, Value};

use super::json::{Kind, Node, Object};

/// Where a field stands and what is wrong with it.
#[derive(Debug, thiserror::Error, PartialEq, Eq)]
#[error("{path}: {problem}")]
pub struct FieldError {
    pub path: String,
    pub problem: String,
}

/// Of an object of serde's, where nothing else is said.
pub struct Fields<'a, O = Map<String, Value>> {
    object: &'a O,
    path: Path<'a>,
}

/// The way to a field, written out only for an error.
#[derive(Clone, Copy)]
enum Path<'a> {
    Top,
    Inside(&'a Path<'a>, &'a str),
    Item(&'a Path<'a>, &'a str, usize),
}

impl Path<'_> {
    fn prefix(self) -> String {
        match self {
            Self::Top => String::new(),
            Self::Inside(outer, name) => format!("{}{name}.", outer.prefix()),
            Self::Item(outer, list, index) => format!("{}{list}[{index}].", outer.prefix()),
        }
    }
}

impl<'a, O: Object> Fields<'a, O> {
    /// The fields of a whole message; `what` names it where it is not an object.
    pub fn of<N: Node<Object = O>>(value: &'a N, what: &str) -> Result<Self, FieldError> {
        match value.kind() {
            Kind::Object(object) => Ok(Self { object, path: Path::Top }),
            other => Err(FieldError { path: what.to_owned(), problem: not("an object", &other) }),
        }
    }

    pub fn of_map(object: &'a O) -> Self {
        Self { object, path: Path::Top }
    }

    pub fn error(&self, name: &str, problem: impl Into<String>) -> FieldError {
        FieldError { path: format!("{}{name}", self.path.prefix()), problem: problem.into() }
    }

    /// `null` counts as absent.
    fn get(&self, name: &str) -> Option<Kind<'a, O::Value>> {
        self.object.value(name).map(Node::kind).filter(|kind| !matches!(kind, Kind::Null))
    }

    fn required<T>(&self, name: &str, found: Option<T>) -> Result<T, FieldError> {
        found.ok_or_else(|| self.error(name, "is missing"))
    }

    pub fn has(&self, name: &str) -> bool {
        self.get(name).is_some()
    }

    /// A text; a whole number counts as its digits. Empty counts as absent.
    pub fn optional_text(&self, name: &str) -> Result<Option<String>, FieldError> {
        match self.get(name) {
            None => Ok(None),
            Some(Kind::Text(text)) => Ok(Some(text.to_owned()).filter(|text| !text.is_empty())),
            Some(Kind::Number(number)) if !number.is_f64() => Ok(Some(number.to_string())),
            Some(other) => Err(self.error(name, not("a text", &other))),
        }
    }

    pub fn text(&self, name: &str) -> Result<String, FieldError> {
        let found = self.optional_text(name)?;
        self.required(name, found)
    }

    /// A text that `parse` accepts.
    pub fn parsed<T, E: ToString>(
        &self,
        name: &str,
        parse: impl FnOnce(&str) -> Result<T, E>,
    ) -> Result<T, FieldError> {
        let parse = |text: &str| parse(text).map_err(|error| self.error(name, error.to_string()));
        match self.get(name) {
            Some(Kind::Text(text)) if !text.is_empty() => parse(text),
            _ => parse(&self.text(name)?),
        }
    }

    /// A whole number, as a number or as a numeric string.
    pub fn optional_int(&self, name: &str) -> Result<Option<i64>, FieldError> {
        let found = match self.get(name) {
            None => return Ok(None),
            Some(Kind::Number(number)) => number.as_i64(),
            Some(Kind::Text("")) => return Ok(None),
            Some(Kind::Text(text)) => text.parse().ok().filter(|_| !text.starts_with('+')),
            Some(other) => return Err(self.error(name, not("a whole number", &other))),
        };
        found.map(Some).ok_or_else(|| self.error(name, "is not a whole number of 64 bits"))
    }

    pub fn int(&self, name: &str) -> Result<i64, FieldError> {
        let found = self.optional_int(name)?;
        self.required(name, found)
    }

    /// A count of 1 or more.
    pub fn count(&self, name: &str) -> Result<u32, FieldError> {
        let number = self.int(name)?;
        match u32::try_from(number) {
            Ok(count) if count > 0 => Ok(count),
            _ => Err(self.error(name, format!("is {number}, must be 1 to {}", u32::MAX))),
        }
    }

    /// A flag as JSON writes it, or as XML's text does.
    pub fn flag(&self, name: &str) -> Result<bool, FieldError> {
        match self.get(name) {
            None => Ok(false),
            Some(Kind::Bool(flag)) => Ok(flag),
            Some(Kind::Number(number)) if number.as_i64() == Some(0) => Ok(false),
            Some(Kind::Number(number)) if number.as_i64() == Some(1) => Ok(true),
            Some(Kind::Text("false" | "0" | "")) => Ok(false),
            Some(Kind::Text("true" | "1")) => Ok(true),
            Some(_) => Err(self.error(name, "must be true or false")),
        }
    }

    /// The fields of an object inside, with `self`'s path kept for errors.
    pub fn inside(&'a self, name: &'a str) -> Result<Option<Self>, FieldError> {
        match self.get(name) {
            None => Ok(None),
            Some(Kind::Object(object)) => Ok(Some(Fields { object, path: Path::Inside(&self.path, name) })),
            Some(other) => Err(self.error(name, not("an object", &other))),
        }
    }

    pub fn object(&'a self, name: &'a str) -> Result<Self, FieldError> {
        let found = self.inside(name)?;
        self.required(name, found)
    }

    /// A list of objects.
    pub fn list(&'a self, name: &'a str) -> Result<Vec<Self>, FieldError> {
        let items = match self.required(name, self.get(name))? {
            Kind::List(items) => items,
            other => return Err(self.error(name, not("a list", &other))),
        };
        let item = |(index, value): (usize, &'a O::Value)| match value.kind() {
            Kind::Object(object) => Ok(Fields { object, path: Path::Item(&self.path, name, index) }),
            other => Err(self.error(&format!("{name}[{index}]"), not("an object", &other))),
        };
        items.iter().enumerate().map(item).collect()
    }
}

fn not<N: Node>(expected: &str, found: &Kind<'_, N>) -> String {
    let found = match found {
        Kind::Null => "null",
        Kind::Bool(_) => "true or false",
        Kind::Number(_) => "a number",
        Kind::Text(_) => "a text",
        Kind::List(_) => "a list",
        Kind::Object(_) => "an object",
    };
    format!("must be {expected}, is {found}")
}
