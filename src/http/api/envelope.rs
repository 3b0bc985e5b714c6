//! Gives each request of the admin listener an id, and each answer that is an error its envelope.

use axum::extract::{MatchedPath, Request};
use axum::http::{HeaderMap, HeaderName, HeaderValue, header};
use axum::middleware::Next;
use axum::response::Response;
use tracing::{Instrument, debug, info_span};
use uuid::Uuid;

use super::error::ApiError;
use crate::limits;

pub const REQUEST_ID: HeaderName = HeaderName::from_static("x-request-id");

/// Marks an answer that is no error whatever its status: what probes read.
#[derive(Clone, Copy)]
pub struct NoError;

/// The outermost layer: its span puts the request's id into every log line below it.
pub async fn with_request_id(request: Request, next: Next) -> Response {
    let id = request_id(request.headers());
    let path = request.extensions().get::<MatchedPath>().map(|path| path.as_str().to_owned());
    let method = request.method().clone();
    let span = info_span!("request", request_id = %id);
    let response = next.run(request).instrument(span.clone()).await;
    let mut response = with_envelope(response, &id);
    let status = response.status().as_u16();
    span.in_scope(|| debug!(%method, path = path.as_deref().unwrap_or("-"), status, "answered"));
    if let Ok(id) = HeaderValue::from_str(&id) {
        response.headers_mut().insert(REQUEST_ID, id);
    }
    response
}

/// The one that came with the request, where it is a plain word, or a new one.
fn request_id(headers: &HeaderMap) -> String {
    let allowed = |byte: u8| byte.is_ascii_alphanumeric() || b"._-".contains(&byte);
    let is_word =
        |text: &&str| (1..=limits::REQUEST_ID_CHARS_MAX).contains(&text.len()) && text.bytes().all(allowed);
    let came = headers.get(REQUEST_ID).and_then(|value| value.to_str().ok()).filter(is_word);
    came.map_or_else(|| Uuid::new_v4().to_string(), str::to_owned)
}

fn with_envelope(mut response: Response, request_id: &str) -> Response {
    let status = response.status();
    let is_error = status.is_client_error() || status.is_server_error();
    if !is_error || response.extensions().get::<NoError>().is_some() {
        return response;
    }
    let error = response.extensions_mut().remove::<ApiError>();
    let error = error.unwrap_or_else(|| ApiError::of_status(status));
    let mut rendered = error.render(request_id);
    // What the router says beside, such as Allow.
    let headers = std::mem::take(response.headers_mut());
    for (name, value) in headers.iter().filter(|(name, _)| is_kept(name)) {
        rendered.headers_mut().insert(name, value.clone());
    }
    rendered
}

fn is_kept(name: &HeaderName) -> bool {
    ![header::CONTENT_TYPE, header::CONTENT_LENGTH].contains(name)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_id_that_came_is_kept_where_it_is_a_plain_word() {
        let long = "a".repeat(65);
        for (came, kept) in [
            ("7d5c6f0e-3d1b-4c33-9d5c-d1a0c4a5b6e7", true),
            ("abc_DEF.1", true),
            (&"a".repeat(64), true),
            (&long, false),
            ("", false),
            ("a b", false),
            ("a\"b", false),
        ] {
            let headers = HeaderMap::from_iter([(REQUEST_ID, came.parse().unwrap())]);
            let id = request_id(&headers);
            assert_eq!(id == came, kept, "{came:?} became {id:?}");
            assert!(kept || Uuid::parse_str(&id).is_ok());
        }
    }
}
