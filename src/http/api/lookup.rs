//! Finding an id wherever it may be, over HTTP.

use std::sync::{Arc, Mutex};

use axum::Json;
use axum::extract::State;

use super::as_of::Wanted;
use super::error::ApiError;
use super::extract::{self, Params, wrong_parameter};
use super::questions;
use crate::http::Service;
use crate::http::access::{Holder, Permission};
use crate::lookup::{self, Lookup, Players, ReadModelsAndRing, ReadModelsThen};
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
    let wanted = Wanted::as_of_alone(&mut params)?;
    params.finish("id, app and as_of")?;
    let id = id.trim();
    if !(1..=limits::LOOKUP_CHARS_MAX).contains(&id.chars().count()) {
        return Err(wrong_parameter("id", format!("must be 1 to {} characters", limits::LOOKUP_CHARS_MAX)));
    }
    let (projector, wait) = (service.projector.clone(), limits::QUERY_POSITION_WAIT);
    let app = app.or_else(|| holder.scope().cloned());
    let players = if holder.sees_open_ids() { Players::Shown } else { Players::Masked };
    if wanted.as_of.is_some() {
        questions::begun(&service).await?;
    }
    let Some(state) = wanted.state(&service).await? else {
        let (ring, head) = (service.ring.path().to_owned(), service.ledger.end().await?);
        let sources = ReadModelsAndRing { projector, ring, app, head, wait };
        return Ok(Json(lookup::find(&sources, id, clock::now(), players).await));
    };
    let (by, unanswered) = (holder.name().to_owned(), Mutex::default());
    let sources = ReadModelsThen { projector, app, state, by, wait, unanswered };
    let found = lookup::find(&sources, id, state.at, players).await;
    sources.unanswered().map_or(Ok(Json(found)), |error| Err(error.into()))
}
