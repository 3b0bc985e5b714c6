//! The nodes: their listeners, which of them lives, which of them leads. All share one log.

use std::{
    io,
    net::{Ipv4Addr, SocketAddr},
    sync::{Arc, Mutex, MutexGuard, PoisonError, Weak},
    time::Duration,
};

use tokio::{
    net::{TcpListener, TcpSocket},
    sync::{mpsc, watch},
    task::JoinHandle,
    time::Instant,
};
use uuid::Uuid;

use crate::{
    connection,
    counters::{Counters, Counts},
    faults::Switchboard,
    log::Log,
    wire::members::NodeState,
};

const WAITING_CONNECTIONS_MAX: u32 = 1024;
const ASK_AGAIN_AFTER: Duration = Duration::from_millis(50);

/// What a cluster is started with.
#[derive(Clone, Debug)]
pub struct Options {
    pub nodes: usize,
    /// Over it an append is refused.
    pub append_bytes_max: usize,
    /// How many calls one connection carries at once; more wait in the client.
    pub concurrent_calls_max: u32,
}

impl Default for Options {
    /// One node, and the limits of the real server.
    fn default() -> Self {
        Self { nodes: 1, append_bytes_max: 1024 * 1024, concurrent_calls_max: 100 }
    }
}

/// A cluster on 127.0.0.1, on ports of its own. It ends when it is dropped.
#[derive(Debug)]
pub struct Cluster(Arc<Shared>);

/// What all nodes and their connections know.
#[derive(Debug)]
pub(crate) struct Shared {
    pub(crate) options: Options,
    pub(crate) log: Log,
    pub(crate) faults: Switchboard,
    pub(crate) counters: Counters,
    pub(crate) nodes: Vec<Node>,
    roles: Mutex<Roles>,
    /// To the task that starts nodes whose time down is over.
    down: mpsc::UnboundedSender<(usize, Instant)>,
}

#[derive(Debug)]
pub(crate) struct Node {
    pub(crate) id: Uuid,
    pub(crate) address: SocketAddr,
    /// Held while the node goes up or down.
    place: tokio::sync::Mutex<Place>,
}

/// A node's port is its own, also while it is down.
#[derive(Debug)]
enum Place {
    Up { accepting: JoinHandle<()>, is_up: watch::Sender<bool> },
    Down { reserved: TcpSocket },
    Lost,
}

#[derive(Clone, Debug, Default)]
struct Roles {
    alive: Vec<bool>,
    leader: Option<usize>,
    /// Who led last, as long as nobody does.
    last_leader: Option<usize>,
}

/// How a node looks from outside.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Seen {
    pub(crate) is_alive: bool,
    pub(crate) state: NodeState,
}

impl Cluster {
    /// One log, so many nodes, the first of them the leader.
    pub async fn start(nodes: usize) -> io::Result<Self> {
        Self::start_with(Options { nodes, ..Options::default() }).await
    }

    pub async fn start_with(options: Options) -> io::Result<Self> {
        let mut nodes = Vec::new();
        for _ in 0..options.nodes {
            let reserved = reserve(SocketAddr::from((Ipv4Addr::LOCALHOST, 0)))?;
            let address = reserved.local_addr()?;
            let place = tokio::sync::Mutex::new(Place::Down { reserved });
            nodes.push(Node { id: Uuid::new_v4(), address, place });
        }
        let roles = Roles { alive: vec![false; options.nodes], leader: None, last_leader: None };
        let (down, downs) = mpsc::unbounded_channel();
        let shared = Arc::new(Shared {
            options,
            log: Log::new(),
            faults: Switchboard::default(),
            counters: Counters::default(),
            nodes,
            roles: Mutex::new(roles),
            down,
        });
        tokio::spawn(start_when_due(downs, Arc::downgrade(&shared)));
        let cluster = Self(shared);
        for node in 0..cluster.0.nodes.len() {
            cluster.0.bring_up(node).await?;
        }
        Ok(cluster)
    }

