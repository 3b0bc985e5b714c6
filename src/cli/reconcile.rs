//! `order-ledger reconcile`: the reconciliation's report.

use std::path::PathBuf;
use std::process::ExitCode;

use anyhow::Context;
use chrono::NaiveDate;

use super::folding::{Projections, ReadModels};
use super::output::{Format, OutFile, Shown, Stdout};
use super::{ConfigFile, FOUND_WRONG, is_configured, merchant, query};
use crate::clock;
use crate::domain::bill::MerchantId;
use crate::reconcile::header::Header;
use crate::reconcile::report::{self, Written};
use crate::reconcile::scope::Scope;
use crate::reconcile::source::{PROJECTION, Sealed};
use crate::table::csv::Bom;

/// Hold the ledger against the bills: what matches, what differs, and what is missing on either side
///
/// Reads the files that a running server folds. Where none runs, what has not been folded yet is folded first.
/// The same log, days and --as-of give the same bytes. A table shows sums, gaps and the first differences. The
/// exit code is 0 when the report is written, whatever it says; with --check it is 1 where something is left to
/// be done; 2 when it could not be written, or a server does not come to fold what has been written before.
#[derive(clap::Args)]
pub struct Args {
    #[command(flatten)]
    config: ConfigFile,
    #[command(flatten)]
    projections: Projections,
    /// 商户号
    #[arg(long, value_parser = merchant)]
    merchant: MerchantId,
    /// The first accounting day, in Beijing, such as 2026-01-01
    #[arg(long)]
    from: NaiveDate,
    /// The last one
    #[arg(long)]
    to: NaiveDate,
    /// Only rows of this status, such as missing_in_bill; the sums are of all
    #[arg(long)]
    status: Option<String>,
    /// Exit 1 where a difference waits for a decision, its case open or lapsed, or a day is without bill
    #[arg(long)]
    check: bool,
    #[command(flatten)]
    shown: Shown,
}

pub fn run(args: Args) -> anyhow::Result<ExitCode> {
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(1).enable_all().build()?;
    runtime.block_on(reconcile(args))
}

async fn reconcile(args: Args) -> anyhow::Result<ExitCode> {
    let Args { config, projections, shown, .. } = args;
    let bom = if shown.bom { Bom::With } else { Bom::Without };
    let format = match shown.format()? {
        Format::Table => report::Format::Table,
        Format::Csv => report::Format::Csv(bom),
        Format::Xlsx => report::Format::Xlsx,
        Format::Json => report::Format::Json,
    };
    let as_of = shown.as_of.unwrap_or_else(clock::now);
    let scope = Scope::new(args.merchant, (args.from, args.to), args.status, as_of)?;
    is_configured(&super::load_config(&config)?, &scope.merchant)?;
    let written = ReadModels::with(&config, &projections, async |models| {
        let snapshot = models.snapshot(PROJECTION).await?;
        query::tell_if_behind(models, snapshot.position()).await?;
        let taken = Sealed::of(snapshot, models.log.as_ref()).await?;
        let output = shown.file.clone();
        tokio::task::spawn_blocking(move || write(&taken, &scope, format, output)).await?
    })
    .await?;
    if let Some(path) = &shown.file {
        let Written { rows, bytes, sha256, .. } = &written;
        eprintln!("{}: {rows} rows, {bytes} bytes, SHA-256 {sha256}", path.display());
    }
    Ok(if args.check { checked(&written.header) } else { ExitCode::SUCCESS })
}

fn write(
    taken: &Sealed,
    scope: &Scope,
    format: report::Format,
    output: Option<PathBuf>,
) -> anyhow::Result<Written> {
    let Some(path) = output else {
        return Ok(report::write(taken, scope, format, Stdout)?);
    };
    let mut file = OutFile::begin(&path)?;
    let written =
        report::write(taken, scope, format, &mut file).with_context(|| path.display().to_string())?;
    file.finish()?;
    Ok(written)
}

/// 1 where something is left to be done, and what it is, on stderr.
fn checked(header: &Header) -> ExitCode {
    let (open, gaps) = (header.open_rows(), header.gaps().rows.len());
    if open == 0 && gaps == 0 {
        return ExitCode::SUCCESS;
    }
    eprintln!("--check: differences that wait for a decision: {open}; days without bill: {gaps}");
    FOUND_WRONG.into()
}
