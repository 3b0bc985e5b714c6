//! Event data: flat JSON in snake_case, raw values only, absent fields left out. The order of fields is
//! part of the format, for event ids are made from the bytes.

use serde::{Deserialize, Serialize};

use super::push_data::{AnyPush, Coins, Gift, Goods, Payment, Refund};
use super::role_data::Role;
use super::verbatim::Form;
use super::written::{AsText, Like, Written};
use super::{bill_data, case_data, recovery_data, seal_data};
use crate::domain::app::PriceMeaning;
use crate::domain::event::Event;
use crate::domain::quarantine::Reason;

/// The schema version of all events; a new one keeps the old ones readable.
pub const SCHEMA: u32 = 1;

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct AppRegistered {
    app_id: String,
    actual_price_is: String,
}

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct PriceMeaningChanged {
    from: String,
    to: String,
    revision: u64,
}

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct MerchantAssigned {
    merchant: String,
    revision: u64,
}

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Quarantined {
    event: String,
    reason: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    detail: Option<String>,
    money_at_stake: bool,
    #[serde(skip_serializing_if = "Option::is_none")]
    out_trade_no: Option<String>,
}

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Granting {
    by: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    reason: Option<String>,
}

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Resolved {
    by: String,
    reason: String,
}

pub fn encode(event: &Event) -> Result<String, serde_json::Error> {
    write(event, AsText)
}

/// Whether an event is written as this text.
pub fn is_written_as(event: &Event, data: &str) -> Result<bool, serde_json::Error> {
    write(event, Like(data))
}

fn write<W: Written>(event: &Event, out: W) -> Result<W::Out, serde_json::Error> {
    match event {
        Event::AppRegistered { app_id, actual_price_is } => out.value(&AppRegistered {
            app_id: app_id.clone(),
            actual_price_is: actual_price_is.as_str().into(),
        }),
        Event::PriceMeaningChanged { from, to, revision } => out.value(&PriceMeaningChanged {
            from: from.as_str().into(),
            to: to.as_str().into(),
            revision: *revision,
        }),
        Event::MerchantAssigned { merchant, revision } => {
            out.value(&MerchantAssigned { merchant: merchant.to_string(), revision: *revision })
        }
        Event::GoodsDelivered(goods) => out.value(&Goods::from(goods)),
        Event::CoinsDelivered(coins) => out.value(&Coins::from(coins)),
        Event::RefundSucceeded(refund) => out.value(&Refund::from(refund)),
        Event::GiftDelivered(gift) => out.value(&Gift::from(gift)),
        Event::PaymentIdentified(payment) => out.value(&Payment::from(payment)),
        Event::ConflictingPushReceived(push) | Event::MockReceived(push) => out.value(&AnyPush::from(push)),
        Event::GoodsGranted { by, reason }
        | Event::GrantRefused { by, reason }
        | Event::GrantRevoked { by, reason } => {
            out.value(&Granting { by: by.clone(), reason: reason.clone() })
        }
        Event::RoleReported { env, open_id, role, revision } => {
            out.value(&Role::new(*env, open_id, role, *revision))
        }
        Event::PushQuarantined { event, reason, out_trade_no } => out.value(&Quarantined {
            event: event.clone(),
            reason: reason.code().into(),
            detail: match reason {
                Reason::Unusable(detail) => Some(detail.clone()),
                Reason::OtherEnvironmentKey | Reason::UnrecognizedEvent { .. } => None,
            },
            money_at_stake: reason.money_at_stake(),
            out_trade_no: out_trade_no.clone(),
        }),
        Event::QuarantineAdopted { by, reason } | Event::QuarantineDismissed { by, reason } => {
            out.value(&Resolved { by: by.clone(), reason: reason.clone() })
        }
        Event::OrderRecovered { order, proposed_by, approved_by } => {
            Ok(out.text(recovery_data::encode_recovered(order, proposed_by, approved_by)?))
        }
        Event::Recovery(event) => Ok(out.text(recovery_data::encode(event)?)),
        Event::PaymentClaimed(claim) => Ok(out.text(recovery_data::encode_claim(claim)?)),
        Event::Bill(event) => Ok(out.text(bill_data::encode(event)?)),
        Event::Case(event) => Ok(out.text(case_data::encode_case(event)?)),
        Event::Period(event) => Ok(out.text(case_data::encode_period(event)?)),
        Event::ReportFiled(report) => Ok(out.text(case_data::encode_report(report)?)),
        Event::LedgerSealed(seal) => Ok(out.text(seal_data::encode(seal)?)),
    }
}

