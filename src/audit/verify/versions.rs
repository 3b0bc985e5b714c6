//! The walk over the streams: each begins with version 0 and leaves none out, and later versions stand later in the
//! log. Needs no memory, for the store gives them in that order.

use super::finding::{Finding, Findings, Kind};
use crate::store::VersionAt;

#[derive(Default)]
pub struct Versions {
    last: Option<VersionAt>,
    pub findings: Findings,
}

impl Versions {
    pub fn add(&mut self, at: VersionAt) {
        let before = self.last.as_ref().filter(|last| last.stream == at.stream);
        let expected = before.map_or(0, |last| last.version.saturating_add(1));
        let found = |kind, what: String| Finding::at(kind, at.position, &at.stream, at.version, what);
        if at.version > expected {
            let missing = match at.version - 1 {
                last if last == expected => format!("version {expected} is missing before it"),
                last => format!("the versions {expected} to {last} are missing before it"),
            };
            self.findings.add(found(Kind::VersionGap, missing));
        }
        if at.version < expected {
            self.findings.add(found(Kind::VersionOrder, "its version stands there twice".into()));
        }
        if let Some(last) = before.filter(|last| last.position >= at.position) {
            let what = format!("version {} stands behind it, at position {}", last.version, last.position);
            self.findings.add(found(Kind::VersionOrder, what));
        }
        self.last = Some(at);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::store::{Position, StreamName};

    #[test]
    fn what_is_missing_in_a_stream_or_stands_in_another_order_is_found() {
        for (walked, expected) in [
            (vec![("a", 0, 1), ("a", 1, 3), ("b", 0, 2)], vec![]),
            (vec![("a", 1, 1)], vec![(Kind::VersionGap, 1)]),
            (vec![("a", 0, 1), ("a", 3, 2), ("b", 0, 3)], vec![(Kind::VersionGap, 2)]),
            (vec![("a", 0, 5), ("a", 1, 2), ("b", 0, 3)], vec![(Kind::VersionOrder, 2)]),
            (vec![("a", 0, 1), ("a", 0, 2)], vec![(Kind::VersionOrder, 2)]),
            (vec![("a", 0, 9), ("b", 2, 1)], vec![(Kind::VersionGap, 1)]),
        ] {
            let mut versions = Versions::default();
            for (stream, version, position) in &walked {
                let position = Position::from_number(*position);
                versions.add(VersionAt { stream: StreamName((*stream).into()), version: *version, position });
            }
            let found: Vec<_> =
                versions.findings.listed().iter().map(|f| (f.kind, f.position.unwrap())).collect();
            assert_eq!(found, expected, "{walked:?}");
        }
    }
}
