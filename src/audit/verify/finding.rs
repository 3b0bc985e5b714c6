//! What is found wrong with a log: what kind, where, and how often; a bounded number of it is kept whole.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use crate::limits;
use crate::store::{Position, RecordedEvent, StreamName};

/// What is wrong.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Kind {
    /// The id is not the one that the content makes.
    DataAltered,
    /// PayEventSig does not verify under the key that verified it when it came.
    SignatureBroken,
    /// It verifies, and the event says something else than the signed payload.
    SignatureContradicted,
    /// Only a signed push brings such an event, and the signature is gone.
    SignatureMissing,
    /// The key that verified it is not configured: it can be neither shown nor excluded that it was altered.
    KeyMissing,
    /// It cannot be read.
    Unreadable,
    /// It reads, and written again it is other bytes.
    NotCanonical,
    /// Versions are missing in a stream.
    VersionGap,
    /// A later version stands before an earlier one, or a version stands twice.
    VersionOrder,
    /// Positions are missing in the log.
    PositionGap,
    /// The events between two seals are not those that were sealed.
    SegmentAltered,
    /// The signature of a seal does not verify.
    SealSignature,
    /// A key signed it that is not known.
    SealKeyUnknown,
    /// A seal is not where it says, or does not follow from the one before.
    SealMisplaced,
    /// A seal is another one than the one exported.
    AnchorDiffers,
    /// The log ends before what was exported.
    TailCut,
    /// What the log says of its streams is not what it says of its positions.
    IndexDiffers,
}

impl Kind {
    /// As it stands in JSON.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::DataAltered => "data_altered",
            Self::SignatureBroken => "signature_broken",
            Self::SignatureContradicted => "signature_contradicted",
            Self::SignatureMissing => "signature_missing",
            Self::KeyMissing => "key_missing",
            Self::Unreadable => "unreadable",
            Self::NotCanonical => "not_canonical",
            Self::VersionGap => "version_gap",
            Self::VersionOrder => "version_order",
            Self::PositionGap => "position_gap",
            Self::SegmentAltered => "segment_altered",
            Self::SealSignature => "seal_signature",
            Self::SealKeyUnknown => "seal_key_unknown",
            Self::SealMisplaced => "seal_misplaced",
            Self::AnchorDiffers => "anchor_differs",
            Self::TailCut => "tail_cut",
            Self::IndexDiffers => "index_differs",
        }
    }
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Finding {
    pub kind: Kind,
    /// Of the event, or of the first of those that it is about; `None` where it is about none.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub position: Option<u64>,
    /// The last of those that it is about, where they are several.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub to_position: Option<u64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub stream: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub version: Option<u64>,
    /// In words, with what to do where that is not plain.
    pub what: String,
}

impl Finding {
    pub fn of_event(kind: Kind, event: &RecordedEvent, what: impl Into<String>) -> Self {
        Self::at(kind, event.position, &event.stream, event.version, what)
    }

    pub fn at(
        kind: Kind,
        position: Position,
        stream: &StreamName,
        version: u64,
        what: impl Into<String>,
    ) -> Self {
        Self {
            stream: Some(stream.as_str().to_owned()),
            version: Some(version),
            ..Self::of_range(kind, Some(position.number()), None, what)
        }
    }

    /// What is about several events, or about none.
    pub fn of_range(kind: Kind, from: Option<u64>, to: Option<u64>, what: impl Into<String>) -> Self {
        Self { kind, position: from, to_position: to, stream: None, version: None, what: what.into() }
    }

    /// Where several events are named, one of them may be named alone, which says more: it comes first.
    fn place(&self) -> u64 {
        self.to_position.or(self.position).unwrap_or(u64::MAX)
    }
}

/// All that was found, counted; of it, those that stand first in the log.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Findings {
    counts: BTreeMap<Kind, u64>,
    /// In the order of the log.
    listed: Vec<Finding>,
}

impl Findings {
    pub fn add(&mut self, finding: Finding) {
        *self.counts.entry(finding.kind).or_default() += 1;
        self.list(finding);
    }

    pub fn extend(&mut self, findings: impl IntoIterator<Item = Finding>) {
        findings.into_iter().for_each(|finding| self.add(finding));
    }

    /// Takes in what was found elsewhere.
    pub fn merge(&mut self, other: Self) {
        for (kind, count) in other.counts {
            *self.counts.entry(kind).or_default() += count;
        }
        other.listed.into_iter().for_each(|finding| self.list(finding));
    }

    fn list(&mut self, finding: Finding) {
        let at = self.listed.partition_point(|listed| listed.place() <= finding.place());
        if at < limits::FINDINGS_SHOWN_MAX {
            self.listed.insert(at, finding);
            self.listed.truncate(limits::FINDINGS_SHOWN_MAX);
        }
    }

    pub fn counts(&self) -> &BTreeMap<Kind, u64> {
        &self.counts
    }

    pub fn total(&self) -> u64 {
        self.counts.values().sum()
    }

    /// In the order of the log, a bounded number of them.
    pub fn listed(&self) -> &[Finding] {
        &self.listed
    }

    pub fn first(&self) -> Option<&Finding> {
        self.listed.first()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_stands_first_in_the_log_is_kept_and_all_is_counted() {
        let mut findings = Findings::default();
        let many = limits::FINDINGS_SHOWN_MAX as u64;
        for position in (1..=2 * many).rev() {
            findings.add(Finding::of_range(Kind::DataAltered, Some(position), None, ""));
        }
        let mut others = Findings::default();
        others.add(Finding::of_range(Kind::SegmentAltered, Some(1), Some(2), ""));
        others.add(Finding::of_range(Kind::TailCut, None, None, ""));
        findings.merge(others);
        assert_eq!(findings.total(), 2 * many + 2);
        assert_eq!(findings.listed().len() as u64, many);
        let first: Vec<_> = findings.listed().iter().take(3).map(|finding| finding.kind).collect();
        assert_eq!(first, [Kind::DataAltered, Kind::DataAltered, Kind::SegmentAltered]);
        assert_eq!(findings.first().unwrap().position, Some(1));
    }

    #[test]
    fn a_kind_is_named_alike_everywhere() {
        for kind in [Kind::DataAltered, Kind::SealKeyUnknown, Kind::IndexDiffers] {
            assert_eq!(serde_json::to_string(&kind).unwrap(), format!("\"{}\"", kind.as_str()));
        }
    }
}
