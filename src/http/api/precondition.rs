//! What a change is made upon: the revision of a stream, as an ETag, and If-Match.

use axum::Json;
use axum::http::{HeaderMap, header};
use axum::response::{IntoResponse, Response};
use serde::Serialize;

use super::code::Code;
use super::error::ApiError;
use crate::ledger::Upon;

/// Words of the stream so far; 0 where nothing was said yet.
fn tag(revision: u64) -> String {
    format!("\"{revision}\"")
}

/// Where If-Match was sent, it must name the revision that stands, and that must stand still when the word is
/// recorded: what it is said upon. A tag that is none of ours is met by nothing.
pub fn check(headers: &HeaderMap, revision: u64) -> Result<Upon, ApiError> {
    let mut wanted = headers.get_all(header::IF_MATCH).iter().peekable();
    if wanted.peek().is_none() {
        return Ok(Upon::Whatever);
    }
    let wanted = wanted.filter_map(|value| value.to_str().ok()).flat_map(|value| value.split(','));
    let standing = tag(revision);
    let is_met = |wanted: &str| wanted == standing || (wanted == "*" && revision > 0);
    if wanted.map(str::trim).any(is_met) { Ok(Upon::Revision(revision)) } else { Err(failed(revision)) }
}

/// What stands is another revision.
pub fn failed(revision: u64) -> ApiError {
    let message = format!("something else has been said since: what stands has the ETag {}", tag(revision));
    ApiError::new(Code::Precondition, message)
}

/// An answer with the revision that stands by the word it answers.
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
