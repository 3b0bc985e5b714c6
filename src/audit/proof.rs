//! What proves an event: its signature verified once more, and that the event says what was signed.

use std::slice;

use crate::codec;
use crate::domain::event::Event;
use crate::domain::evidence::{Evidence, SignatureEvidence};
use crate::domain::push::Push;
use crate::store::StreamName;
use crate::wechat::App;
use crate::wechat::event_name::Family;
use crate::wechat::json::Json;
use crate::wechat::payload::{self, Business};
use crate::wechat::signature::{AppKey, EnvironmentKeys, verify};
use crate::wechat::strict_json;

/// What became of verifying an event's signature once more.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Proof {
    /// PayEventSig verifies under this key, and the event says what the signed payload says.
    Verified { key_fingerprint: String },
    /// It was verified by a key that is no longer configured.
    KeyMissing { key_fingerprint: String },
    /// It does not verify: the event was altered.
    Broken { key_fingerprint: String },
    /// It verifies, and the event says something else than the signed payload: the event was altered.
    Contradicted { key_fingerprint: String },
    /// Only a signed push brings such an event, and the signature is gone.
    Missing,
    /// A gift, or what is none of the known events: it came without a signature.
    Transport,
    /// No push brought it.
    None,
}

/// Verifies with the key that verified it then.
pub fn prove(app: &App, stream: &StreamName, event: &Event, evidence: Option<&Evidence>) -> Proof {
    prove_of(Some(app), stream, event, evidence)
}

/// The same where it may be that the app is configured no longer, and its keys with it.
pub fn prove_of(app: Option<&App>, stream: &StreamName, event: &Event, evidence: Option<&Evidence>) -> Proof {
    let needs = needs(event);
    let Some(evidence) = evidence else {
        return if needs == Needs::Nothing { Proof::None } else { Proof::Missing };
    };
    let Some(signature) = &evidence.signature else {
        return if needs == Needs::Signature { Proof::Missing } else { Proof::Transport };
    };
    let key_fingerprint = signature.key_fingerprint.0.clone();
    let by_name = |key: &&AppKey| key.fingerprint() == &signature.key_fingerprint;
    let known = app.and_then(|app| Some((app, app.keys_of_all_times().find(by_name)?)));
    let Some((app, key)) = known else {
        return Proof::KeyMissing { key_fingerprint };
    };
    match signed_fact(key, evidence, signature) {
        Err(NotSigned) => Proof::Broken { key_fingerprint },
        Ok(fact) if says_the_same(app, stream, event, evidence, fact.as_ref()) => {
            Proof::Verified { key_fingerprint }
        }
        Ok(_) => Proof::Contradicted { key_fingerprint },
    }
}

#[derive(PartialEq, Eq)]
enum Needs {
    Signature,
    /// A push that may come without one.
    Push,
    Nothing,
}

fn needs(event: &Event) -> Needs {
    match event {
        Event::GoodsDelivered(_)
        | Event::CoinsDelivered(_)
        | Event::RefundSucceeded(_)
        | Event::PaymentIdentified(_)
        | Event::ConflictingPushReceived(Push::Goods(_) | Push::Coins(_) | Push::Refund(_))
        | Event::MockReceived(Push::Goods(_) | Push::Coins(_) | Push::Refund(_)) => Needs::Signature,
        Event::GiftDelivered(_)
        | Event::ConflictingPushReceived(Push::Gift(_))
        | Event::MockReceived(Push::Gift(_))
        | Event::PushQuarantined { .. } => Needs::Push,
        Event::AppRegistered { .. }
        | Event::PriceMeaningChanged { .. }
        | Event::MerchantAssigned { .. }
        | Event::GoodsGranted { .. }
        | Event::GrantRefused { .. }
        | Event::GrantRevoked { .. }
        | Event::RoleReported { .. }
        | Event::QuarantineAdopted { .. }
        | Event::QuarantineDismissed { .. }
        | Event::OrderRecovered { .. }
        | Event::Recovery(_)
        | Event::PaymentClaimed(_)
        | Event::Bill(_)
        | Event::Case(_)
        | Event::Period(_)
        | Event::ReportFiled(_)
        | Event::LedgerSealed(_) => Needs::Nothing,
    }
}

struct NotSigned;

/// What the signed payload says, where it says something usable.
fn signed_fact(
    key: &AppKey,
    evidence: &Evidence,
    signature: &SignatureEvidence,
) -> Result<Option<Push>, NotSigned> {
    let fields = strict_json::read(&evidence.payload).unwrap_or(Json::Null);
    let keys = [EnvironmentKeys { env: signature.verified_env, keys: slice::from_ref(key) }];
    let verified = verify(&keys, &evidence.event, &evidence.payload, &fields, &signature.pay_event_sig);
    let verified = verified.ok_or(NotSigned)?;
    match payload::read(Family::of(&evidence.event), &verified) {
        Ok(Some(Business::Fact(push))) => Ok(Some(push)),
        Ok(Some(Business::RoleQuery(_)) | None) | Err(_) => Ok(None),
    }
}

fn says_the_same(
    app: &App,
    stream: &StreamName,
    event: &Event,
    evidence: &Evidence,
    fact: Option<&Push>,
) -> bool {
    let in_place = |push: &Push| *stream == codec::push_stream(&app.slug, push);
    match (event, fact) {
        (Event::GoodsDelivered(goods), Some(push @ Push::Goods(signed))) => goods == signed && in_place(push),
        (Event::CoinsDelivered(coins), Some(push @ Push::Coins(signed))) => coins == signed && in_place(push),
        (Event::RefundSucceeded(refund), Some(push @ Push::Refund(signed))) => {
            refund == signed && in_place(push)
        }
        (Event::ConflictingPushReceived(push), Some(signed)) => push == signed && in_place(push),
        (Event::MockReceived(push), Some(signed)) => {
            push == signed && *stream == codec::mock_stream(&app.slug, push)
        }
        // Of the ids that the push names, the event holds those that were new.
        (Event::PaymentIdentified(news), Some(signed)) => {
            news.news_to(&signed.payment()).is_none()
                && !news.contradicts(&signed.payment())
                && in_place(signed)
        }
        (Event::PushQuarantined { event, .. }, _) => {
            let id = codec::quarantine_id(&app.slug, &evidence.event, &evidence.payload);
            *event == evidence.event && *stream == codec::quarantine_stream(&id)
        }
        (
            Event::GoodsDelivered(_)
            | Event::CoinsDelivered(_)
            | Event::RefundSucceeded(_)
            | Event::GiftDelivered(_)
            | Event::ConflictingPushReceived(_)
            | Event::MockReceived(_)
            | Event::PaymentIdentified(_),
            _,
        ) => false,
        (
            Event::AppRegistered { .. }
            | Event::PriceMeaningChanged { .. }
            | Event::MerchantAssigned { .. }
            | Event::GoodsGranted { .. }
            | Event::GrantRefused { .. }
            | Event::GrantRevoked { .. }
            | Event::RoleReported { .. }
            | Event::QuarantineAdopted { .. }
            | Event::QuarantineDismissed { .. }
            | Event::OrderRecovered { .. }
            | Event::Recovery(_)
            | Event::PaymentClaimed(_)
            | Event::Bill(_)
            | Event::Case(_)
            | Event::Period(_)
            | Event::ReportFiled(_)
            | Event::LedgerSealed(_),
            _,
        ) => true,
    }
}
