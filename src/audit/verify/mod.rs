//! Verifying a log without trusting whoever keeps it: each event by itself, the streams, the chain of seals, and
//! that what was exported of it is met. Nothing is written, and memory does not grow with the log.

mod claims;
mod dense;
mod event;
mod finding;
mod folding;
mod pipeline;
mod places;
mod start;
mod state;
mod versions;
mod walk;

use std::fmt;
use std::num::NonZeroUsize;
use std::sync::Arc;

use uuid::Uuid;

use super::anchor::Anchor;
use super::chain::Hash;
use crate::codec;
use crate::ed25519::PublicKey;
use crate::limits;
use crate::store::{Fault, Position, ReadLog};
use crate::wechat::App;

pub(super) use dense::Dense;
pub use event::Proofs;
pub use finding::{Finding, Findings, Kind};
pub(super) use pipeline::Reader;
pub use state::State;

use claims::{Claims, LogSeal};
use event::Checker;
use folding::Folding;
use start::Start;
use walk::Walk;

/// What to verify, and what is known beside the log.
#[derive(Default)]
pub struct Plan {
    /// With the keys of all times.
    pub apps: Vec<App>,
    /// Public keys whose seals are trusted; those of the anchors are too.
    pub keys: Vec<PublicKey>,
    /// `None`: nothing was kept outside of the log.
    pub anchors: Option<Vec<Anchor>>,
    /// The first and the last position to look at; without them the log's own.
    pub from: Option<Position>,
    pub until: Option<Position>,
    /// What an earlier run has come to. Only without `from` and `until`.
    pub resume: Option<State>,
    /// Events that are read at once; without it `limits::VERIFY_PAGE_EVENTS`.
    pub page_events: Option<NonZeroUsize>,
}

/// Why nothing was verified.
#[derive(Debug, thiserror::Error)]
pub enum VerifyError {
    #[error("the log cannot be read: {0}")]
    Fault(#[from] Fault),
    #[error("seal {revision} of the anchors is no anchor of any log: {problem}")]
    Anchor { revision: u64, problem: String },
    #[error("the anchors hold two different seals {revision}: they are of different logs, or one is false")]
    AnchorsDiffer { revision: u64 },
    #[error("it is of the log {found}, and this is the log {expected}: name another file, or remove it")]
    OtherLog { found: Uuid, expected: Uuid },
    #[error(
        "no event stands from position {from} {}, so nothing would be verified: {}",
        Until(*until),
        End(*head)
    )]
    NothingThere { from: u64, until: Option<u64>, head: Option<u64> },
    #[error("a thread that verifies has ended early: that is a bug")]
    Thread,
}

struct Until(Option<u64>);

impl fmt::Display for Until {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.0 {
            Some(until) => write!(f, "to position {until}"),
            None => f.write_str("on"),
        }
    }
}

struct End(Option<u64>);

impl fmt::Display for End {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.0 {
            Some(head) => write!(f, "the log ends at position {head}"),
            None => f.write_str("the log is empty"),
        }
    }
}

/// What is told while it goes on.
pub enum Told {
    /// So far of that far, as positions.
    At { position: u64, of: u64 },
    /// A seal has been reached, and this is where another run may go on.
    Reached(Box<State>),
}

/// A seal that was found to be right, up to which all is known.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Reached {
    pub revision: u64,
    /// Events that it covers.
    pub count: u64,
    /// Of the last of them, in this log; `None` where an earlier run has passed it, and only another log's is known.
    pub position: Option<u64>,
    pub root: Hash,
}

impl Reached {
    fn of(claim: &claims::Claim, position: Option<u64>) -> Self {
        Self { revision: claim.revision, count: claim.count, position, root: claim.root }
    }
}

