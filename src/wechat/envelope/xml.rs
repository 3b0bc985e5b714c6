//! XML messages, read into the same tree as JSON ones: leaves are texts, a repeated list element is a
//! list. A document type or an entity of its own is refused, as is a repeated element.

use quick_xml::Reader;
use quick_xml::events::{BytesRef, Event};
use serde_json::{Map, Value};

use crate::limits;

/// The elements that are lists, each item one element: the parent's name and their own.
const LISTS: [(&str, &str); 1] = [("MiniGame", "GoodsList")];
const ROOT: &str = "xml";

#[derive(Debug, thiserror::Error, PartialEq, Eq)]
#[error("{problem} at byte {byte}")]
pub struct XmlError {
    byte: u64,
    problem: String,
}

/// An element being read.
struct Open {
    name: String,
    children: Map<String, Value>,
    text: String,
}

impl Open {
    fn add(&mut self, name: String, value: Value) -> Result<(), String> {
        match self.children.get_mut(&name) {
            None if LISTS.contains(&(self.name.as_str(), name.as_str())) => {
                self.children.insert(name, Value::Array(vec![value]));
            }
            None => {
                self.children.insert(name, value);
            }
            Some(Value::Array(items)) => items.push(value),
            Some(_) => return Err(format!("duplicate element <{}>", shown(&name))),
        }
        Ok(())
    }

    fn close(self) -> Result<(String, Value), String> {
        if self.children.is_empty() {
            return Ok((self.name, Value::String(self.text)));
        }
        if !self.text.trim().is_empty() {
            return Err(format!("text beside elements in <{}>", shown(&self.name)));
        }
        Ok((self.name, Value::Object(self.children)))
    }
}

/// The content of the root element `<xml>`.
pub fn parse(text: &str) -> Result<Value, XmlError> {
    let mut reader = Reader::from_str(text);
    let mut tree = Tree::default();
    loop {
        let byte = reader.buffer_position();
        let at = |problem: String| XmlError { byte, problem };
        let event = reader.read_event();
        match event.map_err(|error| XmlError { byte: reader.error_position(), problem: error.to_string() })? {
            Event::Eof => break,
            event => tree.take(&event).map_err(at)?,
        }
    }
    let end = XmlError { byte: reader.buffer_position(), problem: "the XML ends too early".into() };
    match tree.root {
        Some(root) if tree.open.is_empty() => Ok(root),
        _ => Err(end),
    }
}

#[derive(Default)]
struct Tree {
    open: Vec<Open>,
    root: Option<Value>,
}

impl Tree {
    fn take(&mut self, event: &Event<'_>) -> Result<(), String> {
        match event {
            Event::Start(tag) => self.start(tag.name().0),
            Event::Empty(tag) => {
                self.start(tag.name().0)?;
                self.end()
            }
            Event::End(_) => self.end(),
            // As received: line ends are not normalised, for they may be part of what was signed.
            Event::Text(text) => self.text(text),
            Event::CData(text) => self.text(text),
            Event::GeneralRef(reference) => self.text(&resolve(reference)?),
            Event::DocType(_) => Err("a document type is not accepted".into()),
            Event::Decl(_) | Event::PI(_) | Event::Comment(_) | Event::Eof => Ok(()),
        }
    }

    fn start(&mut self, name: &str) -> Result<(), String> {
        if self.open.len() == limits::NESTING_DEPTH_MAX {
            return Err(format!("nested deeper than {} levels", limits::NESTING_DEPTH_MAX));
        }
        if self.open.is_empty() && (name != ROOT || self.root.is_some()) {
            return Err(format!("the root must be one <{ROOT}>, found <{}>", shown(name)));
        }
        self.open.push(Open { name: name.to_owned(), children: Map::new(), text: String::new() });
        Ok(())
    }

