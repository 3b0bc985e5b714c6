//! Homes, stores and ledgers whose log is in a cluster of KurrentDB, which the stand-in plays.

use std::path::PathBuf;
use std::sync::Arc;

use kurrentdb_stand_in::Cluster;
use order_ledger::ledger::Ledger;
use order_ledger::limits;
use order_ledger::quota::Quotas;
use order_ledger::store::EventStore;
use order_ledger::store::address::Address;
use order_ledger::store::kurrentdb::{KurrentStore, Settings};

use super::server::Home;

/// A home whose log is at a URL, in streams with a prefix.
pub fn at(home: Home, url: &str, prefix: &str) -> Home {
    let section = format!("[store]\nkind = \"kurrentdb\"\nurl = \"{url}\"\nprefix = \"{prefix}\"\n");
    home.reconfigure(|text| text.replace("[store]\n", &section));
    home
}

pub fn on(cluster: &Cluster, home: Home) -> Home {
    home_with(cluster, home, "")
}

pub fn home_of(cluster: &Cluster, prefix: &str) -> Home {
    home_with(cluster, Home::new(), prefix)
}

fn home_with(cluster: &Cluster, home: Home, prefix: &str) -> Home {
    at(home, &with_password(&cluster.url()), prefix)
}

/// As an option names the log that a URL leads to, in streams with a prefix: by a file, for the URL has a password.
pub fn place(home: &Home, url: &str, prefix: &str) -> PathBuf {
    let file = home.folder().join(format!("{prefix}cluster.url"));
    let separator = if url.contains('?') { '&' } else { '?' };
    std::fs::write(&file, format!("{url}{separator}streamPrefix={prefix}\n")).unwrap();
    format!("@{}", file.display()).into()
}

/// What stands in the password's place is no secret of the stand-in.
pub fn with_password(url: &str) -> String {
    url.replace("kurrentdb://", "kurrentdb://ledger:changeit@")
}

/// What a node of ours needs to know of a cluster.
fn settings(cluster: &Cluster) -> Settings {
    Settings {
        address: Address::parse(&cluster.url()).unwrap(),
        prefix: String::new(),
        categories: &order_ledger::codec::CATEGORIES,
        appends_max: limits::QUEUE_APPENDS_MAX,
    }
}

/// A node of ours without its server.
pub async fn ledger(cluster: &Cluster) -> Ledger {
    let store: Arc<dyn EventStore> = Arc::new(KurrentStore::open(&settings(cluster)).await.unwrap());
    Ledger::open(store, Quotas::new(u64::MAX, u64::MAX)).await.unwrap()
}
