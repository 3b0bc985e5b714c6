//! Makes requests as WeChat would send them: written, signed and, where the mode says so, encrypted.
//! Decides nothing: what to push, when, and by which randomness are arguments.

use super::message::{self, Content, Message};
use super::payload_text;
use crate::domain::environment::Environment;
use crate::domain::push::Push;
use crate::wechat::crypt::AesKey;
use crate::wechat::payload::Business;
use crate::wechat::signature::{AppKey, sha1_of_sorted};
use crate::wechat::{App, Channel, Format, Mode};

/// One POST, ready to send.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct PushRequest {
    pub path_and_query: String,
    pub content_type: &'static str,
    pub body: Vec<u8>,
}

/// How a message is written. WeChat's XML comes both ways.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Writing {
    Json,
    XmlCdata,
    XmlEscaped,
}

impl Writing {
    pub const ALL: [Self; 3] = [Self::Json, Self::XmlCdata, Self::XmlEscaped];

    pub fn format(self) -> Format {
        match self {
            Self::Json => Format::Json,
            Self::XmlCdata | Self::XmlEscaped => Format::Xml,
        }
    }
}

/// By whom a push is signed, and what was done to it afterwards. The altered ones are what an attacker
/// can do who has no key.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Signing {
    Right,
    /// With the AppKey of the environment that the payload does not name.
    OtherEnvironment,
    /// One digit of PayEventSig is another.
    AlteredSignature,
    /// The payload is not the one that was signed.
    AlteredPayload,
    /// One digit of the URL's signatures is another.
    AlteredUrl,
}

/// What differs each time even where the content is the same.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Stamp {
    /// `CreateTime`, seconds since 1970.
    pub create_time: i64,
    /// The URL's `timestamp`, seconds since 1970.
    pub timestamp: i64,
    pub nonce: u32,
    /// Begins the encrypted text.
    pub random: [u8; 16],
}

/// How one push is made.
#[derive(Clone, Copy, Debug)]
pub struct Manner<'a> {
    /// The event's name: part of what is signed.
    pub event: &'a str,
    pub writing: Writing,
    pub signing: Signing,
    pub is_mock: bool,
    pub stamp: Stamp,
}

#[derive(Debug, thiserror::Error, PartialEq, Eq)]
pub enum MakeError {
    #[error("the app has no Token for this channel")]
    NoToken,
    #[error("the app has no EncodingAESKey for this channel, which {0} mode needs")]
    NoAesKey(&'static str),
    #[error("the app has no AppKey of the {0}")]
    NoAppKey(Environment),
    #[error("the push cannot be written as JSON: {0}")]
    Json(String),
}

/// WeChat's side of one channel: the same keys, always the active one, which stands first.
#[derive(Clone, Copy, Debug)]
pub struct Maker<'a> {
    app: &'a App,
    channel: Channel,
    mode: Mode,
}

impl<'a> Maker<'a> {
    /// `mode` is how pushes are transported, whatever the channel's own mode is.
    pub fn new(app: &'a App, channel: Channel, mode: Mode) -> Self {
        Self { app, channel, mode }
    }

    /// A push of these business fields. Where the event is unrecognized, so is the push.
    pub fn make(&self, business: &Business, manner: &Manner<'_>) -> Result<PushRequest, MakeError> {
        let (env, open_id) = match business {
            Business::Fact(Push::Goods(goods)) => (goods.env, Some(goods.open_id.as_str())),
            Business::Fact(Push::Coins(coins)) => (coins.env, Some(coins.open_id.as_str())),
            // A refund does not name the player.
            Business::Fact(Push::Refund(refund)) => (refund.env, None),
            Business::RoleQuery(query) => (query.env, Some(query.open_id.as_str())),
            Business::Fact(Push::Gift(gift)) => {
                return self.request(Content::Gift(gift), Some(gift.open_id.as_str()), manner);
            }
        };
        let payload = payload_text::write(business, manner.event)?;
        self.make_signed(env, open_id, &payload, manner)
    }

