//! The bytes of a bill file: unpacked where they are packed, counted against their limits, hashed.

use std::cell::Cell;
use std::io::{self, Read, Seek};
use std::rc::Rc;

use flate2::read::MultiGzDecoder;
use sha2::{Digest, Sha256};

use super::error::BillError;
use crate::domain::bill::Sha256Hex;
use crate::limits;

/// What a bill is read from, several times.
pub trait Input: Read + Seek {}

impl<T: Read + Seek> Input for T {}

const GZIP_MAGIC: [u8; 2] = [0x1f, 0x8b];
const ZIP_MAGIC: [u8; 4] = *b"PK\x03\x04";

/// How the file is packed, by its first bytes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Packing {
    Plain,
    Gzip,
    /// A ZIP archive, which an Excel file is too.
    Zip,
}

/// Goes to the beginning of the file, before and after.
pub fn packing(input: &mut dyn Input) -> Result<Packing, BillError> {
    input.rewind()?;
    let mut first = Vec::with_capacity(ZIP_MAGIC.len());
    input.take(4).read_to_end(&mut first)?;
    input.rewind()?;
    Ok(if first.starts_with(&GZIP_MAGIC) {
        Packing::Gzip
    } else if first == ZIP_MAGIC {
        Packing::Zip
    } else {
        Packing::Plain
    })
}

/// Counts what is read from the file, packed as it is.
struct Counted<'a> {
    input: &'a mut dyn Input,
    bytes: Rc<Cell<u64>>,
}

impl Read for Counted<'_> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let read = self.input.read(buffer)?;
        self.bytes.set(self.bytes.get().saturating_add(read as u64));
        Ok(read)
    }
}

enum Reader<'a> {
    Plain(&'a mut dyn Input),
    Gzip { decoder: Box<MultiGzDecoder<Counted<'a>>>, packed_bytes: Rc<Cell<u64>> },
}

/// Whether the hash of the bytes is wanted.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Hashing {
    Wanted,
    NotWanted,
}

/// The unpacked bytes, from the first on.
pub struct Source<'a> {
    reader: Reader<'a>,
    bytes: u64,
    hash: Option<Sha256>,
}

impl<'a> Source<'a> {
    pub fn open(input: &'a mut dyn Input, hashing: Hashing) -> Result<Self, BillError> {
        let reader = match packing(input)? {
            Packing::Gzip => {
                let packed_bytes = Rc::new(Cell::new(0));
                let counted = Counted { input, bytes: Rc::clone(&packed_bytes) };
                Reader::Gzip { decoder: Box::new(MultiGzDecoder::new(counted)), packed_bytes }
            }
            Packing::Plain | Packing::Zip => Reader::Plain(input),
        };
        let hash = (hashing == Hashing::Wanted).then(Sha256::new);
        Ok(Self { reader, bytes: 0, hash })
    }

    /// Fills the buffer's beginning; 0 at the end of the file.
    pub fn read(&mut self, buffer: &mut [u8]) -> Result<usize, BillError> {
        let read = loop {
            let read = match &mut self.reader {
                Reader::Plain(input) => input.read(buffer),
                Reader::Gzip { decoder, .. } => decoder.read(buffer),
            };
            match read {
                Ok(read) => break read,
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(error) => return Err(self.fault(error)),
            }
        };
        self.bytes = self.bytes.saturating_add(read as u64);
        if self.bytes > limits::BILL_BYTES_MAX {
            return Err(BillError::TooLarge { bytes_max: limits::BILL_BYTES_MAX });
        }
        if let Reader::Gzip { packed_bytes, .. } = &self.reader
            && self.bytes > limits::BILL_UNGUARDED_BYTES
            && self.bytes / limits::BILL_PACKED_TIMES_MAX > packed_bytes.get()
        {
            return Err(BillError::PackedTooTight { ratio_max: limits::BILL_PACKED_TIMES_MAX });
        }
        if let Some(hash) = &mut self.hash {
            hash.update(&buffer[..read]);
        }
        Ok(read)
    }

    /// A fault of the packing is one of the file; others are of the disk.
    fn fault(&self, error: io::Error) -> BillError {
        let is_packed = matches!(self.reader, Reader::Gzip { .. });
        match error.kind() {
            io::ErrorKind::UnexpectedEof if is_packed => BillError::GzipTorn("it ends too early".into()),
            io::ErrorKind::InvalidData | io::ErrorKind::InvalidInput if is_packed => {
                BillError::GzipTorn("its content is damaged".into())
            }
            _ => BillError::Unreadable(error),
        }
    }

    /// Of what was read. `None` where it was not wanted.
    pub fn sha256(self) -> Option<Sha256Hex> {
        self.hash.map(|hash| Sha256Hex::of_digest(&hash.finalize().into()))
    }
}

/// Of the file as it is.
pub fn sha256_of_file(input: &mut dyn Input) -> Result<Sha256Hex, BillError> {
    input.rewind()?;
    let mut hash = Sha256::new();
    let mut buffer = vec![0; 64 * 1024];
    loop {
        match input.read(&mut buffer) {
            Ok(0) => break,
            Ok(read) => hash.update(&buffer[..read]),
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            Err(error) => return Err(error.into()),
        }
    }
    Ok(Sha256Hex::of_digest(&hash.finalize().into()))
}
