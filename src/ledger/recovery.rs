//! Orders whose push never came: proposed by one person, approved by another.

use chrono::{DateTime, Utc};

use super::settle::command_target;
use super::{Ledger, LedgerError, Recorded};
use crate::codec;
use crate::domain::app::{AppSlug, Registration};
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

impl Ledger {
    pub async fn recovery(&self, app: &AppSlug, out_trade_no: &OutTradeNo) -> Result<Recovery, LedgerError> {
        Ok(self.read(&codec::recovery_stream(app, out_trade_no), Recovery::evolve).await?.state)
    }

    /// Proposes an order that no push brought. It must not stand in the ledger, and the app's orders must be
    /// paid to the merchant whose bill names it.
    pub async fn propose_recovery(
        &self,
        app: &AppSlug,
        proposal: &Proposal,
        at: DateTime<Utc>,
    ) -> Result<Recorded, RecoveryCommandError> {
        let _turn = self.recovering.lock().await;
        let known = self.read(&codec::app_stream(app), Registration::evolve).await?;
        if known.state.merchant.as_ref() != Some(&proposal.merchant) {
            return Err(RecoveryError::OtherMerchant.into());
        }
        let out_trade_no = &proposal.order.out_trade_no;
        self.order(app, out_trade_no).await?.decide_recover(proposal, &proposal.by)?;
        let stream = codec::recovery_stream(app, out_trade_no);
        let target = command_target(&stream, Some(app), at);
        let decide = |recovery: &Recovery| recovery.decide_propose(proposal);
        Ok(self.say(&target, Recovery::evolve, decide).await??)
    }

    /// Takes a proposal back that has not been approved.
    pub async fn withdraw_recovery(
        &self,
        app: &AppSlug,
        out_trade_no: &OutTradeNo,
        reason: &str,
        by: &str,
        at: DateTime<Utc>,
    ) -> Result<Recorded, RecoveryCommandError> {
        let _turn = self.recovering.lock().await;
        if let Some(recovered) = self.order(app, out_trade_no).await?.recovered {
            return Err(RecoveryError::Recovered { by: recovered.approved_by }.into());
        }
        let stream = codec::recovery_stream(app, out_trade_no);
        let target = command_target(&stream, Some(app), at);
        let decide = |recovery: &Recovery| recovery.decide_withdraw(reason, by);
        Ok(self.say(&target, Recovery::evolve, decide).await??)
    }

    /// Makes what another person has proposed an order of the ledger. Where the push comes at the same moment,
    /// the one that is first stands.
    pub async fn approve_recovery(
        &self,
        app: &AppSlug,
        out_trade_no: &OutTradeNo,
        by: &str,
        at: DateTime<Utc>,
    ) -> Result<Recorded, RecoveryCommandError> {
        let _turn = self.recovering.lock().await;
        let recovery = self.recovery(app, out_trade_no).await?;
        let proposal = recovery.to_approve(by)?;
        let stream = codec::order_stream(app, Environment::Production, out_trade_no);
        let target = command_target(&stream, Some(app), at);
        let decide = |order: &Order| order.decide_recover(proposal, by);
        Ok(self.say(&target, Order::evolve, decide).await??)
    }

    async fn order(&self, app: &AppSlug, out_trade_no: &OutTradeNo) -> Result<Order, LedgerError> {
        let stream = codec::order_stream(app, Environment::Production, out_trade_no);
        Ok(self.read(&stream, Order::evolve).await?.state)
    }
}
