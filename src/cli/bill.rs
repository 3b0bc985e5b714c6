//! `order-ledger bill`: bill files into the ledger, and what stands of them.

use std::fs::File;
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::sync::Arc;
use std::time::Duration;

use anyhow::{Context, bail};
use chrono::NaiveDate;
use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};
use serde_json::json;

use super::admin_client::{self, AdminClient, Refusal, TokenSource};
use super::door::{Door, Here};
use super::folding::Projections;
use super::query::{self, Shown};
use super::{ConfigFile, FOUND_WRONG};
use crate::bill::Hints;
use crate::config::Config;
use crate::decision::usable_reason;
use crate::domain::bill::{BillKey, BillKind, MerchantId};
use crate::http::Keys;
use crate::http::api::{BillDayImported, BillImported, DayOutcome, EmptyDay, EmptyDeclared};
use crate::import::{self, ImportError, ImportRequest, Progress};
use crate::ledger::BillImportError;
use crate::spool::Spool;
use crate::{clock, limits};

#[derive(clap::Subcommand)]
pub enum Command {
    Import(Import),
    /// The files that stand, with their totals
    List(List),
    DeclareEmpty(DeclareEmpty),
}

/// Import bill files: plain, GZIP or XLSX; through a running server, or alone
///
/// The same content again changes nothing. An import that was interrupted goes on when it is run again. A file
/// that cannot be read or does not add up appends nothing; the files behind it are still taken, and the exit
/// code is 1.
#[derive(clap::Args)]
pub struct Import {
    #[command(flatten)]
    config: ConfigFile,
    #[arg(required = true, value_name = "FILE")]
    files: Vec<PathBuf>,
    /// 商户号, where the file does not say it
    #[arg(long, value_parser = merchant)]
    merchant: Option<MerchantId>,
    /// The bill's day, such as 2026-01-01, where its rows do not say it
    #[arg(long)]
    day: Option<NaiveDate>,
    /// all, success, refund, fundflow or a profile's, where the file does not say it
    #[arg(long, value_parser = kind)]
    kind: Option<BillKind>,
    /// The layout, one of [bill_profile.NAME]; without it, it is told by the header
    #[arg(long)]
    profile: Option<String>,
    /// Take the place of another file for the same merchant, day and kind, and why
    #[arg(long, value_name = "REASON")]
    supersede: Option<String>,
    #[command(flatten)]
    token: TokenSource,
    /// One JSON object a file
    #[arg(long)]
    json: bool,
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
    /// The first day
    #[arg(long)]
    from: NaiveDate,
    /// The last day
    #[arg(long)]
    to: NaiveDate,
    #[command(flatten)]
    shown: Shown,
}

/// Declare that WeChat has no bill for a day (NO_STATEMENT_EXIST): it counts as covered
#[derive(clap::Args)]
pub struct DeclareEmpty {
    #[command(flatten)]
    config: ConfigFile,
    /// 商户号
    #[arg(long, value_parser = merchant)]
    merchant: MerchantId,
    /// The day, such as 2026-01-01
    #[arg(long)]
    day: NaiveDate,
    /// all, success, refund, fundflow or a profile's
    #[arg(long, value_parser = kind)]
    kind: BillKind,
    /// Why; it stays in the log for ever
    #[arg(long)]
    reason: String,
    #[command(flatten)]
    token: TokenSource,
    /// The result as JSON
    #[arg(long)]
    json: bool,
}

fn merchant(text: &str) -> Result<MerchantId, String> {
    MerchantId::parse(text).map_err(|error| error.to_string())
}

fn kind(text: &str) -> Result<BillKind, String> {
    BillKind::parse(text).map_err(|error| error.to_string())
}

pub fn run(command: Command) -> anyhow::Result<ExitCode> {
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build()?;
    runtime.block_on(async {
        match command {
            Command::Import(args) => import(args).await,
            Command::List(args) => list(args).await,
            Command::DeclareEmpty(args) => declare_empty(args).await,
        }
    })
}

async fn list(args: List) -> anyhow::Result<ExitCode> {
    let List { config, projections, merchant, from, to, shown } = args;
    let parameters = [
        ("merchant".to_owned(), merchant),
        ("from_day".to_owned(), from.to_string()),
        ("to_day".to_owned(), to.to_string()),
    ];
    query::list(&config, &projections, ("reconciliation", "files"), &parameters, &shown).await
}

/// The reason without blanks around it.
fn reason<'a>(option: &str, text: &'a str) -> anyhow::Result<&'a str> {
    match usable_reason(text) {
        Some(reason) => Ok(reason),
        None => bail!("{option}: 1 to {} characters", limits::REASON_CHARS_MAX),
    }
}

