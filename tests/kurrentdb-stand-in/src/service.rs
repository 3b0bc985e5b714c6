//! Answers one call: finds its kind, lets a fault strike, and runs it.

use std::{future::poll_fn, sync::Arc, time::Duration};

use bytes::Bytes;
use h2::{RecvStream, SendStream, server::SendResponse};
use http::{HeaderMap, HeaderName, HeaderValue, Request, Response};
use prost::Message;
use tokio::{task::JoinHandle, time::Instant};

use crate::{
    calls,
    cluster::Shared,
    connection::Line,
    faults::{Fault, Moment, On},
    frames::{Frames, frame, frames},
    reading::{Look, Reading},
    refusal::Refusal,
    wire::read::ReadResponse,
};

/// A call under way.
pub(crate) struct Call {
    pub(crate) shared: Arc<Shared>,
    /// The node that was asked.
    pub(crate) node: usize,
    line: Arc<Line>,
    pub(crate) requires_leader: bool,
    fault: Option<Fault>,
    deadline: Option<Instant>,
}

/// What a call ends in, apart from its answer.
pub(crate) enum End {
    /// Nobody will be answered: the line is cut, silent, or the node is down.
    Lost,
    Refused(Refusal),
}

impl From<Refusal> for End {
    fn from(refusal: Refusal) -> Self {
        Self::Refused(refusal)
    }
}

/// The methods that are answered; whatever else is asked for is unimplemented.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Method {
    Append,
    Read,
    Delete,
    Tombstone,
    Gossip,
    ServerFeatures,
}

fn method(path: &str) -> Option<Method> {
    match path {
        "/event_store.client.streams.Streams/Append" => Some(Method::Append),
        "/event_store.client.streams.Streams/Read" => Some(Method::Read),
        "/event_store.client.streams.Streams/Delete" => Some(Method::Delete),
        "/event_store.client.streams.Streams/Tombstone" => Some(Method::Tombstone),
        "/event_store.client.gossip.Gossip/Read" => Some(Method::Gossip),
        "/event_store.client.server_features.ServerFeatures/GetSupportedMethods" => {
            Some(Method::ServerFeatures)
        }
        _ => None,
    }
}

pub(crate) async fn answer(
    request: Request<RecvStream>,
    mut respond: SendResponse<Bytes>,
    shared: Arc<Shared>,
    node: usize,
    line: Arc<Line>,
) {
    let (parts, mut body) = request.into_parts();
    let Some(method) = method(parts.uri.path()) else {
        return refuse(&mut respond, &Refusal::unimplemented("Service is unimplemented."));
    };
    let mut call = Call {
        shared,
        node,
        line,
        requires_leader: parts.headers.get("requires-leader").is_some_and(|value| value == "true"),
        fault: None,
        deadline: deadline(&parts.headers),
    };
    let end = match method {
        Method::Append => unary(calls::append(&mut call, &mut body).await, &mut respond),
        Method::Delete => {
            unary(calls::delete(&mut call, &mut body, calls::Deletion::Soft).await, &mut respond)
        }
        Method::Tombstone => {
            unary(calls::delete(&mut call, &mut body, calls::Deletion::ForEver).await, &mut respond)
        }
        Method::Gossip => unary(calls::gossip(&mut call, &mut body).await, &mut respond),
        Method::ServerFeatures => unary(calls::server_features(&mut call, &mut body).await, &mut respond),
        Method::Read => read(&mut call, &mut body, &mut respond).await,
    };
    match end {
        Ok(()) | Err(End::Lost) => {}
        Err(End::Refused(refusal)) => refuse(&mut respond, &refusal),
    }
}

impl Call {
    /// Lets a fault strike that comes before any effect.
    pub(crate) async fn before(&mut self, request: On) -> Result<(), End> {
        self.fault = self.shared.faults.strike(request);
        match self.fault {
            None => Ok(()),
            Some(Fault::Unavailable) => Err(Refusal::too_busy().into()),
            Some(Fault::Denied) => Err(Refusal::access_denied().into()),
            Some(Fault::Malformed) => Err(Refusal::invalid("the request is malformed").into()),
            Some(Fault::LeaderMoved) => {
                self.shared.move_leader();
                Ok(())
            }
            Some(_) => self.strike(Moment::Before).await,
        }
    }

