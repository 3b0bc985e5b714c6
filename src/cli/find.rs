//! `order-ledger find`: looks for an id wherever it may be, and says what became of it.

use std::process::ExitCode;

use serde_json::Value;

use super::folding::{Projections, ReadModels};
use super::{ConfigFile, FOUND_WRONG};
use crate::domain::app::AppSlug;
use crate::lookup::{self, Found, Lookup, Players, ReadModelsAndRing, Verdict};
use crate::table::text::harmless;
use crate::{clock, limits};

/// Find an id wherever it may be, and say what became of it
///
/// Looks among orders, refunds, gifts, quarantine, conflicts, mocks, players, the lines of imported bills and
/// the requests that were refused in the last 7 days; a server may be running. Exits 1 where there is no trace.
#[derive(clap::Args)]
pub struct Args {
    #[command(flatten)]
    config: ConfigFile,
    #[command(flatten)]
    projections: Projections,
    /// An OutTradeNo, TransactionId, MchOrderNo, RefundId, gift number, OpenId, or id in quarantine
    id: String,
    /// Only of this app
    #[arg(long, value_name = "SLUG", value_parser = AppSlug::parse)]
    app: Option<AppSlug>,
    /// The result as JSON, one line
    #[arg(long)]
    json: bool,
}

pub fn run(args: Args) -> anyhow::Result<ExitCode> {
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(1).enable_all().build()?;
    runtime.block_on(find(&args))
}

async fn find(args: &Args) -> anyhow::Result<ExitCode> {
    let config = super::load_config(&args.config)?;
    if let Some(app) = &args.app {
        super::choose_apps(&config, Some(app.as_str()))?;
    }
    let lookup = ReadModels::with(&args.config, &args.projections, async |models| {
        let sources = ReadModelsAndRing {
            projector: models.projector.clone(),
            ring: config.refused_path.clone(),
            app: args.app.clone(),
            head: models.last,
            wait: limits::QUERY_POSITION_WAIT,
        };
        Ok(lookup::find(&sources, args.id.trim(), clock::now(), Players::Shown).await)
    })
    .await?;
    if args.json {
        out!("{}", serde_json::to_string(&lookup)?);
    } else {
        print(&lookup);
    }
    let is_trace = !matches!(lookup.verdict, Verdict::NoTrace | Verdict::CannotTell);
    Ok(if is_trace { ExitCode::SUCCESS } else { FOUND_WRONG.into() })
}

fn print(lookup: &Lookup) {
    let words = &lookup.words;
    for line in [&words.words, &words.words_zh, &words.next_step, &words.next_step_zh] {
        out!("{}", harmless(line));
    }
    for Found { place, fields } in &lookup.found {
        out!("\n{place}");
        for (name, value) in fields.as_object().into_iter().flatten() {
            match value {
                Value::Null => {}
                Value::String(text) => out!("    {name:<18} {}", harmless(text)),
                value => out!("    {name:<18} {}", harmless(&value.to_string())),
            }
        }
    }
    let looked = |place: &lookup::LookedIn| match (&place.problem, &place.position) {
        (Some(problem), _) => format!("{} ({problem})", place.place),
        (None, Some(position)) => format!("{} (to position {position})", place.place),
        (None, None) => place.place.to_owned(),
    };
    out!("\nlooked in: {}", lookup.looked_in.iter().map(looked).collect::<Vec<_>>().join(", "));
}
