//! One projection by name: the build that answers, and the threads that fold it and build the next.

use std::path::PathBuf;
use std::sync::{Arc, Mutex, MutexGuard, OnceLock, PoisonError};
use std::thread::JoinHandle;
use std::time::Instant;

use arc_swap::ArcSwapOption;
use tokio::sync::watch;
use tracing::{info, warn};

use super::ask::Pool;
use super::definition::Definition;
use super::feed::{Feed, Stop};
use super::file::{self, FileError, Place};
use super::noted::Noted;
use super::status::{Progress, State, Status};
use super::worker;
use crate::limits;
use crate::store::{Fault, Position};

/// A finished build, and the folder it was built from.
pub struct Generation {
    pub definition: Arc<Definition>,
    pub path: PathBuf,
    pub pool: Pool,
}

impl Generation {
    pub fn new(definition: Arc<Definition>, path: PathBuf) -> Self {
        Self { definition, path, pool: Pool::default() }
    }
}

/// A build that was there at the start.
struct Found {
    generation: Arc<Generation>,
    is_wanted: bool,
}

struct Running {
    stop: Stop,
    thread: JoinHandle<()>,
}

impl Running {
    fn end(self) {
        self.stop.tell();
        // One that panicked has told of it; there is nothing more to do here.
        let _ended = self.thread.join();
    }
}

#[derive(Default)]
struct Threads {
    /// Folds the build that answers.
    live: Option<Running>,
    /// Builds the next, and becomes `live` when that takes over.
    builder: Option<Running>,
    /// None begins any more.
    has_ended: bool,
}

pub struct Slot {
    pub name: String,
    pub place: Place,
    /// Another process folds; how far it is by now, only the file tells.
    pub is_folded_elsewhere: bool,
    /// What answers; `None` until the first build is complete.
    pub live: ArcSwapOption<Generation>,
    /// What is to answer.
    wanted: Mutex<Arc<Definition>>,
    status: Mutex<Status>,
    /// How far the build that answers is.
    pub progress: watch::Sender<Option<Position>>,
    threads: Mutex<Threads>,
    /// Held by who begins a build.
    builds: Mutex<()>,
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

impl Slot {
    pub fn new(place: Place, definition: Arc<Definition>) -> Self {
        Self {
            name: definition.name.clone(),
            place,
            is_folded_elsewhere: false,
            live: ArcSwapOption::empty(),
            wanted: Mutex::new(definition),
            status: Mutex::default(),
            progress: watch::Sender::new(None),
            threads: Mutex::default(),
            builds: Mutex::default(),
        }
    }

    /// One that only answers, from the file that is there.
    pub fn to_ask(place: Place, path: PathBuf, definition: Arc<Definition>) -> Option<Self> {
        let connection = file::open_to_ask(&path, &[]).ok()?;
        let checkpoint = file::checkpoint(&connection, "main").ok()??;
        let slot = Self { is_folded_elsewhere: true, ..Self::new(place, definition.clone()) };
        slot.live.store(Some(Arc::new(Generation::new(definition, path))));
        slot.progress.send_replace(checkpoint.position);
        *lock(&slot.status) = Noted::read(&slot.place.noted()).status();
        Some(slot)
    }

    pub fn wanted(&self) -> Arc<Definition> {
        lock(&self.wanted).clone()
    }

    /// What answers, or is to answer where nothing does yet.
    pub fn definition(&self) -> Arc<Definition> {
        self.live.load_full().map_or_else(|| self.wanted(), |live| live.definition.clone())
    }

    pub fn status(&self) -> Status {
        lock(&self.status).clone()
    }

    pub fn is_live(&self) -> bool {
        matches!(lock(&self.status).state, State::Live)
    }

    pub fn note(&self, change: impl FnOnce(&mut Status)) {
        let mut status = lock(&self.status);
        let before = Noted::of(&status);
        change(&mut status);
        let noted = Noted::of(&status);
        if noted != before
            && let Err(error) = noted.write(&self.place.noted())
        {
            warn!(projection = self.name, %error, "what is wrong cannot be noted for commands");
        }
    }

    /// Answers from the file that is there if it belongs to this log, and builds a new one if it is of another
    /// version, or there is none.
    pub fn start(self: &Arc<Self>, others: &[Arc<Definition>], source: &Source) {
        let wanted = self.wanted();
        let Some(found) = self.found(&wanted, others, source) else {
            return self.build(source);
        };
        let Found { generation: found, is_wanted } = found;
        if !is_wanted {
            info!(
                projection = self.name,
                "has changed: it is built anew, and the one before answers until then"
            );
        }
        self.live.store(Some(found.clone()));
        let running = self.spawn(source, move |worker| worker.follow_live(&found));
        lock(&self.threads).live = running;
        if !is_wanted {
            self.build(source);
        }
    }

    /// The finished build that is there, if it is one of this log.
    fn found(&self, wanted: &Arc<Definition>, others: &[Arc<Definition>], source: &Source) -> Option<Found> {
        let path = self.place.current()?;
        let (version, folder) = file::built_from(&path, &self.name)?;
        match source.live.block_on(is_of_this_log(&path, source)) {
            Ok(true) => {}
            Ok(false) => {
                info!(projection = self.name, "the file is of another log: it is built anew");
                return None;
            }
            // The store has told that the log cannot be read.
            Err(fault) => {
                info!(projection = self.name, %fault, "the file cannot be held against the log: it is built anew");
                return None;
            }
        }
        if version == wanted.version {
            let generation = Arc::new(Generation::new(wanted.clone(), path));
            return Some(Found { generation, is_wanted: true });
        }
        let beside = others.iter().filter(|other| other.name != self.name).map(|other| other.folder.clone());
        let checked = Definition::check_all(beside.chain([folder]).collect()).ok()?;
        let definition = checked.into_iter().find(|definition| definition.name == self.name)?;
        // The folder may be the same, and the program another.
        Some(Found { generation: Arc::new(Generation::new(definition, path)), is_wanted: false })
    }

