//! The work behind states of the past, all of it off the threads that run tasks: beginning them, folding each on a
//! thread of its own, removing files and closing connections that nobody uses.

use std::fs;
use std::os::unix::fs::DirBuilderExt;
use std::path::{Path, PathBuf};
use std::sync::atomic::Ordering;
use std::sync::{Arc, PoisonError};
use std::thread::JoinHandle;

use rusqlite::ErrorCode;
use tokio::sync::watch;
use tokio::time::Instant;
use tracing::{error, warn};

use super::super::ask::AskError;
use super::super::definition::Definition;
use super::super::file::{self, FileError};
use super::super::slot::Generation;
use super::super::worker::yield_to_pushes;
use super::fold::{PastError, PastFold};
use super::kept::{
    Base, Built, Claim, Done, Failed, Kept, Key, Lease, Past, Size, Sought, WhyFailed, not_built,
};
use super::room::{self, Need, NoRoom};
use crate::limits;
use crate::store::Position;

/// Below `views.dir`; no projection can have this name.
const FOLDER: &str = "as-of";

impl Past {
    /// From now on there may be states below `views`, for who owns that folder. What an earlier process has left
    /// goes, half built or not. Blocks.
    pub fn open(self: &Arc<Self>, views: &Path) -> Result<(), FileError> {
        let folder = views.join(FOLDER);
        cleared(&folder)?;
        if self.stop.is_told() {
            return Ok(());
        }
        self.lock().folder = Some(folder);
        let (past, stop) = (Arc::downgrade(self), self.stop.clone());
        self.runtime.spawn(async move {
            while tokio::time::timeout(limits::AS_OF_IDLE, stop.told()).await.is_err() {
                let Some(past) = past.upgrade() else { return };
                // What panicked has told of it.
                let _done = tokio::task::spawn_blocking(move || past.close_idle()).await;
            }
        });
        Ok(())
    }

    /// Nothing begins any more, what is being folded ends soon, and who waits for it is told.
    pub fn end(&self) {
        self.stop.tell();
        self.folded.send_modify(|count| *count += 1);
    }

    /// The same, and no state stays. Blocks until all has ended.
    pub fn close(&self) {
        self.end();
        // Who was about to begin one has done so, and nobody is after that.
        drop(self.admission.lock().unwrap_or_else(PoisonError::into_inner));
        let threads = std::mem::take(&mut self.lock().threads);
        // One that panicked has told of it.
        threads.into_iter().for_each(|thread| drop(thread.join()));
        let folder = {
            let mut states = self.lock();
            states.kept.clear();
            states.folder.take()
        };
        if let Some(Err(error)) = folder.as_deref().map(cleared) {
            warn!(%error, "states of the past cannot be removed; the next start does");
        }
    }

    fn close_idle(&self) {
        let kept: Vec<_> = self.lock().kept.iter().filter_map(Kept::generation).collect();
        kept.iter().for_each(|generation| generation.pool.close_idle(limits::AS_OF_IDLE));
    }

    /// The state that is there by now, or begins. Blocks.
    pub(super) fn begin(
        self: &Arc<Self>,
        sought: &Sought,
        until: Option<Position>,
        by: &str,
    ) -> Result<Claim, AskError> {
        let _one_at_a_time = self.admission.lock().unwrap_or_else(PoisonError::into_inner);
        let key = Key::of(&sought.definition, until);
        let (folder, mut base) = {
            let mut states = self.lock();
            if let Some(claim) = states.known(&key)? {
                return Ok(claim);
            }
            if self.stop.is_told() {
                return Err(AskError::Closing);
            }
            let Some(folder) = states.folder.clone() else {
                return Err(not_built(&key, "and nothing is folded here yet"));
            };
            if let Some(wait) = states.must_wait(&key, by) {
                return Err(wait);
            }
            (folder, states.base(&key))
        };
        let projection = key.name.clone();
        let io = |error: std::io::Error| AskError::Fault {
            projection: projection.clone(),
            problem: format!("{}: {error}", folder.display()),
        };
        fs::DirBuilder::new().recursive(true).mode(0o700).create(&folder).map_err(io)?;
        let expected = expected_bytes(sought, until);
        let mut room = self.make_room(&folder, Need::Another(expected));
        if matches!(room, Ok(Err(_))) && base.is_some() {
            // What it would begin from may be what is in the way.
            base = None;
            room = self.make_room(&folder, Need::Another(expected));
        }
        room.map_err(io)?.map_err(|why| AskError::NoRoom { projection: projection.clone(), why })?;
        self.begin_in(&folder, sought, key, by, (expected, base)).map_err(io)
    }

