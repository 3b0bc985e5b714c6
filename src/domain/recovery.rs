//! An order whose push never came: entered by one person from a line of a bill, approved by another.

use super::bill::{MerchantId, Sha256Hex};
use super::fen::Fen;
use super::id::{OpenId, OutTradeNo};
use super::push::PaymentIds;

/// What was bought, as a person entered it: product and player from the game's evidence, the payment from the
/// bill.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RecoveredOrder {
    pub open_id: OpenId,
    pub out_trade_no: OutTradeNo,
    pub product_id: String,
    pub quantity: u32,
    pub zone_id: Option<String>,
    /// Of the whole order.
    pub amount: Fen,
    pub payment: PaymentIds,
    /// How it is known what was bought.
    pub evidence: String,
    pub bill_sha256: Sha256Hex,
    /// The line of that bill.
    pub bill_line: u64,
}

/// `revision` counts the words of the stream, so that the same again later is another fact.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum RecoveryEvent {
    Proposed { merchant: MerchantId, order: RecoveredOrder, revision: u64, by: String },
    Withdrawn { reason: String, revision: u64, by: String },
}

impl RecoveryEvent {
    /// The type's name as it stands in the log.
    pub fn type_name(&self) -> &'static str {
        match self {
            Self::Proposed { .. } => "RecoveryProposed",
            Self::Withdrawn { .. } => "RecoveryWithdrawn",
        }
    }
}
