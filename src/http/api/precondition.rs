//! What a change is made upon: the revision of a stream, as an ETag, and If-Match.

use axum::Json;
use axum::http::{HeaderMap, header};
use axum::response::{IntoResponse, Response};
use serde::Serialize;

use super::code::Code;
use super::error::ApiError;

/// Words of the stream so far; 0 where nothing was said yet.
fn tag(revision: u64) -> String {
    format!("\"{revision}\"")
}

/// Where If-Match was sent, it must name the revision that stands.
pub fn check(headers: &HeaderMap, revision: u64) -> Result<(), ApiError> {
    let mut wanted = headers.get_all(header::IF_MATCH).iter().peekable();
    if wanted.peek().is_none() {
        return Ok(());
    }
    let tag = tag(revision);
    let wanted = wanted.filter_map(|value| value.to_str().ok()).flat_map(|value| value.split(','));
    let is_met = |wanted: &str| wanted == tag || (wanted == "*" && revision > 0);
    if wanted.map(str::trim).any(is_met) {
        return Ok(());
    }
    let message = format!("something else has been said since: what stands has the ETag {tag}");
    Err(ApiError::new(Code::Precondition, message))
}

/// An answer with the revision that stands now.
pub fn answer(revision: u64, body: impl Serialize) -> Response {
    ([(header::ETAG, tag(revision))], Json(body)).into_response()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn if_match_is_met_by_the_revision_that_stands() {
        for (wanted, revision, is_met) in [
            (None, 0, true),
            (Some("\"3\""), 3, true),
            (Some("\"2\", \"3\""), 3, true),
            (Some("\"2\""), 3, false),
            (Some("W/\"3\""), 3, false),
            (Some("3"), 3, false),
            (Some("*"), 3, true),
            (Some("*"), 0, false),
            (Some("\"0\""), 0, true),
            (Some(""), 0, false),
        ] {
            let header = wanted.map(|wanted| (header::IF_MATCH, wanted.parse().unwrap()));
            let headers = header.into_iter().collect();
            assert_eq!(check(&headers, revision).is_ok(), is_met, "{wanted:?} at {revision}");
        }
    }
}
