//! Reads an answer as WeChat would, and strictly: in the format of the request, well-formed, complete.

use hyper::body::Bytes;
use quick_xml::Reader;
use quick_xml::events::Event;
use serde_json::Value;

use crate::wechat::crypt;
use crate::wechat::envelope::{sniff, top_level};
use crate::wechat::fields::Fields;
use crate::wechat::signature::sha1_of_sorted;
use crate::wechat::{App, Channel, Format, Reply};

/// What the form of an answer must be.
#[derive(Clone, Copy)]
pub struct Form<'a> {
    pub format: Format,
    /// A success must come with a role list; in XML, where an empty list is no elements, that cannot be seen.
    pub with_roles: bool,
    /// Set where the answer must be encrypted: whose keys open it.
    pub encrypted_for: Option<(&'a App, Channel)>,
}

impl<'a> Form<'a> {
    /// Only gifts are ever answered encrypted, and only where the channel is set so.
    pub fn of_gift(app: &'a App, channel: Channel, format: Format) -> Self {
        let encrypted = app.channel(channel).reply == Reply::Encrypted;
        Self { format, with_roles: false, encrypted_for: encrypted.then_some((app, channel)) }
    }
}

/// The answer in clear: as it came, or out of its encryption.
pub fn opened(form: Form<'_>, body: &Bytes) -> Result<Bytes, String> {
    match form.encrypted_for {
        None => Ok(body.clone()),
        Some((app, channel)) => open(app, channel, form.format, body).map(Bytes::from),
    }
}

/// The `ErrCode` of an answer in clear, or what is wrong with its form.
pub fn read(form: Form<'_>, body: &[u8]) -> Result<u32, String> {
    let text = std::str::from_utf8(body).map_err(|_| "not UTF-8".to_owned())?;
    match form.format {
        Format::Json => read_json(text, form.with_roles),
        Format::Xml => read_xml(text),
    }
}

fn read_json(text: &str, with_roles: bool) -> Result<u32, String> {
    let value: Value = serde_json::from_str(text).map_err(|error| format!("not JSON: {error}"))?;
    let code = value.get("ErrCode").and_then(Value::as_u64).and_then(|code| u32::try_from(code).ok());
    let code = code.ok_or("no ErrCode")?;
    if !value.get("ErrMsg").is_some_and(Value::is_string) {
        return Err("no ErrMsg".into());
    }
    if with_roles && code == 0 && !value.get("RecentPlayedRoleList").is_some_and(Value::is_array) {
        return Err("no RecentPlayedRoleList".into());
    }
    Ok(code)
}

/// `<xml>` with one `ErrCode` and one `ErrMsg`; whatever else it holds must be well-formed.
fn read_xml(text: &str) -> Result<u32, String> {
    let mut reader = Reader::from_str(text);
    let mut open: Vec<String> = Vec::new();
    let (mut roots, mut code, mut messages) = (0, String::new(), 0);
    loop {
        match reader.read_event().map_err(|error| format!("not XML: {error}"))? {
            Event::Start(tag) => {
                let name = tag.name().0.to_owned();
                match open.as_slice() {
                    [] if name == "xml" => roots += 1,
                    [] => return Err(format!("not XML of the protocol: its root is {name:?}")),
                    [_] if name == "ErrMsg" => messages += 1,
                    _ => {}
                }
                open.push(name);
            }
            Event::End(_) => {
                open.pop();
            }
            Event::Text(text) if open.is_empty() && !text.trim().is_empty() => {
                return Err("not XML: text outside of the root".into());
            }
            Event::Text(text) if matches!(open.as_slice(), [_, name] if name == "ErrCode") => {
                code.push_str(&text);
            }
            Event::Eof => break,
            Event::Text(_)
            | Event::CData(_)
            | Event::Empty(_)
            | Event::GeneralRef(_)
            | Event::Decl(_)
            | Event::PI(_)
            | Event::Comment(_)
            | Event::DocType(_) => {}
        }
    }
    if roots != 1 || !open.is_empty() {
        return Err("not XML: it ends too early".into());
    }
    if messages != 1 {
        return Err("no ErrMsg".into());
    }
    code.parse().map_err(|_| "no ErrCode".into())
}

/// The answer inside an encrypted one, its signature checked.
fn open(app: &App, channel: Channel, format: Format, body: &[u8]) -> Result<String, String> {
    if sniff(body) != Some(format) {
        return Err("encrypted, and not in the format of the request".into());
    }
    let top = top_level(body).map_err(|error| error.to_string())?;
    let fields = Fields::of_map(&top);
    let field = |name| fields.text(name).map_err(|error| format!("not encrypted as expected: {error}"));
    let (encrypted, signature) = (field("Encrypt")?, field("MsgSignature")?);
    let (timestamp, nonce) = (field("TimeStamp")?, field("Nonce")?);
    let keys = app.channel(channel);
    let signed = |token: &str| sha1_of_sorted([token, &timestamp, &nonce, &encrypted]) == signature;
    if !keys.tokens.iter().any(|token| signed(token.reveal())) {
        return Err("encrypted, and its MsgSignature is wrong".into());
    }
    crypt::decrypt(&keys.aes_keys, &encrypted, &app.app_id).map_err(|error| error.to_string())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn answers_are_read_strictly() {
        use Format::{Json, Xml};
        for (format, with_roles, body, read_as) in [
            (Json, false, r#"{"ErrCode":0,"ErrMsg":"Success"}"#, Ok(0)),
            (Json, false, r#"{"ErrCode":40901,"ErrMsg":"taken"}"#, Ok(40901)),
            (Json, true, r#"{"ErrCode":0,"ErrMsg":"Success","RecentPlayedRoleList":[]}"#, Ok(0)),
            (Json, true, r#"{"ErrCode":0,"ErrMsg":"Success"}"#, Err("no RecentPlayedRoleList")),
            (Json, true, r#"{"ErrCode":50301,"ErrMsg":"later"}"#, Ok(50301)),
            (Json, false, r#"{"ErrCode":"0","ErrMsg":"Success"}"#, Err("no ErrCode")),
            (Json, false, r#"{"ErrCode":0}"#, Err("no ErrMsg")),
            (Json, false, "success", Err("not JSON: expected value at line 1 column 1")),
            (
                Json,
                false,
                "<xml><ErrCode>0</ErrCode></xml>",
                Err("not JSON: expected value at line 1 column 1"),
            ),
            (Xml, false, "<xml><ErrCode>0</ErrCode><ErrMsg>Success</ErrMsg></xml>", Ok(0)),
            (Xml, true, "<xml><ErrCode>0</ErrCode><ErrMsg><![CDATA[ok]]></ErrMsg></xml>\n", Ok(0)),
            (Xml, false, "<xml><ErrCode>0</ErrCode></xml>", Err("no ErrMsg")),
            (Xml, false, "<xml><ErrMsg>x</ErrMsg></xml>", Err("no ErrCode")),
            (
                Xml,
                false,
                "<xml><ErrCode>0</ErrCode><ErrMsg>Success</ErrMsg>",
                Err("not XML: it ends too early"),
            ),
            (Xml, false, r#"{"ErrCode":0,"ErrMsg":"Success"}"#, Err("not XML: text outside of the root")),
        ] {
            let form = Form { format, with_roles, encrypted_for: None };
            assert_eq!(read(form, body.as_bytes()), read_as.map_err(str::to_owned), "{body}");
        }
    }
}
