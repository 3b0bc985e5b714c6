//! Pushes written by hand after the protocol's text, without the program's own maker: any envelope, any
//! transport, any key.

use hmac::{Hmac, KeyInit, Mac};
use order_ledger::cli::simulate::{PushRequest, Writing};
use order_ledger::wechat::crypt::AesKey;
use order_ledger::wechat::secret::Secret;
use order_ledger::wechat::signature::sha1_of_sorted;
use serde_json::{Value, json};

use super::server::{AES_KEY, APP_ID, PRODUCTION_KEY, SANDBOX_KEY, TOKEN};

pub const SUCCESS_JSON: &str = r#"{"ErrCode":0,"ErrMsg":"Success"}"#;
pub const SUCCESS_XML: &str = "<xml><ErrCode>0</ErrCode><ErrMsg>Success</ErrMsg></xml>";
pub const GOODS: &str = "minigame_game_pay_goods_deliver_notify";
pub const COINS: &str = "minigame_coin_deliver_completed";
pub const REFUND: &str = "minigame_pay_refund_succ_notify";
pub const ROLES: &str = "minigame_query_recent_role_list";
pub const GIFT: &str = "minigame_deliver_goods";

pub fn success(writing: Writing) -> &'static str {
    match writing {
        Writing::Json => SUCCESS_JSON,
        Writing::XmlCdata | Writing::XmlEscaped => SUCCESS_XML,
    }
}

pub fn key_of(env: u8) -> &'static str {
    if env == 0 { PRODUCTION_KEY } else { SANDBOX_KEY }
}

/// `hex(HMAC-SHA256(AppKey, Event & Payload))`.
pub fn pay_event_sig(key: &str, event: &str, payload: &str) -> String {
    let mut mac = Hmac::<sha2::Sha256>::new_from_slice(key.as_bytes()).unwrap();
    mac.update(format!("{event}&{payload}").as_bytes());
    hex::encode(mac.finalize().into_bytes())
}

/// One field under `MiniGame`.
#[derive(Clone, Copy)]
pub enum Field<'a> {
    Text(&'a str),
    /// Stands as it is, in JSON and in XML.
    Raw(&'a str),
}

/// A message with these fields under `MiniGame`, in this order.
pub fn message(writing: Writing, event: &str, mini_game: &[(&str, Field<'_>)]) -> String {
    match writing {
        Writing::Json => {
            let field = |(name, field): &(&str, Field<'_>)| match field {
                Field::Text(text) => format!("{}:{}", json!(name), json!(text)),
                Field::Raw(raw) => format!("{}:{raw}", json!(name)),
            };
            let fields: Vec<_> = mini_game.iter().map(field).collect();
            format!(
                r#"{{"ToUserName":"gh_97417a04a28d","FromUserName":"oP","CreateTime":1767225600,"MsgType":"event","Event":{},"MiniGame":{{{}}}}}"#,
                json!(event),
                fields.join(",")
            )
        }
        Writing::XmlCdata | Writing::XmlEscaped => {
            let element = |(name, field): &(&str, Field<'_>)| match field {
                Field::Text(text) => format!("<{name}>{}</{name}>", xml_text(writing, text)),
                Field::Raw(raw) => format!("<{name}>{raw}</{name}>"),
            };
            let elements: String = mini_game.iter().map(element).collect();
            let text = |text| xml_text(writing, text);
            format!(
                "<xml><ToUserName>{}</ToUserName><FromUserName>{}</FromUserName><CreateTime>1767225600</CreateTime>\
                 <MsgType>{}</MsgType><Event>{}</Event><MiniGame>{elements}</MiniGame></xml>",
                text("gh_97417a04a28d"),
                text("oP"),
                text("event"),
                text(event)
            )
        }
    }
}

fn xml_text(writing: Writing, text: &str) -> String {
    match writing {
        Writing::XmlCdata => format!("<![CDATA[{}]]>", text.replace("]]>", "]]]]><![CDATA[>")),
        Writing::Json | Writing::XmlEscaped => {
            text.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;").replace('"', "&quot;")
        }
    }
}

/// The message of a payload with this PayEventSig.
pub fn signed_message(writing: Writing, event: &str, payload: &str, sig: &str) -> String {
    message(writing, event, &[("Payload", Field::Text(payload)), ("PayEventSig", Field::Text(sig))])
}

/// Which console settings WeChat pushes by.
#[derive(Clone, Copy)]
pub struct Console<'a> {
    pub path: &'a str,
    pub token: &'a str,
    pub aes_key: &'a str,
    pub app_id: &'a str,
}

pub const DEMO: Console<'_> =
    Console { path: "/wechat/demo", token: TOKEN, aes_key: AES_KEY, app_id: APP_ID };

const TIMESTAMP: &str = "1714037059";
const NONCE: &str = "486452656";

impl Console<'_> {
    /// Plain mode.
    pub fn plain(&self, body: impl Into<Vec<u8>>) -> PushRequest {
        let body = body.into();
        let signature = sha1_of_sorted([self.token, TIMESTAMP, NONCE]);
        PushRequest {
            path_and_query: format!(
                "{}?signature={signature}&timestamp={TIMESTAMP}&nonce={NONCE}",
                self.path
            ),
            content_type: content_type(&body),
            body,
        }
    }

    /// Security mode.
    pub fn secure(&self, writing: Writing, message: &str) -> PushRequest {
        let key = AesKey::parse(&Secret::new(self.aes_key.to_owned())).unwrap();
        self.carrying(writing, &key.encrypt(b"0123456789abcdef", message, self.app_id))
    }

    /// Security mode with any text as `Encrypt`, rightly signed.
    pub fn carrying(&self, writing: Writing, encrypt: &str) -> PushRequest {
        let body = match writing {
            Writing::Json => json!({"ToUserName": "gh_97417a04a28d", "Encrypt": encrypt}).to_string(),
            Writing::XmlCdata | Writing::XmlEscaped => format!(
                "<xml><ToUserName>gh_97417a04a28d</ToUserName><Encrypt>{}</Encrypt></xml>",
                xml_text(writing, encrypt)
            ),
        };
        let request = self.plain(body);
        PushRequest { path_and_query: self.encrypted_query(&request.path_and_query, encrypt), ..request }
    }

    /// Compatible mode: the clear fields and `Encrypt` both arrive.
    pub fn compatible(&self, writing: Writing, message: &str) -> PushRequest {
        let key = AesKey::parse(&Secret::new(self.aes_key.to_owned())).unwrap();
        let encrypt = key.encrypt(b"0123456789abcdef", message, self.app_id);
        let body = match writing {
            Writing::Json => {
                format!("{},\"Encrypt\":{}}}", message.strip_suffix('}').unwrap(), json!(encrypt))
            }
            Writing::XmlCdata | Writing::XmlEscaped => format!(
                "{}<Encrypt>{}</Encrypt></xml>",
                message.strip_suffix("</xml>").unwrap(),
                xml_text(writing, &encrypt)
            ),
        };
        let request = self.plain(body);
        PushRequest { path_and_query: self.encrypted_query(&request.path_and_query, &encrypt), ..request }
    }

    fn encrypted_query(&self, plain: &str, encrypt: &str) -> String {
        let signature = sha1_of_sorted([self.token, TIMESTAMP, NONCE, encrypt]);
        format!("{plain}&encrypt_type=aes&msg_signature={signature}")
    }
}

fn content_type(body: &[u8]) -> &'static str {
    if body.first() == Some(&b'<') { "text/xml" } else { "application/json" }
}