    /// Where each node listens.
    #[must_use]
    pub fn addresses(&self) -> Vec<SocketAddr> {
        self.0.nodes.iter().map(|node| node.address).collect()
    }

    /// The connection string for clients: all nodes, without TLS.
    #[must_use]
    pub fn url(&self) -> String {
        let nodes: Vec<String> = self.addresses().iter().map(ToString::to_string).collect();
        format!("kurrentdb://{}?tls=false", nodes.join(","))
    }

    #[must_use]
    pub fn faults(&self) -> &Switchboard {
        &self.0.faults
    }

    #[must_use]
    pub fn log(&self) -> &Log {
        &self.0.log
    }

    #[must_use]
    pub fn counts(&self) -> Counts {
        self.0.counters.look()
    }

    /// The node that leads; none while too few are alive.
    #[must_use]
    pub fn leader(&self) -> Option<usize> {
        self.0.roles().leader
    }

    /// Makes the next living node the leader. Returns it.
    pub fn move_leader(&self) -> Option<usize> {
        self.0.move_leader()
    }

    /// Takes a node down, with all its connections.
    pub async fn kill(&self, node: usize) -> io::Result<()> {
        self.0.take_down(node).await
    }

    /// Starts a node that is down, on the port it had. The log is as it was.
    pub async fn revive(&self, node: usize) -> io::Result<()> {
        self.0.bring_up(node).await
    }

    /// Takes a node down and starts it again after a while.
    pub async fn restart(&self, node: usize, down: Duration) -> io::Result<()> {
        self.0.take_down(node).await?;
        tokio::time::sleep(down).await;
        self.0.bring_up(node).await
    }
}

impl Drop for Cluster {
    fn drop(&mut self) {
        for node in &self.0.nodes {
            if let Ok(mut place) = node.place.try_lock()
                && let Place::Up { accepting, is_up } = std::mem::replace(&mut *place, Place::Lost)
            {
                accepting.abort();
                is_up.send_replace(false);
            }
        }
    }
}

impl Shared {
    fn roles(&self) -> MutexGuard<'_, Roles> {
        self.roles.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(crate) fn leader(&self) -> Option<usize> {
        self.roles().leader
    }

    /// All nodes as gossip tells of them. Who died leading is seen so until another leads.
    pub(crate) fn seen(&self) -> Vec<Seen> {
        let roles = self.roles();
        let seen = |(node, is_alive): (usize, &bool)| {
            let state = match roles.leader {
                Some(leader) if leader == node => NodeState::Leader,
                Some(_) if *is_alive => NodeState::Follower,
                None if !is_alive && roles.last_leader == Some(node) => NodeState::Leader,
                Some(_) | None => NodeState::Unknown,
            };
            Seen { is_alive: *is_alive, state }
        };
        roles.alive.iter().enumerate().map(seen).collect()
    }

    pub(crate) fn move_leader(&self) -> Option<usize> {
        let leader = {
            let mut roles = self.roles();
            let count = roles.alive.len();
            let from = roles.leader?;
            let next = (1..=count).map(|step| (from + step) % count).find(|node| roles.alive[*node])?;
            roles.leader = Some(next);
            next
        };
        self.log.begin_epoch(leader);
        Some(leader)
    }

    pub(crate) async fn take_down(&self, node: usize) -> io::Result<()> {
        let Some(entry) = self.nodes.get(node) else { return Err(no_such(node)) };
        let mut place = entry.place.lock().await;
        match std::mem::replace(&mut *place, Place::Lost) {
            Place::Up { accepting, is_up } => {
                self.note(node, Life::Ends);
                is_up.send_replace(false);
                accepting.abort();
                // Ends in an error, because it was aborted; the listener is gone then.
                let _aborted = accepting.await;
                *place = Place::Down { reserved: reserve(entry.address)? };
            }
            down => *place = down,
        }
        Ok(())
    }

