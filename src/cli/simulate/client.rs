//! One kept-alive HTTP/1.1 connection, over TCP or TLS, and how an exchange on it can fail.

use std::sync::Arc;
use std::time::Duration;

use anyhow::{Context, bail};
use http_body_util::{BodyExt, Full, Limited};
use hyper::body::Bytes;
use hyper::client::conn::http1::{self, SendRequest};
use hyper::header::{CONTENT_TYPE, HOST, HeaderValue};
use hyper::{Method, Request, Uri};
use hyper_util::rt::TokioIo;
use rustls::pki_types::ServerName;
use rustls::{ClientConfig, RootCertStore};
use tokio::net::TcpStream;
use tokio_rustls::TlsConnector;

use super::push::PushRequest;

/// More than this is no answer to a push.
const ANSWER_BYTES_MAX: usize = 64 * 1024;

/// Where pushes go.
pub struct Target {
    host: String,
    port: u16,
    host_header: HeaderValue,
    /// What stands before `/wechat/…`; mostly empty.
    path: String,
    tls: Option<(TlsConnector, ServerName<'static>)>,
}

impl Target {
    pub fn parse(url: &str) -> anyhow::Result<Self> {
        let wrong = || format!("{url:?} is no base URL: write it like http://127.0.0.1:8080");
        let uri: Uri = url.parse().with_context(wrong)?;
        let (Some(scheme), Some(authority)) = (uri.scheme_str(), uri.authority()) else { bail!(wrong()) };
        if uri.query().is_some() {
            bail!("{url:?} has a query: the parameters of a push are made here");
        }
        let host = authority.host().trim_matches(['[', ']']).to_owned();
        let (tls, default_port) = match scheme {
            "http" => (None, 80),
            "https" => (Some((connector()?, ServerName::try_from(host.clone())?)), 443),
            other => bail!("{url:?} begins with {other}: only http and https are spoken"),
        };
        Ok(Self {
            port: authority.port_u16().unwrap_or(default_port),
            host_header: HeaderValue::from_str(authority.as_str()).with_context(wrong)?,
            path: uri.path().trim_end_matches('/').to_owned(),
            host,
            tls,
        })
    }

    /// Makes what can be made before the clock starts.
    pub fn prepare(&self, request: PushRequest) -> anyhow::Result<Prepared> {
        let uri = format!("{}{}", self.path, request.path_and_query).parse()?;
        let content_type = HeaderValue::from_static(request.content_type);
        Ok(Prepared { uri, content_type, body: request.body.into() })
    }
}

fn connector() -> anyhow::Result<TlsConnector> {
    let mut roots = RootCertStore::empty();
    roots.add_parsable_certificates(rustls_native_certs::load_native_certs().certs);
    if roots.is_empty() {
        bail!("this machine has no certificates of authorities, so https cannot be checked");
    }
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let config = ClientConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()?
        .with_root_certificates(roots)
        .with_no_client_auth();
    Ok(TlsConnector::from(Arc::new(config)))
}

/// A request of which only the cheap parts are still to be made. Its clones share the body.
#[derive(Clone)]
pub struct Prepared {
    uri: Uri,
    content_type: HeaderValue,
    body: Bytes,
}

/// Why no answer came.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Failure {
    Refused,
    Unreachable,
    Tls,
    /// Reset or closed before the answer was complete.
    Closed,
    TimedOut,
    NotHttp,
}

impl Failure {
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Refused => "connection refused",
            Self::Unreachable => "cannot connect",
            Self::Tls => "TLS failed",
            Self::Closed => "connection closed",
            Self::TimedOut => "timed out",
            Self::NotHttp => "not HTTP as expected",
        }
    }
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
                        _ => return Err(failure_of(error.error())),
                    }
                    continue;
                }
            };
            let status = answer.status().as_u16();
            let body = Limited::new(answer.into_body(), ANSWER_BYTES_MAX).collect().await;
            let body = body
                .map_err(|error| error.downcast_ref::<hyper::Error>().map_or(Failure::NotHttp, failure_of))?;
            // A copy, for hyper's bytes would keep the whole read buffer alive until the end of the run.
            return Ok(Answered { status, body: Bytes::copy_from_slice(&body.to_bytes()) });
        }
    }

    fn request(&self, push: &Prepared) -> Result<Request<Full<Bytes>>, Failure> {
        Request::builder()
            .method(Method::POST)
            .uri(push.uri.clone())
            .header(HOST, self.target.host_header.clone())
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
                let sender = connect(&self.target).await?;
                self.opened += 1;
                sender
            }
        };
        Ok(self.sender.insert(sender))
    }
}

async fn connect(target: &Target) -> Result<SendRequest<Full<Bytes>>, Failure> {
    let tcp = TcpStream::connect((target.host.as_str(), target.port)).await.map_err(|error| {
        let refused = error.kind() == std::io::ErrorKind::ConnectionRefused;
        if refused { Failure::Refused } else { Failure::Unreachable }
    })?;
    // A push is one small write: waiting for more to send would only delay it.
    tcp.set_nodelay(true).map_err(|_| Failure::Unreachable)?;
    match &target.tls {
        None => handshake(tcp).await,
        Some((connector, name)) => {
            let stream = connector.connect(name.clone(), tcp).await.map_err(|_| Failure::Tls)?;
            handshake(stream).await
        }
    }
}

async fn handshake<S>(stream: S) -> Result<SendRequest<Full<Bytes>>, Failure>
where
    S: tokio::io::AsyncRead + tokio::io::AsyncWrite + Unpin + Send + 'static,
{
    let (sender, connection) =
        http1::handshake(TokioIo::new(stream)).await.map_err(|error| failure_of(&error))?;
    // Its error is also the sender's, where it is counted.
    tokio::spawn(connection);
    Ok(sender)
}

fn failure_of(error: &hyper::Error) -> Failure {
    if error.is_parse() { Failure::NotHttp } else { Failure::Closed }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_base_url_says_where_pushes_go_and_a_bad_one_is_refused() {
        for (url, expected) in [
            ("http://127.0.0.1:8080", Some(("127.0.0.1", 8080, ""))),
            ("http://example.com/", Some(("example.com", 80, ""))),
            ("http://[::1]:81/behind/proxy/", Some(("::1", 81, "/behind/proxy"))),
            ("ftp://example.com", None),
            ("127.0.0.1:8080", None),
            ("/wechat", None),
            ("http://x?y=z", None),
            ("", None),
        ] {
            let target = Target::parse(url).ok();
            let found = target.as_ref().map(|t| (t.host.as_str(), t.port, t.path.as_str()));
            assert_eq!(found, expected, "{url:?}");
        }
    }
}
