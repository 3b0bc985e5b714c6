//! From the bytes of one request to what it asks for: transport, envelope, signature, fields, in this
//! order. Pure: the time of arrival is an argument.

use chrono::{DateTime, Utc};
use serde_json::{Map, Value};

use super::answer::Code;
use super::app::{App, ChannelKeys, Mode};
use super::crypt;
use super::envelope::{Content, Envelope, Format, decrypted, sniff, top_level};
use super::event_name::Family;
use super::fields::Fields;
use super::payload::{self, Business};
use super::signature::{EnvironmentKeys, Verified, hex_equal, sha1_of_sorted, verify};
use super::strict_json;
use crate::domain::environment::Environment;
use crate::domain::evidence::{Evidence, SignatureEvidence, Transport};
use crate::domain::push::{Push, RoleQuery};
use crate::domain::quarantine::Reason;

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

/// What a request says of itself, for people who look for it; nothing of it is verified.
#[derive(Clone, Debug, Default, PartialEq, Eq, serde::Deserialize, serde::Serialize)]
pub struct Claimed {
    pub event: Option<String>,
    pub out_trade_no: Option<String>,
    pub refund_id: Option<String>,
    pub transaction_id: Option<String>,
    pub mch_order_no: Option<String>,
    pub open_id: Option<String>,
}

/// What an accepted request asks for.
#[derive(Debug)]
pub enum Matter {
    Fact {
        push: Push,
        evidence: Evidence,
    },
    RoleQuery(RoleQuery),
    /// Authentic and unusable.
    Quarantine {
        reason: Reason,
        out_trade_no: Option<String>,
        evidence: Evidence,
    },
    /// A mock push whose fields are right. `verified` where it carried a valid signature.
    Mock {
        verified: Option<(Business, Evidence)>,
        asks_roles: bool,
    },
    /// A gift shown to the developer only: never delivered.
    Preview,
    /// An event nobody signed and nothing knows, without an order number: answered, not recorded.
    Ignored,
}

impl Matter {
    /// Answered without a trace in the log: it goes into the refused ring, for people.
    fn is_only_remembered(&self) -> bool {
        match self {
            Self::Mock { .. } | Self::Preview | Self::Ignored => true,
            Self::Fact { .. } | Self::RoleQuery(_) | Self::Quarantine { .. } => false,
        }
    }
}

#[derive(Debug)]
pub struct Received {
    pub family: Family,
    pub claimed: Claimed,
    pub matter: Matter,
    /// Equal for repeats of one push; only where the log keeps nothing of it.
    pub digest: Option<String>,
}

/// A request that is refused: nothing of it reaches the log.
#[derive(Debug)]
pub struct Refusal {
    pub code: Code,
    pub message: String,
    pub family: Family,
    pub is_mock: bool,
    pub claimed: Claimed,
    /// Equal for repeats of one push; `None` where it could not be read that far.
    pub digest: Option<String>,
}

impl Refusal {
    pub fn new(code: Code, message: impl Into<String>) -> Box<Self> {
        let claimed = Claimed::default();
        let (message, family) = (message.into(), Family::Unrecognized);
        Box::new(Self { code, message, family, is_mock: false, claimed, digest: None })
    }
}

