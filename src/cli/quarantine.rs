//! `order-ledger quarantine`: authentic pushes that are unusable, and what people decide about them.

use std::process::ExitCode;

use anyhow::{Context, bail};
use serde_json::json;

use super::admin_client::TokenSource;
use super::door::{Door, Here};
use super::log::{LogPlace, OwnLog};
use super::{ConfigFile, FOUND_WRONG};
use crate::audit::quarantined::{self, Held};
use crate::config::Config;
use crate::decision::{self, DecisionError};
use crate::domain::app::AppSlug;
use crate::domain::quarantine::{Reason, Resolution};
use crate::http::api::{Decision, Resolved};
use crate::moment::beijing;
use crate::wechat::receive::judge_again;
use crate::{clock, limits};

#[derive(clap::Subcommand)]
pub enum Command {
    /// The pushes that wait for a decision, oldest first
    List {
        #[command(flatten)]
        config: ConfigFile,
        /// Those decided about as well
        #[arg(long)]
        all: bool,
        /// One JSON object a line
        #[arg(long)]
        json: bool,
    },
    /// One push with its payload, reason and decisions
    Show(Show),
    /// Take a push over. If it would be accepted by now, it becomes the order that it is. If not, it makes no order: deliver what is owed by hand, and say how in the reason. WeChat's repeats are answered success from now on
    Adopt(Decide),
    /// Judge that nothing is owed: WeChat's repeats are answered success from now on. Refused for a push that would be accepted by now
    Dismiss(Decide),
}

#[derive(clap::Args)]
pub struct Show {
    #[command(flatten)]
    config: ConfigFile,
    /// Its id, or the beginning of it
    id: String,
    /// The result as JSON
    #[arg(long)]
    json: bool,
}

#[derive(clap::Args)]
pub struct Decide {
    #[command(flatten)]
    config: ConfigFile,
    /// Its id, or the beginning of it
    id: String,
    /// Why; it stays in the log for ever
    #[arg(long)]
    reason: String,
    #[command(flatten)]
    token: TokenSource,
    /// The result as JSON
    #[arg(long)]
    json: bool,
}

pub fn run(command: Command) -> anyhow::Result<ExitCode> {
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(1).enable_all().build()?;
    match command {
        Command::List { config, all, json } => {
            let config = super::load_config(&config)?;
            let held = runtime.block_on(all_held(&config))?;
            for held in held.iter().filter(|held| all || held.resolution.is_none()) {
                out!("{}", if json { as_json(held, &config).to_string() } else { as_line(held, &config) });
            }
            Ok(ExitCode::SUCCESS)
        }
        Command::Show(Show { config, id, json }) => {
            let Some(id) = runtime.block_on(full_id(&super::load_config(&config)?, &id))? else {
                return Ok(not_held(&config, &id));
            };
            super::history::run(super::history::Args::of(config, id, json))
        }
        Command::Adopt(decide) => runtime.block_on(resolve(decide, Resolution::Adopted)),
        Command::Dismiss(decide) => runtime.block_on(resolve(decide, Resolution::Dismissed)),
    }
}

fn not_held(config: &ConfigFile, id: &str) -> ExitCode {
    let option = config.option();
    eprintln!("no push is in quarantine under {id:?}: order-ledger quarantine list --all{option}");
    FOUND_WRONG.into()
}

async fn all_held(config: &Config) -> anyhow::Result<Vec<Held>> {
    let log = LogPlace::of(config).open_to_read().await?;
    Ok(quarantined::all(log.as_ref()).await?)
}

/// The whole id that a beginning names.
async fn full_id(config: &Config, beginning: &str) -> anyhow::Result<Option<String>> {
    let held = all_held(config).await?;
    let mut ids = held.into_iter().map(|held| held.id).filter(|id| id.starts_with(beginning));
    match (ids.next(), ids.next()) {
        (Some(id), None) => Ok(Some(id)),
        (Some(one), Some(other)) => bail!("{beginning:?} begins more than one id: {one} and {other}"),
        (None, _) => Ok(None),
    }
}

fn words(reason: &Reason) -> String {
    match reason {
        Reason::OtherEnvironmentKey => "signed with the other environment's key".into(),
        Reason::Unusable(detail) => detail.clone(),
        Reason::UnrecognizedEvent { money_at_stake: true } => "unknown event with an order number".into(),
        Reason::UnrecognizedEvent { money_at_stake: false } => "unknown event".into(),
    }
}

