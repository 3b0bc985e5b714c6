//! Reports that are filed in the log, so that no later read model can alter them: gzip, base64, in parts.

use std::fs::File;
use std::io::{self, Read, Seek, Write};

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use chrono::{DateTime, Utc};
use flate2::Compression;
use flate2::read::GzDecoder;
use flate2::write::GzEncoder;
use sha2::{Digest, Sha256};

use super::settle::{StreamEnd, command_target};
use super::{Ledger, LedgerError};
use crate::codec;
use crate::domain::bill::Sha256Hex;
use crate::domain::event::Event;
use crate::domain::period::ReportPart;
use crate::limits;
use crate::spool::Spool;
use crate::store::StreamName;

/// A copy is read and written in pieces of so many bytes.
const PIECE_BYTES: usize = 64 * 1024;

#[derive(Debug, thiserror::Error)]
pub enum ReportError {
    #[error("the report {sha256} was begun to be filed in another form, by another version: prepare it anew")]
    BegunOtherwise { sha256: Sha256Hex },
    #[error("the report {sha256} is being filed by somebody else: try again")]
    Concurrent { sha256: Sha256Hex },
    #[error("the filed report {sha256} is damaged: what stands in the log is not what was filed")]
    Damaged { sha256: Sha256Hex },
    #[error("the report is longer than {} bytes", limits::REPORT_BYTES_MAX)]
    TooLarge,
    #[error("the report cannot be read or written: {0}")]
    Io(#[from] io::Error),
    #[error(transparent)]
    Ledger(#[from] LedgerError),
}

/// A report's gzip, in a file that is gone when it is closed.
struct Packed {
    sha256: Sha256Hex,
    gzip: File,
    parts: u32,
}

impl Ledger {
    /// Files a report's CSV under its SHA-256, and reads it back. Filed before is filed; filing that was
    /// interrupted goes on.
    pub async fn file_report(
        &self,
        csv: impl Read + Send + 'static,
        spool: &Spool,
        at: DateTime<Utc>,
    ) -> Result<Sha256Hex, ReportError> {
        let folder = spool.clone();
        let Packed { sha256, gzip, parts } = blocking(move || pack(csv, &folder)).await?;
        let stream = codec::report_stream(&sha256);
        let ours = Comparing { gzip, parts, filed: 0, is_other: false };
        let (compared, StreamEnd { mut version, .. }) =
            self.each_part(&stream, ours, Comparing::compare).await?;
        let Comparing { mut gzip, filed, is_other, .. } = compared;
        if is_other {
            return Err(ReportError::BegunOtherwise { sha256 });
        }
        let target = command_target(&stream, None, at);
        for part in filed + 1..=parts {
            let gzip_base64;
            (gzip, gzip_base64) = blocking(move || {
                let next = next_part(&mut gzip)?;
                Ok((gzip, next))
            })
            .await?;
            let filed = Event::ReportFiled(ReportPart { sha256: sha256.clone(), part, parts, gzip_base64 });
            let events = target.encoded(&[filed]).map_err(LedgerError::from)?;
            match self.append_part(&target, version, events).await? {
                Some(after) => version = after.version,
                None => return Err(ReportError::Concurrent { sha256 }),
            }
        }
        match self.filed_report(&sha256, spool).await? {
            Some(_) => Ok(sha256),
            None => Err(ReportError::Damaged { sha256 }),
        }
    }

    /// The CSV of a filed report, verified against its SHA-256, from its start; `None` where none is filed
    /// under it, or its filing never ended.
    pub async fn filed_report(&self, sha256: &Sha256Hex, spool: &Spool) -> Result<Option<File>, ReportError> {
        let (of, folder) = (sha256.clone(), spool.clone());
        let reading = blocking(move || Reading::begin(of, &folder)).await?;
        let stream = codec::report_stream(sha256);
        let (reading, _) = self.each_part(&stream, reading, Reading::take).await?;
        if reading.seen == 0 || reading.seen < reading.parts {
            return Ok(None);
        }
        let folder = spool.clone();
        blocking(move || reading.finish(&folder)).await.map(Some)
    }

    /// Whether all parts of a report stand in the log. What they hold is looked at when it is read.
    pub(super) async fn is_filed(&self, sha256: &Sha256Hex) -> Result<bool, ReportError> {
        let count = |(seen, parts): &mut (u32, u32), part: ReportPart| {
            *seen += 1;
            *parts = part.parts;
            Ok(())
        };
        let ((seen, parts), _) = self.each_part(&codec::report_stream(sha256), (0, 0), count).await?;
        Ok(seen > 0 && seen == parts)
    }

    /// Hands the parts of a report on, on threads that may block, and says where its stream ends.
    async fn each_part<State: Send + 'static>(
        &self,
        stream: &StreamName,
        mut state: State,
        each: fn(&mut State, ReportPart) -> Result<(), ReportError>,
    ) -> Result<(State, StreamEnd), ReportError> {
        let mut end = StreamEnd::nothing();
        loop {
            let page = self.next_page(stream, &mut end, limits::LARGE_EVENTS_PAGE).await?;
            if page.is_empty() {
                return Ok((state, end));
            }
            state = blocking(move || {
                for recorded in &page {
                    if let Event::ReportFiled(part) =
                        codec::decode(recorded).map_err(LedgerError::from)?.event
                    {
                        each(&mut state, part)?;
                    }
                }
                Ok(state)
            })
            .await?;
        }
    }
}

/// What is to be filed, beside what stands: the parts that do must be the same.
struct Comparing {
    gzip: File,
    parts: u32,
    /// How many stand.
    filed: u32,
    is_other: bool,
}

impl Comparing {
    fn compare(&mut self, part: ReportPart) -> Result<(), ReportError> {
        self.filed += 1;
        let ours = next_part(&mut self.gzip)?;
        self.is_other |= (part.part, part.parts, part.gzip_base64) != (self.filed, self.parts, ours);
        Ok(())
    }
}

/// A filed report on its way out of the log.
struct Reading {
    sha256: Sha256Hex,
    gzip: File,
    /// Parts so far, of how many.
    seen: u32,
    parts: u32,
    is_damaged: bool,
}

impl Reading {
    fn begin(sha256: Sha256Hex, spool: &Spool) -> Result<Self, ReportError> {
        let gzip = spool.file()?.into_file();
        Ok(Self { sha256, gzip, seen: 0, parts: 0, is_damaged: false })
    }

