//! A client by hand: one HTTP/2 connection, messages in, messages and a status out.

use std::{collections::HashMap, net::SocketAddr, sync::Arc};

use bytes::{Buf, BufMut, Bytes, BytesMut};
use h2::client::SendRequest;
use http::{HeaderMap, Method, Request};
use kurrentdb_stand_in::wire::{
    Position, StreamIdentifier, Uuid,
    append::{
        AppendOptions, AppendPart, AppendRequest, AppendResponse, AppendResult, Current, CurrentRevision,
        ExpectedRevision, ProposedMessage, WrittenAt,
    },
    delete::{DeleteOptions, DeleteRequest, DeleteResponse},
    members::{ClusterInfo, SupportedMethods},
    read::{
        AllOptions, ControlOption, FilterBy, FilterExpression, FilterOptions, FilterWindow, Filtering,
        FromPosition, FromRevision, HowMany, ReadContent, ReadOptions, ReadRequest, ReadResponse,
        RecordedEvent, StreamOptions, UuidOption, UuidWanted, What,
    },
};
use prost::Message;
use tokio::net::TcpStream;

/// Why a call failed.
#[derive(Debug, PartialEq, Eq)]
pub enum Failed {
    /// The connection ended, or never came about.
    Connection,
    Status {
        code: u16,
        exception: Option<String>,
        headers: HashMap<String, String>,
    },
}

impl Failed {
    pub fn code(&self) -> u16 {
        match self {
            Self::Connection => panic!("the connection failed, there is no status"),
            Self::Status { code, .. } => *code,
        }
    }

    pub fn exception(&self) -> &str {
        self.header("exception")
    }

    pub fn header(&self, name: &str) -> &str {
        match self {
            Self::Connection => panic!("the connection failed, there is no {name}"),
            Self::Status { headers, .. } => headers.get(name).map_or("", String::as_str),
        }
    }
}

#[derive(Clone)]
pub struct Caller {
    calls: SendRequest<Bytes>,
    headers: Arc<Vec<(&'static str, String)>>,
}

/// What an append was answered.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Answer {
    Appended {
        last: u64,
        position: u64,
    },
    /// The same ids stand there, but a deletion hides where.
    AppendedSomewhere {
        last: u64,
    },
    Wrong {
        current: Option<u64>,
    },
}

pub async fn connect(address: SocketAddr) -> Result<Caller, Failed> {
    let socket = TcpStream::connect(address).await.map_err(|_| Failed::Connection)?;
    socket.set_nodelay(true).unwrap();
    let (calls, connection) = h2::client::handshake(socket).await.map_err(|_| Failed::Connection)?;
    tokio::spawn(connection);
    Ok(Caller { calls, headers: Arc::default() })
}

impl Caller {
    /// The same connection, with a header on every call.
    pub fn with(&self, key: &'static str, value: &str) -> Self {
        let mut headers = self.headers.as_ref().clone();
        headers.push((key, value.to_owned()));
        Self { calls: self.calls.clone(), headers: Arc::new(headers) }
    }

    pub async fn call<M: Message, R: Message + Default>(
        &self,
        path: &str,
        messages: &[M],
    ) -> Result<Vec<R>, Failed> {
        let mut request = Request::builder()
            .method(Method::POST)
            .uri(format!("http://stand-in{path}"))
            .header("content-type", "application/grpc")
            .header("te", "trailers");
        for (key, value) in self.headers.iter() {
            request = request.header(*key, value);
        }
        let mut calls = self.calls.clone().ready().await.map_err(|_| Failed::Connection)?;
        let (response, mut sending) =
            calls.send_request(request.body(()).unwrap(), false).map_err(|_| Failed::Connection)?;
        sending.send_data(framed(messages), true).map_err(|_| Failed::Connection)?;
        let (parts, mut body) = response.await.map_err(|_| Failed::Connection)?.into_parts();
        let mut received = BytesMut::new();
        while let Some(chunk) = body.data().await {
            let chunk = chunk.map_err(|_| Failed::Connection)?;
            body.flow_control().release_capacity(chunk.len()).unwrap();
            received.extend_from_slice(&chunk);
        }
        let trailers = body.trailers().await.map_err(|_| Failed::Connection)?;
        let status = trailers.as_ref().unwrap_or(&parts.headers);
        check(status)?;
        Ok(unframed(received.freeze()))
    }

