//! States of the past that answer questions: which there are, which may begin, and which go to make room. What is
//! here is quick and touches no file; who folds and removes them stands in `work`.

use std::path::PathBuf;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::thread::JoinHandle;

use tokio::runtime::Handle;
use tokio::sync::watch;
use tokio::time::{Instant, timeout_at};

use super::super::ask::AskError;
use super::super::definition::Definition;
use super::super::feed::{Feed, Stop};
use super::super::fold::FoldFailure;
use super::super::slot::Generation;
use super::super::status::Progress;
use super::room::{Need, NoRoom, Room, Taken};
use super::times::Times;
use crate::limits;
use crate::store::{Position, ReadLog};

pub struct Past {
    pub feed: Arc<Feed>,
    /// What is known of the log's moments.
    pub times: tokio::sync::Mutex<Times>,
    pub(super) runtime: Handle,
    states: Mutex<States>,
    /// Held by who begins a state or makes room: not for a thread that runs tasks.
    pub(super) admission: Mutex<()>,
    /// Changes whenever a state is folded, and at the end.
    pub(super) folded: watch::Sender<u64>,
    pub(super) stop: Stop,
}

#[derive(Default)]
pub(super) struct States {
    /// `None` where nothing may be folded.
    pub folder: Option<PathBuf>,
    pub room: Room,
    pub kept: Vec<Kept>,
    /// Counts questions, and files.
    pub turn: u64,
    pub threads: Vec<JoinHandle<()>>,
}

/// While one lives, its state stays.
pub type Lease = Arc<()>;

/// What a state is of: a projection as its version folds it, up to a position.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Key {
    pub name: String,
    pub version: String,
    pub until: Option<Position>,
}

impl Key {
    pub fn of(definition: &Definition, until: Option<Position>) -> Self {
        Self { name: definition.name.clone(), version: definition.version.clone(), until }
    }
}

/// A state, or what has become of it.
pub(super) struct Kept {
    pub key: Key,
    /// Who had it begun.
    pub by: String,
    pub path: PathBuf,
    pub built: watch::Receiver<Built>,
    pub lease: Lease,
    /// When it was last asked for.
    pub asked: u64,
    pub size: Arc<Size>,
}

/// Of a state's file.
#[derive(Debug, Default)]
pub(super) struct Size {
    /// What it is expected to come to while it is being folded.
    pub expected: u64,
    pub written: AtomicU64,
}

#[derive(Clone)]
pub(super) enum Built {
    /// Folded up to there.
    Begun(Option<Position>),
    Done(Done),
    Failed(Failed),
    /// The server ends.
    Closed,
}

#[derive(Clone)]
pub(super) struct Done {
    pub generation: Arc<Generation>,
    /// The event that it ends before, where that could not be folded.
    pub failure: Option<FoldFailure>,
}

/// A state that could not be folded.
#[derive(Clone)]
pub(super) struct Failed {
    pub why: WhyFailed,
    pub at: Instant,
}

#[derive(Clone)]
pub(super) enum WhyFailed {
    NoRoom(NoRoom),
    /// In words that name no file of the server's.
    Problem(String),
}

/// A state that is asked for.
#[derive(Clone)]
pub struct Sought {
    pub definition: Arc<Definition>,
    /// The read model of now and how far it is: a state takes about as much of its size as it has of its events.
    pub live: Option<(PathBuf, Position)>,
}

/// A state that is done, and stays while this lives.
pub struct Pinned {
    pub generation: Arc<Generation>,
    pub failure: Option<FoldFailure>,
    pub lease: Lease,
}

/// A state that somebody waits for.
pub(super) struct Claim {
    pub built: watch::Receiver<Built>,
    pub lease: Lease,
}

impl Past {
    pub fn of(log: Arc<dyn ReadLog>, runtime: Handle) -> Self {
        Self {
            feed: Feed::new(log, runtime.clone()),
            times: tokio::sync::Mutex::default(),
            runtime,
            states: Mutex::default(),
            admission: Mutex::default(),
            folded: watch::Sender::new(0),
            stop: Stop::default(),
        }
    }

    pub(super) fn lock(&self) -> MutexGuard<'_, States> {
        self.states.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// From now on states find this much room.
    pub fn keep_within(&self, room: Room) {
        self.lock().room = room;
    }

