//! The connection to the cluster: a client that is built anew when it has failed.

use std::sync::Arc;

use eventstore::{Client, ClientSettings, Credentials};
use tokio::sync::{Mutex, watch};
use tokio::time::Instant;
use tracing::debug;

use super::super::Fault;
use super::super::address::Address;
use super::failure::short;
use crate::limits;

/// One client. It dies for ever where a first connect fails, keeps to a node that is dead, and its own task would
/// never end: so it lives in a runtime of its own, which ends with it, and is replaced when it fails.
pub struct Session {
    pub client: Client,
    login: Option<Credentials>,
    generation: u64,
    runtime: Option<tokio::runtime::Runtime>,
}

impl Session {
    fn begin(address: &Address, generation: u64) -> Result<Self, Fault> {
        let cannot =
            |what: &str, error: &dyn std::fmt::Display| Fault::Io(format!("{what}: {}", short(error)));
        let runtime = tokio::runtime::Builder::new_multi_thread()
            .worker_threads(1)
            .thread_name("kurrentdb")
            .enable_all()
            .build()
            .map_err(|error| cannot("no thread can be started", &error))?;
        // What the client says of a URL repeats it; ours is right, or it would not be an address.
        let settings: ClientSettings = address
            .for_client()
            .parse()
            .map_err(|_| Fault::Denied("the client does not take the URL: write it more plainly".into()))?;
        let client = Client::with_runtime_handle(runtime.handle().clone(), settings);
        let client = client.map_err(|error| cannot("the client cannot be set up", &error))?;
        let login = address.login().map(|login| {
            Credentials::new(login.user.as_bytes().to_vec(), login.password.as_bytes().to_vec())
        });
        Ok(Self { client, login, generation, runtime: Some(runtime) })
    }

    /// For each request: the client does not decode what stands in the URL.
    pub fn login(&self) -> Option<Credentials> {
        self.login.clone()
    }
}

impl Drop for Session {
    fn drop(&mut self) {
        if let Some(runtime) = self.runtime.take() {
            runtime.shutdown_background();
        }
    }
}

/// The client of now, for all who read and write.
pub struct Connection {
    address: Address,
    current: watch::Sender<Arc<Session>>,
    /// When a client was built last. Held while one is built, and never while something is asked.
    building: Mutex<Instant>,
}

impl Connection {
    /// Connects when it is asked something.
    pub async fn new(address: &Address) -> Result<Self, Fault> {
        let current = begin(address, 0).await?;
        Ok(Self {
            address: address.clone(),
            current: watch::Sender::new(Arc::new(current)),
            building: Mutex::new(Instant::now()),
        })
    }

    pub fn session(&self) -> Arc<Session> {
        self.current.borrow().clone()
    }

    /// Returns once another client has taken its place: who still waits for this one waits in vain.
    pub async fn has_replaced(&self, session: &Session) {
        let mut current = self.current.subscribe();
        // Its sender is ours.
        let _replaced = current.wait_for(|current| current.generation != session.generation).await;
    }

    /// Builds the client anew, once for all who found the same one failing.
    pub async fn rebuild(&self, failed: &Session) {
        let mut built = self.building.lock().await;
        if self.session().generation != failed.generation {
            return;
        }
        tokio::time::sleep_until(*built + limits::KURRENTDB_REBUILD_PAUSE).await;
        match begin(&self.address, failed.generation + 1).await {
            Ok(session) => {
                self.current.send_replace(Arc::new(session));
            }
            // The old one stays; who finds it failing comes again.
            Err(fault) => debug!(%fault, "no client can be built"),
        }
        *built = Instant::now();
    }
}

/// Reading the machine's certificates takes a while.
async fn begin(address: &Address, generation: u64) -> Result<Session, Fault> {
    let address = address.clone();
    let begun = tokio::task::spawn_blocking(move || Session::begin(&address, generation)).await;
    begun.map_err(|error| Fault::Io(error.to_string()))?
}
