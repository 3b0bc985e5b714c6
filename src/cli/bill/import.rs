//! Imports bill files: through a running server, or alone, each by itself.

use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::sync::Arc;
use std::time::Duration;

use anyhow::Context;
use chrono::NaiveDate;
use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};
use serde_json::json;

use super::super::admin_client::{self, AdminClient, Refusal, TokenSource};
use super::super::door::{Door, Here};
use super::super::{COULD_NOT_RUN, ConfigFile, FOUND_WRONG, load_config, merchant, serve};
use super::{kind, reason, told};
use crate::bill::Hints;
use crate::clock;
use crate::domain::bill::{BillKind, MerchantId};
use crate::http::Keys;
use crate::http::api::{BillImported, Code};
use crate::import::{self, ImportError, ImportRequest, Progress};
use crate::spool::Spool;

/// Import bill files: plain, GZIP or XLSX; through a running server, or alone
///
/// The same content again changes nothing. An import that was interrupted goes on when it is run again. A file
/// that cannot be read or does not add up, or against which another file stands, appends nothing; the files
/// behind it are still taken, and the exit code is 1. It is 2 where a file could not be judged: it is not there,
/// the access token may not do this, or the server has gone.
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

pub async fn run(args: Import) -> anyhow::Result<ExitCode> {
    let config = load_config(&args.config)?;
    let supersede = args.supersede.as_deref().map(|text| reason("--supersede", text)).transpose()?;
    let importer = match Door::open(&config, &args.token).await? {
        Door::Server(client) => Importer::Server(client),
        Door::Here(store) => {
            let here = Here::open(store).await?;
            serve::register(&here.ledger, &config).await?;
            let (keys, spool) = (Keys::of(&config)?, Spool::beside(&config.store_path));
            Importer::Alone(Box::new(Alone { here, keys, spool }))
        }
    };
    let mut exit = 0;
    for file in &args.files {
        match importer.import(file, &args, supersede).await {
            Ok(Ok(imported)) if args.json => out!("{}", serde_json::to_string(&imported)?),
            Ok(Ok(imported)) => told::imported(file, &imported),
            Ok(Err(refusal)) => {
                exit = exit.max(exit_of(&refusal));
                failed(file, &refusal, args.json);
                told::differences(&refusal);
            }
            // One file that cannot even be opened does not keep the others out.
            Err(error) => {
                exit = COULD_NOT_RUN;
                failed(file, &Refusal::of(&error), args.json);
            }
        }
    }
    importer.close().await;
    Ok(exit.into())
}

/// Of a file: that its merchant is not configured is found in what it holds.
fn exit_of(refusal: &Refusal) -> u8 {
    if refusal.is(Code::UnknownMerchant) { FOUND_WRONG } else { refusal.exit() }
}

fn failed(file: &Path, refusal: &Refusal, json: bool) {
    let Refusal { code, message, detail } = refusal;
    let file = file.display().to_string();
    if json {
        out!("{}", json!({"file": file, "code": code, "message": message, "detail": detail}));
    }
    eprintln!("{file}: {}", refusal.in_options());
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
    ) -> anyhow::Result<Result<BillImported, Refusal>> {
        match self {
            Self::Server(client) => through_server(client, file, args, supersede).await,
            Self::Alone(alone) => alone.import(file, args, supersede).await,
        }
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
    let opened = admin_client::open(file)?;
    let about = opened.metadata()?;
    // Of a pipe nobody knows how much is to come.
    let bytes = about.is_file().then_some(about.len());
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
    let bar = match bytes {
        Some(_) => bar("{msg} {wide_bar} {binary_bytes} of {binary_total_bytes}", bytes),
        None => bar("{msg} {spinner} {binary_bytes}", None),
    };
    bar.set_message(name.clone());
    let shown = bar.clone();
    let sent = move |sent: u64| {
        shown.set_position(sent);
        if bytes.is_some_and(|bytes| sent >= bytes) {
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
        let (mut original, spool) = (admin_client::open(file)?, spool.clone());
        let copied = tokio::task::spawn_blocking(move || {
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
