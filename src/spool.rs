//! Files that are needed for a moment, too large for memory: uploads and reports, in a folder of their own
//! beside the log.

use std::fs;
use std::io;
use std::os::unix::fs::DirBuilderExt;
use std::path::{Path, PathBuf};

use tempfile::NamedTempFile;

/// Beside the log's file, and named after it, so that two logs in one folder do not share it.
const FOLDER: &str = "spool";

#[derive(Clone, Debug)]
pub struct Spool {
    folder: PathBuf,
}

impl Spool {
    /// That of the log at this path.
    pub fn beside(log: &Path) -> Self {
        let mut name = log.file_name().unwrap_or_default().to_owned();
        name.push(".");
        name.push(FOLDER);
        Self { folder: log.with_file_name(name) }
    }

    /// A new file that only its owner can read; it goes when it is dropped. Blocks.
    pub fn file(&self) -> io::Result<NamedTempFile> {
        fs::DirBuilder::new().recursive(true).mode(0o700).create(&self.folder)?;
        tempfile::Builder::new().prefix("file-").tempfile_in(&self.folder)
    }

    /// Removes what a process that was killed has left. For the log's owner only. Blocks.
    pub fn clear(&self) -> io::Result<()> {
        match fs::remove_dir_all(&self.folder) {
            Err(error) if error.kind() != io::ErrorKind::NotFound => Err(error),
            Ok(()) | Err(_) => Ok(()),
        }
    }

    pub fn folder(&self) -> &Path {
        &self.folder
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_file_goes_when_it_is_dropped_and_what_was_left_goes_at_the_next_start() {
        let folder = tempfile::tempdir().unwrap();
        let spool = Spool::beside(&folder.path().join("events.db"));
        spool.clear().unwrap();
        let dropped = spool.file().unwrap().path().to_owned();
        assert!(!dropped.exists());
        let (_file, left) = spool.file().unwrap().keep().unwrap();
        assert!(left.exists());
        spool.clear().unwrap();
        assert!(!left.exists());
    }
}
