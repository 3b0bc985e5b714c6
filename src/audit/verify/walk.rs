//! The chain over the events in the order of the log. Where a segment is not what was sealed, events may have gone or
//! come in: the walk then looks for the place where the next segment is whole again, so that only what was altered is
//! called so.

use std::collections::VecDeque;

use super::claims::Claim;
use super::dense::Dense;
use super::finding::{Finding, Findings, Kind};
use crate::audit::chain::{Hash, Segment};
use crate::limits;
use crate::store::Position;

/// Where a walk begins: at the beginning of the log, or behind a seal.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Begin {
    /// Events before it.
    pub count: u64,
    /// The position of the last of them; 0 where there is none.
    pub position: u64,
}

/// One supposition of how many events have gone since the beginning (or, below 0, come in), and what it comes to.
#[derive(Clone)]
struct Walker {
    gone: i64,
    /// The claim at which its segment ends.
    next: usize,
    segment: Segment,
}

/// A segment that is not what was sealed, as far as the first supposition tells.
struct Doubted {
    claim: usize,
    from: u64,
    to: u64,
}

pub struct Walk {
    claims: Vec<Claim>,
    begin: Begin,
    /// The first is the one that is believed.
    walkers: Vec<Walker>,
    doubted: VecDeque<Doubted>,
    /// The digests of the last events: a segment may have begun a little earlier.
    recent: VecDeque<Hash>,
    /// Events so far, those before the beginning included.
    seen: u64,
    last_position: u64,
    /// The first position of the believed walker's segment.
    segment_begins_at: Option<u64>,
    /// Where positions that are missing tell that events are.
    dense: Dense,
    /// The first claim of this log whose position has not been passed.
    to_pass: usize,
    /// Positions that were missing since the beginning, where that tells something.
    missing: i64,
    /// How often positions were missing, and the first such place, where no seal tells whether that means anything.
    untold_gaps: u64,
    first_untold_gap: u64,
    /// By how much counts and positions differ from what seals say, where that has been told.
    told_shift: (i64, i64),
}

impl Walk {
    /// `read_after` is the position after which events come; those up to the beginning are only counted.
    pub fn new(claims: Vec<Claim>, begin: Begin, read_after: u64) -> Self {
        let next = claims.iter().position(|claim| claim.count > begin.count).unwrap_or(claims.len());
        let to_pass = claims.iter().take_while(|claim| claim.count <= begin.count).count();
        Self {
            dense: Dense::of(claims.iter().map(|claim| (claim.count, claim.own_position()))),
            to_pass,
            claims,
            begin,
            walkers: vec![Walker { gone: 0, next, segment: Segment::default() }],
            doubted: VecDeque::new(),
            recent: VecDeque::new(),
            seen: begin.count,
            last_position: read_after,
            segment_begins_at: None,
            missing: 0,
            untold_gaps: 0,
            first_untold_gap: 0,
            told_shift: (0, 0),
        }
    }

    /// The next event of the log, and the claim whose segment it has shown to be intact, where it has.
    pub fn add(&mut self, position: Position, digest: &Hash, findings: &mut Findings) -> Option<&Claim> {
        let position = position.number();
        if position > self.last_position.saturating_add(1) {
            self.gap(position, findings);
        }
        self.pass(position);
        self.last_position = position;
        if position <= self.begin.position {
            return None;
        }
        self.segment_begins_at.get_or_insert(position);
        self.seen += 1;
        self.recent.push_back(*digest);
        if self.recent.len() > limits::VERIFY_LOOK_BACK_EVENTS {
            self.recent.pop_front();
        }
        self.walkers.iter_mut().for_each(|walker| walker.segment.add(digest));
        if !self.walkers.iter().any(|walker| self.ends_at(walker) == Some(self.seen)) {
            return None;
        }
        let intact = self.segment_ended(findings)?;
        self.claims.get(intact)
    }

    /// After how many events the walker's segment ends.
    fn ends_at(&self, walker: &Walker) -> Option<u64> {
        self.claims.get(walker.next)?.count.checked_add_signed(walker.gone.checked_neg()?)
    }

