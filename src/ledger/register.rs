//! Binds apps to their AppIDs, and dates what their prices mean.

use chrono::{DateTime, Utc};

use super::settle::{Seen, command_target};
use super::{Ledger, LedgerError};
use crate::codec;
use crate::domain::app::{AppSlug, PriceMeaning, Registration};
use crate::domain::bill::MerchantId;

/// What the configuration says of one app.
#[derive(Clone, Copy, Debug)]
pub struct ConfiguredApp<'a> {
    pub slug: &'a AppSlug,
    pub app_id: &'a str,
    pub actual_price_is: PriceMeaning,
    /// Whom its orders are paid to.
    pub merchant: Option<&'a MerchantId>,
}

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
    /// Binds apps' slugs to their AppIDs for ever, and dates what their prices mean and whom they are paid to:
    /// all of them, or none where one is bound elsewhere.
    pub async fn register_all(
        &self,
        apps: &[ConfiguredApp<'_>],
        at: DateTime<Utc>,
    ) -> Result<(), RegisterError> {
        for app in apps {
            let stream = codec::app_stream(app.slug);
            let known: Seen<Registration> = self.read(&stream, Registration::evolve).await?;
            check_binding(app, known.state.app_id)?;
        }
        for app in apps {
            self.register(app, at).await?;
        }
        Ok(())
    }

    async fn register(&self, app: &ConfiguredApp<'_>, at: DateTime<Utc>) -> Result<(), RegisterError> {
        let stream = codec::app_stream(app.slug);
        let target = command_target(&stream, Some(app.slug), at);
        let seen = self.read(&stream, Registration::evolve).await?;
        let decide = |known: &Registration| {
            let events = known.decide(app.app_id, app.actual_price_is, app.merchant);
            (events, known.app_id.clone())
        };
        let bound = self.settle(&target, seen, Registration::evolve, decide).await?.outcome;
        check_binding(app, bound)
    }
}

fn check_binding(app: &ConfiguredApp<'_>, bound: Option<String>) -> Result<(), RegisterError> {
    match bound {
        Some(registered) if registered != app.app_id => {
            let (app, configured) = (app.slug.clone(), app.app_id.to_owned());
            Err(RegisterError::BoundElsewhere { app, registered, configured })
        }
        Some(_) | None => Ok(()),
    }
}
