//! The stream of one bill: opened, filled, sealed, superseded by another, or declared empty. Decides what an
//! import means for it.

use super::totals::Totals;
use super::{BillEvent, BillKey, Covers, Sha256Hex};

/// What the stream says so far.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct BillDay {
    /// Openings and declarations so far.
    pub revision: u64,
    /// A file that is being imported, or was when it was interrupted: its lines count nothing yet.
    pub open: Option<OpenBill>,
    /// The file that counts.
    pub sealed: Option<Sha256Hex>,
    /// Of the file that counts; 0 before any.
    pub sealed_revision: u64,
    /// Whether the last word is that there is no bill.
    pub is_empty_declared: bool,
}

/// A file that has been opened and not been sealed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct OpenBill {
    pub revision: u64,
    pub covers: Covers,
    pub sha256: Sha256Hex,
    pub profile: String,
    /// How many lines the file has.
    pub rows: u64,
    /// How many of them stand.
    pub rows_stored: u64,
}

/// A file that is to be imported.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct BillOpening {
    pub covers: Covers,
    pub sha256: Sha256Hex,
    pub file_name: String,
    pub profile: String,
    pub rows: u64,
    pub by: String,
    /// Why it takes the place of the file that stands; `None` where none is to be replaced.
    pub supersede: Option<String>,
    /// Revisions of this very file whose lines are others than it is read to hold now.
    pub read_otherwise: Vec<u64>,
}

/// What an opening means.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum OpenDecision {
    /// This very content counts already, read as now.
    Stands,
    /// It was opened before and never sealed: after the lines that stand, which are its own, it goes on.
    GoOn,
    Begin(BillEvent),
}

/// Why a bill cannot be opened, sealed or declared empty.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum BillRefusal {
    #[error(
        "another file is imported for it, with the SHA-256 {sealed}: look at how they differ, and supersede \
         it if the new one is right"
    )]
    Differs { sealed: Sha256Hex },
    #[error("{stored} of {rows} lines stand, and the totals count {counted}: it cannot be sealed")]
    Incomplete { rows: u64, stored: u64, counted: u64 },
    #[error("no file is open: it has been sealed or begun anew by somebody else")]
    NotOpen,
    #[error(
        "a file is imported for it, with the SHA-256 {sealed}: it cannot be declared empty; if the file is \
         wrong, supersede it by the right one"
    )]
    HasFile { sealed: Sha256Hex },
}

impl BillDay {
    pub fn evolve(mut self, event: &BillEvent) -> Self {
        match event {
            BillEvent::Opened { revision, covers, sha256, profile, rows, .. } => {
                self.revision = *revision;
                self.open = Some(OpenBill {
                    revision: *revision,
                    covers: *covers,
                    sha256: sha256.clone(),
                    profile: profile.clone(),
                    rows: *rows,
                    rows_stored: 0,
                });
            }
            BillEvent::Lines { revision, lines } => self.count_lines(*revision, lines.len() as u64),
            BillEvent::Sealed { revision, sha256, .. } => {
                self.open = None;
                self.sealed = Some(sha256.clone());
                self.sealed_revision = *revision;
                self.is_empty_declared = false;
            }
            // The one that takes its place is sealed in the same append.
            BillEvent::Superseded { .. } => {}
            BillEvent::DeclaredEmpty { revision, .. } => {
                self.revision = *revision;
                self.open = None;
                self.is_empty_declared = true;
            }
        }
        self
    }

    /// What `evolve` does for lines, for whoever has only counted them.
    pub fn count_lines(&mut self, revision: u64, count: u64) {
        if let Some(open) = self.open.as_mut().filter(|open| open.revision == revision) {
            open.rows_stored += count;
        }
    }

    /// The same content again is nothing; a different one, or the same read otherwise, needs a reason to take the place
    /// of what counts.
    pub fn decide_open(&self, key: &BillKey, opening: &BillOpening) -> Result<OpenDecision, BillRefusal> {
        let is_read_otherwise = |revision| opening.read_otherwise.contains(&revision);
        match &self.sealed {
            Some(sealed) if *sealed == opening.sha256 => {
                if opening.supersede.is_none() || !is_read_otherwise(self.sealed_revision) {
                    return Ok(OpenDecision::Stands);
                }
            }
            Some(sealed) if opening.supersede.is_none() => {
                return Err(BillRefusal::Differs { sealed: sealed.clone() });
            }
            Some(_) | None => {}
        }
        let BillOpening { covers, sha256, file_name, profile, rows, by, .. } = opening;
        let goes_on = self.open.as_ref().is_some_and(|open| {
            open.sha256 == *sha256
                && open.covers == *covers
                && open.profile == *profile
                && open.rows == *rows
                && open.rows_stored <= *rows
                && !is_read_otherwise(open.revision)
        });
        if goes_on {
            return Ok(OpenDecision::GoOn);
        }
        Ok(OpenDecision::Begin(BillEvent::Opened {
            revision: self.revision + 1,
            key: key.clone(),
            covers: *covers,
            sha256: sha256.clone(),
            file_name: file_name.clone(),
            profile: profile.clone(),
            rows: *rows,
            by: by.clone(),
        }))
    }

    /// Seals the file that is open, where all its lines stand. What counted before is superseded in the same
    /// breath, so that the day is never without a bill.
    pub fn decide_seal(
        &self,
        key: &BillKey,
        opening: &BillOpening,
        totals: &Totals,
    ) -> Result<Vec<BillEvent>, BillRefusal> {
        let Some(open) = self.open.as_ref().filter(|open| open.sha256 == opening.sha256) else {
            return Err(BillRefusal::NotOpen);
        };
        let (rows, stored, counted) = (open.rows, open.rows_stored, totals.rows());
        if stored != rows || counted != rows {
            return Err(BillRefusal::Incomplete { rows, stored, counted });
        }
        let superseded = match (&self.sealed, &opening.supersede) {
            (None, _) => None,
            (Some(sealed), None) => return Err(BillRefusal::Differs { sealed: sealed.clone() }),
            (Some(sealed), Some(reason)) => Some(BillEvent::Superseded {
                revision: self.sealed_revision,
                key: key.clone(),
                sha256: sealed.clone(),
                by_sha256: open.sha256.clone(),
                reason: reason.clone(),
                by: opening.by.clone(),
            }),
        };
        let sealed = BillEvent::Sealed {
            revision: open.revision,
            key: key.clone(),
            covers: open.covers,
            sha256: open.sha256.clone(),
            rows,
            totals: *totals,
        };
        Ok(superseded.into_iter().chain([sealed]).collect())
    }

    /// That there is no bill; nothing where that was the last word. An import that never ended is forgotten.
    pub fn decide_empty(
        &self,
        key: &BillKey,
        covers: Covers,
        reason: &str,
        by: &str,
    ) -> Result<Option<BillEvent>, BillRefusal> {
        match &self.sealed {
            Some(sealed) => Err(BillRefusal::HasFile { sealed: sealed.clone() }),
            None if self.is_empty_declared => Ok(None),
            None => Ok(Some(BillEvent::DeclaredEmpty {
                revision: self.revision + 1,
                key: key.clone(),
                covers,
                reason: reason.to_owned(),
                by: by.to_owned(),
            })),
        }
    }
}

#[cfg(test)]
#[path = "day_tests.rs"]
mod tests;
