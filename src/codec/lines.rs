//! The lines that an event brings, such as those of a bill: taken apart once for all who fold them. Values stay
//! where they stand in the event's data; only a text that has to be unescaped is copied.

use std::borrow::Cow;
use std::fmt;

use serde::de::{DeserializeSeed, Deserializer, Error, IgnoredAny, MapAccess, SeqAccess, Visitor};

use super::catalogue::{COLUMNS, EventFields, LINES};
use super::fields::FieldValue;

/// All lines of one event.
#[derive(Debug, Default)]
pub struct Lines {
    /// Where in a line each field of the catalogue stands; `None` for one that the event's writer did not know.
    places: Vec<Option<usize>>,
    /// How many values each line has.
    width: usize,
    count: usize,
    /// Line after line.
    values: Vec<Kept>,
    /// Texts that stand in the data with escapes.
    unescaped: Vec<Box<str>>,
}

/// A value, as short as it can be kept: an event has many.
#[derive(Clone, Copy, Debug)]
enum Kept {
    Null,
    Integer(i64),
    Real(f64),
    /// A part of the data.
    Within {
        start: u32,
        bytes: u32,
    },
    /// One of `unescaped`.
    Unescaped(u32),
}

impl Lines {
    /// From the data of an event of this type, or what is wrong with it.
    pub(super) fn parse(event: &EventFields, data: &str) -> Result<Self, String> {
        let mut parsing = Parsing { data, columns: None, lines: Self::default() };
        let mut json = serde_json::Deserializer::from_str(data);
        let parsed = json.deserialize_map(&mut parsing).and_then(|()| json.end());
        parsed.map_err(|error| format!("data: {error}"))?;
        let Parsing { columns, mut lines, .. } = parsing;
        let columns = columns.ok_or_else(|| format!("data: {COLUMNS} are missing"))?;
        if lines.count > 0 && lines.width != columns.len() {
            let (width, columns) = (lines.width, columns.len());
            return Err(format!("data: {LINES} have {width} values each, and there are {columns} columns"));
        }
        let place = |field: &&str| columns.iter().position(|column| column == field);
        lines.places = event.line_fields.iter().map(place).collect();
        Ok(lines)
    }

    pub fn count(&self) -> usize {
        self.count
    }

    /// A field of a line, by its place in the catalogue; `data` is what the lines were read from.
    pub fn value<'e>(&'e self, data: &'e str, line: usize, field: usize) -> FieldValue<'e> {
        let place = self.places.get(field).copied().flatten();
        let kept = place.and_then(|place| self.values.get(line * self.width + place));
        let text =
            |text: Option<&'e str>| text.map_or(FieldValue::Null, |text| FieldValue::Text(text.into()));
        match kept.copied().unwrap_or(Kept::Null) {
            Kept::Null => FieldValue::Null,
            Kept::Integer(number) => FieldValue::Integer(number),
            Kept::Real(number) => FieldValue::Real(number),
            Kept::Within { start, bytes } => {
                let (start, bytes) = (start as usize, bytes as usize);
                text(data.get(start..start + bytes))
            }
            Kept::Unescaped(place) => text(self.unescaped.get(place as usize).map(AsRef::as_ref)),
        }
    }
}

/// The data while it is being read.
struct Parsing<'a> {
    data: &'a str,
    columns: Option<Vec<String>>,
    lines: Lines,
}

impl<'de> Visitor<'de> for &mut Parsing<'de> {
    type Value = ();

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("an object")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<(), A::Error> {
        while let Some(name) = map.next_key::<String>()? {
            match name.as_str() {
                COLUMNS => self.columns = Some(map.next_value()?),
                LINES => map.next_value_seed(&mut *self)?,
                _ => drop(map.next_value::<IgnoredAny>()?),
            }
        }
        Ok(())
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut list: A) -> Result<(), A::Error> {
        while list.next_element_seed(OneLine { parsing: self })?.is_some() {}
        Ok(())
    }
}

/// For the list of lines.
impl<'de> DeserializeSeed<'de> for &mut Parsing<'de> {
    type Value = ();

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<(), D::Error> {
        deserializer.deserialize_seq(self)
    }
}

struct OneLine<'p, 'de> {
    parsing: &'p mut Parsing<'de>,
}

impl<'de> DeserializeSeed<'de> for OneLine<'_, 'de> {
    type Value = ();

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<(), D::Error> {
        deserializer.deserialize_seq(self)
    }
}

