//! `Streams.Delete` and `Streams.Tombstone`: the same fields in both.

use super::{Position, StreamIdentifier, append::ExpectedRevision};

#[derive(Clone, PartialEq, prost::Message)]
pub struct DeleteRequest {
    #[prost(message, optional, tag = "1")]
    pub options: Option<DeleteOptions>,
}

#[derive(Clone, PartialEq, prost::Message)]
pub struct DeleteOptions {
    #[prost(message, optional, tag = "1")]
    pub stream: Option<StreamIdentifier>,
    #[prost(oneof = "ExpectedRevision", tags = "2, 3, 4, 5")]
    pub expected: Option<ExpectedRevision>,
}

#[derive(Clone, Copy, PartialEq, prost::Message)]
pub struct DeleteResponse {
    #[prost(oneof = "DeletedAt", tags = "1, 2")]
    pub at: Option<DeletedAt>,
}

#[derive(Clone, Copy, PartialEq, prost::Oneof)]
pub enum DeletedAt {
    #[prost(message, tag = "1")]
    Position(Position),
    #[prost(message, tag = "2")]
    NoPosition(()),
}
