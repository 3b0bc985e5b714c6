//! Opens logs: the one that the configuration names, and those that options name. The one place that tells the kinds
//! of store apart.

use std::fmt;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use anyhow::{Context, bail, ensure};
use zeroize::Zeroizing;

use crate::config::{Config, StoreConfig};
use crate::store::address::{Address, scheme_of};
use crate::store::sqlite::{self, CopyFile, Lock, LockHolder, OpenError, Readers, SqliteStore};
use crate::store::{CopyTarget, EventStore, ReadLog};

/// Where a log is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum LogPlace {
    File(PathBuf),
    Cluster { address: Address, prefix: String },
}

/// Without what may be a password.
impl fmt::Display for LogPlace {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::File(path) => path.display().fmt(f),
            Self::Cluster { address, prefix } if prefix.is_empty() => address.fmt(f),
            Self::Cluster { address, prefix } => write!(f, "{address} (streams {prefix}…)"),
        }
    }
}

impl LogPlace {
    pub fn of(config: &Config) -> Self {
        match &config.store {
            StoreConfig::Sqlite => Self::File(config.store_path.clone()),
            StoreConfig::KurrentDb { address, prefix } => {
                Self::Cluster { address: address.clone(), prefix: prefix.clone() }
            }
        }
    }

    /// Whether both are the same log: one file, whatever it is called, or one place in a cluster, whoever asks it.
    pub fn is(&self, other: &Self) -> bool {
        match (self, other) {
            (Self::File(one), Self::File(other)) => sqlite::is_same_file(one, other),
            (Self::Cluster { address, prefix }, Self::Cluster { address: other, prefix: others_prefix }) => {
                prefix == others_prefix && address.shares_a_node(other)
            }
            (Self::File(_), Self::Cluster { .. }) | (Self::Cluster { .. }, Self::File(_)) => false,
        }
    }

    /// The log that an option names, `--from` or others: its file, its URL, or `@` and the file that holds the URL. Of a
    /// URL only what is no secret is repeated.
    ///
    /// # Errors
    /// Also where the URL itself stands there with a password: all of this machine see the arguments of commands.
    pub fn named(option: &str, store: &Path) -> anyhow::Result<Self> {
        let text = store.to_string_lossy();
        if let Some(file) = text.strip_prefix('@') {
            let url =
                Zeroizing::new(std::fs::read_to_string(file).with_context(|| format!("{option} @{file}"))?);
            // As a file of the configuration.
            let url = url.trim_end_matches(['\r', '\n']);
            ensure!(
                url.contains("://"),
                "{option} @{file}: the file must hold a URL, kurrentdb://…, and nothing else"
            );
            return Self::of_url(&format!("{option} @{file}"), url);
        }
        if !text.contains("://") {
            return Ok(Self::File(store.to_owned()));
        }
        match Self::of_url(option, &text)? {
            Self::Cluster { address, .. }
                if address.login().is_some_and(|login| !login.password.is_empty()) =>
            {
                bail!(
                    "{option}: the URL holds a password, and everybody on this machine can see the arguments of \
                     commands: write it into a file that only you can read, and name that: {option} @FILE"
                )
            }
            place => Ok(place),
        }
    }

    fn of_url(option: &str, text: &str) -> anyhow::Result<Self> {
        let kind = text.split_once("://").map_or("", |(kind, _)| kind);
        if scheme_of(text).is_none() {
            bail!("{option}: {kind}:// is no kind of store; name the file of a log, or kurrentdb://…");
        }
        if !cfg!(feature = "kurrentdb") {
            bail!(
                "{option}: this build has no KurrentDB ({kind}://): build order-ledger with the feature kurrentdb, or \
                 name the file of a log"
            );
        }
        match Address::parse(text) {
            Ok(address) => {
                let prefix = address.prefix().to_owned();
                Ok(Self::Cluster { address, prefix })
            }
            Err(error) => bail!("{option}: {kind}://…: {error}"),
        }
    }

    /// The log as it is read beside whoever writes it.
    pub async fn open_to_read(&self) -> anyhow::Result<Arc<dyn ReadLog>> {
        match self {
            Self::File(path) => Ok(Arc::new(Readers::open(path)?)),
            #[cfg(feature = "kurrentdb")]
            Self::Cluster { address, prefix } => {
                Ok(Arc::new(cluster(address, prefix, crate::limits::QUEUE_APPENDS_MAX).open_to_read().await?))
            }
            #[cfg(not(feature = "kurrentdb"))]
            Self::Cluster { .. } => bail!(NOT_IN_THIS_BUILD),
        }
    }

