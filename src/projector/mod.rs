//! Runs the read models of `projections/`: checks the SQL, folds the log into one SQLite file for each, builds
//! changed ones beside those that answer, and answers named queries.
//!
//! Knows nothing of orders or money: what an event means stands in the SQL. A projection that fails stops alone,
//! and nothing here is ever in the way of recording a push.

mod ask;
mod asking;
mod authorizer;
mod build;
mod deadline;
mod declaration;
mod definition;
mod event;
mod feed;
mod file;
mod fold;
mod folder;
mod moments;
mod noted;
mod on;
pub mod past;
mod problem;
mod rules;
mod script;
mod slot;
mod snapshot;
mod sources;
mod status;
mod stretch;
mod usable;
mod views;
mod waiting;
mod worker;

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, OnceLock, PoisonError, RwLock};
use std::time::Duration;

use tokio::runtime::Handle;
use tokio::sync::{Semaphore, watch};

pub use ask::{Answer, AskError, Question};
pub use declaration::{Environments, Next, Parameter, ParameterKind, QueryDeclaration};
pub use definition::Definition;
pub use file::FileError;
pub use fold::FoldFailure;
pub use folder::{Folder, Origin};
pub use past::ReadFile;
pub use problem::{Problem, Problems};
pub use snapshot::Snapshot;
pub use status::{Progress, State, Status};
pub use usable::Usable;
pub use views::{Views, ViewsError};
pub use waiting::KeepsFailing;

use feed::Feed;
use file::Place;
use past::{Past, Room};
use problem::known_names;
use slot::{Slot, Source};

use crate::limits;
use crate::store::{LogId, Position, ReadLog};

/// The projections of one log, by name.
pub struct Projector {
    slots: RwLock<BTreeMap<String, Arc<Slot>>>,
    source: Source,
    past: Arc<Past>,
    turns: Arc<Semaphore>,
    /// For those whom WeChat waits for.
    urgent_turns: Arc<Semaphore>,
    report_turns: Arc<Semaphore>,
    /// Held by who changes what runs; what was to run instead, told before anything could.
    changes: Mutex<Option<Usable>>,
    /// Nothing is folded before it is there.
    views: OnceLock<Views>,
    /// The folder into which another process folds.
    elsewhere: OnceLock<PathBuf>,
    /// Whether the projections are known.
    begun: watch::Sender<bool>,
    /// Nothing begins any more.
    has_closed: AtomicBool,
}

/// A projection as it stands.
#[derive(Clone, Debug)]
pub struct Listed {
    pub definition: Arc<Definition>,
    pub status: Status,
    pub position: Option<Position>,
    /// Of the file that answers.
    pub bytes: u64,
}

impl Projector {
    /// Without projections yet. `runtime` runs what the log does while threads of ours wait for it.
    pub fn new(log: Arc<dyn ReadLog>, head: watch::Receiver<Option<Position>>, runtime: Handle) -> Arc<Self> {
        let (live, builds) =
            (Feed::new(log.clone(), runtime.clone()), Feed::new(log.clone(), runtime.clone()));
        let source = Source { live, builds, head, behind_until: Arc::default() };
        Arc::new(Self {
            slots: RwLock::default(),
            source,
            past: Arc::new(Past::of(log, runtime)),
            turns: Arc::new(Semaphore::new(limits::QUERIES_MAX)),
            urgent_turns: Arc::new(Semaphore::new(limits::URGENT_QUERIES_MAX)),
            report_turns: Arc::new(Semaphore::new(limits::REPORTS_MAX)),
            changes: Mutex::default(),
            views: OnceLock::new(),
            elsewhere: OnceLock::new(),
            begun: watch::Sender::new(false),
            has_closed: AtomicBool::new(false),
        })
    }

    /// Begins to fold. Blocks while it looks at the files that are there: not for a thread that runs tasks.
    pub fn begin(&self, views: Views, usable: &Usable) -> Result<(), FileError> {
        let mut before_begun = self.changes.lock().unwrap_or_else(PoisonError::into_inner);
        if self.views.set(views).is_err() {
            return Ok(());
        }
        let newer = before_begun.take();
        let taken = self.take_now(newer.as_ref().unwrap_or(usable));
        let opened = self.views.get().map_or(Ok(()), |views| self.past.open(views.folder()));
        self.begun.send_replace(true);
        taken.and(opened)
    }

