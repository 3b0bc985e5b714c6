//! One connection: HTTP/2 over a socket that can be cut, or fall silent, at any time.

use std::{
    io::{self, IoSlice},
    pin::Pin,
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    task::{Context, Poll, ready},
};

use tokio::{
    io::{AsyncRead, AsyncWrite, ReadBuf},
    net::TcpStream,
    sync::{Notify, watch},
};

use crate::{cluster::Shared, counters::count, service};

/// The limits of the real server's web host.
const STREAM_WINDOW_BYTES: u32 = 768 * 1024;
const CONNECTION_WINDOW_BYTES: u32 = 1024 * 1024;

/// The switches of one connection.
#[derive(Debug, Default)]
pub(crate) struct Line {
    cut: Notify,
    is_silent: AtomicBool,
}

impl Line {
    /// Ends the connection with all that is on it. Nothing more is sent, not even that calls are reset.
    pub(crate) fn cut(&self) {
        self.fall_silent();
        self.cut.notify_one();
    }

    /// From now on bytes are taken and none are sent.
    pub(crate) fn fall_silent(&self) {
        self.is_silent.store(true, Ordering::Release);
    }

    fn is_silent(&self) -> bool {
        self.is_silent.load(Ordering::Acquire)
    }
}

/// Serves until the client leaves, the line is cut or the node goes down.
pub(crate) async fn serve(
    socket: TcpStream,
    shared: Arc<Shared>,
    node: usize,
    mut is_up: watch::Receiver<bool>,
) {
    let line = Arc::new(Line::default());
    count(&shared.counters.connections);
    tokio::select! {
        () = talk(socket, &shared, node, &line) => {}
        () = line.cut.notified() => {}
        _ = is_up.wait_for(|is_up| !is_up) => {}
    }
}

async fn talk(socket: TcpStream, shared: &Arc<Shared>, node: usize, line: &Arc<Line>) {
    if socket.set_nodelay(true).is_err() {
        return;
    }
    let wire = Wire { socket, line: Arc::clone(line) };
    let handshake = h2::server::Builder::new()
        .initial_window_size(STREAM_WINDOW_BYTES)
        .initial_connection_window_size(CONNECTION_WINDOW_BYTES)
        .max_concurrent_streams(shared.options.concurrent_calls_max)
        .handshake(wire);
    let Ok(mut connection) = handshake.await else { return };
    while let Some(Ok((request, respond))) = connection.accept().await {
        tokio::spawn(service::answer(request, respond, Arc::clone(shared), node, Arc::clone(line)));
    }
}

/// A socket that swallows both ways once its line is silent.
struct Wire {
    socket: TcpStream,
    line: Arc<Line>,
}

impl AsyncRead for Wire {
    fn poll_read(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        loop {
            let filled = buffer.filled().len();
            ready!(Pin::new(&mut self.socket).poll_read(context, buffer))?;
            if !self.line.is_silent() || buffer.filled().len() == filled {
                return Poll::Ready(Ok(()));
            }
            buffer.set_filled(filled);
        }
    }
}

impl AsyncWrite for Wire {
    fn poll_write(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        if self.line.is_silent() {
            return Poll::Ready(Ok(bytes.len()));
        }
        Pin::new(&mut self.socket).poll_write(context, bytes)
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        parts: &[IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        if self.line.is_silent() {
            return Poll::Ready(Ok(parts.iter().map(|part| part.len()).sum()));
        }
        Pin::new(&mut self.socket).poll_write_vectored(context, parts)
    }

    fn is_write_vectored(&self) -> bool {
        self.socket.is_write_vectored()
    }

    fn poll_flush(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.socket).poll_flush(context)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.socket).poll_shutdown(context)
    }
}
