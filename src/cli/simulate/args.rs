//! The options of `order-ledger simulate`, and what they come to for one app.

use std::path::PathBuf;
use std::time::Duration;

use anyhow::{bail, ensure};
use chrono::{DateTime, Utc};
use clap::ValueEnum;

use super::bill::{BillFile, Payee};
use super::plan::{Sequence, Settings, Shares};
use super::play::Pace;
use super::push::Writing;
use super::share::Share;
use crate::domain::environment::Environment;
use crate::wechat::signature::AppKey;
use crate::wechat::{App, Channel, Mode};

/// What to play, and how.
#[derive(clap::Args, Clone, Debug)]
pub struct SimulateArgs {
    /// Whose keys sign; may be left out where only one app is configured
    #[arg(long, value_name = "SLUG")]
    pub app: Option<String>,
    /// Base URL, like http://127.0.0.1:8080; /wechat/SLUG[/CHANNEL] is added [default: as configured]
    #[arg(long)]
    pub url: Option<String>,
    /// The channel to push to: goods, events or general [default: the app's own]
    #[arg(long, value_parser = parse_channel)]
    pub channel: Option<Channel>,
    /// How many orders
    #[arg(long, default_value_t = 1000, value_name = "N")]
    pub orders: u32,
    /// How many connections push at the same time
    #[arg(long, default_value_t = 16, value_name = "N", value_parser = clap::value_parser!(u16).range(1..))]
    pub connections: u16,
    /// Pushes a second; latency then counts from when a push was due [default: as fast as answers come]
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u32).range(1..))]
    pub rate: Option<u32>,
    /// How pushes are written
    #[arg(long, value_enum, default_value_t = WrittenAs::Mixed)]
    pub format: WrittenAs,
    /// How pushes are transported [default: the channel's mode]
    #[arg(long, value_enum)]
    pub mode: Option<ModeName>,
    /// Orders pushed again one to three times, at once and later [default: 0.2]
    #[arg(long, value_name = "SHARE")]
    pub repeats: Option<Share>,
    /// Pushes altered on their way [default: 0.01]
    #[arg(long, value_name = "SHARE")]
    pub tampered: Option<Share>,
    /// Pushes signed with the other environment's key [default: 0.005, or 0 without both keys]
    #[arg(long, value_name = "SHARE")]
    pub wrong_env: Option<Share>,
    /// Orders pushed again later at another price [default: 0.01]
    #[arg(long, value_name = "SHARE")]
    pub conflicts: Option<Share>,
    /// Mock pushes [default: 0.005]
    #[arg(long, value_name = "SHARE")]
    pub mocks: Option<Share>,
    /// Orders in the sandbox [default: 0.1 where there are keys of both environments]
    #[arg(long, value_name = "SHARE")]
    pub sandbox: Option<Share>,
    /// Orders that are coins [default: 0.1]
    #[arg(long, value_name = "SHARE")]
    pub coins: Option<Share>,
    /// Orders that are refunded later [default: 0.03]
    #[arg(long, value_name = "SHARE")]
    pub refunds: Option<Share>,
    /// Gifts; they carry no signature and so exist in security mode only [default: 0.02 there]
    #[arg(long, value_name = "SHARE")]
    pub gifts: Option<Share>,
    /// Role list queries [default: 0.05]
    #[arg(long, value_name = "SHARE")]
    pub roles: Option<Share>,
    /// For benchmarks: first pushes of goods only, in production, as JSON in plain mode
    #[arg(long, conflicts_with_all = ["format", "mode", "repeats", "tampered", "wrong_env", "conflicts",
        "mocks", "sandbox", "coins", "refunds", "gifts", "roles"])]
    pub only_goods: bool,
    /// With --only-goods: push in a random order, not in that of the order numbers. Mixed pushes always are
    #[arg(long, requires = "only_goods")]
    pub shuffle: bool,
    /// Sign production orders with AppKeys that are no invention of `init --demo`. In a log they are real
    /// orders for ever: never where real players are served
    #[arg(long)]
    pub production: bool,
    /// Send a push again, on WeChat's schedule, when no answer came or the store was not available
    #[arg(long)]
    pub retry: bool,
    /// The pauses of the schedule are divided by this
    #[arg(long, default_value_t = 1000, value_name = "N", value_parser = clap::value_parser!(u32).range(1..))]
    pub retry_scale: u32,
    /// An answer must have come within this time
    #[arg(long, default_value_t = 3000, value_name = "MS", value_parser = clap::value_parser!(u64).range(1..))]
    pub timeout_ms: u64,
    /// Plays the same again: numbers and contents follow from the seed [default: random, and shown]
    #[arg(long)]
    pub seed: Option<u64>,
    /// Also write the day's trade bill of WeChat Pay: what `order-ledger bill import` takes. Its merchant is the
    /// one that the configuration says the app is paid to
    #[arg(long, value_name = "FILE")]
    pub bill: Option<PathBuf>,
    /// Payments that the bill tells wrongly: left out, at another amount and unknown to the ledger, in turn
    #[arg(long, value_name = "SHARE", requires = "bill", default_value = "0.005")]
    pub bill_flaws: Share,
    /// Print the result as JSON
    #[arg(long)]
    pub json: bool,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum WrittenAs {
    Json,
    Xml,
    Mixed,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum ModeName {
    Plain,
    Compatible,
    Security,
}

fn parse_channel(name: &str) -> Result<Channel, String> {
    Channel::parse(name).ok_or_else(|| {
        let names: Vec<_> = Channel::NAMED.iter().map(|channel| channel.as_str()).collect();
        format!("there are the channels {}", names.join(", "))
    })
}

/// Begins the AppKeys that `init --demo` invents. WeChat's have letters and digits only.
pub const DEMO_APP_KEY: &str = "demo-";

impl SimulateArgs {
    /// Refuses to write production orders that nobody paid where real ones may stand.
    pub fn check_keys(&self, app: &App) -> anyhow::Result<()> {
        let is_invented = |key: &AppKey| key.secret().reveal().starts_with(DEMO_APP_KEY);
        let sandbox_only = self.sandbox == Some(Share::ALL);
        if self.production || sandbox_only || app.production_keys.first().is_none_or(is_invented) {
            return Ok(());
        }
        bail!(
            "app {} has a real AppKey of production: what is simulated with it stands in the log as paid \
             orders for ever. Use --sandbox 1, a configuration by `order-ledger init --demo`, or, if that \
             log is for trying things out, --production",
            app.slug
        )
    }

    /// What is to be written, where a bill is asked for.
    pub fn bill_file(&self, app: &App, payee: Payee) -> anyhow::Result<Option<BillFile>> {
        let Some(path) = self.bill.clone() else { return Ok(None) };
        let Payee { merchant, actual_price_is } = payee;
        let Some(merchant) = merchant else {
            bail!(
                "--bill: the configuration does not say to whom app {0} is paid: add [merchant.NUMBER] with \
                 apps = [\"{0}\"]",
                app.slug
            );
        };
        Ok(Some(BillFile { path, merchant, actual_price_is, flaws: self.bill_flaws }))
    }

    pub fn pace(&self) -> Pace {
        Pace {
            connections: usize::from(self.connections),
            rate: self.rate,
            wait: Duration::from_millis(self.timeout_ms),
            retry_scale: self.retry.then_some(self.retry_scale),
        }
    }

    /// Fails with a reason where the app's keys do not suffice for what is asked.
    pub fn settings(&self, app: &App, seed: u64, now: DateTime<Utc>) -> anyhow::Result<Settings> {
        let channel = self.channel.unwrap_or(Channel::Default);
        let mode = self.mode(app, channel)?;
        let shares = if self.only_goods { Shares::default() } else { self.shares(app, mode)? };
        if shares.sandbox != Share::ALL {
            needs_key(app, Environment::Production)?;
        }
        if shares.sandbox != Share::NONE {
            needs_key(app, Environment::Sandbox)?;
        }
        let format = if self.only_goods { WrittenAs::Json } else { self.format };
        let writings: &[Writing] = match format {
            WrittenAs::Json => &[Writing::Json],
            WrittenAs::Xml => &[Writing::XmlCdata, Writing::XmlEscaped],
            WrittenAs::Mixed => &[Writing::Json, Writing::Json, Writing::XmlCdata, Writing::XmlEscaped],
        };
        let orders = usize::try_from(self.orders)?;
        let sequence =
            if self.only_goods && !self.shuffle { Sequence::AsOrdered } else { Sequence::Shuffled };
        Ok(Settings { orders, channel, mode, writings, shares, sequence, seed, now })
    }

    fn mode(&self, app: &App, channel: Channel) -> anyhow::Result<Mode> {
        let keys = app.channel(channel);
        let asked = if self.only_goods { Some(ModeName::Plain) } else { self.mode };
        let mode = match asked {
            None => keys.mode,
            Some(ModeName::Plain) => Mode::Plain,
            Some(ModeName::Compatible) => Mode::Compatible,
            Some(ModeName::Security) => Mode::Security,
        };
        ensure!(!keys.tokens.is_empty(), "app {} has no Token, which signs the URL of a push", app.slug);
        if mode != Mode::Plain && keys.aes_keys.is_empty() {
            bail!(
                "app {} has no EncodingAESKey, which this mode needs; set one, or use --mode plain",
                app.slug
            );
        }
        if mode == Mode::Plain && keys.mode == Mode::Security {
            bail!("app {} is in security mode and refuses plain pushes", app.slug);
        }
        Ok(mode)
    }

    fn shares(&self, app: &App, mode: Mode) -> anyhow::Result<Shares> {
        let has = |env| !app.keys(env).is_empty();
        let (production, sandbox) = (has(Environment::Production), has(Environment::Sandbox));
        let both = |percent| if production && sandbox { percent } else { Share::NONE };
        let default_sandbox = if sandbox && !production { Share::ALL } else { both(Share::percent(10)) };
        let default_gifts = if mode == Mode::Security { Share::percent(2) } else { Share::NONE };
        let shares = Shares {
            repeats: self.repeats.unwrap_or(Share::percent(20)),
            conflicts: self.conflicts.unwrap_or(Share::percent(1)),
            coins: self.coins.unwrap_or(Share::percent(10)),
            sandbox: self.sandbox.unwrap_or(default_sandbox),
            refunds: self.refunds.unwrap_or(Share::percent(3)),
            tampered: self.tampered.unwrap_or(Share::percent(1)),
            wrong_env: self.wrong_env.unwrap_or(both(Share::per_mille(5))),
            mocks: self.mocks.unwrap_or(Share::per_mille(5)),
            roles: self.roles.unwrap_or(Share::percent(5)),
            gifts: self.gifts.unwrap_or(default_gifts),
        };
        if shares.gifts != Share::NONE && mode != Mode::Security {
            bail!("gifts carry no signature and are accepted encrypted only: --gifts needs --mode security");
        }
        if shares.wrong_env != Share::NONE {
            needs_key(app, Environment::Production)?;
            needs_key(app, Environment::Sandbox)?;
        }
        Ok(shares)
    }
}

fn needs_key(app: &App, env: Environment) -> anyhow::Result<()> {
    ensure!(!app.keys(env).is_empty(), "app {} has no AppKey of the {env}, which this run needs", app.slug);
    Ok(())
}
