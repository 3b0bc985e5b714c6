//! `order-ledger history`: everything known under an id in one timeline, each signature verified now, and packed for
//! an auditor.

mod packed;
mod related;
mod shown;
mod text;

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::process::ExitCode;

use super::folding::Projections;
use super::log::LogPlace;
use super::{ConfigFile, FOUND_WRONG};
use crate::audit::anchor::Anchor;
use crate::audit::billed::{self, BilledFile};
use crate::audit::history::{self, Entry};
use crate::audit::seals::{SealProblem, Seals, Trusted};
use crate::audit::standing;
use crate::config::{AppConfig, Config};
use crate::store::{LogId, Position, ReadLog};
use packed::Existing;
use related::{Named, Related};

/// Show everything recorded under an id, each signature verified again
///
/// Any id of an order leads to all of it: pushes, conflicts, grants, refunds, cases, recoveries, its lines in the
/// bills, its rows in the reconciliation, and the seals that cover its events. Reads the log directly; the server may
/// be running. Exits 1 where there is no trace of the id, where an event is not what was
/// recorded, or where a seal that covers one does not hold or is by an unknown key.
#[derive(clap::Args)]
pub struct Args {
    #[command(flatten)]
    config: ConfigFile,
    #[command(flatten)]
    projections: Projections,
    /// An OutTradeNo, TransactionId, MchOrderNo, RefundId, 微信退款单号 or gift number, or the id of a push in
    /// quarantine; a player's OpenId for his roles; a bill (1900000109.2026-01-01.all), a period (1900000109.2026-01)
    id: String,
    /// Only of this app
    #[arg(long)]
    app: Option<String>,
    /// Only what the log itself has under this id: no read model is asked, so nothing that only they know is shown
    #[arg(long)]
    log_only: bool,
    /// Also write an audit pack: a ZIP file by which others verify it with Python alone
    #[arg(long, value_name = "FILE")]
    pack: Option<PathBuf>,
    /// Write the pack even where another file stands that is none
    #[arg(long, requires = "pack")]
    force: bool,
    /// The result as JSON, one line
    #[arg(long)]
    json: bool,
}

impl Args {
    /// What the log itself says of an id.
    pub fn of(config: ConfigFile, id: String, json: bool) -> Self {
        let projections = Projections::default();
        Self { config, projections, id, app: None, log_only: true, pack: None, force: false, json }
    }
}

/// All that is known under an id.
struct History {
    id: String,
    log_id: LogId,
    /// The log's end.
    position: Option<Position>,
    /// In the order of the log.
    entries: Vec<Entry>,
    related: Related,
    billed: Vec<BilledFile>,
    seals: Seals,
    /// Which of them covers each event, where one does.
    covered: BTreeMap<Position, usize>,
    trusted: Trusted,
}

impl History {
    fn is_altered(&self) -> bool {
        told(&self.entries, &self.billed).any(Entry::is_altered)
    }

    /// The first seal that covers it.
    fn seal_of(&self, entry: &Entry) -> Option<&Anchor> {
        self.seals.all().get(*self.covered.get(&entry.recorded.position)?)
    }

    /// The seals that cover what is told, and say nothing: each with why. An event without a seal is no fault.
    fn doubted(&self) -> BTreeMap<u64, SealProblem> {
        let covering = told(&self.entries, &self.billed).filter_map(|entry| self.seal_of(entry));
        covering.filter_map(|anchor| Some((anchor.seal.revision, self.trusted.problem(anchor)?))).collect()
    }

    fn is_empty(&self) -> bool {
        self.entries.is_empty() && self.related.rows.rows.is_empty()
    }
}

/// All events that are told of, those too that name the files of bills.
fn told<'a>(entries: &'a [Entry], billed: &'a [BilledFile]) -> impl Iterator<Item = &'a Entry> {
    let of_bills = billed.iter().flat_map(|file| file.sealed.iter().chain([&file.opened]));
    entries.iter().chain(of_bills)
}

