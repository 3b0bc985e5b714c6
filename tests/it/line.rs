//! A kept-alive connection that sees every byte of an answer, and whether one began at all.

use std::net::SocketAddr;

use order_ledger::cli::simulate::PushRequest;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

/// Why a push got no answer. WeChat would push again in all cases.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Unanswered {
    NotConnected,
    /// Closed before the first byte of an answer.
    Closed,
    /// Closed in the middle of an answer.
    Cut,
}

/// One connection, opened when it is needed and opened anew after a failure.
pub struct Line {
    to: SocketAddr,
    stream: Option<TcpStream>,
}

impl Line {
    pub fn new(to: SocketAddr) -> Self {
        Self { to, stream: None }
    }

    /// The whole answer as text, but for the line that tells the date.
    pub async fn push(&mut self, push: &PushRequest) -> Result<String, Unanswered> {
        let mut stream = match self.stream.take() {
            Some(stream) => stream,
            None => TcpStream::connect(self.to).await.map_err(|_| Unanswered::NotConnected)?,
        };
        stream.set_nodelay(true).map_err(|_| Unanswered::NotConnected)?;
        // Where writing fails, reading tells why.
        let _written = stream.write_all(&wire(push)).await;
        let (answer, stays_open) = read_answer(&mut stream).await?;
        self.stream = stays_open.then_some(stream);
        Ok(answer)
    }
}

pub fn is_success(answer: &str) -> bool {
    code_of(answer) == Some(0)
}

/// `ErrCode` of a JSON answer with status 200.
pub fn code_of(answer: &str) -> Option<u32> {
    let answer = answer.strip_prefix("HTTP/1.1 200 ")?;
    answer.split_once(r#""ErrCode":"#)?.1.split_once(',')?.0.parse().ok()
}

fn wire(push: &PushRequest) -> Vec<u8> {
    let mut bytes = format!(
        "POST {} HTTP/1.1\r\nhost: ledger\r\ncontent-type: {}\r\ncontent-length: {}\r\n\r\n",
        push.path_and_query,
        push.content_type,
        push.body.len()
    )
    .into_bytes();
    bytes.extend_from_slice(&push.body);
    bytes
}

/// An answer, and whether the connection can be used again.
async fn read_answer(stream: &mut TcpStream) -> Result<(String, bool), Unanswered> {
    let mut read = Vec::with_capacity(512);
    loop {
        let ended = if read.is_empty() { Unanswered::Closed } else { Unanswered::Cut };
        match stream.read_buf(&mut read).await {
            Ok(0) | Err(_) => return Err(ended),
            Ok(_) => {}
        }
        let text = std::str::from_utf8(&read).unwrap();
        let Some((head, body)) = text.split_once("\r\n\r\n") else { continue };
        let length: usize = header(head, "content-length").unwrap().parse().unwrap();
        assert!(body.len() <= length, "more than one answer: {text}");
        if body.len() == length {
            let stays_open = header(head, "connection") != Some("close");
            let lines = head.lines().filter(|line| !line.starts_with("date: "));
            return Ok((lines.chain(["", body]).collect::<Vec<_>>().join("\n"), stays_open));
        }
    }
}

fn header<'a>(head: &'a str, name: &str) -> Option<&'a str> {
    head.lines().find_map(|line| line.strip_prefix(name)?.strip_prefix(": "))
}