    /// The states of several projections at one position, folded one after the other in the name of `by`, or how far
    /// that is when the time is over.
    pub async fn ready(
        self: &Arc<Self>,
        sought: &[Sought],
        until: Option<Position>,
        by: &str,
        deadline: Instant,
    ) -> Result<Vec<Pinned>, AskError> {
        let mut ready = Vec::new();
        for sought in sought {
            let claim = self.claimed(sought, until, by, deadline).await?;
            ready.push(self.done(&Key::of(&sought.definition, until), claim, deadline).await?);
        }
        Ok(ready)
    }

    /// The state that is there or begins now, once it is its turn.
    async fn claimed(
        self: &Arc<Self>,
        sought: &Sought,
        until: Option<Position>,
        by: &str,
        deadline: Instant,
    ) -> Result<Claim, AskError> {
        let mut folded = self.folded.subscribe();
        let key = Key::of(&sought.definition, until);
        let mut is_late = false;
        loop {
            if let Some(claim) = self.lock().known(&key)? {
                return Ok(claim);
            }
            let (past, sought, by) = (self.clone(), sought.clone(), by.to_owned());
            let beginning = tokio::task::spawn_blocking(move || past.begin(&sought, until, &by));
            let begun = beginning.await.map_err(|error| AskError::Fault {
                projection: key.name.clone(),
                problem: error.to_string(),
            })?;
            match begun {
                Err(AskError::NotBuilt { .. }) if !is_late => {}
                other => return other,
            }
            // The sender lives as long as `self`: only the time can be over. Once more, for how far it is by then.
            is_late = timeout_at(deadline, folded.changed()).await.is_err();
        }
    }

    /// A state when it is folded.
    async fn done(&self, key: &Key, claim: Claim, deadline: Instant) -> Result<Pinned, AskError> {
        let Claim { mut built, lease } = claim;
        loop {
            let at = match &*built.borrow_and_update() {
                Built::Done(Done { generation, failure }) => {
                    return Ok(Pinned { generation: generation.clone(), failure: failure.clone(), lease });
                }
                Built::Failed(failed) => return Err(failed.told(key)),
                Built::Closed => return Err(AskError::Closing),
                Built::Begun(at) => *at,
            };
            let changed = tokio::select! {
                changed = timeout_at(deadline, built.changed()) => changed,
                // The thread that folds may take a while to see it.
                () = self.stop.told() => return Err(AskError::Closing),
            };
            match changed {
                Ok(Ok(())) => {}
                Ok(Err(error)) => {
                    return Err(AskError::Fault { projection: key.name.clone(), problem: error.to_string() });
                }
                Err(_) => return Err(not_built(key, &percent(at, key.until))),
            }
        }
    }
}

impl Failed {
    /// Until when it is not tried again.
    fn is_over(&self) -> bool {
        self.at.elapsed() >= limits::AS_OF_FAILED_KEPT
    }

    fn told(&self, key: &Key) -> AskError {
        match &self.why {
            WhyFailed::NoRoom(why) => AskError::NoRoom { projection: key.name.clone(), why: *why },
            WhyFailed::Problem(problem) => AskError::PastFailed {
                projection: key.name.clone(),
                at: key.until.map_or(0, Position::number),
                problem: problem.clone(),
                again_after: limits::AS_OF_FAILED_KEPT.saturating_sub(self.at.elapsed()),
            },
        }
    }
}

impl States {
    /// The state where it is there or is being folded; the error where it has failed lately.
    pub fn known(&mut self, key: &Key) -> Result<Option<Claim>, AskError> {
        self.forget_failures();
        self.turn += 1;
        let turn = self.turn;
        let Some(kept) = self.kept.iter_mut().find(|kept| kept.key == *key) else { return Ok(None) };
        kept.asked = turn;
        match &*kept.built.borrow() {
            Built::Failed(failed) => Err(failed.told(key)),
            Built::Closed => Err(AskError::Closing),
            Built::Begun(_) | Built::Done(_) => {
                Ok(Some(Claim { built: kept.built.clone(), lease: kept.lease.clone() }))
            }
        }
    }

    /// Failures that are old, and the oldest where there are many.
    fn forget_failures(&mut self) {
        self.kept.retain(|kept| !kept.failure().is_some_and(|failed| failed.is_over()));
        while self.kept.iter().filter(|kept| kept.failure().is_some()).count() > limits::AS_OF_FAILED_MAX {
            let oldest = self.kept.iter().position(|kept| kept.failure().is_some());
            oldest.map(|oldest| self.kept.remove(oldest));
        }
    }

