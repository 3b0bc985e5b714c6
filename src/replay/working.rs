//! A folder for files that are needed while a command runs. It is locked as long as that is; what a killed command has
//! left is known by its lock being free, and goes when the next one begins.

use std::fs::{self, File, OpenOptions, TryLockError};
use std::io;
use std::os::unix::fs::{DirBuilderExt, MetadataExt, OpenOptionsExt};
use std::path::Path;

use tempfile::TempDir;

use crate::limits;

const PREFIX: &str = ".replay-";
const LOCK: &str = "lock";

/// A folder that only its owner can read. It goes when this is dropped.
#[derive(Debug)]
pub struct Working {
    folder: TempDir,
    // Goes last: a folder whose lock is free is abandoned.
    _lock: File,
}

impl Working {
    /// Makes one in a folder, which is made too where it is not there, after removing there what was abandoned.
    pub fn begin(within: &Path) -> io::Result<Self> {
        fs::DirBuilder::new().recursive(true).mode(0o700).create(within)?;
        sweep(within);
        for _ in 0..limits::WORKING_TRIES_MAX {
            let folder = tempfile::Builder::new().prefix(PREFIX).tempdir_in(within)?;
            // Another command may take it for abandoned before it is locked.
            if let Some(lock) = locked(folder.path())? {
                return Ok(Self { folder, _lock: lock });
            }
        }
        Err(io::Error::other("other commands remove each working folder as it is made: try again"))
    }

    pub fn path(&self) -> &Path {
        self.folder.path()
    }
}

/// The lock of a folder; `None` where somebody else has it, or the folder is gone.
fn locked(folder: &Path) -> io::Result<Option<File>> {
    let path = folder.join(LOCK);
    let lock = OpenOptions::new().create(true).truncate(false).write(true).mode(0o600).open(&path);
    let lock = match lock {
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
        opened => opened?,
    };
    match lock.try_lock() {
        Ok(()) => {}
        Err(TryLockError::WouldBlock) => return Ok(None),
        Err(TryLockError::Error(error)) => return Err(error),
    }
    // Somebody may have removed it between opening and locking, and with it the folder.
    let held = lock.metadata()?;
    let is_there =
        fs::metadata(&path).is_ok_and(|named| (named.dev(), named.ino()) == (held.dev(), held.ino()));
    Ok(is_there.then_some(lock))
}

/// Removes abandoned folders. What cannot be removed stays: it keeps nothing from being done.
fn sweep(within: &Path) {
    let Ok(entries) = fs::read_dir(within) else { return };
    for entry in entries.flatten() {
        let is_ours = entry.file_name().to_string_lossy().starts_with(PREFIX)
            && entry.file_type().is_ok_and(|kind| kind.is_dir());
        if is_ours && let Ok(Some(_lock)) = locked(&entry.path()) {
            let _stays = fs::remove_dir_all(entry.path());
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn names(within: &Path) -> Vec<String> {
        let mut names: Vec<_> = fs::read_dir(within)
            .unwrap()
            .map(|entry| entry.unwrap().file_name().to_string_lossy().into_owned())
            .collect();
        names.sort();
        names
    }

    #[test]
    fn what_was_abandoned_goes_and_what_is_in_use_or_not_ours_stays() {
        let home = tempfile::tempdir().unwrap();
        let within = home.path().join("new");
        let used = Working::begin(&within).unwrap();
        fs::write(used.path().join("orders.db"), "rows").unwrap();
        for abandoned in [".replay-killed", ".replay-before-its-lock"] {
            fs::create_dir(within.join(abandoned)).unwrap();
            fs::write(within.join(abandoned).join("orders.db"), "rows").unwrap();
        }
        fs::write(within.join(".replay-killed/lock"), "").unwrap();
        for other in ["replay-mine", ".other"] {
            fs::create_dir(within.join(other)).unwrap();
        }
        fs::write(within.join(".replay-file"), "mine").unwrap();
        let next = Working::begin(&within).unwrap();
        let name = |of: &Working| of.path().file_name().unwrap().to_string_lossy().into_owned();
        let mut expected = vec![".other".to_owned(), ".replay-file".into(), "replay-mine".into()];
        expected.extend([name(&used), name(&next)]);
        expected.sort();
        assert_eq!(names(&within), expected);
        assert!(used.path().join("orders.db").exists());
        drop((used, next));
        assert_eq!(names(&within), [".other", ".replay-file", "replay-mine"]);
    }
}