    pub async fn append(
        &self,
        stream: &str,
        expected: ExpectedRevision,
        events: &[ProposedMessage],
    ) -> Result<Answer, Failed> {
        let options = AppendOptions { stream: Some(StreamIdentifier::of(stream)), expected: Some(expected) };
        let mut messages = vec![AppendRequest { part: Some(AppendPart::Options(options)) }];
        messages.extend(
            events.iter().map(|event| AppendRequest { part: Some(AppendPart::Proposed(event.clone())) }),
        );
        let path = "/event_store.client.streams.Streams/Append";
        let answers: Vec<AppendResponse> = self.call(path, &messages).await?;
        let [AppendResponse { result: Some(result) }] = answers.as_slice() else {
            panic!("an append has one answer, not {answers:?}")
        };
        Ok(read_answer(result))
    }

    pub async fn delete(&self, stream: &str, expected: ExpectedRevision) -> Result<(), Failed> {
        self.end(stream, expected, "/event_store.client.streams.Streams/Delete").await
    }

    pub async fn tombstone(&self, stream: &str, expected: ExpectedRevision) -> Result<(), Failed> {
        self.end(stream, expected, "/event_store.client.streams.Streams/Tombstone").await
    }

    async fn end(&self, stream: &str, expected: ExpectedRevision, path: &str) -> Result<(), Failed> {
        let options = DeleteOptions { stream: Some(StreamIdentifier::of(stream)), expected: Some(expected) };
        let answers: Vec<DeleteResponse> =
            self.call(path, &[DeleteRequest { options: Some(options) }]).await?;
        assert_eq!(answers.len(), 1);
        Ok(())
    }

    pub async fn read(&self, options: ReadOptions) -> Result<Vec<ReadContent>, Failed> {
        let path = "/event_store.client.streams.Streams/Read";
        let answers: Vec<ReadResponse> = self.call(path, &[ReadRequest { options: Some(options) }]).await?;
        Ok(answers.into_iter().map(|answer| answer.content.unwrap()).collect())
    }

    /// The events of a stream from its beginning.
    pub async fn events(&self, stream: &str) -> Vec<RecordedEvent> {
        events(self.read(of_stream(stream, FromRevision::Start(()))).await.unwrap())
    }

    /// All that stands in the log.
    pub async fn all(&self) -> Vec<RecordedEvent> {
        events(self.read(of_all(FromPosition::Start(()), Filtering::NoFilter(()))).await.unwrap())
    }

    pub async fn gossip(&self) -> Result<ClusterInfo, Failed> {
        let answers = self.call("/event_store.client.gossip.Gossip/Read", &[()]).await?;
        Ok(answers.into_iter().next().unwrap())
    }

    pub async fn server_features(&self) -> Result<SupportedMethods, Failed> {
        let path = "/event_store.client.server_features.ServerFeatures/GetSupportedMethods";
        Ok(self.call(path, &[()]).await?.into_iter().next().unwrap())
    }
}

fn read_answer(result: &AppendResult) -> Answer {
    match result {
        AppendResult::Success(success) => match (success.current.unwrap(), success.at.unwrap()) {
            (CurrentRevision::Revision(last), WrittenAt::Position(Position { commit, prepare })) => {
                assert_eq!(commit, prepare);
                Answer::Appended { last, position: commit }
            }
            (CurrentRevision::Revision(last), WrittenAt::NoPosition(())) => {
                Answer::AppendedSomewhere { last }
            }
            (CurrentRevision::NoStream(()), at) => panic!("nothing was appended, at {at:?}"),
        },
        AppendResult::WrongExpectedVersion(wrong) => match wrong.current.unwrap() {
            Current::Revision(current) => Answer::Wrong { current: Some(current) },
            Current::NoStream(()) => Answer::Wrong { current: None },
        },
    }
}

