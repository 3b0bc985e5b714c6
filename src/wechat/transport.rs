//! How a message came: in clear with a signed URL, or encrypted with a signed text.

use serde_json::{Map, Value};

use super::answer::Code;
use super::app::{App, ChannelKeys, Mode};
use super::crypt::{self, DecryptError};
use super::envelope::{EnvelopeError, decrypted, top_level};
use super::receive::Refusal;
use super::signature::{hex_equal, sha1_of_sorted};
use crate::domain::evidence::Transport;

/// The URL parameters of a request by WeChat.
#[derive(Clone, Debug, Default, PartialEq, Eq, serde::Deserialize, serde::Serialize)]
#[serde(default)]
pub struct UrlQuery {
    pub signature: Option<String>,
    pub timestamp: Option<String>,
    pub nonce: Option<String>,
    pub echostr: Option<String>,
    pub encrypt_type: Option<String>,
    pub msg_signature: Option<String>,
}

/// WeChat's check of a URL: true where the signature is by one of the channel's tokens.
pub fn url_is_signed(channel: &ChannelKeys, query: &UrlQuery) -> bool {
    let (Some(signature), Some(timestamp), Some(nonce)) = (&query.signature, &query.timestamp, &query.nonce)
    else {
        return false;
    };
    let signed_by = |token: &str| hex_equal(&sha1_of_sorted([token, timestamp, nonce]), signature);
    channel.tokens.iter().any(|token| signed_by(token.reveal()))
}

/// Checks how a message came and takes it out of its encryption.
pub fn open(
    app: &App,
    channel: &ChannelKeys,
    query: &UrlQuery,
    body: &[u8],
) -> Result<(Map<String, Value>, Transport), Box<Refusal>> {
    let url_is_signed = url_is_signed(channel, query);
    let refused = |code: Code, message: &str| {
        if url_is_signed { Refusal::of_token_holder(code, message) } else { Refusal::new(code, message) }
    };
    if !url_is_signed && query.encrypt_type.as_deref() != Some("aes") {
        return Err(refused(Code::BadSignature, URL_NOT_SIGNED));
    }
    let read = top_level(body);
    let mut top = read.map_err(|error| refused(Code::Unparseable, &error.to_string()))?;
    let has_keys = !channel.aes_keys.is_empty();
    let encrypted = match top.remove("Encrypt").filter(|encrypted| !encrypted.is_null()) {
        Some(Value::String(encrypted)) if has_keys => encrypted,
        Some(_) if has_keys => return Err(refused(Code::Unparseable, "Encrypt: must be a text")),
        Some(_) if !top.contains_key("Event") => {
            let message = "the push is encrypted, and no EncodingAESKey is configured";
            return Err(refused(Code::BadSignature, message));
        }
        // In clear, or the clear part of a message of compatible mode.
        None | Some(_) if channel.mode == Mode::Security => {
            let message = "only encrypted pushes are accepted in security mode";
            return Err(refused(Code::BadSignature, message));
        }
        None | Some(_) if url_is_signed => return Ok((top, Transport::Plain)),
        None | Some(_) => return Err(refused(Code::BadSignature, URL_NOT_SIGNED)),
    };
    if !message_is_signed(channel, query, &encrypted) {
        return Err(refused(Code::BadSignature, "msg_signature is missing or by no token of this app"));
    }
    let message = crypt::decrypt(&channel.aes_keys, &encrypted, &app.app_id);
    let message = message.map_err(|error| Refusal::of_token_holder(code_of(&error), error.to_string()))?;
    let unparseable = |error: EnvelopeError| Refusal::of_token_holder(Code::Unparseable, error.to_string());
    Ok((decrypted(&message).map_err(unparseable)?, Transport::Encrypted))
}

const URL_NOT_SIGNED: &str = "the URL's signature is missing or by no token of this app";

fn code_of(error: &DecryptError) -> Code {
    match error {
        DecryptError::AppId => Code::BadSignature,
        DecryptError::Base64 | DecryptError::Blocks(_) | DecryptError::Padding | DecryptError::Utf8 => {
            Code::Unparseable
        }
    }
}

fn message_is_signed(channel: &ChannelKeys, query: &UrlQuery, encrypted: &str) -> bool {
    let (Some(signature), Some(timestamp), Some(nonce)) =
        (&query.msg_signature, &query.timestamp, &query.nonce)
    else {
        return false;
    };
    let signed_by = |token: &str| hex_equal(&sha1_of_sorted([token, timestamp, nonce, encrypted]), signature);
    channel.tokens.iter().any(|token| signed_by(token.reveal()))
}
