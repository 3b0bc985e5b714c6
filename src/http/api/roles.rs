//! Games tell which roles a player plays, so that WeChat's mall can offer them.

use std::sync::Arc;

use axum::Json;
use axum::extract::State;
use chrono::{DateTime, Utc};
use serde::de::IgnoredAny;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::code::Code;
use super::error::ApiError;
use super::extract::{self, Object, Params, RawBody, Segments};
use super::grants::Env;
use crate::domain::role::{PlayedRole, RoleFields};
use crate::http::Service;
use crate::http::access::{Holder, Permission};
use crate::{clock, limits};

/// A role that a player has played.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct RoleReport {
    #[schema(
        min_length = 1,
        max_length = 128,
        pattern = r"^[^\u0000-\u001f\u007f-\u009f]+$",
        example = "10001"
    )]
    role_id: String,
    #[schema(
        min_length = 1,
        max_length = 256,
        pattern = r"^[^\u0000-\u001f\u007f-\u009f]+$",
        example = "剑客"
    )]
    role_name: String,
    /// From large to small: realm, server, …; each level on its own, never joined into one name.
    #[serde(default)]
    #[schema(max_items = 16, value_type = Vec<ZoneReport>)]
    zones: Vec<Object<ZoneReport>>,
    /// The zone that a payment for this role is booked in.
    #[schema(min_length = 1, max_length = 128, pattern = r"^[^\u0000-\u001f\u007f-\u009f]+$", example = "1")]
    midas_zone_id: String,
    /// What the game wants back with the order.
    #[serde(default)]
    #[schema(max_length = 1024, pattern = r"^[^\u0000-\u001f\u007f-\u009f]*$")]
    attach: Option<String>,
    /// When the player played the role last; now where it is left out.
    #[serde(default)]
    #[schema(value_type = Option<String>, format = DateTime, example = "2026-01-01T08:00:00+08:00")]
    played_at: Option<DateTime<Utc>>,
}

/// One level of a role's zones.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct ZoneReport {
    #[schema(
        min_length = 1,
        max_length = 128,
        pattern = r"^[^\u0000-\u001f\u007f-\u009f]+$",
        example = "s1"
    )]
    zone_id: String,
    #[schema(
        min_length = 1,
        max_length = 256,
        pattern = r"^[^\u0000-\u001f\u007f-\u009f]+$",
        example = "一区"
    )]
    zone_name: String,
}

/// Several roles of one player.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct RoleReports {
    #[schema(min_items = 1, max_items = 50, value_type = Vec<RoleReport>)]
    roles: Vec<Object<RoleReport>>,
}

/// One role, or several.
#[derive(ToSchema)]
#[serde(untagged)]
#[expect(dead_code, reason = "what the document says of the body")]
pub enum RolesBody {
    One(RoleReport),
    Many(RoleReports),
}

#[derive(Debug, Serialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct RolesReported {
    /// How many were worth recording: new, changed, or not told of for an hour.
    appended: usize,
    /// `min_position` for reading what was written; null where nothing was ever told of the player.
    #[schema(required)]
    position: Option<String>,
}

/// Tell which roles a player plays.
#[utoipa::path(
    put, path = "/v1/apps/{app}/players/{open_id}/roles", tag = "players", security(("bearer" = [])),
    params(
        ("app" = String, Path, description = "The app's name", pattern = "^[a-z0-9]{1,32}$", example = "demo"),
        ("open_id" = String, Path, description = "The player's OpenId", min_length = 1, max_length = 128, example = "oUpF8uMuAJO_M2pxb1Q9zNjWeS6o"),
        ("env" = inline(Option<Env>), Query, description = "Default: production"),
    ),
    request_body = RolesBody,
    responses((status = 200, description = "It is recorded what was worth it", body = RolesReported)),
)]
pub async fn report(
    holder: Holder,
    State(service): State<Arc<Service>>,
    Segments((app, open_id)): Segments<(String, String)>,
    mut params: Params,
    RawBody(body): RawBody,
) -> Result<Json<RolesReported>, ApiError> {
    holder.may(Permission::ReportRoles)?;
    let app = extract::app(&service, &holder, &app)?;
    let open_id = extract::open_id(&open_id)?;
    let env = params.take_env()?;
    params.finish("env")?;
    let now = clock::now();
    let roles = read(&body, now)?;
    let reported = service.ledger.report_roles(&app, env, &open_id, &roles, now).await?;
    let position = reported.position.map(|position| position.to_string());
    Ok(Json(RolesReported { appended: reported.appended, position }))
}

fn read(body: &[u8], now: DateTime<Utc>) -> Result<Vec<PlayedRole>, ApiError> {
    #[derive(Deserialize)]
    struct Shape {
        roles: Option<IgnoredAny>,
    }
    let has_many = serde_json::from_slice::<Shape>(body).is_ok_and(|shape| shape.roles.is_some());
    if !has_many {
        return Ok(vec![played(extract::parse(body)?, "body", now)?]);
    }
    let RoleReports { roles } = extract::parse(body)?;
    if !(1..=limits::ROLES_IN_REPORT_MAX).contains(&roles.len()) {
        let problem = format!("must be 1 to {} roles", limits::ROLES_IN_REPORT_MAX);
        return Err(ApiError::at(Code::Body, "body.roles", problem));
    }
    let role = |(at, Object(role))| played(role, &format!("body.roles[{at}]"), now);
    roles.into_iter().enumerate().map(role).collect()
}

fn played(report: RoleReport, place: &str, now: DateTime<Utc>) -> Result<PlayedRole, ApiError> {
    let RoleReport { role_id, role_name, zones, midas_zone_id, attach, played_at } = report;
    let zones = zones.into_iter().map(|Object(zone)| (zone.zone_id, zone.zone_name)).collect();
    let played_at = played_at.unwrap_or(now);
    if played_at > now + limits::PLAYED_AHEAD_MAX {
        let ahead_s = limits::PLAYED_AHEAD_MAX.as_secs();
        let problem = format!("lies more than {ahead_s} s ahead of this server's clock");
        return Err(ApiError::at(Code::Body, &format!("{place}.played_at"), problem));
    }
    let fields = RoleFields { role_id, role_name, zones, midas_zone_id, attach, played_at };
    PlayedRole::new(fields)
        .map_err(|error| ApiError::at(Code::Body, &format!("{place}.{}", error.field), error.problem))
}