    /// Whether the projections are known, once they are or the time is over.
    pub async fn begun(&self, wait: Duration) -> bool {
        let mut begun = self.begun.subscribe();
        tokio::time::timeout(wait, begun.wait_for(|begun| *begun)).await.is_ok_and(|begun| begun.is_ok())
    }

    /// Answers from the files that are there, which another process may be folding; again, from those that have come
    /// since. Blocks.
    pub fn open_to_ask(&self, folder: &Path, names: &[String]) {
        let _known = self.elsewhere.set(folder.to_owned());
        let found = |name: &String| {
            if self.slot(name).is_some() {
                return None;
            }
            let place = Place::at(folder, name);
            let path = place.current()?;
            let (_, folder) = file::built_from(&path, name)?;
            Some((name.clone(), (place, path, folder)))
        };
        let mut found: BTreeMap<_, _> = names.iter().filter_map(found).collect();
        // They may join those of the program that are not there.
        let mut folders = Folder::built_in();
        folders.retain(|folder| !found.contains_key(&folder.name));
        let others = self.slots().into_iter().map(|slot| slot.definition().folder.clone());
        others.for_each(|other| {
            folders.retain(|folder| folder.name != other.name);
            folders.push(other);
        });
        folders.extend(found.values().map(|(_, _, folder)| folder.clone()));
        for definition in usable::right_of(&[], folders, &mut Vec::new()) {
            let Some((place, path, _)) = found.remove(&definition.name) else { continue };
            if let Some(slot) = Slot::to_ask(place, path, definition) {
                self.write().insert(slot.name.clone(), Arc::new(slot));
            }
        }
        self.begun.send_replace(true);
    }

    /// Takes over changed definitions: each is built beside the one that answers. What is no longer there ends;
    /// what is wrong stays as it was. Blocks.
    pub fn take(&self, usable: &Usable) -> Result<(), FileError> {
        let mut before_begun = self.changes.lock().unwrap_or_else(PoisonError::into_inner);
        if self.views.get().is_none() {
            *before_begun = Some(usable.clone());
        }
        let taken = self.take_now(usable);
        drop(before_begun);
        taken.and(self.forget(usable))
    }

    /// Removes the files of projections that nobody wants any more. Not for commands, which may have been told of
    /// other folders than the server.
    pub fn forget(&self, usable: &Usable) -> Result<(), FileError> {
        self.views.get().map_or(Ok(()), |views| views.forget(|name| usable.is_gone(name)))
    }

    /// For who holds `changes`.
    fn take_now(&self, usable: &Usable) -> Result<(), FileError> {
        let Some(views) = self.views.get().filter(|_| !self.has_closed.load(Ordering::Acquire)) else {
            return Ok(());
        };
        for slot in self.slots() {
            if usable.is_gone(&slot.name) {
                self.write().remove(&slot.name);
                slot.end();
            }
            let wrong = usable.problem_in(&slot.name).map(ToString::to_string);
            slot.note(|status| status.folder_problem = wrong);
        }
        let definitions = usable.definitions.as_slice();
        // It is no reason to leave the others out.
        let mut failed = None;
        for definition in definitions {
            let known = self.slot(&definition.name);
            match known {
                Some(slot) if slot.wanted().version == definition.version => {}
                Some(slot) => slot.want(definition.clone(), &self.source),
                None => {
                    let place = match Place::make(views.folder(), &definition.name) {
                        Ok(place) => place,
                        Err(error) => {
                            failed.get_or_insert(error);
                            continue;
                        }
                    };
                    let slot = Arc::new(Slot::new(place, definition.clone()));
                    slot.start(definitions, &self.source);
                    self.write().insert(definition.name.clone(), slot);
                }
            }
        }
        failed.map_or(Ok(()), Err)
    }

    pub fn log_id(&self) -> LogId {
        self.source.live.log().log_id()
    }

