//! `order-ledger reconcile`: the reconciliation's report.

use std::fs::File;
use std::io::{BufWriter, IsTerminal, Write};
use std::path::PathBuf;
use std::process::ExitCode;

use anyhow::{Context, bail};
use chrono::{DateTime, NaiveDate, Utc};

use super::folding::{Projections, ReadModels};
use super::{ConfigFile, query};
use crate::domain::bill::MerchantId;
use crate::projector::Snapshot;
use crate::reconcile::report::{self, Written};
use crate::reconcile::scope::Scope;
use crate::table::csv::Bom;
use crate::{clock, limits};

/// Hold the ledger against the bills: what matches, what differs, and what is missing on either side
///
/// Reads the files that a running server folds. Where none runs, what has not been folded yet is folded first.
/// The same log, days and --as-of give the same bytes.
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
    /// How the report is written; a table shows sums, gaps and the first differences
    #[arg(long, value_enum, default_value_t = Format::Table)]
    format: Format,
    /// The same as --format json
    #[arg(long, conflicts_with = "format")]
    json: bool,
    /// Write to a file and not to stdout
    #[arg(long, alias = "out", value_name = "FILE")]
    output: Option<PathBuf>,
    /// CSV begins with a byte order mark, which older Excel needs
    #[arg(long)]
    bom: bool,
    /// The moment that ages are counted to, RFC 3339. Without it: now
    #[arg(long, value_name = "MOMENT")]
    as_of: Option<DateTime<Utc>>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, clap::ValueEnum)]
enum Format {
    Table,
    Csv,
    Xlsx,
    Json,
}

fn merchant(text: &str) -> Result<MerchantId, String> {
    MerchantId::parse(text).map_err(|error| error.to_string())
}

pub fn run(args: Args) -> anyhow::Result<ExitCode> {
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(1).enable_all().build()?;
    runtime.block_on(reconcile(args))
}

async fn reconcile(args: Args) -> anyhow::Result<ExitCode> {
    let bom = if args.bom { Bom::With } else { Bom::Without };
    let format = match if args.json { Format::Json } else { args.format } {
        Format::Table => report::Format::Table,
        Format::Csv => report::Format::Csv(bom),
        Format::Xlsx => report::Format::Xlsx,
        Format::Json => report::Format::Json,
    };
    if format == report::Format::Xlsx && args.output.is_none() && std::io::stdout().is_terminal() {
        bail!("--format xlsx is no text: name a file with --output, or redirect stdout");
    }
    let as_of = args.as_of.unwrap_or_else(clock::now);
    let scope = Scope::new(args.merchant, (args.from, args.to), args.status, as_of)?;
    let models = ReadModels::open(&args.config, &args.projections).await?;
    let snapshot = models.projector.snapshot("reconciliation", None, limits::QUERY_POSITION_WAIT).await?;
    query::tell_if_behind(&models, snapshot.position()).await?;
    let output = args.output.clone();
    let written = tokio::task::spawn_blocking(move || write(snapshot, &scope, format, output)).await??;
    if let Some(path) = &args.output {
        let Written { rows, bytes, sha256, .. } = written;
        eprintln!("{}: {rows} rows, {bytes} bytes, SHA-256 {sha256}", path.display());
    }
    models.close().await?;
    Ok(ExitCode::SUCCESS)
}

fn write(
    snapshot: Snapshot,
    scope: &Scope,
    format: report::Format,
    output: Option<PathBuf>,
) -> anyhow::Result<Written> {
    let Some(path) = output else {
        let mut out = Quiet(BufWriter::new(std::io::stdout()));
        let written = report::write(&snapshot, scope, format, &mut out)?;
        out.flush()?;
        return Ok(written);
    };
    let place = || path.display().to_string();
    let mut out = BufWriter::new(File::create(&path).with_context(place)?);
    let written = report::write(&snapshot, scope, format, &mut out)?;
    out.flush().with_context(place)?;
    Ok(written)
}

/// Where nobody reads on, as behind `| head`, the program ends quietly.
struct Quiet<W>(W);

impl<W: Write> Write for Quiet<W> {
    fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
        self.0.write(bytes).or_else(end_or)
    }

    fn flush(&mut self) -> std::io::Result<()> {
        self.0.flush().or_else(end_or)
    }
}

fn end_or<T>(error: std::io::Error) -> std::io::Result<T> {
    if error.kind() == std::io::ErrorKind::BrokenPipe {
        super::end_where_nobody_reads(&error);
    }
    Err(error)
}
