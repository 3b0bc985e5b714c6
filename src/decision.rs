//! What people decide about a push in quarantine.
//!
//! A push that would be accepted by now, because its key has been put right or the program knows more, is no
//! matter of opinion: adopting it makes it the order that it is, and dismissing it is refused.

use chrono::{DateTime, Utc};

use crate::domain::app::AppSlug;
use crate::domain::order;
use crate::domain::quarantine::{Resolution, ResolveError};
use crate::ledger::{Ledger, LedgerError, ResolveQuarantineError};
use crate::limits;
use crate::wechat::App;
use crate::wechat::receive::judge_again;

/// The reason a person gives, without blanks around it; `None` where it is empty or too long.
pub fn usable_reason(text: &str) -> Option<&str> {
    let reason = text.trim();
    (1..=limits::REASON_CHARS_MAX).contains(&reason.chars().count()).then_some(reason)
}

/// Who decides what, and why.
pub struct Decision<'a> {
    pub how: Resolution,
    pub by: &'a str,
    pub reason: &'a str,
    pub at: DateTime<Utc>,
}

/// What came of a decision.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Decided {
    /// It stands in the log now.
    Recorded,
    /// The push has become, or had become, the order, refund or gift of this number, and that stands too.
    Delivered { number: String },
    /// The same had been decided before.
    Before,
}

#[derive(Debug, thiserror::Error)]
pub enum DecisionError {
    #[error(transparent)]
    Refused(#[from] ResolveError),
    #[error(
        "the push would be accepted now, as {number}: adopt it, or wait for WeChat's next repeat; what was \
         paid cannot be dismissed"
    )]
    WouldBeAccepted { number: String },
    #[error(
        "{number} stands in the ledger with a different content: dismiss the push, and settle the difference"
    )]
    Conflict { number: String },
    #[error(transparent)]
    Ledger(#[from] LedgerError),
}

impl From<ResolveQuarantineError> for DecisionError {
    fn from(error: ResolveQuarantineError) -> Self {
        match error {
            ResolveQuarantineError::Refused(error) => Self::Refused(error),
            ResolveQuarantineError::Ledger(error) => Self::Ledger(error),
        }
    }
}

/// `find_app` gives an app with its keys as they are configured now.
pub async fn decide<'a>(
    ledger: &Ledger,
    id: &str,
    decision: &Decision<'_>,
    find_app: impl FnOnce(&AppSlug) -> Option<&'a App>,
) -> Result<Decided, DecisionError> {
    let Some(held) = ledger.held(id).await? else { return Err(ResolveError::NotHeld.into()) };
    let accepted = if held.resolution.is_some() {
        None
    } else {
        find_app(&held.app).and_then(|app| judge_again(app, &held.evidence))
    };
    let Decision { how, by, reason, at } = *decision;
    let Some((push, evidence)) = accepted else {
        return by_hand(ledger, id, decision).await;
    };
    let number = push.key().to_owned();
    if how == Resolution::Dismissed {
        // What contradicts an order will never be one.
        if ledger.is_contradicted(&held.app, &push).await? {
            return by_hand(ledger, id, decision).await;
        }
        return Err(DecisionError::WouldBeAccepted { number });
    }
    match ledger.record(&held.app, &push, &evidence).await? {
        order::Answer::Conflict => Err(DecisionError::Conflict { number }),
        order::Answer::Success => {
            ledger.resolve(id, how, by, reason, at).await?;
            Ok(Decided::Delivered { number })
        }
    }
}

async fn by_hand(ledger: &Ledger, id: &str, decision: &Decision<'_>) -> Result<Decided, DecisionError> {
    let Decision { how, by, reason, at } = *decision;
    let recorded = ledger.resolve(id, how, by, reason, at).await?;
    Ok(if recorded { Decided::Recorded } else { Decided::Before })
}
