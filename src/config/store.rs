//! The section `[store]`: the log's file, or the cluster it is in.

use std::path::{Path, PathBuf};

use super::keys::{self, SecretKeys};
use super::place::quoted;
use super::section::Section;
use super::{DEFAULT_STORE_PATH, read_path};
use crate::store::address::{Address, check_prefix};

const URL: SecretKeys = SecretKeys { value: "url", file: "url_file" };

/// Where the log is.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub enum StoreConfig {
    /// In the file at `store.path`.
    #[default]
    Sqlite,
    KurrentDb {
        address: Address,
        /// Before the names of all streams.
        prefix: String,
    },
}

enum Kind {
    Sqlite,
    KurrentDb,
}

/// And `store.path`: the log's file; with a cluster, where this node's own files stand beside. `folder` is where a
/// relative `url_file` starts.
pub fn read(mut section: Section<'_>, folder: &Path) -> (StoreConfig, PathBuf) {
    let kind = read_kind(&mut section);
    let path = read_path(&mut section, "path").unwrap_or_else(|| PathBuf::from(DEFAULT_STORE_PATH));
    let store = match kind {
        Some(Kind::KurrentDb) => read_cluster(&mut section, folder),
        Some(Kind::Sqlite) => None,
        None => {
            // One message is enough.
            for key in [URL.value, URL.file, "prefix"] {
                section.node(key);
            }
            None
        }
    };
    section.finish();
    (store.unwrap_or_default(), path)
}

fn read_kind(section: &mut Section<'_>) -> Option<Kind> {
    let Some(kind) = section.text("kind") else { return Some(Kind::Sqlite) };
    match kind.value.as_str() {
        "sqlite" => Some(Kind::Sqlite),
        "kurrentdb" if cfg!(feature = "kurrentdb") => Some(Kind::KurrentDb),
        "kurrentdb" => {
            let message = "this build has no KurrentDB: build order-ledger with the feature kurrentdb, or write kind = \
                           \"sqlite\"";
            kind.report(section.problems(), message);
            None
        }
        other => {
            kind.report(section.problems(), format!("must be sqlite or kurrentdb, not {}", quoted(other)));
            None
        }
    }
}

fn read_cluster(section: &mut Section<'_>, folder: &Path) -> Option<StoreConfig> {
    let problems = section.problems();
    if !section.has(URL.value) && !section.has(URL.file) {
        section.report("kind = \"kurrentdb\" needs url = \"kurrentdb://…\", or url_file = \"path\"");
    }
    let url = keys::read_secret(section, folder, URL);
    let prefix = section.text("prefix");
    let checked = prefix.as_ref().map_or(Ok(()), |prefix| check_prefix(&prefix.value));
    if let (Some(prefix), Err(error)) = (&prefix, checked) {
        prefix.report(problems, error.to_string());
    }
    let (url, _) = url?;
    match Address::parse(url.value.reveal()) {
        Ok(address) if !address.prefix().is_empty() => {
            url.report(problems, "write the key store.prefix, and no streamPrefix in the URL");
            None
        }
        Ok(address) => {
            let prefix = prefix.map(|prefix| prefix.value).unwrap_or_default();
            Some(StoreConfig::KurrentDb { address, prefix })
        }
        Err(error) => {
            url.report(problems, error.to_string());
            None
        }
    }
}
