//! The chain of hashes over the log: a digest for each event, a hash for the events between two seals, and a root
//! that holds all that came before. All that is hashed is bytes of the log; positions are not, for a copy in another
//! store has others.

use sha2::{Digest as _, Sha256};
use uuid::Uuid;

use crate::store::RecordedEvent;

pub type Hash = [u8; 32];

/// SHA-256 over stream, version, id, type, data and metadata, each as text behind its length in bytes as a big-endian
/// number of 64 bits. The version is written in decimal, the id in lower case with hyphens.
pub fn digest(event: &RecordedEvent) -> Hash {
    let mut sha = Sha256::new();
    let mut id = Uuid::encode_buffer();
    let (version, id) = (event.version.to_string(), event.id.hyphenated().encode_lower(&mut id));
    for part in [event.stream.as_str(), &version, id, &event.event_type, &event.data, &event.metadata] {
        sha.update((part.len() as u64).to_be_bytes());
        sha.update(part);
    }
    sha.finalize().into()
}

/// The events between two seals, in the order of the log: SHA-256 over their digests.
#[derive(Clone, Debug, Default)]
pub struct Segment {
    sha: Sha256,
    count: u64,
}

impl Segment {
    pub fn add(&mut self, digest: &Hash) {
        self.sha.update(digest);
        self.count += 1;
    }

    pub fn count(&self) -> u64 {
        self.count
    }

    pub fn hash(self) -> Hash {
        self.sha.finalize().into()
    }
}

/// SHA-256 over the root before, 32 zero bytes before the first, and the segment's hash.
pub fn root(before: &Hash, segment: &Hash) -> Hash {
    let mut sha = Sha256::new();
    sha.update(before);
    sha.update(segment);
    sha.finalize().into()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::store::{Position, StreamName};

    fn event() -> RecordedEvent {
        RecordedEvent {
            position: Position::from_number(7),
            stream: StreamName("order-demo.A1".into()),
            version: 12,
            id: Uuid::from_u128(0xABCD),
            event_type: "GoodsGranted".into(),
            data: "{\"by\":\"玩\"}".into(),
            metadata: "{}".into(),
        }
    }

    #[test]
    fn an_events_digest_is_over_its_texts_behind_their_lengths() {
        let mut expected = Sha256::new();
        for (length, text) in [
            (13, "order-demo.A1"),
            (2, "12"),
            (36, "00000000-0000-0000-0000-00000000abcd"),
            (12, "GoodsGranted"),
            (12, "{\"by\":\"玩\"}"),
            (2, "{}"),
        ] {
            expected.update([0, 0, 0, 0, 0, 0, 0, length]);
            expected.update(text);
        }
        assert_eq!(digest(&event()), Hash::from(expected.finalize()));
    }

    #[test]
    fn every_text_of_an_event_and_where_one_ends_is_in_its_digest_and_its_position_is_not() {
        let changed: [fn(&mut RecordedEvent); 7] = [
            |event| event.stream.0.push('2'),
            |event| event.version += 1,
            |event| event.id = Uuid::nil(),
            |event| event.event_type.push('2'),
            |event| event.data.push(' '),
            |event| event.metadata.push(' '),
            |event| event.metadata = event.data.split_off(3) + &event.metadata,
        ];
        for change in changed {
            let mut other = event();
            change(&mut other);
            assert_ne!(digest(&other), digest(&event()), "{other:?}");
        }
        let elsewhere = RecordedEvent { position: Position::from_number(8), ..event() };
        assert_eq!(digest(&elsewhere), digest(&event()));
    }

    #[test]
    fn a_root_holds_the_root_before_and_the_digests_in_their_order() {
        let segment = |digests: &[u8]| {
            let mut segment = Segment::default();
            digests.iter().for_each(|byte| segment.add(&[*byte; 32]));
            assert_eq!(segment.count(), digests.len() as u64);
            segment.hash()
        };
        let expected: Hash = Sha256::digest([[1; 32], [2; 32]].concat()).into();
        assert_eq!(segment(&[1, 2]), expected);
        assert_ne!(segment(&[2, 1]), expected);
        let rooted: Hash = Sha256::digest([[0; 32], expected].concat()).into();
        assert_eq!(root(&[0; 32], &expected), rooted);
        assert_ne!(root(&[1; 32], &expected), rooted);
    }
}
