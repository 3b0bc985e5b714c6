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
use crate::store::{ExpectedVersion, StreamName};

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
        at: DateTime<Utc>,
    ) -> Result<Sha256Hex, ReportError> {
        let mut packed = blocking(move || pack(csv)).await?;
        let stream = codec::report_stream(&packed.sha256);
        let mut end = self.compare_parts(&stream, &mut packed).await?;
        let target = command_target(&stream, None, at);
        for part in end.filed + 1..=packed.parts {
            let gzip_base64 = next_part(&mut packed.gzip)?;
            let (sha256, parts) = (packed.sha256.clone(), packed.parts);
            let filed = Event::ReportFiled(ReportPart { sha256, part, parts, gzip_base64 });
            let events = target.encoded(&[filed]).map_err(LedgerError::from)?;
            match self.append_part(&target, end.version, events).await? {
                Some(after) => end.version = after.version,
                None => return Err(ReportError::Concurrent { sha256: packed.sha256 }),
            }
        }
        match self.filed_report(&packed.sha256).await? {
            Some(_) => Ok(packed.sha256),
            None => Err(ReportError::Damaged { sha256: packed.sha256 }),
        }
    }

    /// The CSV of a filed report, verified against its SHA-256, from its start; `None` where none is filed
    /// under it, or its filing never ended.
    pub async fn filed_report(&self, sha256: &Sha256Hex) -> Result<Option<File>, ReportError> {
        let mut gzip = tempfile::tempfile()?;
        let (mut seen, mut parts, mut is_damaged) = (0, 0, false);
        let mut failed = None;
        let take = |part: ReportPart| {
            seen += 1;
            parts = part.parts;
            is_damaged |= part.sha256 != *sha256 || part.part != seen;
            match STANDARD.decode(&part.gzip_base64) {
                Ok(bytes) => failed = failed.take().or(gzip.write_all(&bytes).err()),
                Err(_) => is_damaged = true,
            }
        };
        self.each_part(&codec::report_stream(sha256), take).await?;
        if let Some(error) = failed {
            return Err(error.into());
        }
        if seen == 0 || seen < parts {
            return Ok(None);
        }
        let damaged = || ReportError::Damaged { sha256: sha256.clone() };
        if is_damaged || seen != parts {
            return Err(damaged());
        }
        gzip.rewind()?;
        let unpacked = blocking(move || unpack(gzip)).await.map_err(|error| match error {
            ReportError::Io(error) if is_of_content(error.kind()) => damaged(),
            other => other,
        });
        let (found, csv) = unpacked?;
        if found == *sha256 { Ok(Some(csv)) } else { Err(damaged()) }
    }

    /// Whether all parts of a report stand in the log. What they hold is looked at when it is read.
    pub(super) async fn is_filed(&self, sha256: &Sha256Hex) -> Result<bool, ReportError> {
        let (mut seen, mut parts) = (0, 0);
        self.each_part(&codec::report_stream(sha256), |part| {
            seen += 1;
            parts = part.parts;
        })
        .await?;
        Ok(seen > 0 && seen == parts)
    }

    /// How much of it stands; the parts that do must be the same.
    async fn compare_parts(&self, stream: &StreamName, packed: &mut Packed) -> Result<PartsEnd, ReportError> {
        let (mut filed, mut is_other, mut failed) = (0, false, None);
        let (gzip, parts) = (&mut packed.gzip, packed.parts);
        let end = self.each_part(stream, |part| {
            filed += 1;
            match next_part(gzip) {
                Ok(ours) => is_other |= (part.part, part.parts, part.gzip_base64) != (filed, parts, ours),
                Err(error) => failed = failed.take().or(Some(error)),
            }
        });
        let version = end.await?.version;
        match failed {
            Some(error) => Err(error.into()),
            None if is_other => Err(ReportError::BegunOtherwise { sha256: packed.sha256.clone() }),
            None => Ok(PartsEnd { filed, version }),
        }
    }

    async fn each_part(
        &self,
        stream: &StreamName,
        mut each: impl FnMut(ReportPart),
    ) -> Result<StreamEnd, LedgerError> {
        let hand_on = |recorded: &_| {
            if let Event::ReportFiled(part) = codec::decode(recorded)?.event {
                each(part);
            }
            Ok(())
        };
        self.read_each(stream, limits::LARGE_EVENTS_PAGE, hand_on).await
    }
}

/// How many parts stand, and up to which version.
struct PartsEnd {
    filed: u32,
    version: ExpectedVersion,
}

async fn blocking<T: Send + 'static>(
    work: impl FnOnce() -> Result<T, ReportError> + Send + 'static,
) -> Result<T, ReportError> {
    tokio::task::spawn_blocking(work).await.map_err(io::Error::other)?
}

fn pack(csv: impl Read) -> Result<Packed, ReportError> {
    // No name and no time go into it: the same text gives the same bytes.
    let mut gzip = GzEncoder::new(tempfile::tempfile()?, Compression::default());
    let sha256 = copy(csv, &mut gzip)?;
    let mut gzip = gzip.finish()?;
    let bytes = gzip.stream_position()?;
    gzip.rewind()?;
    let parts = bytes.div_ceil(limits::REPORT_PART_BYTES as u64);
    let parts = u32::try_from(parts).map_err(|_| ReportError::TooLarge)?;
    Ok(Packed { sha256, gzip, parts })
}

fn unpack(gzip: File) -> Result<(Sha256Hex, File), ReportError> {
    let mut csv = tempfile::tempfile()?;
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
