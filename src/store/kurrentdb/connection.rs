//! The connection to the cluster: a client that is built anew when it has failed.

mod certificates;

use std::sync::{Arc, Mutex as Lock, PoisonError};

use eventstore::{Client, ClientSettings, Credentials, Error as ClientError};
use tokio::sync::{Mutex, watch};
use tokio::time::Instant;
use tracing::debug;

use super::super::Fault;
use super::super::address::{Address, is_this_machine};
use super::failure::{Effect, Failure, Remedy, short};
use crate::limits;
use certificates::check_files;

/// One client. It dies for ever where a first connect fails, keeps to a node that is dead, and its own task would
/// never end: so it lives in a runtime of its own, which ends with it, and is replaced when it fails.
pub struct Session {
    pub client: Client,
    login: Option<Credentials>,
    generation: u64,
    /// Whether only nodes of this machine may be asked.
    stays_here: bool,
    runtime: Lock<Option<tokio::runtime::Runtime>>,
}

impl Session {
    fn begin(address: &Address, generation: u64) -> Result<Self, Fault> {
        let cannot =
            |what: &str, error: &dyn std::fmt::Display| Fault::Io(format!("{what}: {}", short(error)));
        check_files(address)?;
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
        let (stays_here, runtime) = (address.stays_here(), Lock::new(Some(runtime)));
        Ok(Self { client, login, generation, stays_here, runtime })
    }

    /// For each request: the client does not decode what stands in the URL.
    pub fn login(&self) -> Option<Credentials> {
        self.login.clone()
    }

    /// Why a request failed. The client goes to whatever leader it is told of by itself: where that is another machine
    /// and the way there is not protected, the client is ended before it is there.
    pub fn failure(&self, error: &ClientError) -> Failure {
        match error {
            ClientError::NotLeaderException(leader) if self.stays_here && !is_this_machine(&leader.host) => {
                self.end();
                let told = "the leader is on another machine, and tls=false and tlsVerifyCert=false are for this one \
                            only: set up TLS";
                Failure { fault: Fault::Denied(told.into()), effect: Effect::None, remedy: Remedy::Nothing }
            }
            error => Failure::of(error),
        }
    }

    fn end(&self) {
        let runtime = self.runtime.lock().unwrap_or_else(PoisonError::into_inner).take();
        if let Some(runtime) = runtime {
            runtime.shutdown_background();
        }
    }
}

impl Drop for Session {
    fn drop(&mut self) {
        self.end();
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

#[cfg(test)]
mod tests {
    use eventstore::{Endpoint, ReadStreamOptions};
    use kurrentdb_stand_in::Cluster;

    use super::*;

    /// Whether a client that was told of this leader may still be asked.
    async fn goes_on(url: &str, leader: &str) -> bool {
        let session = begin(&Address::parse(url).unwrap(), 0).await.unwrap();
        let leader = Endpoint { host: leader.into(), port: 2113 };
        let failure = session.failure(&ClientError::NotLeaderException(leader));
        // Who asks just when the client ends may wait for ever.
        let options = ReadStreamOptions::default();
        let asking = session.client.read_stream("a-1", &options);
        let is_answered =
            matches!(tokio::time::timeout(limits::KURRENTDB_STREAM_WAIT, asking).await, Ok(Ok(_)));
        let is_denied = matches!(failure.fault, Fault::Denied(_)) && failure.remedy == Remedy::Nothing;
        assert_ne!(is_answered, is_denied, "{failure:?}");
        is_answered
    }

    #[tokio::test(flavor = "multi_thread")]
    async fn without_tls_a_leader_on_another_machine_is_not_gone_to() {
        let cluster = Cluster::start(1).await.unwrap();
        for (leader, may_be_asked) in
            [("127.0.0.1", true), ("localhost", true), ("10.0.0.7", false), ("db.example", false)]
        {
            assert_eq!(goes_on(&cluster.url(), leader).await, may_be_asked, "{leader}");
        }
    }
}
