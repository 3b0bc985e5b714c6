//! What WeChat is told, in the format it asked in.

use serde_json::json;

use super::Format;

/// The error codes of a failure. WeChat only tells zero from the rest; people read them.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Code {
    Success,
    /// Not parseable as the protocol says.
    Unparseable,
    /// A signature is missing or does not verify.
    BadSignature,
    /// Signed with the key of the other environment.
    OtherEnvironmentKey,
    /// No app of this name.
    UnknownApp,
    /// The body did not come in time.
    Slow,
    /// The number is taken by a different content.
    Conflict,
    /// Larger than allowed.
    TooLarge,
    /// Authentic and unusable: in quarantine.
    Unusable,
    /// The app's daily quota is used up.
    OverQuota,
    /// The store is full, slow or away.
    StoreUnavailable,
}

impl Code {
    pub const ALL: [Self; 11] = [
        Self::Success,
        Self::Unparseable,
        Self::BadSignature,
        Self::OtherEnvironmentKey,
        Self::UnknownApp,
        Self::Slow,
        Self::Conflict,
        Self::TooLarge,
        Self::Unusable,
        Self::OverQuota,
        Self::StoreUnavailable,
    ];

    pub fn number(self) -> u32 {
        match self {
            Self::Success => 0,
            Self::Unparseable => 40001,
            Self::BadSignature => 40101,
            Self::OtherEnvironmentKey => 40301,
            Self::UnknownApp => 40401,
            Self::Slow => 40801,
            Self::Conflict => 40901,
            Self::TooLarge => 41301,
            Self::Unusable => 42201,
            Self::OverQuota => 42901,
            Self::StoreUnavailable => 50301,
        }
    }

    pub fn from_number(number: u32) -> Option<Self> {
        Self::ALL.into_iter().find(|code| code.number() == number)
    }
}

/// An answer to one push. Two equal answers are equal bytes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Answer {
    pub code: Code,
    message: String,
    with_roles: bool,
}

impl Answer {
    pub fn success() -> Self {
        Self { code: Code::Success, message: "Success".into(), with_roles: false }
    }

    pub fn failure(code: Code, message: impl Into<String>) -> Self {
        Self { code, message: message.into(), with_roles: false }
    }

    /// A role list without roles: the directory of roles is empty.
    pub fn no_roles() -> Self {
        Self { with_roles: true, ..Self::success() }
    }

    pub fn render(&self, format: Format) -> String {
        match format {
            // In XML each role is an element of its own, so no roles are no elements.
            Format::Xml => format!(
                "<xml><ErrCode>{}</ErrCode><ErrMsg>{}</ErrMsg></xml>",
                self.code.number(),
                quick_xml::escape::escape(self.message.as_str())
            ),
            Format::Json if self.with_roles => {
                let message = json!(self.message);
                let number = self.code.number();
                format!(r#"{{"ErrCode":{number},"ErrMsg":{message},"RecentPlayedRoleList":[]}}"#)
            }
            Format::Json => {
                format!(r#"{{"ErrCode":{},"ErrMsg":{}}}"#, self.code.number(), json!(self.message))
            }
        }
    }
}

/// An encrypted answer: what `Encrypt`, signed, becomes in the format of the request.
pub fn render_encrypted(
    format: Format,
    encrypted: &str,
    msg_signature: &str,
    timestamp: i64,
    nonce: &str,
) -> String {
    match format {
        Format::Json => format!(
            r#"{{"Encrypt":{},"MsgSignature":{},"TimeStamp":{timestamp},"Nonce":{}}}"#,
            json!(encrypted),
            json!(msg_signature),
            json!(nonce)
        ),
        Format::Xml => format!(
            "<xml><Encrypt><![CDATA[{encrypted}]]></Encrypt><MsgSignature>{msg_signature}</MsgSignature>\
             <TimeStamp>{timestamp}</TimeStamp><Nonce>{}</Nonce></xml>",
            quick_xml::escape::escape(nonce)
        ),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn answers_are_as_documented() {
        let failure = Answer::failure(Code::Unusable, r#"GoodsInfo.Attach: "<&>""#);
        for (answer, format, text) in [
            (Answer::success(), Format::Json, r#"{"ErrCode":0,"ErrMsg":"Success"}"#),
            (Answer::success(), Format::Xml, "<xml><ErrCode>0</ErrCode><ErrMsg>Success</ErrMsg></xml>"),
            (
                Answer::no_roles(),
                Format::Json,
                r#"{"ErrCode":0,"ErrMsg":"Success","RecentPlayedRoleList":[]}"#,
            ),
            (Answer::no_roles(), Format::Xml, "<xml><ErrCode>0</ErrCode><ErrMsg>Success</ErrMsg></xml>"),
            (failure.clone(), Format::Json, r#"{"ErrCode":42201,"ErrMsg":"GoodsInfo.Attach: \"<&>\""}"#),
            (
                failure,
                Format::Xml,
                "<xml><ErrCode>42201</ErrCode><ErrMsg>GoodsInfo.Attach: &quot;&lt;&amp;&gt;&quot;</ErrMsg></xml>",
            ),
        ] {
            assert_eq!(answer.render(format), text);
        }
    }

    #[test]
    fn every_code_is_found_by_its_number() {
        for code in Code::ALL {
            assert_eq!(Code::from_number(code.number()), Some(code));
        }
    }
}
