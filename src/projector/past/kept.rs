//! States of the past that answer questions: folded when somebody asks for one, and kept for the next, a few of them.

use std::fs;
use std::os::unix::fs::DirBuilderExt;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::thread::JoinHandle;

use tokio::runtime::Handle;
use tokio::sync::watch;
use tokio::time::{Instant, timeout_at};
use tracing::warn;

use super::super::ask::AskError;
use super::super::definition::Definition;
use super::super::feed::{Feed, Stop};
use super::super::file::{self, FileError};
use super::super::slot::Generation;
use super::super::worker::yield_to_pushes;
use super::fold::PastFold;
use super::times::Times;
use crate::limits;
use crate::store::{Position, ReadLog};

/// Below `views.dir`; no projection can have this name.
const FOLDER: &str = "as-of";

pub struct Past {
    pub feed: Arc<Feed>,
    /// What is known of the log's moments.
    pub times: tokio::sync::Mutex<Times>,
    states: Mutex<States>,
    /// Changes whenever a state is folded.
    folded: watch::Sender<u64>,
    stop: Stop,
}

#[derive(Default)]
struct States {
    /// `None` where nothing may be folded.
    folder: Option<PathBuf>,
    kept: Vec<Kept>,
    /// Counts questions, and files.
    turn: u64,
    threads: Vec<JoinHandle<()>>,
}

/// A projection as of a position.
struct Kept {
    name: String,
    version: String,
    until: Option<Position>,
    built: watch::Receiver<Built>,
    /// When it was last asked for.
    asked: u64,
}

#[derive(Clone)]
enum Built {
    /// Folded up to there.
    Begun(Option<Position>),
    Done(Arc<Generation>),
    Failed(String),
}

impl Past {
    pub fn of(log: Arc<dyn ReadLog>, runtime: Handle) -> Self {
        let feed = Feed::new(log, runtime);
        let times = tokio::sync::Mutex::default();
        let folded = watch::Sender::new(0);
        Self { feed, times, states: Mutex::default(), folded, stop: Stop::default() }
    }

    fn lock(&self) -> MutexGuard<'_, States> {
        self.states.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// From now on there may be states below `views`, for who owns that folder. What an earlier process has left
    /// goes. Blocks.
    pub fn open(&self, views: &Path) -> Result<(), FileError> {
        let folder = views.join(FOLDER);
        let cleared = file::gone(fs::remove_dir_all(&folder));
        cleared.map_err(|error| FileError::Io { path: folder.clone(), error })?;
        self.lock().folder = Some(folder);
        Ok(())
    }

    /// Ends what is being folded. Blocks.
    pub fn close(&self) {
        self.stop.tell();
        let threads = {
            let mut states = self.lock();
            states.folder = None;
            std::mem::take(&mut states.threads)
        };
        // One that panicked has told of it.
        threads.into_iter().for_each(|thread| drop(thread.join()));
    }

    /// The states of several projections at one position, once all of them are folded, or how far that is when the
    /// time is over.
    pub async fn ready(
        &self,
        definitions: &[Arc<Definition>],
        until: Option<Position>,
        deadline: Instant,
    ) -> Result<Vec<Arc<Generation>>, AskError> {
        // Side by side, as many as may be.
        let mut begun = Vec::new();
        for definition in definitions {
            begun.push(self.begun_in_turn(definition, until, deadline).await?);
        }
        let mut ready = Vec::new();
        for (definition, begun) in definitions.iter().zip(begun) {
            ready.push(self.done(definition, until, begun, deadline).await?);
        }
        Ok(ready)
    }

    async fn begun_in_turn(
        &self,
        definition: &Arc<Definition>,
        until: Option<Position>,
        deadline: Instant,
    ) -> Result<watch::Receiver<Built>, AskError> {
        let mut folded = self.folded.subscribe();
        loop {
            let refused = match self.begun(definition, until) {
                Err(refused @ AskError::NotBuilt { .. }) => refused,
                other => return other,
            };
            // The sender lives as long as `self`: only the time can be over.
            if timeout_at(deadline, folded.changed()).await.is_err() {
                return Err(refused);
            }
        }
    }

    async fn done(
        &self,
        definition: &Definition,
        until: Option<Position>,
        mut built: watch::Receiver<Built>,
        deadline: Instant,
    ) -> Result<Arc<Generation>, AskError> {
        let fault = |problem| AskError::Fault { projection: definition.name.clone(), problem };
        loop {
            let at = match &*built.borrow_and_update() {
                Built::Done(generation) => return Ok(generation.clone()),
                Built::Failed(problem) => return Err(fault(problem.clone())),
                Built::Begun(at) => *at,
            };
            match timeout_at(deadline, built.changed()).await {
                Ok(Ok(())) => {}
                Ok(Err(_)) => return Err(fault("folding the past has panicked".to_owned())),
                Err(_) => return Err(not_built(definition, until, &percent(at, until))),
            }
        }
    }