pub fn run(args: Args) -> anyhow::Result<ExitCode> {
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(1).enable_all().build()?;
    runtime.block_on(tell(&args))
}

async fn tell(args: &Args) -> anyhow::Result<ExitCode> {
    let config = super::load_config(&args.config)?;
    let apps = super::choose_apps(&config, args.app.as_deref())?;
    let log = LogPlace::of(&config).open_to_read().await?;
    if let Some(file) = &args.pack {
        packed::may_write(file, if args.force { Existing::IsReplaced } else { Existing::Stays })?;
    }
    let app = args.app.as_ref().and_then(|_| apps.first()).map(|config| config.app.slug.clone());
    let asked = Named { app, id: id(args) };
    let related = if args.log_only {
        Related::nothing(asked)
    } else {
        related::of(&args.config, &args.projections, &config, asked).await
    };
    let history = read(log.as_ref(), &config, &apps, id(args), related).await?;
    for note in &history.related.notes {
        eprintln!("note: {note}");
    }
    if args.json {
        out!("{}", serde_json::to_string(&shown::History::of(&history)?)?);
    } else {
        text::print(&history);
    }
    if history.is_empty() {
        tell_of_no_trace(args, &apps);
        return Ok(FOUND_WRONG.into());
    }
    let is_packed_well = match &args.pack {
        Some(file) => packed::write(log.as_ref(), &history, file).await?,
        None => true,
    };
    let doubted = history.doubted();
    for (revision, problem) in &doubted {
        eprintln!("seal {revision}, which covers events of this history, does not prove them: {problem}");
    }
    Ok(if history.is_altered() || !doubted.is_empty() || !is_packed_well {
        FOUND_WRONG.into()
    } else {
        ExitCode::SUCCESS
    })
}

fn id(args: &Args) -> String {
    args.id.trim().to_owned()
}

fn tell_of_no_trace(args: &Args, apps: &[&AppConfig]) {
    let slugs: Vec<_> = apps.iter().map(|config| config.app.slug.as_str()).collect();
    eprintln!(
        "no trace of {:?} in the log: neither order, refund, gift, mock, quarantine nor case of {}.\n\
         Pushes that were refused never reach the log: order-ledger refused list{}",
        args.id,
        slugs.join(", "),
        args.config.option()
    );
}

/// Reads from the log what belongs to all the ids.
async fn read(
    log: &dyn ReadLog,
    config: &Config,
    apps: &[&AppConfig],
    id: String,
    related: Related,
) -> anyhow::Result<History> {
    let position = log.last().await?;
    let merchants: Vec<_> = config.merchants.iter().map(|merchant| merchant.id.clone()).collect();
    let mut entries = BTreeMap::new();
    for named in &related.ids {
        let is_its = |config: &&&AppConfig| named.app.as_ref().is_none_or(|app| *app == config.app.slug);
        let of_it: Vec<_> = apps.iter().filter(is_its).map(|config| &config.app).collect();
        let mut found = Vec::new();
        for app in &of_it {
            found.extend(history::of(log, app, &named.id).await?);
        }
        let slugs: Vec<_> = of_it.iter().map(|app| &app.slug).collect();
        found.extend(history::of_merchants(log, &merchants, &slugs, &named.id).await?);
        entries.extend(found.into_iter().map(|entry| (entry.recorded.position, entry)));
    }
    let mut files = Vec::new();
    for wanted in &related.billed {
        files.extend(billed::of(log, &wanted.key, &wanted.sha256, &wanted.lines).await?);
    }
    let entries: Vec<_> = entries.into_values().collect();
    let seals = Seals::read(log).await?;
    let positions = told(&entries, &files).map(|entry| entry.recorded.position).collect();
    let covered = standing::covered(log, &seals, &positions).await?;
    let (log_id, trusted) = (log.log_id(), Trusted(config.seal.trusted()));
    Ok(History { id, log_id, position, entries, related, billed: files, seals, covered, trusted })
}
