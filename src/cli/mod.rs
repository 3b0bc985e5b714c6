//! The commands, one file each. Results go to stdout, progress and logs to stderr.

mod config_check;
mod fresh;
mod init;
mod token;

use std::path::{Path, PathBuf};
use std::process::ExitCode;

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
    /// Access tokens of the admin listener
    #[command(subcommand)]
    Token(TokenCommand),
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
            Command::Token(TokenCommand::New(args)) => token::run(args),
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
