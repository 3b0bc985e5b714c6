//! Orders whose push never came: proposed by one person, approved by another.

use chrono::{DateTime, Utc};
use tokio::sync::MutexGuard;

use super::settle::command_target;
use super::{Ledger, LedgerError, Recorded, Revised, Said, Upon};
use crate::codec;
use crate::domain::app::{AppSlug, Registration};
use crate::domain::bill::MerchantId;
use crate::domain::environment::Environment;
use crate::domain::event::Event;
use crate::domain::id::OutTradeNo;
use crate::domain::order::Order;
use crate::domain::payment::{Claim, Payment};
use crate::domain::recovery::{Proposal, Recovery, RecoveryError};

#[derive(Debug, thiserror::Error)]
pub enum RecoveryCommandError {
    #[error(transparent)]
    Refused(#[from] RecoveryError),
    #[error(transparent)]
    Ledger(#[from] LedgerError),
}

/// The turn to say something about recovered orders. While it is held nobody else of this process says anything, so
/// that what a read model tells as of the log's head still holds of them; of a push that comes at that moment, or of
/// what is said at another node, it does not. Between nodes the log decides: see [`Recovering::approve`].
pub struct Recovering<'a> {
    ledger: &'a Ledger,
    _turn: MutexGuard<'a, ()>,
}

/// What may be made an order of the ledger, and what it was looked at upon.
pub struct ToApprove {
    pub step: Step,
    pub upon: Upon,
}

/// What is missing until a proposal is an order.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Step {
    /// Everything: all that was proposed is to be looked at.
    Approve(Proposal),
    /// The order alone: an approval ended before it stood. Whether another order has the payment since, or people took
    /// it over by hand, is to be looked at.
    Complete(Proposal),
    Nothing,
}

impl Revised for Recovery {
    fn revision(&self) -> u64 {
        self.revision
    }
}

impl Ledger {
    pub async fn recovering(&self) -> Recovering<'_> {
        Recovering { ledger: self, _turn: self.recovering.lock().await }
    }

    pub async fn recovery(&self, app: &AppSlug, out_trade_no: &OutTradeNo) -> Result<Recovery, LedgerError> {
        Ok(self.read(&codec::recovery_stream(app, out_trade_no), Recovery::evolve).await?.state)
    }
}