    /// Has a node that is down started again after a while.
    pub(crate) fn bring_up_later(&self, node: usize, after: Duration) {
        // The receiver lives as long as the cluster; without one there is nothing to start.
        let _ended = self.down.send((node, Instant::now() + after));
    }

    pub(crate) async fn bring_up(self: &Arc<Self>, node: usize) -> io::Result<()> {
        let Some(entry) = self.nodes.get(node) else { return Err(no_such(node)) };
        let mut place = entry.place.lock().await;
        let reserved = match std::mem::replace(&mut *place, Place::Lost) {
            Place::Down { reserved } => reserved,
            Place::Lost => reserve(entry.address)?,
            up @ Place::Up { .. } => {
                *place = up;
                return Ok(());
            }
        };
        let listener = reserved.listen(WAITING_CONNECTIONS_MAX)?;
        let (is_up, life) = watch::channel(true);
        let accepting = tokio::spawn(accept(listener, Arc::downgrade(self), node, life));
        *place = Place::Up { accepting, is_up };
        self.note(node, Life::Begins);
        Ok(())
    }

    /// Elects, where that has become possible or necessary: a majority must be alive.
    fn note(&self, node: usize, life: Life) {
        let elected = {
            let mut roles = self.roles();
            roles.alive[node] = life == Life::Begins;
            let alive = roles.alive.iter().filter(|is_alive| **is_alive).count();
            let before = roles.leader;
            let has_majority = alive * 2 > roles.alive.len();
            let stays = before.filter(|leader| roles.alive[*leader] && has_majority);
            let first = roles.alive.iter().position(|is_alive| *is_alive).filter(|_| has_majority);
            roles.leader = stays.or(first);
            roles.last_leader = roles.leader.or(before).or(roles.last_leader);
            roles.leader.filter(|_| roles.leader != before)
        };
        if let Some(leader) = elected {
            self.log.begin_epoch(leader);
        }
    }
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Life {
    Begins,
    Ends,
}

async fn accept(listener: TcpListener, shared: Weak<Shared>, node: usize, life: watch::Receiver<bool>) {
    while let Ok((socket, _)) = listener.accept().await {
        let Some(shared) = shared.upgrade() else { return };
        tokio::spawn(connection::serve(socket, shared, node, life.clone()));
    }
}

/// Starts each node when its time has come, however many wait.
async fn start_when_due(mut downs: mpsc::UnboundedReceiver<(usize, Instant)>, shared: Weak<Shared>) {
    let mut waiting: Vec<(usize, Instant)> = Vec::new();
    loop {
        let first =
            waiting.iter().enumerate().min_by_key(|(_, (_, due))| *due).map(|(at, (_, due))| (at, *due));
        let due = async {
            match first {
                Some((_, due)) => tokio::time::sleep_until(due).await,
                None => std::future::pending().await,
            }
        };
        tokio::select! {
            down = downs.recv() => match down {
                Some(down) => waiting.push(down),
                None => return,
            },
            () = due => {
                let Some((at, _)) = first else { continue };
                let (node, _) = waiting.swap_remove(at);
                let Some(shared) = shared.upgrade() else { return };
                if shared.bring_up(node).await.is_err() {
                    // Somebody took the port: ask again.
                    waiting.push((node, Instant::now() + ASK_AGAIN_AFTER));
                }
            }
        }
    }
}

/// Takes a port without listening on it: who connects is refused, and nobody else gets it.
fn reserve(address: SocketAddr) -> io::Result<TcpSocket> {
    let socket = TcpSocket::new_v4()?;
    socket.set_reuseaddr(true)?;
    socket.bind(address)?;
    Ok(socket)
}

fn no_such(node: usize) -> io::Error {
    io::Error::new(io::ErrorKind::NotFound, format!("there is no node {node}"))
}