async fn import(args: Import) -> anyhow::Result<ExitCode> {
    let config = super::load_config(&args.config)?;
    let supersede = args.supersede.as_deref().map(|text| reason("--supersede", text)).transpose()?;
    let importer = match Door::open(&config, &args.token)? {
        Door::Server(client) => Importer::Server(client),
        Door::Here(store) => {
            let here = Here::open(store).await?;
            super::serve::register(&here.ledger, &config).await?;
            let (keys, spool) = (Keys::of(&config)?, Spool::beside(&config.store_path));
            Importer::Alone(Box::new(Alone { here, keys, spool }))
        }
    };
    let mut exit = ExitCode::SUCCESS;
    for file in &args.files {
        match importer.import(file, &args, supersede).await {
            Ok(imported) if args.json => out!("{}", serde_json::to_string(&imported)?),
            Ok(imported) => tell(file, &imported),
            Err(refusal) => {
                exit = FOUND_WRONG.into();
                if args.json {
                    let Refusal { code, message, detail } = &refusal;
                    let file = file.display().to_string();
                    out!("{}", json!({"file": file, "code": code, "message": message, "detail": detail}));
                }
                eprintln!("{}: {}", file.display(), refusal.message);
                tell_differences(&refusal);
            }
        }
    }
    importer.close().await;
    Ok(exit)
}

/// No server runs: this process imports.
struct Alone {
    here: Here,
    keys: Keys,
    spool: Spool,
}

enum Importer {
    Server(AdminClient),
    Alone(Box<Alone>),
}

impl Importer {
    async fn import(
        &self,
        file: &Path,
        args: &Import,
        supersede: Option<&str>,
    ) -> Result<BillImported, Refusal> {
        let done = match self {
            Self::Server(client) => through_server(client, file, args, supersede).await,
            Self::Alone(alone) => alone.import(file, args, supersede).await,
        };
        // One file that cannot even be opened does not keep the others out.
        done.unwrap_or_else(|error| Err(Refusal::of(&error)))
    }

    async fn close(self) {
        match self {
            Self::Server(_) => {}
            Self::Alone(alone) => alone.here.close().await,
        }
    }
}

fn file_name(file: &Path) -> String {
    file.file_name().map_or_else(|| "file".to_owned(), |name| name.to_string_lossy().into_owned())
}

async fn through_server(
    client: &AdminClient,
    file: &Path,
    args: &Import,
    supersede: Option<&str>,
) -> anyhow::Result<Result<BillImported, Refusal>> {
    let opened = File::open(file)?;
    let bytes = opened.metadata()?.len();
    let day = args.day.map(|day| day.to_string());
    let name = file_name(file);
    let query = admin_client::query(&[
        ("merchant", args.merchant.as_ref().map(MerchantId::as_str)),
        ("day", day.as_deref()),
        ("kind", args.kind.as_ref().map(BillKind::as_str)),
        ("profile", args.profile.as_deref()),
        ("file_name", Some(&name)),
        ("supersede", supersede),
    ]);
    let bar = bar("{msg} {wide_bar} {binary_bytes} of {binary_total_bytes}", Some(bytes));
    bar.set_message(name.clone());
    let shown = bar.clone();
    let sent = move |sent: u64| {
        shown.set_position(sent);
        if sent >= bytes {
            shown.set_style(spinner("{msg} {spinner} the server imports it, {elapsed}"));
        }
    };
    let answered = client.upload(&format!("/v1/bills{query}"), opened, sent).await;
    bar.finish_and_clear();
    answered
}

impl Alone {
    async fn import(
        &self,
        file: &Path,
        args: &Import,
        supersede: Option<&str>,
    ) -> anyhow::Result<Result<BillImported, Refusal>> {
        let Self { here, keys, spool } = self;
        // A copy, for the file may change while it is read.
        let (from, spool) = (file.to_owned(), spool.clone());
        let copied = tokio::task::spawn_blocking(move || {
            let mut original = File::open(from)?;
            let mut copy = spool.file()?;
            std::io::copy(&mut original, &mut copy)?;
            anyhow::Ok(copy)
        });
        let copy = copied.await??;
        let hints = Hints {
            merchant: args.merchant.clone(),
            day: args.day,
            kind: args.kind.clone(),
            profile: args.profile.clone(),
        };
        let (supersede, by, at) = (supersede.map(str::to_owned), here.by.clone(), clock::now());
        let request = ImportRequest { hints, supersede, file_name: file_name(file), by, at };
        let bar = bar("{msg} {spinner} {human_pos} lines checked, {per_sec}", None);
        bar.set_message(request.file_name.clone());
        let shown = bar.clone();
        let watcher: import::Watcher = Arc::new(move |progress| match progress {
            Progress::Checked { lines } => shown.set_position(lines),
            Progress::Appended { lines, of } => {
                if shown.length() != Some(of) {
                    shown.set_length(of);
                    shown.set_style(style(
                        "{msg} {wide_bar} {human_pos} of {human_len} lines, {per_sec}, {eta} left",
                    ));
                }
                shown.set_position(lines);
            }
        });
        let done =
            import::run(&here.ledger, &keys.profiles, &keys.routes, copy.path(), &request, &watcher).await;
        bar.finish_and_clear();
        match done {
            Ok(imported) => Ok(Ok(imported.into())),
            Err(ImportError::Ledger(error)) => Err(error).context("the bill could not be recorded"),
            Err(error) => Ok(Err(Refusal::of_api(error.into()))),
        }
    }
}

