//! Orders whose push never came: proposed by one person, approved by another.

use chrono::{DateTime, Utc};
use tokio::sync::MutexGuard;

use super::settle::command_target;
use super::{Ledger, LedgerError, Recorded, Revised, Said, Upon};
use crate::codec;
use crate::domain::app::{AppSlug, Registration};
use crate::domain::bill::MerchantId;
use crate::domain::environment::Environment;
use crate::domain::id::OutTradeNo;
use crate::domain::order::Order;
use crate::domain::recovery::{Proposal, Recovery, RecoveryError};

#[derive(Debug, thiserror::Error)]
pub enum RecoveryCommandError {
    #[error(transparent)]
    Refused(#[from] RecoveryError),
    #[error(transparent)]
    Ledger(#[from] LedgerError),
}

/// The turn to say something about recovered orders. While it is held nobody else says anything, so that what a
/// read model tells as of the log's head still holds of them; of a push that comes at that moment it does not.
///
/// It is held in this process, which is the only one that writes to a log in SQLite. Of several processes on one log
/// in KurrentDB each has a turn of its own: two may recover one payment under two numbers at once, which only a stream
/// of the payment that one recovery alone can begin would prevent. And a proposal that is withdrawn elsewhere between
/// the last look at it and the append to the order's stream is approved all the same.
pub struct Recovering<'a> {
    ledger: &'a Ledger,
    _turn: MutexGuard<'a, ()>,
}

/// What may be made an order of the ledger.
pub struct ToApprove {
    /// `None` where it is one already.
    pub proposal: Option<Proposal>,
    /// What it was looked at upon.
    pub upon: Upon,
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

    /// Takes a proposal back that has not been approved.
    pub async fn withdraw(
        &self,
        app: &AppSlug,
        out_trade_no: &OutTradeNo,
        reason: &str,
        by: &str,
        at: DateTime<Utc>,
        upon: Upon,
    ) -> Result<Said, RecoveryCommandError> {
        if let Some(recovered) = self.order(app, out_trade_no).await?.recovered {
            return Err(RecoveryError::Recovered { by: recovered.approved_by }.into());
        }
        let stream = codec::recovery_stream(app, out_trade_no);
        let target = command_target(&stream, Some(app), at);
        let decide = |recovery: &Recovery| recovery.decide_withdraw(reason, by);
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
        let upon = Upon::Revision(recovery.revision);
        Ok(ToApprove { proposal: is_new.then(|| proposal.clone()), upon })
    }

    /// Makes what another person has proposed an order of the ledger. Where the push comes at the same moment,
    /// the one that is first stands. Whether the payment is still without an order is looked at by whoever asks.
    ///
    /// The proposal stands in another stream than the order, so `upon` is checked right before the append, not by it.
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
        let stream = codec::order_stream(app, Environment::Production, out_trade_no);
        let target = command_target(&stream, Some(app), at);
        let decide = |order: &Order| order.decide_recover(proposal, by);
        let Recorded { recorded, position } = self.ledger.say(&target, Order::evolve, decide).await??;
        Ok(Said { recorded, position, revision: recovery.revision })
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
