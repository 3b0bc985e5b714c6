//! What handlers take from a request: who asks, the URL's parameters, the body. Each refusal is an envelope
//! that names the place.

use std::fmt;
use std::marker::PhantomData;
use std::net::{IpAddr, Ipv4Addr};
use std::sync::Arc;

use axum::body::Bytes;
use axum::extract::{FromRequest, FromRequestParts, Path, Query, Request};
use axum::http::request::Parts;
use axum::http::{HeaderMap, StatusCode, header};
use serde::de::value::MapAccessDeserializer;
use serde::de::{Deserialize, DeserializeOwned, Deserializer, MapAccess, Visitor};

use super::code::Code;
use super::error::ApiError;
use crate::domain::app::AppSlug;
use crate::domain::environment::Environment;
use crate::domain::id::{OpenId, OutTradeNo};
use crate::http::Service;
use crate::http::access::{AccessError, Holder};
use crate::http::server::Peer;
use crate::{clock, limits};

impl FromRequestParts<Arc<Service>> for Holder {
    type Rejection = ApiError;

    async fn from_request_parts(parts: &mut Parts, service: &Arc<Service>) -> Result<Self, ApiError> {
        let now = clock::now();
        let error = match service.keys.load().access.holder(&parts.headers, now) {
            Ok(holder) => return Ok(holder),
            Err(error) => error,
        };
        let peer = parts.extensions.get::<Peer>().map_or(IpAddr::V4(Ipv4Addr::UNSPECIFIED), |Peer(ip)| *ip);
        // Who sends none has tried nothing.
        if error == AccessError::Missing || service.failures.allow_another(peer, now) {
            Err(error.into())
        } else {
            Err(AccessError::TooManyFailures.into())
        }
    }
}

/// The parts of the path that the route names, as text.
pub struct Segments<T>(pub T);

impl<T: DeserializeOwned + Send> FromRequestParts<Arc<Service>> for Segments<T> {
    type Rejection = ApiError;

    async fn from_request_parts(parts: &mut Parts, service: &Arc<Service>) -> Result<Self, ApiError> {
        let read = Path::<T>::from_request_parts(parts, service).await;
        read.map(|Path(segments)| Self(segments))
            .map_err(|_| ApiError::at(Code::Malformed, "path", "it is no UTF-8"))
    }
}

/// The parameters of the URL. Each is taken once; what is left over is refused.
pub struct Params {
    pairs: Vec<(String, String)>,
}

impl FromRequestParts<Arc<Service>> for Params {
    type Rejection = ApiError;

    async fn from_request_parts(parts: &mut Parts, _: &Arc<Service>) -> Result<Self, ApiError> {
        if parts.uri.query().is_some_and(|query| query.len() > limits::ADMIN_QUERY_BYTES_MAX) {
            let problem = format!("it is longer than {} bytes", limits::ADMIN_QUERY_BYTES_MAX);
            return Err(ApiError::at(Code::Malformed, "query", problem));
        }
        let read = Query::<Vec<(String, String)>>::try_from_uri(&parts.uri);
        let Query(pairs) = read.map_err(|_| ApiError::at(Code::Malformed, "query", "it cannot be read"))?;
        let is_text = |text: &str| !text.contains([char::REPLACEMENT_CHARACTER, '\0']);
        if !pairs.iter().all(|(name, value)| is_text(name) && is_text(value)) {
            return Err(ApiError::at(Code::Malformed, "query", "it is no UTF-8 text"));
        }
        Self::new(pairs)
    }
}

impl Params {
    fn new(pairs: Vec<(String, String)>) -> Result<Self, ApiError> {
        for (at, (name, value)) in pairs.iter().enumerate() {
            if pairs[..at].iter().any(|(other, _)| other == name) {
                return Err(wrong_parameter(name, "stands twice"));
            }
            if value.chars().count() > limits::PARAMETER_CHARS_MAX {
                let problem = format!("is longer than {} characters", limits::PARAMETER_CHARS_MAX);
                return Err(wrong_parameter(name, problem));
            }
        }
        Ok(Self { pairs })
    }

    /// The parameter of this name; `None` where it is absent.
    pub fn take(&mut self, name: &str) -> Option<String> {
        let at = self.pairs.iter().position(|(other, _)| other == name)?;
        Some(self.pairs.remove(at).1)
    }

    /// The same, as what it must be. `must` completes "must be".
    pub fn take_as<T>(
        &mut self,
        name: &str,
        must: &str,
        read: impl FnOnce(&str) -> Option<T>,
    ) -> Result<Option<T>, ApiError> {
        let Some(text) = self.take(name) else { return Ok(None) };
        let value = read(&text).ok_or_else(|| wrong_parameter(name, format!("must be {must}")))?;
        Ok(Some(value))
    }

    /// A number from `min` to `max`.
    pub fn take_number(&mut self, name: &str, min: u32, max: u32) -> Result<Option<u32>, ApiError> {
        let read = |text: &str| {
            let number = text.parse().ok().filter(|number: &u32| number.to_string() == text);
            number.filter(|number| (min..=max).contains(number))
        };
        self.take_as(name, &format!("a number from {min} to {max}"), read)
    }

    pub fn take_env(&mut self) -> Result<Environment, ApiError> {
        Ok(self.take_as("env", ENVIRONMENTS, environment)?.unwrap_or(Environment::Production))
    }

    /// What nobody has taken, for questions that know their parameters themselves.
    pub fn rest(self) -> Vec<(String, String)> {
        self.pairs
    }

    /// Refuses what nobody has taken.
    pub fn finish(self, known: &str) -> Result<(), ApiError> {
        match self.pairs.first() {
            Some((name, _)) => Err(wrong_parameter(name, format!("is not known here; known are {known}"))),
            None => Ok(()),
        }
    }
}