    /// For who has the right to begin, and room.
    fn begin_in(
        self: &Arc<Self>,
        folder: &Path,
        sought: &Sought,
        key: Key,
        by: &str,
        (expected, base): (u64, Option<Base>),
    ) -> std::io::Result<Claim> {
        let mut states = self.lock();
        states.turn += 1;
        let asked = states.turn;
        let path = folder.join(format!("{}-{asked}.db", key.name));
        let (told, built) = watch::channel(Built::Begun(base.as_ref().map(|base| base.at)));
        let (lease, size) = (Lease::default(), Arc::new(Size { expected, ..Size::default() }));
        let work = Work {
            past: self.clone(),
            definition: sought.definition.clone(),
            path: path.clone(),
            folder: folder.to_owned(),
            until: key.until,
            size: size.clone(),
            told,
        };
        let thread = work.begun(base)?;
        states.threads.retain(|thread| !thread.is_finished());
        states.threads.push(thread);
        let claim = Claim { built: built.clone(), lease: lease.clone() };
        states.kept.push(Kept { key, by: by.to_owned(), path, built, lease, asked, size });
        Ok(claim)
    }

    /// Removes states that nobody is asking until there is room.
    fn make_room(&self, folder: &Path, need: Need) -> std::io::Result<Result<(), NoRoom>> {
        loop {
            let free = room::free_bytes(folder)?;
            let in_the_way = self.lock().in_the_way(need, free);
            match in_the_way {
                Ok(None) => return Ok(Ok(())),
                Ok(Some(gone)) => self.remove(gone),
                Err(why) => return Ok(Err(why)),
            }
        }
    }

    fn remove(&self, gone: Kept) {
        // Connections that have joined it would keep its file on the disk.
        let others: Vec<_> = self.lock().kept.iter().filter_map(Kept::generation).collect();
        others.iter().for_each(|other| other.pool.forget(&gone.path));
        if let Some(generation) = gone.generation() {
            generation.pool.forget(&gone.path);
        }
        if let Err(error) = file::remove(&gone.path) {
            warn!(%error, "a state of the past cannot be removed");
        }
    }

    /// While a state is written: whether it may go on.
    fn goes_on(&self, folder: &Path, path: &Path, size: &Size) -> Result<(), PastError> {
        let written = fs::metadata(path).or_else(|_| fs::metadata(file::building(path)));
        let written = written.map_or(0, |file| file.len());
        size.written.store(written, Ordering::Relaxed);
        let _one_at_a_time = self.admission.lock().unwrap_or_else(PoisonError::into_inner);
        let room = self.make_room(folder, Need::Nothing);
        let io = |error| FileError::Io { path: folder.to_owned(), error };
        room.map_err(io)?.map_err(PastError::NoRoom)
    }
}

fn cleared(folder: &Path) -> Result<(), FileError> {
    let cleared = file::gone(fs::remove_dir_all(folder));
    cleared.map_err(|error| FileError::Io { path: folder.to_owned(), error })
}