    pub fn list(&self) -> Vec<Listed> {
        let listed = |slot: Arc<Slot>| {
            let live = slot.live.load_full();
            let file = live.and_then(|live| std::fs::metadata(&live.path).ok());
            Listed {
                definition: slot.definition(),
                status: slot.status(),
                position: *slot.progress.borrow(),
                bytes: file.map_or(0, |file| file.len()),
            }
        };
        self.slots().into_iter().map(listed).collect()
    }

    /// Every named query that can be asked now, by projection and name.
    pub fn queries(&self) -> Vec<Arc<QueryDeclaration>> {
        let of = |slot: Arc<Slot>| {
            slot.definition().queries.iter().map(|query| query.declaration.clone()).collect::<Vec<_>>()
        };
        self.slots().into_iter().flat_map(of).collect()
    }

    /// One of them.
    pub fn declaration(&self, projection: &str, query: &str) -> Option<Arc<QueryDeclaration>> {
        Some(self.slot(projection)?.definition().query(query)?.declaration.clone())
    }

    /// Why a projection stands still for good, if it does.
    pub fn stopped(&self, name: &str) -> Option<String> {
        match self.slot(name)?.status().state {
            State::Stopped(failure) => Some(failure.to_string()),
            State::Building | State::Live | State::Failing(_) => None,
        }
    }

    /// Changes whenever the projection's checkpoint moves.
    pub fn progress(&self, name: &str) -> Option<watch::Receiver<Option<Position>>> {
        Some(self.slot(name)?.progress.subscribe())
    }

    /// Builds a projection anew beside the one that answers. Blocks where another build must be ended first.
    pub fn rebuild(&self, name: &str) -> Result<(), AskError> {
        let slot = self.slot(name).ok_or_else(|| self.unknown(name))?;
        // Not while what there is changes.
        let _changes = self.changes.lock().unwrap_or_else(PoisonError::into_inner);
        slot.build(&self.source);
        Ok(())
    }

    /// States of the past find this much room.
    pub fn keep_past_within(&self, room: Room) {
        self.past.keep_within(room);
    }

    /// The server is about to end: states of the past are given up, and who waits for one is told.
    pub fn end_past(&self) {
        self.past.end();
    }

    /// Ends all folding; the files of read models stay as they are. Blocks.
    pub fn close(&self) {
        let _changes = self.changes.lock().unwrap_or_else(PoisonError::into_inner);
        self.has_closed.store(true, Ordering::Release);
        let slots = std::mem::take(&mut *self.write());
        slots.values().for_each(|slot| slot.end());
        self.past.close();
    }

    fn slot(&self, name: &str) -> Option<Arc<Slot>> {
        self.slots.read().unwrap_or_else(PoisonError::into_inner).get(name).cloned()
    }

    fn slots(&self) -> Vec<Arc<Slot>> {
        self.slots.read().unwrap_or_else(PoisonError::into_inner).values().cloned().collect()
    }

    fn write(&self) -> std::sync::RwLockWriteGuard<'_, BTreeMap<String, Arc<Slot>>> {
        self.slots.write().unwrap_or_else(PoisonError::into_inner)
    }

    fn unknown(&self, name: &str) -> AskError {
        if !*self.begun.borrow() {
            return AskError::NotBuilt { projection: name.to_owned(), done: "not begun yet".into() };
        }
        if let Some(done) = self.elsewhere.get().and_then(|folder| noted::done_elsewhere(folder, name)) {
            return AskError::NotBuilt { projection: name.to_owned(), done };
        }
        let slots = self.slots();
        let known = known_names(name, slots.iter().map(|slot| slot.name.as_str()));
        AskError::UnknownProjection { name: name.to_owned(), known }
    }
}

fn unknown_query(definition: &Definition, name: &str) -> AskError {
    let known = definition.queries.iter().map(|query| query.declaration.name.as_str());
    let (projection, known) = (definition.name.clone(), known_names(name, known));
    AskError::UnknownQuery { projection, name: name.to_owned(), known }
}

fn behind(projection: &str, at: Option<Position>, wanted: Position) -> AskError {
    let at = at.map_or_else(|| "0".to_owned(), |at| at.to_string());
    AskError::Behind { projection: projection.to_owned(), at, wanted }
}
