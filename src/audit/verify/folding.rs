//! Joins what the cores have found, in the order of the log.

use uuid::Uuid;

use super::event::{Checked, Proofs, Seen};
use super::finding::{Finding, Findings};
use super::walk::{Begin, Walk};
use super::{Anchored, Reached, State, Verified};
use crate::store::Position;

pub struct Folding {
    log_id: Uuid,
    walk: Walk,
    begin: Begin,
    /// Whether the log is read up to its end.
    is_to_end: bool,
    findings: Findings,
    proofs: Proofs,
    /// With those of earlier runs.
    events: u64,
    segments: u64,
    sealed: Option<Reached>,
    unsealed: u64,
    outside: u64,
    anchored: Option<Reached>,
    not_yet_proven: u64,
}

impl Folding {
    /// `state` is what an earlier run has come to, which is continued.
    pub fn new(log_id: Uuid, walk: Walk, state: Option<State>, begin: Begin, is_to_end: bool) -> Self {
        let mut folding = Self {
            log_id,
            walk,
            begin,
            is_to_end,
            findings: Findings::default(),
            proofs: Proofs::default(),
            events: 0,
            segments: 0,
            sealed: None,
            unsealed: 0,
            outside: 0,
            anchored: None,
            not_yet_proven: 0,
        };
        let Some(state) = state else { return folding };
        let claim = folding.walk.claim_of(state.revision);
        folding.sealed = claim.map(|claim| Reached::of(claim, Some(state.position)));
        folding.not_yet_proven = state.count;
        // What an anchor proves it proves of all before it, where the earlier run has found that it all leads there.
        let anchored =
            folding.walk.newest_anchored(state.revision).filter(|_| state.segments == state.revision);
        if let Some(claim) = anchored {
            let is_last = claim.revision == state.revision;
            let position = if is_last { Some(state.position) } else { claim.own_position() };
            folding.not_yet_proven = state.count.saturating_sub(claim.count);
            folding.anchored = Some(Reached::of(claim, position));
        }
        (folding.events, folding.segments) = (state.events, state.segments);
        (folding.proofs, folding.findings) = (state.proofs, state.findings);
        folding
    }

    /// The next page. Gives the state behind the newest seal of it that is right.
    pub fn add(&mut self, page: Checked) -> Option<State> {
        let mut found = page.findings.into_iter().peekable();
        let mut state = None;
        for Seen { position, digest, came } in page.seen {
            let stands_here = |finding: &Finding| finding.position == Some(position.number());
            while let Some(finding) = found.next_if(stands_here) {
                self.findings.add(finding);
            }
            self.proofs.count(came);
            self.events += 1;
            if position.number() <= self.begin.position {
                self.outside += 1;
            } else {
                self.unsealed += 1;
            }
            self.not_yet_proven += 1;
            let intact = self.walk.add(position, &digest, &mut self.findings);
            let Some((reached, is_anchored)) =
                intact.map(|claim| (Reached::of(claim, Some(position.number())), claim.is_anchored))
            else {
                continue;
            };
            self.segments += 1;
            state = Some(self.state(&reached, position));
            self.reached(reached, is_anchored);
        }
        state
    }

    fn reached(&mut self, reached: Reached, is_anchored: bool) {
        if is_anchored {
            self.anchored = Some(reached.clone());
            self.not_yet_proven = 0;
        }
        self.sealed = Some(reached);
        self.unsealed = 0;
    }

    fn state(&self, reached: &Reached, position: Position) -> State {
        State {
            log_id: self.log_id,
            revision: reached.revision,
            count: reached.count,
            position: position.number(),
            root: hex::encode(reached.root),
            events: self.events,
            segments: self.segments,
            proofs: self.proofs,
            findings: self.findings.clone(),
        }
    }

    pub fn extend(&mut self, findings: impl IntoIterator<Item = Finding>) {
        self.findings.extend(findings);
    }

    /// What cannot be told of the positions.
    pub fn note(&self) -> Option<String> {
        self.walk.note()
    }

    /// All events have come.
    pub fn verified(mut self, from: u64, until: u64) -> Verified {
        self.walk.finish(self.is_to_end, &mut self.findings);
        Verified {
            log_id: self.log_id,
            from,
            until,
            events: self.events,
            resumed: None,
            proofs: self.proofs,
            segments: self.segments,
            sealed: self.sealed,
            unsealed: self.unsealed,
            outside: self.outside,
            anchored: Some(Anchored {
                given: 0,
                met: 0,
                newest: self.anchored,
                not_yet_proven: self.not_yet_proven,
            }),
            findings: self.findings,
            notes: Vec::new(),
        }
    }
}
