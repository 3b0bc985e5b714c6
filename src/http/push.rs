//! WeChat's endpoint: `GET` checks the URL, `POST` brings a push. Every push gets an answer in its own
//! format, with HTTP status 200: WeChat reads the ErrCode.

use std::sync::Arc;
use std::time::Instant;

use axum::Router;
use axum::body::{Body, Bytes};
use axum::extract::rejection::PathRejection;
use axum::extract::{Path, Query, State};
use axum::http::{StatusCode, Uri, header};
use axum::response::{IntoResponse, Response};
use axum::routing::get;
use chrono::{DateTime, Utc};
use sha2::{Digest, Sha256};
use tracing::{debug, error, warn};

use super::Service;
use super::body::{self, Read, Whole};
use super::roles;
use crate::domain::order;
use crate::domain::push::Push;
use crate::domain::quarantine;
use crate::ledger::LedgerError;
use crate::store::refused::NewEntry;
use crate::wechat::event_name::Family;
use crate::wechat::payload::Business;
use crate::wechat::receive::answer_format;
use crate::wechat::transport::url_is_signed;
use crate::wechat::{
    Answer, App, Channel, Claimed, Code, Format, Matter, Received, Refusal, Reply, UrlQuery,
};
use crate::wechat::{answer, receive, signature};
use crate::{clock, limits};

pub fn router(service: Arc<Service>) -> Router {
    Router::new()
        .route("/wechat/{app}", get(check_url).post(push))
        .route("/wechat/{app}/{channel}", get(check_url).post(push))
        .with_state(service)
}

/// Which URL was called. One that is no UTF-8 names no app.
#[derive(Default, serde::Deserialize)]
struct Place {
    app: String,
    #[serde(default)]
    channel: String,
}

type NamedPlace = Result<Path<Place>, PathRejection>;

impl Place {
    fn named(place: NamedPlace) -> Self {
        place.map(|Path(place)| place).unwrap_or_default()
    }

    fn find(&self, service: &Service) -> Option<(Arc<App>, Channel)> {
        let channel = Channel::in_url(&self.channel)?;
        Some((service.keys.load().app(&self.app)?.clone(), channel))
    }
}

async fn check_url(State(service): State<Arc<Service>>, place: NamedPlace, uri: Uri) -> Response {
    let Some((app, channel)) = Place::named(place).find(&service) else {
        return (StatusCode::NOT_FOUND, "no app or channel of this name is configured").into_response();
    };
    let Ok(query) = read_query(&uri) else {
        return (StatusCode::BAD_REQUEST, "the URL parameters cannot be read").into_response();
    };
    if !url_is_signed(app.channel(channel), &query) {
        service.metrics.url_check_refused();
        debug!(app = %app.slug, "a URL check was signed by no token of this app");
        return (StatusCode::FORBIDDEN, "the signature is by no token of this app").into_response();
    }
    match query.echostr {
        Some(echostr) if is_echo(&echostr) => {
            let headers = [
                (header::CONTENT_TYPE, "text/plain; charset=utf-8"),
                (header::X_CONTENT_TYPE_OPTIONS, "nosniff"),
            ];
            (headers, echostr).into_response()
        }
        _ => (StatusCode::BAD_REQUEST, "echostr must be 1 to 128 digits, letters, _ and -").into_response(),
    }
}

/// Nothing that a browser could take for anything else is echoed.
fn is_echo(text: &str) -> bool {
    let allowed = |byte: u8| byte.is_ascii_alphanumeric() || byte == b'_' || byte == b'-';
    (1..=limits::ECHOSTR_CHARS_MAX).contains(&text.len()) && text.bytes().all(allowed)
}

/// The URL parameters, or what is wrong with them.
fn read_query(uri: &Uri) -> Result<UrlQuery, &'static str> {
    if uri.query().is_some_and(|query| query.len() > limits::QUERY_BYTES_MAX) {
        return Err("the URL parameters are too long");
    }
    let read = Query::<UrlQuery>::try_from_uri(uri);
    read.map(|Query(query)| query)
        .map_err(|_| "the URL parameters cannot be read: one stands twice or is no UTF-8")
}

