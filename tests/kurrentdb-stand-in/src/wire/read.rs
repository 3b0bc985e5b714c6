//! `Streams.Read`: one request, many answers. Subscriptions are declared so that they can be refused.

use std::collections::HashMap;

use bytes::Bytes;

use super::{Position, StreamIdentifier, Uuid};

#[derive(Clone, PartialEq, prost::Message)]
pub struct ReadRequest {
    #[prost(message, optional, tag = "1")]
    pub options: Option<ReadOptions>,
}

#[derive(Clone, PartialEq, prost::Message)]
pub struct ReadOptions {
    #[prost(oneof = "What", tags = "1, 2")]
    pub what: Option<What>,
    /// 0 forwards, 1 backwards.
    #[prost(int32, tag = "3")]
    pub direction: i32,
    #[prost(bool, tag = "4")]
    pub resolve_links: bool,
    #[prost(oneof = "HowMany", tags = "5, 6")]
    pub how_many: Option<HowMany>,
    #[prost(oneof = "Filtering", tags = "7, 8")]
    pub filtering: Option<Filtering>,
    #[prost(message, optional, tag = "9")]
    pub uuid: Option<UuidOption>,
    #[prost(message, optional, tag = "10")]
    pub control: Option<ControlOption>,
}

#[derive(Clone, PartialEq, prost::Oneof)]
pub enum What {
    #[prost(message, tag = "1")]
    Stream(StreamOptions),
    #[prost(message, tag = "2")]
    All(AllOptions),
}

#[derive(Clone, PartialEq, prost::Message)]
pub struct StreamOptions {
    #[prost(message, optional, tag = "1")]
    pub stream: Option<StreamIdentifier>,
    #[prost(oneof = "FromRevision", tags = "2, 3, 4")]
    pub from: Option<FromRevision>,
}

#[derive(Clone, Copy, PartialEq, Eq, prost::Oneof)]
pub enum FromRevision {
    #[prost(uint64, tag = "2")]
    Revision(u64),
    #[prost(message, tag = "3")]
    Start(()),
    #[prost(message, tag = "4")]
    End(()),
}

#[derive(Clone, Copy, PartialEq, prost::Message)]
pub struct AllOptions {
    #[prost(oneof = "FromPosition", tags = "1, 2, 3")]
    pub from: Option<FromPosition>,
}

#[derive(Clone, Copy, PartialEq, prost::Oneof)]
pub enum FromPosition {
    #[prost(message, tag = "1")]
    Position(Position),
    #[prost(message, tag = "2")]
    Start(()),
    #[prost(message, tag = "3")]
    End(()),
}

#[derive(Clone, Copy, PartialEq, Eq, prost::Oneof)]
pub enum HowMany {
    #[prost(uint64, tag = "5")]
    Count(u64),
    #[prost(message, tag = "6")]
    Subscription(()),
}

#[derive(Clone, PartialEq, prost::Oneof)]
pub enum Filtering {
    #[prost(message, tag = "7")]
    Filter(FilterOptions),
    #[prost(message, tag = "8")]
    NoFilter(()),
}

#[derive(Clone, PartialEq, prost::Message)]
pub struct FilterOptions {
    #[prost(oneof = "FilterBy", tags = "1, 2")]
    pub by: Option<FilterBy>,
    #[prost(oneof = "FilterWindow", tags = "3, 4")]
    pub window: Option<FilterWindow>,
    #[prost(uint32, tag = "5")]
    pub checkpoint_interval_multiplier: u32,
}

#[derive(Clone, PartialEq, prost::Oneof)]
pub enum FilterBy {
    #[prost(message, tag = "1")]
    Stream(FilterExpression),
    #[prost(message, tag = "2")]
    EventType(FilterExpression),
}

#[derive(Clone, Copy, PartialEq, Eq, prost::Oneof)]
pub enum FilterWindow {
    #[prost(uint32, tag = "3")]
    Max(u32),
    #[prost(message, tag = "4")]
    Count(()),
}

#[derive(Clone, PartialEq, prost::Message)]
pub struct FilterExpression {
    #[prost(string, tag = "1")]
    pub regex: String,
    #[prost(string, repeated, tag = "2")]
    pub prefixes: Vec<String>,
}

#[derive(Clone, Copy, PartialEq, prost::Message)]
pub struct UuidOption {
    #[prost(oneof = "UuidWanted", tags = "1, 2")]
    pub wanted: Option<UuidWanted>,
}

#[derive(Clone, Copy, PartialEq, Eq, prost::Oneof)]
pub enum UuidWanted {
    #[prost(message, tag = "1")]
    Halves(()),
    #[prost(message, tag = "2")]
    Text(()),
}

#[derive(Clone, Copy, PartialEq, prost::Message)]
pub struct ControlOption {
    #[prost(uint32, tag = "1")]
    pub compatibility: u32,
}

#[derive(Clone, PartialEq, prost::Message)]
pub struct ReadResponse {
    #[prost(oneof = "ReadContent", tags = "1, 4, 5, 6, 7")]
    pub content: Option<ReadContent>,
}

#[derive(Clone, PartialEq, prost::Oneof)]
#[expect(clippy::large_enum_variant, reason = "nearly all of them are events")]
pub enum ReadContent {
    #[prost(message, tag = "1")]
    Event(ReadEvent),
    #[prost(message, tag = "4")]
    StreamNotFound(StreamNotFound),
    #[prost(uint64, tag = "5")]
    FirstStreamPosition(u64),
    #[prost(uint64, tag = "6")]
    LastStreamPosition(u64),
    #[prost(message, tag = "7")]
    LastAllStreamPosition(Position),
}

#[derive(Clone, PartialEq, prost::Message)]
pub struct StreamNotFound {
    #[prost(message, optional, tag = "1")]
    pub stream: Option<StreamIdentifier>,
}

#[derive(Clone, PartialEq, prost::Message)]
pub struct ReadEvent {
    #[prost(message, optional, tag = "1")]
    pub event: Option<RecordedEvent>,
    #[prost(message, optional, tag = "2")]
    pub link: Option<RecordedEvent>,
    #[prost(oneof = "ReadAt", tags = "3, 4")]
    pub at: Option<ReadAt>,
}

#[derive(Clone, Copy, PartialEq, Eq, prost::Oneof)]
pub enum ReadAt {
    #[prost(uint64, tag = "3")]
    CommitPosition(u64),
    #[prost(message, tag = "4")]
    NoPosition(()),
}

#[derive(Clone, PartialEq, prost::Message)]
pub struct RecordedEvent {
    #[prost(message, optional, tag = "1")]
    pub id: Option<Uuid>,
    #[prost(message, optional, tag = "2")]
    pub stream: Option<StreamIdentifier>,
    #[prost(uint64, tag = "3")]
    pub revision: u64,
    #[prost(uint64, tag = "4")]
    pub prepare_position: u64,
    #[prost(uint64, tag = "5")]
    pub commit_position: u64,
    #[prost(map = "string, string", tag = "6")]
    pub metadata: HashMap<String, String>,
    #[prost(bytes = "bytes", tag = "7")]
    pub custom_metadata: Bytes,
    #[prost(bytes = "bytes", tag = "8")]
    pub data: Bytes,
}
