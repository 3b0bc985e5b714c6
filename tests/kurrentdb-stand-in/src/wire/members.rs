//! `Gossip.Read` and `ServerFeatures.GetSupportedMethods`.

use super::Uuid;

#[derive(Clone, PartialEq, prost::Message)]
pub struct ClusterInfo {
    #[prost(message, repeated, tag = "1")]
    pub members: Vec<MemberInfo>,
}

#[derive(Clone, PartialEq, prost::Message)]
pub struct MemberInfo {
    #[prost(message, optional, tag = "1")]
    pub instance_id: Option<Uuid>,
    /// Ticks of 100 ns since 1970.
    #[prost(int64, tag = "2")]
    pub time_stamp: i64,
    #[prost(enumeration = "NodeState", tag = "3")]
    pub state: i32,
    #[prost(bool, tag = "4")]
    pub is_alive: bool,
    #[prost(message, optional, tag = "5")]
    pub http_end_point: Option<EndPoint>,
}

#[derive(Clone, PartialEq, prost::Message)]
pub struct EndPoint {
    #[prost(string, tag = "1")]
    pub address: String,
    #[prost(uint32, tag = "2")]
    pub port: u32,
}

/// Only the states that the stand-in takes; the protocol has sixteen.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, prost::Enumeration)]
#[repr(i32)]
pub enum NodeState {
    Initializing = 0,
    Unknown = 2,
    Follower = 6,
    Leader = 8,
}

#[derive(Clone, PartialEq, prost::Message)]
pub struct SupportedMethods {
    #[prost(message, repeated, tag = "1")]
    pub methods: Vec<SupportedMethod>,
    #[prost(string, tag = "2")]
    pub server_version: String,
}

/// Both names in lower case.
#[derive(Clone, PartialEq, prost::Message)]
pub struct SupportedMethod {
    #[prost(string, tag = "1")]
    pub method: String,
    #[prost(string, tag = "2")]
    pub service: String,
    #[prost(string, repeated, tag = "3")]
    pub features: Vec<String>,
}