    /// Why another state does not begin now.
    pub fn must_wait(&self, key: &Key, by: &str) -> Option<AskError> {
        let begun = || self.kept.iter().filter_map(|kept| Some((kept, kept.begun()?)));
        if let Some((own, at)) = begun().find(|(kept, _)| kept.by == by) {
            let (name, until) = (&own.key.name, own.key.until.map_or(0, Position::number));
            let done = percent(at, own.key.until);
            let how = format!(
                "behind {name} as of position {until}, which is {done} for the same access token: one at a time"
            );
            return Some(not_built(key, &how));
        }
        let count = begun().count();
        let how = || format!("behind {count} of others that are folded first");
        (count >= limits::AS_OF_AT_ONCE).then(|| not_built(key, &how()))
    }

    /// What a state is best begun from: the nearest before it, where that is cheaper than from nothing.
    pub fn base(&self, key: &Key) -> Option<Base> {
        let until = key.until?.number();
        let earlier = self.kept.iter().filter_map(|kept| {
            let Built::Done(Done { generation, failure: None }) = &*kept.built.borrow() else { return None };
            let is_same = (&kept.key.name, &kept.key.version) == (&key.name, &key.version);
            let at = kept.key.until.filter(|at| is_same && at.number() < until)?;
            Some(Base { at, path: generation.path.clone(), _lease: kept.lease.clone() })
        });
        let nearest = earlier.max_by_key(|base| base.at)?;
        let rest = until - nearest.at.number();
        (rest.saturating_mul(limits::AS_OF_GO_ON_TIMES) < until).then_some(nearest)
    }

    fn taken(&self, is_counted: impl Fn(&Kept) -> bool) -> Taken {
        let mut taken = Taken::default();
        for kept in self.kept.iter().filter(|kept| is_counted(kept)) {
            let written = kept.size.written.load(Ordering::Relaxed);
            let to_come = match &*kept.built.borrow() {
                Built::Begun(_) => kept.size.expected.saturating_sub(written),
                Built::Done(_) => 0,
                Built::Failed(_) | Built::Closed => continue,
            };
            taken.states += 1;
            taken.bytes += written + to_come;
            taken.to_come += to_come;
        }
        taken
    }

    /// Makes room: a state to be removed before it is looked again, of those that nobody is asking the one that nobody
    /// has asked for longest. `Ok(None)` where there is room.
    pub fn in_the_way(&mut self, need: Need, free: u64) -> Result<Option<Kept>, NoRoom> {
        let Some(why) = self.room.against(self.taken(|_| true), need, free) else { return Ok(None) };
        // Where it would be in vain all stay.
        let others = self.taken(|kept| !kept.is_idle());
        let idle = self.kept.iter().filter(|kept| kept.is_idle());
        let idle_bytes: u64 = idle.map(|kept| kept.size.written.load(Ordering::Relaxed)).sum();
        if let Some(why) = self.room.against(others, need, free.saturating_add(idle_bytes)) {
            return Err(why);
        }
        let idle = self.kept.iter().enumerate().filter(|(_, kept)| kept.is_idle());
        let oldest = idle.min_by_key(|(_, kept)| kept.asked).map(|(place, _)| place).ok_or(why)?;
        Ok(Some(self.kept.remove(oldest)))
    }
}

/// An earlier state, which stays while this lives.
pub(super) struct Base {
    pub at: Position,
    pub path: PathBuf,
    _lease: Lease,
}

impl Kept {
    /// How far it is, while it is being folded.
    fn begun(&self) -> Option<Option<Position>> {
        match &*self.built.borrow() {
            Built::Begun(at) => Some(*at),
            Built::Done(_) | Built::Failed(_) | Built::Closed => None,
        }
    }

    fn failure(&self) -> Option<Failed> {
        match &*self.built.borrow() {
            Built::Failed(failed) => Some(failed.clone()),
            Built::Begun(_) | Built::Done(_) | Built::Closed => None,
        }
    }

    pub fn generation(&self) -> Option<Arc<Generation>> {
        match &*self.built.borrow() {
            Built::Done(done) => Some(done.generation.clone()),
            Built::Begun(_) | Built::Failed(_) | Built::Closed => None,
        }
    }

    /// Done, and nobody asks it or waits for it.
    fn is_idle(&self) -> bool {
        matches!(&*self.built.borrow(), Built::Done(_)) && Arc::strong_count(&self.lease) == 1
    }
}

pub(super) fn not_built(key: &Key, how: &str) -> AskError {
    let at = key.until.map_or(0, Position::number);
    AskError::NotBuilt { projection: key.name.clone(), done: format!("as of position {at}, {how}") }
}

fn percent(position: Option<Position>, until: Option<Position>) -> String {
    let progress = Progress { position, head: until, ..Progress::default() };
    format!("{} % done", progress.permille() / 10)
}