    /// A push of any payload, well formed or not, signed with the AppKey of `env`.
    pub fn make_signed(
        &self,
        env: Environment,
        from_user: Option<&str>,
        payload: &str,
        manner: &Manner<'_>,
    ) -> Result<PushRequest, MakeError> {
        let sign = |env, payload: &str| -> Result<String, MakeError> {
            Ok(self.app_key(env)?.pay_event_sig(manner.event, payload))
        };
        let pay_event_sig = match manner.signing {
            Signing::Right | Signing::AlteredUrl => sign(env, payload)?,
            Signing::OtherEnvironment => sign(env.other(), payload)?,
            Signing::AlteredSignature => altered(&sign(env, payload)?),
            Signing::AlteredPayload => sign(env, &format!("{payload} "))?,
        };
        let content = Content::Signed { payload, pay_event_sig: &pay_event_sig };
        self.request(content, from_user, manner)
    }

    fn request(
        &self,
        content: Content<'_>,
        from_user: Option<&str>,
        manner: &Manner<'_>,
    ) -> Result<PushRequest, MakeError> {
        let Manner { event, writing, is_mock, stamp, .. } = *manner;
        let message = Message { from_user, create_time: stamp.create_time, event, is_mock, content };
        let (body, encrypted) = match self.mode {
            Mode::Plain => (message::write(&message, writing, None)?, None),
            Mode::Compatible | Mode::Security => {
                let inside = message::write(&message, writing, None)?;
                let encrypted = self.aes_key()?.encrypt(&stamp.random, &inside, &self.app.app_id);
                let body = match self.mode {
                    Mode::Security => message::write_encrypted(&encrypted, writing)?,
                    Mode::Plain | Mode::Compatible => message::write(&message, writing, Some(&encrypted))?,
                };
                (body, Some(encrypted))
            }
        };
        let path_and_query = format!("{}?{}", self.path(), self.query(manner, encrypted.as_deref())?);
        let content_type = match writing.format() {
            Format::Json => "application/json",
            Format::Xml => "text/xml",
        };
        Ok(PushRequest { path_and_query, content_type, body: body.into_bytes() })
    }

    fn path(&self) -> String {
        match self.channel {
            Channel::Default => format!("/wechat/{}", self.app.slug),
            Channel::Goods | Channel::Events | Channel::General => {
                format!("/wechat/{}/{}", self.app.slug, self.channel.as_str())
            }
        }
    }

    fn query(&self, manner: &Manner<'_>, encrypted: Option<&str>) -> Result<String, MakeError> {
        let keys = self.app.channel(self.channel);
        let token = keys.tokens.first().ok_or(MakeError::NoToken)?.reveal();
        let (timestamp, nonce) = (manner.stamp.timestamp.to_string(), manner.stamp.nonce.to_string());
        let sent = |signature: String| match manner.signing {
            Signing::AlteredUrl => altered(&signature),
            Signing::Right
            | Signing::OtherEnvironment
            | Signing::AlteredSignature
            | Signing::AlteredPayload => signature,
        };
        let signature = sent(sha1_of_sorted([token, &timestamp, &nonce]));
        let mut query = format!("signature={signature}&timestamp={timestamp}&nonce={nonce}");
        if let Some(encrypted) = encrypted {
            let msg_signature = sent(sha1_of_sorted([token, &timestamp, &nonce, encrypted]));
            query.push_str("&encrypt_type=aes&msg_signature=");
            query.push_str(&msg_signature);
        }
        Ok(query)
    }

    fn app_key(&self, env: Environment) -> Result<&'a AppKey, MakeError> {
        self.app.keys(env).first().ok_or(MakeError::NoAppKey(env))
    }

    fn aes_key(&self) -> Result<&'a AesKey, MakeError> {
        let mode = match self.mode {
            Mode::Plain => "plain",
            Mode::Compatible => "compatible",
            Mode::Security => "security",
        };
        self.app.channel(self.channel).aes_keys.first().ok_or(MakeError::NoAesKey(mode))
    }
}

/// The same hex digits but for the first.
fn altered(hex: &str) -> String {
    let other = if hex.starts_with('0') { "1" } else { "0" };
    format!("{other}{}", hex.get(1..).unwrap_or_default())
}
