//! The way to the log for commands that write: through the server that holds it, or, where none runs, through a
//! lock of their own.

use std::sync::Arc;

use anyhow::{Context, bail};

use super::admin_client::{AdminClient, TokenSource};
use crate::config::Config;
use crate::ledger::Ledger;
use crate::quota::Quotas;
use crate::spool::Spool;
use crate::store::EventStore;
use crate::store::sqlite::{OpenError, Settings, SqliteStore, lock_holder};

pub enum Door {
    /// No server runs: this process takes the log's lock and writes itself.
    Here(SqliteStore),
    Server(AdminClient),
}

impl Door {
    pub fn open(config: &Config, token: &TokenSource) -> anyhow::Result<Self> {
        match SqliteStore::open(&Settings::at(&config.store_path)) {
            Ok(store) => {
                // Copies of files that a process has left that was killed; the lock says that none is in use.
                let spool = Spool::beside(&config.store_path);
                spool.clear().with_context(|| spool.folder().display().to_string())?;
                Ok(Self::Here(store))
            }
            Err(OpenError::InUse { holder, .. }) => {
                let Some(admin) = holder.admin else {
                    bail!(
                        "the log is in use by process {}, which is no server: try again when it has ended",
                        holder.pid
                    )
                };
                Ok(Self::Server(AdminClient::new(admin, token)?))
            }
            Err(error) => Err(error.into()),
        }
    }
}

/// The running server, for what needs to know who asks.
pub fn server(config: &Config, token: &TokenSource) -> anyhow::Result<AdminClient> {
    match lock_holder(&config.store_path).and_then(|holder| holder.admin) {
        Some(admin) => AdminClient::new(admin, token),
        None => bail!(
            "no server runs over {}: start `order-ledger serve`; who decides is told by the access token, so this \
             goes through a running server only",
            config.store_path.display()
        ),
    }
}

/// The log, written by this process.
pub struct Here {
    pub ledger: Ledger,
    store: Arc<dyn EventStore>,
    /// Who is at the keyboard, for the log.
    pub by: String,
}

impl Here {
    pub async fn open(store: SqliteStore) -> anyhow::Result<Self> {
        let store: Arc<dyn EventStore> = Arc::new(store);
        let user = std::env::var("USER").or_else(|_| std::env::var("LOGNAME"));
        let by = format!("local:{}", user.unwrap_or_else(|_| "unknown".into()));
        let ledger =
            Ledger::open(store.clone(), Quotas::default()).await.context("the log cannot be read")?;
        Ok(Self { ledger, store, by })
    }

    pub async fn close(self) {
        self.store.close().await;
    }
}