    /// Positions are missing before this one.
    fn gap(&mut self, position: u64, findings: &mut Findings) {
        let Some((from, to)) = self.dense.missing(self.last_position, position) else {
            if self.claims.is_empty() {
                self.untold_gaps += 1;
                self.first_untold_gap = if self.untold_gaps == 1 { position } else { self.first_untold_gap };
            }
            return;
        };
        let what = if from == to {
            format!("no event stands at position {from}")
        } else {
            format!("no events stand at the positions {from} to {to}")
        };
        findings.add(Finding::of_range(Kind::PositionGap, Some(from), Some(to), what));
        let believed = self.walkers.first().map(|walker| (walker.gone, walker.next));
        if let (Some((gone, next)), Ok(missing)) = (believed, i64::try_from(to - from + 1))
            && position > self.begin.position
        {
            self.missing = self.missing.saturating_add(missing);
            self.suppose(gone.saturating_add(missing), next);
        }
    }

    /// Where the last event of a seal of this log must have come before this position, another number of events than
    /// it covers says how many have gone; the next segment begins here.
    fn pass(&mut self, position: u64) {
        while let Some(claim) = self.claims.get(self.to_pass) {
            if claim.own_position().is_some_and(|last| last >= position) {
                return;
            }
            self.to_pass += 1;
            let covered = i64::try_from(claim.count).ok().filter(|_| claim.is_own);
            let gone = covered.zip(i64::try_from(self.seen).ok()).map(|(covered, seen)| covered - seen);
            if let Some(gone) = gone
                && position > self.begin.position
                && self.walkers.iter().all(|walker| walker.gone != gone)
            {
                self.add_walker(Walker { gone, next: self.to_pass, segment: Segment::default() });
            }
        }
    }

    /// Beside the believed one. Those that were supposed first have had their time.
    fn add_walker(&mut self, walker: Walker) {
        if self.walkers.len() == limits::VERIFY_SUPPOSITIONS_MAX {
            self.walkers.remove(1);
        }
        self.walkers.push(walker);
    }

    /// What positions say that no seal tells anything about.
    pub fn note(&self) -> Option<String> {
        let (gaps, first) = (self.untold_gaps, self.first_untold_gap);
        (gaps > 0).then(|| {
            format!(
                "positions are missing at {gaps} places, first before position {first}: of a log whose store numbers its \
                 events one by one, events have gone there; without a seal nothing tells which it is"
            )
        })
    }

    /// Adds a supposition; `next` is the claim at which the believed one's segment ends.
    fn suppose(&mut self, gone: i64, next: usize) {
        let is_supposed = self.walkers.iter().any(|walker| walker.gone == gone);
        let Some(believed) = self.walkers.first().filter(|_| !is_supposed) else { return };
        let mut walker = Walker { gone, next, segment: believed.segment.clone() };
        let Some(ends_at) = self.ends_at(&walker) else { return };
        if let Some(behind) = self.seen.checked_sub(ends_at) {
            // Its next segment has begun already.
            let Some(skipped) = usize::try_from(behind).ok().and_then(|n| self.recent.len().checked_sub(n))
            else {
                return;
            };
            (walker.next, walker.segment) = (next + 1, Segment::default());
            self.recent.iter().skip(skipped).for_each(|digest| walker.segment.add(digest));
        }
        self.add_walker(walker);
    }

    /// The claim that is right, where one is.
    fn segment_ended(&mut self, findings: &mut Findings) -> Option<usize> {
        let (mut right, mut believed) = (None, None);
        for index in 0..self.walkers.len() {
            let Some(walker) =
                self.walkers.get(index).filter(|walker| self.ends_at(walker) == Some(self.seen))
            else {
                continue;
            };
            let Some(claim) = self.claims.get(walker.next) else { continue };
            let (ended, follows) = (walker.next, claim.follows);
            if follows && walker.segment.clone().hash() == claim.segment {
                right = right.or(Some((index, ended)));
            } else if index == 0 {
                believed = Some((ended, follows));
            }
            if let Some(walker) = self.walkers.get_mut(index) {
                *walker = Walker { next: ended + 1, segment: Segment::default(), ..walker.clone() };
            }
        }
        match (right, believed) {
            (Some((index, claim)), _) => self.found_intact(index, claim, findings),
            (None, Some((claim, true))) => self.found_doubtful(claim),
            // Nobody can tell what it should hash to; that its seal does not follow has been told.
            (None, Some((_, false))) => self.segment_begins_at = None,
            (None, None) => {}
        }
        self.tell_doubted(findings);
        right.map(|(_, claim)| claim)
    }

