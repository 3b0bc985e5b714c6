//! Asking the admin listener as somebody: any role, any header, any body.

use std::fmt;
use std::net::SocketAddr;
use std::time::Instant;

use http_body_util::{BodyExt, Full};
use hyper::header::{HeaderMap, HeaderName};
use hyper::{Method, Request};
use hyper_util::rt::TokioIo;
use serde_json::Value;

use super::server::{HANGS_AFTER, Home, Server};

/// A home whose configuration knows a token `olt_ROLE` for each role, and `olt_ROLE_demo` for the app demo
/// only. There is a second app, `other`.
pub fn home_of_all_roles() -> Home {
    Home::with(|text| {
        let mut text = text;
        for role in ["game", "support", "finance", "audit", "admin"] {
            text += &access(role, role, "");
            text += &access(&format!("{role}-demo"), role, "app = \"demo\"\n");
        }
        text += "[app.other]\napp_id = \"wx00000000000000aa\"\ntokens = [{ value = \"OTHER\" }]\n\
                 production_keys = [{ value = \"other-app-key-0123456789abcdef\" }]\n";
        text
    })
}

/// A section for a token `olt_NAME`.
pub fn access(name: &str, role: &str, more: &str) -> String {
    let sha256 =
        hex::encode(<sha2::Sha256 as sha2::Digest>::digest(format!("olt_{}", name.replace('-', "_"))));
    format!("[access.{name}]\nrole = \"{role}\"\ntoken_sha256 = \"{sha256}\"\n{more}")
}

/// What came back, whole.
#[derive(Clone)]
pub struct Asked {
    pub status: u16,
    pub headers: HeaderMap,
    pub body: Vec<u8>,
}

impl fmt::Debug for Asked {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} {:?}\n{}", self.status, self.headers, String::from_utf8_lossy(&self.body))
    }
}

impl Asked {
    pub fn text(&self) -> &str {
        std::str::from_utf8(&self.body).unwrap()
    }

    pub fn json(&self) -> Value {
        serde_json::from_slice(&self.body).unwrap_or_else(|error| panic!("{error}: {self:?}"))
    }

    /// Empty where there is none.
    pub fn header(&self, name: &str) -> &str {
        self.headers.get(name).map_or("", |value| value.to_str().unwrap())
    }

    /// Asserts that it is an error in the envelope, and gives its code.
    pub fn code(&self) -> String {
        let failure = self.json();
        assert!(self.status >= 400, "{self:?}");
        assert_eq!(self.header("content-type"), "application/json", "{self:?}");
        let mut fields: Vec<_> = failure.as_object().unwrap().keys().map(String::as_str).collect();
        fields.sort_unstable();
        assert_eq!(fields, ["code", "detail", "message", "request_id"], "{self:?}");
        assert_eq!(failure["request_id"], self.header("x-request-id"), "{self:?}");
        assert!(!failure["message"].as_str().unwrap().is_empty());
        failure["code"].as_str().unwrap().to_owned()
    }

    /// The status, and the code where it is an error.
    pub fn outcome(&self) -> String {
        if self.status < 400 { self.status.to_string() } else { format!("{} {}", self.status, self.code()) }
    }
}

/// Somebody who asks the admin listener.
#[derive(Clone)]
pub struct Client {
    to: SocketAddr,
    token: Option<String>,
}

impl Server {
    /// With the token `olt_NAME`.
    pub fn client(&self, name: &str) -> Client {
        Client { to: self.admin, token: Some(format!("olt_{name}")) }
    }

    pub fn stranger(&self) -> Client {
        Client { to: self.admin, token: None }
    }
}

impl Client {
    /// Asked again, as one is told to, while a projection is not built yet or has not come so far.
    pub async fn get(&self, path: &str) -> Asked {
        let begun = Instant::now();
        loop {
            let asked = self.ask("GET", path, &[], "").await;
            let is_to_wait = asked.status == 503 && ["not_built", "behind"].contains(&asked.code().as_str());
            if !is_to_wait || begun.elapsed() > HANGS_AFTER {
                return asked;
            }
        }
    }

    /// Waits until all projections are built and know of a position.
    pub async fn until_folded(&self, position: u64) {
        let knows = |projection: &Value| {
            let at = projection["position"].as_str().map_or(0, |at| at.parse().unwrap());
            projection["state"] == "live" && at >= position
        };
        let begun = Instant::now();
        loop {
            let listed = self.get("/v1/projections").await;
            let projections = listed.json()["projections"].as_array().unwrap().clone();
            if !projections.is_empty() && projections.iter().all(knows) {
                return;
            }
            assert!(begun.elapsed() < HANGS_AFTER, "{position}: {listed:?}");
        }
    }

    pub async fn get_with(&self, path: &str, headers: &[(&str, &str)]) -> Asked {
        self.ask("GET", path, headers, "").await
    }

    /// With a JSON body.
    pub async fn send(&self, method: &str, path: &str, body: &Value) -> Asked {
        self.ask(method, path, &[("content-type", "application/json")], &body.to_string()).await
    }

    pub async fn ask(&self, method: &str, path: &str, headers: &[(&str, &str)], body: &str) -> Asked {
        whole(self.begin(method, path, headers, body).await).await
    }

    /// With a body of any sort.
    pub async fn send_bytes(&self, method: &str, path: &str, content_type: &str, body: &[u8]) -> Asked {
        whole(self.begin_bytes(method, path, &[("content-type", content_type)], body).await).await
    }

    /// An answer whose body has not been read yet.
    pub async fn begin(
        &self,
        method: &str,
        path: &str,
        headers: &[(&str, &str)],
        body: &str,
    ) -> hyper::Response<hyper::body::Incoming> {
        self.begin_bytes(method, path, headers, body.as_bytes()).await
    }

    async fn begin_bytes(
        &self,
        method: &str,
        path: &str,
        headers: &[(&str, &str)],
        body: &[u8],
    ) -> hyper::Response<hyper::body::Incoming> {
        let mut request = Request::new(Full::<hyper::body::Bytes>::from(body.to_vec()));
        *request.method_mut() = method.parse::<Method>().unwrap();
        *request.uri_mut() = path.parse().unwrap();
        let token = self.token.as_ref().map(|token| ("authorization", format!("Bearer {token}")));
        let given = headers.iter().map(|(name, value)| (*name, (*value).to_owned()));
        for (name, value) in given.chain(token).chain([("host", self.to.to_string())]) {
            let name = HeaderName::from_bytes(name.as_bytes()).unwrap();
            request.headers_mut().insert(name, value.parse().unwrap());
        }
        let stream = tokio::net::TcpStream::connect(self.to).await.unwrap();
        let (mut sender, connection) =
            hyper::client::conn::http1::handshake(TokioIo::new(stream)).await.unwrap();
        tokio::spawn(connection);
        sender.send_request(request).await.unwrap()
    }
}

async fn whole(response: hyper::Response<hyper::body::Incoming>) -> Asked {
    let (parts, body) = response.into_parts();
    let body = body.collect().await.unwrap().to_bytes().to_vec();
    Asked { status: parts.status.as_u16(), headers: parts.headers, body }
}
