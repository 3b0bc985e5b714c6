//! What both listeners share: the ledger, the apps' keys as they are now, the refused ring, the counts.

use std::collections::HashMap;
use std::sync::Arc;

use arc_swap::ArcSwap;
use tokio::sync::{Mutex, Semaphore, watch};

use super::access::Access;
use super::failures::Failures;
use super::game_server::{GameServer, SetUpError};
use super::metrics::Metrics;
use super::role_directory::RolesReadModel;
use super::roles::RoleDirectory;
use crate::audit::seal::Sealer;
use crate::bill::Profiles;
use crate::config::{AppConfig, Config, RoleSource};
use crate::domain::app::AppSlug;
use crate::import::Routes;
use crate::ledger::Ledger;
use crate::limits;
use crate::projector::Projector;
use crate::reconcile::Desk;
use crate::spool::Spool;
use crate::store::refused::RefusedRing;
use crate::wechat::App;

/// What a reload of the configuration replaces, all at once.
pub struct Keys {
    apps: HashMap<String, Arc<App>>,
    /// Of the apps whose roles their own servers know.
    game_servers: HashMap<String, Arc<GameServer>>,
    pub access: Access,
    /// How bill files are laid out.
    pub profiles: Arc<Profiles>,
    /// Whose they are.
    pub routes: Routes,
}

/// Who says something of a case, a period or a recovery has the floor at this node from the check of If-Match to the
/// answer: words at one node come one by one. Those at other nodes on the same log come between, so what was checked
/// is checked again when the word is recorded (`Upon`), and the answer's ETag is that of the word itself (`Said`).
#[derive(Default)]
pub struct Floor {
    pub cases: Mutex<()>,
    pub periods: Mutex<()>,
    pub recoveries: Mutex<()>,
}

/// Why an app cannot be served as it is configured.
#[derive(Debug, thiserror::Error)]
#[error("app.{app}.roles: {error}")]
pub struct KeysError {
    app: AppSlug,
    error: SetUpError,
}

impl Keys {
    pub fn of(config: &Config) -> Result<Self, KeysError> {
        let apps = &config.apps;
        let by_slug =
            |config: &AppConfig| (config.app.slug.as_str().to_owned(), Arc::new(config.app.clone()));
        let mut game_servers = HashMap::new();
        for config in apps {
            let RoleSource::Url { url, token } = &config.roles else { continue };
            let app = &config.app.slug;
            let server = GameServer::new(url, token.as_ref());
            let server = server.map_err(|error| KeysError { app: app.clone(), error })?;
            game_servers.insert(app.as_str().to_owned(), Arc::new(server));
        }
        let by_app_id = |config: &AppConfig| (config.app.app_id.clone(), config.app.slug.clone());
        let routes = Routes {
            merchants: config.merchants.iter().map(|merchant| merchant.id.clone()).collect(),
            apps: apps.iter().map(by_app_id).collect(),
        };
        Ok(Self {
            apps: apps.iter().map(by_slug).collect(),
            game_servers,
            access: Access::new(&config.access),
            profiles: Arc::new(Profiles::built_in().with(config.bill_profiles.clone())),
            routes,
        })
    }

    /// The server that is asked for the roles of an app's players; `None` where the ledger knows them.
    pub fn game_server(&self, app: &AppSlug) -> Option<Arc<GameServer>> {
        self.game_servers.get(app.as_str()).cloned()
    }

    pub fn app(&self, slug: &str) -> Option<&Arc<App>> {
        self.apps.get(slug)
    }
}

pub struct Service {
    pub ledger: Ledger,
    pub keys: ArcSwap<Keys>,
    pub ring: RefusedRing,
    pub projector: Arc<Projector>,
    /// Files that are needed for a moment.
    pub spool: Spool,
    /// `None` where no key is configured.
    pub sealer: Option<Sealer>,
    /// Files that may still be received.
    pub uploads: Arc<Semaphore>,
    /// Bill files that may still be imported.
    pub imports: Arc<Semaphore>,
    /// Files with cases that may still be read.
    pub case_files: Arc<Semaphore>,
    pub floor: Floor,
    pub roles: Arc<dyn RoleDirectory>,
    /// Turns true when the server is about to end: who waits for something is answered.
    pub stopping: watch::Receiver<bool>,
    /// Long polls and streams that may still begin.
    pub waiting: Arc<Semaphore>,
    pub metrics: Metrics,
    /// Access tokens that were refused lately.
    pub failures: Failures,
    pub body_bytes_max: usize,
    /// Bytes of bodies that may still be held in memory.
    pub body_budget: Semaphore,
}

/// What a service is put together from.
pub struct Parts {
    pub ledger: Ledger,
    pub keys: Keys,
    pub ring: RefusedRing,
    pub projector: Arc<Projector>,
    pub spool: Spool,
    pub sealer: Option<Sealer>,
}

impl Service {
    pub fn new(
        parts: Parts,
        stopping: watch::Receiver<bool>,
        body_bytes_max: usize,
    ) -> Result<Self, prometheus::Error> {
        let Parts { ledger, keys, ring, projector, spool, sealer } = parts;
        let log = ledger.store().clone();
        let roles = Arc::new(RolesReadModel { projector: projector.clone(), log });
        Ok(Self {
            ledger,
            keys: ArcSwap::from_pointee(keys),
            ring,
            projector,
            spool,
            sealer,
            uploads: Arc::new(Semaphore::new(limits::UPLOADS_MAX)),
            imports: Arc::new(Semaphore::new(limits::IMPORTS_MAX)),
            case_files: Arc::new(Semaphore::new(limits::CASE_FILES_MAX)),
            floor: Floor::default(),
            roles,
            stopping,
            waiting: Arc::new(Semaphore::new(limits::WAITING_MAX)),
            metrics: Metrics::new()?,
            failures: Failures::default(),
            body_bytes_max,
            body_budget: Semaphore::new(limits::BODIES_BYTES_MAX),
        })
    }

    /// What finance works with.
    pub fn desk(&self) -> Desk<'_> {
        Desk { ledger: &self.ledger, projector: &self.projector, spool: &self.spool }
    }
}
