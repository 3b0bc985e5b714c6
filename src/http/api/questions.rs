//! Named questions of projections: who may ask, for which app, and the answer in the format asked for.

use std::sync::Arc;

use axum::Json;
use axum::extract::State;
use axum::http::{HeaderMap, StatusCode, Uri};
use axum::response::Response;
use serde::Serialize;
use tracing::Span;
use utoipa::ToSchema;

use super::as_of::Wanted;
use super::bills::known_merchant;
use super::code::Code;
use super::error::ApiError;
use super::extract::{NoParams, Params, Segments, wrong_parameter};
use super::present::{self, AsOf, Format, List, NextPage};
use crate::domain::bill::MerchantId;
use crate::http::Service;
use crate::http::access::{Holder, Permission};
use crate::projector::{Answer, AskError, Listed, QueryDeclaration, Question};
use crate::store::Position;
use crate::table::{Unit, mask};
use crate::{clock, limits};

/// A projection and how far it has come.
#[derive(Debug, Serialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct ProjectionView {
    #[schema(example = "orders")]
    name: String,
    /// What it answers.
    question: String,
    /// Whose events it sees: production or both.
    #[schema(example = "both")]
    environments: String,
    /// Hash of its files, the catalogue of events and the engine.
    version: String,
    /// Up to where it has folded the log; null before the first event.
    #[schema(required)]
    position: Option<String>,
    /// building (nothing answers yet), live, failing (it is tried again) or stopped (an event cannot be folded).
    #[schema(example = "live")]
    state: String,
    /// What is wrong, if anything is.
    #[schema(required)]
    problem: Option<String>,
    /// Of a build beside it, in thousandths; null where none is under way.
    #[schema(required, minimum = 0, maximum = 1000)]
    build_permille: Option<u64>,
    /// Of the file that answers.
    bytes: u64,
    /// Its named queries.
    queries: Vec<String>,
}

impl ProjectionView {
    fn new(listed: Listed) -> Self {
        let Listed { definition, status, position, bytes } = listed;
        let queries = definition.queries.iter().map(|query| query.declaration.name.clone()).collect();
        Self {
            name: definition.name.clone(),
            question: definition.question.clone(),
            environments: definition.environments.as_str().to_owned(),
            version: definition.version.clone(),
            position: position.map(|position| position.to_string()),
            state: status.state.as_str().to_owned(),
            problem: status.problem(),
            build_permille: status.build.map(|build| build.permille()),
            bytes,
            queries,
        }
    }
}

#[derive(Debug, Serialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct Projections {
    log_id: String,
    projections: Vec<ProjectionView>,
}

/// Which projections there are, and how far they have come.
#[utoipa::path(
    get, path = "/v1/projections", tag = "projections", security(("bearer" = [])),
    responses((status = 200, description = "All of them", body = Projections)),
)]
pub async fn list(
    holder: Holder,
    State(service): State<Arc<Service>>,
    _: NoParams,
) -> Result<Json<Projections>, ApiError> {
    holder.may(Permission::Projections)?;
    begun(&service).await?;
    let projections = service.projector.list().into_iter().map(ProjectionView::new).collect();
    Ok(Json(Projections { log_id: service.projector.log_id().0.to_string(), projections }))
}

#[derive(Debug, Serialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct Rebuilding {
    /// The projection that is built anew; the one before answers until it has caught up.
    rebuilding: String,
}

/// Build a projection anew, beside the one that answers.
#[utoipa::path(
    post, path = "/v1/projections/{projection}/rebuild", tag = "projections", security(("bearer" = [])),
    params(("projection" = String, Path, description = "The projection's name",
            pattern = "^[a-z][a-z0-9_]{0,31}$", example = "orders")),
    responses((status = 202, description = "It is being built", body = Rebuilding)),
)]
pub async fn rebuild(
    holder: Holder,
    State(service): State<Arc<Service>>,
    Segments(name): Segments<String>,
    _: NoParams,
) -> Result<(StatusCode, Json<Rebuilding>), ApiError> {
    holder.may(Permission::Rebuild)?;
    holder.may_see_all_apps()?;
    begun(&service).await?;
    let (projector, of) = (service.projector.clone(), name.clone());
    // It waits for another build to end.
    let rebuilt = tokio::task::spawn_blocking(move || projector.rebuild(&of)).await;
    rebuilt.map_err(|error| ApiError::internal(&error))??;
    Ok((StatusCode::ACCEPTED, Json(Rebuilding { rebuilding: name })))
}