async fn push(State(service): State<Arc<Service>>, place: NamedPlace, uri: Uri, body: Body) -> Response {
    let begun = Instant::now();
    let deadline = tokio::time::Instant::now() + limits::ANSWER_WAIT;
    let place = Place::named(place);
    let body = body::read(body, service.body_bytes_max, &service.body_budget).await;
    let arrival = Arrival { place, query: read_query(&uri), body, at: clock::now() };
    let format = answer_format(arrival.bytes());
    // What is given up here may still be recorded; then WeChat's next repeat finds it.
    let judged = tokio::time::timeout_at(deadline, judge(&service, &arrival)).await;
    let verdict = judged.unwrap_or_else(|_| Verdict::late());
    if let Some(note) = verdict.note {
        let (family, code) = (verdict.family, verdict.answer.code);
        let is_stranger = note.is_stranger;
        service.ring.remember(is_stranger, arrival.at, || arrival.entry(note, family, code));
    }
    service.metrics.answered(verdict.family, verdict.answer.code, begun.elapsed());
    let text = match verdict.encrypt_for {
        Some((app, channel)) => encrypted(&app, channel, &arrival, &verdict.answer.render(format), format),
        None => verdict.answer.render(format),
    };
    respond(format, text, verdict.answer.code)
}

/// One request by somebody who may be WeChat.
struct Arrival<'a> {
    place: Place,
    query: Result<UrlQuery, &'static str>,
    body: Read<'a>,
    at: DateTime<Utc>,
}

/// What the refused ring is told.
struct Note {
    reason: String,
    is_mock: bool,
    is_stranger: bool,
    claimed: Claimed,
    digest: Option<String>,
}

struct Verdict {
    answer: Answer,
    family: Family,
    note: Option<Note>,
    /// Gifts may be answered encrypted.
    encrypt_for: Option<(Arc<App>, Channel)>,
}

impl Verdict {
    /// The store did not answer while WeChat waits.
    fn late() -> Self {
        let answer = Answer::failure(Code::StoreUnavailable, PUSH_AGAIN);
        Self { answer, family: Family::Unrecognized, note: None, encrypt_for: None }
    }
}

const PUSH_AGAIN: &str = "the ledger cannot record this now, push again";

impl From<Box<Refusal>> for Verdict {
    fn from(refusal: Box<Refusal>) -> Self {
        let Refusal { code, message, family, is_mock, is_stranger, claimed, digest } = *refusal;
        let answer = Answer::failure(code, message.clone());
        let note = Some(Note { reason: message, is_mock, is_stranger, claimed, digest });
        Self { answer, family, note, encrypt_for: None }
    }
}

impl Arrival<'_> {
    fn bytes(&self) -> &Bytes {
        match &self.body {
            Read::Whole(Whole { bytes, .. }) | Read::Cut(bytes, _) => bytes,
        }
    }

    /// The request as the refused ring keeps it.
    fn entry(&self, note: Note, family: Family, code: Code) -> NewEntry {
        let content = note.digest.unwrap_or_else(|| hex::encode(Sha256::digest(self.bytes())));
        let name = |name: &str| -> String { name.chars().take(64).collect() };
        let (app, channel) = (name(&self.place.app), name(&self.place.channel));
        let place = format!("{app}/{channel}/{}", code.number());
        let repeats_s: u64 = family.repeats_s().iter().sum();
        let gives_up = chrono::Duration::seconds(i64::try_from(repeats_s).unwrap_or(0));
        NewEntry {
            digest: format!("{place}/{content}"),
            app,
            channel,
            code: code.number(),
            reason: note.reason,
            mock: note.is_mock,
            stranger: note.is_stranger,
            claimed: serde_json::to_string(&note.claimed).unwrap_or_default(),
            query: self
                .query
                .as_ref()
                .ok()
                .and_then(|query| serde_json::to_string(query).ok())
                .unwrap_or_default(),
            body: self.bytes().to_vec(),
            at: self.at,
            gives_up_at: (repeats_s > 0 && code != Code::Success).then(|| self.at + gives_up),
        }
    }
}