/// The event, and what reading has shown of its form.
pub fn read(event_type: &str, data: &str) -> Result<(Event, Form), String> {
    let goods = (event_type == "GoodsDelivered").then(|| Goods::verbatim(data)).flatten();
    match goods {
        Some(goods) => Ok((Event::GoodsDelivered(goods.try_into()?), Form::Verbatim)),
        None => decode(event_type, data).map(|event| (event, Form::Any)),
    }
}

/// The event, in whatever form it stands.
pub fn decode(event_type: &str, data: &str) -> Result<Event, String> {
    Ok(match event_type {
        "AppRegistered" => {
            let stored: AppRegistered = parse(data)?;
            Event::AppRegistered { app_id: stored.app_id, actual_price_is: meaning(&stored.actual_price_is)? }
        }
        "PriceMeaningChanged" => {
            let stored: PriceMeaningChanged = parse(data)?;
            let (from, to) = (meaning(&stored.from)?, meaning(&stored.to)?);
            Event::PriceMeaningChanged { from, to, revision: stored.revision }
        }
        "MerchantAssigned" => {
            let MerchantAssigned { merchant, revision } = parse(data)?;
            Event::MerchantAssigned { merchant: bill_data::merchant(&merchant)?, revision }
        }
        "GoodsDelivered" => Event::GoodsDelivered(parse::<Goods<'_>>(data)?.try_into()?),
        "CoinsDelivered" => Event::CoinsDelivered(parse::<Coins<'_>>(data)?.try_into()?),
        "RefundSucceeded" => Event::RefundSucceeded(parse::<Refund<'_>>(data)?.try_into()?),
        "GiftDelivered" => Event::GiftDelivered(parse::<Gift>(data)?.try_into()?),
        "PaymentIdentified" => Event::PaymentIdentified(parse::<Payment<'_>>(data)?.into()),
        "ConflictingPushReceived" => Event::ConflictingPushReceived(parse::<AnyPush<'_>>(data)?.try_into()?),
        "MockReceived" => Event::MockReceived(parse::<AnyPush<'_>>(data)?.try_into()?),
        "GoodsGranted" => {
            let Granting { by, reason } = parse(data)?;
            Event::GoodsGranted { by, reason }
        }
        "GrantRefused" => {
            let Granting { by, reason } = parse(data)?;
            Event::GrantRefused { by, reason }
        }
        "GrantRevoked" => {
            let Granting { by, reason } = parse(data)?;
            Event::GrantRevoked { by, reason }
        }
        "RoleReported" => parse::<Role>(data)?.into_event()?,
        "PushQuarantined" => {
            let stored: Quarantined = parse(data)?;
            let reason = reason(&stored)?;
            Event::PushQuarantined { event: stored.event, reason, out_trade_no: stored.out_trade_no }
        }
        "QuarantineAdopted" => {
            let Resolved { by, reason } = parse(data)?;
            Event::QuarantineAdopted { by, reason }
        }
        "QuarantineDismissed" => {
            let Resolved { by, reason } = parse(data)?;
            Event::QuarantineDismissed { by, reason }
        }
        "OrderRecovered" => recovery_data::recovered(data)?,
        "RecoveryProposed" => Event::Recovery(recovery_data::proposed(data)?),
        "RecoveryWithdrawn" => Event::Recovery(recovery_data::withdrawn(data)?),
        "RecoveryApproved" => Event::Recovery(recovery_data::approved(data)?),
        "PaymentClaimed" => Event::PaymentClaimed(recovery_data::claimed(data)?),
        "BillOpened" => Event::Bill(bill_data::opened(data)?),
        "BillLines" => Event::Bill(bill_data::trade_lines(data)?),
        "FundLines" => Event::Bill(bill_data::fund_lines(data)?),
        "BillSealed" => Event::Bill(bill_data::was_sealed(data)?),
        "BillSuperseded" => Event::Bill(bill_data::superseded(data)?),
        "BillDayDeclaredEmpty" => Event::Bill(bill_data::declared_empty(data)?),
        "CaseResolved" => Event::Case(case_data::resolved(data)?),
        "CaseReopened" => Event::Case(case_data::reopened(data)?),
        "PeriodPrepared" => Event::Period(case_data::prepared(data)?),
        "PeriodClosed" => Event::Period(case_data::closed(data)?),
        "PeriodReopened" => Event::Period(case_data::period_reopened(data)?),
        "ReportFiled" => Event::ReportFiled(case_data::filed(data)?),
        "LedgerSealed" => Event::LedgerSealed(seal_data::sealed(data)?),
        unknown => return Err(format!("no event type {unknown:?} is known")),
    })
}

pub(super) fn parse<'a, T: Deserialize<'a>>(data: &'a str) -> Result<T, String> {
    serde_json::from_str(data).map_err(|error| format!("data: {error}"))
}

fn meaning(text: &str) -> Result<PriceMeaning, String> {
    PriceMeaning::parse(text).ok_or_else(|| format!("data: a price meaning is {text:?}"))
}

fn reason(stored: &Quarantined) -> Result<Reason, String> {
    match (stored.reason.as_str(), &stored.detail) {
        ("other_environment_key", None) => Ok(Reason::OtherEnvironmentKey),
        ("unusable", Some(detail)) => Ok(Reason::Unusable(detail.clone())),
        ("unrecognized_event", None) => {
            Ok(Reason::UnrecognizedEvent { money_at_stake: stored.money_at_stake })
        }
        (other, _) => Err(format!("data: the reason {other:?} is not known or lacks its detail")),
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::domain::environment::Environment;
    use crate::domain::fen::Fen;
    use crate::domain::id::{OpenId, OutTradeNo};
    use crate::domain::push::{GoodsPush, OrderSource, PaymentIds};

    prop_compose! {
        fn any_goods()(
            (open_id, out_trade_no, product_id) in ("[!-~]{1,9}", "[0-9A-Za-z_|*@-]{1,32}", ".{0,9}"),
            (orig_price, actual_price, quantity) in any::<(i64, i64, u32)>(),
            zone_id in proptest::option::of(".{0,9}"),
            attach in proptest::option::of("([\\x00-\\x7f]|.){0,9}"),
            mch_order_no in proptest::option::of(".{0,9}"),
            transaction_id in proptest::option::of(".{0,9}"),
            (is_sandbox, order_source) in (any::<bool>(), 1..=3_i64),
        ) -> GoodsPush {
            GoodsPush {
                env: if is_sandbox { Environment::Sandbox } else { Environment::Production },
                open_id: OpenId::parse(&open_id).unwrap(),
                out_trade_no: OutTradeNo::parse(&out_trade_no).unwrap(),
                product_id,
                quantity,
                zone_id,
                orig_price: Fen(orig_price),
                actual_price: Fen(actual_price),
                attach,
                order_source: OrderSource::from_number(order_source).unwrap(),
                payment: PaymentIds { mch_order_no, transaction_id },
            }
        }
    }

    proptest! {
        #[test]
        fn goods_that_are_written_are_read_verbatim(goods in any_goods()) {
            let event = Event::GoodsDelivered(goods);
            let data = encode(&event).unwrap();
            prop_assert_eq!(read("GoodsDelivered", &data), Ok((event, Form::Verbatim)));
        }

        #[test]
        fn goods_that_were_altered_are_read_verbatim_only_where_they_would_be_written_so(
            goods in any_goods(),
            place in any::<prop::sample::Index>(),
            (removed, put) in (0..3_usize, "[\\x00-\\x7f]{0,2}|\\\\[\"\\\\/bfnrtu]|\\\\u00[01][0-9a-fA-F]|,\"x\":1|."),
        ) {
            let data = encode(&Event::GoodsDelivered(goods)).unwrap();
            let mut characters: Vec<char> = data.chars().collect();
            let begin = place.index(characters.len());
            characters.splice(begin..(begin + removed).min(characters.len()), put.chars());
            let altered: String = characters.into_iter().collect();
            let by_serde = decode("GoodsDelivered", &altered);
            let is_written = by_serde.as_ref().is_ok_and(|event| is_written_as(event, &altered).unwrap());
            let form = if is_written { Form::Verbatim } else { Form::Any };
            prop_assert_eq!(read("GoodsDelivered", &altered), by_serde.map(|event| (event, form)));
        }
    }
}
