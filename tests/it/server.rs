//! A server of our own: its configuration in a temporary folder, its process, its log lines, and HTTP to it.

use std::fs::{File, Permissions};
use std::io::{BufRead, BufReader};
use std::net::SocketAddr;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitStatus, Output, Stdio};
use std::time::{Duration, Instant};

use http_body_util::{BodyExt, Full};
use hyper::body::Bytes;
use hyper::{Request, Response};
use hyper_util::rt::TokioIo;
use order_ledger::cli::simulate::PushRequest;
use order_ledger::config::{self, Config};
use order_ledger::wechat::App;
use tempfile::TempDir;

pub const TOKEN: &str = "AAAAA";
pub const AES_KEY: &str = "AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA";
pub const APP_ID: &str = "wxba5fad812f8e6fb9";
pub const PRODUCTION_KEY: &str = "prod-app-key-0123456789abcdef";
pub const SANDBOX_KEY: &str = "sandbox-app-key-0123456789abcdef";
/// The admin's access token, and its SHA-256 is in the configuration.
pub const ADMIN_TOKEN: &str = "olt_test-admin";

pub const BINARY: &str = env!("CARGO_BIN_EXE_order-ledger");

/// What has not come by then will not come: far longer than a busy machine may take.
pub const HANGS_AFTER: Duration = Duration::from_secs(300);

/// Tests that load the machine or measure time take turns; under nextest `.config/nextest.toml` says so.
pub async fn busy() -> tokio::sync::MutexGuard<'static, ()> {
    static TURN: tokio::sync::Mutex<()> = tokio::sync::Mutex::const_new(());
    TURN.lock().await
}

/// A folder with a configuration, ready to be served.
pub struct Home {
    folder: TempDir,
}

impl Home {
    /// One app `demo` in plain mode.
    pub fn new() -> Self {
        Self::with(|text| text)
    }

    /// In security mode.
    pub fn secure() -> Self {
        Self::with(|text| text.replace("mode = \"plain\"", "mode = \"security\""))
    }

    /// With the configuration changed.
    pub fn with(change: impl FnOnce(String) -> String) -> Self {
        let home = Self { folder: tempfile::tempdir().unwrap() };
        let admin_sha256 = hex::encode(<sha2::Sha256 as sha2::Digest>::digest(ADMIN_TOKEN));
        home.configure(&change(format!(
            r#"[push]
listen = "127.0.0.1:0"
[admin]
listen = "127.0.0.1:0"
[store]
path = "{store}"
[views]
dir = "{views}"
[app.demo]
app_id = "{APP_ID}"
mode = "plain"
tokens = [{{ value = "{TOKEN}" }}]
encoding_aes_keys = [{{ value = "{AES_KEY}" }}]
production_keys = [{{ value = "{PRODUCTION_KEY}" }}]
sandbox_keys = [{{ value = "{SANDBOX_KEY}" }}]
[access.tester]
role = "admin"
token_sha256 = "{admin_sha256}"
"#,
            store = home.store().display(),
            views = home.views().display()
        )));
        home
    }

    pub fn folder(&self) -> &Path {
        self.folder.path()
    }

    pub fn store(&self) -> PathBuf {
        self.folder().join("data/events.db")
    }

    /// Beside the folder of the log, whose disk the tests let fail.
    pub fn views(&self) -> PathBuf {
        self.folder().join("views")
    }

    pub fn config_file(&self) -> PathBuf {
        self.folder().join("order-ledger.toml")
    }

    pub fn configure(&self, text: &str) {
        std::fs::write(self.config_file(), text).unwrap();
        // It holds secrets, and the server would warn.
        std::fs::set_permissions(self.config_file(), Permissions::from_mode(0o600)).unwrap();
    }

    pub fn reconfigure(&self, change: impl FnOnce(String) -> String) {
        self.configure(&change(std::fs::read_to_string(self.config_file()).unwrap()));
    }

    pub fn config(&self) -> Config {
        config::load(&self.config_file(), []).unwrap()
    }

    /// The app with its keys, as WeChat would know them.
    pub fn app(&self) -> App {
        self.config().apps[0].app.clone()
    }

    /// A command of the program over this configuration.
    pub fn command(&self, args: &[&str]) -> Command {
        let mut command = Command::new(BINARY);
        command.args(args).arg("--config").arg(self.config_file()).current_dir(self.folder());
        command
    }

    pub fn run(&self, args: &[&str]) -> Output {
        self.command(args).output().unwrap()
    }

    pub fn serve(&self) -> Server {
        Server::start(self.command(&["serve"]), self.folder())
    }
}

/// A server that ended instead of becoming ready.
#[derive(Debug)]
pub struct Ended {
    pub status: ExitStatus,
    pub log: String,
}

/// A running server; killed when dropped.
pub struct Server {
    child: Child,
    pub push: SocketAddr,
    pub admin: SocketAddr,
    log: PathBuf,
    /// From the start of the process to the line that says it is ready.
    pub ready_after: Duration,
}

impl Server {
    /// Starts `serve` and waits for its ready line.
    pub fn start(command: Command, folder: &Path) -> Self {
        Self::try_start(command, folder).unwrap_or_else(|ended| panic!("the server did not start: {ended:?}"))
    }