    fn take(&mut self, part: ReportPart) -> Result<(), ReportError> {
        self.seen += 1;
        self.parts = part.parts;
        self.is_damaged |= part.sha256 != self.sha256 || part.part != self.seen;
        match STANDARD.decode(&part.gzip_base64) {
            Ok(bytes) => self.gzip.write_all(&bytes)?,
            Err(_) => self.is_damaged = true,
        }
        Ok(())
    }

    /// All parts unpacked, where they are what was filed.
    fn finish(self, spool: &Spool) -> Result<File, ReportError> {
        let Self { sha256, mut gzip, seen, parts, is_damaged } = self;
        if is_damaged || seen != parts {
            return Err(ReportError::Damaged { sha256 });
        }
        gzip.rewind()?;
        match unpack(gzip, spool) {
            Ok((found, csv)) if found == sha256 => Ok(csv),
            Ok(_) => Err(ReportError::Damaged { sha256 }),
            Err(ReportError::Io(error)) if is_of_content(error.kind()) => {
                Err(ReportError::Damaged { sha256 })
            }
            Err(other) => Err(other),
        }
    }
}

async fn blocking<T: Send + 'static>(
    work: impl FnOnce() -> Result<T, ReportError> + Send + 'static,
) -> Result<T, ReportError> {
    tokio::task::spawn_blocking(work).await.map_err(io::Error::other)?
}

fn pack(csv: impl Read, spool: &Spool) -> Result<Packed, ReportError> {
    // No name and no time go into it: the same text gives the same bytes.
    let mut gzip = GzEncoder::new(spool.file()?.into_file(), Compression::default());
    let sha256 = copy(csv, &mut gzip)?;
    let mut gzip = gzip.finish()?;
    let bytes = gzip.stream_position()?;
    gzip.rewind()?;
    let parts = bytes.div_ceil(limits::REPORT_PART_BYTES as u64);
    let parts = u32::try_from(parts).map_err(|_| ReportError::TooLarge)?;
    Ok(Packed { sha256, gzip, parts })
}

fn unpack(gzip: File, spool: &Spool) -> Result<(Sha256Hex, File), ReportError> {
    let mut csv = spool.file()?.into_file();
    let sha256 = copy(GzDecoder::new(gzip), &mut csv)?;
    csv.rewind()?;
    Ok((sha256, csv))
}

/// Whether it is the gzip itself that cannot be read, and not its file.
fn is_of_content(kind: io::ErrorKind) -> bool {
    use io::ErrorKind::{InvalidData, InvalidInput, UnexpectedEof};
    [InvalidData, InvalidInput, UnexpectedEof].contains(&kind)
}

/// Copies all of it, and says its SHA-256.
fn copy(mut from: impl Read, to: &mut impl Write) -> Result<Sha256Hex, ReportError> {
    let (mut sha, mut piece, mut bytes) = (Sha256::new(), vec![0; PIECE_BYTES], 0_u64);
    loop {
        let read = match from.read(&mut piece) {
            Ok(0) => return Ok(Sha256Hex::of_digest(&sha.finalize().into())),
            Ok(read) => read,
            Err(error) if error.kind() == io::ErrorKind::Interrupted => continue,
            Err(error) => return Err(error.into()),
        };
        bytes += read as u64;
        if bytes > limits::REPORT_BYTES_MAX {
            return Err(ReportError::TooLarge);
        }
        let read = piece.get(..read).unwrap_or_default();
        sha.update(read);
        to.write_all(read)?;
    }
}

/// The next part of the gzip, as base64; empty at its end.
fn next_part(gzip: &mut File) -> io::Result<String> {
    let mut bytes = Vec::with_capacity(limits::REPORT_PART_BYTES);
    gzip.take(limits::REPORT_PART_BYTES as u64).read_to_end(&mut bytes)?;
    Ok(STANDARD.encode(bytes))
}

#[cfg(test)]
#[path = "report_tests.rs"]
mod tests;
