//! The questions that are asked most, under the paths of an app: its orders, and a player's.

use std::sync::Arc;

use axum::extract::State;
use axum::http::{HeaderMap, Uri};
use axum::response::Response;

use super::as_of::Wanted;
use super::code::Code;
use super::error::ApiError;
use super::extract::{self, Params, Segments};
use super::present;
use super::questions::{self, Asked, Of};
use crate::http::Service;
use crate::http::access::Holder;
use crate::table::Row;

/// A path that stands for a named question.
pub struct Shortcut {
    pub path: &'static str,
    pub projection: &'static str,
    pub query: &'static str,
    /// In the OpenAPI document.
    pub tag: &'static str,
    pub operation: &'static str,
}

pub const ORDERS: Shortcut = Shortcut {
    path: "/v1/apps/{app}/orders",
    projection: "orders",
    query: "search",
    tag: "apps",
    operation: "orders",
};
pub const INVENTORY: Shortcut = Shortcut {
    path: "/v1/apps/{app}/players/{open_id}/inventory",
    projection: "inventory",
    query: "by_player",
    tag: "players",
    operation: "inventory",
};
pub const ROLES: Shortcut = Shortcut {
    path: "/v1/apps/{app}/players/{open_id}/roles",
    projection: "roles",
    query: "search",
    tag: "players",
    operation: "roles",
};
pub const PLAYERS_ORDERS: Shortcut = Shortcut {
    path: "/v1/apps/{app}/players/{open_id}/orders",
    projection: "orders",
    query: "by_player",
    tag: "players",
    operation: "players_orders",
};

/// All of them.
pub const SHORTCUTS: [&Shortcut; 4] = [&ORDERS, &INVENTORY, &ROLES, &PLAYERS_ORDERS];

/// One order, and the question behind it.
pub const ORDER_PATH: &str = "/v1/apps/{app}/orders/{out_trade_no}";
pub const BY_ID: (&str, &str) = ("orders", "by_id");

impl Shortcut {
    pub fn asked(&self, forced: Vec<(&'static str, String)>) -> Asked<'static> {
        Asked { projection: self.projection, query: self.query, forced, of: Of::Anything }
    }
}

pub async fn orders(
    holder: Holder,
    State(service): State<Arc<Service>>,
    Segments(app): Segments<String>,
    params: Params,
    uri: Uri,
    headers: HeaderMap,
) -> Result<Response, ApiError> {
    let app = extract::app(&service, &holder, &app)?;
    let asked = ORDERS.asked(vec![("app", app.as_str().to_owned())]);
    questions::answer(&service, &holder, asked, params, &uri, &headers).await
}

type Player = Segments<(String, String)>;

pub async fn inventory(
    holder: Holder,
    State(service): State<Arc<Service>>,
    player: Player,
    params: Params,
    uri: Uri,
    headers: HeaderMap,
) -> Result<Response, ApiError> {
    let asked = of_player(&INVENTORY, &service, &holder, player)?;
    questions::answer(&service, &holder, asked, params, &uri, &headers).await
}

pub async fn roles(
    holder: Holder,
    State(service): State<Arc<Service>>,
    player: Player,
    params: Params,
    uri: Uri,
    headers: HeaderMap,
) -> Result<Response, ApiError> {
    let asked = of_player(&ROLES, &service, &holder, player)?;
    questions::answer(&service, &holder, asked, params, &uri, &headers).await
}

pub async fn players_orders(
    holder: Holder,
    State(service): State<Arc<Service>>,
    player: Player,
    params: Params,
    uri: Uri,
    headers: HeaderMap,
) -> Result<Response, ApiError> {
    let asked = of_player(&PLAYERS_ORDERS, &service, &holder, player)?;
    questions::answer(&service, &holder, asked, params, &uri, &headers).await
}

fn of_player(
    shortcut: &Shortcut,
    service: &Service,
    holder: &Holder,
    Segments((app, open_id)): Player,
) -> Result<Asked<'static>, ApiError> {
    let app = extract::app(service, holder, &app)?;
    let open_id = extract::open_id(&open_id)?;
    Ok(shortcut.asked(vec![("app", app.as_str().to_owned()), ("open_id", open_id.as_str().to_owned())]))
}

/// One order with its refunds.
pub async fn order(
    holder: Holder,
    State(service): State<Arc<Service>>,
    Segments((app, out_trade_no)): Segments<(String, String)>,
    mut params: Params,
    headers: HeaderMap,
) -> Result<Response, ApiError> {
    let app = extract::app(&service, &holder, &app)?;
    let number = extract::out_trade_no(&out_trade_no)?;
    present::only_json(&headers)?;
    let env = params.take_env()?;
    let wanted = Wanted::taken(&mut params)?;
    params.finish("env, as_of and min_position")?;
    let (projection, query) = BY_ID;
    let asked = Asked { projection, query, forced: vec![], of: Of::Anything };
    let parameters =
        vec![("app".to_owned(), app.as_str().to_owned()), ("id".to_owned(), number.as_str().to_owned())];
    let (answer, as_of) = questions::question(&service, &holder, &asked, parameters, wanted).await?;
    // The number may be another order's MchOrderNo.
    let (number, env) = (number.as_str(), env.to_string());
    let is_asked =
        |row: &Row<'_>| row.text("out_trade_no") == Some(number) && row.text("env") == Some(env.as_str());
    let Some(row) = answer.table.rows().find(is_asked) else {
        let message = format!("no order {number} of {app} is recorded in {env}");
        return Err(ApiError::new(Code::UnknownOrder, message));
    };
    present::order(row, as_of, &headers)
}
