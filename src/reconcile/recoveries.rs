//! Orders whose push never came: proposed by one person from a line of a bill, approved by another.

use std::fmt::Display;

use chrono::{DateTime, Utc};

use super::by_hand::{Decided, Decision};
use super::{Desk, row};
use crate::decision::usable_reason;
use crate::domain::app::AppSlug;
use crate::domain::bill::{MerchantId, Sha256Hex};
use crate::domain::case::{CaseIdError, CaseKey, CaseKind};
use crate::domain::fen::Fen;
use crate::domain::id::{OpenId, OutTradeNo};
use crate::domain::push::PaymentIds;
use crate::domain::recovery::{self, RecoveredOrder};
use crate::ledger::{LedgerError, Recorded, RecoveryCommandError, Said, Step, ToApprove, Upon};
use crate::limits;
use crate::projector::AskError;
use crate::store::Position;
use crate::table::{Row, Table};

/// Statuses of a payment whose push may never have come.
const RECOVERABLE: [&str; 2] = ["missing_in_ledger", "awaiting_push"];

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

const WITHDRAW: &str = "withdraw the proposal";

#[derive(Debug, thiserror::Error)]
pub enum RecoveryError {
    #[error("the bills of merchant {merchant} hold no payment {transaction_id} without an order")]
    NoSuchPayment { merchant: MerchantId, transaction_id: String },
    #[error(
        "no bill of merchant {merchant} holds the payment {transaction_id} without an order any more: {WITHDRAW}"
    )]
    NoLongerMissing { merchant: MerchantId, transaction_id: String },
    #[error(
        "the payment {transaction_id} is that of order {out_trade_no} of {app} since: one payment is one order; {WITHDRAW}"
    )]
    Paid { transaction_id: String, app: String, out_trade_no: String },
    #[error(
        "the payment {transaction_id} is taken over by hand: its push was adopted in quarantine, {decision}; what is \
         delivered by hand is not delivered again: resolve its case with that reason (`case resolve`), and where an \
         order is proposed, {WITHDRAW}"
    )]
    ByHand { transaction_id: String, decision: Box<Decision> },
    #[error("{0} is not what it was when the order was proposed: {WITHDRAW}, and propose it anew")]
    Changed(&'static str),
    #[error(
        "the payment {transaction_id} is that of order {out_trade_no} of {app}, whose recovery is {state}: one payment \
         is one order; withdraw that first where it is wrong"
    )]
    Taken { transaction_id: String, app: String, out_trade_no: String, state: String },
    #[error("the payment's status is {status}: only missing_in_ledger and awaiting_push can be recovered")]
    NotMissing { status: String },
    #[error("{0}: the bill names another one")]
    Contradicted(&'static str),
    #[error("{0}: the bill does not name it, so it must be given")]
    NotNamed(&'static str),
    #[error("{0}")]
    Field(String),
    #[error("the bill's line has no {0}: nothing can be recovered from it")]
    Incomplete(&'static str),
    #[error("the reason must have 1 to {} characters", limits::REASON_CHARS_MAX)]
    Reason,
    #[error(transparent)]
    Id(#[from] CaseIdError),
    #[error(transparent)]
    Refused(#[from] recovery::RecoveryError),
    #[error(transparent)]
    Ask(#[from] AskError),
    #[error(transparent)]
    Ledger(#[from] LedgerError),
}

impl From<RecoveryCommandError> for RecoveryError {
    fn from(error: RecoveryCommandError) -> Self {
        match error {
            RecoveryCommandError::Refused(error) => Self::Refused(error),
            RecoveryCommandError::Ledger(error) => Self::Ledger(error),
        }
    }
}

/// What stands in the log now.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Proposed {
    pub app: AppSlug,
    pub order: RecoveredOrder,
    /// `false` where the same had been proposed before.
    pub recorded: bool,
    /// A push in quarantine that names the payment and was judged to be owed nothing.
    pub dismissed: Option<Decision>,
    pub position: Option<Position>,
}

/// Proposes an order for a payment that stands in a bill only, as far as everything that is recorded tells.
pub async fn propose(
    desk: &Desk<'_>,
    proposal: &Proposal,
    by: &str,
    at: DateTime<Utc>,
) -> Result<Proposed, RecoveryError> {
    let Proposal { merchant, transaction_id, out_trade_no, .. } = proposal;
    let turn = desk.ledger.recovering().await;
    let seen = Seen::of(desk, merchant, transaction_id, at).await?;
    let Some(row) = seen.payment.rows().next() else {
        let (merchant, transaction_id) = (merchant.clone(), transaction_id.clone());
        return Err(RecoveryError::NoSuchPayment { merchant, transaction_id });
    };
    let (app, order) = recovered(proposal, row)?;
    seen.check_other_recoveries(&app, out_trade_no, &["open", "approving", "approved"])?;
    let Decided { dismissed, .. } = check_not_by_hand(desk, &order.payment, seen.end, at).await?;
    let proposed = recovery::Proposal { merchant: merchant.clone(), order, by: by.to_owned() };
    let Recorded { recorded, position } = turn.propose(&app, &proposed, at).await?;
    Ok(Proposed { app, order: proposed.order, recorded, dismissed, position })
}

/// A payment, and what was entered from it, as of the log's head: whoever holds the turn sees every recovery.
struct Seen {
    transaction_id: String,
    end: Option<Position>,
    /// Its row where it has no order.
    payment: Table,
    recoveries: Table,
}

impl Seen {
    async fn of(
        desk: &Desk<'_>,
        merchant: &MerchantId,
        transaction_id: &str,
        at: DateTime<Utc>,
    ) -> Result<Self, RecoveryError> {
        let key = CaseKey::new(merchant.clone(), CaseKind::Payment, transaction_id)?;
        let end = desk.ledger.end().await?;
        let payment = row::of_case(desk, &key, end, at).await?;
        let recoveries = row::recoveries_of(desk, merchant, transaction_id, end, at).await?;
        Ok(Self { transaction_id: transaction_id.to_owned(), end, payment, recoveries })
    }

    /// No other order may have been entered from the payment, in one of these states.
    fn check_other_recoveries(
        &self,
        app: &AppSlug,
        out_trade_no: &OutTradeNo,
        states: &[&str],
    ) -> Result<(), RecoveryError> {
        for row in self.recoveries.rows() {
            let text = |column| row.text(column).unwrap_or_default().to_owned();
            let (other_app, other, state) = (text("app"), text("out_trade_no"), text("state"));
            let is_this = other_app == app.as_str() && other == out_trade_no.as_str();
            if !is_this && states.contains(&state.as_str()) {
                let transaction_id = self.transaction_id.clone();
                return Err(RecoveryError::Taken {
                    transaction_id,
                    app: other_app,
                    out_trade_no: other,
                    state,
                });
            }
        }
        Ok(())
    }

    /// The payment must be without an order still, and what was proposed must be what the bill tells now.
    fn check_unchanged(&self, proposal: &recovery::Proposal) -> Result<(), RecoveryError> {
        let Some(row) = self.payment.rows().next() else {
            let (merchant, transaction_id) = (proposal.merchant.clone(), self.transaction_id.clone());
            return Err(RecoveryError::NoLongerMissing { merchant, transaction_id });
        };
        check_status(row)?;
        let order = &proposal.order;
        let line = row.integer("bill_line").and_then(|line| u64::try_from(line).ok());
        if row.integer("bill_fen") != Some(order.amount.0) {
            return Err(RecoveryError::Changed("the payment's amount"));
        }
        if row.text("bill_sha256") != Some(order.bill_sha256.as_str()) || line != Some(order.bill_line) {
            return Err(RecoveryError::Changed("the line of the bill that tells of the payment"));
        }
        Ok(())
    }
}

fn check_status(row: Row<'_>) -> Result<(), RecoveryError> {
    let status = row.text("status").unwrap_or_default();
    if RECOVERABLE.contains(&status) {
        return Ok(());
    }
    Err(RecoveryError::NotMissing { status: status.to_owned() })
}

/// The order as the bill's line and the person tell it together.
fn recovered(proposal: &Proposal, row: Row<'_>) -> Result<(AppSlug, RecoveredOrder), RecoveryError> {
    check_status(row)?;
    let given_app = proposal.app.as_ref().map(AppSlug::as_str);
    let app = one_of("app", row.text("app"), given_app)?;
    let given_player = proposal.open_id.as_ref().map(OpenId::as_str);
    let open_id = one_of("open_id", row.text("open_id"), given_player)?;
    let field = |name: &str, problem: &dyn Display| RecoveryError::Field(format!("{name}: {problem}"));
    let missing = |name| RecoveryError::Incomplete(name);
    let evidence = usable_reason(&proposal.evidence).ok_or_else(|| {
        field("evidence", &format!("must have 1 to {} characters", limits::REASON_CHARS_MAX))
    })?;
    if !(1..=limits::LOOKUP_CHARS_MAX).contains(&proposal.product_id.chars().count()) {
        return Err(field("product_id", &format!("must have 1 to {} characters", limits::LOOKUP_CHARS_MAX)));
    }
    if proposal.quantity == 0 {
        return Err(field("quantity", &"must be at least 1"));
    }
    let bill_sha256 = row.text("bill_sha256").ok_or_else(|| missing("bill_sha256"))?;
    let bill_line = row.integer("bill_line").and_then(|line| u64::try_from(line).ok());
    let order = RecoveredOrder {
        open_id: OpenId::parse(open_id).map_err(|error| field("open_id", &error))?,
        out_trade_no: proposal.out_trade_no.clone(),
        product_id: proposal.product_id.clone(),
        quantity: proposal.quantity,
        zone_id: proposal.zone_id.clone(),
        amount: Fen(row.integer("bill_fen").ok_or_else(|| missing("bill_fen"))?),
        payment: PaymentIds {
            mch_order_no: row.text("mch_order_no").map(str::to_owned),
            transaction_id: Some(proposal.transaction_id.clone()),
        },
        evidence: evidence.to_owned(),
        bill_sha256: Sha256Hex::parse(bill_sha256).map_err(|error| field("bill_sha256", &error))?,
        bill_line: bill_line.ok_or_else(|| missing("bill_line"))?,
    };
    Ok((AppSlug::parse(app).map_err(|error| field("app", &error))?, order))
}

/// What the bill names, or else what was given; both must be the same.
fn one_of<'t>(
    name: &'static str,
    named: Option<&'t str>,
    given: Option<&'t str>,
) -> Result<&'t str, RecoveryError> {
    match (named, given) {
        (Some(named), Some(given)) if named != given => Err(RecoveryError::Contradicted(name)),
        (Some(known), _) | (None, Some(known)) => Ok(known),
        (None, None) => Err(RecoveryError::NotNamed(name)),
    }
}

/// What the bill's line says is not asked of what is approved already, only that nobody else provides what was paid.
async fn check_not_provided(
    desk: &Desk<'_>,
    app: &AppSlug,
    proposal: &recovery::Proposal,
    at: DateTime<Utc>,
) -> Result<(), RecoveryError> {
    check_not_paid(desk, app, proposal, at).await?;
    let end = desk.ledger.end().await?;
    check_not_by_hand(desk, &proposal.order.payment, end, at).await?;
    Ok(())
}

/// What was adopted in quarantine is delivered by hand: an order would deliver it again.
async fn check_not_by_hand(
    desk: &Desk<'_>,
    payment: &PaymentIds,
    end: Option<Position>,
    at: DateTime<Utc>,
) -> Result<Decided, RecoveryError> {
    let decided = Decided::about(desk, payment, end, at).await?;
    let Some(adopted) = decided.adopted else { return Ok(decided) };
    let transaction_id = payment.transaction_id.clone().unwrap_or_default();
    Err(RecoveryError::ByHand { transaction_id, decision: Box::new(adopted) })
}

async fn check_not_paid(
    desk: &Desk<'_>,
    app: &AppSlug,
    proposal: &recovery::Proposal,
    at: DateTime<Utc>,
) -> Result<(), RecoveryError> {
    let order = &proposal.order;
    let payment = payment_of(proposal)?;
    let end = desk.ledger.end().await?;
    let rows = row::of_number(desk, &proposal.merchant, payment, end, at).await?;
    for row in rows.rows().filter(|row| row.text("kind") == Some("payment")) {
        let (Some(other_app), Some(other)) = (row.text("app"), row.text("out_trade_no")) else { continue };
        let is_this = other_app == app.as_str() && other == order.out_trade_no.as_str();
        if !is_this && row.text("transaction_id") == Some(payment) {
            let (transaction_id, app, out_trade_no) = (payment.into(), other_app.into(), other.into());
            return Err(RecoveryError::Paid { transaction_id, app, out_trade_no });
        }
    }
    Ok(())
}

fn payment_of(proposal: &recovery::Proposal) -> Result<&str, RecoveryError> {
    let payment = proposal.order.payment.transaction_id.as_deref();
    payment.ok_or(RecoveryError::Incomplete("transaction_id"))
}

/// Makes the proposed order an order; `by` must be another than who proposed it. As far as everything that is
/// recorded tells, its payment must be without an order still, on the same line of the same bill. Where an approval
/// ended before its order stood, this completes it, unless another order has the payment since. What was adopted in
/// quarantine becomes no order.
pub async fn approve(
    desk: &Desk<'_>,
    app: &AppSlug,
    out_trade_no: &OutTradeNo,
    by: &str,
    at: DateTime<Utc>,
    upon: Upon,
) -> Result<Said, RecoveryError> {
    let turn = desk.ledger.recovering().await;
    let ToApprove { step, upon } = turn.to_approve(app, out_trade_no, by, upon).await?;
    match step {
        Step::Approve(proposal) => {
            let seen = Seen::of(desk, &proposal.merchant, payment_of(&proposal)?, at).await?;
            seen.check_other_recoveries(app, out_trade_no, &["approved"])?;
            seen.check_unchanged(&proposal)?;
            check_not_by_hand(desk, &proposal.order.payment, seen.end, at).await?;
        }
        Step::Complete(proposal) => check_not_provided(desk, app, &proposal, at).await?,
        Step::Nothing => {}
    }
    Ok(turn.approve(app, out_trade_no, by, at, upon).await?)
}

/// Takes a proposal back that is not approved; and one that is, but no order yet, where another order has the payment
/// or it was taken over by hand.
pub async fn withdraw(
    desk: &Desk<'_>,
    app: &AppSlug,
    out_trade_no: &OutTradeNo,
    reason: &str,
    by: &str,
    at: DateTime<Utc>,
    upon: Upon,
) -> Result<Said, RecoveryError> {
    let reason = usable_reason(reason).ok_or(RecoveryError::Reason)?;
    let turn = desk.ledger.recovering().await;
    let said = turn.withdraw(app, out_trade_no, reason, by, at, upon).await;
    let Err(RecoveryCommandError::Refused(recovery::RecoveryError::Approved { .. })) = &said else {
        return Ok(said?);
    };
    let approved = desk.ledger.recovery(app, out_trade_no).await?;
    upon.check(approved.revision)?;
    let Some(proposal) = &approved.proposal else { return Ok(said?) };
    match check_not_provided(desk, app, proposal, at).await {
        Ok(()) => Ok(said?),
        Err(RecoveryError::Paid { .. } | RecoveryError::ByHand { .. }) => {
            let upon = Upon::Revision(approved.revision);
            Ok(turn.withdraw_paid(app, out_trade_no, reason, by, at, upon).await?)
        }
        Err(error) => Err(error),
    }
}

#[cfg(test)]
#[path = "recoveries_tests.rs"]
mod tests;
