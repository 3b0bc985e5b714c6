//! Binds apps to their AppIDs, and dates what their prices mean.

use chrono::{DateTime, Utc};

use super::settle::{Seen, command_target};
use super::{Ledger, LedgerError};
use crate::codec;
use crate::domain::app::{AppSlug, PriceMeaning, Registration};

#[derive(Debug, thiserror::Error)]
pub enum RegisterError {
    #[error(
        "app {app} is bound to AppID {registered} in this log, but the configuration says {configured}: \
         give the other AppID another name"
    )]
    BoundElsewhere { app: AppSlug, registered: String, configured: String },
    #[error(transparent)]
    Ledger(#[from] LedgerError),
}

impl Ledger {
    /// Binds apps' slugs to their AppIDs for ever, and dates what their prices mean: all of them, or none
    /// where one is bound elsewhere.
    pub async fn register_all(
        &self,
        apps: &[(&AppSlug, &str, PriceMeaning)],
        at: DateTime<Utc>,
    ) -> Result<(), RegisterError> {
        for (app, app_id, _) in apps {
            let known: Seen<Registration> = self.read(&codec::app_stream(app), Registration::evolve).await?;
            check_binding(app, app_id, known.state.app_id)?;
        }
        for (app, app_id, actual_price_is) in apps {
            self.register(app, app_id, *actual_price_is, at).await?;
        }
        Ok(())
    }

    async fn register(
        &self,
        app: &AppSlug,
        app_id: &str,
        actual_price_is: PriceMeaning,
        at: DateTime<Utc>,
    ) -> Result<(), RegisterError> {
        let stream = codec::app_stream(app);
        let target = command_target(&stream, Some(app), at);
        let seen = self.read(&stream, Registration::evolve).await?;
        let decide = |known: &Registration| (known.decide(app_id, actual_price_is), known.app_id.clone());
        let bound = self.settle(&target, seen, Registration::evolve, decide).await?.outcome;
        check_binding(app, app_id, bound)
    }
}

fn check_binding(app: &AppSlug, app_id: &str, bound: Option<String>) -> Result<(), RegisterError> {
    match bound {
        Some(registered) if registered != app_id => {
            let configured = app_id.to_owned();
            Err(RegisterError::BoundElsewhere { app: app.clone(), registered, configured })
        }
        Some(_) | None => Ok(()),
    }
}
