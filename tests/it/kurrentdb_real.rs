//! What `scripts/test-kurrentdb` runs against a real KurrentDB or EventStoreDB. Over the stand-in the store's own tests
//! run the contract, and the kills are tried here.
//! Each scenario writes streams of its own, whose names begin with a prefix that nobody else has.

use std::path::PathBuf;

use kurrentdb_stand_in::Cluster;

use super::cluster;
use super::copying::{copied, copying};
use super::crash::{Load, holds_once};
use super::log_file::LogFile;
use super::server::{Home, busy};

const KILLS: usize = 8;
const PUSHES_BETWEEN: usize = 200;

fn new_prefix() -> String {
    format!("test_{}_", uuid::Uuid::new_v4().simple()).chars().take(20).collect()
}

/// A server of ours is killed again and again under load; what it answered stands once, as a copy of the log shows.
async fn what_was_answered_survives_kills(url: &str) {
    let prefix = new_prefix();
    let home = cluster::at(Home::new(), url, &prefix);
    let mut server = home.serve();
    let load = Load::start(server.push);
    for _ in 0..KILLS {
        load.until_answered(load.answered() + PUSHES_BETWEEN).await;
        server.kill();
        server = home.serve();
        load.place.send_replace(Some(server.push));
    }
    load.until_answered(load.answered() + PUSHES_BETWEEN).await;
    let (sure, _) = load.stop().await;
    assert!(server.terminate().success());
    let verified = home.run(&["verify"]);
    assert!(verified.status.success(), "{verified:?}");
    let separator = if url.contains('?') { '&' } else { '?' };
    let from = PathBuf::from(format!("{url}{separator}streamPrefix={prefix}"));
    let copy = home.folder().join("copy/events.db");
    let output = copying(&from, &copy).output().unwrap();
    assert!(copied(&output)["events"].as_u64().unwrap() >= sure.len() as u64, "{output:?}");
    let log = LogFile::open(&copy);
    holds_once(&log, &sure);
}

#[tokio::test(flavor = "multi_thread")]
async fn over_the_stand_in_what_was_answered_survives_kills() {
    let _turn = busy().await;
    what_was_answered_survives_kills(&Cluster::start(3).await.unwrap().url()).await;
}

/// Needs a server, so that nothing of it is built, or shown as left out, but by `scripts/test-kurrentdb URL`.
#[cfg(feature = "real-kurrentdb")]
mod real {
    use std::sync::Arc;

    use order_ledger::store::address::Address;
    use order_ledger::store::kurrentdb::{KurrentStore, Settings};
    use order_ledger::store::{EventStore, contract};

    /// Names the server.
    const URL: &str = "ORDER_LEDGER_TEST_KURRENTDB";

    fn url() -> String {
        std::env::var(URL)
            .unwrap_or_else(|_| panic!("{URL} must name a server: run scripts/test-kurrentdb URL"))
    }

    #[tokio::test(flavor = "multi_thread")]
    async fn the_contract_holds_over_a_real_server() {
        let settings = Settings {
            address: Address::parse(&url()).unwrap(),
            prefix: super::new_prefix(),
            categories: &[],
            appends_max: 1000,
        };
        contract::check_all(async || {
            let store: Arc<dyn EventStore> = Arc::new(KurrentStore::open(&settings).await.unwrap());
            store
        })
        .await;
    }

    #[tokio::test(flavor = "multi_thread")]
    async fn over_a_real_server_what_was_answered_survives_kills() {
        super::what_was_answered_survives_kills(&url()).await;
    }
}
