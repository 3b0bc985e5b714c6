//! `order-ledger case`: rows of the reconciliation that a person resolves.

use std::path::PathBuf;
use std::process::ExitCode;

use super::admin_client::TokenSource;
use super::answered::told;
use super::folding::Projections;
use super::output::Shown;
use super::query;
use super::{ConfigFile, FOUND_WRONG, admin_client, door};
use crate::http::api::{CaseReopened, CaseResolved, CaseToReopen, CaseToResolve, CasesResolved};

#[derive(clap::Subcommand)]
pub enum Command {
    /// The cases of a merchant that somebody has judged
    List(List),
    Resolve(Resolve),
    Reopen(Reopen),
    Import(Import),
}

#[derive(clap::Args)]
pub struct List {
    #[command(flatten)]
    config: ConfigFile,
    #[command(flatten)]
    projections: Projections,
    /// 商户号
    #[arg(long)]
    merchant: String,
    /// Only those that stand so: resolved, lapsed, reopened or gone
    #[arg(long)]
    state: Option<String>,
    /// At most so many
    #[arg(long)]
    limit: Option<u32>,
    /// Those after this one, as the page before has told
    #[arg(long)]
    after: Option<String>,
    #[command(flatten)]
    shown: Shown,
}

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
/// Needs a running server and an access token. A row that has changed since is left out and told, and the exit
/// code is 1; the others are resolved. The same file again changes nothing.
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
    let List { config, projections, merchant, state, limit, after, shown } = args;
    let limit = limit.map(|limit| limit.to_string());
    let parameters = [("merchant", Some(merchant)), ("state", state), ("limit", limit), ("after", after)];
    let parameters = query::given(parameters);
    query::list(&config, &projections, ("reconciliation", "cases"), &parameters, &shown).await
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
    let file = admin_client::open(&args.file)?;
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
