//! `order-ledger case`: rows of the reconciliation that a person resolves.

use std::path::PathBuf;
use std::process::ExitCode;

use anyhow::{Context, bail};
use chrono::NaiveDate;

use super::admin_client::TokenSource;
use super::answered::told;
use super::folding::Projections;
use super::output::Shown;
use super::{ConfigFile, FOUND_WRONG, admin_client, door, merchant, query};
use crate::domain::bill::MerchantId;
use crate::http::api::{CaseReopened, CaseResolved, CaseToReopen, CaseToResolve, CasesResolved};
use crate::reconcile::source::PROJECTION;

#[derive(clap::Subcommand)]
pub enum Command {
    List(List),
    Resolve(Resolve),
    Reopen(Reopen),
    Import(Import),
}

/// The cases of a merchant that somebody has judged, or, with --state open, the differences nobody has
#[derive(clap::Args)]
pub struct List {
    #[command(flatten)]
    config: ConfigFile,
    #[command(flatten)]
    projections: Projections,
    /// 商户号
    #[arg(long, value_parser = merchant)]
    merchant: MerchantId,
    /// Only those that stand so
    #[arg(long, value_enum)]
    state: Option<State>,
    /// Of open cases: the first accounting day. Without it: all days
    #[arg(long)]
    from: Option<NaiveDate>,
    /// Of open cases: the last accounting day. Without it: all days
    #[arg(long)]
    to: Option<NaiveDate>,
    /// At most so many
    #[arg(long)]
    limit: Option<u32>,
    /// Those after this one, as the page before has told
    #[arg(long)]
    after: Option<String>,
    #[command(flatten)]
    shown: Shown,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, clap::ValueEnum)]
enum State {
    /// Rows of the reconciliation that wait for a decision, those among them that had one and lapsed
    Open,
    Resolved,
    /// Resolved, and the facts have changed since
    Lapsed,
    Reopened,
    /// Resolved, and no row is there any more
    Gone,
}

impl State {
    /// As the question `cases` takes it; open cases are rows and no cases yet.
    fn of_cases(self) -> Option<&'static str> {
        match self {
            Self::Open => None,
            Self::Resolved => Some("resolved"),
            Self::Lapsed => Some("lapsed"),
            Self::Reopened => Some("reopened"),
            Self::Gone => Some("gone"),
        }
    }
}

/// Before and after every day of a ledger.
const ANY_DAY: (&str, &str) = ("1970-01-01", "9999-12-31");

/// Which case, by the columns `case_kind` and `case_id` of its row.
#[derive(clap::Args)]
struct Key {
    /// 商户号
    #[arg(long)]
    merchant: String,
    /// order, payment, refund or bill_refund
    #[arg(long)]
    kind: String,
    /// Such as demo.ORD-20260101-0001
    #[arg(long)]
    id: String,
}

/// Resolve a case: say why a difference is all right. Needs a running server and an access token
///
/// The facts that were judged are recorded. Where they change, the case is open again by itself.
#[derive(clap::Args)]
pub struct Resolve {
    #[command(flatten)]
    config: ConfigFile,
    #[command(flatten)]
    key: Key,
    /// Why; it stays in the log for ever
    #[arg(long)]
    reason: String,
    /// Only while the row has this status
    #[arg(long)]
    status: Option<String>,
    /// Only while the row tells these facts
    #[arg(long)]
    facts: Option<String>,
    #[command(flatten)]
    token: TokenSource,
    /// The result as JSON
    #[arg(long)]
    json: bool,
}

/// Open a resolved case again. Needs a running server and an access token
#[derive(clap::Args)]
pub struct Reopen {
    #[command(flatten)]
    config: ConfigFile,
    #[command(flatten)]
    key: Key,
    /// Why; it stays in the log for ever
    #[arg(long)]
    reason: String,
    #[command(flatten)]
    token: TokenSource,
    /// The result as JSON
    #[arg(long)]
    json: bool,
}

/// Resolve the rows of an edited report, XLSX or CSV: those with `case_state` resolved and a `case_reason`
///
/// Needs a running server and an access token. A row that has changed since, of whose case somebody has spoken
/// since, or that says anything else is left out and told, and the exit code is 1; the others are resolved. The same
/// file again changes nothing.
#[derive(clap::Args)]
pub struct Import {
    #[command(flatten)]
    config: ConfigFile,
    file: PathBuf,
    /// 商户号
    #[arg(long)]
    merchant: String,
    #[command(flatten)]
    token: TokenSource,
    /// The result as JSON
    #[arg(long)]
    json: bool,
}