/// `acceptable`: with the keys of now it would be an order, or is one by now. Adopting it makes sure.
fn state(held: &Held, config: &Config) -> &'static str {
    match held.resolution {
        None if is_acceptable(held, config) => "acceptable",
        None => "waiting",
        Some(Resolution::Adopted) => "adopted",
        Some(Resolution::Dismissed) => "dismissed",
    }
}

fn is_acceptable(held: &Held, config: &Config) -> bool {
    let app = config.apps.iter().map(|config| &config.app).find(|app| app.slug == held.app);
    let evidence = held.evidence.as_ref();
    app.zip(evidence).is_some_and(|(app, evidence)| judge_again(app, evidence).is_some())
}

fn as_line(held: &Held, config: &Config) -> String {
    format!(
        "{}  {}  {}  {}  {}  {}  {}",
        held.id.get(..16).unwrap_or(&held.id),
        beijing(held.since),
        state(held, config),
        held.app,
        held.out_trade_no.as_deref().unwrap_or("-"),
        held.event,
        words(&held.reason)
    )
}

fn as_json(held: &Held, config: &Config) -> serde_json::Value {
    json!({
        "id": held.id,
        "since": beijing(held.since),
        "state": state(held, config),
        "app": held.app.as_str(),
        "out_trade_no": held.out_trade_no,
        "event": held.event,
        "reason": held.reason.code(),
        "detail": words(&held.reason),
    })
}

async fn resolve(decide: Decide, how: Resolution) -> anyhow::Result<ExitCode> {
    let config = super::load_config(&decide.config)?;
    let Some(reason) = decision::usable_reason(&decide.reason) else {
        bail!("--reason: 1 to {} characters", limits::REASON_CHARS_MAX);
    };
    let Some(id) = full_id(&config, &decide.id).await? else {
        return Ok(not_held(&decide.config, &decide.id));
    };
    let done = match Door::open(&config, &decide.token).await? {
        Door::Here(log) => resolve_here(&config, log, &id, how, reason).await?,
        Door::Server(client) => {
            let verb = match how {
                Resolution::Adopted => "adopt",
                Resolution::Dismissed => "dismiss",
            };
            let decision = Decision { reason: reason.to_owned() };
            let answered = client.post(&format!("/v1/quarantine/{id}/{verb}"), &decision).await?;
            answered.map_err(|refusal| refusal.message)
        }
    };
    match done {
        Ok(resolved) if decide.json => {
            out!("{}", serde_json::to_string(&resolved)?);
            Ok(ExitCode::SUCCESS)
        }
        Ok(Resolved { recorded: true, by, delivered: Some(number) }) => {
            out!("{id} is adopted by {by}: it is accepted now and stands as {number}");
            Ok(ExitCode::SUCCESS)
        }
        Ok(Resolved { recorded: true, by, delivered: None }) => {
            out!("{id} is decided by {by}: WeChat's repeats are answered success from now on");
            Ok(ExitCode::SUCCESS)
        }
        Ok(Resolved { recorded: false, .. }) => {
            out!("{id} had been decided so before; nothing changed");
            Ok(ExitCode::SUCCESS)
        }
        Err(message) => {
            eprintln!("{id}: {message}");
            Ok(FOUND_WRONG.into())
        }
    }
}

/// No server runs: this process takes the log's lock and writes itself.
async fn resolve_here(
    config: &Config,
    log: OwnLog,
    id: &str,
    how: Resolution,
    reason: &str,
) -> anyhow::Result<Result<Resolved, String>> {
    let here = Here::open(log).await?;
    let decision = decision::Decision { how, by: &here.by, reason, at: clock::now() };
    let find_app =
        |slug: &AppSlug| config.apps.iter().map(|config| &config.app).find(|app| app.slug == *slug);
    let done = decision::decide(&here.ledger, id, &decision, find_app).await;
    let by = here.by.clone();
    here.close().await;
    match done {
        Ok(decided) => Ok(Ok(Resolved::new(decided, by))),
        Err(DecisionError::Ledger(error)) => Err(error).context("the decision could not be recorded"),
        Err(error) => Ok(Err(error.to_string())),
    }
}
