//! The server under load: a process of its own, with its configuration and log in a temporary folder.

use std::io::{BufRead, BufReader, Read, Write};
use std::net::TcpStream;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};

use anyhow::{Context, ensure};
use serde::Deserialize;

/// Removed with everything in it when dropped.
pub struct Folder {
    path: PathBuf,
}

impl Folder {
    /// Below the current folder, so that the disk measured is the one people expect.
    pub fn new() -> anyhow::Result<Self> {
        let path = std::env::current_dir()?.join("target").join(format!("bench-{}", std::process::id()));
        std::fs::create_dir_all(&path)?;
        let folder = Self { path };
        let init = Command::new(std::env::current_exe()?)
            .args(["init", "--demo", "--config"])
            .arg(folder.config())
            .stdout(Stdio::null())
            .status()?;
        ensure!(init.success(), "no configuration could be made");
        // Sealing is measured by itself.
        let mut config: toml_edit::DocumentMut = std::fs::read_to_string(folder.config())?.parse()?;
        config.remove("seal");
        std::fs::write(folder.config(), config.to_string())?;
        Ok(folder)
    }

    pub fn path(&self) -> &Path {
        &self.path
    }

    pub fn config(&self) -> PathBuf {
        self.path.join("order-ledger.toml")
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        if let Err(error) = std::fs::remove_dir_all(&self.path) {
            eprintln!("{} stays behind: {error}", self.path.display());
        }
    }
}

/// What the server says of itself at the end.
pub struct Kept {
    pub events: u64,
    pub commits: u64,
    /// At its highest.
    pub memory_kib: u64,
}

pub struct BenchServer {
    child: Child,
    pub push: String,
    admin: String,
    log: PathBuf,
}

#[derive(Deserialize)]
struct Ready {
    push: String,
    admin: String,
}

/// What a server does with pushes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Serves {
    /// It forgets them.
    Nothing,
    Durably,
    DurablyAndFolds,
}

impl BenchServer {
    pub fn start(folder: &Folder, serves: Serves) -> anyhow::Result<Self> {
        Self::start_in(folder.path.join("log"), folder, serves)
    }

    /// With log and read models in another place, which goes with the server.
    pub fn start_in(log: PathBuf, folder: &Folder, serves: Serves) -> anyhow::Result<Self> {
        let args: &[&str] = match serves {
            Serves::Nothing => &["--store-nothing", "--fold-nothing"],
            Serves::Durably => &["--fold-nothing"],
            Serves::DurablyAndFolds => &[],
        };
        Self::start_with(log, folder, args, &[])
    }

    /// The same with options of `serve` and of the configuration.
    pub fn start_with(
        log: PathBuf,
        folder: &Folder,
        args: &[&str],
        settings: &[(&str, &str)],
    ) -> anyhow::Result<Self> {
        let mut command = Command::new(std::env::current_exe()?);
        command
            .arg("serve")
            .arg("--config")
            .arg(folder.config())
            .env("ORDER_LEDGER__PUSH__LISTEN", "127.0.0.1:0")
            .env("ORDER_LEDGER__ADMIN__LISTEN", "127.0.0.1:0")
            .env("ORDER_LEDGER__STORE__PATH", log.join("events.db"))
            .env("ORDER_LEDGER__VIEWS__DIR", log.join("views"))
            .env("RUST_LOG", "error")
            .envs(settings.iter().copied())
            .args(args)
            .stdout(Stdio::piped());
        let mut child = command.spawn()?;
        let mut line = String::new();
        let stdout = child.stdout.take().context("the server has no stdout")?;
        BufReader::new(stdout).read_line(&mut line)?;
        let Ready { push, admin } = serde_json::from_str(&line).context("the server did not start")?;
        Ok(Self { child, push, admin, log })
    }

    /// The folder of the log.
    pub fn log(&self) -> &Path {
        &self.log
    }

    pub fn stop(mut self) -> anyhow::Result<Kept> {
        let metrics = self.metrics()?;
        let status = std::fs::read_to_string(format!("/proc/{}/status", self.child.id()))?;
        let kept = Kept {
            events: figure(&metrics, "order_ledger_events_appended ")?,
            commits: figure(&metrics, "order_ledger_commits ")?,
            memory_kib: figure(&status, "VmHWM:")?,
        };
        let terminated = Command::new("kill").arg(self.child.id().to_string()).status()?;
        ensure!(terminated.success() && self.child.wait()?.success(), "the server did not end well");
        std::fs::remove_dir_all(&self.log)?;
        Ok(kept)
    }

    fn metrics(&self) -> anyhow::Result<String> {
        let mut stream = TcpStream::connect(&self.admin)?;
        write!(stream, "GET /metrics HTTP/1.1\r\nHost: {}\r\nConnection: close\r\n\r\n", self.admin)?;
        let mut text = String::new();
        stream.read_to_string(&mut text)?;
        Ok(text)
    }
}

impl Drop for BenchServer {
    fn drop(&mut self) {
        // Where it has ended already there is nothing to kill.
        let _ended = self.child.kill();
        let _reaped = self.child.wait();
    }
}

/// The whole number behind a name, on a line of its own.
pub fn figure(text: &str, name: &str) -> anyhow::Result<u64> {
    let line = text.lines().find_map(|line| line.strip_prefix(name));
    let digits = line.and_then(|rest| rest.split_whitespace().next());
    digits.and_then(|digits| digits.parse().ok()).with_context(|| format!("{name:?} is missing"))
}