/// Ask a named query.
pub async fn ask(
    holder: Holder,
    State(service): State<Arc<Service>>,
    Segments((projection, query)): Segments<(String, String)>,
    params: Params,
    uri: Uri,
    headers: HeaderMap,
) -> Result<Response, ApiError> {
    let asked = Asked { projection: &projection, query: &query, forced: vec![], of: Of::Anything };
    answer(&service, &holder, asked, params, &uri, &headers).await
}

/// A question, and the parameters that the path gives.
pub struct Asked<'a> {
    pub projection: &'a str,
    pub query: &'a str,
    pub forced: Vec<(&'static str, String)>,
    pub of: Of,
}

/// What a question may be about.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Of {
    /// Whatever stands in the log.
    Anything,
    /// The merchant of its parameter `merchant`, who must be configured: a typing error is no merchant without rows.
    ConfiguredMerchant,
}

/// A list in the format that is asked for.
pub async fn answer(
    service: &Service,
    holder: &Holder,
    asked: Asked<'_>,
    mut params: Params,
    uri: &Uri,
    headers: &HeaderMap,
) -> Result<Response, ApiError> {
    let format = Format::asked(&mut params, headers)?;
    let wanted = Wanted::taken(&mut params)?;
    if format.is_export() {
        holder.may(Permission::Export)?;
    }
    let name = format!("{}-{}", asked.projection, asked.query);
    let parameters = asked.forced.iter().map(|(name, value)| ((*name).to_owned(), value.clone()));
    let parameters = parameters.chain(params.rest()).collect();
    let (answer, as_of) = question(service, holder, &asked, parameters, wanted).await?;
    let next = next_page(holder, &answer);
    let list = List { name, table: answer.table, as_of, next };
    let (uri, headers) = (uri.clone(), headers.clone());
    // What goes wrong there is logged under the request's id as well.
    let span = Span::current();
    let show = move || span.in_scope(|| present::list(&list, format, &uri, &headers));
    let shown = tokio::task::spawn_blocking(show).await;
    shown.map_err(|error| ApiError::internal(&error))?
}

/// The answer as its asker may see it.
pub async fn question(
    service: &Service,
    holder: &Holder,
    asked: &Asked<'_>,
    mut parameters: Vec<(String, String)>,
    wanted: Wanted,
) -> Result<(Answer, AsOf), ApiError> {
    begun(service).await?;
    let declaration = service.projector.declaration(asked.projection, asked.query);
    if let Some(declaration) = &declaration {
        holder.may_ask(&declaration.roles)?;
        keep_in_scope(holder, declaration, &mut parameters)?;
    }
    if asked.of == Of::ConfiguredMerchant {
        merchant_is_configured(service, &parameters)?;
    }
    within_log(service, wanted.min_position).await?;
    let state = wanted.state(service).await?;
    let at = state.map_or_else(clock::now, |state| state.at);
    let question = Question {
        projection: asked.projection,
        query: asked.query,
        parameters: &parameters,
        as_of: at,
        min_position: wanted.min_position,
        wait: limits::QUERY_POSITION_WAIT,
    };
    let mut answer = match &state {
        Some(state) => service.projector.ask_as_of(&question, state, holder.name()).await?,
        None => service.projector.ask(&question).await?,
    };
    if declaration.is_none() {
        // It has come to be just now, and nobody has looked whom it answers.
        return Err(ApiError::new(Code::NotBuilt, "ask again").retry_after(limits::QUERY_RETRY_AFTER));
    }
    // What answers may have changed since.
    holder.may_ask(&answer.declaration.roles)?;
    if !holder.sees_open_ids() {
        mask::table(&mut answer.table);
    }
    let as_of =
        AsOf { position: answer.position, stopped: answer.stopped, log_id: service.projector.log_id(), at };
    Ok((answer, as_of))
}

/// Where the parameter is missing, the question itself says so.
fn merchant_is_configured(service: &Service, parameters: &[(String, String)]) -> Result<(), ApiError> {
    let Some((name, merchant)) = parameters.iter().find(|(name, _)| name == "merchant") else {
        return Ok(());
    };
    let merchant = MerchantId::parse(merchant).map_err(|error| wrong_parameter(name, error))?;
    known_merchant(&service.keys.load().routes, &merchant)
}

/// Right after the start, which projections there are is not known yet.
pub async fn begun(service: &Service) -> Result<(), ApiError> {
    if service.projector.begun(limits::QUERY_POSITION_WAIT).await {
        return Ok(());
    }
    let message = "the projections have not begun yet; the server's log says why, try again later";
    Err(ApiError::new(Code::NotBuilt, message).retry_after(limits::QUERY_RETRY_AFTER))
}

