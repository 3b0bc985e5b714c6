//! How an answer is shown: as JSON, CSV or XLSX, with what position it is as of, where the next page is, and
//! a tag that says whether it has changed.

use axum::http::{HeaderMap, HeaderName, HeaderValue, StatusCode, Uri, header};
use axum::response::{IntoResponse, Response};
use chrono::{DateTime, Utc};
use serde::Serialize;
use sha2::{Digest, Sha256};

use super::error::ApiError;
use super::extract::Params;
use super::negotiate;
use crate::moment::stamp;
use crate::store::{LogId, Position};
use crate::table::csv::Bom;
use crate::table::json::Rows;
use crate::table::{Row, Table, csv, xlsx};

pub const JSON: &str = "application/json";
pub const CSV: &str = "text/csv";
pub const XLSX: &str = "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet";
pub const POSITION: HeaderName = HeaderName::from_static("x-ledger-position");
/// The answer is older than what `as_of` means: its read model has stopped before the event at this position.
pub const STOPPED: HeaderName = HeaderName::from_static("x-ledger-stopped");
pub const LOG_ID: HeaderName = HeaderName::from_static("x-ledger-log-id");

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Format {
    Json,
    Csv(Bom),
    Xlsx,
}

impl Format {
    /// What the parameters `format` and `bom` say, or else Accept.
    pub fn asked(params: &mut Params, headers: &HeaderMap) -> Result<Self, ApiError> {
        let bom = params.take_as("bom", "true or false", |text| match text {
            "true" => Some(Bom::With),
            "false" => Some(Bom::Without),
            _ => None,
        })?;
        let bom = bom.unwrap_or(Bom::Without);
        let by_name = |name: &str| match name {
            "json" => Some(Self::Json),
            "csv" => Some(Self::Csv(bom)),
            "xlsx" => Some(Self::Xlsx),
            _ => None,
        };
        if let Some(format) = params.take_as("format", "json, csv or xlsx", by_name)? {
            return Ok(format);
        }
        Ok(match negotiate::best(headers, &[JSON, CSV, XLSX])? {
            CSV => Self::Csv(bom),
            XLSX => Self::Xlsx,
            _ => Self::Json,
        })
    }

    /// Whether it is made to be taken away.
    pub fn is_export(self) -> bool {
        match self {
            Self::Json => false,
            Self::Csv(_) | Self::Xlsx => true,
        }
    }
}

/// What an answer is as of.
#[derive(Clone, Copy)]
pub struct AsOf {
    pub position: Option<Position>,
    /// The event that the read model has stopped before, where that is why it is not as of what was asked.
    pub stopped: Option<Position>,
    pub log_id: LogId,
    pub at: DateTime<Utc>,
}

/// The parameter with which the next page is asked, and its value.
pub struct NextPage {
    pub parameter: String,
    pub value: String,
}

/// A list to be shown.
pub struct List {
    /// For the names of files and sheets.
    pub name: String,
    pub table: Table,
    pub as_of: AsOf,
    pub next: Option<NextPage>,
}

#[derive(Serialize)]
struct ListBody<'a> {
    position: Option<String>,
    log_id: String,
    as_of: String,
    rows: Rows<'a>,
    #[serde(serialize_with = "next_page")]
    next: &'a Option<NextPage>,
}

#[derive(Serialize)]
struct OneBody<'a> {
    position: Option<String>,
    log_id: String,
    as_of: String,
    order: Row<'a>,
}

fn next_page<S: serde::Serializer>(next: &&Option<NextPage>, serializer: S) -> Result<S::Ok, S::Error> {
    match next {
        Some(NextPage { parameter, value }) => serializer.collect_map([(parameter, value)]),
        None => serializer.serialize_none(),
    }
}

/// A list in the format that was asked for. Large ones take a while: not for a thread that runs tasks.
pub fn list(list: &List, format: Format, uri: &Uri, headers: &HeaderMap) -> Result<Response, ApiError> {
    let internal = |error: &dyn std::error::Error| ApiError::internal(error);
    let rows = serde_json::to_vec(&Rows(&list.table)).map_err(|error| internal(&error))?;
    let next = list.next.as_ref().map(|next| next.value.as_str()).unwrap_or_default();
    let tag = tag(&[format!("{format:?}").as_bytes(), &rows, next.as_bytes()]);
    let mut response = if is_known(headers, &tag) {
        StatusCode::NOT_MODIFIED.into_response()
    } else {
        let (content_type, extension, bytes) = match format {
            Format::Json => {
                let AsOf { position, log_id, at, .. } = list.as_of;
                let body = ListBody {
                    position: position.map(|position| position.to_string()),
                    log_id: log_id.0.to_string(),
                    as_of: stamp(at),
                    rows: Rows(&list.table),
                    next: &list.next,
                };
                (JSON.to_owned(), None, serde_json::to_vec(&body).map_err(|error| internal(&error))?)
            }
            Format::Csv(bom) => {
                let bytes = csv::write(&list.table, bom).map_err(|error| internal(&error))?;
                (format!("{CSV}; charset=utf-8; header=present"), Some("csv"), bytes)
            }
            Format::Xlsx => {
                let bytes = xlsx::write(&list.table, &list.name).map_err(|error| internal(&error))?;
                (XLSX.to_owned(), Some("xlsx"), bytes)
            }
        };
        let mut response = ([(header::CONTENT_TYPE, content_type)], bytes).into_response();
        if let Some(extension) = extension {
            let disposition = format!("attachment; filename=\"{}.{extension}\"", list.name);
            insert(&mut response, header::CONTENT_DISPOSITION, &disposition);
        }
        response
    };
    mark(&mut response, list.as_of, &tag);
    if let Some(next) = &list.next {
        insert(&mut response, header::LINK, &format!("<{}>; rel=\"next\"", next_uri(uri, next)));
    }
    Ok(response)
}

