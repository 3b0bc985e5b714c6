//! Bills: opened, filled part by part, sealed. An import that was interrupted goes on where it ended.

use std::sync::Arc;

use chrono::{DateTime, Utc};

use super::settle::{StreamEnd, command_target};
use super::{Ledger, LedgerError, Recorded};
use crate::codec::{self, LineCount};
use crate::domain::bill::{
    BillDay, BillEvent, BillKey, BillLines, BillOpening, BillRefusal, Covers, OpenDecision, Totals,
};
use crate::domain::event::Event;
use crate::limits;
use crate::store::{ExpectedVersion, NewEvent, Position, StreamName};

#[derive(Debug, thiserror::Error)]
pub enum BillImportError {
    #[error("bill {key}: {refusal}")]
    Refused { key: BillKey, refusal: BillRefusal },
    #[error(
        "bill {key}: another import of it is under way, or was meanwhile; when it has ended, import the file again"
    )]
    Concurrent { key: BillKey },
    #[error(transparent)]
    Ledger(#[from] LedgerError),
}

/// What became of opening a bill.
#[derive(Debug)]
#[expect(clippy::large_enum_variant, reason = "there is one an import")]
pub enum Opened {
    /// To be filled: the first `rows_stored` lines stand already.
    Writer(BillWriter),
    /// This very content counts already.
    Stands,
}

/// A bill that is being imported. Whoever else writes to the bill meanwhile makes it fail, not err.
#[derive(Debug)]
pub struct BillWriter {
    key: BillKey,
    stream: StreamName,
    opening: BillOpening,
    day: BillDay,
    /// Of the stream's last event.
    version: ExpectedVersion,
}

impl BillWriter {
    pub fn key(&self) -> &BillKey {
        &self.key
    }

    /// How many lines of the file stand; those are to be passed over.
    pub fn rows_stored(&self) -> u64 {
        self.day.open.as_ref().map_or(0, |open| open.rows_stored)
    }

    fn refused(&self, refusal: BillRefusal) -> BillImportError {
        BillImportError::Refused { key: self.key.clone(), refusal }
    }
}

impl Ledger {
    /// What the log says of a bill. Its lines are counted, not read.
    pub async fn bill_day(&self, key: &BillKey) -> Result<BillDay, LedgerError> {
        Ok(self.read_bill(&codec::billday_stream(key)).await?.0)
    }

    /// Opens a bill, or finds where its import was interrupted, or that it stands.
    pub async fn open_bill(
        &self,
        key: &BillKey,
        opening: BillOpening,
        at: DateTime<Utc>,
    ) -> Result<Opened, BillImportError> {
        let mut writer = self.writer(key, opening).await?;
        match writer.day.decide_open(key, &writer.opening).map_err(|refusal| writer.refused(refusal))? {
            OpenDecision::Stands => Ok(Opened::Stands),
            OpenDecision::GoOn => Ok(Opened::Writer(writer)),
            OpenDecision::Begin(event) => {
                self.write(&mut writer, &[event], at).await?;
                Ok(Opened::Writer(writer))
            }
        }
    }

    /// Appends the next lines of the file, in its order. As many at once as fit into one event is fastest.
    pub async fn append_bill_lines(
        &self,
        writer: &mut BillWriter,
        lines: BillLines,
        at: DateTime<Utc>,
    ) -> Result<(), BillImportError> {
        let Some(revision) = writer.day.open.as_ref().map(|open| open.revision) else {
            return Err(writer.refused(BillRefusal::NotOpen));
        };
        // The last goes first.
        let mut waiting = vec![lines];
        while let Some(lines) = waiting.pop() {
            let count = lines.len();
            if count == 0 {
                continue;
            }
            let event = Event::Bill(BillEvent::Lines { revision, lines });
            let target = command_target(&writer.stream, None, at);
            let encoded = target.encoded(std::slice::from_ref(&event)).map_err(LedgerError::from)?;
            let bytes: usize = encoded.iter().map(|event| event.data.len()).sum();
            if let (Event::Bill(BillEvent::Lines { lines, .. }), true) =
                (event, count > 1 && bytes > limits::BILL_CHUNK_BYTES_MAX)
            {
                let (first, rest) = lines.halves();
                waiting.extend([rest, first]);
                continue;
            }
            self.write_encoded(writer, encoded, at).await?;
            writer.day.count_lines(revision, count as u64);
        }
        Ok(())
    }