    /// The state that is there, or is begun now.
    fn begun(
        &self,
        definition: &Arc<Definition>,
        until: Option<Position>,
    ) -> Result<watch::Receiver<Built>, AskError> {
        let mut states = self.lock();
        states.turn += 1;
        let turn = states.turn;
        states.kept.retain(|kept| !matches!(&*kept.built.borrow(), Built::Failed(_)));
        let is_it = |kept: &&mut Kept| {
            (&kept.name, &kept.version, kept.until) == (&definition.name, &definition.version, until)
        };
        if let Some(kept) = states.kept.iter_mut().find(is_it) {
            kept.asked = turn;
            return Ok(kept.built.clone());
        }
        let Some(folder) = states.folder.clone() else {
            return Err(not_built(definition, until, "and nothing is folded here yet"));
        };
        let is_begun = |kept: &&Kept| matches!(&*kept.built.borrow(), Built::Begun(_));
        if states.kept.iter().filter(is_begun).count() >= limits::AS_OF_AT_ONCE {
            return Err(not_built(definition, until, "behind others that are folded first"));
        }
        states.make_room();
        let fault = |error: std::io::Error| AskError::Fault {
            projection: definition.name.clone(),
            problem: error.to_string(),
        };
        fs::DirBuilder::new().recursive(true).mode(0o700).create(&folder).map_err(fault)?;
        let (name, version) = (definition.name.clone(), definition.version.clone());
        let path = folder.join(format!("{name}-{turn}.db"));
        let (told, built) = watch::channel(Built::Begun(None));
        let thread = self.spawn(definition.clone(), path, until, told).map_err(fault)?;
        states.threads.retain(|thread| !thread.is_finished());
        states.threads.push(thread);
        states.kept.push(Kept { name, version, until, built: built.clone(), asked: turn });
        Ok(built)
    }

    fn spawn(
        &self,
        definition: Arc<Definition>,
        path: PathBuf,
        until: Option<Position>,
        told: watch::Sender<Built>,
    ) -> std::io::Result<JoinHandle<()>> {
        let (feed, stop, folded) = (self.feed.clone(), self.stop.clone(), self.folded.clone());
        std::thread::Builder::new().name(format!("past-{}", definition.name)).spawn(move || {
            yield_to_pushes();
            let tell = |at| drop(told.send_replace(Built::Begun(Some(at))));
            let fold = PastFold { feed: &feed, definition: &definition, stop: &stop, tell: &tell };
            // Before an event that cannot be folded it ends, like the read model of now.
            let built = match fold.to(&path, until) {
                Ok(_) => Built::Done(Arc::new(Generation::new(definition, path))),
                Err(error) => Built::Failed(error.to_string()),
            };
            told.send_replace(built);
            folded.send_modify(|count| *count += 1);
        })
    }
}

impl States {
    /// The states that nobody has asked for longest go, but for those that are being asked or folded.
    fn make_room(&mut self) {
        while self.kept.len() >= limits::AS_OF_KEPT {
            let is_idle = |kept: &&Kept| match &*kept.built.borrow() {
                Built::Done(generation) => Arc::strong_count(generation) == 1,
                Built::Begun(_) | Built::Failed(_) => false,
            };
            let oldest =
                self.kept.iter().filter(is_idle).min_by_key(|kept| kept.asked).map(|kept| kept.asked);
            let Some(oldest) = oldest else { return };
            let place = self.kept.iter().position(|kept| kept.asked == oldest);
            let gone = place.map(|place| self.kept.swap_remove(place));
            if let Some(Built::Done(generation)) = gone.map(|gone| gone.built.borrow().clone())
                && let Err(error) = file::remove(&generation.path)
            {
                warn!(%error, "a state of the past cannot be removed");
            }
        }
    }
}

fn not_built(definition: &Definition, until: Option<Position>, how: &str) -> AskError {
    let at = until.map_or(0, Position::number);
    AskError::NotBuilt { projection: definition.name.clone(), done: format!("as of position {at}, {how}") }
}

fn percent(at: Option<Position>, until: Option<Position>) -> String {
    let (at, until) = (at.map_or(0, Position::number), until.map_or(0, Position::number));
    format!("{} % done", (at.min(until) * 100).checked_div(until).unwrap_or(0))
}
