//! What happens to bills, as it is stored.

use chrono::NaiveDate;
use serde::{Deserialize, Serialize};

use super::data::parse;
use super::line_data;
use crate::domain::bill::{
    BillEvent, BillKey, BillKind, BillLines, BillNameError, Covers, FundTotals, MerchantId, Millifen,
    Sha256Hex, Totals, TradeTotals,
};
use crate::domain::fen::Fen;

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Opened {
    revision: u64,
    merchant: String,
    bill_day: NaiveDate,
    kind: String,
    covers: String,
    sha256: String,
    file_name: String,
    profile: String,
    rows: u64,
    by: String,
}

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Sealed {
    revision: u64,
    merchant: String,
    bill_day: NaiveDate,
    kind: String,
    covers: String,
    sha256: String,
    rows: u64,
    #[serde(skip_serializing_if = "Option::is_none")]
    payments: Option<u64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    refunds: Option<u64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    order_fen: Option<i64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    settlement_fen: Option<i64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    coupon_fen: Option<i64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    refund_fen: Option<i64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    coupon_refund_fen: Option<i64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    applied_refund_fen: Option<i64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    fee_millifen: Option<i64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    incomes: Option<u64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    income_fen: Option<i64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    expenses: Option<u64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    expense_fen: Option<i64>,
}

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Superseded {
    revision: u64,
    merchant: String,
    bill_day: NaiveDate,
    kind: String,
    sha256: String,
    by_sha256: String,
    reason: String,
    by: String,
}

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct DeclaredEmpty {
    revision: u64,
    merchant: String,
    bill_day: NaiveDate,
    kind: String,
    covers: String,
    reason: String,
    by: String,
}

pub(super) fn merchant(text: &str) -> Result<MerchantId, String> {
    name("merchant", MerchantId::parse(text))
}

pub(super) fn sha256(text: &str) -> Result<Sha256Hex, String> {
    name("sha256", Sha256Hex::parse(text))
}

fn name<T>(field: &str, parsed: Result<T, BillNameError>) -> Result<T, String> {
    parsed.map_err(|error| format!("data: {field}: {error}"))
}

fn key(merchant_id: &str, day: NaiveDate, kind: &str) -> Result<BillKey, String> {
    Ok(BillKey { merchant: merchant(merchant_id)?, day, kind: name("kind", BillKind::parse(kind))? })
}

fn covers(text: &str) -> Result<Covers, String> {
    Covers::parse(text).ok_or_else(|| format!("data: covers is {text:?}"))
}

pub fn encode(event: &BillEvent) -> Result<String, serde_json::Error> {
    match event {
        BillEvent::Opened { revision, key, covers, sha256, file_name, profile, rows, by } => {
            serde_json::to_string(&Opened {
                revision: *revision,
                merchant: key.merchant.to_string(),
                bill_day: key.day,
                kind: key.kind.to_string(),
                covers: covers.as_str().into(),
                sha256: sha256.to_string(),
                file_name: file_name.clone(),
                profile: profile.clone(),
                rows: *rows,
                by: by.clone(),
            })
        }
        BillEvent::Lines { revision, lines } => line_data::encode(*revision, lines),
        BillEvent::Sealed { revision, key, covers, sha256, rows, totals } => {
            serde_json::to_string(&sealed(*revision, key, *covers, sha256, *rows, totals))
        }
        BillEvent::Superseded { revision, key, sha256, by_sha256, reason, by } => {
            serde_json::to_string(&Superseded {
                revision: *revision,
                merchant: key.merchant.to_string(),
                bill_day: key.day,
                kind: key.kind.to_string(),
                sha256: sha256.to_string(),
                by_sha256: by_sha256.to_string(),
                reason: reason.clone(),
                by: by.clone(),
            })
        }
        BillEvent::DeclaredEmpty { revision, key, covers, reason, by } => {
            serde_json::to_string(&DeclaredEmpty {
                revision: *revision,
                merchant: key.merchant.to_string(),
                bill_day: key.day,
                kind: key.kind.to_string(),
                covers: covers.as_str().into(),
                reason: reason.clone(),
                by: by.clone(),
            })
        }
    }
}

