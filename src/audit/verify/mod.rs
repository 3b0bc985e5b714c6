//! Verifying a log without trusting whoever keeps it: each event by itself, the streams, the chain of seals, and
//! that what was exported of it is met. Nothing is written, and memory does not grow with the log.

mod claims;
mod event;
mod finding;
mod folding;
mod pipeline;
mod state;
mod versions;
mod walk;

use std::sync::Arc;

use uuid::Uuid;

use super::anchor::Anchor;
use super::chain::Hash;
use crate::codec;
use crate::ed25519::PublicKey;
use crate::limits;
use crate::store::{Fault, Position, ReadLog, StreamName};
use crate::wechat::App;

pub use event::Proofs;
pub use finding::{Finding, Findings, Kind};
pub use state::State;

use claims::{Claims, LogSeal};
use event::Checker;
use folding::Folding;
use walk::{Begin, Walk};

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
    #[error("a thread that verifies has ended early: that is a bug")]
    Thread,
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
    /// Of the last of them, in this log.
    pub position: u64,
    pub root: Hash,
}

impl Reached {
    fn of(claim: &claims::Claim, position: u64) -> Self {
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
    let Plan { apps, mut keys, anchors, from, until, resume } = plan;
    if let Some(state) = &resume
        && state.log_id != log.log_id().0
    {
        return Err(VerifyError::OtherLog { found: state.log_id, expected: log.log_id().0 });
    }
    let anchors_given = anchors.is_some();
    let anchors = trusted(anchors.unwrap_or_default(), &mut keys)?;
    let head = log.last().await?.map_or(0, Position::number);
    let until = until.map_or(head, |until| until.number().min(head));
    let seals = read_seals(log, head).await?;
    let mut claims = Claims::new(log.log_id(), &seals, &anchors, &keys);
    let mut notes = notes(anchors_given, &keys, &seals, from.is_some() || until < head);
    let start = Start::of(&claims, from, resume, &mut notes);
    claims.findings.extend(start.finding);
    let span = pipeline::Span { after: start.read_after, until, head };
    let walk = Walk::new(std::mem::take(&mut claims.list), start.begin, start.read_after);
    let folding = Folding::new(log.log_id().0, walk, start.state, start.begin, until == head);
    let checker = Arc::new(Checker { apps, seal_stream: codec::seal_stream() });
    let (folded, versions) = pipeline::run(log, span, checker, folding, told).await?;
    let mut verified = folded.verified(start.read_after + 1, until);
    verified.notes = notes;
    verified.resumed = start.resumed;
    if let Some(anchored) = &mut verified.anchored {
        (anchored.given, anchored.met) = (anchors.len() as u64, claims.anchors_met);
    }
    if !anchors_given {
        verified.anchored = None;
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
    Ok(verified)
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
async fn read_seals(log: &dyn ReadLog, head: u64) -> Result<Vec<LogSeal>, VerifyError> {
    let (stream, mut from, mut seals) = (codec::seal_stream(), 0, Vec::new());
    let mut limit = limits::READ_PAGE_EVENTS_MAX;
    loop {
        let page = match log.read_stream(&stream, from, limit).await {
            // One by one, to find which it is.
            Err(Fault::Unreadable(_)) if limit > 1 => {
                limit = 1;
                continue;
            }
            Err(Fault::Unreadable(_)) => match version_after(log, &stream, from).await? {
                Some(version) => {
                    from = version;
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

/// The first version of a stream behind the one that stands at `from` or after it. Versions may have gaps, however
/// wide, where somebody wrote to the file.
async fn version_after(
    log: &dyn ReadLog,
    stream: &StreamName,
    from: u64,
) -> Result<Option<u64>, VerifyError> {
    let (after, passed_over) = (from.saturating_sub(1), usize::from(from > 0));
    let next = log.read_versions(Some((stream.clone(), after)), 2).await?;
    Ok(next.into_iter().filter(|at| at.stream == *stream).nth(passed_over).map(|at| at.version))
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
            "no --anchor was given: seals that lie on the same disk as the log prove nothing against somebody who \
             can write that disk and has the key"
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

/// Where reading and where the chain begin.
struct Start {
    read_after: u64,
    begin: Begin,
    /// The revision of the seal that is continued.
    resumed: Option<u64>,
    state: Option<State>,
    finding: Option<Finding>,
}

impl Start {
    fn of(claims: &Claims, from: Option<Position>, resume: Option<State>, notes: &mut Vec<String>) -> Self {
        let whole =
            Self { read_after: 0, begin: Begin::default(), resumed: None, state: None, finding: None };
        if let Some(from) = from {
            let read_after = from.number().saturating_sub(1);
            if read_after == 0 {
                return whole;
            }
            // Where no segment is whole, nothing is held against the chain.
            let nowhere = Begin { count: u64::MAX, position: u64::MAX };
            let begin = claims.list.iter().find(|claim| claim.position >= read_after);
            let begin = begin.map_or(nowhere, |claim| Begin { count: claim.count, position: claim.position });
            return Self { read_after, begin, ..whole };
        }
        let Some(state) = resume else { return whole };
        let is_met = |claim: &&claims::Claim| {
            claim.revision == state.revision
                && hex::encode(claim.root) == state.root
                && claim.count == state.count
        };
        if !claims.list.iter().any(|claim| is_met(&claim)) {
            let what = format!(
                "an earlier run had verified seal {}, and the log no longer holds it: all was verified anew",
                state.revision
            );
            let finding = Finding::of_range(Kind::AnchorDiffers, Some(state.position), None, what);
            return Self { finding: Some(finding), ..whole };
        }
        notes.push(format!(
            "an earlier run had verified all up to position {}, which was not read again",
            state.position
        ));
        Self {
            read_after: state.position,
            begin: Begin { count: state.count, position: state.position },
            resumed: Some(state.revision),
            state: Some(state),
            finding: None,
        }
    }
}
