//! What is known under an id, as JSON.

use std::collections::BTreeMap;

use serde::Serialize;
use serde_json::Value;
use serde_json::value::RawValue;

use super::History as Known;
use crate::audit::billed::{BilledFile, BilledLine};
use crate::audit::history::Entry;
use crate::audit::proof::Proof;
use crate::domain::bill::BillEvent;
use crate::domain::case::{CaseEvent, CaseKey};
use crate::domain::event::Event;
use crate::domain::evidence::Evidence;
use crate::moment::{beijing, stamp};
use crate::store::Position;
use crate::table::{Row, json};

#[derive(Serialize)]
pub struct History<'a> {
    id: &'a str,
    log_id: String,
    /// The log's end.
    position: Option<String>,
    events: Vec<ShownEvent<'a>>,
    bill: Bill<'a>,
    #[serde(flatten)]
    cases: Cases<'a>,
    /// What could not be looked at.
    notes: Vec<&'a str>,
}

impl<'a> History<'a> {
    pub fn of(known: &'a Known) -> anyhow::Result<Self> {
        let event = |entry| shown(entry, known);
        Ok(Self {
            id: &known.id,
            log_id: known.log_id.0.to_string(),
            position: known.position.map(|position| position.to_string()),
            events: known.entries.iter().map(event).collect::<anyhow::Result<_>>()?,
            bill: Bill::of(known, Position::number),
            cases: Cases::of(known, Position::number),
            notes: known.related.notes.iter().map(String::as_str).collect(),
        })
    }
}

#[derive(Serialize)]
struct ShownEvent<'a> {
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
    /// The first seal that covers it.
    seal: Option<ShownSeal<'a>>,
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

#[derive(Serialize)]
struct ShownSeal<'a> {
    revision: u64,
    sealed_at: String,
    root: &'a str,
    public_key: &'a str,
    /// Whether its signature verifies and its root follows from the root before.
    holds: bool,
    /// Why it proves nothing: it does not hold, or its key is not one that is configured.
    problem: Option<String>,
}

fn shown<'a>(entry: &'a Entry, known: &'a Known) -> anyhow::Result<ShownEvent<'a>> {
    let recorded = &entry.recorded;
    let seal = known.seal_of(entry);
    Ok(ShownEvent {
        position: recorded.position.to_string(),
        stream: recorded.stream.as_str(),
        version: recorded.version,
        events_missing_before: entry.missing_before,
        event_id: recorded.id.to_string(),
        event_type: entry.decoded.event.type_name(),
        recorded_at: beijing(entry.decoded.metadata.recorded_at),
        data: serde_json::from_str(&recorded.data)?,
        event_id_matches_content: entry.id_is_right,
        signature: in_words(&entry.proof),
        evidence: entry.decoded.metadata.evidence.as_ref().map(shown_evidence),
        seal: seal.map(|anchor| ShownSeal {
            revision: anchor.seal.revision,
            sealed_at: beijing(anchor.seal.sealed_at),
            root: anchor.seal.root.as_str(),
            public_key: &anchor.seal.public_key,
            holds: anchor.verify().is_ok(),
            problem: known.trusted.problem(anchor).map(|problem| problem.to_string()),
        }),
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

pub fn in_words(proof: &Proof) -> String {
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

/// What the bills say, and how the reconciliation takes it.
#[derive(Serialize)]
pub struct Bill<'a> {
    rows: json::Rows<'a>,
    lines: Vec<ShownLine<'a>>,
}

#[derive(Serialize)]
pub struct ShownLine<'a> {
    pub merchant: &'a str,
    pub bill_day: String,
    pub kind: &'a str,
    pub revision: u64,
    pub sha256: &'a str,
    pub file_name: &'a str,
    pub profile: &'a str,
    /// In the file, whose header is line 1.
    pub line: u64,
    /// Where the event stands that names the file: its position, in a pack its number.
    pub opened_ordinal: u64,
    /// Where the one stands that says that all lines are there.
    pub sealed_ordinal: Option<u64>,
    pub cells: BTreeMap<&'static str, &'a Value>,
}

impl<'a> Bill<'a> {
    /// `number` says of a position how the place is told.
    pub fn of(known: &'a Known, number: impl Fn(Position) -> u64) -> Self {
        let lines = known.billed.iter().flat_map(|file| lines(file, &number)).collect();
        Self { rows: json::Rows(&known.related.rows), lines }
    }
}

pub fn lines(file: &BilledFile, number: impl Fn(Position) -> u64) -> Vec<ShownLine<'_>> {
    let Event::Bill(BillEvent::Opened { revision, file_name, profile, .. }) = &file.opened.decoded.event
    else {
        return vec![];
    };
    let line = |line: &BilledLine| ShownLine {
        merchant: file.key.merchant.as_str(),
        bill_day: file.key.day.to_string(),
        kind: file.key.kind.as_str(),
        revision: *revision,
        sha256: file.sha256.as_str(),
        file_name,
        profile,
        line: line.line,
        opened_ordinal: number(file.opened.recorded.position),
        sealed_ordinal: file.sealed.as_ref().map(|sealed| number(sealed.recorded.position)),
        cells: BTreeMap::new(),
    };
    file.lines
        .iter()
        .map(|told| ShownLine {
            cells: told.cells.iter().map(|(name, cell)| (*name, cell)).collect(),
            ..line(told)
        })
        .collect()
}

/// What people decided.
#[derive(Serialize)]
pub struct Cases<'a> {
    cases: Vec<ShownCase<'a>>,
    recoveries: json::Rows<'a>,
}