/// What came of it.
#[derive(Debug)]
pub struct Verified {
    pub log_id: Uuid,
    /// The first and the last position that was looked at, where there is one.
    pub from: u64,
    pub until: u64,
    /// Events that were looked at; with those of earlier runs.
    pub events: u64,
    /// The seal behind which an earlier run was continued.
    pub resumed: Option<u64>,
    pub proofs: Proofs,
    /// Seals whose segments are what was sealed; with those of earlier runs.
    pub segments: u64,
    pub sealed: Option<Reached>,
    /// Events behind that seal.
    pub unsealed: u64,
    /// Events of a range that stand before its first whole segment.
    pub outside: u64,
    pub anchored: Option<Anchored>,
    pub findings: Findings,
    /// In sentences: what this run cannot prove, and why.
    pub notes: Vec<String>,
}

/// What anchors prove.
#[derive(Debug)]
pub struct Anchored {
    pub given: u64,
    /// That the log's own seals agree with.
    pub met: u64,
    /// The newest that the events were held against.
    pub newest: Option<Reached>,
    /// Events behind it.
    pub not_yet_proven: u64,
}

/// Verifies a log up to its end as of now; it may be written meanwhile.
pub async fn verify(
    log: &dyn ReadLog,
    plan: Plan,
    told: &mut (dyn FnMut(Told) + Send),
) -> Result<Verified, VerifyError> {
    let Plan { apps, mut keys, anchors, from, until, resume, page_events } = plan;
    if let Some(state) = &resume
        && state.log_id != log.log_id().0
    {
        return Err(VerifyError::OtherLog { found: state.log_id, expected: log.log_id().0 });
    }
    let anchors_given = anchors.is_some();
    let anchors = trusted(anchors.unwrap_or_default(), &mut keys)?;
    let page_events = page_events.map_or(limits::VERIFY_PAGE_EVENTS, NonZeroUsize::get);
    let last = log.last().await?.map(Position::number);
    let head = last.unwrap_or(0);
    if from.is_some() || until.is_some() {
        something_stands_there(log, from, until, last).await?;
    }
    let until = until.map_or(head, |until| until.number().min(head));
    let seals = read_seals(log, head, page_events).await?;
    let mut claims = Claims::new(log.log_id(), &seals, &anchors, &keys);
    let mut notes = notes(anchors_given, &keys, &seals, from.is_some() || until < head);
    let start = Start::of(log, &claims, (from, resume), page_events, &mut notes).await?;
    claims.findings.extend(start.finding);
    let span = pipeline::Span { after: start.read_after, until, head, page_events };
    let walk = Walk::new(std::mem::take(&mut claims.list), start.begin, start.read_after);
    let folding = Folding::new(log.log_id().0, walk, start.state, start.begin, until == head);
    let checker = Arc::new(Checker::new(apps));
    let (folded, versions) = pipeline::run(log, span, checker, folding, told).await?;
    notes.extend(folded.note());
    let mut verified = folded.verified(start.read_after + 1, until);
    verified.notes = notes;
    verified.resumed = start.resumed;
    if let Some(anchored) = &mut verified.anchored {
        (anchored.given, anchored.met) = (anchors.len() as u64, claims.anchors_met);
    }
    if let Some((revision, count)) = claims.beyond.filter(|_| until == head) {
        let what = format!(
            "seal {revision}, which was exported, is not in the log: its end was cut off. The seal covers {count} \
             events; the log ends at position {head}"
        );
        verified.findings.add(Finding::of_range(Kind::TailCut, Some(head), None, what));
    }
    verified.findings.merge(claims.findings);
    verified.findings.merge(versions);
    if from.is_none() && until == head {
        verified.findings.extend(anchor_missed(&verified, &anchors));
    }
    if !anchors_given {
        verified.anchored = None;
    }
    Ok(verified)
}

