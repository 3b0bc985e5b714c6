//! The switchboard: which requests go wrong, and how. Next ones by number, or drawn from a seed.

use std::{
    collections::BTreeMap,
    sync::{
        Mutex, MutexGuard, PoisonError,
        atomic::{AtomicBool, AtomicU64, AtomicUsize, Ordering},
    },
    time::Duration,
};

use serde::{Deserialize, Serialize};

/// Requests that a fault can be set for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum On {
    Append,
    ReadStream,
    ReadAll,
    /// Deletions and tombstones.
    Delete,
    Gossip,
    ServerFeatures,
    /// Each of them.
    Any,
}

impl On {
    fn covers(self, request: Self) -> bool {
        self == Self::Any || self == request
    }
}

/// When in a request's life a fault strikes: before it took effect, or after and before its answer.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Moment {
    Before,
    After,
}

/// What goes wrong.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "fault", rename_all = "snake_case")]
pub enum Fault {
    /// The connection is cut, with all that is on it.
    Cut { moment: Moment },
    /// The answer is `Unavailable`; nothing took effect.
    Unavailable,
    /// The answer is that the user may not do this; nothing took effect.
    Denied,
    /// The answer is that the request is malformed; nothing took effect.
    Malformed,
    /// It takes effect at once and is answered late.
    AnswerDelayed { ms: u64 },
    /// An append takes effect late, also when its caller has given up by then.
    EffectDelayed { ms: u64 },
    /// From here on the connection takes bytes and answers nothing. The request takes effect or not.
    HalfOpen { moment: Moment },
    /// It takes effect, and once more as if the client had sent it again; the second is answered.
    Twice,
    /// The node goes down with all its connections and comes back on the same port.
    Restart { moment: Moment, down_ms: u64 },
    /// The node goes down and stays down until it is started.
    NodeDead { moment: Moment },
    /// Another node becomes the leader, then the request is looked at.
    LeaderMoved,
}

impl Fault {
    /// The name by which it is counted.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Cut { moment: Moment::Before } => "cut_before",
            Self::Cut { moment: Moment::After } => "cut_after",
            Self::Unavailable => "unavailable",
            Self::Denied => "denied",
            Self::Malformed => "malformed",
            Self::AnswerDelayed { .. } => "answer_delayed",
            Self::EffectDelayed { .. } => "effect_delayed",
            Self::HalfOpen { .. } => "half_open",
            Self::Twice => "twice",
            Self::Restart { .. } => "restart",
            Self::NodeDead { .. } => "node_dead",
            Self::LeaderMoved => "leader_moved",
        }
    }
}

/// Faults by chance, the same ones for the same seed and the same order of requests.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Schedule {
    pub seed: u64,
    pub on: On,
    /// How many of a thousand requests go wrong.
    pub per_mille: u32,
    /// Drawn from evenly; one that stands twice comes twice as often.
    pub faults: Vec<Fault>,
    /// After so many faults all goes well.
    #[serde(default = "no_end")]
    pub faults_max: u64,
}

fn no_end() -> u64 {
    u64::MAX
}

#[derive(Debug, Default)]
pub struct Switchboard {
    /// False while nothing is set, so that a benchmark never waits for the lock.
    is_set: AtomicBool,
    board: Mutex<Board>,
    looking: Looking,
    /// Of the end of the log.
    hidden: AtomicUsize,
}

/// How long the server takes to look through a page of the log in which a filter finds nothing.
#[derive(Debug, Default)]
struct Looking(AtomicU64);

#[derive(Debug, Default)]
struct Board {
    next: Vec<Armed>,
    schedule: Option<Drawing>,
    done: BTreeMap<(On, &'static str), u64>,
}

#[derive(Debug)]
struct Armed {
    on: On,
    fault: Fault,
    left: u32,
}

#[derive(Debug)]
struct Drawing {
    schedule: Schedule,
    state: u64,
    done: u64,
}

impl Switchboard {
    /// The next `times` requests of a kind go wrong. What was set first strikes first.
    pub fn next(&self, times: u32, on: On, fault: Fault) {
        self.lock().next.push(Armed { on, fault, left: times });
        self.is_set.store(true, Ordering::Release);
    }

