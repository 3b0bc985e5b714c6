//! `order-ledger period`: a merchant's month, prepared by one person and closed by another.

use std::path::PathBuf;
use std::process::ExitCode;

use super::admin_client::TokenSource;
use super::answered::told;
use super::folding::Projections;
use super::output::{OutFile, Shown};
use super::{ConfigFile, door, merchant, query};
use crate::domain::bill::{MerchantId, Sha256Hex};
use crate::domain::period::Month;
use crate::http::api::{PeriodPrepared, PeriodStanding, PeriodToClose, PeriodToReopen};

#[derive(clap::Subcommand)]
pub enum Command {
    /// The months of a merchant that were prepared, closed or opened again
    List(List),
    Prepare(Prepare),
    Close(Close),
    Reopen(Reopen),
    Report(Report),
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
    #[command(flatten)]
    shown: Shown,
}

#[derive(clap::Args)]
struct Key {
    /// 商户号
    #[arg(long, value_parser = merchant)]
    merchant: MerchantId,
    /// A month in Beijing, such as 2026-01
    #[arg(long, value_parser = month)]
    month: Month,
}

fn month(text: &str) -> Result<Month, String> {
    Month::parse(text).map_err(|error| error.to_string())
}

fn sha256(text: &str) -> Result<Sha256Hex, String> {
    Sha256Hex::parse(text).map_err(|error| error.to_string())
}

/// Prepare a month: its report is filed in the log. Needs a running server and an access token
#[derive(clap::Args)]
pub struct Prepare {
    #[command(flatten)]
    config: ConfigFile,
    #[command(flatten)]
    key: Key,
    #[command(flatten)]
    token: TokenSource,
    /// The result as JSON
    #[arg(long)]
    json: bool,
}

/// Close a prepared month, with another token than prepared it. Needs a running server
#[derive(clap::Args)]
pub struct Close {
    #[command(flatten)]
    config: ConfigFile,
    #[command(flatten)]
    key: Key,
    /// The SHA-256 of the prepared report, which you have read
    #[arg(long, value_name = "SHA256", value_parser = sha256)]
    report: Sha256Hex,
    #[command(flatten)]
    token: TokenSource,
    /// The result as JSON
    #[arg(long)]
    json: bool,
}

/// Open a closed month again. Needs a running server and an admin's access token
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

/// A report that was filed, byte for byte: a line of JSON, its header, and then its rows as CSV
///
/// Needs a running server and an access token.
#[derive(clap::Args)]
pub struct Report {
    #[command(flatten)]
    config: ConfigFile,
    /// Its SHA-256, as the period tells it
    #[arg(value_parser = sha256)]
    sha256: Sha256Hex,
    /// Write to a file and not to stdout
    #[arg(long, visible_alias = "out", value_name = "FILE")]
    output: Option<PathBuf>,
    #[command(flatten)]
    token: TokenSource,
}

pub fn run(command: Command) -> anyhow::Result<ExitCode> {
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(1).enable_all().build()?;
    runtime.block_on(async {
        match command {
            Command::List(args) => list(args).await,
            Command::Prepare(args) => prepare(args).await,
            Command::Close(args) => close(args).await,
            Command::Reopen(args) => reopen(args).await,
            Command::Report(args) => report(args).await,
        }
    })
}

async fn list(args: List) -> anyhow::Result<ExitCode> {
    let List { config, projections, merchant, shown } = args;
    query::list(&config, &projections, ("reconciliation", "periods"), (&merchant, vec![]), &shown).await
}

async fn prepare(args: Prepare) -> anyhow::Result<ExitCode> {
    let client = door::server(&super::load_config(&args.config)?, &args.token)?;
    let answered = client.post::<PeriodPrepared>(&args.key.path("prepare"), &serde_json::json!({})).await?;
    let config = args.config.option();
    told(answered, args.json, |it| {
        let PeriodPrepared { merchant, month, report_sha256, rows, position, .. } = it;
        out!("{month} of {merchant} is prepared: {rows} rows, as of position {position}");
        out!("read the report, and let somebody else close it:");
        out!("  order-ledger period report {report_sha256}{config}");
        out!(
            "  order-ledger period close --merchant {merchant} --month {month} --report {report_sha256}{config}"
        );
    })
}

async fn close(args: Close) -> anyhow::Result<ExitCode> {
    let client = door::server(&super::load_config(&args.config)?, &args.token)?;
    let body = PeriodToClose { report_sha256: args.report.to_string() };
    let answered = client.post::<PeriodStanding>(&args.key.path("close"), &body).await?;
    told(answered, args.json, |it| {
        let done = if it.recorded { "is closed" } else { "had been closed so before" };
        out!("{} of {} {done}", it.month, it.merchant);
    })
}

async fn reopen(args: Reopen) -> anyhow::Result<ExitCode> {
    let client = door::server(&super::load_config(&args.config)?, &args.token)?;
    let body = PeriodToReopen { reason: args.reason };
    let answered = client.post::<PeriodStanding>(&args.key.path("reopen"), &body).await?;
    told(answered, args.json, |it| {
        let done = if it.recorded { "is open again" } else { "was open already" };
        out!("{} of {} {done}", it.month, it.merchant);
    })
}

async fn report(args: Report) -> anyhow::Result<ExitCode> {
    let client = door::server(&super::load_config(&args.config)?, &args.token)?;
    let path = format!("/v1/reports/{}", args.sha256);
    let answered = match &args.output {
        None => client.download(&path, &mut std::io::stdout()).await?,
        Some(file) => {
            let mut out = OutFile::begin(file)?;
            let answered = client.download(&path, &mut out).await?;
            if answered.is_ok() {
                out.finish()?;
            }
            answered
        }
    };
    if let Err(refusal) = answered {
        eprintln!("{}", refusal.message);
        return Ok(refusal.exit().into());
    }
    Ok(ExitCode::SUCCESS)
}

impl Key {
    fn path(&self, verb: &str) -> String {
        format!("/v1/periods/{}/{}/{verb}", self.merchant, self.month)
    }
}