    fn end(&mut self) -> Result<(), String> {
        let Some(open) = self.open.pop() else { return Err("an end without a start".into()) };
        let (name, value) = open.close()?;
        match self.open.last_mut() {
            Some(parent) => parent.add(name, value),
            None => {
                self.root = Some(value);
                Ok(())
            }
        }
    }

    fn text(&mut self, text: &str) -> Result<(), String> {
        match self.open.last_mut() {
            Some(open) => open.text.push_str(text),
            None if text.trim_matches(['\u{feff}', ' ', '\t', '\r', '\n']).is_empty() => {}
            None => return Err("text outside of the root element".into()),
        }
        Ok(())
    }
}

/// A character reference or one of XML's own five entities; each is resolved exactly once.
fn resolve(reference: &BytesRef<'_>) -> Result<String, String> {
    if let Some(character) = reference.resolve_char_ref().map_err(|error| error.to_string())? {
        return Ok(character.to_string());
    }
    let resolved = quick_xml::escape::resolve_predefined_entity(reference);
    resolved.map(str::to_owned).ok_or_else(|| format!("the entity &{}; is not accepted", shown(reference)))
}

fn shown(name: &str) -> String {
    name.chars().take(64).collect()
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn text_is_unescaped_exactly_once_and_cdata_not_at_all() {
        for (xml, text) in [
            ("<xml><P>{&quot;a&quot;:&quot;x&amp;amp;y&quot;}</P></xml>", r#"{"a":"x&amp;y"}"#),
            ("<xml><P><![CDATA[{\"a\":\"x&amp;y\"}]]></P></xml>", r#"{"a":"x&amp;y"}"#),
            ("<xml><P> a &#60;&#x4e2d;&gt; </P></xml>", " a <中> "),
            ("<xml><P>a<!-- c -->b<![CDATA[]]>c</P></xml>", "abc"),
            ("<?xml version=\"1.0\"?>\n<xml>\n  <P/>\n</xml>\n", ""),
        ] {
            assert_eq!(parse(xml).unwrap(), json!({ "P": text }), "{xml}");
        }
    }

    #[test]
    fn a_list_of_one_is_a_list_too() {
        let item = "<GoodsList><Id>1</Id><Num>2</Num></GoodsList>";
        let list = |items: &str| {
            let xml = format!("<xml><MiniGame>{items}</MiniGame></xml>");
            parse(&xml).map(|read| read["MiniGame"]["GoodsList"].clone())
        };
        assert_eq!(list(item).unwrap(), json!([{"Id":"1","Num":"2"}]));
        assert_eq!(list(&item.repeat(2)).unwrap().as_array().unwrap().len(), 2);
        assert!(parse(&format!("<xml>{item}{item}</xml>")).is_err(), "a list stands in its place only");
    }

    #[test]
    fn what_could_be_read_in_two_ways_is_refused_with_its_place() {
        let bomb = format!("<xml>{}", "<a>".repeat(20_000));
        for (xml, problem) in [
            ("<xml><a>1</a><a>2</a></xml>", "duplicate element <a> at byte 17"),
            ("<xml><m><a/><a/></m></xml>", "duplicate element <a> at byte 12"),
            (
                "<!DOCTYPE x [<!ENTITY e \"v\">]><xml><a>&e;</a></xml>",
                "a document type is not accepted at byte 0",
            ),
            ("<xml><a>&e;</a></xml>", "the entity &e; is not accepted at byte 8"),
            ("<xml>text<a/></xml>", "text beside elements in <xml> at byte 13"),
            ("<xml><a></xml>", ""),
            ("<xml><a>", "the XML ends too early at byte 8"),
            ("<xml></xml><xml></xml>", "the root must be one <xml>, found <xml> at byte 11"),
            ("<html></html>", "the root must be one <xml>, found <html> at byte 0"),
            (&bomb, "nested deeper than 32 levels at byte 98"),
        ] {
            let error = parse(xml).unwrap_err().to_string();
            assert!(error.ends_with(problem), "{error} for {}", &xml[..xml.len().min(80)]);
        }
    }
}