impl Recovering<'_> {
    /// Proposes an order that no push brought. It must not stand in the ledger, and the app's orders must be
    /// paid to the merchant whose bill names it.
    pub async fn propose(
        &self,
        app: &AppSlug,
        proposal: &Proposal,
        at: DateTime<Utc>,
    ) -> Result<Recorded, RecoveryCommandError> {
        self.check_merchant(app, &proposal.merchant).await?;
        let out_trade_no = &proposal.order.out_trade_no;
        self.order(app, out_trade_no).await?.decide_recover(proposal, &proposal.by)?;
        let stream = codec::recovery_stream(app, out_trade_no);
        let target = command_target(&stream, Some(app), at);
        let decide = |recovery: &Recovery| recovery.decide_propose(proposal);
        Ok(self.ledger.say(&target, Recovery::evolve, decide).await??)
    }

    /// Takes a proposal back that has not been approved, or whose order's own push was first.
    pub async fn withdraw(
        &self,
        app: &AppSlug,
        out_trade_no: &OutTradeNo,
        reason: &str,
        by: &str,
        at: DateTime<Utc>,
        upon: Upon,
    ) -> Result<Said, RecoveryCommandError> {
        let order = self.order(app, out_trade_no).await?;
        let decide = |recovery: &Recovery| recovery.decide_withdraw(&order, reason, by);
        self.say(app, out_trade_no, at, upon, decide).await
    }

    /// Takes back what may have been approved too, as long as it is no order: for whoever has seen that its payment is
    /// another order's, or was taken over by hand.
    ///
    /// An approval that halts at another node right before its last append may still make it an order. Then both
    /// stand, as they do where the other's push comes a moment after an approval.
    pub async fn withdraw_paid(
        &self,
        app: &AppSlug,
        out_trade_no: &OutTradeNo,
        reason: &str,
        by: &str,
        at: DateTime<Utc>,
        upon: Upon,
    ) -> Result<Said, RecoveryCommandError> {
        let order = self.order(app, out_trade_no).await?;
        let decide = |recovery: &Recovery| recovery.decide_withdraw_paid(&order, reason, by);
        self.say(app, out_trade_no, at, upon, decide).await
    }

    async fn say(
        &self,
        app: &AppSlug,
        out_trade_no: &OutTradeNo,
        at: DateTime<Utc>,
        upon: Upon,
        decide: impl Fn(&Recovery) -> Result<Option<Event>, RecoveryError> + Send,
    ) -> Result<Said, RecoveryCommandError> {
        let stream = codec::recovery_stream(app, out_trade_no);
        let target = command_target(&stream, Some(app), at);
        Ok(self.ledger.say_upon(&target, upon, Recovery::evolve, decide).await??)
    }

    /// What `by` may make an order of the ledger.
    pub async fn to_approve(
        &self,
        app: &AppSlug,
        out_trade_no: &OutTradeNo,
        by: &str,
        upon: Upon,
    ) -> Result<ToApprove, RecoveryCommandError> {
        let recovery = self.ledger.recovery(app, out_trade_no).await?;
        upon.check(recovery.revision)?;
        let proposal = recovery.to_approve(by)?;
        let is_new = self.order(app, out_trade_no).await?.decide_recover(proposal, by)?.is_some();
        if is_new {
            self.check_merchant(app, &proposal.merchant).await?;
        }
        let step = match (is_new, &recovery.approved_by) {
            (true, None) => Step::Approve(proposal.clone()),
            (true, Some(_)) => Step::Complete(proposal.clone()),
            (false, _) => Step::Nothing,
        };
        Ok(ToApprove { step, upon: Upon::Revision(recovery.revision) })
    }

    /// Makes what another person has proposed an order of the ledger. Where the push comes at the same moment,
    /// the one that is first stands. Whether the payment is still without an order is looked at by whoever asks.
    ///
    /// Three appends, each of which decides, whatever is said at other nodes, and says nothing more where it is said
    /// again: that the payment is this recovery's, that the proposal is approved, and the order. Where it ends before
    /// the second, the proposal can still be withdrawn, and the payment be claimed for another; where it ends after,
    /// whoever approves it again completes it, and it can be withdrawn only where that cannot be any more.
    pub async fn approve(
        &self,
        app: &AppSlug,
        out_trade_no: &OutTradeNo,
        by: &str,
        at: DateTime<Utc>,
        upon: Upon,
    ) -> Result<Said, RecoveryCommandError> {
        let recovery = self.ledger.recovery(app, out_trade_no).await?;
        upon.check(recovery.revision)?;
        let proposal = recovery.to_approve(by)?;
        let is_new = self.order(app, out_trade_no).await?.decide_recover(proposal, by)?.is_some();
        let by = if is_new {
            self.approve_for_good(app, proposal, recovery.revision, by, at).await?
        } else {
            by.to_owned()
        };
        let stream = codec::order_stream(app, Environment::Production, out_trade_no);
        let target = command_target(&stream, Some(app), at);
        let decide = |order: &Order| order.decide_recover(proposal, &by);
        let Recorded { recorded, position } = self.ledger.say(&target, Order::evolve, decide).await??;
        Ok(Said { recorded, position, revision: recovery.revision })
    }

    /// Claims the payment and approves the proposal with this revision; says who has approved it.
    async fn approve_for_good(
        &self,
        app: &AppSlug,
        proposal: &Proposal,
        revision: u64,
        by: &str,
        at: DateTime<Utc>,
    ) -> Result<String, RecoveryCommandError> {
        let out_trade_no = &proposal.order.out_trade_no;
        if let Some(transaction_id) = &proposal.order.payment.transaction_id {
            let (merchant, app) = (proposal.merchant.clone(), app.clone());
            let (transaction_id, out_trade_no) = (transaction_id.clone(), out_trade_no.clone());
            let (recovery_revision, by) = (revision, by.to_owned());
            let claim = Claim { merchant, transaction_id, app, out_trade_no, recovery_revision, by };
            self.claim(&claim, at).await?;
        }
        let stream = codec::recovery_stream(app, out_trade_no);
        let target = command_target(&stream, Some(app), at);
        let decide = |recovery: &Recovery| recovery.decide_approve(by);
        // Of a proposal that was withdrawn since, the claim means nothing.
        self.ledger.say_upon(&target, Upon::Revision(revision), Recovery::evolve, decide).await??;
        let approved = self.ledger.recovery(app, out_trade_no).await?;
        Ok(approved.approved_by.ok_or(RecoveryError::NotProposed)?)
    }

    async fn claim(&self, claim: &Claim, at: DateTime<Utc>) -> Result<(), RecoveryCommandError> {
        let stream = codec::payment_stream(&claim.merchant, &claim.transaction_id);
        let standing = self.ledger.read(&stream, Payment::evolve).await?.state.claim;
        let lapsed = match standing {
            None => None,
            Some(standing) => {
                let other = self.ledger.recovery(&standing.app, &standing.out_trade_no).await?;
                other.has_withdrawn(standing.recovery_revision).then_some(standing)
            }
        };
        let target = command_target(&stream, None, at);
        let decide = |payment: &Payment| payment.decide_claim(claim, lapsed.as_ref());
        self.ledger.say(&target, Payment::evolve, decide).await??;
        Ok(())
    }

    async fn check_merchant(&self, app: &AppSlug, merchant: &MerchantId) -> Result<(), RecoveryCommandError> {
        let known = self.ledger.read(&codec::app_stream(app), Registration::evolve).await?;
        if known.state.merchant.as_ref() == Some(merchant) {
            return Ok(());
        }
        Err(RecoveryError::OtherMerchant.into())
    }

    async fn order(&self, app: &AppSlug, out_trade_no: &OutTradeNo) -> Result<Order, LedgerError> {
        let stream = codec::order_stream(app, Environment::Production, out_trade_no);
        Ok(self.ledger.read(&stream, Order::evolve).await?.state)
    }
}
