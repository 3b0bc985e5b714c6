//! The data of seals.

use serde::{Deserialize, Serialize};
use uuid::Uuid;

use super::data::parse;
use crate::domain::bill::Sha256Hex;
use crate::domain::seal::Seal;
use crate::moment::{parse_stamp, stamp};

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct LedgerSealed {
    revision: u64,
    log_id: Uuid,
    count: u64,
    position: u64,
    segment: String,
    root: String,
    sealed_at: String,
    public_key: String,
    signature: String,
}

pub fn encode(seal: &Seal) -> Result<String, serde_json::Error> {
    serde_json::to_string(&LedgerSealed {
        revision: seal.revision,
        log_id: seal.log_id,
        count: seal.count,
        position: seal.position,
        segment: seal.segment.to_string(),
        root: seal.root.to_string(),
        sealed_at: stamp(seal.sealed_at),
        public_key: seal.public_key.clone(),
        signature: seal.signature.clone(),
    })
}

pub fn sealed(data: &str) -> Result<Seal, String> {
    let stored: LedgerSealed = parse(data)?;
    let sha256 =
        |name: &str, text: &str| Sha256Hex::parse(text).map_err(|error| format!("data: {name}: {error}"));
    Ok(Seal {
        revision: stored.revision,
        log_id: stored.log_id,
        count: stored.count,
        position: stored.position,
        segment: sha256("segment", &stored.segment)?,
        root: sha256("root", &stored.root)?,
        sealed_at: parse_stamp(&stored.sealed_at).map_err(|error| format!("data: sealed_at: {error}"))?,
        public_key: stored.public_key,
        signature: stored.signature,
    })
}
