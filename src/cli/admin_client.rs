//! Speaks to a running server's admin listener, for commands that write while it holds the log.

use std::fs::File;
use std::io::{Read, Write};
use std::path::Path;

use anyhow::{Context, bail};
use futures_util::stream;
use http_body_util::combinators::UnsyncBoxBody;
use http_body_util::{BodyExt, Full, StreamBody};
use hyper::body::{Bytes, Frame, Incoming};
use hyper::{Request, Response, StatusCode, header};
use hyper_util::rt::TokioIo;
use serde::Serialize;
use serde::de::DeserializeOwned;
use serde_json::Value;
use tokio::net::TcpStream;
use tokio::sync::mpsc;

use super::{COULD_NOT_RUN, FOUND_WRONG};
use crate::http::api::{ApiError, Code, percent_encoded};
use crate::limits;
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
                    "a server is running, so this goes through it: set ORDER_LEDGER_TOKEN to an access \
                     token that may do this, or give --token-file"
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

/// What the server says when it refuses what is asked.
#[derive(Debug, serde::Deserialize, serde::Serialize)]
pub struct Refusal {
    pub code: String,
    pub message: String,
    #[serde(default)]
    pub detail: Value,
}

impl Refusal {
    /// What a server would have said.
    pub fn of_api(error: ApiError) -> Self {
        let (code, message, detail) = error.told();
        Self { code: code.as_str().to_owned(), message, detail }
    }

    pub fn is(&self, code: Code) -> bool {
        self.code == code.as_str()
    }

    /// 2 where the command was asked for something wrong or unknown, or it cannot be done now; 1 where what it is
    /// about stands against it.
    pub fn exit(&self) -> u8 {
        let code = Code::ALL.iter().find(|code| self.is(**code));
        match code {
            Some(Code::Parameter | Code::Body | Code::Reason | Code::UnknownMerchant | Code::UnknownApp) => {
                COULD_NOT_RUN
            }
            Some(code) if !IS_ABOUT_CONTENT.contains(&code.status()) => COULD_NOT_RUN,
            Some(_) | None => FOUND_WRONG,
        }
    }

    /// The message for who has given options: `body.reason: …` is `--reason: …`.
    pub fn in_options(&self) -> String {
        let named = ["body.", "query."].into_iter().find_map(|part| self.message.strip_prefix(part));
        match named.and_then(|rest| rest.split_once(": ")) {
            Some((name, problem)) if name.bytes().all(|byte| byte.is_ascii_lowercase() || byte == b'_') => {
                format!("--{}: {problem}", name.replace('_', "-"))
            }
            Some(_) | None => self.message.clone(),
        }
    }

    /// What has no code.
    pub fn of(error: &anyhow::Error) -> Self {
        Self { code: "failed".to_owned(), message: format!("{error:#}"), detail: Value::Null }
    }
}

/// `Err` inside where the server refuses what is asked.
type Answered<T> = anyhow::Result<Result<T, Refusal>>;

type Sent = UnsyncBoxBody<Bytes, std::io::Error>;

impl AdminClient {
    pub fn new(address: String, token: &TokenSource) -> anyhow::Result<Self> {
        Ok(Self { address, token: token.read()? })
    }

    pub async fn post<T: DeserializeOwned>(&self, path: &str, body: &impl Serialize) -> Answered<T> {
        let body = Bytes::from(serde_json::to_vec(body)?);
        let request = Request::post(path).header(header::CONTENT_TYPE, "application/json");
        self.send(request, whole(body)).await
    }

    pub async fn get<T: DeserializeOwned>(&self, path: &str) -> Answered<T> {
        self.send(Request::get(path), whole(Bytes::new())).await
    }

    /// Sends a file as it is, and tells how many of its bytes have gone.
    pub async fn upload<T: DeserializeOwned>(
        &self,
        path: &str,
        file: File,
        sent: impl Fn(u64) + Send + 'static,
    ) -> Answered<T> {
        let about = file.metadata()?;
        let mut request = Request::post(path).header(header::CONTENT_TYPE, "application/octet-stream");
        // Of a pipe nobody knows how much is to come.
        if about.is_file() {
            request = request.header(header::CONTENT_LENGTH, about.len());
        }
        let is_gone = |error: &anyhow::Error| error.to_string() == GONE;
        match self.send(request, pieces_of(file, sent)).await {
            Err(error) if is_gone(&error) => {
                bail!("{GONE}; import the file again and it goes on ({})", error.root_cause())
            }
            answered => answered,
        }
    }

    /// An answer as it is sent, piece by piece.
    pub async fn download(
        &self,
        path: &str,
        to: &mut (dyn Write + Send),
    ) -> anyhow::Result<Result<(), Refusal>> {
        let response = self.ask(Request::get(path), whole(Bytes::new())).await?;
        if !response.status().is_success() {
            return refused(response).await.map(Err);
        }
        let mut body = response.into_body();
        while let Some(frame) = body.frame().await {
            if let Ok(piece) = frame.context(GONE)?.into_data() {
                to.write_all(&piece)?;
            }
        }
        Ok(Ok(()))
    }

