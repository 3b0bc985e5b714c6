//! The outer message of a push as WeChat writes it, in JSON or in XML. Signs nothing.

use std::borrow::Cow;

use serde::Serialize;

use super::push::{MakeError, Writing};
use crate::domain::push::GiftPush;

/// The mini-game's original id, which no signature covers and nobody checks.
const TO_USER_NAME: &str = "gh_0123456789ab";

pub struct Message<'a> {
    pub from_user: Option<&'a str>,
    pub create_time: i64,
    pub event: &'a str,
    pub is_mock: bool,
    pub content: Content<'a>,
}

#[derive(Clone, Copy)]
pub enum Content<'a> {
    Signed { payload: &'a str, pay_event_sig: &'a str },
    Gift(&'a GiftPush),
}

/// In compatible mode `encrypted` stands beside the clear fields.
pub fn write(message: &Message<'_>, writing: Writing, encrypted: Option<&str>) -> Result<String, MakeError> {
    match writing {
        Writing::Json => to_json(&JsonMessage::of(message, encrypted)),
        Writing::XmlCdata | Writing::XmlEscaped => Ok(Xml::new(writing).message(message, encrypted)),
    }
}

/// The body of security mode.
pub fn write_encrypted(encrypted: &str, writing: Writing) -> Result<String, MakeError> {
    match writing {
        Writing::Json => to_json(&JsonEncrypted { to_user_name: TO_USER_NAME, encrypt: encrypted }),
        Writing::XmlCdata | Writing::XmlEscaped => {
            let mut xml = Xml::new(writing);
            xml.text("ToUserName", TO_USER_NAME);
            xml.text("Encrypt", encrypted);
            Ok(xml.end())
        }
    }
}

pub fn to_json(value: &impl Serialize) -> Result<String, MakeError> {
    serde_json::to_string(value).map_err(|error| MakeError::Json(error.to_string()))
}

#[derive(Serialize)]
#[serde(rename_all = "PascalCase")]
struct JsonEncrypted<'a> {
    to_user_name: &'a str,
    encrypt: &'a str,
}

#[derive(Serialize)]
#[serde(rename_all = "PascalCase")]
struct JsonMessage<'a> {
    to_user_name: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    from_user_name: Option<&'a str>,
    create_time: i64,
    msg_type: &'a str,
    event: &'a str,
    mini_game: JsonMiniGame<'a>,
    #[serde(skip_serializing_if = "Option::is_none")]
    encrypt: Option<&'a str>,
}

#[derive(Serialize)]
#[serde(rename_all = "PascalCase")]
struct JsonMiniGame<'a> {
    #[serde(flatten)]
    content: JsonContent<'a>,
    #[serde(skip_serializing_if = "Option::is_none")]
    is_mock: Option<bool>,
}

#[derive(Serialize)]
#[serde(untagged)]
enum JsonContent<'a> {
    #[serde(rename_all = "PascalCase")]
    Signed { payload: &'a str, pay_event_sig: &'a str },
    #[serde(rename_all = "PascalCase")]
    Gift {
        order_id: &'a str,
        is_preview: u8,
        to_user_openid: &'a str,
        zone: Option<i64>,
        gift_type_id: Option<i64>,
        gift_id: Option<&'a str>,
        send_time: Option<i64>,
        goods_list: Vec<JsonGiftItem<'a>>,
    },
}

#[derive(Serialize)]
#[serde(rename_all = "PascalCase")]
struct JsonGiftItem<'a> {
    id: &'a str,
    num: u32,
}

impl<'a> JsonMessage<'a> {
    fn of(message: &Message<'a>, encrypt: Option<&'a str>) -> Self {
        let content = match message.content {
            Content::Signed { payload, pay_event_sig } => JsonContent::Signed { payload, pay_event_sig },
            Content::Gift(gift) => JsonContent::Gift {
                order_id: gift.order_id.as_str(),
                is_preview: 0,
                to_user_openid: gift.open_id.as_str(),
                zone: gift.zone,
                gift_type_id: gift.gift_type_id,
                gift_id: gift.gift_id.as_deref(),
                send_time: gift.send_time,
                goods_list: gift.goods.iter().map(|i| JsonGiftItem { id: &i.id, num: i.num }).collect(),
            },
        };
        Self {
            to_user_name: TO_USER_NAME,
            from_user_name: message.from_user,
            create_time: message.create_time,
            msg_type: "event",
            event: message.event,
            mini_game: JsonMiniGame { content, is_mock: message.is_mock.then_some(true) },
            encrypt,
        }
    }
}

/// An XML text being written, its root open.
struct Xml {
    writing: Writing,
    text: String,
}

impl Xml {
    fn new(writing: Writing) -> Self {
        Self { writing, text: "<xml>".into() }
    }

    fn end(mut self) -> String {
        self.text.push_str("</xml>");
        self.text
    }

    fn open(&mut self, name: &str) {
        self.text.extend(["<", name, ">"]);
    }

    fn close(&mut self, name: &str) {
        self.text.extend(["</", name, ">"]);
    }

    fn text(&mut self, name: &str, text: &str) {
        self.open(name);
        match self.writing {
            // A CDATA section cannot hold its own end, so it is ended and begun again there.
            Writing::XmlCdata => {
                self.text.extend(["<![CDATA[", &text.replace("]]>", "]]]]><![CDATA[>"), "]]>"])
            }
            Writing::Json | Writing::XmlEscaped => {
                let escaped: Cow<'_, str> = quick_xml::escape::escape(text);
                self.text.push_str(&escaped);
            }
        }
        self.close(name);
    }

    fn number(&mut self, name: &str, number: impl Into<i64>) {
        self.open(name);
        self.text.push_str(&number.into().to_string());
        self.close(name);
    }

    fn message(mut self, message: &Message<'_>, encrypted: Option<&str>) -> String {
        self.text("ToUserName", TO_USER_NAME);
        if let Some(from_user) = message.from_user {
            self.text("FromUserName", from_user);
        }
        self.number("CreateTime", message.create_time);
        self.text("MsgType", "event");
        self.text("Event", message.event);
        self.open("MiniGame");
        match message.content {
            Content::Signed { payload, pay_event_sig } => {
                self.text("Payload", payload);
                self.text("PayEventSig", pay_event_sig);
            }
            Content::Gift(gift) => self.gift(gift),
        }
        if message.is_mock {
            self.open("IsMock");
            self.text.push_str("true");
            self.close("IsMock");
        }
        self.close("MiniGame");
        if let Some(encrypted) = encrypted {
            self.text("Encrypt", encrypted);
        }
        self.end()
    }

    fn gift(&mut self, gift: &GiftPush) {
        self.text("OrderId", gift.order_id.as_str());
        self.number("IsPreview", 0);
        self.text("ToUserOpenid", gift.open_id.as_str());
        for (name, number) in
            [("Zone", gift.zone), ("GiftTypeId", gift.gift_type_id), ("SendTime", gift.send_time)]
        {
            if let Some(number) = number {
                self.number(name, number);
            }
        }
        if let Some(gift_id) = &gift.gift_id {
            self.text("GiftId", gift_id);
        }
        for item in &gift.goods {
            self.open("GoodsList");
            self.text("Id", &item.id);
            self.number("Num", item.num);
            self.close("GoodsList");
        }
    }
}
