//! A seal: what all events up to one place of the log hash to, signed. The last word on what the log said when it
//! was made.

use chrono::{DateTime, Utc};
use uuid::Uuid;

use super::bill::Sha256Hex;

/// The root before the first event.
pub const NO_ROOT: [u8; 32] = [0; 32];

#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Seal {
    /// Counts the seals of a log from 1.
    pub revision: u64,
    /// The log it was made in; a copy of that log holds it too.
    pub log_id: Uuid,
    /// How many events it covers, since the beginning of the log.
    pub count: u64,
    /// The position of the last of them, in the log it was made in.
    pub position: u64,
    /// The hash of the events since the seal before.
    pub segment: Sha256Hex,
    /// The hash of the root before and the segment.
    pub root: Sha256Hex,
    pub sealed_at: DateTime<Utc>,
    /// Ed25519, 32 bytes in hex.
    pub public_key: String,
    /// 64 bytes in hex.
    pub signature: String,
}
