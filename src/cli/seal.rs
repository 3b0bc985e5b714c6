//! `order-ledger seal`: seals the log now, makes a key for it, and writes seals out to be kept elsewhere.

use std::fs::{self, File};
use std::io::{BufReader, ErrorKind, Write};
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use anyhow::{Context, anyhow, bail};
use serde_json::json;

use super::admin_client::TokenSource;
use super::answered::told;
use super::door::{Door, Here};
use super::log::{LogPlace, OwnLog};
use super::output::{OutFile, Stdout};
use super::{COULD_NOT_RUN, ConfigFile, FOUND_WRONG, counted, fresh};
use crate::audit::anchor::{self, Anchor};
use crate::audit::seal::Sealer;
use crate::clock;
use crate::config::Config;
use crate::ed25519::SigningKey;
use crate::http::api::{Code, LogSealed, SEALS_PATH};
use crate::ledger::newest_seal;
use crate::limits;
use crate::moment::beijing_text;
use crate::store::ReadLog;

/// What `--export` writes to, for stdout.
const STDOUT: &str = "-";

/// Seal the log: hash all events since the seal before, sign that, and append it as an event
///
/// Goes through the running server, or takes the log's lock where none runs. A server with a key seals by itself,
/// every hour where nothing else is configured. Keep what --export writes where nobody can change it who can change
/// the log: `order-ledger verify --anchor` holds the log against it. Exits 1, and writes nothing, where the file for
/// --export holds a seal that the log does not have.
#[derive(clap::Args)]
pub struct Args {
    #[command(flatten)]
    config: ConfigFile,
    /// Make a key that seals are signed with, in a new file
    #[arg(long, value_name = "FILE", conflicts_with_all = ["export", "newest"])]
    new_key: Option<PathBuf>,
    /// Write all seals as lines of JSON, which prove what the log was, to a file, or to stdout for `-`
    #[arg(long, value_name = "FILE", num_args = 0..=1, default_missing_value = STDOUT)]
    export: Option<PathBuf>,
    /// Only the newest of them. A file that holds several stays as it is
    #[arg(long, requires = "export")]
    newest: bool,
    #[command(flatten)]
    token: TokenSource,
    /// The result as JSON
    #[arg(long)]
    json: bool,
}

pub fn run(args: Args) -> anyhow::Result<ExitCode> {
    if let Some(file) = &args.new_key {
        return new_key(file, &args);
    }
    let config = super::load_config(&args.config)?;
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(1).enable_all().build()?;
    match &args.export {
        Some(file) => runtime.block_on(export(&config, file, &args)),
        None => runtime.block_on(seal(&config, &args)),
    }
}

fn new_key(file: &Path, args: &Args) -> anyhow::Result<ExitCode> {
    let text = fresh::seal_key()?;
    let public = SigningKey::parse(&text)?.public();
    let shown = file.display().to_string();
    match fresh::write_new(file, &text) {
        Err(error) if error.kind() == ErrorKind::AlreadyExists => {
            bail!("{shown} is there already and stays as it is; name another file with --new-key")
        }
        written => written.with_context(|| format!("cannot write {shown}"))?,
    }
    if args.json {
        out!("{}", json!({ "key_file": shown, "public_key": public.to_string() }));
        return Ok(ExitCode::SUCCESS);
    }
    out!(
        "Wrote {shown}, readable by its owner only. Its public key, by which seals are known:\n  {public}\n"
    );
    out!("Name it in the configuration, and start the server again:\n");
    out!("[seal]\nkey_file = {}\n", toml::Value::from(shown));
    out!("Where another key has sealed before, write that one's public key into seal.public_keys.");
    Ok(ExitCode::SUCCESS)
}

async fn seal(config: &Config, args: &Args) -> anyhow::Result<ExitCode> {
    let answered = match Door::open(config, &args.token).await? {
        Door::Here(log) => Ok(seal_here(config, log).await?),
        Door::Server(client) => client.post::<LogSealed>(SEALS_PATH, &json!({})).await?,
    };
    let has_no_key = matches!(&answered, Err(refusal) if refusal.is(Code::NotSealing));
    let told = told(answered, args.json, |LogSealed { added, seal }| match (added, seal) {
        (_, None) => out!("nothing is recorded, so there is nothing to seal"),
        (0, Some(seal)) => {
            out!("nothing new since seal {}, of {}", seal.revision, beijing_text(&seal.sealed_at));
        }
        (_, Some(seal)) => {
            out!("seal {} covers {} events, root {}", seal.revision, seal.count, seal.root);
            out!("keep it where nobody can change it who can change the log:");
            out!("  order-ledger seal --export anchors.jsonl{}", args.config.option());
        }
    });
    // As where no server runs: without a key it could not run.
    if has_no_key { told.map(|_| COULD_NOT_RUN.into()) } else { told }
}