pub fn run(command: Command) -> anyhow::Result<ExitCode> {
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(1).enable_all().build()?;
    runtime.block_on(async {
        match command {
            Command::List(args) => list(args).await,
            Command::Resolve(args) => resolve(args).await,
            Command::Reopen(args) => reopen(args).await,
            Command::Import(args) => import(args).await,
        }
    })
}

async fn list(args: List) -> anyhow::Result<ExitCode> {
    let List { config, projections, merchant, state, from, to, limit, after, shown } = args;
    let limit = limit.map(|limit| limit.to_string());
    if state == Some(State::Open) {
        if from.zip(to).is_some_and(|(from, to)| from > to) {
            bail!("--from is after --to");
        }
        let day =
            |day: Option<NaiveDate>, any: &str| day.map_or_else(|| any.to_owned(), |day| day.to_string());
        let parameters = query::given([
            ("from_day", Some(day(from, ANY_DAY.0))),
            ("to_day", Some(day(to, ANY_DAY.1))),
            ("only_differences", Some("true".to_owned())),
            ("case_state", Some("open".to_owned())),
            ("limit", limit),
            ("after", after),
        ]);
        return query::list(&config, &projections, (PROJECTION, "rows"), (&merchant, parameters), &shown)
            .await;
    }
    if from.is_some() || to.is_some() {
        bail!("--from and --to are of open cases: give --state open with them");
    }
    let state = state.and_then(State::of_cases).map(str::to_owned);
    let parameters = query::given([("state", state), ("limit", limit), ("after", after)]);
    query::list(&config, &projections, (PROJECTION, "cases"), (&merchant, parameters), &shown).await
}

async fn resolve(args: Resolve) -> anyhow::Result<ExitCode> {
    let client = door::server(&super::load_config(&args.config)?, &args.token)?;
    let Resolve { key: Key { merchant, kind, id }, reason, status, facts, json, .. } = args;
    let facts = facts.map(serde_json::Value::String);
    let body = CaseToResolve { merchant, kind, id, reason, status, facts };
    let answered = client.post::<CaseResolved>("/v1/cases/resolve", &body).await?;
    told(answered, json, |resolved| {
        let done = if resolved.recorded { "is resolved" } else { "had been resolved so before" };
        out!("{} {} {done}, as {}", body.kind, body.id, resolved.status);
    })
}

async fn reopen(args: Reopen) -> anyhow::Result<ExitCode> {
    let client = door::server(&super::load_config(&args.config)?, &args.token)?;
    let Reopen { key: Key { merchant, kind, id }, reason, json, .. } = args;
    let body = CaseToReopen { merchant, kind, id, reason };
    let answered = client.post::<CaseReopened>("/v1/cases/reopen", &body).await?;
    told(answered, json, |reopened| {
        let done = if reopened.recorded { "is open again" } else { "was open already" };
        out!("{} {} {done}", body.kind, body.id);
    })
}

async fn import(args: Import) -> anyhow::Result<ExitCode> {
    let client = door::server(&super::load_config(&args.config)?, &args.token)?;
    // Before the server is asked.
    let file = admin_client::open(&args.file).with_context(|| args.file.display().to_string())?;
    let query = admin_client::query(&[("merchant", Some(&args.merchant))]);
    let path = format!("/v1/cases/upload{query}");
    let answered = client.upload::<CasesResolved>(&path, file, |_| {}).await?;
    let is_part = |done: &CasesResolved| !done.refused.is_empty() || done.stopped.is_some();
    let is_part = answered.as_ref().is_ok_and(is_part);
    let exit = told(answered, args.json, |done| {
        let CasesResolved { recorded, before, refused, stopped, .. } = done;
        out!("{recorded} resolved, {before} had been resolved before, {} refused", refused.len());
        for row in refused {
            eprintln!("{}: {} {}: {}", row.place, row.kind, row.id, row.problem);
        }
        if let Some(why) = stopped {
            eprintln!("the rest was not looked at: {why}; import the file again and it goes on");
        }
    })?;
    Ok(if is_part { FOUND_WRONG.into() } else { exit })
}