/// For what takes none.
pub struct NoParams;

impl FromRequestParts<Arc<Service>> for NoParams {
    type Rejection = ApiError;

    async fn from_request_parts(parts: &mut Parts, service: &Arc<Service>) -> Result<Self, ApiError> {
        Params::from_request_parts(parts, service).await?.finish("none").map(|()| Self)
    }
}

pub const ENVIRONMENTS: &str = "production or sandbox";

pub fn environment(text: &str) -> Option<Environment> {
    Environment::ALL.into_iter().find(|env| env.to_string() == text)
}

pub fn wrong_parameter(name: &str, problem: impl fmt::Display) -> ApiError {
    // The name may be anything that was sent.
    let name: String = name.chars().filter(|c| !c.is_control()).take(limits::ECHOED_CHARS_MAX).collect();
    ApiError::at(Code::Parameter, &format!("query.{name}"), problem)
}

/// An app of the path that the asker may see and that is configured.
pub fn app(service: &Service, holder: &Holder, slug: &str) -> Result<AppSlug, ApiError> {
    let app = AppSlug::parse(slug).map_err(|error| ApiError::at(Code::Parameter, "path.app", error))?;
    holder.may_see(&app)?;
    if service.keys.load().app(slug).is_none() {
        let message = format!("no app {slug:?} is configured");
        return Err(ApiError::new(Code::UnknownApp, message));
    }
    Ok(app)
}

pub fn open_id(text: &str) -> Result<OpenId, ApiError> {
    OpenId::parse(text).map_err(|error| ApiError::at(Code::Parameter, "path.open_id", error))
}

pub fn out_trade_no(text: &str) -> Result<OutTradeNo, ApiError> {
    OutTradeNo::parse(text).map_err(|error| ApiError::at(Code::Parameter, "path.out_trade_no", error))
}

/// A JSON body.
pub struct Body<T>(pub T);

impl<T: DeserializeOwned> FromRequest<Arc<Service>> for Body<T> {
    type Rejection = ApiError;

    async fn from_request(request: Request, service: &Arc<Service>) -> Result<Self, ApiError> {
        let RawBody(bytes) = RawBody::from_request(request, service).await?;
        parse(&bytes).map(Self)
    }
}

/// The bytes of a body that says it is JSON. An empty one need not say anything, and stands for `{}`.
pub struct RawBody(pub Bytes);

impl FromRequest<Arc<Service>> for RawBody {
    type Rejection = ApiError;

    async fn from_request(request: Request, service: &Arc<Service>) -> Result<Self, ApiError> {
        let is_json = is_json(request.headers());
        let read = Bytes::from_request(request, service);
        let bytes = match tokio::time::timeout(limits::ADMIN_BODY_WAIT, read).await {
            Err(_) => return Err(ApiError::new(Code::BodySlow, "the body did not come in time")),
            Ok(Ok(bytes)) => bytes,
            Ok(Err(rejection)) if rejection.status() == StatusCode::PAYLOAD_TOO_LARGE => {
                let message = format!("the body is larger than {} bytes", limits::ADMIN_BODY_BYTES_MAX);
                return Err(ApiError::new(Code::BodyTooLarge, message));
            }
            Ok(Err(_)) => return Err(ApiError::new(Code::Malformed, "the body did not come whole")),
        };
        match (bytes.is_empty(), is_json) {
            (true, _) => Ok(Self(Bytes::from_static(b"{}"))),
            (false, true) => Ok(Self(bytes)),
            (false, false) => {
                let message = "send the body as Content-Type: application/json";
                Err(ApiError::new(Code::ContentType, message))
            }
        }
    }
}

/// A value that was written as a JSON object. Without it a list of the fields' values would do as well.
pub struct Object<T>(pub T);

impl<'de, T: Deserialize<'de>> Deserialize<'de> for Object<T> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Fields<T>(PhantomData<T>);

        impl<'de, T: Deserialize<'de>> Visitor<'de> for Fields<T> {
            type Value = T;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("an object")
            }

            fn visit_map<A: MapAccess<'de>>(self, map: A) -> Result<T, A::Error> {
                T::deserialize(MapAccessDeserializer::new(map))
            }
        }

        deserializer.deserialize_map(Fields(PhantomData)).map(Self)
    }
}

/// The object in the bytes, or the place that is wrong.
pub fn parse<T: DeserializeOwned>(bytes: &[u8]) -> Result<T, ApiError> {
    let mut reader = serde_json::Deserializer::from_slice(bytes);
    let Object(value) = serde_path_to_error::deserialize(&mut reader).map_err(|error| {
        let (path, inner) = (error.path().to_string(), error.inner());
        match inner.classify() {
            serde_json::error::Category::Data => {
                let place = if path == "." { "body".to_owned() } else { format!("body.{path}") };
                ApiError::at(Code::Body, &place, without_place(inner))
            }
            _ => ApiError::at(Code::Malformed, "body", format!("it is no JSON: {inner}")),
        }
    })?;
    reader.end().map_err(|error| ApiError::at(Code::Malformed, "body", format!("it is no JSON: {error}")))?;
    Ok(value)
}

/// serde's words without its line and column; the path says where.
fn without_place(error: &serde_json::Error) -> String {
    let text = error.to_string();
    let end = text.rfind(" at line ").unwrap_or(text.len());
    text[..end].chars().take(limits::ECHOED_CHARS_MAX).collect()
}

fn is_json(headers: &HeaderMap) -> bool {
    let content_type = headers.get(header::CONTENT_TYPE).and_then(|value| value.to_str().ok());
    let essence = content_type.and_then(|value| value.split(';').next()).map(str::trim);
    essence.is_some_and(|essence| essence.eq_ignore_ascii_case("application/json"))
}
