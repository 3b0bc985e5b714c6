//! An order whose push never came: entered by one person from a line of a bill, approved by another.

use super::app::AppSlug;
use super::bill::{MerchantId, Sha256Hex};
use super::environment::Environment;
use super::event::Event;
use super::fen::Fen;
use super::id::{OpenId, OutTradeNo};
use super::order::Order;
use super::push::{GoodsPush, PaymentIds};

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

impl RecoveredOrder {
    /// What no push may say, no person may either.
    fn check(&self) -> Result<(), RecoveryError> {
        let unusable = |field, problem| Err(RecoveryError::Unusable { field, problem });
        if self.quantity == 0 {
            return unusable("quantity", "must be 1 or more");
        }
        if self.amount.is_negative() {
            return unusable("amount_fen", "must be 0 or more");
        }
        if self.product_id.is_empty() {
            return unusable("product_id", "is empty");
        }
        if self.evidence.trim().is_empty() {
            return unusable("evidence", "is empty: say how it is known what was bought");
        }
        Ok(())
    }

    /// Whether a push tells of this very order: what both say is the same, and the price is the amount, of
    /// the whole order or of one unit. What the push alone says is nothing against it.
    pub fn is_told_by(&self, goods: &GoodsPush) -> bool {
        let Self { open_id, out_trade_no, product_id, quantity, zone_id, amount, .. } = self;
        let same_zone = match (zone_id, &goods.zone_id) {
            (Some(known), Some(told)) => known == told,
            (None, _) | (_, None) => true,
        };
        goods.env == Environment::Production
            && goods.open_id == *open_id
            && goods.out_trade_no == *out_trade_no
            && goods.product_id == *product_id
            && goods.quantity == *quantity
            && same_zone
            && (goods.actual_price == *amount || goods.actual_price.checked_times(*quantity) == Some(*amount))
    }
}

/// `revision` counts the words of the stream, so that the same again later is another fact.
#[derive(Clone, Debug, PartialEq, Eq)]
#[expect(clippy::large_enum_variant, reason = "there are few, one at a time")]
pub enum RecoveryEvent {
    Proposed {
        merchant: MerchantId,
        order: RecoveredOrder,
        revision: u64,
        by: String,
    },
    Withdrawn {
        reason: String,
        revision: u64,
        by: String,
    },
    /// Its order follows, and it is withdrawn only where that cannot be any more. No word of its own: `revision` is
    /// the proposal's.
    Approved {
        revision: u64,
        by: String,
    },
}

impl RecoveryEvent {
    /// The type's name as it stands in the log.
    pub fn type_name(&self) -> &'static str {
        match self {
            Self::Proposed { .. } => "RecoveryProposed",
            Self::Withdrawn { .. } => "RecoveryWithdrawn",
            Self::Approved { .. } => "RecoveryApproved",
        }
    }
}

/// What the stream says so far. The order that an approved proposal becomes stands in a stream of its own.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Recovery {
    /// Words so far.
    pub revision: u64,
    /// The last word, where it is a proposal.
    pub proposal: Option<Proposal>,
    /// Who has approved it. Recoveries of older versions have an order and do not say it here.
    pub approved_by: Option<String>,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Proposal {
    pub merchant: MerchantId,
    pub order: RecoveredOrder,
    pub by: String,
}

#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum RecoveryError {
    #[error("{by} has proposed something else for this order: approve that, or withdraw it first")]
    ProposedBefore { by: String },
    #[error("nothing is proposed for this order")]
    NotProposed,
    #[error("{by} has proposed it: another person must approve it")]
    SamePerson { by: String },
    #[error("the order stands in the ledger already, from a push: nothing is to be recovered")]
    Pushed,
    #[error("{by} has approved it: that stands; where it is no order yet, approve it again")]
    Approved { by: String },
    #[error(
        "the payment {transaction_id} is claimed by {by} for order {out_trade_no} of {app}: one payment is \
         one order; withdraw that first where it is wrong, or approve it again where the order does not stand yet"
    )]
    Claimed { transaction_id: String, app: AppSlug, out_trade_no: OutTradeNo, by: String },
    #[error("the order has been recovered, approved by {by}: that stands")]
    Recovered { by: String },
    #[error("the app's orders are not paid to this merchant, as far as the log knows")]
    OtherMerchant,
    #[error("{field}: {problem}")]
    Unusable { field: &'static str, problem: &'static str },
}