/// One order.
pub fn order(row: Row<'_>, as_of: AsOf, headers: &HeaderMap) -> Result<Response, ApiError> {
    let internal = |error: serde_json::Error| ApiError::internal(&error);
    let tag = tag(&[&serde_json::to_vec(&row).map_err(internal)?]);
    let mut response = if is_known(headers, &tag) {
        StatusCode::NOT_MODIFIED.into_response()
    } else {
        let AsOf { position, log_id, at, .. } = as_of;
        let position = position.map(|position| position.to_string());
        let body = OneBody { position, log_id: log_id.0.to_string(), as_of: stamp(at), order: row };
        let body = serde_json::to_vec(&body).map_err(internal)?;
        ([(header::CONTENT_TYPE, JSON)], body).into_response()
    };
    mark(&mut response, as_of, &tag);
    Ok(response)
}

fn mark(response: &mut Response, as_of: AsOf, tag: &str) {
    if let Some(position) = as_of.position {
        insert(response, POSITION, &position.to_string());
    }
    if let Some(stopped) = as_of.stopped {
        insert(response, STOPPED, &stopped.to_string());
    }
    insert(response, LOG_ID, &as_of.log_id.0.to_string());
    insert(response, header::ETAG, tag);
    insert(response, header::VARY, "Accept, Authorization");
    insert(response, header::CACHE_CONTROL, "private, no-cache");
}

pub fn insert(response: &mut Response, name: HeaderName, value: &str) {
    if let Ok(value) = HeaderValue::from_str(value) {
        response.headers_mut().insert(name, value);
    }
}

/// Weak: position and moment differ between answers of the same content.
fn tag(parts: &[&[u8]]) -> String {
    let mut sha = Sha256::new();
    for part in parts {
        sha.update((part.len() as u64).to_be_bytes());
        sha.update(part);
    }
    format!("W/\"{}\"", hex::encode(&sha.finalize()[..16]))
}

pub fn is_known(headers: &HeaderMap, tag: &str) -> bool {
    let opaque = |tag: &str| tag.trim().trim_start_matches("W/").to_owned();
    let values = headers.get_all(header::IF_NONE_MATCH).iter().filter_map(|value| value.to_str().ok());
    let mut known = values.flat_map(|value| value.split(','));
    known.any(|known| known.trim() == "*" || opaque(known) == opaque(tag))
}

/// The same path, with the next page's parameter in place of the one that was given.
fn next_uri(uri: &Uri, next: &NextPage) -> String {
    let given = uri.query().unwrap_or_default().split('&').filter(|pair| !pair.is_empty());
    let is_other = |pair: &&str| pair.split('=').next() != Some(next.parameter.as_str());
    let mut pairs: Vec<String> = given.filter(is_other).map(str::to_owned).collect();
    pairs.push(format!("{}={}", next.parameter, percent_encoded(&next.value)));
    format!("{}?{}", uri.path(), pairs.join("&"))
}

/// A text as the value of a parameter.
pub fn percent_encoded(text: &str) -> String {
    let encode = |byte: u8| match byte {
        b'0'..=b'9' | b'A'..=b'Z' | b'a'..=b'z' | b'-' | b'.' | b'_' | b'~' => char::from(byte).to_string(),
        byte => format!("%{byte:02X}"),
    };
    text.bytes().map(encode).collect()
}

/// A position as a parameter gives it.
pub fn position(text: &str) -> Option<Position> {
    let number = text.parse::<u64>().ok().filter(|number| number.to_string() == text)?;
    // What SQLite can count to.
    i64::try_from(number).is_ok().then(|| Position::from_number(number))
}

/// `min_position`: what was written before must be seen.
pub fn min_position(params: &mut Params) -> Result<Option<Position>, ApiError> {
    let wanted = params.take_as("min_position", "a position, as an answer gave it", position)?;
    // No event stands at 0 in either store: it says that nothing need be seen.
    Ok(wanted.filter(|wanted| wanted.number() > 0))
}

/// One order was asked for, and only JSON can be given.
pub fn only_json(headers: &HeaderMap) -> Result<(), ApiError> {
    negotiate::best(headers, &[JSON]).map(|_| ())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_next_page_is_the_same_question_with_one_parameter_more() {
        let next = NextPage { parameter: "before".into(), value: "12&x".into() };
        for (uri, expected) in [
            ("/v1/a", "/v1/a?before=12%26x"),
            ("/v1/a?limit=5", "/v1/a?limit=5&before=12%26x"),
            ("/v1/a?before=99&limit=5&app=demo", "/v1/a?limit=5&app=demo&before=12%26x"),
        ] {
            assert_eq!(next_uri(&uri.parse().unwrap(), &next), expected);
        }
    }

    #[test]
    fn a_tag_that_is_known_is_found_weak_or_strong_among_others() {
        for (known, is_found) in [
            ("W/\"a\"", true),
            ("\"a\"", true),
            ("\"b\", W/\"a\"", true),
            ("*", true),
            ("W/\"b\"", false),
            ("", false),
        ] {
            let headers = HeaderMap::from_iter([(header::IF_NONE_MATCH, known.parse().unwrap())]);
            assert_eq!(is_known(&headers, "W/\"a\""), is_found, "{known}");
        }
        assert!(!is_known(&HeaderMap::new(), "W/\"a\""));
    }
}
