//! What both listeners share: the ledger, the apps' keys as they are now, the refused ring, the counts.

use std::collections::HashMap;
use std::sync::Arc;

use arc_swap::ArcSwap;
use tokio::sync::Semaphore;

use super::access::Access;
use super::failures::Failures;
use super::metrics::Metrics;
use crate::config::{AccessToken, AppConfig};
use crate::ledger::Ledger;
use crate::limits;
use crate::store::refused::RefusedRing;
use crate::wechat::App;

/// What a reload of the configuration replaces, all at once.
pub struct Keys {
    apps: HashMap<String, Arc<App>>,
    pub access: Access,
}

impl Keys {
    pub fn new(apps: &[AppConfig], access: &[AccessToken]) -> Self {
        let by_slug =
            |config: &AppConfig| (config.app.slug.as_str().to_owned(), Arc::new(config.app.clone()));
        Self { apps: apps.iter().map(by_slug).collect(), access: Access::new(access) }
    }

    pub fn app(&self, slug: &str) -> Option<&Arc<App>> {
        self.apps.get(slug)
    }
}

pub struct Service {
    pub ledger: Ledger,
    pub keys: ArcSwap<Keys>,
    pub ring: RefusedRing,
    pub metrics: Metrics,
    /// Access tokens that were refused lately.
    pub failures: Failures,
    pub body_bytes_max: usize,
    /// Bytes of bodies that may still be held in memory.
    pub body_budget: Semaphore,
}

impl Service {
    pub fn new(
        ledger: Ledger,
        keys: Keys,
        ring: RefusedRing,
        body_bytes_max: usize,
    ) -> Result<Self, prometheus::Error> {
        Ok(Self {
            ledger,
            keys: ArcSwap::from_pointee(keys),
            ring,
            metrics: Metrics::new()?,
            failures: Failures::default(),
            body_bytes_max,
            body_budget: Semaphore::new(limits::BODIES_BYTES_MAX),
        })
    }
}