    /// Lets a fault strike that comes between the effect and the answer.
    pub(crate) async fn after(&self) -> Result<(), End> {
        if self.fault.is_none() {
            return Ok(());
        }
        if let Some(Fault::AnswerDelayed { ms }) = self.fault {
            let answered = Instant::now() + Duration::from_millis(ms);
            tokio::time::sleep_until(self.deadline.map_or(answered, |deadline| deadline.min(answered))).await;
        }
        self.strike(Moment::After).await?;
        match self.deadline {
            Some(deadline) if deadline <= Instant::now() => Err(Refusal::deadline_exceeded().into()),
            _ => Ok(()),
        }
    }

    /// Whether the request takes effect once more.
    pub(crate) fn is_twice(&self) -> bool {
        self.fault == Some(Fault::Twice)
    }

    /// How late the request takes effect, if it is to be late.
    pub(crate) fn effect_delay(&self) -> Option<Duration> {
        match self.fault {
            Some(Fault::EffectDelayed { ms }) => Some(Duration::from_millis(ms)),
            _ => None,
        }
    }

    /// Waits for an effect as long as the caller does. The effect comes all the same.
    pub(crate) async fn until_deadline<T>(&self, effect: JoinHandle<T>) -> Result<T, End> {
        let outcome = match self.deadline {
            Some(deadline) => {
                tokio::time::timeout_at(deadline, effect).await.map_err(|_| Refusal::deadline_exceeded())?
            }
            None => effect.await,
        };
        outcome.map_err(|_| End::Lost)
    }

    /// Takes the node down. Nothing more is sent on this line, whose call is lost with it.
    async fn go_down(&self) {
        self.line.fall_silent();
        // A port that is lost is asked for again when the node is started.
        let _lost = self.shared.take_down(self.node).await;
    }

    async fn strike(&self, now: Moment) -> Result<(), End> {
        match self.fault {
            Some(Fault::Cut { moment }) if moment == now => self.line.cut(),
            Some(Fault::HalfOpen { moment }) if moment == now => self.line.fall_silent(),
            Some(Fault::NodeDead { moment }) if moment == now => self.go_down().await,
            Some(Fault::Restart { moment, down_ms }) if moment == now => {
                self.go_down().await;
                self.shared.bring_up_later(self.node, Duration::from_millis(down_ms));
            }
            _ => return Ok(()),
        }
        Err(End::Lost)
    }

    /// Refuses what only the leader may answer. Others pass writes on, which is no difference here.
    pub(crate) fn check_leader(&self) -> Result<(), Refusal> {
        match self.shared.leader() {
            None => Err(Refusal::not_ready()),
            Some(leader) if self.requires_leader && leader != self.node => {
                crate::counters::count(&self.shared.counters.not_leader);
                let address = self.shared.nodes[leader].address;
                Err(Refusal::not_leader(&address.ip().to_string(), address.port()))
            }
            Some(_) => Ok(()),
        }
    }
}

/// The one message of a request that has one.
pub(crate) async fn only<M: Message + Default>(body: &mut RecvStream) -> Result<M, End> {
    let mut messages = Frames::default();
    while let Some(chunk) = next_chunk(body).await? {
        messages.push(&chunk);
    }
    messages.next()?.ok_or_else(|| Refusal::invalid("the request has no message").into())
}

/// What arrives next of a request; none at its end. A client that has gone away needs no answer.
pub(crate) async fn next_chunk(body: &mut RecvStream) -> Result<Option<Bytes>, End> {
    match body.data().await {
        None => Ok(None),
        Some(Err(_)) => Err(End::Lost),
        Some(Ok(chunk)) => {
            body.flow_control().release_capacity(chunk.len()).map_err(|_| End::Lost)?;
            Ok(Some(chunk))
        }
    }
}

fn unary<M: Message>(outcome: Result<M, End>, respond: &mut SendResponse<Bytes>) -> Result<(), End> {
    let message = outcome?;
    let mut stream = begin(respond)?;
    stream.send_data(frame(&message), false).map_err(|_| End::Lost)?;
    finish(&mut stream)
}

