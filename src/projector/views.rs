//! `views.dir`: the folder that holds the files of all projections, owned by one process at a time.

use std::fs::{self, File, OpenOptions, TryLockError};
use std::os::unix::fs::{DirBuilderExt, OpenOptionsExt};
use std::path::{Path, PathBuf};

use super::file::{FileError, Place};

/// The right to fold into the folder, until dropped.
#[derive(Debug)]
pub struct Views {
    folder: PathBuf,
    _lock: File,
}

#[derive(Debug, thiserror::Error)]
pub enum ViewsError {
    #[error("{path}: {error}")]
    Io { path: PathBuf, error: std::io::Error },
    #[error("{path} is in use by another process: only one may fold into it")]
    InUse { path: PathBuf },
}

impl Views {
    pub fn take(folder: &Path) -> Result<Self, ViewsError> {
        let io = |error| ViewsError::Io { path: folder.to_owned(), error };
        fs::DirBuilder::new().recursive(true).mode(0o700).create(folder).map_err(io)?;
        let path = folder.join("lock");
        let lock = OpenOptions::new().create(true).truncate(false).write(true).mode(0o600).open(path);
        let lock = lock.map_err(io)?;
        match lock.try_lock() {
            Ok(()) => Ok(Self { folder: folder.to_owned(), _lock: lock }),
            Err(TryLockError::WouldBlock) => Err(ViewsError::InUse { path: folder.to_owned() }),
            Err(TryLockError::Error(error)) => Err(io(error)),
        }
    }

    pub fn folder(&self) -> &Path {
        &self.folder
    }

    /// Removes the files of projections that nobody wants any more.
    pub fn forget(&self, is_gone: impl Fn(&str) -> bool) -> Result<(), FileError> {
        let names = Self::names(&self.folder);
        let names = names.map_err(|error| FileError::Io { path: self.folder.clone(), error })?;
        let gone =
            names.iter().filter(|name| is_gone(name)).map(|name| (name, Place::at(&self.folder, name)));
        // What else stands here is none of ours.
        gone.filter(|(name, place)| place.is_ours(name)).try_for_each(|(_, place)| place.forget())
    }

    /// The projections that have files in a folder, whoever owns it.
    pub fn names(folder: &Path) -> std::io::Result<Vec<String>> {
        let mut names = Vec::new();
        for entry in fs::read_dir(folder)? {
            let entry = entry?;
            if entry.path().is_dir() {
                names.push(entry.file_name().to_string_lossy().into_owned());
            }
        }
        names.sort();
        Ok(names)
    }
}