/// Whoever asks for a part of the log in which nothing stands must not be told that nothing is wrong.
async fn something_stands_there(
    log: &dyn ReadLog,
    from: Option<Position>,
    until: Option<Position>,
    head: Option<u64>,
) -> Result<(), VerifyError> {
    let next = log.next_position(from.and_then(Position::before)).await?;
    if next.is_some_and(|next| until.is_none_or(|until| next <= until)) {
        return Ok(());
    }
    let (from, until) = (from.map_or(1, Position::number), until.map(Position::number));
    Err(VerifyError::NothingThere { from, until, head })
}

/// The net below all else: where nothing was found in the whole log, its events were held against the newest anchor.
fn anchor_missed(verified: &Verified, anchors: &[Anchor]) -> Option<Finding> {
    let newest = anchors.last()?.seal.revision;
    let reached = verified.anchored.as_ref()?.newest.as_ref().map(|reached| reached.revision);
    let is_missed = verified.findings.total() == 0 && reached != Some(newest);
    let what = format!("the events do not lead to seal {newest}, which was exported");
    is_missed.then(|| Finding::of_range(Kind::AnchorDiffers, None, None, what))
}

/// Anchors that hold together by themselves; their keys are trusted.
fn trusted(mut anchors: Vec<Anchor>, keys: &mut Vec<PublicKey>) -> Result<Vec<Anchor>, VerifyError> {
    anchors.sort_by_key(|anchor| anchor.seal.revision);
    anchors.dedup();
    for anchor in &anchors {
        let revision = anchor.seal.revision;
        let key = anchor.verify();
        let key = key.map_err(|problem| VerifyError::Anchor { revision, problem: problem.to_string() })?;
        if !keys.contains(&key) {
            keys.push(key);
        }
    }
    let twice = anchors.windows(2).find(|pair| match pair {
        [one, next] => one.seal.revision == next.seal.revision,
        _ => false,
    });
    match twice.and_then(<[Anchor]>::first) {
        Some(anchor) => Err(VerifyError::AnchorsDiffer { revision: anchor.seal.revision }),
        None => Ok(anchors),
    }
}

/// All seals up to a position. One that cannot be read is left out; the walk finds it.
async fn read_seals(log: &dyn ReadLog, head: u64, page_events: usize) -> Result<Vec<LogSeal>, VerifyError> {
    let (stream, mut from, mut seals) = (codec::seal_stream(), 0, Vec::new());
    let mut limit = page_events;
    loop {
        let page = match log.read_stream(&stream, from, limit).await {
            // One by one, to find which it is.
            Err(Fault::Unreadable(_)) if limit > 1 => {
                limit = 1;
                continue;
            }
            // Where versions are missing, the one behind `from` may be it: that is asked for next.
            Err(Fault::Unreadable(_)) => match log.next_version(&stream, from).await? {
                Some(version) => {
                    (from, limit) = (version, page_events);
                    continue;
                }
                None => return Ok(seals),
            },
            page => page?,
        };
        let Some(last) = page.last() else { return Ok(seals) };
        from = last.version + 1;
        seals.extend(page.iter().filter(|event| event.position.number() <= head).filter_map(LogSeal::read));
    }
}

fn notes(anchors_given: bool, keys: &[PublicKey], seals: &[LogSeal], is_range: bool) -> Vec<String> {
    let mut notes = Vec::new();
    if seals.is_empty() {
        notes.push(
            "the log has no seal, so nothing shows whether events were changed consistently, or have gone: \
             `order-ledger seal` seals it"
                .to_owned(),
        );
    }
    if !anchors_given {
        notes.push(
            "no --anchor was given: seals that lie in the same place as the log prove nothing against somebody who \
             can write there and has the key"
                .to_owned(),
        );
    }
    if keys.is_empty() && !seals.is_empty() {
        notes.push(
            "no public key is known, neither by [seal] of the configuration nor by anchors: each seal was held \
             against the key that it names itself"
                .to_owned(),
        );
    }
    if is_range {
        notes.push(
            "only a part of the log was read: of seals, those whose whole segment lies in it were verified"
                .to_owned(),
        );
    }
    notes
}
