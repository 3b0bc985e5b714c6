//! The commands, one file each. Results go to stdout, progress and logs to stderr.

/// Writes a line of the result to stdout. Stands before the commands, which use it.
macro_rules! out {
    ($($part:tt)*) => {
        $crate::cli::write_line(format_args!($($part)*))
    };
}

mod admin_client;
mod answered;
// In tests too: what it plants in a month is what the report must find.
#[cfg(any(feature = "bench", test))]
mod bench;
mod bill;
mod case;
mod comparing;
mod config_check;
mod copy;
mod door;
mod find;
mod folding;
mod fresh;
mod history;
mod init;
mod log;
mod long_running;
mod output;
mod period;
mod projections;
mod quarantine;
mod query;
mod reconcile;
mod recovery;
mod refused;
mod replay;
mod seal;
mod sealing;
mod serve;
pub mod simulate;
mod token;
mod verify;

use std::io::{ErrorKind, Write};
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use crate::config::{self, AppConfig, Config};
use crate::domain::bill::MerchantId;
use crate::store::sqlite::lock_holder;

/// Exit code: done, and something was found wrong.
pub const FOUND_WRONG: u8 = 1;
/// Exit code: the command could not run.
pub const COULD_NOT_RUN: u8 = 2;

const DEFAULT_CONFIG_FILE: &str = "order-ledger.toml";

/// An event-sourced ledger for WeChat mini-game orders.
#[derive(clap::Parser)]
#[command(name = "order-ledger", version)]
pub struct Cli {
    #[command(subcommand)]
    command: Command,
}

#[derive(clap::Subcommand)]
enum Command {
    /// Write a configuration with fresh secrets
    Init(init::Args),
    /// Questions about the configuration
    #[command(subcommand)]
    Config(ConfigCommand),
    /// Receive WeChat's pushes
    Serve(serve::Args),
    History(history::Args),
    Verify(verify::Args),
    /// Authentic pushes that are unusable, and decisions about them
    #[command(subcommand)]
    Quarantine(quarantine::Command),
    /// Bill files of WeChat Pay and of others
    #[command(subcommand)]
    Bill(bill::Command),
    Reconcile(reconcile::Args),
    /// Rows of the reconciliation that a person resolves
    #[command(subcommand)]
    Case(case::Command),
    /// Orders that no push brought: one person proposes, another approves
    #[command(subcommand)]
    Recovery(recovery::Command),
    /// A merchant's month: one person prepares it, another closes it
    #[command(subcommand)]
    Period(period::Command),
    Copy(copy::Args),
    /// Requests that never reached the log
    #[command(subcommand)]
    Refused(refused::Command),
    /// Read models: the folders of SQL that answer questions
    #[command(subcommand)]
    Projections(projections::Command),
    Seal(seal::Args),
    Query(query::Args),
    Replay(replay::Args),
    Find(find::Args),
    Simulate(Simulate),
    /// Access tokens of the admin listener
    #[command(subcommand)]
    Token(TokenCommand),
    /// Measure on this machine
    #[cfg(any(feature = "bench", test))]
    #[command(subcommand)]
    Bench(bench::Bench),
}

/// Play WeChat: push a day of mixed payment pushes to a URL and check every answer.
///
/// All pushes are made before the first is sent and held in memory, 2 to 3 KB each. Shares are decimals
/// of --orders, rounded up. The result goes to stdout; the exit code is 0 when every answer was the one
/// that the protocol demands, 1 when one was not or did not come, 2 when nothing could be pushed.
#[derive(clap::Args)]
struct Simulate {
    #[command(flatten)]
    config: ConfigFile,
    #[command(flatten)]
    args: simulate::SimulateArgs,
}

#[derive(clap::Subcommand)]
enum ConfigCommand {
    /// Say everything that is wrong with the configuration, or what it configures
    Check(config_check::Args),
}

#[derive(clap::Subcommand)]
enum TokenCommand {
    /// Make an access token and show it once
    New(token::Args),
}