/// A payload in plain mode as JSON, signed with this key.
pub fn push(key: &str, event: &str, payload: &str) -> PushRequest {
    DEMO.plain(signed_message(Writing::Json, event, payload, &pay_event_sig(key, event, payload)))
}

/// The same, of JSON that names its environment.
pub fn push_of(event: &str, payload: &Value) -> PushRequest {
    let env = if payload["Env"] == json!(1) { 1 } else { 0 };
    push(key_of(env), event, &payload.to_string())
}

pub fn goods(number: &str, env: u8) -> Value {
    json!({
        "OpenId": "oP", "OutTradeNo": number, "Env": env,
        "WeChatPayInfo": {"MchOrderNo": format!("M{number}"), "TransactionId": format!("T{number}")},
        "GoodsInfo": {
            "ProductId": "gem_60", "Quantity": 2, "ZoneId": "1", "OrigPrice": 600, "ActualPrice": 1200,
            "Attach": "{\"k\":\"a/b&c=d\"}", "OrderSource": 1
        },
    })
}

/// As the protocol's table writes it; the samples say `TotalPrice`.
pub fn coins(number: &str, env: u8) -> Value {
    json!({
        "OpenId": "oP", "OutTradeNo": number, "Env": env,
        "CoinInfo": {"ZoneId": "1", "BuyQuantity": 100, "OrigPrice": 1000, "ActualPrice": 900},
    })
}

pub fn refund(number: &str, env: u8) -> Value {
    json!({
        "RefundId": number, "RefundAmount": 600, "RefundSource": 2, "Env": env, "OutTradeNo": "ORIGINAL",
        "WeChatPayInfo": {"MchOrderNo": "M1", "TransactionId": "T1"},
    })
}

/// With the value at a JSON pointer replaced or, where its object has none of the name, added.
pub fn with(mut payload: Value, pointer: &str, value: Value) -> Value {
    let (object, name) = pointer.rsplit_once('/').unwrap();
    payload.pointer_mut(object).unwrap()[name] = value;
    payload
}

pub fn without(mut payload: Value, pointer: &str) -> Value {
    let (object, name) = pointer.rsplit_once('/').unwrap();
    payload.pointer_mut(object).unwrap().as_object_mut().unwrap().remove(name).unwrap();
    payload
}
