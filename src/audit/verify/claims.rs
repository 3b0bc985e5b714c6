//! What seals and exported anchors say of the log, held against one another before anything else is read: the keys,
//! the signatures, and that each follows from the one before. What is left to check is the events between them.

use std::collections::BTreeMap;

use super::finding::{Finding, Findings, Kind};
use crate::audit::anchor::{Anchor, hash_of};
use crate::audit::chain::{self, Hash};
use crate::audit::signing;
use crate::codec;
use crate::domain::event::Event;
use crate::domain::seal::{NO_ROOT, Seal};
use crate::ed25519::PublicKey;
use crate::limits;
use crate::store::{LogId, Position, RecordedEvent};

/// A seal as it stands in the log.
pub struct LogSeal {
    pub seal: Seal,
    at: Position,
    version: u64,
}

impl LogSeal {
    /// `None` for what is no seal, or one that cannot be read: looking at the events one by one finds it.
    pub fn read(event: &RecordedEvent) -> Option<Self> {
        match codec::decode(event).ok()?.event {
            Event::LedgerSealed(seal) => Some(Self { seal, at: event.position, version: event.version }),
            _ => None,
        }
    }

    fn found(&self, kind: Kind, what: impl Into<String>) -> Finding {
        Finding::at(kind, self.at, &codec::seal_stream(), self.version, what)
    }
}

/// What the events up to one place must hash to.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Claim {
    pub revision: u64,
    pub count: u64,
    position: u64,
    pub segment: Hash,
    pub root: Hash,
    /// Whether it is known where its segment begins: not where the seal before it is missing.
    pub follows: bool,
    /// Where the seal stands; `None` where only an anchor tells of it.
    pub stands_at: Option<Position>,
    /// Whether it was made in this log.
    pub is_own: bool,
    pub is_anchored: bool,
}

impl Claim {
    /// Where its last event stands, where the seal was made in this log: a copy has the seals of the log it was made of,
    /// and its own positions.
    pub fn own_position(&self) -> Option<u64> {
        self.is_own.then_some(self.position)
    }
}

/// All claims, in the order of the log.
#[derive(Default)]
pub struct Claims {
    pub list: Vec<Claim>,
    pub findings: Findings,
    /// Anchors that the log's own seals agree with.
    pub anchors_met: u64,
    /// The newest anchor that no seal of the log answers to, where that is newer than all of them.
    pub beyond: Option<(u64, u64)>,
}

/// The seal before, as far as it is known.
#[derive(Clone, Copy)]
struct Before {
    revision: u64,
    count: u64,
    root: Hash,
}

impl Claims {
    /// `keys` are those that are trusted; where there are none, each seal's own is taken.
    pub fn new(own: LogId, seals: &[LogSeal], anchors: &[Anchor], keys: &[PublicKey]) -> Self {
        let mut claims = Self::default();
        let mut by_revision: BTreeMap<u64, (Option<&LogSeal>, Option<&Anchor>)> = BTreeMap::new();
        for seal in seals {
            let (revision, expected) = (seal.seal.revision, seal.version + 1);
            if revision != expected {
                let what =
                    format!("it says that it is seal {revision}, and stands where seal {expected} must");
                claims.findings.add(seal.found(Kind::SealMisplaced, what));
            }
            by_revision.entry(revision).or_default().0.get_or_insert(seal);
        }
        for anchor in anchors {
            by_revision.entry(anchor.seal.revision).or_default().1.get_or_insert(anchor);
        }
        let newest = seals.iter().map(|seal| seal.seal.revision).max().unwrap_or(0);
        let mut before = Before { revision: 0, count: 0, root: NO_ROOT };
        for (revision, (seal, anchor)) in by_revision {
            let follows = revision == before.revision + 1;
            let root_before =
                if follows { Some(before.root) } else { anchor.map(|anchor| anchor.previous_root) };
            if let Some(seal) = seal {
                if !follows && anchor.is_some() {
                    let what = "the seal before it is missing, so that nothing tells where its events begin";
                    claims.findings.add(seal.found(Kind::SealMisplaced, what));
                }
                claims.signed(seal, root_before, keys);
            }
            if let Some(anchor) = anchor {
                claims.meets(seal, anchor, (own, newest));
            }
            // What was exported is the one that counts.
            let counts = anchor.map(|anchor| &anchor.seal).or(seal.map(|seal| &seal.seal));
            let Some(counts) = counts.filter(|counts| claims.may_end_there(counts, seal, before)) else {
                continue;
            };
            let (segment, root) = (hash_of(&counts.segment), hash_of(&counts.root));
            claims.list.push(Claim {
                revision,
                count: counts.count,
                position: counts.position,
                segment,
                root,
                follows,
                stands_at: seal.map(|seal| seal.at),
                is_own: counts.log_id == own.0,
                is_anchored: anchor.is_some(),
            });
            before = Before { revision, count: counts.count, root };
        }
        claims
    }

