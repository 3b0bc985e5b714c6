//! Calls out: one HTTP/1.1 connection to a URL's host, over TCP or TLS, and how an exchange can fail.

use std::sync::Arc;

use http_body_util::Full;
use hyper::Uri;
use hyper::body::Bytes;
use hyper::client::conn::http1::{self, SendRequest};
use hyper::header::HeaderValue;
use hyper_util::rt::TokioIo;
use rustls::pki_types::{InvalidDnsNameError, ServerName};
use rustls::{ClientConfig, RootCertStore};
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::TcpStream;
use tokio_rustls::TlsConnector;

/// Where a URL leads.
pub struct Endpoint {
    pub host: String,
    pub port: u16,
    pub host_header: HeaderValue,
    /// The URL's path, at least `/`.
    pub path: String,
    tls: Option<(TlsConnector, ServerName<'static>)>,
}

/// Why nothing can be asked at a URL.
#[derive(Debug, thiserror::Error)]
pub enum EndpointError {
    #[error("{0:?} is no URL: write it like http://127.0.0.1:8080")]
    NoUrl(String),
    #[error("{url:?} begins with {scheme}: only http and https are spoken")]
    Scheme { url: String, scheme: String },
    #[error("{url:?} has a query: write scheme, host and path only")]
    Query { url: String },
    #[error("this machine has no certificates of authorities, so https cannot be checked")]
    NoAuthorities,
    #[error("{url:?}: no certificate can be for this host: {error}")]
    Host { url: String, error: InvalidDnsNameError },
    #[error("TLS cannot be set up: {0}")]
    Tls(#[from] rustls::Error),
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

impl From<&hyper::Error> for Failure {
    fn from(error: &hyper::Error) -> Self {
        if error.is_parse() { Self::NotHttp } else { Self::Closed }
    }
}

impl Endpoint {
    pub fn parse(url: &str) -> Result<Self, EndpointError> {
        let no_url = || EndpointError::NoUrl(url.to_owned());
        let uri: Uri = url.parse().map_err(|_| no_url())?;
        let (Some(scheme), Some(authority)) = (uri.scheme_str(), uri.authority()) else {
            return Err(no_url());
        };
        if uri.query().is_some() {
            return Err(EndpointError::Query { url: url.to_owned() });
        }
        let host = authority.host().trim_matches(['[', ']']).to_owned();
        let (tls, default_port) = match scheme {
            "http" => (None, 80),
            "https" => {
                let name = ServerName::try_from(host.clone());
                let name = name.map_err(|error| EndpointError::Host { url: url.to_owned(), error })?;
                (Some((connector()?, name)), 443)
            }
            other => {
                let scheme = other.to_owned();
                return Err(EndpointError::Scheme { url: url.to_owned(), scheme });
            }
        };
        Ok(Self {
            port: authority.port_u16().unwrap_or(default_port),
            host_header: HeaderValue::from_str(authority.as_str()).map_err(|_| no_url())?,
            path: uri.path().to_owned(),
            host,
            tls,
        })
    }

    /// A connection of its own, ready for a request.
    pub async fn connect(&self) -> Result<SendRequest<Full<Bytes>>, Failure> {
        let tcp = TcpStream::connect((self.host.as_str(), self.port)).await.map_err(|error| {
            let refused = error.kind() == std::io::ErrorKind::ConnectionRefused;
            if refused { Failure::Refused } else { Failure::Unreachable }
        })?;
        // A request is one small write: waiting for more to send would only delay it.
        tcp.set_nodelay(true).map_err(|_| Failure::Unreachable)?;
        match &self.tls {
            None => handshake(tcp).await,
            Some((connector, name)) => {
                let stream = connector.connect(name.clone(), tcp).await.map_err(|_| Failure::Tls)?;
                handshake(stream).await
            }
        }
    }
}

fn connector() -> Result<TlsConnector, EndpointError> {
    let mut roots = RootCertStore::empty();
    roots.add_parsable_certificates(rustls_native_certs::load_native_certs().certs);
    if roots.is_empty() {
        return Err(EndpointError::NoAuthorities);
    }
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let config = ClientConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()?
        .with_root_certificates(roots)
        .with_no_client_auth();
    Ok(TlsConnector::from(Arc::new(config)))
}

async fn handshake<S>(stream: S) -> Result<SendRequest<Full<Bytes>>, Failure>
where
    S: AsyncRead + AsyncWrite + Unpin + Send + 'static,
{
    let (sender, connection) =
        http1::handshake(TokioIo::new(stream)).await.map_err(|error| Failure::from(&error))?;
    // Its error is also the sender's, where it is counted.
    tokio::spawn(connection);
    Ok(sender)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_url_says_whom_to_call_and_a_bad_one_is_refused() {
        for (url, expected) in [
            ("http://127.0.0.1:8080", Some(("127.0.0.1", 8080, "/"))),
            ("http://example.com/", Some(("example.com", 80, "/"))),
            ("http://[::1]:81/behind/proxy/", Some(("::1", 81, "/behind/proxy/"))),
            ("ftp://example.com", None),
            ("127.0.0.1:8080", None),
            ("/wechat", None),
            ("http://x?y=z", None),
            ("", None),
        ] {
            let endpoint = Endpoint::parse(url).ok();
            let found = endpoint.as_ref().map(|to| (to.host.as_str(), to.port, to.path.as_str()));
            assert_eq!(found, expected, "{url:?}");
        }
    }
}
