//! The way to the log for commands that write: through the server that holds it, or, where none runs, through a
//! lock of their own.

use anyhow::{Context, bail};

use super::admin_client::{AdminClient, TokenSource};
use super::log::{LogPlace, NotOwn, OwnLog};
use crate::config::Config;
use crate::ledger::Ledger;
use crate::quota::Quotas;
use crate::spool::Spool;
use crate::store::sqlite::lock_holder;

pub enum Door {
    /// No server runs on this machine: this process takes its lock and writes itself.
    Here(OwnLog),
    Server(AdminClient),
}

impl Door {
    pub async fn open(config: &Config, token: &TokenSource) -> anyhow::Result<Self> {
        match OwnLog::open(config).await {
            Ok(log) => {
                // Copies of files that a process has left that was killed; the lock says that none is in use.
                let spool = Spool::beside(&config.store_path);
                spool.clear().with_context(|| spool.folder().display().to_string())?;
                Ok(Self::Here(log))
            }
            Err(NotOwn::InUse { holder, .. }) => {
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
            LogPlace::of(config)
        ),
    }
}

/// The log, written by this process.
pub struct Here {
    pub ledger: Ledger,
    log: OwnLog,
    /// Who is at the keyboard, for the log.
    pub by: String,
}

impl Here {
    pub async fn open(log: OwnLog) -> anyhow::Result<Self> {
        let user = std::env::var("USER").or_else(|_| std::env::var("LOGNAME"));
        let by = format!("local:{}", user.unwrap_or_else(|_| "unknown".into()));
        let ledger =
            Ledger::open(log.store.clone(), Quotas::default()).await.context("the log cannot be read")?;
        Ok(Self { ledger, log, by })
    }

    pub async fn close(self) {
        self.log.store.close().await;
    }
}