impl Recovery {
    pub fn evolve(mut self, event: &Event) -> Self {
        let Event::Recovery(event) = event else { return self };
        match event {
            RecoveryEvent::Proposed { merchant, order, revision, by } => {
                self.revision = *revision;
                let (merchant, order, by) = (merchant.clone(), order.clone(), by.clone());
                self.proposal = Some(Proposal { merchant, order, by });
                self.approved_by = None;
            }
            RecoveryEvent::Withdrawn { revision, .. } => {
                self.revision = *revision;
                self.proposal = None;
                self.approved_by = None;
            }
            RecoveryEvent::Approved { by, .. } => self.approved_by = Some(by.clone()),
        }
        self
    }

    /// The same proposal again is nothing, whoever makes it.
    pub fn decide_propose(&self, proposal: &Proposal) -> Result<Option<Event>, RecoveryError> {
        proposal.order.check()?;
        let Proposal { merchant, order, by } = proposal.clone();
        match &self.proposal {
            Some(known) if (&known.merchant, &known.order) == (&merchant, &order) => Ok(None),
            Some(known) => Err(RecoveryError::ProposedBefore { by: known.by.clone() }),
            None => {
                let revision = self.revision + 1;
                Ok(Some(Event::Recovery(RecoveryEvent::Proposed { merchant, order, revision, by })))
            }
        }
    }

    /// Withdrawn twice is withdrawn once. What is approved becomes an order, unless a push was first: then there is
    /// nothing to wait for.
    pub fn decide_withdraw(
        &self,
        order: &Order,
        reason: &str,
        by: &str,
    ) -> Result<Option<Event>, RecoveryError> {
        match (&self.approved_by, &order.first, &order.recovered) {
            (Some(by), None, None) => Err(RecoveryError::Approved { by: by.clone() }),
            (None, _, _) | (_, Some(_), _) | (_, _, Some(_)) => self.decide_withdraw_paid(order, reason, by),
        }
    }

    /// Where the payment is known to be that of another order, or taken over by hand, what is approved and no order yet
    /// is withdrawn too.
    pub fn decide_withdraw_paid(
        &self,
        order: &Order,
        reason: &str,
        by: &str,
    ) -> Result<Option<Event>, RecoveryError> {
        if let Some(recovered) = &order.recovered {
            return Err(RecoveryError::Recovered { by: recovered.approved_by.clone() });
        }
        match (&self.proposal, self.revision) {
            (None, 0) => Err(RecoveryError::NotProposed),
            (None, _) => Ok(None),
            (Some(_), revision) => {
                let (reason, by) = (reason.to_owned(), by.to_owned());
                Ok(Some(Event::Recovery(RecoveryEvent::Withdrawn { reason, revision: revision + 1, by })))
            }
        }
    }

    /// The proposal that `by` may approve: somebody else's.
    pub fn to_approve(&self, by: &str) -> Result<&Proposal, RecoveryError> {
        match &self.proposal {
            None => Err(RecoveryError::NotProposed),
            Some(proposal) if proposal.by == by => Err(RecoveryError::SamePerson { by: by.to_owned() }),
            Some(proposal) => Ok(proposal),
        }
    }

    /// Where the same was approved before, whoever did stays who has.
    pub fn decide_approve(&self, by: &str) -> Result<Option<Event>, RecoveryError> {
        self.to_approve(by)?;
        if self.approved_by.is_some() {
            return Ok(None);
        }
        let (revision, by) = (self.revision, by.to_owned());
        Ok(Some(Event::Recovery(RecoveryEvent::Approved { revision, by })))
    }

    /// Whether the proposal with this revision has been withdrawn, so that no order will come of it.
    pub fn has_withdrawn(&self, revision: u64) -> bool {
        self.revision > revision
    }
}

#[cfg(test)]
#[path = "recovery_tests.rs"]
mod tests;