/// No server runs: this process takes the log's lock and seals itself.
async fn seal_here(config: &Config, log: OwnLog) -> anyhow::Result<LogSealed> {
    let Some(own) = &config.seal.key else {
        bail!(
            "seal.key_file: no key is configured; make one with `order-ledger seal --new-key seal.key`, and name it: \
             [seal] key_file = \"seal.key\""
        )
    };
    let here = Here::open(log).await?;
    let sealed = match Sealer::new(own.key.clone()).seal(&here.ledger, &clock::now).await {
        Ok(sealing) => {
            LogSealed::of(here.ledger.store().as_ref(), sealing).await.map_err(anyhow::Error::from)
        }
        Err(error) => Err(error.into()),
    };
    here.close().await;
    sealed.context("the log could not be sealed")
}

async fn export(config: &Config, file: &Path, args: &Args) -> anyhow::Result<ExitCode> {
    let log = LogPlace::of(config).open_to_read().await?;
    if file == Path::new(STDOUT) {
        write(log.as_ref(), args, &mut Stdout).await?;
        return Ok(ExitCode::SUCCESS);
    }
    let kept = kept(file)?;
    if let Some(missing) = lost(log.as_ref(), &kept).await? {
        eprintln!("{}", missing.told(file, log.as_ref()));
        return Ok(FOUND_WRONG.into());
    }
    if args.newest && kept.len() > 1 {
        bail!(
            "{}: it holds {} seals, of which --newest would leave one; it stays as it is: name another file, or export \
             without --newest",
            file.display(),
            kept.len()
        )
    }
    let mut out = OutFile::begin(file)?;
    let written = write(log.as_ref(), args, &mut out).await?;
    out.finish()?;
    eprintln!("{}: {}", file.display(), counted(written, "seal"));
    Ok(ExitCode::SUCCESS)
}

/// An anchor that stands in the file, and that the log does not have.
struct Lost {
    kept: Anchor,
    /// Of the log; 0 where it has none.
    newest: u64,
}

impl Lost {
    fn told(&self, file: &Path, log: &dyn ReadLog) -> String {
        let (file, kept, newest) = (file.display(), &self.kept.seal, self.newest);
        let what = if kept.revision > newest {
            format!("the log has no seal {}: its newest is seal {newest}", kept.revision)
        } else {
            format!("seal {} of the log is another one", kept.revision)
        };
        format!(
            "{file}: it holds seal {} of the log {}, root {}, and {what}. Either the log {} was cut off or replaced, \
             or the file is another log's. Nothing was written, for the file may be the only proof: keep it, hold the \
             log against it with `order-ledger verify --anchor {file}`, and export to another file",
            kept.revision,
            kept.log_id,
            kept.root,
            log.log_id().0
        )
    }
}

/// The anchors that stand in the file. A file that holds anything else is an error.
fn kept(file: &Path) -> anyhow::Result<Vec<Anchor>> {
    // A pipe or a device keeps nothing.
    if !fs::metadata(file).is_ok_and(|stands| stands.is_file()) {
        return Ok(vec![]);
    }
    let shown = || file.display().to_string();
    anchor::read(BufReader::new(File::open(file).with_context(shown)?)).map_err(|error| {
        anyhow!("{}: {error}; it is no file of anchors and stays as it is: name another file", shown())
    })
}

/// What would be lost if the file was written anew.
async fn lost(log: &dyn ReadLog, kept: &[Anchor]) -> anyhow::Result<Option<Lost>> {
    let Some(missing) = anchor::first_missing(log, kept).await? else { return Ok(None) };
    let newest = newest_seal(log, None).await?.map_or(0, |newest| newest.seal.revision);
    Ok(Some(Lost { kept: missing.clone(), newest }))
}

/// How many seals were written.
async fn write(log: &dyn ReadLog, args: &Args, out: &mut impl Write) -> anyhow::Result<u64> {
    let newest = newest_seal(log, None).await?.map_or(0, |newest| newest.seal.revision);
    if newest == 0 {
        eprintln!("the log has no seal yet: order-ledger seal{}", args.config.option());
    }
    let (mut next, mut written) = (if args.newest { newest } else { 1 }, 0);
    loop {
        let page = anchor::of_log(log, next, limits::READ_PAGE_EVENTS_MAX / 2).await?;
        let Some(last) = page.last() else { return Ok(written) };
        next = last.seal.revision + 1;
        for anchor in &page {
            writeln!(out, "{}", anchor.to_line()?)?;
            written += 1;
        }
    }
}
