//! The stream of seals: finding the newest, and adding one. What a seal holds is made elsewhere.

use super::settle::{altered, command_target};
use super::{Ledger, LedgerError};
use crate::codec;
use crate::domain::event::Event;
use crate::domain::seal::Seal;
use crate::store::{ExpectedVersion, Position, ReadLog, RecordedEvent};

/// A seal, and where its event stands.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PlacedSeal {
    pub seal: Seal,
    pub position: Position,
}

/// The newest seal that stands at or before a position; `None`: in the whole log. Reads few events, however many
/// seals there are.
pub async fn newest_seal(
    log: &dyn ReadLog,
    until: Option<Position>,
) -> Result<Option<PlacedSeal>, LedgerError> {
    let (mut newest, mut probe) = (None::<PlacedSeal>, 1);
    // The first revision that is known to be too late or not there.
    let mut beyond = None;
    loop {
        let found = seal(log, probe).await?;
        let found = found.filter(|found| until.is_none_or(|until| found.position <= until));
        match found {
            Some(found) => newest = Some(found),
            None => beyond = Some(probe),
        }
        let at = newest.as_ref().map_or(0, |newest| newest.seal.revision);
        probe = match beyond {
            None => at * 2,
            Some(beyond) if beyond - at <= 1 => return Ok(newest),
            Some(beyond) => at + (beyond - at) / 2,
        };
    }
}

/// The seal of a revision, where there is one.
async fn seal(log: &dyn ReadLog, revision: u64) -> Result<Option<PlacedSeal>, LedgerError> {
    Ok(seals(log, revision, 1).await?.pop())
}

/// Seals in their order, from a revision on, which begin at 1; an empty page says that there are no more.
pub async fn seals(log: &dyn ReadLog, from: u64, limit: usize) -> Result<Vec<PlacedSeal>, LedgerError> {
    let from = from.max(1);
    let page = log.read_stream(&codec::seal_stream(), from - 1, limit).await;
    let page = page.map_err(LedgerError::Unavailable)?;
    (from..).zip(&page).map(|(revision, recorded)| placed(revision, recorded)).collect()
}

fn placed(revision: u64, recorded: &RecordedEvent) -> Result<PlacedSeal, LedgerError> {
    if recorded.version + 1 != revision {
        return Err(altered(&recorded.stream, revision - 1, recorded.version));
    }
    let position = recorded.position;
    if let Event::LedgerSealed(seal) = codec::decode(recorded)?.event
        && seal.revision == revision
    {
        return Ok(PlacedSeal { seal, position });
    }
    Err(LedgerError::NoSeal { position, revision })
}

impl Ledger {
    /// Adds the seal where it is the next one, and says where it stands. `None`: another sealer was faster.
    pub async fn append_seal(&self, seal: &Seal) -> Result<Option<Position>, LedgerError> {
        let expected = match seal.revision.checked_sub(2) {
            None => ExpectedVersion::NoStream,
            Some(version) => ExpectedVersion::Exact(version),
        };
        let stream = codec::seal_stream();
        let target = command_target(&stream, None, seal.sealed_at);
        let events = target.encoded(&[Event::LedgerSealed(seal.clone())])?;
        Ok(self.append_part(&target, expected, events).await?.map(|part| part.position))
    }
}
