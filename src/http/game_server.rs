//! Asks the game's own server for a player's roles, and believes no field of its answer unchecked.

use chrono::{DateTime, Utc};
use http_body_util::{BodyExt, Full, LengthLimitError, Limited};
use hyper::body::Bytes;
use hyper::header::{AUTHORIZATION, CONTENT_TYPE, HOST, HeaderValue};
use hyper::{Request, StatusCode};
use serde::Serialize;

use super::dial::{Endpoint, EndpointError, Failure};
use crate::domain::app::AppSlug;
use crate::domain::push::RoleQuery;
use crate::domain::role::{PlayedRole, RoleError, RoleFields};
use crate::wechat::fields::{FieldError, Fields};
use crate::wechat::secret::Secret;
use crate::wechat::strict_json;
use crate::{clock, limits};

pub struct GameServer {
    endpoint: Endpoint,
    /// `Bearer …`.
    authorization: Option<HeaderValue>,
}

/// Why a server cannot be asked at all.
#[derive(Debug, thiserror::Error)]
pub enum SetUpError {
    #[error(transparent)]
    Endpoint(#[from] EndpointError),
    #[error("its token cannot stand in a header of HTTP")]
    Token,
}

/// Why there is no answer to go by. Nothing of the answer itself is repeated: it is about a player.
#[derive(Debug, thiserror::Error)]
pub enum GameServerError {
    #[error("{}", .0.as_str())]
    NoAnswer(Failure),
    #[error("it answered with HTTP status {0}, must be 200")]
    Status(StatusCode),
    #[error("its answer is larger than {max} bytes")]
    TooLarge { max: usize },
    #[error("its answer is no JSON: line {line}, column {column}")]
    NotJson { line: usize, column: usize },
    #[error("its answer: {0}")]
    Field(#[from] FieldError),
    #[error("its answer: roles[{index}].{error}")]
    Role { index: usize, error: RoleError },
}

/// What it is asked.
#[derive(Serialize)]
struct Question<'a> {
    app: &'a str,
    /// `production` or `sandbox`.
    env: String,
    open_id: &'a str,
    need_role_num: u32,
}

impl GameServer {
    /// `url` is `http` or `https`.
    pub fn new(url: &str, token: Option<&Secret>) -> Result<Self, SetUpError> {
        let bearer = |token: &Secret| {
            let mut value = HeaderValue::from_str(&format!("Bearer {}", token.reveal())).ok()?;
            value.set_sensitive(true);
            Some(value)
        };
        let authorization = token.map(|token| bearer(token).ok_or(SetUpError::Token)).transpose()?;
        Ok(Self { endpoint: Endpoint::parse(url)?, authorization })
    }

    /// The player's roles in the order the server tells them, within the deadline.
    pub async fn roles(&self, app: &AppSlug, query: &RoleQuery) -> Result<Vec<PlayedRole>, GameServerError> {
        let asked = tokio::time::timeout(limits::ROLES_URL_WAIT, self.ask(app, query)).await;
        let answer = asked.unwrap_or(Err(GameServerError::NoAnswer(Failure::TimedOut)))?;
        // It does not say when they were played, only in which order.
        read(&answer, clock::now())
    }

    async fn ask(&self, app: &AppSlug, query: &RoleQuery) -> Result<Bytes, GameServerError> {
        let request = self.request(app, query).map_err(|_| GameServerError::NoAnswer(Failure::NotHttp))?;
        let mut sender = self.endpoint.connect().await.map_err(GameServerError::NoAnswer)?;
        let failed = |error: &hyper::Error| GameServerError::NoAnswer(error.into());
        let answer = sender.send_request(request).await.map_err(|error| failed(&error))?;
        // A redirect is no 200 either: the player's name goes where the configuration says and nowhere else.
        if answer.status() != StatusCode::OK {
            return Err(GameServerError::Status(answer.status()));
        }
        let max = limits::ROLES_URL_BYTES_MAX;
        let body = Limited::new(answer.into_body(), max).collect().await;
        let body = body.map_err(|error| match error.downcast_ref::<hyper::Error>() {
            Some(error) => failed(error),
            None if error.is::<LengthLimitError>() => GameServerError::TooLarge { max },
            None => GameServerError::NoAnswer(Failure::NotHttp),
        })?;
        Ok(body.to_bytes())
    }