    /// A log that another one is copied into.
    pub async fn open_as_copy(&self) -> anyhow::Result<Box<dyn CopyTarget>> {
        match self {
            Self::File(path) => Ok(Box::new(CopyFile::open(path)?)),
            #[cfg(feature = "kurrentdb")]
            Self::Cluster { address, prefix } => {
                let settings = cluster(address, prefix, crate::limits::QUEUE_APPENDS_MAX);
                Ok(Box::new(crate::store::kurrentdb::CopyLog::open(&settings).await?))
            }
            #[cfg(not(feature = "kurrentdb"))]
            Self::Cluster { .. } => bail!(NOT_IN_THIS_BUILD),
        }
    }
}

#[cfg(not(feature = "kurrentdb"))]
const NOT_IN_THIS_BUILD: &str = "this build has no KurrentDB: build order-ledger with the feature kurrentdb";

#[cfg(feature = "kurrentdb")]
fn cluster(address: &Address, prefix: &str, appends_max: usize) -> crate::store::kurrentdb::Settings {
    crate::store::kurrentdb::Settings {
        address: address.clone(),
        prefix: prefix.to_owned(),
        categories: &crate::codec::CATEGORIES,
        appends_max,
    }
}

/// A log that this process writes.
pub struct OwnLog {
    pub store: Arc<dyn EventStore>,
    held: Held,
}

/// What says that this process writes.
enum Held {
    /// The lock of the log itself.
    Log(Arc<SqliteStore>),
    /// A cluster has many writers; the files beside `store.path` are one node's.
    #[cfg_attr(not(feature = "kurrentdb"), allow(dead_code))]
    Node(Lock),
    #[cfg_attr(not(feature = "bench"), allow(dead_code))]
    Nothing,
}

/// Why a log cannot be written by this process.
pub enum NotOwn {
    /// Another process of this machine holds it.
    InUse {
        holder: LockHolder,
        error: OpenError,
    },
    Failed(anyhow::Error),
}

impl From<NotOwn> for anyhow::Error {
    fn from(error: NotOwn) -> Self {
        match error {
            NotOwn::InUse { error, .. } => error.into(),
            NotOwn::Failed(error) => error,
        }
    }
}

impl OwnLog {
    pub async fn open(config: &Config) -> Result<Self, NotOwn> {
        let failed = |error: OpenError| match error {
            OpenError::InUse { ref holder, .. } => NotOwn::InUse { holder: holder.clone(), error },
            error => NotOwn::Failed(error.into()),
        };
        match &config.store {
            StoreConfig::Sqlite => {
                let settings = sqlite::Settings {
                    path: config.store_path.clone(),
                    queue_appends_max: config.limits.queue_appends_max,
                    append_wait: Duration::from_millis(config.limits.append_wait_ms),
                };
                let store = Arc::new(SqliteStore::open(&settings).map_err(failed)?);
                Ok(Self { store: store.clone(), held: Held::Log(store) })
            }
            #[cfg(feature = "kurrentdb")]
            StoreConfig::KurrentDb { address, prefix } => {
                let lock = Lock::take(&config.store_path).map_err(failed)?;
                let settings = cluster(address, prefix, config.limits.queue_appends_max);
                let store = crate::store::kurrentdb::KurrentStore::open(&settings).await;
                let store = store.map_err(|error| NotOwn::Failed(error.into()))?;
                Ok(Self { store: Arc::new(store), held: Held::Node(lock) })
            }
            #[cfg(not(feature = "kurrentdb"))]
            StoreConfig::KurrentDb { .. } => Err(NotOwn::Failed(anyhow::anyhow!(NOT_IN_THIS_BUILD))),
        }
    }

    /// Through the client of KurrentDB as it comes, for measuring what is around it.
    #[cfg(all(feature = "bench", feature = "kurrentdb"))]
    pub async fn through_the_bare_client(config: &Config) -> anyhow::Result<Self> {
        let StoreConfig::KurrentDb { address, prefix } = &config.store else {
            anyhow::bail!("store.kind: must be kurrentdb");
        };
        let settings = cluster(address, prefix, config.limits.queue_appends_max);
        let store = crate::store::kurrentdb::bare::Bare::open(&settings).await?;
        Ok(Self { store: Arc::new(store), held: Held::Nothing })
    }

    /// For measuring the rest.
    #[cfg(feature = "bench")]
    pub fn nothing() -> Self {
        Self { store: Arc::new(crate::store::nothing::Nothing::default()), held: Held::Nothing }
    }

    /// Says where this process listens, for commands that look for the server.
    pub fn announce(&self, holder: &LockHolder) -> Result<(), OpenError> {
        match &self.held {
            Held::Log(store) => store.announce(holder),
            Held::Node(lock) => lock.announce(holder),
            Held::Nothing => Ok(()),
        }
    }
}
