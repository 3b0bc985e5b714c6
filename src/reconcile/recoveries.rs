//! Orders whose push never came: proposed by one person from a line of a bill, approved by another.

use chrono::{DateTime, Utc};

use super::Desk;
use crate::domain::app::AppSlug;
use crate::domain::bill::MerchantId;
use crate::domain::id::{OpenId, OutTradeNo};
use crate::domain::recovery::RecoveredOrder;
use crate::ledger::LedgerError;
use crate::projector::AskError;
use crate::store::Position;

/// What a person enters; amount and payment come from the bill.
#[derive(Clone, Debug)]
pub struct Proposal {
    pub merchant: MerchantId,
    /// 微信订单号 of the bill's line.
    pub transaction_id: String,
    /// Where the bill names no app, or the same.
    pub app: Option<AppSlug>,
    pub out_trade_no: OutTradeNo,
    /// Where the bill names no player, or the same.
    pub open_id: Option<OpenId>,
    pub product_id: String,
    pub quantity: u32,
    pub zone_id: Option<String>,
    /// How it is known what was bought.
    pub evidence: String,
}

#[derive(Debug, thiserror::Error)]
pub enum RecoveryError {
    #[error("the bills of merchant {merchant} hold no payment {transaction_id} without an order")]
    NoSuchPayment { merchant: MerchantId, transaction_id: String },
    #[error("the payment's status is {status}: only missing_in_ledger and awaiting_push can be recovered")]
    NotMissing { status: String },
    #[error("the bill names {named}, not {given}")]
    Contradicted { named: String, given: String },
    #[error("the bill does not name the {0}: give it")]
    NotNamed(&'static str),
    #[error("{0}")]
    Field(String),
    #[error(transparent)]
    Ask(#[from] AskError),
    #[error(transparent)]
    Ledger(#[from] LedgerError),
}

/// What stands in the log now.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Proposed {
    pub app: AppSlug,
    pub order: RecoveredOrder,
    /// `false` where the same had been proposed before.
    pub recorded: bool,
    pub position: Option<Position>,
}

pub async fn propose(
    desk: &Desk<'_>,
    proposal: &Proposal,
    min_position: Option<Position>,
    by: &str,
    at: DateTime<Utc>,
) -> Result<Proposed, RecoveryError> {
    let _ = (desk, proposal, min_position, by, at);
    unimplemented!()
}

/// Makes the proposed order an order; `by` must be another than who proposed it.
pub async fn approve(
    desk: &Desk<'_>,
    app: &AppSlug,
    out_trade_no: &OutTradeNo,
    by: &str,
    at: DateTime<Utc>,
) -> Result<Option<Position>, RecoveryError> {
    let _ = (desk, app, out_trade_no, by, at);
    unimplemented!()
}

pub async fn withdraw(
    desk: &Desk<'_>,
    app: &AppSlug,
    out_trade_no: &OutTradeNo,
    reason: &str,
    by: &str,
    at: DateTime<Utc>,
) -> Result<Option<Position>, RecoveryError> {
    let _ = (desk, app, out_trade_no, reason, by, at);
    unimplemented!()
}
