//! Reads the keys of one section; what nobody asked for is unknown.

use std::collections::BTreeMap;
use std::ops::RangeInclusive;

use super::place::{Place, Placed, Problems};
use super::raw::{Node, Table, Value};

static EMPTY: Table = BTreeMap::new();

pub struct Section<'a> {
    key: String,
    place: Place,
    table: &'a Table,
    /// The keys asked for: exactly those there are.
    known: Vec<&'static str>,
    problems: &'a Problems,
}

/// A list of tables.
pub struct Items<'a> {
    pub key: String,
    pub sections: Vec<Section<'a>>,
    /// As many items as are written, of which some may be no tables.
    pub written: usize,
}

impl<'a> Section<'a> {
    pub fn root(table: &'a Table, problems: &'a Problems) -> Self {
        Self { key: String::new(), place: Place::Line(1), table, known: Vec::new(), problems }
    }

    pub fn problems(&self) -> &'a Problems {
        self.problems
    }

    /// The full key of one of its keys.
    pub fn key_of(&self, key: &str) -> String {
        if self.key.is_empty() { key.to_owned() } else { format!("{}.{key}", self.key) }
    }

    pub fn has(&self, key: &str) -> bool {
        self.table.contains_key(key)
    }

    /// Reports a problem of the section as a whole.
    pub fn report(&self, message: impl Into<String>) {
        self.problems.report(&self.place, &self.key, message);
    }

    /// Reports a problem of one of its keys, at the section's place if the key is not there.
    pub fn report_key(&self, key: &str, message: impl Into<String>) {
        let place = self.table.get(key).map_or(&self.place, |node| &node.place);
        self.problems.report(place, &self.key_of(key), message);
    }

    pub fn node(&mut self, key: &'static str) -> Option<&'a Node> {
        if !self.known.contains(&key) {
            self.known.push(key);
        }
        self.table.get(key)
    }

    /// A section that may be left out: it is empty then.
    pub fn section(&mut self, key: &'static str) -> Section<'a> {
        let node = self.node(key);
        self.below(key, node)
    }

    /// The sections `key.NAME`, by name.
    pub fn named_sections(&mut self, key: &'static str) -> Vec<(&'a str, Section<'a>)> {
        let parent = self.section(key);
        parent.table.iter().map(|(name, node)| (name.as_str(), parent.below(name, Some(node)))).collect()
    }

    /// The tables of a list.
    pub fn items(&mut self, key: &'static str) -> Option<Items<'a>> {
        let node = self.node(key)?;
        let key_of_list = self.key_of(key);
        let Some(list) = node.value.as_list() else {
            self.wrong_kind(node, key, "a list of { … }");
            return Some(Items { key: key_of_list, sections: Vec::new(), written: 1 });
        };
        let mut sections = Vec::with_capacity(list.len());
        for (index, item) in list.iter().enumerate() {
            let item_key = format!("{key}[{index}]");
            if item.value.as_table().is_some() {
                sections.push(self.below(&item_key, Some(item)));
            } else {
                self.wrong_kind(item, &item_key, "{ … }");
            }
        }
        Some(Items { key: key_of_list, sections, written: list.len() })
    }

    fn below(&self, key: &str, node: Option<&'a Node>) -> Section<'a> {
        let place = node.map_or(&self.place, |node| &node.place).clone();
        let table = node.and_then(|node| node.value.as_table());
        if let (Some(node), None) = (node, table) {
            self.wrong_kind(node, key, "a section with keys");
        }
        let table = table.unwrap_or(&EMPTY);
        Section { key: self.key_of(key), place, table, known: Vec::new(), problems: self.problems }
    }

    pub fn text(&mut self, key: &'static str) -> Option<Placed<String>> {
        let node = self.node(key)?;
        let text = node.value.as_text().or(node.written.as_deref());
        if text.is_none() {
            self.wrong_kind(node, key, "a text in quotes");
        }
        text.map(|text| self.placed(node, key, text.to_owned()))
    }

    /// A date or time, with quotes or without.
    pub fn date_text(&mut self, key: &'static str) -> Option<Placed<String>> {
        match self.node(key) {
            Some(node @ Node { value: Value::DateTime(text), .. }) => {
                Some(self.placed(node, key, text.clone()))
            }
            _ => self.text(key),
        }
    }

    pub fn texts(&mut self, key: &'static str) -> Vec<Placed<String>> {
        let Some(node) = self.node(key) else { return Vec::new() };
        let Some(list) = node.value.as_list() else {
            self.wrong_kind(node, key, "a list of texts");
            return Vec::new();
        };
        let mut texts = Vec::with_capacity(list.len());
        for (index, item) in list.iter().enumerate() {
            let item_key = format!("{key}[{index}]");
            match item.value.as_text() {
                Some(text) => texts.push(self.placed(item, &item_key, text.to_owned())),
                None => self.wrong_kind(item, &item_key, "a text in quotes"),
            }
        }
        texts
    }

    /// One of a few words.
    pub fn choice<T: Copy>(&mut self, key: &'static str, words: &[(&str, T)]) -> Option<Placed<T>> {
        let text = self.text(key)?;
        match words.iter().find(|(word, _)| *word == text.value) {
            Some((_, value)) => Some(Placed { place: text.place, key: text.key, value: *value }),
            None => {
                let words: Vec<_> = words.iter().map(|(word, _)| *word).collect();
                // What stands there is not shown: it may be a secret that came into the wrong place.
                text.report(self.problems, format!("must be {}", one_of(&words)));
                None
            }
        }
    }

    pub fn flag(&mut self, key: &'static str) -> Option<bool> {
        let node = self.node(key)?;
        if let Value::Flag(flag) = node.value {
            return Some(flag);
        }
        self.wrong_kind(node, key, "true or false");
        None
    }

    pub fn number(&mut self, key: &'static str, range: RangeInclusive<u64>, default: u64) -> u64 {
        let Some(node) = self.node(key) else { return default };
        let Some(integer) = node.value.as_integer() else {
            self.wrong_kind(node, key, "a whole number");
            return default;
        };
        match u64::try_from(integer).ok() {
            Some(number) if range.contains(&number) => number,
            _ => {
                let message = format!("must be from {} to {}", range.start(), range.end());
                self.problems.report(&node.place, &self.key_of(key), message);
                default
            }
        }
    }

    /// Reports the keys nobody asked for.
    pub fn finish(self) {
        for (key, node) in self.table {
            if !self.known.contains(&key.as_str()) {
                let message = format!("unknown key; the keys here are {}", self.known.join(", "));
                self.problems.report(&node.place, &self.key_of(key), message);
            }
        }
    }

    fn placed<T>(&self, node: &Node, key: &str, value: T) -> Placed<T> {
        Placed { place: node.place.clone(), key: self.key_of(key), value }
    }

    fn wrong_kind(&self, node: &Node, key: &str, wanted: &str) {
        let message = format!("must be {wanted}, not {}", node.value.kind());
        self.problems.report(&node.place, &self.key_of(key), message);
    }
}

fn one_of(words: &[&str]) -> String {
    match words {
        [] => String::new(),
        [word] => (*word).to_owned(),
        [first @ .., last] => format!("{} or {last}", first.join(", ")),
    }
}