    async fn send<T: DeserializeOwned>(
        &self,
        request: hyper::http::request::Builder,
        body: Sent,
    ) -> Answered<T> {
        let response = self.ask(request, body).await?;
        if !response.status().is_success() {
            return refused(response).await.map(Err);
        }
        let bytes = response.into_body().collect().await.context(GONE)?.to_bytes();
        Ok(Ok(serde_json::from_slice(&bytes).context("the server's answer cannot be read")?))
    }

    async fn ask(
        &self,
        request: hyper::http::request::Builder,
        body: Sent,
    ) -> anyhow::Result<Response<Incoming>> {
        let stream = TcpStream::connect(&self.address)
            .await
            .with_context(|| format!("the server's admin listener at {} does not answer", self.address))?;
        let (mut sender, connection) = hyper::client::conn::http1::handshake(TokioIo::new(stream)).await?;
        tokio::spawn(connection);
        let request = request
            .header(header::HOST, &self.address)
            .header(header::AUTHORIZATION, format!("Bearer {}", self.token.reveal()))
            .body(body)?;
        let answered = sender.send_request(request).await;
        // What cannot be read here is not the server's fault.
        answered.map_err(|error| {
            if error.is_user() { error.into() } else { anyhow::Error::from(error).context(GONE) }
        })
    }
}

/// With these, what was asked was understood and is refused.
const IS_ABOUT_CONTENT: [StatusCode; 5] = [
    StatusCode::NOT_FOUND,
    StatusCode::CONFLICT,
    StatusCode::PRECONDITION_FAILED,
    StatusCode::PAYLOAD_TOO_LARGE,
    StatusCode::UNPROCESSABLE_ENTITY,
];

/// What else goes wrong, as a token that may not do this, is an error.
async fn refused(response: Response<Incoming>) -> anyhow::Result<Refusal> {
    let status = response.status();
    let bytes = response.into_body().collect().await.context(GONE)?.to_bytes();
    match serde_json::from_slice::<Refusal>(&bytes) {
        Ok(refusal) if IS_ABOUT_CONTENT.contains(&status) => Ok(refusal),
        Ok(refusal) => bail!("the server refuses: {}", refusal.message),
        Err(_) => bail!("the server answers {status}"),
    }
}

const GONE: &str = "the server has ended or closed the connection";

/// A file to be sent, or a pipe.
pub fn open(path: &Path) -> anyhow::Result<File> {
    let file = File::open(path)?;
    if file.metadata()?.is_dir() {
        bail!("it is a directory: name a file in it");
    }
    Ok(file)
}

fn whole(bytes: Bytes) -> Sent {
    Full::new(bytes).map_err(|never| match never {}).boxed_unsync()
}

fn pieces_of(mut file: File, sent: impl Fn(u64) + Send + 'static) -> Sent {
    let (sender, pieces) = mpsc::channel::<std::io::Result<Frame<Bytes>>>(limits::PIECES_WAITING);
    tokio::task::spawn_blocking(move || {
        let mut bytes: u64 = 0;
        loop {
            let mut piece = vec![0; limits::PIECE_BYTES];
            let read = match file.read(&mut piece) {
                Ok(0) => return,
                Ok(read) => read,
                Err(error) => {
                    // Who no longer listens has an error of his own.
                    let _told = sender.blocking_send(Err(error));
                    return;
                }
            };
            piece.truncate(read);
            bytes += u64::try_from(read).unwrap_or(0);
            if sender.blocking_send(Ok(Frame::data(piece.into()))).is_err() {
                return;
            }
            sent(bytes);
        }
    });
    let next = async |mut pieces: mpsc::Receiver<_>| Some((pieces.recv().await?, pieces));
    StreamBody::new(stream::unfold(pieces, next)).boxed_unsync()
}

/// `?name=value&…` of those that have a value; empty where none has.
pub fn query(pairs: &[(&str, Option<&str>)]) -> String {
    let given = pairs.iter().filter_map(|(name, value)| Some((*name, (*value)?)));
    let pairs: Vec<_> = given.map(|(name, value)| format!("{name}={}", percent_encoded(value))).collect();
    if pairs.is_empty() { String::new() } else { format!("?{}", pairs.join("&")) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_place_of_the_request_is_told_as_the_option_that_said_it() {
        for (message, told) in [
            ("body.day: 2026-11-21 is not over", "--day: 2026-11-21 is not over"),
            ("query.merchant: is missing", "--merchant: is missing"),
            ("body.out_trade_no: has a blank", "--out-trade-no: has a blank"),
            ("body: it is no JSON: line 1", "body: it is no JSON: line 1"),
            ("body.roles[0].role_id: is empty", "body.roles[0].role_id: is empty"),
            ("no merchant 77 is configured", "no merchant 77 is configured"),
        ] {
            let refusal =
                Refusal { code: "body".to_owned(), message: message.to_owned(), detail: Value::Null };
            assert_eq!(refusal.in_options(), told);
        }
    }
}
