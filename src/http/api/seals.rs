//! Seals: those there are, and one more on demand.

use std::sync::Arc;

use axum::Json;
use axum::extract::State;
use serde::{Deserialize, Serialize};
use tracing::info;
use utoipa::ToSchema;

use super::code::Code;
use super::error::{ApiError, Failure};
use super::extract::{NoParams, Params};
use crate::audit::anchor::{self, Anchor};
use crate::audit::seal::{SealError, Sealing};
use crate::domain::bill::Sha256Hex;
use crate::domain::seal::Seal;
use crate::http::Service;
use crate::http::access::{Holder, Permission};
use crate::ledger::{LedgerError, newest_seal};
use crate::moment::stamp;
use crate::store::ReadLog;
use crate::{clock, limits};

pub const PATH: &str = "/v1/seals";

/// What all events up to one place of the log hash to, signed.
#[derive(Debug, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct SealOfLog {
    /// Counts the seals from 1.
    pub revision: u64,
    /// The log it was made in.
    pub log_id: String,
    /// Events that it covers, since the beginning of the log.
    pub count: u64,
    /// Of the last of them.
    #[schema(example = "1341")]
    pub position: String,
    /// The hash of the events since the seal before.
    #[schema(pattern = "^[0-9a-f]{64}$")]
    pub segment: String,
    /// Of the seal before; 64 zeros before the first.
    #[schema(pattern = "^[0-9a-f]{64}$")]
    pub previous_root: String,
    /// SHA-256 of `previous_root` and `segment`.
    #[schema(pattern = "^[0-9a-f]{64}$")]
    pub root: String,
    #[schema(format = DateTime)]
    pub sealed_at: String,
    /// Ed25519.
    #[schema(pattern = "^[0-9a-f]{64}$")]
    pub public_key: String,
    #[schema(pattern = "^[0-9a-f]{128}$")]
    pub signature: String,
}

/// What came of sealing.
#[derive(Debug, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct LogSealed {
    /// How many seals were added; 0 where nothing new was recorded.
    pub added: u64,
    /// The newest, null where nothing is recorded in the log.
    #[schema(required)]
    pub seal: Option<SealOfLog>,
}

/// Seals, the newest first.
#[derive(Debug, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct Seals {
    /// Of the log that was asked; a seal may have been made in the log that this is a copy of.
    pub log_id: String,
    pub seals: Vec<SealOfLog>,
    /// The parameter of the next page; null after the last.
    #[schema(required)]
    pub next: Option<NextSeals>,
}

#[derive(Debug, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct NextSeals {
    pub before: String,
}

impl SealOfLog {
    fn of(Anchor { seal, previous_root }: &Anchor) -> Self {
        let Seal { revision, log_id, count, position, segment, root, sealed_at, public_key, signature } =
            seal;
        Self {
            revision: *revision,
            log_id: log_id.to_string(),
            count: *count,
            position: position.to_string(),
            segment: segment.to_string(),
            previous_root: Sha256Hex::of_digest(previous_root).to_string(),
            root: root.to_string(),
            sealed_at: stamp(*sealed_at),
            public_key: public_key.clone(),
            signature: signature.clone(),
        }
    }
}

impl LogSealed {
    pub async fn of(log: &dyn ReadLog, Sealing { added, newest }: Sealing) -> Result<Self, LedgerError> {
        let anchor = match newest {
            Some(newest) => anchor::of_log(log, newest.seal.revision, 1).await?.pop(),
            None => None,
        };
        Ok(Self { added, seal: anchor.as_ref().map(SealOfLog::of) })
    }
}

/// Seal the log now. Where nothing new was recorded, the newest seal stays the newest.
///
/// Needs the role audit or admin, and a server with a key.
#[utoipa::path(
    post, path = PATH, tag = "seals", operation_id = "seal", security(("bearer" = [])),
    responses(
        (status = 200, description = "The newest seal", body = LogSealed),
        (status = 409, description = "The server has no key to seal with", body = Failure),
    ),
)]
pub async fn seal(
    holder: Holder,
    State(service): State<Arc<Service>>,
    _: NoParams,
) -> Result<Json<LogSealed>, ApiError> {
    holder.may(Permission::Seal)?;
    holder.may_see_all_apps()?;
    let Some(sealer) = &service.sealer else {
        let message = "the server has no key to seal with: configure seal.key_file and start it again";
        return Err(ApiError::new(Code::NotSealing, message));
    };
    let sealing = sealer.seal(&service.ledger, &clock::now).await?;
    info!(by = holder.name(), added = sealing.added, "a seal was asked for");
    Ok(Json(LogSealed::of(service.ledger.store().as_ref(), sealing).await?))
}

/// The seals of the log, the newest first: roots to compare with those that were kept elsewhere.
///
/// Needs the role finance, audit or admin.
#[utoipa::path(
    get, path = PATH, tag = "seals", operation_id = "seals", security(("bearer" = [])),
    params(
        ("limit" = Option<u32>, Query, description = "At most so many; 50 where it is left out", minimum = 1, maximum = 500),
        ("before" = Option<String>, Query, description = "Only seals before this revision, as `next` gave it", pattern = "^[1-9][0-9]{0,17}$"),
    ),
    responses((status = 200, description = "The seals", body = Seals)),
)]
pub async fn list(
    holder: Holder,
    State(service): State<Arc<Service>>,
    mut params: Params,
) -> Result<Json<Seals>, ApiError> {
    holder.may(Permission::Seals)?;
    holder.may_see_all_apps()?;
    let limit = params.take_number("limit", 1, limits::SEALS_MAX)?.unwrap_or(limits::SEALS);
    let before = params.take_as("before", "a revision, as an answer gave it", revision)?;
    params.finish("limit and before")?;
    let log: &dyn ReadLog = service.ledger.store().as_ref();
    let newest = newest_seal(log, None).await?.map_or(0, |newest| newest.seal.revision);
    let last = before.map_or(newest, |before| newest.min(before - 1));
    let first = (last + 1).saturating_sub(limit.into()).max(1);
    let wanted = usize::try_from((last + 1).saturating_sub(first)).unwrap_or(usize::MAX);
    let anchors = anchor::of_log(log, first, wanted).await?;
    let next = (first > 1).then(|| NextSeals { before: first.to_string() });
    let seals = anchors.iter().rev().map(SealOfLog::of).collect();
    Ok(Json(Seals { log_id: log.log_id().0.to_string(), seals, next }))
}

/// From 1, written as it is shown.
fn revision(text: &str) -> Option<u64> {
    let is_short = text.len() <= 18;
    text.parse().ok().filter(|number: &u64| is_short && *number > 0 && number.to_string() == text)
}

impl From<SealError> for ApiError {
    fn from(error: SealError) -> Self {
        match error {
            SealError::Ledger(error) => error.into(),
            SealError::Fault(fault) => LedgerError::Unavailable(fault).into(),
            SealError::Gap { .. } | SealError::Short { .. } => Self::internal(&error),
        }
    }
}
