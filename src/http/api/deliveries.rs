//! The delivery feed: what a game server has to act upon, in the order of the log, by long poll or as
//! Server-Sent Events. Nothing comes twice, and nothing is passed over.

use std::collections::VecDeque;
use std::convert::Infallible;
use std::sync::Arc;
use std::time::Duration;

use axum::extract::State;
use axum::http::{HeaderMap, header};
use axum::response::sse::{Event, KeepAlive, Sse};
use axum::response::{IntoResponse, Response};
use futures_util::stream;
use serde::Serialize;
use tokio::sync::{OwnedSemaphorePermit, watch};
use tokio::time::{Instant, sleep_until, timeout_at};

use super::as_of::Wanted;
use super::code::Code;
use super::cursor::Cursor;
use super::error::ApiError;
use super::extract::{self, Params, Segments};
use super::negotiate;
use super::present::JSON;
use super::questions::{self, Asked, Of};
use crate::domain::app::AppSlug;
use crate::domain::environment::Environment;
use crate::http::Service;
use crate::http::access::{Holder, Permission};
use crate::store::Position;
use crate::table::json::Rows;
use crate::table::{Row, Table};
use crate::{clock, limits};

pub const PATH: &str = "/v1/apps/{app}/deliveries";
pub const EVENT_STREAM: &str = "text/event-stream";
/// The question behind the feed.
pub const PROJECTION: &str = "orders";
pub const QUERY: &str = "deliveries";
/// The columns that the feed itself reads.
const POSITION: &str = "position";
const KIND: &str = "kind";

/// Whose deliveries are asked for, by whom.
struct Feed {
    service: Arc<Service>,
    holder: Holder,
    app: AppSlug,
    env: Environment,
}

/// A part of the feed.
struct Page {
    items: Table,
    /// Up to where has been looked, which is never before the last item.
    cursor: Cursor,
    position: Option<Position>,
}

#[derive(Serialize)]
struct PageBody<'a> {
    items: Rows<'a>,
    cursor: String,
    position: Option<String>,
}

pub async fn deliveries(
    holder: Holder,
    State(service): State<Arc<Service>>,
    Segments(app): Segments<String>,
    mut params: Params,
    headers: HeaderMap,
) -> Result<Response, ApiError> {
    holder.may(Permission::Deliveries)?;
    let app = extract::app(&service, &holder, &app)?;
    let env = params.take_env()?;
    let after = params.take("after");
    let limit = params.take_number("limit", 1, limits::DELIVERIES_MAX)?.unwrap_or(limits::DELIVERIES);
    let wait = params.take_number("wait", 0, limits::DELIVERIES_WAIT_S_MAX)?.unwrap_or(0);
    if params.take("as_of").is_some() {
        let problem = "is not taken by the feed, whose cursor says where it stands: for the past ask \
                       /v1/projections/orders/deliveries with as_of";
        return Err(extract::wrong_parameter("as_of", problem));
    }
    params.finish("env, after, limit and wait")?;
    let streams = negotiate::best(&headers, &[JSON, EVENT_STREAM])? == EVENT_STREAM;
    let log_id = service.projector.log_id();
    let last_event_id = headers.get("last-event-id").and_then(|value| value.to_str().ok());
    // Who connects again names the last event, and repeats the URL of the first time.
    let after = match (last_event_id.filter(|_| streams), after) {
        (Some(id), _) => Cursor::read(id, "header.Last-Event-ID", log_id)?,
        (None, Some(after)) => Cursor::read(&after, "query.after", log_id)?,
        (None, None) => Cursor::start(log_id),
    };
    after.check_within(service.ledger.end_from(after.position).await?)?;
    let feed = Feed { service, holder, app, env };
    if streams {
        return feed.stream(after).await;
    }
    let page = feed.wait_for(after, limit, Duration::from_secs(wait.into())).await?;
    let body = PageBody {
        items: Rows(&page.items),
        cursor: page.cursor.to_string(),
        position: page.position.map(|position| position.to_string()),
    };
    let body = serde_json::to_vec(&body).map_err(|error| ApiError::internal(&error))?;
    Ok(([(header::CONTENT_TYPE, JSON), (header::CACHE_CONTROL, "no-store")], body).into_response())
}

impl Feed {
    /// What stands after the cursor by now.
    async fn page(&self, after: Cursor, limit: u32) -> Result<Page, ApiError> {
        let asked = Asked { projection: PROJECTION, query: QUERY, forced: vec![], of: Of::Anything };
        let parameters = [
            ("app", self.app.to_string()),
            ("env", self.env.to_string()),
            ("after", after.position.map_or(0, Position::number).to_string()),
            ("limit", limit.to_string()),
        ];
        let parameters = parameters.map(|(name, value)| (name.to_owned(), value)).to_vec();
        let (answer, as_of) =
            questions::question(&self.service, &self.holder, &asked, parameters, Wanted::default()).await?;
        let (items, position) = (answer.table, as_of.position);
        if items.rows.is_empty()
            && let Some(problem) = self.service.projector.stopped(PROJECTION)
        {
            // An empty page would say that there is nothing to do.
            let message = format!("the feed stands still: {problem}");
            return Err(ApiError::new(Code::Behind, message).retry_after(limits::QUERY_RETRY_AFTER));
        }
        let is_full = items.rows.len() >= usize::try_from(limit).unwrap_or(usize::MAX);
        // A full page ends with its last item; any other has looked at all there is.
        let looked_at = if is_full { items.rows().next_back().and_then(position_of) } else { position };
        Ok(Page { items, cursor: after.at_least(looked_at), position })
    }