/// Every position that was ever given lies within the log: waiting for another is in vain.
pub async fn within_log(service: &Service, wanted: Option<Position>) -> Result<(), ApiError> {
    let end = service.ledger.end_from(wanted).await?;
    if wanted <= end {
        return Ok(());
    }
    let end = end.map_or(0, Position::number);
    let problem =
        format!("lies beyond the end of this log, {end}; a position of another log means nothing here");
    Err(wrong_parameter("min_position", problem))
}

/// A token for one app asks about that app, or not at all.
fn keep_in_scope(
    holder: &Holder,
    declaration: &QueryDeclaration,
    parameters: &mut Vec<(String, String)>,
) -> Result<(), ApiError> {
    let Some(scope) = holder.scope() else { return Ok(()) };
    if !declaration.parameters.iter().any(|parameter| parameter.name == "app") {
        holder.may_see_all_apps()?;
    }
    match parameters.iter().find(|(name, _)| name == "app") {
        Some((_, app)) if app == scope.as_str() => Ok(()),
        Some((_, app)) => {
            let message =
                format!("the access token {:?} is for the app {scope} only, not {app:?}", holder.name());
            Err(ApiError::new(Code::Scope, message))
        }
        None => {
            parameters.push(("app".to_owned(), scope.as_str().to_owned()));
            Ok(())
        }
    }
}

/// Whose next page would be asked with a player's OpenId gets none where he must not see it.
fn next_page(holder: &Holder, answer: &Answer) -> Option<NextPage> {
    let (declared, value) = (answer.declaration.next.as_ref()?, answer.next.clone()?);
    let column = answer.table.columns.iter().find(|column| column.name == declared.column)?;
    if column.unit == Unit::OpenId && !holder.sees_open_ids() {
        return None;
    }
    Some(NextPage { parameter: declared.parameter.clone(), value })
}

impl From<AskError> for ApiError {
    fn from(error: AskError) -> Self {
        let message = error.to_string();
        let again = |code, message: String| Self::new(code, message).retry_after(limits::QUERY_RETRY_AFTER);
        match &error {
            AskError::UnknownProjection { .. } => Self::new(Code::UnknownProjection, message),
            AskError::UnknownQuery { .. } => Self::new(Code::UnknownQuery, message),
            AskError::Parameter(problem) => match problem.split_once(": ") {
                Some((name, problem)) => wrong_parameter(name, problem),
                None => Self::new(Code::Parameter, message),
            },
            AskError::NotBuilt { .. } => again(Code::NotBuilt, message),
            AskError::Behind { .. } | AskError::Stopped { .. } => again(Code::Behind, message),
            AskError::NoRoom { .. } => {
                Self::new(Code::NoRoom, message).retry_after(limits::AS_OF_ROOM_RETRY_AFTER)
            }
            AskError::PastFailed { again_after, .. } => {
                Self::new(Code::AsOfFailed, message).retry_after(*again_after)
            }
            AskError::Closing => again(Code::Closing, message),
            AskError::Busy => again(Code::TooManyReports, message),
            AskError::TooSlow(_) => Self::new(Code::TooSlow, message),
            AskError::TooLarge => Self::new(Code::TooLarge, message),
            AskError::Sink(error) => Self::of_spool(error),
            AskError::Fault { .. } => Self::internal(&error),
        }
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use axum::http::header;

    use super::*;
    use crate::projector::past::NoRoom;

    #[test]
    fn who_cannot_be_answered_about_then_is_told_when_to_come_again() {
        let projection = || "orders".to_owned();
        let again_after = Duration::from_secs(12);
        for (error, code, seconds) in [
            (AskError::NotBuilt { projection: projection(), done: "50 % done".into() }, "not_built", "1"),
            (
                AskError::Stopped {
                    projection: projection(),
                    at: 1,
                    wanted: 3,
                    problem: "position 2".into(),
                },
                "behind",
                "1",
            ),
            (AskError::NoRoom { projection: projection(), why: NoRoom::Full }, "no_room", "5"),
            (
                AskError::PastFailed { projection: projection(), at: 3, problem: "so".into(), again_after },
                "as_of_failed",
                "12",
            ),
            (AskError::Closing, "closing", "1"),
        ] {
            let error = ApiError::from(error);
            assert_eq!(error.code().as_str(), code);
            let response = error.render("id");
            assert_eq!(response.status(), StatusCode::SERVICE_UNAVAILABLE, "{code}");
            assert_eq!(response.headers()[header::RETRY_AFTER], seconds, "{code}");
        }
    }
}
