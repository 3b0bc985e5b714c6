//! Accepts connections, serves HTTP/1.1 on each, and drains on the way out.

use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;

use axum::Router;
use axum::body::{Body, HttpBody};
use axum::response::Response;
use http_body_util::BodyExt;
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper_util::rt::{TokioIo, TokioTimer};
use hyper_util::server::graceful::GracefulShutdown;
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::{OwnedSemaphorePermit, Semaphore, watch};
use tower::ServiceExt;
use tracing::{debug, warn};

use super::idle::{Busy, Idle, Seat};
use crate::limits;

/// Who is at the other end of the connection; an extension of each request.
#[derive(Clone, Copy, Debug)]
pub struct Peer(pub IpAddr);

/// What a listener allows.
#[derive(Clone, Copy, Debug)]
pub struct Bounds {
    /// Connections at once.
    pub connections_max: usize,
    /// Of a request's line and headers.
    pub head_bytes_max: usize,
}

/// Serves until `stopping` turns true, then answers what is in flight.
pub async fn serve(
    listener: TcpListener,
    router: Router,
    bounds: Bounds,
    mut stopping: watch::Receiver<bool>,
) {
    let graceful = GracefulShutdown::new();
    let turns = Arc::new(Semaphore::new(bounds.connections_max));
    let idle = Arc::new(Idle::default());
    loop {
        let accepted = tokio::select! {
            _ = stopping.wait_for(|stopping| *stopping) => break,
            accepted = accept(&listener, &turns, &idle) => accepted,
        };
        if let Some((stream, peer, turn)) = accepted {
            // Here and not in the task, so that every connection that holds a turn can be told to go.
            let seat = Arc::new(idle.enter());
            let peer = Peer(peer.ip());
            let connection = Connection { stream, peer, turn, seat, head_bytes_max: bounds.head_bytes_max };
            tokio::spawn(converse(connection, router.clone(), graceful.watcher()));
        }
    }
    drop(listener);
    if tokio::time::timeout(limits::DRAIN_WAIT, graceful.shutdown()).await.is_err() {
        warn!("some connections did not end in time and are cut");
    }
}

struct Connection {
    stream: TcpStream,
    peer: Peer,
    turn: OwnedSemaphorePermit,
    seat: Arc<Seat>,
    head_bytes_max: usize,
}

/// One connection, from its first request to its last.
async fn converse(connection: Connection, router: Router, graceful: hyper_util::server::graceful::Watcher) {
    let Connection { stream, peer, turn, seat, head_bytes_max } = connection;
    let asked = seat.clone();
    let service = service_fn(move |mut request: hyper::Request<hyper::body::Incoming>| {
        let (router, busy) = (router.clone(), asked.busy());
        request.extensions_mut().insert(peer);
        async move { router.oneshot(request).await.map(|response| until_written(response, busy)) }
    });
    let connection = http1::Builder::new()
        .timer(TokioTimer::new())
        .header_read_timeout(limits::HEAD_WAIT)
        .max_buf_size(head_bytes_max)
        .serve_connection(TokioIo::new(stream), service);
    tokio::select! {
        ended = graceful.watch(connection) => if let Err(error) = ended {
            debug!(%error, "a connection ended early");
        },
        () = seat.given_up() => debug!("an idle connection made room for another"),
    }
    // First the seat: who waits for a turn must not tell a connection to go that has gone.
    drop(seat);
    drop(turn);
}

/// A response that is written bit by bit keeps its connection busy to the end.
fn until_written(response: Response, busy: Busy) -> Response {
    if response.body().size_hint().exact().is_some() {
        return response;
    }
    response.map(|body| {
        Body::new(body.map_frame(move |frame| {
            let _held = &busy;
            frame
        }))
    })
}

/// The next connection. Where all turns are taken, the one that has been idle longest makes room: who
/// holds connections without asking anything must not keep WeChat out.
async fn accept(
    listener: &TcpListener,
    turns: &Arc<Semaphore>,
    idle: &Idle,
) -> Option<(TcpStream, SocketAddr, OwnedSemaphorePermit)> {
    let (stream, peer) = match listener.accept().await {
        Ok(accepted) => accepted,
        Err(error) => {
            warn!(%error, "a connection cannot be accepted");
            tokio::time::sleep(limits::ACCEPT_PAUSE).await;
            return None;
        }
    };
    // Answers are small and waited for.
    if let Err(error) = stream.set_nodelay(true) {
        debug!(%error, "a connection ended at once");
        return None;
    }
    if turns.available_permits() == 0 {
        idle.make_room();
    }
    let turn = turns.clone().acquire_owned().await.ok()?;
    Some((stream, peer, turn))
}
