//! `order-ledger history`: an order's events with their evidence, each signature verified now.

use std::process::ExitCode;

use serde::Serialize;
use serde_json::value::RawValue;

use super::{ConfigFile, FOUND_WRONG};
use crate::audit::history::{self, Entry};
use crate::audit::proof::Proof;
use crate::config::AppConfig;
use crate::domain::app::AppSlug;
use crate::domain::evidence::Evidence;
use crate::moment::beijing;
use crate::store::sqlite::Readers;

/// Show everything recorded under an id, each signature verified again
///
/// Reads the log directly; the server may be running. Exits 1 where there is no trace of the id, or where
/// an event is not what was recorded.
#[derive(clap::Args)]
pub struct Args {
    #[command(flatten)]
    config: ConfigFile,
    /// An order number, refund number or gift number, or the id of a push in quarantine; for its case also a
    /// TransactionId or 微信退款单号; a bill (1900000109.2026-01-01.all), a period (1900000109.2026-01)
    id: String,
    /// Only of this app
    #[arg(long)]
    app: Option<String>,
    /// The result as JSON, one line
    #[arg(long)]
    json: bool,
}

impl Args {
    pub fn of(config: ConfigFile, id: String, json: bool) -> Self {
        Self { config, id, app: None, json }
    }
}

pub fn run(args: Args) -> anyhow::Result<ExitCode> {
    let config = super::load_config(&args.config)?;
    let apps = super::choose_apps(&config, args.app.as_deref())?;
    let log = Readers::open(&config.store_path)?;
    let runtime = tokio::runtime::Builder::new_current_thread().build()?;
    let mut found = Vec::new();
    for AppConfig { app, .. } in &apps {
        let entries = runtime.block_on(history::of(&log, app, &args.id))?;
        found.extend(entries);
    }
    let slugs: Vec<_> = apps.iter().map(|config| &config.app.slug).collect();
    let merchants: Vec<_> = config.merchants.iter().map(|merchant| merchant.id.clone()).collect();
    found.extend(runtime.block_on(history::of_merchants(&log, &merchants, &slugs, &args.id))?);
    if args.json {
        let shown: Vec<_> = found.iter().map(shown).collect::<Result<_, _>>()?;
        out!("{}", serde_json::to_string(&shown)?);
    } else if !found.is_empty() {
        found.iter().for_each(print);
    }
    if found.is_empty() {
        let slugs: Vec<_> = slugs.into_iter().map(AppSlug::as_str).collect();
        eprintln!(
            "no trace of {:?} in the log: neither order, refund, gift, mock, quarantine nor case of {}.\n\
             Pushes that were refused never reach the log: order-ledger refused list{}",
            args.id,
            slugs.join(", "),
            args.config.option()
        );
    }
    let wrong = found.is_empty() || found.iter().any(Entry::is_altered);
    Ok(if wrong { FOUND_WRONG.into() } else { ExitCode::SUCCESS })
}

#[derive(Serialize)]
struct Shown<'a> {
    position: String,
    stream: &'a str,
    version: u64,
    events_missing_before: u64,
    event_id: String,
    event_type: &'static str,
    recorded_at: String,
    data: &'a RawValue,
    event_id_matches_content: bool,
    signature: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    evidence: Option<ShownEvidence<'a>>,
}

#[derive(Serialize)]
struct ShownEvidence<'a> {
    event: &'a str,
    payload: &'a str,
    pay_event_sig: Option<&'a str>,
    verified_env: Option<i64>,
    key_fingerprint: Option<&'a str>,
    transport: &'static str,
    create_time: Option<i64>,
    received_at: String,
}

fn shown(entry: &Entry) -> anyhow::Result<Shown<'_>> {
    Ok(Shown {
        position: entry.position.to_string(),
        stream: entry.stream.as_str(),
        version: entry.version,
        events_missing_before: entry.missing_before,
        event_id: entry.id.to_string(),
        event_type: entry.decoded.event.type_name(),
        recorded_at: beijing(entry.decoded.metadata.recorded_at),
        data: serde_json::from_str(&entry.data)?,
        event_id_matches_content: entry.id_is_right,
        signature: in_words(&entry.proof),
        evidence: entry.decoded.metadata.evidence.as_ref().map(shown_evidence),
    })
}

fn shown_evidence(evidence: &Evidence) -> ShownEvidence<'_> {
    let signature = evidence.signature.as_ref();
    ShownEvidence {
        event: &evidence.event,
        payload: &evidence.payload,
        pay_event_sig: signature.map(|signature| signature.pay_event_sig.as_str()),
        verified_env: signature.map(|signature| signature.verified_env.number()),
        key_fingerprint: signature.map(|signature| signature.key_fingerprint.0.as_str()),
        transport: evidence.transport.as_str(),
        create_time: evidence.create_time,
        received_at: beijing(evidence.received_at),
    }
}

fn in_words(proof: &Proof) -> String {
    match proof {
        Proof::Verified { key_fingerprint } => format!("verified now, AppKey {key_fingerprint}"),
        Proof::KeyMissing { key_fingerprint } => format!(
            "cannot be verified: AppKey {key_fingerprint} is not configured (keep old keys as \"retired\")"
        ),
        Proof::Broken { key_fingerprint } => {
            format!("DOES NOT VERIFY under AppKey {key_fingerprint}: the event was altered")
        }
        Proof::Contradicted { key_fingerprint } => format!(
            "verifies under AppKey {key_fingerprint}, but SAYS SOMETHING ELSE THAN THE EVENT: the event was altered"
        ),
        Proof::Missing => "MISSING: only a signed push brings such an event, so it was altered".into(),
        Proof::Transport => "none: gifts are proven by their encrypted transport only".into(),
        Proof::None => "none: no push brought it".into(),
    }
}

fn print(entry: &Entry) {
    let metadata = &entry.decoded.metadata;
    out!(
        "#{} {} {} {}",
        entry.position,
        beijing(metadata.recorded_at),
        entry.stream,
        entry.decoded.event.type_name()
    );
    let id_note = if entry.id_is_right { "made from its content" } else { "DOES NOT MATCH ITS CONTENT" };
    match entry.missing_before {
        0 => out!("    version    {}", entry.version),
        missing => out!("    version    {} ({missing} EVENTS BEFORE IT ARE MISSING)", entry.version),
    }
    out!("    event id   {} ({id_note})", entry.id);
    out!("    data       {}", entry.data);
    if let Some(evidence) = &metadata.evidence {
        out!("    event      {}", evidence.event);
        out!("    payload    {}", evidence.payload);
        if let Some(signature) = &evidence.signature {
            out!("    sig        {} ({})", signature.pay_event_sig, signature.verified_env);
        }
        out!("    transport  {}", evidence.transport.as_str());
    }
    out!("    signature  {}", in_words(&entry.proof));
}
