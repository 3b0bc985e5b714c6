//! Speaks to a running server's admin listener, for commands that write while it holds the log.

use anyhow::{Context, bail};
use http_body_util::{BodyExt, Full};
use hyper::body::Bytes;
use hyper::{Request, StatusCode, header};
use hyper_util::rt::TokioIo;
use serde::Serialize;
use serde::de::DeserializeOwned;
use tokio::net::TcpStream;

use crate::wechat::secret::Secret;

/// Where the access token comes from; needed only while a server runs.
#[derive(clap::Args)]
pub struct TokenSource {
    /// A file that holds the access token. Without it: the variable ORDER_LEDGER_TOKEN
    #[arg(long, value_name = "FILE")]
    token_file: Option<std::path::PathBuf>,
}

impl TokenSource {
    fn read(&self) -> anyhow::Result<Secret> {
        let text = match &self.token_file {
            Some(path) => {
                std::fs::read_to_string(path).with_context(|| format!("--token-file {}", path.display()))?
            }
            None => std::env::var("ORDER_LEDGER_TOKEN").map_err(|_| {
                anyhow::anyhow!(
                    "a server is running, so this goes through it: set ORDER_LEDGER_TOKEN to an admin's \
                     access token, or give --token-file"
                )
            })?,
        };
        Ok(Secret::new(text.trim().to_owned()))
    }
}

pub struct AdminClient {
    address: String,
    token: Secret,
}

#[derive(serde::Deserialize)]
struct Failure {
    message: String,
}

impl AdminClient {
    pub fn new(address: String, token: &TokenSource) -> anyhow::Result<Self> {
        Ok(Self { address, token: token.read()? })
    }

    /// The answer; `Err` inside where the server refuses what is asked, with its words.
    pub async fn post<T: DeserializeOwned>(
        &self,
        path: &str,
        body: &impl Serialize,
    ) -> anyhow::Result<Result<T, String>> {
        let body = Bytes::from(serde_json::to_vec(body)?);
        let request = Request::post(path).header(header::CONTENT_TYPE, "application/json");
        self.send(request, body).await
    }

    pub async fn get<T: DeserializeOwned>(&self, path: &str) -> anyhow::Result<Result<T, String>> {
        self.send(Request::get(path), Bytes::new()).await
    }

    async fn send<T: DeserializeOwned>(
        &self,
        request: hyper::http::request::Builder,
        body: Bytes,
    ) -> anyhow::Result<Result<T, String>> {
        let stream = TcpStream::connect(&self.address)
            .await
            .with_context(|| format!("the server's admin listener at {} does not answer", self.address))?;
        let (mut sender, connection) = hyper::client::conn::http1::handshake(TokioIo::new(stream)).await?;
        tokio::spawn(connection);
        let request = request
            .header(header::HOST, &self.address)
            .header(header::AUTHORIZATION, format!("Bearer {}", self.token.reveal()))
            .body(Full::new(body))?;
        let response = sender.send_request(request).await?;
        let status = response.status();
        let bytes = response.into_body().collect().await?.to_bytes();
        if status.is_success() {
            return Ok(Ok(serde_json::from_slice(&bytes).context("the server's answer cannot be read")?));
        }
        let message = serde_json::from_slice::<Failure>(&bytes).map(|failure| failure.message);
        match (status, message) {
            (
                StatusCode::NOT_FOUND | StatusCode::CONFLICT | StatusCode::UNPROCESSABLE_ENTITY,
                Ok(message),
            ) => Ok(Err(message)),
            (_, Ok(message)) => bail!("the server refuses: {message}"),
            (status, Err(_)) => bail!("the server answers {status}"),
        }
    }
}