    /// What this walker supposes is so.
    fn found_intact(&mut self, index: usize, claim: usize, findings: &mut Findings) {
        self.doubted.retain(|doubted| doubted.claim != claim);
        // So many events have gone that the one that was believed has not come to the ends of segments before.
        let believed = self.walkers.first().map_or(claim, |walker| walker.next);
        for passed in believed..claim {
            let Some(altered_claim) = self.claims.get(passed).filter(|claim| claim.follows) else { continue };
            let from = self.segment_begins_at.unwrap_or(self.last_position);
            let to =
                altered_claim.own_position().unwrap_or(self.last_position).clamp(from, self.last_position);
            findings.add(altered(&self.claims, &Doubted { claim: passed, from, to }));
        }
        self.walkers = vec![self.walkers.swap_remove(index)];
        self.segment_begins_at = None;
        self.tell_doubted(findings);
        self.tell_shift(claim, findings);
    }

    fn found_doubtful(&mut self, claim: usize) {
        let from = self.segment_begins_at.take().unwrap_or(self.last_position);
        self.doubted.push_back(Doubted { claim, from, to: self.last_position });
        if let [believed] = self.walkers.as_slice() {
            let gone = believed.gone;
            // The believed walker is at the next segment by now; the others begin that one elsewhere.
            for shift in 1..=limits::VERIFY_SHIFTS {
                self.suppose(gone.saturating_add(shift), claim);
                self.suppose(gone.saturating_sub(shift), claim);
            }
        }
    }

    /// Tells of doubted segments that no supposition can show to be intact any more.
    fn tell_doubted(&mut self, findings: &mut Findings) {
        while let Some(doubted) = self.doubted.front() {
            if self.walkers.iter().any(|walker| walker.next <= doubted.claim) {
                return;
            }
            findings.add(altered(&self.claims, doubted));
            self.doubted.pop_front();
        }
    }

    /// Events that have gone or come in, and positions that are others, show at a seal that is intact. A gap in the
    /// positions has been told, and explains as many.
    fn tell_shift(&mut self, claim: usize, findings: &mut Findings) {
        let (Some(claim), Some(walker)) = (self.claims.get(claim), self.walkers.first()) else { return };
        let moved = claim.own_position().map(|last| i128::from(self.last_position) - i128::from(last));
        let moved = moved.map(|moved| i64::try_from(moved).unwrap_or(i64::MAX));
        let unexplained = walker.gone.saturating_sub(self.missing);
        let shift = (unexplained, moved.unwrap_or(self.told_shift.1));
        if std::mem::replace(&mut self.told_shift, shift) == shift || shift == (0, 0) {
            return;
        }
        let up_to = claim.own_position().map_or_else(String::new, |last| format!(" up to position {last}"));
        let what = format!(
            "seal {} covers {} events{up_to}; the last of them is at position {}, where {} stand: positions are \
             others, or events have gone or come in before",
            claim.revision, claim.count, self.last_position, self.seen
        );
        findings.add(Finding::of_range(Kind::SealMisplaced, Some(self.last_position), None, what));
    }

    pub fn claim_of(&self, revision: u64) -> Option<&Claim> {
        self.claims.iter().find(|claim| claim.revision == revision)
    }

    /// The newest that an anchor tells of, up to a revision.
    pub fn newest_anchored(&self, revision: u64) -> Option<&Claim> {
        self.claims.iter().rev().find(|claim| claim.is_anchored && claim.revision <= revision)
    }

    /// Where the events end. Seals that stand in the log and cover more than there is say that some have gone.
    pub fn finish(&mut self, is_whole: bool, findings: &mut Findings) {
        while let Some(doubted) = self.doubted.pop_front() {
            findings.add(altered(&self.claims, &doubted));
        }
        let next = self.walkers.first().map_or(self.claims.len(), |walker| walker.next);
        for claim in self.claims.iter().skip(next) {
            if !(is_whole && claim.stands_at.is_some()) {
                continue;
            }
            let (from, to) = (self.segment_begins_at.unwrap_or(self.last_position), self.last_position);
            let what = format!(
                "seal {} covers {} events, and only {} stand before the end of the log: events have gone",
                claim.revision, claim.count, self.seen
            );
            findings.add(Finding::of_range(Kind::SegmentAltered, Some(from), Some(to), what));
            return;
        }
    }
}

fn altered(claims: &[Claim], doubted: &Doubted) -> Finding {
    let revision = claims.get(doubted.claim).map_or(0, |claim| claim.revision);
    let what = format!(
        "the events at positions {} to {} are not those that seal {revision} sealed, or not in their order",
        doubted.from, doubted.to
    );
    Finding::of_range(Kind::SegmentAltered, Some(doubted.from), Some(doubted.to), what)
}
