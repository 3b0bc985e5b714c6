//! What `scripts/test-kurrentdb` runs against a real KurrentDB or EventStoreDB. Over the stand-in the store's own tests
//! run the contract, and the kills are tried here.
//! Each scenario writes streams of its own, whose names begin with a prefix that nobody else has.

use std::path::Path;

use kurrentdb_stand_in::Cluster;

use super::cluster::{self, place, with_password};
use super::copying::{copied, copying};
use super::crash::{Load, holds_once};
use super::log_file::LogFile;
use super::server::{Home, busy};

const KILLS: usize = 8;
const PUSHES_BETWEEN: usize = 200;

fn new_prefix() -> String {
    format!("test_{}_", uuid::Uuid::new_v4().simple()).chars().take(20).collect()
}

/// With the files that a URL names where they are from the project's folder: the program is started in others.
fn from_project(url: &str) -> String {
    const FILES: [&str; 3] = ["tlsCaFile", "userCertFile", "userKeyFile"];
    let Some((place, options)) = url.split_once('?') else { return url.to_owned() };
    let project = env!("CARGO_MANIFEST_DIR").replace('%', "%25").replace('&', "%26");
    let whole = |option: &str| match option.split_once('=') {
        Some((name, file)) if FILES.iter().any(|known| known.eq_ignore_ascii_case(name)) => {
            let is_whole = file.get(..3).is_some_and(|begin| begin.eq_ignore_ascii_case("%2F"));
            let file = if is_whole { file.into() } else { Path::new(&project).join(file) };
            format!("{name}={}", file.display())
        }
        _ => option.to_owned(),
    };
    let options: Vec<_> = options.split('&').map(whole).collect();
    format!("{place}?{}", options.join("&"))
}

#[test]
fn files_that_a_url_names_are_looked_for_from_the_folder_of_the_project() {
    let project = env!("CARGO_MANIFEST_DIR");
    for (written, whole) in [
        ("kurrentdb://a", "kurrentdb://a".to_owned()),
        ("kurrentdb://a?tls=false", "kurrentdb://a?tls=false".to_owned()),
        ("kurrentdb://a?tlsCaFile=ca.crt", format!("kurrentdb://a?tlsCaFile={project}/ca.crt")),
        ("kurrentdb://a?TLSCAFILE=/etc/ca.crt", "kurrentdb://a?TLSCAFILE=/etc/ca.crt".to_owned()),
        (
            "kurrentdb://a?tlsCaFile=%2fca.crt&tls=true",
            "kurrentdb://a?tlsCaFile=%2fca.crt&tls=true".to_owned(),
        ),
        (
            "kurrentdb://a?userCertFile=x/y.crt&userKeyFile=z",
            format!("kurrentdb://a?userCertFile={project}/x/y.crt&userKeyFile={project}/z"),
        ),
    ] {
        assert_eq!(from_project(written), whole);
    }
}

/// A server of ours is killed again and again under load; what it answered stands once, as a copy of the log shows.
async fn what_was_answered_survives_kills(url: &str) {
    let (url, prefix) = (from_project(url), new_prefix());
    let home = cluster::at(Home::new(), &url, &prefix);
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
    let from = place(&home, &url, &prefix);
    let copy = home.folder().join("copy/events.db");
    let output = copying(&from, &copy).output().unwrap();
    assert!(copied(&output)["events"].as_u64().unwrap() >= sure.len() as u64, "{output:?}");
    let log = LogFile::open(&copy);
    holds_once(&log, &sure);
}

#[tokio::test(flavor = "multi_thread")]
async fn over_the_stand_in_what_was_answered_survives_kills() {
    let _turn = busy().await;
    let cluster = Cluster::start(3).await.unwrap();
    // As one is named that asks for a password, and whose certificate is an own authority's.
    let url = format!("{}&tlsCaFile=tests/it/authority.crt", with_password(&cluster.url()));
    what_was_answered_survives_kills(&url).await;
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
            address: Address::parse(&super::from_project(&url())).unwrap(),
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