async fn judge(service: &Service, arrival: &Arrival<'_>) -> Verdict {
    let body = match &arrival.body {
        Read::Whole(whole) => &whole.bytes,
        Read::Cut(_, Code::TooLarge) => {
            let message = format!("the body is larger than {} bytes", service.body_bytes_max);
            return Refusal::new(Code::TooLarge, message).into();
        }
        Read::Cut(_, code) => return Refusal::new(*code, "the body did not come in time").into(),
    };
    let Some((app, channel)) = arrival.place.find(service) else {
        return Refusal::new(Code::UnknownApp, "no app or channel of this name is configured").into();
    };
    let query = match &arrival.query {
        Ok(query) => query,
        Err(problem) => return Refusal::new(Code::Unparseable, *problem).into(),
    };
    let keys = app.channel(channel);
    let received = match receive(&app, keys, query, body, arrival.at) {
        Ok(received) => received,
        Err(refusal) => {
            let Refusal { code, message, claimed, .. } = &*refusal;
            let out_trade_no = claimed.out_trade_no.as_deref().unwrap_or("-");
            debug!(app = %app.slug, code = code.number(), %message, ?out_trade_no, "a push is refused");
            return refusal.into();
        }
    };
    let encrypts = received.family == Family::Gift && keys.reply == Reply::Encrypted;
    let mut verdict = decide(service, &app, received).await;
    verdict.encrypt_for = encrypts.then_some((app, channel));
    verdict
}

async fn decide(service: &Service, app: &App, received: Received) -> Verdict {
    let Received { family, claimed, matter, digest } = received;
    let note = |reason: &str, is_mock| {
        Some(Note { reason: reason.into(), is_mock, is_stranger: false, claimed, digest })
    };
    let (answer, note) = match matter {
        Matter::Fact { push, evidence } => {
            (answer_to_fact(app, &push, service.ledger.record(&app.slug, &push, &evidence).await), None)
        }
        Matter::Quarantine { reason, out_trade_no, evidence } => {
            let out_trade_no = out_trade_no.as_deref();
            let held = service.ledger.quarantine(&app.slug, &reason, out_trade_no, &evidence).await;
            (answer_to_quarantine(app, &reason, out_trade_no, held), None)
        }
        Matter::RoleQuery(query) => (roles::answer(service, app, &query).await, None),
        Matter::Mock { verified, asks_roles } => {
            let answer = match verified {
                Some((Business::Fact(push), evidence)) => {
                    // Answered by its shape, whatever becomes of it here.
                    if let Err(error) = service.ledger.remember_mock(&app.slug, &push, &evidence).await {
                        warn!(app = %app.slug, %error, "a mock push cannot be remembered");
                    }
                    Answer::success()
                }
                Some((Business::RoleQuery(_), _)) | None if asks_roles => Answer::no_roles(),
                Some((Business::RoleQuery(_), _)) | None => Answer::success(),
            };
            (answer, note("a mock push: answered by its shape", true))
        }
        Matter::Preview => (Answer::success(), note("a preview of a gift: answered, never delivered", false)),
        Matter::NoEvent => (Answer::success(), None),
        Matter::Ignored => {
            (Answer::success(), note("an unknown event without payload: answered, not recorded", false))
        }
    };
    Verdict { answer, family, note, encrypt_for: None }
}

fn answer_to_fact(app: &App, push: &Push, recorded: Result<order::Answer, LedgerError>) -> Answer {
    match recorded {
        Ok(order::Answer::Success) => Answer::success(),
        Ok(order::Answer::Conflict) => {
            let key = push.key();
            warn!(alarm = "conflict", app = %app.slug, key, "a signed push contradicts what stands under its number");
            Answer::failure(Code::Conflict, format!("{key} stands in the ledger with a different content"))
        }
        Err(error) => unavailable(app, &error),
    }
}

