//! Whether a target is the beginning of the source, as far as can be told without reading all of it.

use std::fmt;

use super::super::{Fault, Position, Positions, ReadLog, RecordedEvent};
use super::{CopyError, patiently};
use crate::limits;

/// Where an event stands.
#[derive(Debug, PartialEq, Eq)]
pub struct Place {
    pub stream: String,
    pub version: u64,
    pub position: Position,
}

impl Place {
    fn of(event: &RecordedEvent) -> Self {
        Self { stream: event.stream.to_string(), version: event.version, position: event.position }
    }
}

impl fmt::Display for Place {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} version {} at position {}", self.stream, self.version, self.position)
    }
}

/// In what an event of the target differs from the source's.
#[derive(Debug, PartialEq, Eq)]
pub enum Unlike {
    NotThere,
    Elsewhere(Position),
    Otherwise(Vec<&'static str>),
    /// It is the same, and the target lacks one before it.
    Follows(Place),
}

impl fmt::Display for Unlike {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::NotThere => f.write_str("is not in the source"),
            Self::Elsewhere(position) => write!(f, "stands at position {position} in the source"),
            Self::Otherwise(fields) => {
                write!(f, "has another {} in the source", fields.join(" and another "))
            }
            Self::Follows(place) => write!(f, "stands behind {place} in the source, which the target lacks"),
        }
    }
}

/// The place in the source behind which to go on: that of the target's last event, which must be in the source as it
/// is in the target. Events are copied in their order, so all before it stand in the target too.
pub(super) async fn is_continued(
    source: &dyn ReadLog,
    last: Option<&RecordedEvent>,
    positions: Positions,
) -> Result<Option<Position>, CopyError> {
    let Some(last) = last else { return Ok(None) };
    is_there(source, last, positions).await.map(Some)
}

/// Holds a target that ends with an event at `last` against the source: its first event, and others over all of its
/// length. Reads as little of a long log as of a short one.
///
/// # Errors
/// Where a log cannot be read, and where one of these events is not the same in both.
pub async fn begins_alike(
    source: &dyn ReadLog,
    target: &dyn ReadLog,
    last: Position,
) -> Result<(), CopyError> {
    let mut before = None;
    for sample in 0..limits::COPY_SAMPLES {
        // No log is so long that this were too large.
        let after = last.number().saturating_mul(sample) / limits::COPY_SAMPLES;
        let after = Some(Position::from_number(after)).filter(|after| after.number() > 0);
        if sample > 0 && after == before {
            continue;
        }
        before = after;
        let failed = |fault| CopyError::Target { after, fault };
        let Some(copied) = next(target, after).await.map_err(failed)? else { return Ok(()) };
        let failed = |fault| CopyError::Source { after, fault };
        let found = next(source, after).await.map_err(failed)?;
        is_there(source, &copied, Positions::Kept).await?;
        if let Some(found) = found.filter(|found| found.position < copied.position) {
            return Err(CopyError::NoCopy {
                event: Place::of(&copied),
                unlike: Unlike::Follows(Place::of(&found)),
            });
        }
    }
    Ok(())
}

async fn next(log: &dyn ReadLog, after: Option<Position>) -> Result<Option<RecordedEvent>, Fault> {
    Ok(patiently(|| log.read_all(after, 1)).await?.into_iter().next())
}

/// Where an event of the target is in the source, as it is there.
async fn is_there(
    source: &dyn ReadLog,
    event: &RecordedEvent,
    positions: Positions,
) -> Result<Position, CopyError> {
    let found = patiently(|| source.read_stream(&event.stream, event.version, 1)).await;
    let found = found.map_err(|fault| CopyError::Source { after: None, fault })?;
    let unlike = match found.first().filter(|found| found.version == event.version) {
        None => Unlike::NotThere,
        Some(found) => {
            let fields = found.differs_from(event);
            let is_its_place = positions == Positions::ItsOwn || found.position == event.position;
            if fields.is_empty() && is_its_place {
                return Ok(found.position);
            }
            if fields.is_empty() { Unlike::Elsewhere(found.position) } else { Unlike::Otherwise(fields) }
        }
    };
    Err(CopyError::NoCopy { event: Place::of(event), unlike })
}