impl Cli {
    pub fn run(self) -> anyhow::Result<ExitCode> {
        match self.command {
            Command::Init(args) => init::run(args),
            Command::Config(ConfigCommand::Check(args)) => config_check::run(args),
            Command::Serve(args) => serve::run(args),
            Command::History(args) => history::run(args),
            Command::Verify(args) => verify::run(args),
            Command::Quarantine(command) => quarantine::run(command),
            Command::Bill(command) => bill::run(command),
            Command::Reconcile(args) => reconcile::run(args),
            Command::Case(command) => case::run(command),
            Command::Recovery(command) => recovery::run(command),
            Command::Period(command) => period::run(command),
            Command::Copy(args) => copy::run(args),
            Command::Refused(command) => refused::run(command),
            Command::Projections(command) => projections::run(command),
            Command::Seal(args) => seal::run(args),
            Command::Query(args) => query::run(args),
            Command::Replay(args) => replay::run(args),
            Command::Find(args) => find::run(args),
            Command::Simulate(Simulate { config: file, args }) => {
                let config = load_config(&file)?;
                let apps = choose_apps(&config, args.app.as_deref())?;
                let [AppConfig { app, actual_price_is, .. }] = apps.as_slice() else {
                    anyhow::bail!("--app: {} apps are configured, say which one to play", apps.len());
                };
                let payee = simulate::Payee {
                    merchant: config.merchant_of(&app.slug).cloned(),
                    actual_price_is: *actual_price_is,
                };
                simulate::run(args, app.clone(), payee, push_url(&config), file.option())
            }
            Command::Token(TokenCommand::New(args)) => token::run(args),
            #[cfg(any(feature = "bench", test))]
            Command::Bench(bench) => bench::run(bench),
        }
    }
}

/// Where the configuration is.
#[derive(clap::Args, Clone, Debug)]
pub struct ConfigFile {
    /// The configuration file
    #[arg(long = "config", value_name = "FILE", default_value = DEFAULT_CONFIG_FILE)]
    pub path: PathBuf,
}

impl ConfigFile {
    /// The option to give to another command so that it reads the same file; empty for the default.
    fn option(&self) -> String {
        if self.path == Path::new(DEFAULT_CONFIG_FILE) {
            String::new()
        } else {
            format!(" --config {}", self.path.display())
        }
    }
}

/// The environment as text. What is no text in a variable of ours becomes a wrong value and is told so.
fn environment() -> impl Iterator<Item = (String, String)> {
    let text = |os: std::ffi::OsString| os.to_string_lossy().into_owned();
    std::env::vars_os().map(move |(name, value)| (text(name), text(value)))
}

/// The configuration, or everything that is wrong with it as one error.
fn load_config(file: &ConfigFile) -> anyhow::Result<Config> {
    config::load(&file.path, environment()).map_err(|errors| {
        let lines = errors.lines().join("\n  ");
        anyhow::anyhow!("the configuration cannot be used:\n  {lines}")
    })
}

/// `1 seal`, `2 seals`.
fn counted(count: u64, one: &str) -> String {
    let end = if count == 1 { "" } else { "s" };
    format!("{count} {one}{end}")
}

/// A 商户号, as an option.
fn merchant(text: &str) -> Result<MerchantId, String> {
    MerchantId::parse(text).map_err(|error| error.to_string())
}

/// Fails where nothing is said of a merchant: a typing error is no merchant without bills.
fn is_configured(config: &Config, merchant: &MerchantId) -> anyhow::Result<()> {
    let mut known = config.merchants.iter().map(|merchant| merchant.id.as_str());
    if known.clone().any(|id| id == merchant.as_str()) {
        return Ok(());
    }
    let others = match known.next() {
        None => "none is".to_owned(),
        Some(first) => known.fold(first.to_owned(), |all, id| format!("{all}, {id}")),
    };
    anyhow::bail!("--merchant: no merchant {merchant} is configured; known: {others}")
}

/// Where a server of this configuration listens for pushes on this machine.
fn push_url(config: &Config) -> String {
    let mut address = config.push_listen;
    if address.ip().is_unspecified() {
        address.set_ip(std::net::Ipv4Addr::LOCALHOST.into());
    }
    // A free port was chosen at the start; the server has written which.
    let chosen = lock_holder(&config.store_path).and_then(|holder| holder.push);
    match chosen {
        Some(chosen) if address.port() == 0 => format!("http://{chosen}"),
        _ => format!("http://{address}"),
    }
}

/// The apps that a command is about: the named one, or all.
fn choose_apps<'a>(config: &'a Config, name: Option<&str>) -> anyhow::Result<Vec<&'a AppConfig>> {
    let chosen: Vec<_> = config
        .apps
        .iter()
        .filter(|config| name.is_none_or(|name| config.app.slug.as_str() == name))
        .collect();
    if chosen.is_empty() {
        let known: Vec<_> = config.apps.iter().map(|config| config.app.slug.as_str()).collect();
        anyhow::bail!("--app: no app {:?} is configured; known: {}", name.unwrap_or(""), known.join(", "));
    }
    Ok(chosen)
}

/// Where nobody reads on, as behind `| head`, the program ends quietly.
fn write_line(line: std::fmt::Arguments<'_>) {
    if let Err(error) = writeln!(std::io::stdout().lock(), "{line}") {
        end_where_nobody_reads(&error);
    }
}

fn end_where_nobody_reads(error: &std::io::Error) -> ! {
    if error.kind() == ErrorKind::BrokenPipe {
        std::process::exit(0);
    }
    eprintln!("order-ledger: the result cannot be written: {error}");
    std::process::exit(COULD_NOT_RUN.into())
}
