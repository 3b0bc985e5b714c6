//! Finding an id wherever it may be, over HTTP.

use std::sync::Arc;

use axum::Json;
use axum::extract::State;

use super::error::ApiError;
use super::extract::{self, Params, wrong_parameter};
use crate::http::Service;
use crate::http::access::{Holder, Permission};
use crate::lookup::{self, Lookup, Players, ReadModelsAndRing};
use crate::{clock, limits};

pub const PATH: &str = "/v1/lookup";

pub async fn find(
    holder: Holder,
    State(service): State<Arc<Service>>,
    mut params: Params,
) -> Result<Json<Lookup>, ApiError> {
    holder.may(Permission::LookUp)?;
    let id = params.take("id").ok_or_else(|| wrong_parameter("id", "is missing"))?;
    let app = params.take("app").map(|app| extract::app(&service, &holder, &app)).transpose()?;
    params.finish("id and app")?;
    let id = id.trim();
    if !(1..=limits::LOOKUP_CHARS_MAX).contains(&id.chars().count()) {
        return Err(wrong_parameter("id", format!("must be 1 to {} characters", limits::LOOKUP_CHARS_MAX)));
    }
    let sources = ReadModelsAndRing {
        projector: service.projector.clone(),
        ring: service.ring.path().to_owned(),
        app: app.or_else(|| holder.scope().cloned()),
        head: service.ledger.end().await?,
        wait: limits::QUERY_POSITION_WAIT,
    };
    let players = if holder.sees_open_ids() { Players::Shown } else { Players::Masked };
    Ok(Json(lookup::find(&sources, id, clock::now(), players).await))
}
