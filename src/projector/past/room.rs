//! How much disk states of the past may take, and what is told where there is no more.

use std::fmt;
use std::io;
use std::path::Path;

use crate::limits;

/// What they may take together.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Room {
    pub states_max: usize,
    pub bytes_max: u64,
    /// Of the disk, left to others.
    pub free_bytes_min: u64,
}

impl Default for Room {
    fn default() -> Self {
        Self {
            states_max: limits::AS_OF_KEPT,
            bytes_max: limits::AS_OF_BYTES_MAX,
            free_bytes_min: limits::AS_OF_FREE_BYTES_MIN,
        }
    }
}

/// Why another state finds no room, and what to do.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum NoRoom {
    /// So many are kept, and all of them are being asked or folded.
    States(usize),
    /// They would take more than this.
    Bytes(u64),
    /// Less than this would be free on the disk.
    Free(u64),
    /// The disk is full.
    Full,
}

impl fmt::Display for NoRoom {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mib = |bytes: &u64| bytes / 1024 / 1024;
        match self {
            Self::States(states) => {
                write!(f, "{states} are kept, and all of them are being asked or folded: try again soon")
            }
            Self::Bytes(bytes) => write!(
                f,
                "they may take {} MiB together (limits.as_of_bytes_max): try again when others are done, \
                 raise that limit, or use `order-ledger replay`",
                mib(bytes)
            ),
            Self::Free(bytes) => write!(
                f,
                "{} MiB of the disk of views.dir are left free (limits.as_of_free_bytes_min): free some, or use \
                 `order-ledger replay` with another disk",
                mib(bytes)
            ),
            Self::Full => write!(f, "the disk of views.dir is full: free some, then try again"),
        }
    }
}

/// What a state adds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Need {
    /// One more, of about so many bytes.
    Another(u64),
    /// What is written already.
    Nothing,
}

/// What there is of them.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Taken {
    pub states: usize,
    /// Of files that are finished, and what the others are expected to come to.
    pub bytes: u64,
    /// What of that is still to be written.
    pub to_come: u64,
}

impl Room {
    /// What stands against it, if anything does; `free` is what the disk has.
    pub fn against(&self, taken: Taken, need: Need, free: u64) -> Option<NoRoom> {
        let (states, bytes, kept_free) = match need {
            Need::Another(bytes) => (1, bytes, bytes.saturating_add(taken.to_come)),
            Need::Nothing => (0, 0, 0),
        };
        if taken.states.saturating_add(states) > self.states_max {
            return Some(NoRoom::States(self.states_max));
        }
        if taken.bytes.saturating_add(bytes) > self.bytes_max {
            return Some(NoRoom::Bytes(self.bytes_max));
        }
        (free < self.free_bytes_min.saturating_add(kept_free)).then_some(NoRoom::Free(self.free_bytes_min))
    }
}

/// What this process may still write to the disk of a folder. Blocks.
pub fn free_bytes(folder: &Path) -> io::Result<u64> {
    let disk = rustix::fs::statvfs(folder)?;
    Ok(disk.f_bavail.saturating_mul(disk.f_frsize))
}

#[cfg(test)]
mod tests {
    use super::*;

    const ROOM: Room = Room { states_max: 3, bytes_max: 100, free_bytes_min: 50 };

    #[test]
    fn a_state_finds_room_by_number_by_bytes_and_by_what_is_free() {
        let taken = |states, bytes, to_come| Taken { states, bytes, to_come };
        for (taken, need, free, expected) in [
            (taken(0, 0, 0), Need::Another(100), 150, None),
            (taken(2, 60, 0), Need::Another(40), 90, None),
            (taken(3, 60, 0), Need::Another(40), 90, Some(NoRoom::States(3))),
            (taken(2, 61, 0), Need::Another(40), 90, Some(NoRoom::Bytes(100))),
            (taken(2, 60, 0), Need::Another(40), 89, Some(NoRoom::Free(50))),
            (taken(2, 60, 10), Need::Another(40), 99, Some(NoRoom::Free(50))),
            (taken(3, 100, 10), Need::Nothing, 50, None),
            (taken(3, 101, 0), Need::Nothing, 50, Some(NoRoom::Bytes(100))),
            (taken(3, 100, 0), Need::Nothing, 49, Some(NoRoom::Free(50))),
        ] {
            assert_eq!(ROOM.against(taken, need, free), expected, "{taken:?} {need:?} {free}");
        }
    }
}