/// The format to answer in: that of the request, JSON where it has none.
pub fn answer_format(body: &[u8]) -> Format {
    sniff(body).unwrap_or(Format::Json)
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

pub fn receive(
    app: &App,
    channel: &ChannelKeys,
    query: &UrlQuery,
    body: &[u8],
    received_at: DateTime<Utc>,
) -> Result<Received, Box<Refusal>> {
    let (message, transport) = open(app, channel, query, body)?;
    let envelope =
        Envelope::read(message).map_err(|error| Refusal::new(Code::Unparseable, error.to_string()))?;
    let family = Family::of(&envelope.event);
    let mut push = Unverified { app, family, transport, received_at, envelope, claimed: Claimed::default() };
    push.claimed.event = Some(push.envelope.event.clone());
    let judged = push.judge();
    let Unverified { envelope, claimed, .. } = push;
    match judged {
        Ok(matter) => {
            let digest = matter.is_only_remembered().then(|| envelope.digest());
            Ok(Received { family, claimed, matter, digest })
        }
        Err((code, message)) => {
            let digest = Some(envelope.digest());
            Err(Box::new(Refusal { code, message, family, is_mock: envelope.is_mock, claimed, digest }))
        }
    }
}

/// Checks how the message came and takes it out of its encryption.
fn open(
    app: &App,
    channel: &ChannelKeys,
    query: &UrlQuery,
    body: &[u8],
) -> Result<(Map<String, Value>, Transport), Box<Refusal>> {
    let bad_signature = |message: &str| Refusal::new(Code::BadSignature, message);
    let encrypted_expected = query.encrypt_type.as_deref() == Some("aes");
    if !encrypted_expected && !url_is_signed(channel, query) {
        return Err(bad_signature("the URL's signature is missing or by no token of this app"));
    }
    let unparseable =
        |error: super::envelope::EnvelopeError| Refusal::new(Code::Unparseable, error.to_string());
    let mut top = top_level(body).map_err(unparseable)?;
    let has_keys = !channel.aes_keys.is_empty();
    let encrypted = match top.remove("Encrypt") {
        Some(Value::String(encrypted)) if has_keys => encrypted,
        Some(_) if has_keys => return Err(Refusal::new(Code::Unparseable, "Encrypt: must be a text")),
        Some(_) if !top.contains_key("Event") => {
            return Err(bad_signature("the push is encrypted, and no EncodingAESKey is configured"));
        }
        _ if channel.mode == Mode::Security => {
            return Err(bad_signature("only encrypted pushes are accepted in security mode"));
        }
        // A message of compatible mode whose encrypted part cannot be opened, or one in clear.
        _ if url_is_signed(channel, query) => return Ok((top, Transport::Plain)),
        _ => return Err(bad_signature("the URL's signature is missing or by no token of this app")),
    };
    if !message_is_signed(channel, query, &encrypted) {
        return Err(bad_signature("msg_signature is missing or by no token of this app"));
    }
    let message = crypt::decrypt(&channel.aes_keys, &encrypted, &app.app_id).map_err(|error| {
        let code = match error {
            crypt::DecryptError::AppId => Code::BadSignature,
            crypt::DecryptError::Base64
            | crypt::DecryptError::Blocks(_)
            | crypt::DecryptError::Padding
            | crypt::DecryptError::Utf8 => Code::Unparseable,
        };
        Refusal::new(code, error.to_string())
    })?;
    Ok((decrypted(&message).map_err(unparseable)?, Transport::Encrypted))
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

/// A push that came well, of which nothing is believed yet.
struct Unverified<'a> {
    app: &'a App,
    family: Family,
    transport: Transport,
    received_at: DateTime<Utc>,
    envelope: Envelope,
    claimed: Claimed,
}

type Judgement = Result<Matter, (Code, String)>;

impl Unverified<'_> {
    fn judge(&mut self) -> Judgement {
        match &self.envelope.content {
            Content::Signed { payload, pay_event_sig } => {
                let (payload, sig) = (payload.clone(), pay_event_sig.clone());
                self.judge_signed(&payload, sig.as_deref())
            }
            Content::Fields(fields) if self.family == Family::Gift => {
                let fields = fields.clone();
                self.judge_gift(&fields)
            }
            Content::Fields(_) | Content::Nothing if self.family == Family::Unrecognized => {
                Ok(Matter::Ignored)
            }
            Content::Fields(_) | Content::Nothing => {
                Err((Code::Unparseable, "MiniGame.Payload: is missing".into()))
            }
        }
    }

    fn judge_signed(&mut self, payload: &str, pay_event_sig: Option<&str>) -> Judgement {
        let parsed = strict_json::parse(payload);
        if let Ok(fields) = &parsed {
            self.claim(fields);
        }
        let read = parsed.map_err(|error| error.to_string()).and_then(|fields| {
            let env = payload::env(&fields).map_err(|error| error.to_string())?;
            Ok((fields, env))
        });
        if self.envelope.is_mock {
            return self.judge_mock(payload, pay_event_sig, read);
        }
        let Some(sig) = pay_event_sig else {
            return Err((Code::BadSignature, "MiniGame.PayEventSig: is missing".into()));
        };
        let (fields, env) = match read {
            Ok(read) => read,
            Err(problem) => return self.judge_unreadable(payload, sig, &problem),
        };
        let Some(verified) = self.verify(payload, &fields, sig, env) else {
            let other = env.map(Environment::other);
            let Some(by_other) = other.and_then(|other| self.verify(payload, &fields, sig, Some(other)))
            else {
                let message = "MiniGame.PayEventSig: verifies under no AppKey of this app";
                return Err((Code::BadSignature, message.into()));
            };
            return Ok(self.quarantine(Reason::OtherEnvironmentKey, payload, Some(by_other.signature)));
        };
        match payload::read(self.family, &verified) {
            Ok(Some(Business::Fact(push))) => {
                let evidence = self.evidence(payload, Some(verified.signature));
                Ok(Matter::Fact { push, evidence })
            }
            Ok(Some(Business::RoleQuery(query))) => Ok(Matter::RoleQuery(query)),
            Ok(None) => {
                let money_at_stake = payload::carries_order_number(&fields);
                let reason = Reason::UnrecognizedEvent { money_at_stake };
                Ok(self.quarantine(reason, payload, Some(verified.signature)))
            }
            Err(error) => {
                Ok(self.quarantine(Reason::Unusable(error.to_string()), payload, Some(verified.signature)))
            }
        }
    }

    /// A payload that cannot be read names no environment; one that is signed all the same is kept.
    fn judge_unreadable(&self, payload: &str, sig: &str, problem: &str) -> Judgement {
        // Where the payload is no object, the problem names it already.
        let problem = problem.strip_prefix("Payload: ").unwrap_or(problem);
        match self.verify(payload, &Value::Null, sig, None) {
            Some(verified) => {
                let reason = Reason::Unusable(format!("Payload: {problem}"));
                Ok(self.quarantine(reason, payload, Some(verified.signature)))
            }
            None => Err((Code::Unparseable, format!("MiniGame.Payload: {problem}"))),
        }
    }

    /// Looks at the fields only; a valid signature makes its ids worth remembering.
    fn judge_mock(
        &self,
        payload: &str,
        pay_event_sig: Option<&str>,
        read: Result<(Value, Option<Environment>), String>,
    ) -> Judgement {
        let wrong = |problem: String| (Code::Unparseable, format!("mock push: {problem}"));
        let (fields, env) = read.map_err(wrong)?;
        let business = payload::check_mock(self.family, &fields).map_err(|error| wrong(error.to_string()))?;
        let asks_roles = self.family == Family::RoleQuery;
        let signature = pay_event_sig.and_then(|sig| self.verify(payload, &fields, sig, env));
        let verified = signature
            .zip(business)
            .map(|(verified, business)| (business, self.evidence(payload, Some(verified.signature))));
        Ok(Matter::Mock { verified, asks_roles })
    }

    /// A gift carries no signature of its own: the encrypted transport is its proof.
    fn judge_gift(&mut self, fields: &Value) -> Judgement {
        let top = Fields::of(fields, "MiniGame").ok();
        self.claimed.out_trade_no = top.as_ref().and_then(|top| top.optional_text("OrderId").ok().flatten());
        self.claimed.open_id = top.as_ref().and_then(|top| top.optional_text("ToUserOpenid").ok().flatten());
        if self.envelope.is_mock {
            let checked = payload::gift(fields);
            checked.map_err(|error| (Code::Unparseable, format!("mock push: {error}")))?;
            return Ok(Matter::Mock { verified: None, asks_roles: false });
        }
        if self.transport == Transport::Plain {
            let message = "gifts carry no signature and are accepted in security mode only";
            return Err((Code::BadSignature, message.into()));
        }
        // Object keys are sorted, so the same gift is the same text in JSON and in XML order.
        let payload = fields.to_string();
        match payload::is_preview(fields).and_then(|preview| Ok((preview, payload::gift(fields)?))) {
            Ok((true, _)) => Ok(Matter::Preview),
            Ok((false, gift)) => {
                Ok(Matter::Fact { push: Push::Gift(gift), evidence: self.evidence(&payload, None) })
            }
            Err(error) => Ok(self.quarantine(Reason::Unusable(error.to_string()), &payload, None)),
        }
    }

    /// Verifies under the keys of `env`, or of either environment where the payload names none.
    fn verify<'v>(
        &'v self,
        payload: &str,
        fields: &'v Value,
        sig: &str,
        env: Option<Environment>,
    ) -> Option<Verified<'v>> {
        let of = |env| EnvironmentKeys { env, keys: self.app.keys(env) };
        let event = &self.envelope.event;
        match env {
            Some(env) => verify(&[of(env)], event, payload, fields, sig),
            None => verify(&Environment::ALL.map(of), event, payload, fields, sig),
        }
    }

    fn quarantine(&self, reason: Reason, payload: &str, signature: Option<SignatureEvidence>) -> Matter {
        let out_trade_no = self.claimed.out_trade_no.clone();
        Matter::Quarantine { reason, out_trade_no, evidence: self.evidence(payload, signature) }
    }

    fn evidence(&self, payload: &str, signature: Option<SignatureEvidence>) -> Evidence {
        Evidence {
            event: self.envelope.event.clone(),
            payload: payload.to_owned(),
            signature,
            transport: self.transport,
            create_time: self.envelope.create_time,
            received_at: self.received_at,
        }
    }

    fn claim(&mut self, payload: &Value) {
        let Ok(fields) = Fields::of(payload, "Payload") else { return };
        let text = |fields: &Fields<'_>, name: &str| fields.optional_text(name).ok().flatten();
        self.claimed.out_trade_no = text(&fields, "OutTradeNo");
        self.claimed.refund_id = text(&fields, "RefundId");
        self.claimed.open_id = text(&fields, "OpenId");
        if let Ok(Some(payment)) = fields.inside("WeChatPayInfo") {
            self.claimed.transaction_id = text(&payment, "TransactionId");
            self.claimed.mch_order_no = text(&payment, "MchOrderNo");
        }
    }
}