    /// Requests go wrong by chance from now on.
    pub fn schedule(&self, schedule: Schedule) {
        let state = schedule.seed;
        self.lock().schedule = Some(Drawing { schedule, state, done: 0 });
        self.is_set.store(true, Ordering::Release);
    }

    /// From now on it takes this long to look through 256 records in which a filter finds nothing. Nothing is told
    /// meanwhile, as the server tells nothing.
    pub fn look_slowly(&self, ms: u64) {
        self.looking.0.store(ms, Ordering::Release);
    }

    pub(crate) fn looking(&self) -> Duration {
        Duration::from_millis(self.looking.0.load(Ordering::Acquire))
    }

    /// From now on reads of the whole log through a filter do not show its last records, as a node does that has been
    /// told of less than the one that was asked before.
    pub fn show_less(&self, records: usize) {
        self.hidden.store(records, Ordering::Release);
    }

    pub(crate) fn hidden(&self) -> usize {
        self.hidden.load(Ordering::Acquire)
    }

    /// Nothing goes wrong from now on. What was counted stays.
    pub fn clear(&self) {
        let mut board = self.lock();
        board.next.clear();
        board.schedule = None;
        self.is_set.store(false, Ordering::Release);
        self.look_slowly(0);
        self.show_less(0);
    }

    /// How often each fault struck, by name.
    #[must_use]
    pub fn done(&self) -> BTreeMap<&'static str, u64> {
        let mut done = BTreeMap::new();
        for ((_, fault), times) in self.done_on() {
            *done.entry(fault).or_default() += times;
        }
        done
    }

    /// How often each fault struck each sort of request.
    #[must_use]
    pub fn done_on(&self) -> BTreeMap<(On, &'static str), u64> {
        self.lock().done.clone()
    }

    /// The fault that strikes this request, if one does.
    pub(crate) fn strike(&self, request: On) -> Option<Fault> {
        if !self.is_set.load(Ordering::Acquire) {
            return None;
        }
        let mut board = self.lock();
        let fault = board.take_next(request).or_else(|| board.draw(request))?;
        *board.done.entry((request, fault.name())).or_default() += 1;
        Some(fault)
    }

    fn lock(&self) -> MutexGuard<'_, Board> {
        self.board.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Board {
    fn take_next(&mut self, request: On) -> Option<Fault> {
        let at = self.next.iter().position(|armed| armed.left > 0 && armed.on.covers(request))?;
        let armed = self.next.get_mut(at)?;
        armed.left -= 1;
        let fault = armed.fault;
        if armed.left == 0 {
            self.next.remove(at);
        }
        Some(fault)
    }

    fn draw(&mut self, request: On) -> Option<Fault> {
        let drawing = self.schedule.as_mut().filter(|drawing| drawing.schedule.on.covers(request))?;
        let (chance, which) = (draw(&mut drawing.state), draw(&mut drawing.state));
        let schedule = &drawing.schedule;
        if chance % 1000 >= u64::from(schedule.per_mille)
            || drawing.done >= schedule.faults_max
            || schedule.faults.is_empty()
        {
            return None;
        }
        drawing.done += 1;
        let which = usize::try_from(which % schedule.faults.len() as u64).unwrap_or(0);
        schedule.faults.get(which).copied()
    }
}

/// SplitMix64, which needs nothing but its state.
fn draw(state: &mut u64) -> u64 {
    *state = state.wrapping_add(0x9e37_79b9_7f4a_7c15);
    let mut drawn = *state;
    drawn = (drawn ^ (drawn >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    drawn = (drawn ^ (drawn >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    drawn ^ (drawn >> 31)
}
