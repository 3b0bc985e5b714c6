//! `Streams.Append`: options first, then the events; one answer.

use std::collections::HashMap;

use bytes::Bytes;

use super::{Position, StreamIdentifier, Uuid};

#[derive(Clone, PartialEq, prost::Message)]
pub struct AppendRequest {
    #[prost(oneof = "AppendPart", tags = "1, 2")]
    pub part: Option<AppendPart>,
}

#[derive(Clone, PartialEq, prost::Oneof)]
pub enum AppendPart {
    #[prost(message, tag = "1")]
    Options(AppendOptions),
    #[prost(message, tag = "2")]
    Proposed(ProposedMessage),
}

#[derive(Clone, PartialEq, prost::Message)]
pub struct AppendOptions {
    #[prost(message, optional, tag = "1")]
    pub stream: Option<StreamIdentifier>,
    #[prost(oneof = "ExpectedRevision", tags = "2, 3, 4, 5")]
    pub expected: Option<ExpectedRevision>,
}

/// What the caller believes about the stream; the same fields in appends, deletions and tombstones.
#[derive(Clone, Copy, PartialEq, Eq, prost::Oneof)]
pub enum ExpectedRevision {
    #[prost(uint64, tag = "2")]
    Revision(u64),
    #[prost(message, tag = "3")]
    NoStream(()),
    #[prost(message, tag = "4")]
    Any(()),
    #[prost(message, tag = "5")]
    StreamExists(()),
}

#[derive(Clone, PartialEq, prost::Message)]
pub struct ProposedMessage {
    #[prost(message, optional, tag = "1")]
    pub id: Option<Uuid>,
    #[prost(map = "string, string", tag = "2")]
    pub metadata: HashMap<String, String>,
    #[prost(bytes = "bytes", tag = "3")]
    pub custom_metadata: Bytes,
    #[prost(bytes = "bytes", tag = "4")]
    pub data: Bytes,
}

#[derive(Clone, Copy, PartialEq, prost::Message)]
pub struct AppendResponse {
    #[prost(oneof = "AppendResult", tags = "1, 2")]
    pub result: Option<AppendResult>,
}

#[derive(Clone, Copy, PartialEq, prost::Oneof)]
pub enum AppendResult {
    #[prost(message, tag = "1")]
    Success(AppendSuccess),
    #[prost(message, tag = "2")]
    WrongExpectedVersion(WrongExpectedVersion),
}

#[derive(Clone, Copy, PartialEq, prost::Message)]
pub struct AppendSuccess {
    #[prost(oneof = "CurrentRevision", tags = "1, 2")]
    pub current: Option<CurrentRevision>,
    #[prost(oneof = "WrittenAt", tags = "3, 4")]
    pub at: Option<WrittenAt>,
}

#[derive(Clone, Copy, PartialEq, Eq, prost::Oneof)]
pub enum CurrentRevision {
    #[prost(uint64, tag = "1")]
    Revision(u64),
    #[prost(message, tag = "2")]
    NoStream(()),
}

#[derive(Clone, Copy, PartialEq, prost::Oneof)]
pub enum WrittenAt {
    #[prost(message, tag = "3")]
    Position(Position),
    #[prost(message, tag = "4")]
    NoPosition(()),
}

/// Sent twice over: once in the fields of 20.6.0 and once in those that replaced them.
#[derive(Clone, Copy, PartialEq, prost::Message)]
pub struct WrongExpectedVersion {
    #[prost(oneof = "CurrentRevision", tags = "1, 2")]
    pub current_20_6: Option<CurrentRevision>,
    #[prost(oneof = "Expected206", tags = "3, 4, 5")]
    pub expected_20_6: Option<Expected206>,
    #[prost(oneof = "Current", tags = "6, 7")]
    pub current: Option<Current>,
    #[prost(oneof = "Expected", tags = "8, 9, 10, 11")]
    pub expected: Option<Expected>,
}

#[derive(Clone, Copy, PartialEq, Eq, prost::Oneof)]
pub enum Expected206 {
    #[prost(uint64, tag = "3")]
    Revision(u64),
    #[prost(message, tag = "4")]
    Any(()),
    #[prost(message, tag = "5")]
    StreamExists(()),
}

#[derive(Clone, Copy, PartialEq, Eq, prost::Oneof)]
pub enum Current {
    #[prost(uint64, tag = "6")]
    Revision(u64),
    #[prost(message, tag = "7")]
    NoStream(()),
}

#[derive(Clone, Copy, PartialEq, Eq, prost::Oneof)]
pub enum Expected {
    #[prost(uint64, tag = "8")]
    Revision(u64),
    #[prost(message, tag = "9")]
    Any(()),
    #[prost(message, tag = "10")]
    StreamExists(()),
    #[prost(message, tag = "11")]
    NoStream(()),
}

impl WrongExpectedVersion {
    /// What was expected, and the stream's last revision, none where there is no stream.
    #[must_use]
    pub fn new(expected: ExpectedRevision, current: Option<u64>) -> Self {
        let (expected_20_6, expected) = match expected {
            ExpectedRevision::Revision(revision) => {
                (Expected206::Revision(revision), Expected::Revision(revision))
            }
            ExpectedRevision::NoStream(()) => (Expected206::Revision(u64::MAX), Expected::NoStream(())),
            ExpectedRevision::Any(()) => (Expected206::Any(()), Expected::Any(())),
            ExpectedRevision::StreamExists(()) => (Expected206::StreamExists(()), Expected::StreamExists(())),
        };
        Self {
            current_20_6: Some(current.map_or(CurrentRevision::NoStream(()), CurrentRevision::Revision)),
            expected_20_6: Some(expected_20_6),
            current: Some(current.map_or(Current::NoStream(()), Current::Revision)),
            expected: Some(expected),
        }
    }
}