impl<'de> Visitor<'de> for OneLine<'_, 'de> {
    type Value = ();

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a line, which is a list of values")
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut list: A) -> Result<(), A::Error> {
        let Parsing { data, lines, .. } = self.parsing;
        let before = lines.values.len();
        while let Some(value) = list.next_element::<FieldValue<'de>>()? {
            lines.keep(data, value);
        }
        let width = lines.values.len() - before;
        lines.count += 1;
        if lines.count == 1 {
            lines.width = width;
        } else if lines.width != width {
            let (count, first) = (lines.count, lines.width);
            let problem = format!("the {count}. of {LINES} has {width} values, and the first has {first}");
            return Err(A::Error::custom(problem));
        }
        Ok(())
    }
}

impl Lines {
    fn keep(&mut self, data: &str, value: FieldValue<'_>) {
        let kept = match value {
            FieldValue::Null => Kept::Null,
            FieldValue::Integer(number) => Kept::Integer(number),
            FieldValue::Real(number) => Kept::Real(number),
            FieldValue::Text(text) => match &text {
                Cow::Borrowed(part) => within(data, part),
                Cow::Owned(_) => None,
            }
            .unwrap_or_else(|| {
                // An event has fewer values than that by far: it is at most a megabyte long.
                let place = u32::try_from(self.unescaped.len()).unwrap_or(u32::MAX);
                self.unescaped.push(text.into());
                Kept::Unescaped(place)
            }),
        };
        self.values.push(kept);
    }
}

/// Where a part of a text stands in it.
fn within(whole: &str, part: &str) -> Option<Kept> {
    let start = part.as_ptr().addr().checked_sub(whole.as_ptr().addr())?;
    Some(Kept::Within { start: u32::try_from(start).ok()?, bytes: u32::try_from(part.len()).ok()? })
}

#[cfg(test)]
mod tests {
    use super::*;

    const EVENT: EventFields = EventFields {
        event_type: "Tested",
        fields: &["revision", COLUMNS, LINES],
        line_fields: &["line", "name", "amount_fen", "new"],
    };

    fn shown(data: &str) -> Result<Vec<String>, String> {
        let lines = Lines::parse(&EVENT, data)?;
        let show = |value: FieldValue<'_>| match value {
            FieldValue::Null => "-".to_owned(),
            FieldValue::Integer(number) => number.to_string(),
            FieldValue::Real(number) => format!("{number}!"),
            FieldValue::Text(text) => {
                format!("{}{text}", if matches!(text, Cow::Borrowed(_)) { "" } else { "+" })
            }
        };
        let line = |line| (0..EVENT.line_fields.len()).map(move |field| (line, field));
        let one = |(line, field)| show(lines.value(data, line, field));
        Ok((0..lines.count()).map(|number| line(number).map(one).collect::<Vec<_>>().join(" ")).collect())
    }

    #[test]
    fn values_are_found_by_the_names_of_their_columns_in_whatever_order_they_stand() {
        for (data, lines) in [
            (
                r#"{"revision":1,"columns":["line","name","amount_fen","new"],"lines":[[2,"钻石",-30,true],[3,null,0,"x"]]}"#,
                &["2 钻石 -30 1", "3 - 0 x"][..],
            ),
            // Fewer columns, in another order, and one that only a newer version knows.
            (
                r#"{"columns":["newest","name","line"],"lines":[[["a"],"a",2],[{},"b",3]]}"#,
                &["2 a - -", "3 b - -"],
            ),
            (r#"{"lines":[["a\"\u00e9\n",2]],"columns":["name","line"]}"#, &["2 a\"é\n - -"]),
            (r#"{"columns":["name"],"lines":[[["a",1.5]]]}"#, &["- [\"a\",1.5] - -"]),
            (r#"{"columns":["name"],"lines":[]}"#, &[]),
        ] {
            assert_eq!(shown(data).unwrap(), lines, "{data}");
        }
    }

    #[test]
    fn lines_that_do_not_fit_their_columns_are_told_of() {
        for (data, problem) in [
            (
                r#"{"columns":["line","name"],"lines":[[2,"a"],[3]]}"#,
                "the 2. of lines has 1 values, and the first has 2",
            ),
            (
                r#"{"columns":["line"],"lines":[[2,"a"]]}"#,
                "lines have 2 values each, and there are 1 columns",
            ),
            (r#"{"lines":[[2,"a"]]}"#, "columns are missing"),
            (r#"{"columns":["line"],"lines":[2]}"#, "expected a line, which is a list of values"),
            (r#"{"columns":["line"],"lines":[[2]]"#, "EOF"),
            (r#"{"columns":["line"],"lines":[[9223372036854775808]]}"#, "a number is too large"),
        ] {
            let found = shown(data).unwrap_err();
            assert!(found.contains(problem), "{data}: {found}");
        }
    }
}
