//! `order-ledger verify`: the whole log, or a part of it, verified on all cores.

use std::collections::BTreeMap;
use std::fs::File;
use std::io::{BufReader, ErrorKind, Read, Write};
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::time::Instant;

use anyhow::{Context, ensure};
use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};
use serde::Serialize;

use super::log::LogPlace;
use super::output::OutFile;
use super::{ConfigFile, FOUND_WRONG, comparing, long_running};
use crate::audit::anchor::{self, Anchor};
use crate::audit::verify::{
    Anchored, Finding, Plan, Proofs, Reached, State, Told, Verified, VerifyError, verify,
};
use crate::limits;
use crate::store::Position;
use crate::table::text::harmless;

/// Verify the log: its chain of seals, each event and its signature, and that exported seals are met
///
/// Reads the log directly, up to its end when the command begins; the server may be running. Exits 1 where
/// anything is found wrong, and names what stands first.
#[derive(clap::Args)]
pub struct Args {
    #[command(flatten)]
    config: ConfigFile,
    /// Seals that were exported with `order-ledger seal --export` and kept elsewhere: each must be met
    #[arg(long, value_name = "FILE")]
    anchor: Option<PathBuf>,
    /// Only from this position on; of the chain, whole segments
    #[arg(long, value_name = "POSITION")]
    from: Option<Position>,
    /// Only up to this position; of the chain, whole segments
    #[arg(long, value_name = "POSITION")]
    until: Option<Position>,
    /// Keep in this file what has been verified, and go on there the next time
    #[arg(long, value_name = "FILE", conflicts_with_all = ["from", "until"])]
    state: Option<PathBuf>,
    /// Compare the log with a copy of it, event by event, and verify nothing else. Its file, or kurrentdb://…, or @FILE
    /// that holds such a URL, as it must where that has a password
    #[arg(long, value_name = "STORE", conflicts_with_all = ["anchor", "from", "until", "state"])]
    against: Option<PathBuf>,
    /// The result as JSON, one line
    #[arg(long)]
    json: bool,
}

pub fn run(args: Args) -> anyhow::Result<ExitCode> {
    let config = super::load_config(&args.config)?;
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    if let Some(other) = &args.against {
        return runtime.block_on(comparing::against(&LogPlace::of(&config), other, args.json));
    }
    let anchors = args.anchor.as_deref().map(read_anchors).transpose()?;
    let plan = Plan {
        apps: config.apps.iter().map(|config| config.app.clone()).collect(),
        keys: config.seal.trusted(),
        anchors,
        from: args.from,
        until: args.until,
        resume: args.state.as_deref().map(read_state).transpose()?.flatten(),
        page_events: None,
    };
    let log = runtime.block_on(LogPlace::of(&config).open_to_read())?;
    // All cores, but not before a server on this machine.
    long_running::yield_to_a_server();
    let mut watching = Watching::new(args.state.as_deref());
    let verified = runtime.block_on(verify(log.as_ref(), plan, &mut |told| watching.told(told)));
    watching.finish()?;
    let verified = verified.map_err(|error| named(error, &args))?;
    if args.json {
        out!("{}", serde_json::to_string(&Shown::of(&verified))?);
    } else {
        print(&verified);
    }
    let is_right = verified.findings.total() == 0;
    Ok(if is_right { ExitCode::SUCCESS } else { FOUND_WRONG.into() })
}

/// With the file that it is about.
fn named(error: VerifyError, args: &Args) -> anyhow::Error {
    let file = match &error {
        VerifyError::Anchor { .. } | VerifyError::AnchorsDiffer { .. } => args.anchor.as_deref(),
        VerifyError::OtherLog { .. } => args.state.as_deref(),
        VerifyError::Fault(_) | VerifyError::NothingThere { .. } | VerifyError::Thread => None,
    };
    match file {
        Some(file) => anyhow::anyhow!("{}: {error}", file.display()),
        None => error.into(),
    }
}

