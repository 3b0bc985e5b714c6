//! What people decided about pushes in quarantine that name a payment: one that was adopted is delivered by hand.

use std::fmt::{self, Display, Formatter};

use chrono::{DateTime, Utc};

use super::{Desk, row};
use crate::domain::push::PaymentIds;
use crate::moment::beijing_text;
use crate::projector::AskError;
use crate::store::Position;
use crate::table::Row;

/// A decision about one push.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Decision {
    pub quarantine_id: String,
    pub by: String,
    pub reason: String,
    /// As people read it, in Beijing time.
    pub at: String,
}

impl Display for Decision {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        let Self { quarantine_id, by, reason, at } = self;
        write!(f, "{quarantine_id}, by {by} at {at}: {reason:?}")
    }
}

/// The newest decision of each kind.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Decided {
    pub adopted: Option<Decision>,
    pub dismissed: Option<Decision>,
}

impl Decided {
    /// As of the position, or later.
    pub async fn about(
        desk: &Desk<'_>,
        payment: &PaymentIds,
        min_position: Option<Position>,
        at: DateTime<Utc>,
    ) -> Result<Self, AskError> {
        let table = row::quarantine_decided_of(desk, payment, min_position, at).await?;
        let newest = |resolution| table.rows().find(|row| row.text("resolution") == Some(resolution));
        let (adopted, dismissed) = (newest("adopted"), newest("dismissed"));
        Ok(Self { adopted: adopted.map(decision), dismissed: dismissed.map(decision) })
    }
}

fn decision(row: Row<'_>) -> Decision {
    let text = |column| row.text(column).unwrap_or_default();
    Decision {
        quarantine_id: text("quarantine_id").to_owned(),
        by: text("resolved_by").to_owned(),
        reason: text("resolved_reason").to_owned(),
        at: beijing_text(text("resolved_at")),
    }
}
