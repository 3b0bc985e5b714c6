//! Where verifying begins: at the beginning of the log, at a position that was named, or where an earlier run has come
//! to.

use super::claims::{Claim, Claims};
use super::finding::{Finding, Kind};
use super::pipeline::Reader;
use super::walk::Begin;
use super::{State, VerifyError};
use crate::store::{Position, ReadLog};

/// Where reading and where the chain begin.
pub struct Start {
    pub read_after: u64,
    pub begin: Begin,
    /// The revision of the seal that is continued.
    pub resumed: Option<u64>,
    pub state: Option<State>,
    pub finding: Option<Finding>,
}

/// Where no segment is whole, nothing is held against the chain.
const NOWHERE: Begin = Begin { count: u64::MAX, position: u64::MAX };

impl Start {
    /// At most one of a position and a state is given.
    pub async fn of(
        log: &dyn ReadLog,
        claims: &Claims,
        (from, resume): (Option<Position>, Option<State>),
        page_events: usize,
        notes: &mut Vec<String>,
    ) -> Result<Self, VerifyError> {
        let whole =
            Self { read_after: 0, begin: Begin::default(), resumed: None, state: None, finding: None };
        if let Some(from) = from {
            let read_after = from.number().saturating_sub(1);
            if read_after == 0 {
                return Ok(whole);
            }
            let begin = first_whole(log, &claims.list, read_after, page_events).await?;
            return Ok(Self { read_after, begin, ..whole });
        }
        let Some(state) = resume else { return Ok(whole) };
        let is_met = |claim: &&Claim| {
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
            return Ok(Self { finding: Some(finding), ..whole });
        }
        notes.push(format!(
            "an earlier run had verified all up to position {}, which was not read again",
            state.position
        ));
        Ok(Self {
            read_after: state.position,
            begin: Begin { count: state.count, position: state.position },
            resumed: Some(state.revision),
            state: Some(state),
            finding: None,
        })
    }
}

/// The end of the last segment before what is read, or of the first one in it where that one is cut: the next segment
/// is read whole.
async fn first_whole(
    log: &dyn ReadLog,
    claims: &[Claim],
    read_after: u64,
    page_events: usize,
) -> Result<Begin, VerifyError> {
    let own = |claim: &Claim| claim.own_position().map(|position| Begin { count: claim.count, position });
    let before = claims.iter().filter_map(own).take_while(|begin| begin.position <= read_after).last();
    if before.is_none() && claims.iter().any(|claim| !claim.is_own) {
        return counted(log, claims, read_after, page_events).await;
    }
    let before = before.unwrap_or_default();
    let last = Some(Position::from_number(before.position)).filter(|last| last.number() > 0);
    if log.next_position(last).await?.is_none_or(|next| next.number() > read_after) {
        return Ok(before);
    }
    let begin = claims.iter().filter_map(own).find(|begin| begin.position >= read_after);
    Ok(begin.unwrap_or(NOWHERE))
}

/// The same where the seals were made in another log, whose positions say nothing here: the events are counted.
async fn counted(
    log: &dyn ReadLog,
    claims: &[Claim],
    read_after: u64,
    page_events: usize,
) -> Result<Begin, VerifyError> {
    let (mut reader, mut count, mut next) = (Reader::new(0, page_events), 0, claims.iter().peekable());
    // Where the event before was the last of a segment.
    let mut ended = Some(Begin::default());
    while let Some(positions) = reader.positions(log).await? {
        for position in positions {
            if let Some(begin) = ended.filter(|_| position > read_after) {
                return Ok(begin);
            }
            count += 1;
            while next.next_if(|claim| claim.count < count).is_some() {}
            let ends = next.peek().is_some_and(|claim| claim.count == count);
            ended = ends.then_some(Begin { count, position });
        }
    }
    Ok(ended.unwrap_or(NOWHERE))
}