    /// Begins a build beside what answers; one that is under way is given up.
    pub fn build(self: &Arc<Self>, source: &Source) {
        let _one_build_at_a_time = lock(&self.builds);
        let before = lock(&self.threads).builder.take();
        if let Some(before) = before {
            before.end();
            self.go_on(source);
        }
        self.note_begun(source);
        let definition = self.wanted();
        // Held until the builder is in its place: it must find itself there when it takes over.
        let mut threads = lock(&self.threads);
        if threads.has_ended {
            return;
        }
        threads.builder = self.spawn(source, move |worker| worker.build(&definition));
    }

    /// For the thread of a build that is lost: where a build is under way already, that one is enough. It waits
    /// for nobody, for who builds may be waiting for it.
    pub fn build_unless_building(self: &Arc<Self>, source: &Source) {
        let Ok(_one_build_at_a_time) = self.builds.try_lock() else { return };
        let mut threads = lock(&self.threads);
        if threads.has_ended || threads.builder.as_ref().is_some_and(|builder| !builder.thread.is_finished())
        {
            return;
        }
        self.note_begun(source);
        let definition = self.wanted();
        threads.builder = self.spawn(source, move |worker| worker.build(&definition));
    }

    /// Before the thread runs: who waits for the build must not find that there is none.
    fn note_begun(&self, source: &Source) {
        let build = Some(Progress { head: *source.head.borrow(), ..Progress::default() });
        self.note(|status| (status.build, status.build_failure) = (build, None));
    }

    /// A build that was ended just when it had taken over leaves what answers without a thread.
    fn go_on(self: &Arc<Self>, source: &Source) {
        let mut threads = lock(&self.threads);
        if let (false, None, Some(live)) = (threads.has_ended, &threads.live, self.live.load_full()) {
            threads.live = self.spawn(source, move |worker| worker.follow_live(&live));
        }
    }

    pub fn want(self: &Arc<Self>, definition: Arc<Definition>, source: &Source) {
        *lock(&self.wanted) = definition;
        self.build(source);
    }

    fn spawn(
        self: &Arc<Self>,
        source: &Source,
        work: impl FnOnce(&worker::Worker) + Send + 'static,
    ) -> Option<Running> {
        let stop = Stop::default();
        let worker = worker::Worker { slot: self.clone(), source: source.clone(), stop: stop.clone() };
        let name = format!("fold-{}", self.name);
        let thread = std::thread::Builder::new().name(name).spawn(move || {
            worker::yield_to_pushes();
            work(&worker);
        });
        match thread {
            Ok(thread) => Some(Running { stop, thread }),
            Err(error) => {
                self.note(|status| (status.build, status.state) = (None, State::Failing(error.to_string())));
                None
            }
        }
    }

    /// Lets a build answer from now on, and ends the one before. Called by the builder's thread.
    pub fn take_over(&self, generation: &Arc<Generation>) -> Result<(), FileError> {
        self.place.switch_to(&generation.path)?;
        self.live.store(Some(generation.clone()));
        let before = {
            let mut threads = lock(&self.threads);
            let builder = threads.builder.take();
            std::mem::replace(&mut threads.live, builder)
        };
        if let Some(before) = before {
            before.end();
        }
        if let Err(error) = self.place.sweep() {
            warn!(projection = self.name, %error, "what earlier builds left cannot be removed");
        }
        // Last: who waits for the build finds the one before gone.
        self.note(|status| {
            (status.build, status.build_failure) = (None, None);
            status.switches += 1;
        });
        info!(projection = self.name, file = %generation.path.display(), "a new build answers");
        Ok(())
    }

    /// Ends all threads.
    pub fn end(&self) {
        let ended = Threads { has_ended: true, ..Threads::default() };
        let Threads { live, builder, .. } = std::mem::replace(&mut *lock(&self.threads), ended);
        [live, builder].into_iter().flatten().for_each(Running::end);
    }
}

/// Where events come from.
#[derive(Clone)]
pub struct Source {
    /// For those that follow the log.
    pub live: Arc<Feed>,
    /// For those that are built.
    pub builds: Arc<Feed>,
    /// The log's end: who has caught up waits for it to move.
    pub head: watch::Receiver<Option<Position>>,
    /// Until when a log that ends before what was folded is looked at again; from the first such look on.
    pub behind_until: Arc<OnceLock<Instant>>,
}

/// Whether the event at the checkpoint stands in this log.
async fn is_of_this_log(path: &std::path::Path, source: &Source) -> Result<bool, Fault> {
    let read = file::open_to_ask(path, &[]).and_then(|connection| file::checkpoint(&connection, "main"));
    let Ok(Some(checkpoint)) = read else { return Ok(false) };
    let log = source.live.log();
    if checkpoint.log_id != log.log_id() {
        return Ok(false);
    }
    let Some(position) = checkpoint.position else { return Ok(true) };
    let mut may_be_behind = true;
    loop {
        if let Some(event) = log.event_at(position).await? {
            return Ok(Some(event.id) == checkpoint.event_id);
        }
        let until = source.behind_until.get_or_init(|| Instant::now() + limits::LOG_BEHIND_WAIT);
        if !may_be_behind || Instant::now() >= *until {
            return Ok(false);
        }
        // Where it is not, the event is looked for once more: it may have come between.
        may_be_behind = log.last().await? < Some(position);
        if may_be_behind {
            tokio::time::sleep(limits::LOG_BEHIND_LOOK_AGAIN).await;
        }
    }
}