/// What a state will take: about as much of the read model's size as it has of its events.
fn expected_bytes(sought: &Sought, until: Option<Position>) -> u64 {
    let Some((path, at)) = &sought.live else { return 0 };
    let bytes = fs::metadata(path).map_or(0, |file| file.len());
    let (until, at) = (u128::from(until.map_or(0, Position::number)), u128::from(at.number().max(1)));
    u64::try_from(u128::from(bytes) * until.min(at) / at).unwrap_or(bytes)
}

/// One state being folded. Whatever ends that, who waits is told.
struct Work {
    past: Arc<Past>,
    definition: Arc<Definition>,
    path: PathBuf,
    folder: PathBuf,
    until: Option<Position>,
    size: Arc<Size>,
    told: watch::Sender<Built>,
}

impl Work {
    fn begun(self, base: Option<Base>) -> std::io::Result<JoinHandle<()>> {
        let named = std::thread::Builder::new().name(format!("past-{}", self.definition.name));
        named.spawn(move || {
            yield_to_pushes();
            let built = self.built(base.as_ref());
            // It may go before anybody knows that this one is done.
            drop(base);
            self.told.send_replace(built);
        })
    }

    fn built(&self, base: Option<&Base>) -> Built {
        let tell = |at| {
            self.told.send_replace(Built::Begun(Some(at)));
            self.past.goes_on(&self.folder, &self.path, &self.size)
        };
        let fold = PastFold {
            feed: &self.past.feed,
            definition: &self.definition,
            stop: &self.past.stop,
            tell: &tell,
            from: base.map(|base| base.path.as_path()),
        };
        let folded = fold.to(&self.path, self.until).and_then(|failure| {
            // What it has come to may be more than what it was when it was last looked at.
            self.past.goes_on(&self.folder, &self.path, &self.size).map(|()| failure)
        });
        match folded {
            Ok(failure) => {
                let generation = Arc::new(Generation::new(self.definition.clone(), self.path.clone()));
                Built::Done(Done { generation, failure })
            }
            Err(PastError::Told) => Built::Closed,
            Err(error) if self.past.stop.is_told() => {
                warn!(projection = self.definition.name, %error, "a state of the past was given up at the end");
                Built::Closed
            }
            Err(error) => {
                let (projection, until) = (&self.definition.name, self.until.map(Position::number));
                warn!(projection, until, %error, "a state of the past cannot be folded");
                let _gone_or_never_made = file::remove(&self.path);
                Built::Failed(Failed { why: why(&error), at: Instant::now() })
            }
        }
    }
}

impl Drop for Work {
    fn drop(&mut self) {
        // Only a panic leaves it so.
        let told = self.told.send_if_modified(|built| {
            let is_left = matches!(built, Built::Begun(_));
            if is_left {
                let why = WhyFailed::Problem("folding it broke off".to_owned());
                *built = Built::Failed(Failed { why, at: Instant::now() });
            }
            is_left
        });
        if told {
            error!(projection = self.definition.name, "folding a state of the past ended before it was done");
        }
        self.past.folded.send_modify(|count| *count += 1);
    }
}

/// Where files of the server's lie is for its log alone.
fn why(error: &PastError) -> WhyFailed {
    let problem = match error {
        PastError::NoRoom(why) => return WhyFailed::NoRoom(*why),
        PastError::File(error) if is_full(error) => return WhyFailed::NoRoom(NoRoom::Full),
        PastError::File(_) => "its file cannot be written",
        PastError::Log(_) => "the log cannot be read",
        PastError::Thread(_) | PastError::Told => "folding it has ended",
    };
    WhyFailed::Problem(problem.to_owned())
}

fn is_full(error: &FileError) -> bool {
    use std::io::ErrorKind::{FileTooLarge, QuotaExceeded, StorageFull};
    match error {
        FileError::Io { error, .. } => matches!(error.kind(), StorageFull | QuotaExceeded | FileTooLarge),
        FileError::Sqlite { error, .. } => error.sqlite_error_code() == Some(ErrorCode::DiskFull),
    }
}