async fn read(call: &mut Call, body: &mut RecvStream, respond: &mut SendResponse<Bytes>) -> Result<(), End> {
    let mut reading = calls::begin_read(call, body).await?;
    let mut page = next_page(call, &mut reading).await;
    call.after().await?;
    let mut stream = begin(respond)?;
    while !page.is_empty() {
        send(&mut stream, frames(&page)).await?;
        page = next_page(call, &mut reading).await;
    }
    finish(&mut stream)
}

/// The next page that has something, or an empty one at the end.
async fn next_page(call: &Call, reading: &mut Reading) -> Vec<ReadResponse> {
    loop {
        match reading.next_page(&call.shared.log) {
            Look::Found(page) => return page,
            Look::Nothing => {
                let takes = call.shared.faults.looking();
                if !takes.is_zero() {
                    tokio::time::sleep(takes).await;
                }
            }
        }
    }
}

/// Sends as fast as the client takes it.
async fn send(stream: &mut SendStream<Bytes>, mut bytes: Bytes) -> Result<(), End> {
    while !bytes.is_empty() {
        stream.reserve_capacity(bytes.len());
        let Some(Ok(capacity)) = poll_fn(|context| stream.poll_capacity(context)).await else {
            return Err(End::Lost);
        };
        let now = bytes.split_to(capacity.min(bytes.len()));
        stream.send_data(now, false).map_err(|_| End::Lost)?;
    }
    Ok(())
}

fn begin(respond: &mut SendResponse<Bytes>) -> Result<SendStream<Bytes>, End> {
    let mut response = Response::new(());
    response.headers_mut().insert("content-type", HeaderValue::from_static("application/grpc"));
    respond.send_response(response, false).map_err(|_| End::Lost)
}

fn finish(stream: &mut SendStream<Bytes>) -> Result<(), End> {
    let mut trailers = HeaderMap::with_capacity(1);
    trailers.insert("grpc-status", HeaderValue::from_static("0"));
    stream.send_trailers(trailers).map_err(|_| End::Lost)
}

/// An error before any message: all of it stands in the headers.
fn refuse(respond: &mut SendResponse<Bytes>, refusal: &Refusal) {
    let mut response = Response::new(());
    let headers = response.headers_mut();
    headers.insert("content-type", HeaderValue::from_static("application/grpc"));
    headers.insert("grpc-status", HeaderValue::from(refusal.code as u16));
    if let Ok(message) = HeaderValue::from_str(&percent_encoded(&refusal.message)) {
        headers.insert("grpc-message", message);
    }
    for (key, value) in &refusal.metadata {
        if let Ok(value) = HeaderValue::from_str(value) {
            headers.insert(HeaderName::from_static(key), value);
        }
    }
    // If the client has gone, there is nobody to tell.
    let _gone = respond.send_response(response, true);
}

/// As `grpc-message` is written: all but printable ASCII as `%XX`.
fn percent_encoded(text: &str) -> String {
    text.bytes().fold(String::with_capacity(text.len()), |mut encoded, byte| {
        match byte {
            b' '..=b'~' if byte != b'%' => encoded.push(char::from(byte)),
            _ => encoded.push_str(&format!("%{byte:02X}")),
        }
        encoded
    })
}

/// The client's `grpc-timeout`: digits and a unit.
fn deadline(headers: &HeaderMap) -> Option<Instant> {
    let text = headers.get("grpc-timeout")?.to_str().ok()?;
    let (digits, unit) = text.split_at_checked(text.len().checked_sub(1)?)?;
    let count: u64 = digits.parse().ok()?;
    let timeout = match unit {
        "H" => Duration::from_secs(count.checked_mul(3600)?),
        "M" => Duration::from_secs(count.checked_mul(60)?),
        "S" => Duration::from_secs(count),
        "m" => Duration::from_millis(count),
        "u" => Duration::from_micros(count),
        "n" => Duration::from_nanos(count),
        _ => return None,
    };
    Instant::now().checked_add(timeout)
}