fn check(headers: &HeaderMap) -> Result<(), Failed> {
    let code = headers.get("grpc-status").expect("every call ends in a status").to_str().unwrap();
    if code == "0" {
        return Ok(());
    }
    let headers: HashMap<String, String> =
        headers.iter().map(|(key, value)| (key.to_string(), value.to_str().unwrap().to_owned())).collect();
    let exception = headers.get("exception").cloned();
    Err(Failed::Status { code: code.parse().unwrap(), exception, headers })
}

fn framed(messages: &[impl Message]) -> Bytes {
    let mut buffer = BytesMut::new();
    for message in messages {
        buffer.put_u8(0);
        buffer.put_u32(message.encoded_len().try_into().unwrap());
        buffer.put_slice(&message.encode_to_vec());
    }
    buffer.freeze()
}

fn unframed<R: Message + Default>(mut bytes: Bytes) -> Vec<R> {
    let mut messages = Vec::new();
    while bytes.has_remaining() {
        assert_eq!(bytes.get_u8(), 0, "nothing is compressed");
        let length = bytes.get_u32() as usize;
        messages.push(R::decode(bytes.split_to(length)).unwrap());
    }
    messages
}

/// An event with a new id.
pub fn paid(data: &str) -> ProposedMessage {
    event("GoodsDelivered", data)
}

pub fn event(event_type: &str, data: &str) -> ProposedMessage {
    let metadata = [("type", event_type), ("content-type", "application/json")];
    ProposedMessage {
        id: Some(Uuid::halves(uuid::Uuid::new_v4())),
        metadata: metadata.map(|(key, value)| (key.to_owned(), value.to_owned())).into(),
        custom_metadata: Bytes::from_static(b"{\"push\":1}"),
        data: Bytes::copy_from_slice(data.as_bytes()),
    }
}

/// Forwards, as many as there are; change what should be otherwise.
pub fn of_stream(stream: &str, from: FromRevision) -> ReadOptions {
    let stream = StreamOptions { stream: Some(StreamIdentifier::of(stream)), from: Some(from) };
    options(What::Stream(stream), Filtering::NoFilter(()))
}

pub fn of_all(from: FromPosition, filtering: Filtering) -> ReadOptions {
    options(What::All(AllOptions { from: Some(from) }), filtering)
}

fn options(what: What, filtering: Filtering) -> ReadOptions {
    ReadOptions {
        what: Some(what),
        direction: 0,
        resolve_links: false,
        how_many: Some(HowMany::Count(u64::MAX)),
        filtering: Some(filtering),
        uuid: Some(UuidOption { wanted: Some(UuidWanted::Text(())) }),
        control: Some(ControlOption { compatibility: 1 }),
    }
}

pub fn by_stream(expression: FilterExpression) -> Filtering {
    filtering(FilterBy::Stream(expression))
}

pub fn by_type(expression: FilterExpression) -> Filtering {
    filtering(FilterBy::EventType(expression))
}

fn filtering(by: FilterBy) -> Filtering {
    Filtering::Filter(FilterOptions {
        by: Some(by),
        window: Some(FilterWindow::Count(())),
        checkpoint_interval_multiplier: 1,
    })
}

pub fn prefixes(prefixes: &[&str]) -> FilterExpression {
    FilterExpression { regex: String::new(), prefixes: prefixes.iter().map(ToString::to_string).collect() }
}

pub fn regex(regex: &str) -> FilterExpression {
    FilterExpression { regex: regex.to_owned(), prefixes: Vec::new() }
}

/// The events among the contents.
pub fn events(contents: Vec<ReadContent>) -> Vec<RecordedEvent> {
    contents
        .into_iter()
        .filter_map(|content| match content {
            ReadContent::Event(event) => event.event,
            _ => None,
        })
        .collect()
}

/// The streams of events, in order.
pub fn streams(events: &[RecordedEvent]) -> Vec<String> {
    events
        .iter()
        .map(|event| String::from_utf8(event.stream.clone().unwrap().name.to_vec()).unwrap())
        .collect()
}