fn read_anchors(path: &Path) -> anyhow::Result<Vec<Anchor>> {
    let shown = || format!("--anchor {}", path.display());
    let file = File::open(path).with_context(shown)?;
    let anchors = anchor::read(BufReader::new(file)).with_context(shown)?;
    ensure!(!anchors.is_empty(), "--anchor {}: no seal stands in it", path.display());
    Ok(anchors)
}

/// `None` where there is no such file yet.
fn read_state(path: &Path) -> anyhow::Result<Option<State>> {
    let shown = || format!("--state {}", path.display());
    let file = match File::open(path) {
        Err(error) if error.kind() == ErrorKind::NotFound => return Ok(None),
        file => file.with_context(shown)?,
    };
    let mut text = String::new();
    file.take(limits::VERIFY_STATE_BYTES_MAX).read_to_string(&mut text).with_context(shown)?;
    let state = serde_json::from_str(&text);
    state.with_context(shown).context("the file is none that `order-ledger verify --state` has written")
}

/// Shows progress on stderr, and keeps the state.
struct Watching<'a> {
    bar: ProgressBar,
    file: Option<&'a Path>,
    written: Option<Instant>,
    /// Not written yet.
    state: Option<Box<State>>,
    failed: Option<anyhow::Error>,
}

impl<'a> Watching<'a> {
    fn new(file: Option<&'a Path>) -> Self {
        let bar = ProgressBar::with_draw_target(Some(0), ProgressDrawTarget::stderr_with_hz(5));
        let style = "{wide_bar} position {human_pos} of {human_len}, {eta} left";
        if let Ok(style) = ProgressStyle::with_template(style) {
            bar.set_style(style);
        }
        Self { bar, file, written: None, state: None, failed: None }
    }

    fn told(&mut self, told: Told) {
        match told {
            Told::At { position, of } => {
                self.bar.set_length(of);
                self.bar.set_position(position);
            }
            Told::Reached(state) => {
                self.state = Some(state);
                if self.written.is_none_or(|at| at.elapsed() >= limits::VERIFY_STATE_PAUSE) {
                    self.failed = self.write().err();
                }
            }
        }
    }

    fn write(&mut self) -> anyhow::Result<()> {
        let (Some(path), Some(state)) = (self.file, self.state.take()) else { return Ok(()) };
        let mut out = OutFile::begin(path)?;
        serde_json::to_writer(&mut out, &state)?;
        out.write_all(b"\n")?;
        out.finish()?;
        self.written = Some(Instant::now());
        Ok(())
    }

    fn finish(mut self) -> anyhow::Result<()> {
        self.bar.finish_and_clear();
        let written = self.write();
        self.failed.map_or(written, Err).context("--state: where it has come to cannot be kept")
    }
}

#[derive(Serialize)]
struct Shown<'a> {
    log_id: String,
    from_position: String,
    until_position: String,
    events: u64,
    #[serde(skip_serializing_if = "Option::is_none")]
    resumed_after_seal: Option<u64>,
    signatures: Proofs,
    segments: u64,
    newest_seal: Option<ShownSeal>,
    unsealed: u64,
    outside_of_whole_segments: u64,
    anchors: Option<ShownAnchors>,
    findings: u64,
    findings_by_kind: BTreeMap<&'static str, u64>,
    first: Option<ShownFinding<'a>>,
    listed: Vec<ShownFinding<'a>>,
    notes: &'a [String],
}

#[derive(Serialize)]
struct ShownSeal {
    seal: u64,
    count: u64,
    position: Option<String>,
    root: String,
}

#[derive(Serialize)]
struct ShownFinding<'a> {
    kind: &'static str,
    position: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    to_position: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    stream: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    version: Option<u64>,
    what: &'a str,
}

#[derive(Serialize)]
struct ShownAnchors {
    given: u64,
    met: u64,
    newest: Option<ShownSeal>,
    not_yet_proven: u64,
}

impl ShownSeal {
    fn of(reached: &Reached) -> Self {
        let Reached { revision, count, position, root } = *reached;
        Self {
            seal: revision,
            count,
            position: position.map(|position| position.to_string()),
            root: hex::encode(root),
        }
    }
}