#[derive(Serialize)]
pub struct ShownCase<'a> {
    pub merchant: &'a str,
    pub kind: &'static str,
    pub id: &'a str,
    /// open, resolved or lapsed; none where no row has the case any more, or the reconciliation was not asked.
    pub state: Option<&'a str>,
    pub reason: Option<&'a str>,
    pub by: Option<&'a str>,
    /// Where the decisions stand in the log: their positions, in a pack their numbers.
    pub events: Vec<u64>,
    pub last_at: Option<String>,
}

impl<'a> Cases<'a> {
    pub fn of(known: &'a Known, number: impl Fn(Position) -> u64) -> Self {
        Self { cases: cases(known, number), recoveries: json::Rows(&known.related.recoveries) }
    }
}

/// One for each case that was ever decided; its state as the reconciliation's row tells it.
pub fn cases(known: &Known, number: impl Fn(Position) -> u64) -> Vec<ShownCase<'_>> {
    let mut cases: Vec<(&CaseKey, ShownCase<'_>)> = Vec::new();
    for entry in &known.entries {
        let Event::Case(event) = &entry.decoded.event else { continue };
        let (key, reason, by) = match event {
            CaseEvent::Resolved { key, judgement, by, .. } => (key, &judgement.reason, by),
            CaseEvent::Reopened { key, reason, by, .. } => (key, reason, by),
        };
        let place = cases.iter().position(|(known, _)| *known == key).unwrap_or(cases.len());
        if place == cases.len() {
            let (merchant, kind, id) = (key.merchant.as_str(), key.kind.as_str(), key.id());
            let state = state_of(known, key);
            let (reason, by, events, last_at) = (None, None, vec![], None);
            cases.push((key, ShownCase { merchant, kind, id, state, reason, by, events, last_at }));
        }
        if let Some((_, case)) = cases.get_mut(place) {
            (case.reason, case.by) = (Some(reason.as_str()), Some(by.as_str()));
            case.events.push(number(entry.recorded.position));
            case.last_at = Some(stamp(entry.decoded.metadata.recorded_at));
        }
    }
    cases.into_iter().map(|(_, case)| case).collect()
}

fn state_of<'a>(known: &'a Known, key: &CaseKey) -> Option<&'a str> {
    let is_its = |row: &Row<'_>| {
        row.text("merchant") == Some(key.merchant.as_str())
            && row.text("case_kind") == Some(key.kind.as_str())
            && row.text("case_id") == Some(key.id())
    };
    known.related.rows.rows().find(is_its)?.text("case_state")
}
