//! A projection that follows a log in which, whenever it is read, there is one event more.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use async_trait::async_trait;
use order_ledger::projector::{Definition, Folder, Projector, Views};
use order_ledger::store::sqlite::{Settings, SqliteStore};
use order_ledger::store::{EventStore, Fault};

use super::fixture_log::{Line, lines, record};
use super::server::until;
use super::through::{Before, Read, Through};

/// As long as a cluster's network may take.
const READ_TAKES: Duration = Duration::from_millis(20);

/// Brings one event more before each read.
struct OneMore {
    store: Arc<SqliteStore>,
    lines: Vec<Line>,
    next: AtomicUsize,
}

#[async_trait]
impl Before for OneMore {
    async fn before(&self, read: Read) -> Result<(), Fault> {
        if let Read::All { .. } = read {
            let next = self.next.fetch_add(1, Ordering::Relaxed);
            tokio::time::sleep(READ_TAKES).await;
            if let Some(line) = self.lines.get(next) {
                record(&self.store, std::slice::from_ref(line)).await;
            }
        }
        Ok(())
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_folded_is_seen_while_there_is_always_more_to_come() {
    let folder = tempfile::tempdir().unwrap();
    let store = Arc::new(SqliteStore::open(&Settings::at(folder.path().join("events.db"))).unwrap());
    let views = Views::take(&folder.path().join("views")).unwrap();
    let own = Folder::built_in().into_iter().filter(|folder| folder.name == "orders").collect();
    let definitions = Definition::check_all(own).unwrap();
    let (first, coming) = (&lines()[..1], lines()[1..].to_vec());
    record(&store, first).await;
    let count = coming.len();
    let before = OneMore { store: store.clone(), lines: coming, next: AtomicUsize::new(0) };
    let log = Arc::new(Through { store: store.clone(), before });
    let projector = Projector::new(log.clone(), store.head(), tokio::runtime::Handle::current());
    let begun = projector.clone();
    let begin = move || begun.begin(views, &definitions.into()).unwrap();
    tokio::task::spawn_blocking(begin).await.unwrap();
    let seen = || projector.list().iter().filter_map(|listed| listed.position).max();
    until("the first event is folded", || seen().is_some()).await;
    let at_first = seen();
    until("a later one is seen", || seen() > at_first).await;
    let read = log.before.next.load(Ordering::Relaxed);
    assert!(read < count, "only after all of {count} events had come");
    tokio::task::spawn_blocking(move || projector.close()).await.unwrap();
}
