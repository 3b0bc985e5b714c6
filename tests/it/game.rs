//! A game's own server, as small as can be: it is asked for roles, and remembers each question.

use std::io::{BufRead, BufReader, Read, Write};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};

use serde_json::Value;

/// What it is sent for.
pub const TOKEN: &str = "the-games-secret";

/// One question.
#[derive(Clone, Debug)]
pub struct Asked {
    /// Its first line and its headers, in lower case.
    pub head: String,
    pub body: Value,
}

/// The bytes of an answer; `None` never answers.
type Answering = Arc<dyn Fn(&Asked) -> Option<String> + Send + Sync>;

/// Runs as long as the test.
pub struct Game {
    pub address: SocketAddr,
    asked: Arc<Mutex<Vec<Asked>>>,
    abandoned: Arc<AtomicUsize>,
}

impl Game {
    pub fn answering(answer: impl Fn(&Asked) -> Option<String> + Send + Sync + 'static) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = listener.local_addr().unwrap();
        let asked = Arc::new(Mutex::new(Vec::new()));
        let abandoned = Arc::new(AtomicUsize::new(0));
        let (answer, remembered): (Answering, _) = (Arc::new(answer), asked.clone());
        let counted = abandoned.clone();
        std::thread::spawn(move || {
            for stream in listener.incoming().flatten() {
                let (answer, remembered, counted) = (answer.clone(), remembered.clone(), counted.clone());
                std::thread::spawn(move || serve(stream, &answer, &remembered, &counted));
            }
        });
        Self { address, asked, abandoned }
    }

    /// Knows these roles of every player.
    pub fn with_roles(roles: &str) -> Self {
        let answer = ok(&format!(r#"{{"roles":{roles}}}"#));
        Self::answering(move |_| Some(answer.clone()))
    }

    pub fn asked(&self) -> Vec<Asked> {
        self.asked.lock().unwrap().clone()
    }

    /// Questions without an answer whose asker has hung up.
    pub fn abandoned(&self) -> usize {
        self.abandoned.load(Ordering::Relaxed)
    }

    /// The configuration with the roles of `demo` asked here.
    pub fn configured(&self, text: String) -> String {
        roles_at(self.address, &text)
    }
}

/// The configuration with the roles of `demo` asked at an address.
pub fn roles_at(address: SocketAddr, text: &str) -> String {
    let roles = format!("roles = {{ url = \"http://{address}/game/roles\", token = \"{TOKEN}\" }}");
    text.replace("[app.demo]", &format!("[app.demo]\n{roles}"))
}

/// 200 with this body.
pub fn ok(body: &str) -> String {
    format!("HTTP/1.1 200 OK\r\ncontent-length: {}\r\n\r\n{body}", body.len())
}

fn serve(stream: TcpStream, answer: &Answering, remembered: &Mutex<Vec<Asked>>, abandoned: &AtomicUsize) {
    let mut reader = BufReader::new(stream);
    let mut head = String::new();
    while !head.ends_with("\r\n\r\n") {
        if reader.read_line(&mut head).unwrap_or(0) == 0 {
            return;
        }
    }
    let head = head.to_lowercase();
    let length = head.lines().find_map(|line| line.strip_prefix("content-length: ")).unwrap();
    let mut body = vec![0; length.parse().unwrap()];
    reader.read_exact(&mut body).unwrap();
    let asked = Asked { head, body: serde_json::from_slice(&body).unwrap() };
    remembered.lock().unwrap().push(asked.clone());
    match answer(&asked) {
        // Whoever asked may have gone before all of it was written.
        Some(text) => drop(reader.get_mut().write_all(text.as_bytes())),
        None => {
            // Until whoever asked gives up.
            drop(reader.read(&mut [0]));
            abandoned.fetch_add(1, Ordering::Relaxed);
        }
    }
}