impl<'a> ShownFinding<'a> {
    fn of(finding: &'a Finding) -> Self {
        Self {
            kind: finding.kind.as_str(),
            position: finding.position.map(|position| position.to_string()),
            to_position: finding.to_position.map(|position| position.to_string()),
            stream: finding.stream.as_deref(),
            version: finding.version,
            what: &finding.what,
        }
    }
}

impl<'a> Shown<'a> {
    fn of(verified: &'a Verified) -> Self {
        let anchors = |anchored: &Anchored| ShownAnchors {
            given: anchored.given,
            met: anchored.met,
            newest: anchored.newest.as_ref().map(ShownSeal::of),
            not_yet_proven: anchored.not_yet_proven,
        };
        let findings = &verified.findings;
        Self {
            log_id: verified.log_id.to_string(),
            from_position: verified.from.to_string(),
            until_position: verified.until.to_string(),
            events: verified.events,
            resumed_after_seal: verified.resumed,
            signatures: verified.proofs,
            segments: verified.segments,
            newest_seal: verified.sealed.as_ref().map(ShownSeal::of),
            unsealed: verified.unsealed,
            outside_of_whole_segments: verified.outside,
            anchors: verified.anchored.as_ref().map(anchors),
            findings: findings.total(),
            findings_by_kind: findings.counts().iter().map(|(kind, count)| (kind.as_str(), *count)).collect(),
            first: findings.first().map(ShownFinding::of),
            listed: findings.listed().iter().map(ShownFinding::of).collect(),
            notes: &verified.notes,
        }
    }
}

fn print(verified: &Verified) {
    let Verified { log_id, from, until, events, proofs, segments, unsealed, outside, findings, .. } =
        verified;
    out!("log {log_id}, positions {from} to {until}: {events} events");
    out!(
        "  signatures   {} verified now, {} pushes without one, {} events that no push brought",
        proofs.signed,
        proofs.unsigned,
        proofs.without_push
    );
    match &verified.sealed {
        None => out!("  seals        none is verified"),
        Some(seal) => out!(
            "  seals        {segments} with all that they cover; the newest is seal {} over {} events{}, root {}",
            seal.revision,
            seal.count,
            seal.position.map_or_else(String::new, |position| format!(" up to position {position}")),
            hex::encode(seal.root)
        ),
    }
    if *outside > 0 {
        out!("  outside      {outside} events stand before the first whole segment");
    }
    out!("  not sealed   {unsealed} of the events");
    if let Some(Anchored { given, met, newest, not_yet_proven }) = &verified.anchored {
        let newest = newest
            .as_ref()
            .map_or_else(String::new, |seal| format!(", the newest is seal {}", seal.revision));
        out!("  anchors      {met} of {given} are met{newest}");
        out!("  not proven   {not_yet_proven} of the events, which no anchor covers yet");
    }
    for note in &verified.notes {
        out!("note: {note}");
    }
    if findings.total() == 0 {
        out!("nothing is found wrong");
        return;
    }
    out!("found wrong:");
    for (kind, count) in findings.counts() {
        out!("  {count:>8} {}", kind.as_str());
    }
    if let Some(first) = findings.first() {
        out!("the first: {}", in_words(first));
    }
    let listed = findings.listed();
    for finding in listed.iter().skip(1) {
        out!("  {}", in_words(finding));
    }
    let more = findings.total() - listed.len() as u64;
    if more > 0 {
        out!("  and {more} more");
    }
}

/// What a finding says may stand in the log, which others write: it must not move the terminal's cursor.
fn in_words(finding: &Finding) -> String {
    let Finding { kind, position, to_position, stream, version, what } = finding;
    let place = match (position, to_position) {
        (None, _) => String::new(),
        (Some(from), Some(to)) if from != to => format!("#{from} to #{to} "),
        (Some(position), _) => format!("#{position} "),
    };
    let event = match (stream, version) {
        (Some(stream), Some(version)) => format!("{} version {version} ", harmless(stream)),
        _ => String::new(),
    };
    format!("{place}{event}{}: {}", kind.as_str(), harmless(what))
}