fn bar(template: &str, length: Option<u64>) -> ProgressBar {
    let bar = ProgressBar::with_draw_target(length, ProgressDrawTarget::stderr_with_hz(5));
    bar.set_style(style(template));
    bar.enable_steady_tick(Duration::from_millis(200));
    bar
}

fn style(template: &str) -> ProgressStyle {
    ProgressStyle::with_template(template).unwrap_or_else(|_| ProgressStyle::default_bar())
}

fn spinner(template: &str) -> ProgressStyle {
    ProgressStyle::with_template(template).unwrap_or_else(|_| ProgressStyle::default_spinner())
}

fn tell(file: &Path, imported: &BillImported) {
    let BillImported { merchant, kind, rows, sha256, lines, .. } = imported;
    let rows = lines_of(*rows);
    out!("{}: merchant {merchant}, {kind}, {rows}, SHA-256 {sha256}", file.display());
    for day in &imported.days {
        out!("  {}: {}", day.day, told(day));
    }
    for (app, count) in &lines.apps {
        out!("  {} of {app}", lines_of(*count));
    }
    if lines.other_apps > 0 {
        out!("  {} with an AppID that is not configured", lines_of(lines.other_apps));
    }
    if lines.no_app > 0 {
        out!("  {} without an AppID", lines_of(lines.no_app));
    }
}

fn lines_of(count: u64) -> String {
    if count == 1 { "1 line".to_owned() } else { format!("{count} lines") }
}

fn told(day: &BillDayImported) -> String {
    let BillDayImported { rows, lines_stood, superseded, .. } = day;
    let rows = lines_of(*rows);
    let done = match day.outcome {
        DayOutcome::Imported => format!("{rows} imported"),
        DayOutcome::Resumed => {
            format!("{rows} imported; {lines_stood} of them had been appended by a run that was interrupted")
        }
        DayOutcome::Stands => format!("{rows} stood already; nothing was appended"),
    };
    match superseded {
        Some(sha256) => format!("{done}; {sha256} is superseded"),
        None => done,
    }
}

/// The lines by which a file differs from what stands.
fn tell_differences(refusal: &Refusal) {
    let rows = refusal.detail.get("rows").and_then(serde_json::Value::as_array);
    for row in rows.into_iter().flatten() {
        let text = |name: &str| row.get(name).and_then(serde_json::Value::as_str).unwrap_or_default();
        let line = row.get("line").and_then(serde_json::Value::as_u64).unwrap_or_default();
        eprintln!("  {} line {line} {}: {}", text("day"), text("change"), text("id"));
        let columns = row.get("columns").and_then(serde_json::Value::as_array);
        for column in columns.into_iter().flatten() {
            let name = column.get("column").and_then(serde_json::Value::as_str).unwrap_or_default();
            let value = |side: &str| column.get(side).map_or_else(String::new, ToString::to_string);
            eprintln!("    {name}: {} stands, {} in the file", value("stands"), value("file"));
        }
    }
}

async fn declare_empty(args: DeclareEmpty) -> anyhow::Result<ExitCode> {
    let config = super::load_config(&args.config)?;
    let reason = reason("--reason", &args.reason)?;
    let done = match Door::open(&config, &args.token)? {
        Door::Server(client) => {
            let (merchant, day) = (args.merchant.to_string(), args.day);
            let body = EmptyDay { merchant, day, kind: args.kind.to_string(), reason: reason.to_owned() };
            client.post("/v1/bills/empty", &body).await?
        }
        Door::Here(store) => {
            let here = Here::open(store).await?;
            let done = declare_here(&here, &config, &args, reason).await;
            here.close().await;
            done?
        }
    };
    match done {
        Ok(declared) if args.json => out!("{}", serde_json::to_string(&declared)?),
        Ok(EmptyDeclared { recorded: true, .. }) => {
            out!("{} of {} on {} is declared empty", args.kind, args.merchant, args.day);
        }
        Ok(EmptyDeclared { recorded: false, .. }) => {
            out!("that had been declared before; nothing changed");
        }
        Err(refusal) => {
            eprintln!("{}", refusal.message);
            return Ok(FOUND_WRONG.into());
        }
    }
    Ok(ExitCode::SUCCESS)
}

async fn declare_here(
    here: &Here,
    config: &Config,
    args: &DeclareEmpty,
    reason: &str,
) -> anyhow::Result<Result<EmptyDeclared, Refusal>> {
    super::serve::register(&here.ledger, config).await?;
    let keys = Keys::of(config)?;
    if !keys.routes.merchants.contains(&args.merchant) {
        bail!("no merchant {} is configured: add [merchant.{}]", args.merchant, args.merchant);
    }
    let Some(covers) = keys.profiles.covers(&args.kind) else {
        bail!("--kind: no profile has the kind {}", args.kind);
    };
    let key = BillKey { merchant: args.merchant.clone(), day: args.day, kind: args.kind.clone() };
    match here.ledger.declare_empty(&key, covers, reason, &here.by, clock::now()).await {
        Ok(declared) => Ok(Ok(declared.into())),
        Err(BillImportError::Ledger(error)) => Err(error).context("it could not be recorded"),
        Err(error) => Ok(Err(Refusal::of_api(error.into()))),
    }
}