    /// The next items, or none where none came in time.
    async fn wait_for(&self, after: Cursor, limit: u32, wait: Duration) -> Result<Page, ApiError> {
        if wait.is_zero() {
            return self.page(after, limit).await;
        }
        let _turn = self.turn()?;
        let until = Instant::now() + wait;
        let mut progress = self.progress().await?;
        let mut stopping = self.service.stopping.clone();
        let mut after = after;
        loop {
            progress.mark_unchanged();
            let page = self.page(after, limit).await?;
            if !page.items.rows.is_empty() || Instant::now() >= until || *stopping.borrow() {
                return Ok(page);
            }
            after = page.cursor;
            moved(&mut progress, &mut stopping, until).await;
        }
    }

    /// Events as they come, until the server stops.
    async fn stream(self, after: Cursor) -> Result<Response, ApiError> {
        let turn = self.turn()?;
        let mut progress = self.progress().await?;
        progress.mark_unchanged();
        // What is wrong is told with a status of its own, before the stream begins.
        let page = self.page(after, limits::DELIVERIES).await?;
        let mut waiting = events(&page)?;
        waiting.push_front(Event::default().retry(limits::STREAM_RETRY_AFTER));
        let stopping = self.service.stopping.clone();
        let state = Streaming { feed: self, after: page.cursor, waiting, progress, stopping, _turn: turn };
        let events =
            stream::unfold(state, async |mut state| Some((Ok::<_, Infallible>(state.next().await?), state)));
        let keep_alive = KeepAlive::new().interval(limits::STREAM_KEEP_ALIVE);
        let mut response = Sse::new(events).keep_alive(keep_alive).into_response();
        let headers = response.headers_mut();
        headers.insert(header::CACHE_CONTROL, header::HeaderValue::from_static("no-store"));
        // A proxy that collects answers would hold them back.
        headers.insert("x-accel-buffering", header::HeaderValue::from_static("no"));
        Ok(response)
    }

    /// One of those who may wait at once.
    fn turn(&self) -> Result<OwnedSemaphorePermit, ApiError> {
        self.service.waiting.clone().try_acquire_owned().map_err(|_| {
            let message = format!("{} wait for deliveries already; ask without wait", limits::WAITING_MAX);
            ApiError::new(Code::TooManyWaiting, message).retry_after(limits::WAITING_RETRY_AFTER)
        })
    }

    async fn progress(&self) -> Result<watch::Receiver<Option<Position>>, ApiError> {
        questions::begun(&self.service).await?;
        let progress = self.service.projector.progress(PROJECTION);
        progress.ok_or_else(|| ApiError::new(Code::UnknownProjection, "there is no projection orders"))
    }
}

/// A stream of events that somebody reads.
struct Streaming {
    feed: Feed,
    after: Cursor,
    /// Made, and not sent yet.
    waiting: VecDeque<Event>,
    progress: watch::Receiver<Option<Position>>,
    stopping: watch::Receiver<bool>,
    _turn: OwnedSemaphorePermit,
}

impl Streaming {
    /// `None` ends the stream; the client connects again and is told why, or goes on.
    async fn next(&mut self) -> Option<Event> {
        loop {
            if let Some(event) = self.waiting.pop_front() {
                return Some(event);
            }
            let is_still = self.feed.service.keys.load().access.is_still(&self.feed.holder, clock::now());
            if *self.stopping.borrow() || !is_still {
                return None;
            }
            self.progress.mark_unchanged();
            let page = self.feed.page(self.after, limits::DELIVERIES).await.ok()?;
            self.waiting = events(&page).ok()?;
            self.after = page.cursor;
            if self.waiting.is_empty() {
                let until = Instant::now() + limits::STREAM_KEEP_ALIVE;
                moved(&mut self.progress, &mut self.stopping, until).await;
            }
        }
    }
}

/// Waits until the projection has moved, the server stops, or the time is over. A log that moves all the time
/// is looked at now and then only.
async fn moved(
    progress: &mut watch::Receiver<Option<Position>>,
    stopping: &mut watch::Receiver<bool>,
    until: Instant,
) {
    let next_look = Instant::now() + limits::DELIVERIES_PAUSE;
    let moved = async {
        // Where the projection has gone, asking again says so.
        let _moved = progress.changed().await;
        sleep_until(next_look).await;
    };
    tokio::select! {
        _ = timeout_at(until, moved) => {}
        _ = stopping.wait_for(|stopping| *stopping) => {}
    }
}

fn events(page: &Page) -> Result<VecDeque<Event>, ApiError> {
    let event = |row: Row<'_>| {
        let data = serde_json::to_string(&row).map_err(|error| ApiError::internal(&error))?;
        let id = page.cursor.just_at(position_of(row));
        Ok(Event::default().id(id.to_string()).event(row.text(KIND).unwrap_or_default()).data(data))
    };
    page.items.rows().map(event).collect()
}

fn position_of(row: Row<'_>) -> Option<Position> {
    u64::try_from(row.integer(POSITION)?).ok().map(Position::from_number)
}
