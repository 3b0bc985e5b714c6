//! The outer message: JSON or XML, told by its first byte, read into one form.

mod xml;

use serde_json::{Map, Value};
use sha2::{Digest, Sha256};

use super::fields::{FieldError, Fields};
use super::strict_json;

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Format {
    Json,
    Xml,
}

#[derive(Debug, thiserror::Error)]
pub enum EnvelopeError {
    #[error("the body is empty")]
    Empty,
    #[error("the body is not UTF-8: byte {0} begins no character")]
    Utf8(usize),
    #[error("the body begins with neither {{ nor <: send JSON or XML")]
    Format,
    #[error("the body is not JSON as expected: {0}")]
    Json(#[from] serde_json::Error),
    #[error("the body is not XML as expected: {0}")]
    Xml(#[from] xml::XmlError),
    #[error("{0}")]
    Field(#[from] FieldError),
}

/// Tells the format by the first byte that is not white space; the content type is not looked at.
pub fn sniff(body: &[u8]) -> Option<Format> {
    let body = body.strip_prefix(b"\xef\xbb\xbf").unwrap_or(body);
    match body.iter().find(|byte| !byte.is_ascii_whitespace()) {
        Some(b'{') => Some(Format::Json),
        Some(b'<') => Some(Format::Xml),
        _ => None,
    }
}

/// The top-level fields of a message of either format.
pub fn top_level(body: &[u8]) -> Result<Map<String, Value>, EnvelopeError> {
    let text = std::str::from_utf8(body).map_err(|error| EnvelopeError::Utf8(error.valid_up_to() + 1))?;
    parse(text.strip_prefix('\u{feff}').unwrap_or(text))
}

fn parse(text: &str) -> Result<Map<String, Value>, EnvelopeError> {
    let value = match sniff(text.as_bytes()) {
        Some(Format::Json) => strict_json::parse(text)?,
        Some(Format::Xml) => xml::parse(text)?,
        None if text.trim().is_empty() => return Err(EnvelopeError::Empty),
        None => return Err(EnvelopeError::Format),
    };
    match value {
        Value::Object(map) => Ok(map),
        _ => Err(EnvelopeError::Format),
    }
}

/// The message that was inside `Encrypt`.
pub fn decrypted(text: &str) -> Result<Map<String, Value>, EnvelopeError> {
    parse(text)
}

/// An event push, not verified yet.
#[derive(Debug)]
pub struct Envelope {
    pub event: String,
    pub create_time: Option<i64>,
    pub is_mock: bool,
    pub content: Content,
    /// The fields beside `MiniGame`.
    beside: Map<String, Value>,
}

#[derive(Debug)]
pub enum Content {
    /// A payload with its signature, as the payment events carry it.
    Signed { payload: String, pay_event_sig: Option<String> },
    /// Fields directly under `MiniGame`, as gifts carry them.
    Fields(Value),
    /// No `MiniGame` at all.
    Nothing,
}

impl Envelope {
    /// `None` for a message that is no event.
    pub fn read(mut top: Map<String, Value>) -> Result<Option<Self>, FieldError> {
        let mini_game = top.remove("MiniGame");
        let fields = Fields::of_map(&top);
        // Nothing signs MsgType, so it never decides that a payment is ignored.
        let has_content = mini_game.is_some() || fields.has("Event");
        if !has_content && fields.optional_text("MsgType")?.is_some_and(|msg_type| msg_type != "event") {
            return Ok(None);
        }
        let (event, create_time) = (fields.text("Event")?, fields.optional_int("CreateTime")?);
        let (is_mock, content) = match mini_game {
            None | Some(Value::Null) => (false, Content::Nothing),
            Some(mini_game) => content(mini_game)?,
        };
        Ok(Some(Self { event, create_time, is_mock, content, beside: top }))
    }
}

impl Envelope {
    /// An event that came before, as it is kept.
    pub fn signed(event: &str, payload: &str, pay_event_sig: &str) -> Self {
        let (payload, pay_event_sig) = (payload.to_owned(), Some(pay_event_sig.to_owned()));
        Self {
            event: event.to_owned(),
            create_time: None,
            is_mock: false,
            content: Content::Signed { payload, pay_event_sig },
            beside: Map::new(),
        }
    }

    /// The whole message but for the time it was sent, which differs from repeat to repeat: for an event of
    /// which nothing else is known.
    pub fn message(&self) -> Value {
        let mut message = self.beside.clone();
        message.remove("CreateTime");
        if let Content::Fields(fields) = &self.content {
            message.insert("MiniGame".into(), fields.clone());
        }
        Value::Object(message)
    }

    /// Equal for repeats of one push: SHA-256 of what it says, leaving out when it came.
    pub fn digest(&self) -> String {
        let mut sha = Sha256::new();
        let parts: [&str; 3] = match &self.content {
            Content::Signed { payload, pay_event_sig } => {
                [&self.event, payload, pay_event_sig.as_deref().unwrap_or("")]
            }
            Content::Fields(fields) => [&self.event, &fields.to_string(), ""],
            Content::Nothing => [&self.event, "", ""],
        };
        for part in parts {
            sha.update((part.len() as u64).to_be_bytes());
            sha.update(part);
        }
        hex::encode(sha.finalize())
    }
}

fn content(mini_game: Value) -> Result<(bool, Content), FieldError> {
    let fields = Fields::of(&mini_game, "MiniGame")?;
    let is_mock = fields.flag("IsMock")?;
    let Value::Object(map) = &mini_game else { return Ok((is_mock, Content::Nothing)) };
    let content = match map.get("Payload") {
        Some(Value::String(payload)) => {
            Content::Signed { payload: payload.clone(), pay_event_sig: fields.optional_text("PayEventSig")? }
        }
        Some(_) => return Err(fields.error("Payload", "must be a text that holds JSON")),
        None if fields.has("PayEventSig") => return Err(fields.error("Payload", "is missing")),
        None => Content::Fields(mini_game),
    };
    Ok((is_mock, content))
}
