//! The ZIP file of a pack: each file is hashed while it is written, and pack.json names all hashes.

use std::io::{self, Write};
use std::mem;

use serde::{Serialize, Serializer};
use sha2::{Digest, Sha256};
use zip::write::{SimpleFileOptions, StreamWriter};
use zip::{CompressionMethod, DateTime, ZipWriter};

use crate::domain::bill::Sha256Hex;

pub struct Archive<W: Write> {
    zip: ZipWriter<StreamWriter<W>>,
    written: Vec<(String, Listed)>,
    name: String,
    sha: Sha256,
    bytes: u64,
}

#[derive(Serialize)]
struct Listed {
    bytes: u64,
    sha256: String,
}

/// The files by their names, in the order they were written.
pub struct Files<'a>(&'a [(String, Listed)]);

impl Serialize for Files<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_map(self.0.iter().map(|(name, listed)| (name, listed)))
    }
}

impl<W: Write> Archive<W> {
    pub fn begin(out: W) -> Self {
        let zip = ZipWriter::new_stream(out);
        Self { zip, written: vec![], name: String::new(), sha: Sha256::new(), bytes: 0 }
    }

    /// Begins the next file; what is written from here on is in it.
    pub fn open(&mut self, name: &str) -> io::Result<()> {
        self.close();
        // The moment of its making would make each archive different.
        let options = SimpleFileOptions::default()
            .compression_method(CompressionMethod::Deflated)
            .last_modified_time(DateTime::default())
            .unix_permissions(0o644);
        self.zip.start_file(name, options).map_err(io::Error::other)?;
        self.name = name.to_owned();
        Ok(())
    }

    fn close(&mut self) {
        let sha = mem::replace(&mut self.sha, Sha256::new());
        let listed = Listed { bytes: mem::take(&mut self.bytes), sha256: hex::encode(sha.finalize()) };
        if !self.name.is_empty() {
            self.written.push((mem::take(&mut self.name), listed));
        }
    }

    fn write(&mut self, bytes: &[u8]) -> io::Result<()> {
        self.sha.update(bytes);
        self.bytes += bytes.len() as u64;
        self.zip.write_all(bytes)
    }

    pub fn line(&mut self, line: &str) -> io::Result<()> {
        self.write(line.as_bytes())?;
        self.write(b"\n")
    }

    /// A whole file.
    pub fn file(&mut self, name: &str, bytes: &[u8]) -> io::Result<()> {
        self.open(name)?;
        self.write(bytes)
    }

    /// All files so far; the last is whole now.
    pub fn files(&mut self) -> io::Result<Files<'_>> {
        self.close();
        Ok(Files(&self.written))
    }

    /// Writes pack.json and the file that names its hash.
    pub fn finish(mut self, manifest: &str) -> io::Result<Sha256Hex> {
        let manifest = format!("{manifest}\n");
        let sha256 = Sha256Hex::of_digest(&Sha256::digest(&manifest).into());
        self.file("pack.json", manifest.as_bytes())?;
        self.file("pack.sha256", format!("{sha256}  pack.json\n").as_bytes())?;
        self.zip.finish().map_err(io::Error::other)?.into_inner().flush()?;
        Ok(sha256)
    }
}