    fn request(&self, app: &AppSlug, query: &RoleQuery) -> Result<Request<Full<Bytes>>, hyper::http::Error> {
        let question = Question {
            app: app.as_str(),
            env: query.env.to_string(),
            open_id: query.open_id.as_str(),
            need_role_num: query.need_role_num,
        };
        let question = serde_json::to_vec(&question).unwrap_or_default();
        let mut request = Request::post(&self.endpoint.path)
            .header(HOST, &self.endpoint.host_header)
            .header(CONTENT_TYPE, "application/json");
        if let Some(authorization) = &self.authorization {
            request = request.header(AUTHORIZATION, authorization);
        }
        request.body(Full::from(question))
    }
}

/// `{"roles": [{"role_id", "role_name", "zones": [{"zone_id", "zone_name"}], "midas_zone_id", "attach"?}]}`;
/// other fields are ignored.
fn read(answer: &[u8], played_at: DateTime<Utc>) -> Result<Vec<PlayedRole>, GameServerError> {
    let text = std::str::from_utf8(answer).map_err(|_| GameServerError::NotJson { line: 0, column: 0 })?;
    let value = strict_json::parse(text)
        .map_err(|error| GameServerError::NotJson { line: error.line(), column: error.column() })?;
    let fields = Fields::of(&value, "the answer")?;
    let roles = fields.list("roles")?;
    let role = |(index, role): (usize, &Fields<'_>)| {
        let fields = role_fields(role, played_at)?;
        PlayedRole::new(fields).map_err(|error| GameServerError::Role { index, error })
    };
    roles.iter().enumerate().map(role).collect()
}

fn role_fields(role: &Fields<'_>, played_at: DateTime<Utc>) -> Result<RoleFields, FieldError> {
    let zones = role.list("zones")?;
    let zone = |zone: &Fields<'_>| Ok((zone.text("zone_id")?, zone.text("zone_name")?));
    Ok(RoleFields {
        role_id: role.text("role_id")?,
        role_name: role.text("role_name")?,
        zones: zones.iter().map(zone).collect::<Result<_, FieldError>>()?,
        midas_zone_id: role.text("midas_zone_id")?,
        attach: role.optional_text("attach")?,
        played_at,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn said_of(answer: &str) -> Result<Vec<PlayedRole>, String> {
        read(answer.as_bytes(), DateTime::UNIX_EPOCH).map_err(|error| error.to_string())
    }

    #[test]
    fn an_answer_is_read_field_by_field_and_an_unknown_field_is_ignored() {
        let roles = said_of(
            r#"{"page": 1, "roles": [
                {"role_id": "r-1", "role_name": "剑客", "zones": [{"zone_id": "1", "zone_name": "华东", "x": 0},
                 {"zone_id": 2, "zone_name": "二服"}], "midas_zone_id": 1, "attach": "a", "level": 60},
                {"role_id": 2, "role_name": "刀客", "zones": [], "midas_zone_id": "1", "attach": null}]}"#,
        );
        let roles = roles.unwrap();
        let shown: Vec<_> =
            roles.iter().map(|role| (role.role_id(), role.zones().len(), role.attach())).collect();
        assert_eq!(shown, [("r-1", 2, Some("a")), ("2", 0, None)]);
        assert_eq!((roles[0].zones()[1].zone_id(), roles[0].midas_zone_id()), ("2", "1"));
        assert_eq!(said_of(r#"{"roles": []}"#), Ok(vec![]));
    }

    #[test]
    fn a_wrong_answer_is_none_and_is_told_by_its_field_without_what_it_says() {
        let good = r#"{"role_id": "1", "role_name": "n", "zones": [{"zone_id": "1", "zone_name": "z"}], "midas_zone_id": "1"}"#;
        let spoilt = |from: &str, to: &str| format!(r#"{{"roles": [{good}, {}]}}"#, good.replace(from, to));
        for (answer, said) in [
            (String::new(), "its answer is no JSON: line 1, column 0"),
            ("[]".into(), "its answer: the answer: must be an object, is a list"),
            ("{}".into(), "its answer: roles: is missing"),
            (r#"{"roles": {}}"#.into(), "its answer: roles: must be a list, is an object"),
            (r#"{"roles": ["1"]}"#.into(), "its answer: roles[0]: must be an object, is a text"),
            (r#"{"roles": [], "roles": []}"#.into(), "its answer is no JSON: line 1, column 21"),
            (spoilt(r#""role_id": "1", "#, ""), "its answer: roles[1].role_id: is missing"),
            (spoilt(r#""n""#, r#""""#), "its answer: roles[1].role_name: is missing"),
            (spoilt(r#""n""#, "true"), "its answer: roles[1].role_name: must be a text, is true or false"),
            (
                spoilt(r#""n""#, r#""a\u0007""#),
                "its answer: roles[1].role_name: has a control character as character 2",
            ),
            (
                spoilt(r#"[{"zone_id": "1", "zone_name": "z"}]"#, "1"),
                "its answer: roles[1].zones: must be a list, is a number",
            ),
            (spoilt(r#""z""#, "[]"), "its answer: roles[1].zones[0].zone_name: must be a text, is a list"),
        ] {
            assert_eq!(said_of(&answer), Err(said.to_owned()), "{answer}");
        }
    }
}
