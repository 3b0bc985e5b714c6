//! From the bytes of one request to what it asks for: transport, envelope, signature, fields, in this
//! order. Pure: the time of arrival is an argument.

use chrono::{DateTime, Utc};
use serde_json::Value;

use super::answer::Code;
use super::app::{App, ChannelKeys};
use super::envelope::{Content, Envelope, Format, sniff};
use super::event_name::Family;
use super::fields::Fields;
use super::json::{Json, Node};
use super::payload::{self, Business};
use super::signature::{EnvironmentKeys, Verified, verify};
use super::strict_json;
use super::transport::{UrlQuery, open};
use crate::domain::environment::Environment;
use crate::domain::evidence::{Evidence, SignatureEvidence, Transport};
use crate::domain::push::{Push, RoleQuery};
use crate::domain::quarantine::Reason;

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
    /// Another kind of message, as the general channel carries them: answered, not recorded.
    NoEvent,
}

impl Matter {
    /// Answered without a trace in the log: it goes into the refused ring, for people.
    fn is_only_remembered(&self) -> bool {
        match self {
            Self::Mock { .. } | Self::Preview | Self::Ignored => true,
            Self::Fact { .. } | Self::RoleQuery(_) | Self::Quarantine { .. } | Self::NoEvent => false,
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
    /// Nothing shows that the sender knows one of the app's Tokens.
    pub is_stranger: bool,
    pub claimed: Claimed,
    /// Equal for repeats of one push; `None` where it could not be read that far.
    pub digest: Option<String>,
}

impl Refusal {
    pub fn new(code: Code, message: impl Into<String>) -> Box<Self> {
        let claimed = Claimed::default();
        let (message, family) = (message.into(), Family::Unrecognized);
        Box::new(Self { code, message, family, is_mock: false, is_stranger: true, claimed, digest: None })
    }

    /// The same, of a request whose URL or message is signed with a Token.
    pub(super) fn of_token_holder(code: Code, message: impl Into<String>) -> Box<Self> {
        let mut refusal = Self::new(code, message);
        refusal.is_stranger = false;
        refusal
    }
}

/// The format to answer in: that of the request, JSON where it has none.
pub fn answer_format(body: &[u8]) -> Format {
    sniff(body).unwrap_or(Format::Json)
}

pub fn receive(
    app: &App,
    channel: &ChannelKeys,
    query: &UrlQuery,
    body: &[u8],
    received_at: DateTime<Utc>,
) -> Result<Received, Box<Refusal>> {
    let (message, transport) = open(app, channel, query, body)?;
    let read = Envelope::read(message);
    let read = read.map_err(|error| Refusal::of_token_holder(Code::Unparseable, error.to_string()))?;
    let Some(envelope) = read else {
        let (family, claimed) = (Family::Unrecognized, Claimed::default());
        return Ok(Received { family, claimed, matter: Matter::NoEvent, digest: None });
    };
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
            let is_mock = envelope.is_mock;
            Err(Box::new(Refusal { code, message, family, is_mock, is_stranger: false, claimed, digest }))
        }
    }
}

/// Judges a push from quarantine with the keys of now: the fact it would be if it came again, and its
/// evidence with the key that verifies it now.
pub fn judge_again(app: &App, evidence: &Evidence) -> Option<(Push, Evidence)> {
    let signature = evidence.signature.as_ref()?;
    let mut envelope = Envelope::signed(&evidence.event, &evidence.payload, &signature.pay_event_sig);
    envelope.create_time = evidence.create_time;
    let mut push = Unverified {
        app,
        family: Family::of(&evidence.event),
        transport: evidence.transport,
        received_at: evidence.received_at,
        envelope,
        claimed: Claimed::default(),
    };
    match push.judge() {
        Ok(Matter::Fact { push, evidence }) => Some((push, evidence)),
        Ok(_) | Err(_) => None,
    }
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
                self.judge_unknown()
            }
            Content::Fields(_) | Content::Nothing => {
                Err((Code::Unparseable, "MiniGame.Payload: is missing".into()))
            }
        }
    }

    fn judge_signed(&mut self, payload: &str, pay_event_sig: Option<&str>) -> Judgement {
        let parsed = strict_json::read(payload);
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
        match self.verify(payload, &Json::Null, sig, None) {
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
        read: Result<(Json<'_>, Option<Environment>), String>,
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

    /// An unknown event without payload. With an order number money may be at stake.
    fn judge_unknown(&mut self) -> Judgement {
        let message = self.envelope.message();
        self.claim(&message["MiniGame"]);
        match (payload::carries_order_number(&message), self.transport) {
            (false, _) => Ok(Matter::Ignored),
            (true, _) if self.envelope.is_mock => Ok(Matter::Ignored),
            (true, Transport::Encrypted) => {
                let reason = Reason::UnrecognizedEvent { money_at_stake: true };
                Ok(self.quarantine(reason, &message.to_string(), None))
            }
            (true, Transport::Plain) => {
                let message = "Event: no event of this name is known, and nothing signs its order number";
                Err((Code::Unusable, message.into()))
            }
        }
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
        // In the order of its keys, so that the order in which they came does not count.
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
        fields: &'v Json<'v>,
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

    fn claim<N: Node>(&mut self, payload: &N) {
        let Ok(fields) = Fields::of(payload, "Payload") else { return };
        let text = |fields: &Fields<'_, N::Object>, name: &str| fields.optional_text(name).ok().flatten();
        self.claimed.out_trade_no = text(&fields, "OutTradeNo");
        self.claimed.refund_id = text(&fields, "RefundId");
        self.claimed.open_id = text(&fields, "OpenId");
        if let Ok(Some(payment)) = fields.inside("WeChatPayInfo") {
            self.claimed.transaction_id = text(&payment, "TransactionId");
            self.claimed.mch_order_no = text(&payment, "MchOrderNo");
        }
    }
}