    /// `Err` where the process ends before it is ready.
    pub fn try_start(mut command: Command, folder: &Path) -> Result<Self, Ended> {
        let begun = Instant::now();
        let log = folder.join(format!("serve-{}.log", uuid::Uuid::new_v4()));
        let mut child = command.stdout(Stdio::piped()).stderr(File::create(&log).unwrap()).spawn().unwrap();
        let mut line = String::new();
        BufReader::new(child.stdout.take().unwrap()).read_line(&mut line).unwrap();
        let Ok(ready) = serde_json::from_str::<serde_json::Value>(&line) else {
            let status = child.wait().unwrap();
            return Err(Ended { status, log: std::fs::read_to_string(&log).unwrap() });
        };
        let address = |name: &str| ready[name].as_str().unwrap().parse().unwrap();
        let ready_after = begun.elapsed();
        Ok(Self { child, push: address("push"), admin: address("admin"), log, ready_after })
    }

    pub fn id(&self) -> u32 {
        self.child.id()
    }

    /// What it has logged so far.
    pub fn log(&self) -> String {
        std::fs::read_to_string(&self.log).unwrap()
    }

    /// Errors and warnings in what it has logged.
    pub fn complaints(&self) -> Vec<String> {
        let complains = |line: &&str| line.contains(" ERROR ") || line.contains(" WARN ");
        self.log().lines().filter(complains).map(str::to_owned).collect()
    }

    /// Waits until the log says something.
    pub async fn logged(&self, text: &str) {
        until(&format!("the log says {text:?}"), || self.log().contains(text)).await;
    }

    /// `kill -9`.
    pub fn kill(mut self) {
        self.child.kill().unwrap();
        self.child.wait().unwrap();
    }

    pub fn signal(&self, name: &str) {
        let id = self.id().to_string();
        assert!(Command::new("kill").args([&format!("-{name}"), &id]).status().unwrap().success());
    }

    /// SIGTERM, and how the process ended.
    pub fn terminate(mut self) -> ExitStatus {
        self.signal("TERM");
        self.child.wait().unwrap()
    }

    /// Waits for a process that ends by itself.
    pub fn ended(mut self) -> ExitStatus {
        self.child.wait().unwrap()
    }

    pub async fn push(&self, request: &PushRequest) -> Answer {
        self.post(&request.path_and_query, request.content_type, request.body.clone()).await
    }

    pub async fn post(&self, path: &str, content_type: &str, body: impl Into<Bytes>) -> Answer {
        let request = Request::post(path).header("content-type", content_type);
        send(self.push, request.body(Full::new(body.into())).unwrap()).await
    }

    pub async fn get(&self, path: &str) -> Answer {
        send(self.push, Request::get(path).body(Full::default()).unwrap()).await
    }

    /// Waits until `/readyz` answers with this status, and tells what it said.
    pub async fn until_ready_is(&self, status: u16) -> String {
        let begun = Instant::now();
        loop {
            let ready = self.admin("GET", "/readyz", "").await;
            if ready.status == status {
                return ready.body;
            }
            assert!(begun.elapsed() < HANGS_AFTER, "waited in vain for {status}: {ready:?}");
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
    }

    /// A request to the admin listener by the administrator.
    pub async fn admin(&self, method: &str, path: &str, body: &str) -> Answer {
        let request = Request::builder()
            .method(method)
            .uri(path)
            .header("authorization", format!("Bearer {ADMIN_TOKEN}"))
            .header("content-type", "application/json");
        send(self.admin, request.body(Full::from(body.to_owned())).unwrap()).await
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        // Where it has ended already there is nothing to kill.
        let _ended = self.child.kill();
        let _reaped = self.child.wait();
    }
}

/// What was answered.
#[derive(Debug, PartialEq, Eq)]
pub struct Answer {
    pub status: u16,
    pub content_type: String,
    pub body: String,
}

impl Answer {
    /// `ErrCode` of an answer to a push, JSON or XML.
    pub fn code(&self) -> u32 {
        let after = |mark: &str| {
            let rest = self.body.split_once(mark)?.1;
            rest.split(|c: char| !c.is_ascii_digit()).next()?.parse().ok()
        };
        after("\"ErrCode\":").or_else(|| after("<ErrCode>")).unwrap_or_else(|| panic!("no ErrCode: {self:?}"))
    }
}

/// One request on a connection of its own. Host is filled in.
pub async fn send(to: SocketAddr, mut request: Request<Full<Bytes>>) -> Answer {
    let host = to.to_string().parse().unwrap();
    request.headers_mut().insert("host", host);
    let stream = tokio::net::TcpStream::connect(to).await.unwrap();
    let (mut sender, connection) = hyper::client::conn::http1::handshake(TokioIo::new(stream)).await.unwrap();
    tokio::spawn(connection);
    answer(sender.send_request(request).await.unwrap()).await
}

async fn answer(response: Response<hyper::body::Incoming>) -> Answer {
    let status = response.status().as_u16();
    let content_type = response.headers().get("content-type").map(|value| value.to_str().unwrap().to_owned());
    let body = response.into_body().collect().await.unwrap().to_bytes();
    let body = String::from_utf8(body.to_vec()).unwrap();
    Answer { status, content_type: content_type.unwrap_or_default(), body }
}

/// Waits for a condition, and fails when it does not come true.
pub async fn until(what: &str, mut condition: impl FnMut() -> bool) {
    let begun = Instant::now();
    while !condition() {
        assert!(begun.elapsed() < HANGS_AFTER, "waited in vain until {what}");
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
}
