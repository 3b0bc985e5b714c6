//! The errors that operations have in common, added to each that can give them.

use std::collections::BTreeMap;

use axum::http::StatusCode;
use serde_json::{Value, json};

use crate::http::api::code::Code;

/// Adds to every operation the errors that its shape allows; what it says itself stays.
pub fn add(document: &mut Value) {
    for (status, codes) in by_status() {
        document["components"]["responses"][name(status)] = response(status, &codes);
    }
    let Some(paths) = document["paths"].as_object_mut() else { return };
    for (path, item) in paths {
        for operation in item.as_object_mut().into_iter().flat_map(|item| item.values_mut()) {
            for status in possible(path, operation) {
                let responses = &mut operation["responses"];
                if responses[status.as_str()].is_null() {
                    responses[status.as_str()] =
                        json!({"$ref": format!("#/components/responses/{}", name(status))});
                }
            }
        }
    }
}

fn possible(path: &str, operation: &Value) -> Vec<StatusCode> {
    let mut possible = vec![StatusCode::BAD_REQUEST, StatusCode::INTERNAL_SERVER_ERROR];
    if path.starts_with("/v1/") || path == "/openapi.json" {
        possible.push(StatusCode::UNPROCESSABLE_ENTITY);
    }
    if !operation["security"].is_null() {
        possible.extend([
            StatusCode::UNAUTHORIZED,
            StatusCode::FORBIDDEN,
            StatusCode::TOO_MANY_REQUESTS,
            StatusCode::SERVICE_UNAVAILABLE,
        ]);
    }
    if path.contains('{') {
        possible.push(StatusCode::NOT_FOUND);
    }
    if !operation["requestBody"].is_null() {
        possible.extend([
            StatusCode::REQUEST_TIMEOUT,
            StatusCode::PAYLOAD_TOO_LARGE,
            StatusCode::UNSUPPORTED_MEDIA_TYPE,
        ]);
    }
    possible
}

fn by_status() -> BTreeMap<StatusCode, Vec<Code>> {
    let mut by_status: BTreeMap<_, Vec<Code>> = BTreeMap::new();
    for code in Code::ALL {
        by_status.entry(code.status()).or_default().push(*code);
    }
    by_status
}

/// `UnprocessableEntity`.
fn name(status: StatusCode) -> String {
    status.canonical_reason().unwrap_or(status.as_str()).replace(' ', "")
}

fn response(status: StatusCode, codes: &[Code]) -> Value {
    let codes: Vec<_> = codes.iter().map(|code| format!("`{}`", code.as_str())).collect();
    let mut headers = json!({"X-Request-Id": text_header("The request's id, also in the server's log")});
    if matches!(status, StatusCode::TOO_MANY_REQUESTS | StatusCode::SERVICE_UNAVAILABLE) {
        headers["Retry-After"] = json!({"description": "Seconds to wait, where that helps", "schema": {"type": "integer", "minimum": 1}});
    }
    if status == StatusCode::UNAUTHORIZED {
        headers["WWW-Authenticate"] = text_header("Bearer");
    }
    json!({
        "description": format!("One of: {}", codes.join(", ")),
        "headers": headers,
        "content": {"application/json": {"schema": {"$ref": "#/components/schemas/Failure"}}},
    })
}

fn text_header(description: &str) -> Value {
    json!({"description": description, "schema": {"type": "string"}})
}
