//! One kept-alive HTTP/1.1 connection to the server that is being tried.

use std::sync::Arc;
use std::time::Duration;

use http_body_util::{BodyExt, Full, Limited};
use hyper::body::Bytes;
use hyper::client::conn::http1::SendRequest;
use hyper::header::{CONTENT_TYPE, HOST, HeaderValue};
use hyper::{Method, Request, Uri};

use super::push::PushRequest;
use crate::http::dial::{Endpoint, EndpointError};

pub use crate::http::dial::Failure;

/// More than this is no answer to a push.
const ANSWER_BYTES_MAX: usize = 64 * 1024;

/// Where pushes go. The endpoint's path is what stands before `/wechat/…`; mostly empty.
pub struct Target(Endpoint);

impl Target {
    pub fn parse(url: &str) -> Result<Self, EndpointError> {
        Endpoint::parse(url).map(Self)
    }

    /// Makes what can be made before the clock starts.
    pub fn prepare(&self, request: PushRequest) -> anyhow::Result<Prepared> {
        let base = self.0.path.trim_end_matches('/');
        let uri = format!("{base}{}", request.path_and_query).parse()?;
        let content_type = HeaderValue::from_static(request.content_type);
        Ok(Prepared { uri, content_type, body: request.body.into() })
    }
}

/// A request of which only the cheap parts are still to be made. Its clones share the body.
#[derive(Clone)]
pub struct Prepared {
    uri: Uri,
    content_type: HeaderValue,
    body: Bytes,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Answered {
    pub status: u16,
    pub body: Bytes,
}

/// A connection that is opened when it is needed, and opened anew after a failure.
pub struct Connection {
    target: Arc<Target>,
    sender: Option<SendRequest<Full<Bytes>>>,
    /// How many were opened.
    pub opened: u64,
}

impl Connection {
    pub fn new(target: Arc<Target>) -> Self {
        Self { target, sender: None, opened: 0 }
    }

    pub async fn exchange(&mut self, push: &Prepared, wait: Duration) -> Result<Answered, Failure> {
        let result = tokio::time::timeout(wait, self.try_exchange(push)).await;
        let result = result.unwrap_or(Err(Failure::TimedOut));
        if result.is_err() {
            self.sender = None;
        }
        result
    }

    async fn try_exchange(&mut self, push: &Prepared) -> Result<Answered, Failure> {
        let mut request = self.request(push)?;
        loop {
            let reused = self.sender.is_some();
            let sender = self.connected().await?;
            let answer = match sender.try_send_request(request).await {
                Ok(answer) => answer,
                Err(mut error) => {
                    self.sender = None;
                    // The server had closed the idle connection before anything was sent on it.
                    match error.take_message() {
                        Some(unsent) if reused => request = unsent,
                        _ => return Err(error.error().into()),
                    }
                    continue;
                }
            };
            let status = answer.status().as_u16();
            let body = Limited::new(answer.into_body(), ANSWER_BYTES_MAX).collect().await;
            let body = body.map_err(|error| {
                error.downcast_ref::<hyper::Error>().map_or(Failure::NotHttp, Failure::from)
            })?;
            // A copy, for hyper's bytes would keep the whole read buffer alive until the end of the run.
            return Ok(Answered { status, body: Bytes::copy_from_slice(&body.to_bytes()) });
        }
    }

    fn request(&self, push: &Prepared) -> Result<Request<Full<Bytes>>, Failure> {
        Request::builder()
            .method(Method::POST)
            .uri(push.uri.clone())
            .header(HOST, self.target.0.host_header.clone())
            .header(CONTENT_TYPE, push.content_type.clone())
            .body(Full::new(push.body.clone()))
            .map_err(|_| Failure::NotHttp)
    }

    /// A connection that can take a request.
    async fn connected(&mut self) -> Result<&mut SendRequest<Full<Bytes>>, Failure> {
        let usable = match self.sender.take() {
            Some(mut sender) => sender.ready().await.is_ok().then_some(sender),
            None => None,
        };
        let sender = match usable {
            Some(sender) => sender,
            None => {
                let sender = self.target.0.connect().await?;
                self.opened += 1;
                sender
            }
        };
        Ok(self.sender.insert(sender))
    }
}