    /// Whether a segment may end where this seal says. Where not, the walk would miss the ends of all others.
    fn may_end_there(&mut self, counts: &Seal, seal: Option<&LogSeal>, before: Before) -> bool {
        let what = if counts.count <= before.count {
            format!("it covers {} events, the one before it {}", counts.count, before.count)
        } else if seal.is_some_and(|seal| stands_too_early(seal, counts.count)) {
            format!("it covers {} events, more than stand before it", counts.count)
        } else {
            return true;
        };
        self.findings.extend(seal.map(|seal| seal.found(Kind::SealMisplaced, what)));
        false
    }

    /// What a seal shows by itself and beside the root before it.
    fn signed(&mut self, sealed: &LogSeal, root_before: Option<Hash>, keys: &[PublicKey]) {
        let seal = &sealed.seal;
        let is_trusted = PublicKey::parse(&seal.public_key).is_ok_and(|key| keys.contains(&key));
        if !keys.is_empty() && !is_trusted {
            let what = format!(
                "the key {} signed it, which is neither seal.key_file's nor one of seal.public_keys or of the \
                 anchors",
                seal.public_key
            );
            self.findings.add(sealed.found(Kind::SealKeyUnknown, what));
        }
        let Some(root_before) = root_before else {
            let what = "the seal before it is missing, so that it cannot be told what it continues";
            return self.findings.add(sealed.found(Kind::SealMisplaced, what));
        };
        let root = chain::root(&root_before, &hash_of(&seal.segment));
        if root != hash_of(&seal.root) {
            let what = "its root is not that of the root before it and its segment";
            return self.findings.add(sealed.found(Kind::SealMisplaced, what));
        }
        if let Err(error) = signing::verify(seal, &root_before) {
            self.findings.add(sealed.found(Kind::SealSignature, error.to_string()));
        }
    }

    /// `newest` is the newest seal of the log.
    fn meets(&mut self, seal: Option<&LogSeal>, anchor: &Anchor, (own, newest): (LogId, u64)) {
        let Seal { revision, log_id, count, position, ref root, .. } = anchor.seal;
        match seal {
            Some(seal) if seal.seal == anchor.seal => self.anchors_met += 1,
            Some(seal) => {
                let what = format!(
                    "seal {revision} is another one than the one exported: its root is {}, exported was {root}",
                    seal.seal.root
                );
                self.findings.add(seal.found(Kind::AnchorDiffers, what));
            }
            None if revision > newest => self.beyond = Some((revision, count)),
            None => {
                let what = format!("seal {revision} was exported, and the log has no such seal");
                let position = (log_id == own.0).then_some(position);
                self.findings.add(Finding::of_range(Kind::AnchorDiffers, position, None, what));
            }
        }
    }
}

/// Whether fewer events stand before the seal than it covers, by more than what may have gone. Each event takes a
/// position at least.
fn stands_too_early(seal: &LogSeal, count: u64) -> bool {
    let may_be_gone = limits::VERIFY_LOOK_BACK_EVENTS as u64;
    count > seal.at.number().saturating_add(may_be_gone)
}
