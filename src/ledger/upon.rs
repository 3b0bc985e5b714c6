//! What somebody wants to have said his word upon: the stream as he saw it, or however it stands.

use super::LedgerError;

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[must_use]
pub enum Upon {
    Whatever,
    /// So many words of the stream, and none that was said since.
    Revision(u64),
}

impl Upon {
    pub fn check(self, revision: u64) -> Result<(), LedgerError> {
        match self {
            Self::Revision(seen) if seen != revision => Err(LedgerError::Stale { revision }),
            Self::Revision(_) | Self::Whatever => Ok(()),
        }
    }
}

/// What counts the words of its stream.
pub trait Revised {
    fn revision(&self) -> u64;
}