fn answer_to_quarantine(
    app: &App,
    reason: &quarantine::Reason,
    out_trade_no: Option<&str>,
    held: Result<quarantine::Answer, LedgerError>,
) -> Answer {
    let (code, message) = match held {
        Err(error) => return unavailable(app, &error),
        Ok(quarantine::Answer::Success) => return Answer::success(),
        Ok(quarantine::Answer::OtherEnvironmentKey) => (
            Code::OtherEnvironmentKey,
            "MiniGame.PayEventSig: verifies only under the key of the environment that Env does not name"
                .into(),
        ),
        Ok(quarantine::Answer::Unusable) => match reason {
            quarantine::Reason::Unusable(detail) => (Code::Unusable, detail.clone()),
            quarantine::Reason::OtherEnvironmentKey | quarantine::Reason::UnrecognizedEvent { .. } => {
                (Code::Unusable, "Event: no event of this name is known, and money may be at stake".into())
            }
        },
    };
    let out_trade_no = out_trade_no.unwrap_or("-");
    warn!(alarm = "quarantine", app = %app.slug, out_trade_no, reason = reason.code(), "an authentic push waits for a person");
    Answer::failure(code, message)
}

/// The one place that maps what the ledger could not do to an answer, and logs it. What stands behind it
/// is nobody's business outside.
fn unavailable(app: &App, failure: &LedgerError) -> Answer {
    match failure {
        // The store has told of its own failing once, and tells when it is over.
        LedgerError::Unavailable(_) => Answer::failure(Code::StoreUnavailable, PUSH_AGAIN),
        LedgerError::OverQuota(over) => {
            if over.is_first {
                error!(alarm = "quota", app = %app.slug, error = %failure, "pushes beyond the quota are refused");
            }
            Answer::failure(Code::OverQuota, "the app's quota for today is used up")
        }
        LedgerError::Contended
        | LedgerError::Stale { .. }
        | LedgerError::Altered { .. }
        | LedgerError::NoSeal { .. }
        | LedgerError::Unreadable(_)
        | LedgerError::Unwritable(_) => {
            error!(alarm = "ledger", app = %app.slug, error = %failure, "a push could not be recorded");
            Answer::failure(Code::StoreUnavailable, PUSH_AGAIN)
        }
    }
}

fn encrypted(app: &App, channel: Channel, arrival: &Arrival<'_>, text: &str, format: Format) -> String {
    let keys = app.channel(channel);
    let (Some(key), Some(token)) = (keys.aes_keys.first(), keys.tokens.first()) else {
        return text.to_owned();
    };
    let nonce = arrival.query.as_ref().ok().and_then(|query| query.nonce.as_deref()).unwrap_or_default();
    let timestamp = arrival.at.timestamp();
    let encrypted = key.encrypt(&rand::random(), text, &app.app_id);
    let parts = [token.reveal(), &timestamp.to_string(), nonce, encrypted.as_str()];
    let msg_signature = signature::sha1_of_sorted(parts);
    answer::render_encrypted(format, &encrypted, &msg_signature, timestamp, nonce)
}

fn respond(format: Format, text: String, code: Code) -> Response {
    let content_type = match format {
        Format::Json => "application/json; charset=utf-8",
        Format::Xml => "application/xml; charset=utf-8",
    };
    let headers = [(header::CONTENT_TYPE, content_type), (header::X_CONTENT_TYPE_OPTIONS, "nosniff")];
    let mut response = (headers, text).into_response();
    if matches!(code, Code::TooLarge | Code::Slow) {
        // The rest of the body is not waited for.
        let close = axum::http::HeaderValue::from_static("close");
        response.headers_mut().insert(header::CONNECTION, close);
    }
    response
}
