//! The lines of a text file, each held in memory only while it is read.

use memchr::memchr;

use super::error::BillError;
use super::source::{Hashing, Input, Source};
use crate::domain::bill::Sha256Hex;
use crate::limits;

const UTF8_BOM: &[u8] = b"\xef\xbb\xbf";
const PIECE_BYTES: usize = 128 * 1024;

/// Whether a line is all there.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Extent {
    Whole,
    /// Only its beginning: it is longer than a line may be.
    Cut,
}

pub struct Lines<'a> {
    source: Source<'a>,
    buffer: Vec<u8>,
    /// What of the buffer is read and not yet given.
    begin: usize,
    end: usize,
    is_at_end: bool,
    line: u64,
}

impl<'a> Lines<'a> {
    pub fn open(input: &'a mut dyn Input, hashing: Hashing) -> Result<Self, BillError> {
        let source = Source::open(input, hashing)?;
        let buffer = vec![0; limits::BILL_LINE_BYTES_MAX + PIECE_BYTES];
        let mut lines = Self { source, buffer, begin: 0, end: 0, is_at_end: false, line: 0 };
        while lines.end < UTF8_BOM.len() && !lines.is_at_end {
            lines.fill()?;
        }
        if lines.buffer[..lines.end].starts_with(UTF8_BOM) {
            lines.begin = UTF8_BOM.len();
        }
        Ok(lines)
    }

    /// The number of the line given last, from 1.
    pub fn line(&self) -> u64 {
        self.line
    }

    /// The next line without its end; `None` at the end of the file. After a line that is cut there is no next.
    pub fn next(&mut self) -> Result<Option<(&[u8], Extent)>, BillError> {
        let mut searched = self.begin;
        let end = loop {
            if let Some(found) = memchr(b'\n', &self.buffer[searched..self.end]) {
                break searched + found;
            }
            if self.end - self.begin > limits::BILL_LINE_BYTES_MAX {
                self.line += 1;
                let cut = &self.buffer[self.begin..self.begin + limits::BILL_LINE_BYTES_MAX];
                return Ok(Some((cut, Extent::Cut)));
            }
            if self.is_at_end {
                break self.end;
            }
            let unread = self.end - self.begin;
            self.fill()?;
            searched = self.begin + unread;
        };
        let begin = self.begin;
        if begin == self.end {
            return Ok(None);
        }
        self.line += 1;
        self.begin = (end + 1).min(self.end);
        let line = &self.buffer[begin..end];
        Ok(Some((line.strip_suffix(b"\r").unwrap_or(line), Extent::Whole)))
    }

    /// Reads on, after what is read and not yet given was moved to the buffer's beginning.
    fn fill(&mut self) -> Result<(), BillError> {
        if self.begin > 0 {
            self.buffer.copy_within(self.begin..self.end, 0);
            self.end -= self.begin;
            self.begin = 0;
        }
        let read = self.source.read(&mut self.buffer[self.end..])?;
        self.end += read;
        self.is_at_end = read == 0;
        Ok(())
    }

    /// Of the whole file, which must have been read to its end.
    pub fn sha256(self) -> Option<Sha256Hex> {
        self.source.sha256()
    }

    /// The beginning of the file.
    pub fn beginning(&self) -> &[u8] {
        &self.buffer[self.begin..self.end]
    }
}