    /// All lines stand: from now on they count, and those of the file that is superseded do not.
    pub async fn seal_bill(
        &self,
        mut writer: BillWriter,
        totals: &Totals,
        at: DateTime<Utc>,
    ) -> Result<Position, BillImportError> {
        let events = writer.day.decide_seal(&writer.key, &writer.opening, totals);
        let events = events.map_err(|refusal| writer.refused(refusal))?;
        self.write(&mut writer, &events, at).await
    }

    /// Records that WeChat has no bill (NO_STATEMENT_EXIST). Refused where a file counts.
    pub async fn declare_empty(
        &self,
        key: &BillKey,
        covers: Covers,
        reason: &str,
        by: &str,
        at: DateTime<Utc>,
    ) -> Result<Recorded, BillImportError> {
        let stream = codec::billday_stream(key);
        let (day, end) = self.read_bill(&stream).await?;
        let decided = day.decide_empty(key, covers, reason, by);
        let refused = |refusal| BillImportError::Refused { key: key.clone(), refusal };
        let Some(event) = decided.map_err(refused)? else {
            return Ok(Recorded { recorded: false, position: end.position });
        };
        let target = command_target(&stream, None, at);
        let events = target.encoded(&[Event::Bill(event)]).map_err(LedgerError::from)?;
        let Some(part) = self.append_part(&target, end.version, events).await? else {
            return Err(BillImportError::Concurrent { key: key.clone() });
        };
        Ok(Recorded { recorded: true, position: Some(part.position) })
    }

    /// Hands on the lines of one opening of a bill, in the order of the file: `sealed_revision` of its
    /// `BillDay` names the file that counts.
    pub async fn read_bill_lines(
        &self,
        key: &BillKey,
        revision: u64,
        mut each: impl FnMut(BillLines),
    ) -> Result<(), LedgerError> {
        let stream = codec::billday_stream(key);
        let hand_on = |recorded: &_| {
            let is_its = codec::line_count(recorded)?.is_some_and(|count| count.revision == revision);
            if is_its && let Event::Bill(BillEvent::Lines { lines, .. }) = codec::decode(recorded)?.event {
                each(lines);
            }
            Ok(())
        };
        self.read_each(&stream, limits::LARGE_EVENTS_PAGE, hand_on).await?;
        Ok(())
    }

    async fn writer(&self, key: &BillKey, opening: BillOpening) -> Result<BillWriter, LedgerError> {
        let stream = codec::billday_stream(key);
        let (day, end) = self.read_bill(&stream).await?;
        Ok(BillWriter { key: key.clone(), stream, opening, day, version: end.version })
    }

    async fn read_bill(&self, stream: &StreamName) -> Result<(BillDay, StreamEnd), LedgerError> {
        let mut day = BillDay::default();
        let evolve = |recorded: &_| {
            match codec::line_count(recorded)? {
                Some(LineCount { revision, lines }) => day.count_lines(revision, lines),
                None => {
                    if let Event::Bill(event) = codec::decode(recorded)?.event {
                        day = std::mem::take(&mut day).evolve(&event);
                    }
                }
            }
            Ok(())
        };
        let end = self.read_each(stream, limits::LARGE_EVENTS_PAGE, evolve).await?;
        Ok((day, end))
    }

    async fn write(
        &self,
        writer: &mut BillWriter,
        events: &[BillEvent],
        at: DateTime<Utc>,
    ) -> Result<Position, BillImportError> {
        let recorded: Vec<Event> = events.iter().cloned().map(Event::Bill).collect();
        let encoded =
            command_target(&writer.stream, None, at).encoded(&recorded).map_err(LedgerError::from)?;
        let position = self.write_encoded(writer, encoded, at).await?;
        writer.day = events.iter().fold(std::mem::take(&mut writer.day), BillDay::evolve);
        Ok(position)
    }

    async fn write_encoded(
        &self,
        writer: &mut BillWriter,
        events: Arc<[NewEvent]>,
        at: DateTime<Utc>,
    ) -> Result<Position, BillImportError> {
        let target = command_target(&writer.stream, None, at);
        let Some(part) = self.append_part(&target, writer.version, events).await? else {
            return Err(BillImportError::Concurrent { key: writer.key.clone() });
        };
        writer.version = part.version;
        Ok(part.position)
    }
}

#[cfg(test)]
#[path = "bill_tests.rs"]
mod tests;
