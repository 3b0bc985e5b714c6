//! Whether two walks over a log, in whatever order, come by the same events at the same places: how many, and the sum of
//! a hash of each. The hash has keys that nobody knew before, so that nobody can choose what adds up.

use std::hash::{BuildHasher, RandomState};

use crate::store::{Position, StreamName};

/// Of one run.
#[derive(Default)]
pub struct PlaceKeys(RandomState);

/// What one walk comes to.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Places {
    pub count: u64,
    sum: u64,
}

impl Places {
    pub fn add(&mut self, keys: &PlaceKeys, stream: &StreamName, version: u64, position: Position) {
        self.count += 1;
        self.sum = self.sum.wrapping_add(keys.0.hash_one((stream.as_str(), version, position.number())));
    }

    pub fn join(&mut self, other: Self) {
        self.count += other.count;
        self.sum = self.sum.wrapping_add(other.sum);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_same_places_in_another_order_come_to_the_same_and_others_do_not() {
        let keys = PlaceKeys::default();
        let places = |walked: &[(&str, u64, u64)]| {
            let mut places = Places::default();
            for (stream, version, position) in walked {
                let position = Position::from_number(*position);
                places.add(&keys, &StreamName((*stream).into()), *version, position);
            }
            places
        };
        let walked = places(&[("a", 0, 1), ("b", 0, 2), ("a", 1, 3)]);
        assert_eq!(places(&[("a", 0, 1), ("a", 1, 3), ("b", 0, 2)]), walked);
        let mut joined = places(&[("a", 1, 3)]);
        joined.join(places(&[("b", 0, 2), ("a", 0, 1)]));
        assert_eq!(joined, walked);
        for other in [[("a", 0, 1), ("b", 0, 3), ("a", 1, 2)], [("a", 0, 1), ("c", 0, 2), ("a", 1, 3)]] {
            assert_ne!(places(&other), walked, "{other:?}");
        }
    }
}
