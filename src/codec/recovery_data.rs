//! Orders that people recover, as they are stored.

use serde::{Deserialize, Serialize};

use super::bill_data::{merchant, sha256};
use super::data::parse;
use super::push_data::{env, id};
use crate::domain::app::AppSlug;
use crate::domain::environment::Environment;
use crate::domain::event::Event;
use crate::domain::fen::Fen;
use crate::domain::id::{OpenId, OutTradeNo};
use crate::domain::payment::Claim;
use crate::domain::push::PaymentIds;
use crate::domain::recovery::{RecoveredOrder, RecoveryEvent};

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Proposed {
    merchant: String,
    out_trade_no: String,
    open_id: String,
    product_id: String,
    quantity: u32,
    #[serde(skip_serializing_if = "Option::is_none")]
    zone_id: Option<String>,
    amount_fen: i64,
    #[serde(skip_serializing_if = "Option::is_none")]
    transaction_id: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    mch_order_no: Option<String>,
    evidence: String,
    bill_sha256: String,
    bill_line: u64,
    revision: u64,
    by: String,
}

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Withdrawn {
    reason: String,
    revision: u64,
    by: String,
}

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Approved {
    revision: u64,
    by: String,
}

/// `order_app`, for `app` is what an event happens to: this one happens to a merchant's payment.
#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Claimed {
    merchant: String,
    transaction_id: String,
    order_app: String,
    out_trade_no: String,
    recovery_revision: u64,
    by: String,
}

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Recovered {
    env: i64,
    open_id: String,
    out_trade_no: String,
    product_id: String,
    quantity: u32,
    #[serde(skip_serializing_if = "Option::is_none")]
    zone_id: Option<String>,
    amount_fen: i64,
    #[serde(skip_serializing_if = "Option::is_none")]
    mch_order_no: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    transaction_id: Option<String>,
    evidence: String,
    bill_sha256: String,
    bill_line: u64,
    proposed_by: String,
    approved_by: String,
}

pub fn encode(event: &RecoveryEvent) -> Result<String, serde_json::Error> {
    match event {
        RecoveryEvent::Proposed { merchant, order, revision, by } => serde_json::to_string(&Proposed {
            merchant: merchant.to_string(),
            out_trade_no: order.out_trade_no.to_string(),
            open_id: order.open_id.to_string(),
            product_id: order.product_id.clone(),
            quantity: order.quantity,
            zone_id: order.zone_id.clone(),
            amount_fen: order.amount.0,
            transaction_id: order.payment.transaction_id.clone(),
            mch_order_no: order.payment.mch_order_no.clone(),
            evidence: order.evidence.clone(),
            bill_sha256: order.bill_sha256.to_string(),
            bill_line: order.bill_line,
            revision: *revision,
            by: by.clone(),
        }),
        RecoveryEvent::Withdrawn { reason, revision, by } => {
            serde_json::to_string(&Withdrawn { reason: reason.clone(), revision: *revision, by: by.clone() })
        }
        RecoveryEvent::Approved { revision, by } => {
            serde_json::to_string(&Approved { revision: *revision, by: by.clone() })
        }
    }
}

pub fn encode_claim(claim: &Claim) -> Result<String, serde_json::Error> {
    serde_json::to_string(&Claimed {
        merchant: claim.merchant.to_string(),
        transaction_id: claim.transaction_id.clone(),
        order_app: claim.app.to_string(),
        out_trade_no: claim.out_trade_no.to_string(),
        recovery_revision: claim.recovery_revision,
        by: claim.by.clone(),
    })
}

pub fn encode_recovered(
    order: &RecoveredOrder,
    proposed_by: &str,
    approved_by: &str,
) -> Result<String, serde_json::Error> {
    serde_json::to_string(&Recovered {
        // A bill holds what was really paid.
        env: Environment::Production.number(),
        open_id: order.open_id.to_string(),
        out_trade_no: order.out_trade_no.to_string(),
        product_id: order.product_id.clone(),
        quantity: order.quantity,
        zone_id: order.zone_id.clone(),
        amount_fen: order.amount.0,
        mch_order_no: order.payment.mch_order_no.clone(),
        transaction_id: order.payment.transaction_id.clone(),
        evidence: order.evidence.clone(),
        bill_sha256: order.bill_sha256.to_string(),
        bill_line: order.bill_line,
        proposed_by: proposed_by.to_owned(),
        approved_by: approved_by.to_owned(),
    })
}

pub fn proposed(data: &str) -> Result<RecoveryEvent, String> {
    let stored: Proposed = parse(data)?;
    let order = RecoveredOrder {
        open_id: id("open_id", OpenId::parse(&stored.open_id))?,
        out_trade_no: id("out_trade_no", OutTradeNo::parse(&stored.out_trade_no))?,
        product_id: stored.product_id,
        quantity: stored.quantity,
        zone_id: stored.zone_id,
        amount: Fen(stored.amount_fen),
        payment: PaymentIds { mch_order_no: stored.mch_order_no, transaction_id: stored.transaction_id },
        evidence: stored.evidence,
        bill_sha256: sha256(&stored.bill_sha256)?,
        bill_line: stored.bill_line,
    };
    let merchant = merchant(&stored.merchant)?;
    Ok(RecoveryEvent::Proposed { merchant, order, revision: stored.revision, by: stored.by })
}

pub fn withdrawn(data: &str) -> Result<RecoveryEvent, String> {
    let Withdrawn { reason, revision, by } = parse(data)?;
    Ok(RecoveryEvent::Withdrawn { reason, revision, by })
}

pub fn approved(data: &str) -> Result<RecoveryEvent, String> {
    let Approved { revision, by } = parse(data)?;
    Ok(RecoveryEvent::Approved { revision, by })
}

pub fn claimed(data: &str) -> Result<Claim, String> {
    let stored: Claimed = parse(data)?;
    Ok(Claim {
        merchant: merchant(&stored.merchant)?,
        transaction_id: stored.transaction_id,
        app: AppSlug::parse(&stored.order_app).map_err(|error| format!("data: order_app: {error}"))?,
        out_trade_no: id("out_trade_no", OutTradeNo::parse(&stored.out_trade_no))?,
        recovery_revision: stored.recovery_revision,
        by: stored.by,
    })
}

pub fn recovered(data: &str) -> Result<Event, String> {
    let stored: Recovered = parse(data)?;
    if env(stored.env)? != Environment::Production {
        return Err("data: only orders of production are recovered".into());
    }
    let order = RecoveredOrder {
        open_id: id("open_id", OpenId::parse(&stored.open_id))?,
        out_trade_no: id("out_trade_no", OutTradeNo::parse(&stored.out_trade_no))?,
        product_id: stored.product_id,
        quantity: stored.quantity,
        zone_id: stored.zone_id,
        amount: Fen(stored.amount_fen),
        payment: PaymentIds { mch_order_no: stored.mch_order_no, transaction_id: stored.transaction_id },
        evidence: stored.evidence,
        bill_sha256: sha256(&stored.bill_sha256)?,
        bill_line: stored.bill_line,
    };
    let (proposed_by, approved_by) = (stored.proposed_by, stored.approved_by);
    Ok(Event::OrderRecovered { order, proposed_by, approved_by })
}