fn sealed(
    revision: u64,
    key: &BillKey,
    covers: Covers,
    sha256: &Sha256Hex,
    rows: u64,
    totals: &Totals,
) -> Sealed {
    let (trade, funds) = match totals {
        Totals::Trade(trade) => (Some(trade), None),
        Totals::Funds(funds) => (None, Some(funds)),
    };
    Sealed {
        revision,
        merchant: key.merchant.to_string(),
        bill_day: key.day,
        kind: key.kind.to_string(),
        covers: covers.as_str().into(),
        sha256: sha256.to_string(),
        rows,
        payments: trade.map(|trade| trade.payments),
        refunds: trade.map(|trade| trade.refunds),
        order_fen: trade.map(|trade| trade.order_fen.0),
        settlement_fen: trade.map(|trade| trade.settlement_fen.0),
        coupon_fen: trade.map(|trade| trade.coupon_fen.0),
        refund_fen: trade.map(|trade| trade.refund_fen.0),
        coupon_refund_fen: trade.map(|trade| trade.coupon_refund_fen.0),
        applied_refund_fen: trade.map(|trade| trade.applied_refund_fen.0),
        fee_millifen: trade.map(|trade| trade.fee_millifen.0),
        incomes: funds.map(|funds| funds.incomes),
        income_fen: funds.map(|funds| funds.income_fen.0),
        expenses: funds.map(|funds| funds.expenses),
        expense_fen: funds.map(|funds| funds.expense_fen.0),
    }
}

/// Either all totals of a trade bill stand, or all of a fund flow bill.
fn totals(stored: &Sealed) -> Option<Totals> {
    if stored.incomes.is_some() {
        return Some(Totals::Funds(FundTotals {
            incomes: stored.incomes?,
            income_fen: Fen(stored.income_fen?),
            expenses: stored.expenses?,
            expense_fen: Fen(stored.expense_fen?),
        }));
    }
    Some(Totals::Trade(TradeTotals {
        payments: stored.payments?,
        refunds: stored.refunds?,
        order_fen: Fen(stored.order_fen?),
        settlement_fen: Fen(stored.settlement_fen?),
        coupon_fen: Fen(stored.coupon_fen?),
        refund_fen: Fen(stored.refund_fen?),
        coupon_refund_fen: Fen(stored.coupon_refund_fen?),
        applied_refund_fen: Fen(stored.applied_refund_fen?),
        fee_millifen: Millifen(stored.fee_millifen?),
    }))
}

pub fn opened(data: &str) -> Result<BillEvent, String> {
    let stored: Opened = parse(data)?;
    Ok(BillEvent::Opened {
        revision: stored.revision,
        key: key(&stored.merchant, stored.bill_day, &stored.kind)?,
        covers: covers(&stored.covers)?,
        sha256: sha256(&stored.sha256)?,
        file_name: stored.file_name,
        profile: stored.profile,
        rows: stored.rows,
        by: stored.by,
    })
}

pub fn trade_lines(data: &str) -> Result<BillEvent, String> {
    let (revision, lines) = line_data::decode(data)?;
    Ok(BillEvent::Lines { revision, lines: BillLines::Trade(lines) })
}

pub fn fund_lines(data: &str) -> Result<BillEvent, String> {
    let (revision, lines) = line_data::decode(data)?;
    Ok(BillEvent::Lines { revision, lines: BillLines::Funds(lines) })
}

pub fn was_sealed(data: &str) -> Result<BillEvent, String> {
    let stored: Sealed = parse(data)?;
    Ok(BillEvent::Sealed {
        revision: stored.revision,
        key: key(&stored.merchant, stored.bill_day, &stored.kind)?,
        covers: covers(&stored.covers)?,
        sha256: sha256(&stored.sha256)?,
        rows: stored.rows,
        totals: totals(&stored).ok_or("data: its totals are incomplete")?,
    })
}

pub fn superseded(data: &str) -> Result<BillEvent, String> {
    let stored: Superseded = parse(data)?;
    Ok(BillEvent::Superseded {
        revision: stored.revision,
        key: key(&stored.merchant, stored.bill_day, &stored.kind)?,
        sha256: sha256(&stored.sha256)?,
        by_sha256: sha256(&stored.by_sha256)?,
        reason: stored.reason,
        by: stored.by,
    })
}

pub fn declared_empty(data: &str) -> Result<BillEvent, String> {
    let stored: DeclaredEmpty = parse(data)?;
    Ok(BillEvent::DeclaredEmpty {
        revision: stored.revision,
        key: key(&stored.merchant, stored.bill_day, &stored.kind)?,
        covers: covers(&stored.covers)?,
        reason: stored.reason,
        by: stored.by,
    })
}
