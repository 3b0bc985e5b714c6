//! What an event shows by itself: that its id is that of its content, that it reads and is written the same again,
//! and that the push that brought it was signed.

use serde::{Deserialize, Serialize};

use super::finding::{Finding, Kind};
use super::places::{PlaceKeys, Places};
use crate::audit::chain::{self, Hash};
use crate::audit::proof::{Proof, prove_of};
use crate::codec::{self, Decoded};
use crate::domain::event::Event;
use crate::store::{Position, RecordedEvent, StreamName};
use crate::wechat::App;

/// How an event came.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Came {
    /// PayEventSig verifies now, and the event says what was signed.
    Signed,
    /// A push brought it that is not signed, such as a gift.
    Unsigned,
    /// No push brought it.
    WithoutPush,
    /// Nobody can tell: that is among the findings.
    Unproven,
}

/// How many events came how.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Proofs {
    pub signed: u64,
    pub unsigned: u64,
    pub without_push: u64,
}

impl Proofs {
    pub fn count(&mut self, came: Came) {
        match came {
            Came::Signed => self.signed += 1,
            Came::Unsigned => self.unsigned += 1,
            Came::WithoutPush => self.without_push += 1,
            Came::Unproven => {}
        }
    }
}

/// An event that has been looked at.
pub struct Seen {
    pub position: Position,
    pub digest: Hash,
    pub came: Came,
}

/// A page of them, in the order of the log, and what was found, in the same order.
#[derive(Default)]
pub struct Checked {
    pub seen: Vec<Seen>,
    pub findings: Vec<Finding>,
    /// Of all that could be read.
    pub places: Places,
}

/// What is needed to look at events; the same on all cores.
pub struct Checker {
    apps: Vec<App>,
    seal_stream: StreamName,
    pub place_keys: PlaceKeys,
}

impl Checker {
    pub fn new(apps: Vec<App>) -> Self {
        Self { apps, seal_stream: codec::seal_stream(), place_keys: PlaceKeys::default() }
    }

    pub fn page(&self, events: &[RecordedEvent]) -> Checked {
        let mut findings = Vec::new();
        let mut see = |event: &RecordedEvent| {
            let came =
                self.event(event, &mut |kind, what| findings.push(Finding::of_event(kind, event, what)));
            Seen { position: event.position, digest: chain::digest(event), came }
        };
        let seen = events.iter().map(&mut see).collect();
        let mut places = Places::default();
        for event in events {
            places.add(&self.place_keys, &event.stream, event.version, event.position);
        }
        Checked { seen, findings, places }
    }

    fn event(&self, event: &RecordedEvent, found: &mut dyn FnMut(Kind, String)) -> Came {
        if codec::event_id(&event.stream, &event.event_type, &event.data) != event.id {
            let what = format!("its id {} is not the one that stream, type and data make", event.id);
            found(Kind::DataAltered, what);
        }
        let (decoded, is_canonical) = match codec::decode_canonical(event) {
            Ok(read) => read,
            Err(error) => {
                found(Kind::Unreadable, error.problem);
                return Came::Unproven;
            }
        };
        if !is_canonical.unwrap_or(false) {
            let what =
                "it reads, but is not what the program writes: something was added or is written otherwise";
            found(Kind::NotCanonical, what.into());
        }
        match (matches!(decoded.event, Event::LedgerSealed(_)), event.stream == self.seal_stream) {
            (true, false) => {
                found(Kind::SealMisplaced, format!("a seal stands outside of {}", self.seal_stream));
            }
            (false, true) => found(Kind::SealMisplaced, "it is no seal, and stands among the seals".into()),
            (true, true) | (false, false) => {}
        }
        self.came(&event.stream, &decoded, found)
    }

    fn came(&self, stream: &StreamName, decoded: &Decoded, found: &mut dyn FnMut(Kind, String)) -> Came {
        let Decoded { event, metadata } = decoded;
        let slug = metadata.app.as_ref();
        let app = slug.and_then(|slug| self.apps.iter().find(|app| app.slug == *slug));
        match prove_of(app, stream, event, metadata.evidence.as_ref()) {
            Proof::Verified { .. } => return Came::Signed,
            Proof::Transport => return Came::Unsigned,
            Proof::None => return Came::WithoutPush,
            Proof::Broken { key_fingerprint } => {
                found(Kind::SignatureBroken, format!("it does not verify under AppKey {key_fingerprint}"));
            }
            Proof::Contradicted { key_fingerprint } => found(
                Kind::SignatureContradicted,
                format!("it verifies under AppKey {key_fingerprint}, and the event says something else"),
            ),
            Proof::Missing => {
                found(Kind::SignatureMissing, "only a signed push brings such an event".into());
            }
            Proof::KeyMissing { key_fingerprint } => found(
                Kind::KeyMissing,
                format!(
                    "AppKey {key_fingerprint} is not configured, so it cannot be verified: keep old keys as \
                     \"retired\", and the apps that they belong to"
                ),
            ),
        }
        Came::Unproven
    }
}
