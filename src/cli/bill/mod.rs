//! `order-ledger bill`: bill files into the ledger, and what stands of them.

mod empty;
mod import;
mod told;

use std::process::ExitCode;

use anyhow::bail;
use chrono::NaiveDate;

use super::folding::Projections;
use super::output::Shown;
use super::{ConfigFile, merchant, query};
use crate::decision::usable_reason;
use crate::domain::bill::{BillKind, MerchantId};
use crate::limits;

#[derive(clap::Subcommand)]
pub enum Command {
    Import(import::Import),
    /// The files that stand, with their totals
    List(List),
    DeclareEmpty(empty::DeclareEmpty),
}

#[derive(clap::Args)]
pub struct List {
    #[command(flatten)]
    config: ConfigFile,
    #[command(flatten)]
    projections: Projections,
    /// 商户号
    #[arg(long, value_parser = merchant)]
    merchant: MerchantId,
    /// The first day
    #[arg(long)]
    from: NaiveDate,
    /// The last day
    #[arg(long)]
    to: NaiveDate,
    #[command(flatten)]
    shown: Shown,
}

pub fn run(command: Command) -> anyhow::Result<ExitCode> {
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build()?;
    runtime.block_on(async {
        match command {
            Command::Import(args) => import::run(args).await,
            Command::List(args) => list(args).await,
            Command::DeclareEmpty(args) => empty::run(args).await,
        }
    })
}

async fn list(args: List) -> anyhow::Result<ExitCode> {
    let List { config, projections, merchant, from, to, shown } = args;
    if from > to {
        bail!("--from {from} is after --to {to}");
    }
    let parameters = query::given([("from_day", Some(from.to_string())), ("to_day", Some(to.to_string()))]);
    query::list(&config, &projections, ("reconciliation", "files"), (&merchant, parameters), &shown).await
}

fn kind(text: &str) -> Result<BillKind, String> {
    BillKind::parse(text).map_err(|error| error.to_string())
}

/// The reason without blanks around it.
fn reason<'a>(option: &str, text: &'a str) -> anyhow::Result<&'a str> {
    match usable_reason(text) {
        Some(reason) => Ok(reason),
        None => bail!("{option}: 1 to {} characters", limits::REASON_CHARS_MAX),
    }
}
