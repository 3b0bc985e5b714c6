//! Where a run has come to, for another one to go on there.

use serde::{Deserialize, Serialize};
use uuid::Uuid;

use super::event::Proofs;
use super::finding::Findings;

/// All that was verified up to a seal. Whoever can write it can make a later run pass over what is wrong.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct State {
    pub log_id: Uuid,
    /// The seal, and what it covers.
    pub revision: u64,
    pub count: u64,
    /// The position of the last event that it covers, in this log.
    pub position: u64,
    /// In hex.
    pub root: String,
    /// Events that were looked at up to there, and seals whose segments are what was sealed.
    pub events: u64,
    pub segments: u64,
    pub proofs: Proofs,
    pub findings: Findings,
}
