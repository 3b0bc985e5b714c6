//! What games tell of their players' roles.

use chrono::{DateTime, Utc};

use super::settle::{Seen, command_target};
use super::{Ledger, LedgerError};
use crate::codec;
use crate::domain::app::AppSlug;
use crate::domain::environment::Environment;
use crate::domain::id::OpenId;
use crate::domain::role::{PlayedRole, Player};
use crate::store::Position;

/// What came of a report.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Reported {
    /// How many of the roles were worth recording.
    pub appended: usize,
    /// Read models that have come so far show all of them; `None` where nothing was reported of the player
    /// ever.
    pub position: Option<Position>,
}

impl Ledger {
    /// Records the roles that are new or changed, and hourly that they are played.
    pub async fn report_roles(
        &self,
        app: &AppSlug,
        env: Environment,
        open_id: &OpenId,
        roles: &[PlayedRole],
        at: DateTime<Utc>,
    ) -> Result<Reported, LedgerError> {
        let stream = codec::player_stream(app, env, open_id);
        let target = command_target(&stream, Some(app), at);
        let seen: Seen<Player> = self.read(&stream, Player::evolve).await?;
        let decide = |player: &Player| {
            let events = player.decide(env, open_id, roles);
            let appended = events.len();
            (events, appended)
        };
        let settled = self.settle(&target, seen, Player::evolve, decide).await?;
        let appended = if settled.recorded { settled.outcome } else { 0 };
        Ok(Reported { appended, position: settled.position })
    }
}
