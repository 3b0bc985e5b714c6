//! What games say of orders: granted, refused, revoked.

use chrono::{DateTime, Utc};

use super::settle::{Seen, command_target};
use super::{Ledger, LedgerError};
use crate::codec;
use crate::domain::app::AppSlug;
use crate::domain::environment::Environment;
use crate::domain::grant::{Grant, GrantCommand, GrantError};
use crate::domain::id::OutTradeNo;
use crate::domain::order::Order;
use crate::store::Position;

/// What came of a word about an order.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct GrantOutcome {
    /// False where the same had been said before.
    pub recorded: bool,
    /// What stands now.
    pub grant: Grant,
    /// Read models that have come so far show it.
    pub position: Option<Position>,
}

#[derive(Debug, thiserror::Error)]
pub enum GrantOrderError {
    #[error(transparent)]
    Refused(#[from] GrantError),
    #[error(transparent)]
    Ledger(#[from] LedgerError),
}

impl Ledger {
    /// Grants, refuses or revokes an order of goods. `by` is the access token's name.
    #[expect(clippy::too_many_arguments, reason = "an order is named by three")]
    pub async fn grant(
        &self,
        app: &AppSlug,
        env: Environment,
        out_trade_no: &OutTradeNo,
        command: GrantCommand,
        by: &str,
        reason: Option<&str>,
        at: DateTime<Utc>,
    ) -> Result<GrantOutcome, GrantOrderError> {
        let stream = codec::order_stream(app, env, out_trade_no);
        let target = command_target(&stream, Some(app), at);
        let seen: Seen<Order> = self.read(&stream, Order::evolve).await?;
        let decide = |order: &Order| match order.decide_grant(command, by, reason) {
            Ok(event) => {
                let grant = event.iter().fold(order.clone(), Order::evolve).grant;
                (event.into_iter().collect(), Ok(grant))
            }
            Err(error) => (vec![], Err(error)),
        };
        let settled = self.settle(&target, seen, Order::evolve, decide).await?;
        let grant = settled.outcome?;
        Ok(GrantOutcome { recorded: settled.recorded, grant, position: settled.position })
    }
}
