//! Sends the waves of a plan: one task per connection, at full speed or at a rate, with WeChat's repeats.

use std::cmp::Reverse;
use std::collections::BinaryHeap;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, OnceLock};
use std::time::{Duration, Instant};

use anyhow::Context;
use indicatif::ProgressBar;
use tokio::sync::{Barrier, watch};
use tokio::task::JoinSet;

use super::answer::{self, Form};
use super::client::{Answered, Connection, Failure, Prepared, Target};
use super::measure::Measure;
use super::plan::PlannedPush;
use crate::wechat::event_name::Family;
use crate::wechat::{App, Channel, Code};

#[derive(Clone, Copy, Debug)]
pub struct Pace {
    pub connections: usize,
    /// Pushes a second; `None` for as fast as answers come.
    pub rate: Option<u32>,
    pub wait: Duration,
    /// WeChat's repeats are played, their pauses divided by this.
    pub retry_scale: Option<u32>,
}

/// What became of one push in the end.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Outcome {
    /// `answer`: in clear; `code`: its `ErrCode`, or what is wrong with the answer's form.
    Answered {
        answer: Answered,
        code: Result<u32, String>,
    },
    NoAnswer(Failure),
}

pub struct Played {
    /// What was pushed; the requests themselves are used up.
    pub waves: [Vec<PlannedPush>; 2],
    /// One for each push, in the plan's order.
    pub outcomes: [Vec<Option<Outcome>>; 2],
    pub measure: Measure,
    pub elapsed: Duration,
}

impl Played {
    /// Leaves out what was not sent, or not to its end, before the run was told to stop; how many those are.
    pub fn forget_unsettled(&mut self) -> u64 {
        let mut unsettled = 0;
        for (pushes, outcomes) in self.waves.iter_mut().zip(&mut self.outcomes) {
            let before = outcomes.len();
            let mut settled = outcomes.iter().map(Option::is_some);
            pushes.retain(|_| settled.next().unwrap_or(false));
            outcomes.retain(Option::is_some);
            unsettled += (before - outcomes.len()) as u64;
        }
        unsettled
    }
}

/// One wave, ready to send.
struct Wave {
    pushes: Vec<Ready>,
    next: AtomicUsize,
    started: OnceLock<Instant>,
}

struct Ready {
    prepared: Prepared,
    planned: PlannedPush,
}

/// All that the workers share.
struct Stage {
    target: Arc<Target>,
    app: App,
    channel: Channel,
    waves: [Wave; 2],
    pace: Pace,
    between_waves: Barrier,
    progress: ProgressBar,
    /// Nothing more is to be sent.
    stopped: watch::Receiver<bool>,
}

impl Stage {
    fn is_stopped(&self) -> bool {
        *self.stopped.borrow()
    }

    /// Waits until a time; false where the run was told to stop first.
    async fn sleep_until(&self, at: Instant) -> bool {
        let mut stopped = self.stopped.clone();
        tokio::select! {
            () = tokio::time::sleep_until(at.into()) => true,
            // Who could tell may have gone, which tells nothing.
            Ok(_) = stopped.wait_for(|stopped| *stopped) => false,
        }
    }
}

/// What the pushes go to, and whose they are.
pub struct Scene {
    pub target: Arc<Target>,
    pub app: App,
    pub channel: Channel,
}

/// Plays the waves one after the other and returns when every push is settled, or, once `stopped` says so, when
/// what was sent is answered.
pub async fn play(
    scene: Scene,
    waves: [Vec<PlannedPush>; 2],
    pace: Pace,
    progress: ProgressBar,
    stopped: watch::Receiver<bool>,
) -> anyhow::Result<Played> {
    let Scene { target, app, channel } = scene;
    let [first, second] = waves.map(|wave| ready(&target, wave));
    let between_waves = Barrier::new(pace.connections);
    let waves = [first?, second?];
    let lengths = [waves[0].pushes.len(), waves[1].pushes.len()];
    let stage = Arc::new(Stage { target, app, channel, waves, pace, between_waves, progress, stopped });
    let mut workers = JoinSet::new();
    let started = Instant::now();
    for _ in 0..pace.connections {
        let worker = Worker::new(Arc::clone(&stage))?;
        workers.spawn(worker.run());
    }
    let mut measure = Measure::new()?;
    let mut outcomes = lengths.map(|length| vec![None; length]);
    while let Some(worker) = workers.join_next().await {
        let worker = worker.context("a connection's task broke")?;
        measure.add(&worker.measure);
        for (wave, index, outcome) in worker.outcomes {
            outcomes[wave][index] = Some(outcome);
        }
    }
    let elapsed = started.elapsed();
    let stage = Arc::into_inner(stage).context("a connection's task goes on after its end")?;
    stage.progress.finish_and_clear();
    let waves = stage.waves.map(|wave| wave.pushes.into_iter().map(|ready| ready.planned).collect());
    Ok(Played { waves, outcomes, measure, elapsed })
}

fn ready(target: &Target, pushes: Vec<PlannedPush>) -> anyhow::Result<Wave> {
    let ready = |mut planned: PlannedPush| {
        let request = std::mem::take(&mut planned.request);
        Ok(Ready { prepared: target.prepare(request)?, planned })
    };
    let pushes = pushes.into_iter().map(ready).collect::<anyhow::Result<_>>()?;
    Ok(Wave { pushes, next: AtomicUsize::new(0), started: OnceLock::new() })
}

impl Wave {
    /// The next push that nobody has taken, and when it is to be sent.
    fn take(&self, rate: Option<u32>) -> Option<Turn> {
        let index = self.next.fetch_add(1, Ordering::Relaxed);
        if index >= self.pushes.len() {
            return None;
        }
        let at = match rate {
            None => Instant::now(),
            Some(rate) => {
                let after = index as u128 * 1_000_000_000 / u128::from(rate.max(1));
                let started = *self.started.get_or_init(Instant::now);
                started + Duration::from_nanos(u64::try_from(after).unwrap_or(u64::MAX))
            }
        };
        Some(Turn { at, index, repeats: 0 })
    }
}

/// A push that is to be sent at a time.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
struct Turn {
    at: Instant,
    index: usize,
    /// How often it was sent before.
    repeats: usize,
}

struct Worker {
    stage: Arc<Stage>,
    connection: Connection,
    measure: Measure,
    /// Wave, index and what became of it.
    outcomes: Vec<(usize, usize, Outcome)>,
}

impl Worker {
    fn new(stage: Arc<Stage>) -> anyhow::Result<Self> {
        let connection = Connection::new(Arc::clone(&stage.target));
        Ok(Self { connection, measure: Measure::new()?, outcomes: Vec::new(), stage })
    }

    async fn run(mut self) -> Self {
        for number in 0..self.stage.waves.len() {
            self.play_wave(number).await;
            self.stage.between_waves.wait().await;
        }
        self.measure.connections = self.connection.opened;
        self
    }

    async fn play_wave(&mut self, number: usize) {
        let stage = Arc::clone(&self.stage);
        let wave = &stage.waves[number];
        let mut taken: Option<Turn> = None;
        let mut repeats: BinaryHeap<Reverse<Turn>> = BinaryHeap::new();
        while !stage.is_stopped() {
            taken = taken.or_else(|| wave.take(stage.pace.rate));
            // Whichever is due first: a push of its own, or a repeat that this worker owes.
            let repeat_is_first = match (&taken, repeats.peek()) {
                (Some(taken), Some(Reverse(repeat))) => repeat < taken,
                (None, Some(_)) => true,
                (_, None) => false,
            };
            let turn = if repeat_is_first { repeats.pop().map(|Reverse(turn)| turn) } else { taken.take() };
            let Some(turn) = turn else { return };
            let ready = &wave.pushes[turn.index];
            let Some(outcome) = self.send(ready, turn).await else { return };
            match self.pause_before_repeat(&ready.planned, &outcome, turn.repeats) {
                Some(pause) => {
                    self.measure.sent_again += 1;
                    let (at, repeats_so_far) = (Instant::now() + pause, turn.repeats + 1);
                    repeats.push(Reverse(Turn { at, repeats: repeats_so_far, ..turn }));
                }
                None => {
                    self.outcomes.push((number, turn.index, outcome));
                    stage.progress.inc(1);
                }
            }
        }
    }

    /// `None` where the run was told to stop before it was sent.
    async fn send(&mut self, push: &Ready, turn: Turn) -> Option<Outcome> {
        // A worker that is late has been held up by the server, and the latency counts from when the push
        // should have gone out. One that had to wait goes by its own start: the timer's coarseness, up to
        // a millisecond, is not the server's.
        let measured_from = match turn.at > Instant::now() {
            true if !self.stage.sleep_until(turn.at).await => return None,
            true => Instant::now(),
            false => turn.at,
        };
        self.measure.sent += 1;
        Some(match self.connection.exchange(&push.prepared, self.stage.pace.wait).await {
            Ok(answer) => {
                self.measure.answer(measured_from.elapsed());
                let (form, status) = (self.form(&push.planned), answer.status);
                let (body, code) = match answer::opened(form, &answer.body) {
                    Ok(clear) => (clear.clone(), answer::read(form, &clear)),
                    Err(problem) => (answer.body, Err(problem)),
                };
                Outcome::Answered { answer: Answered { status, body }, code }
            }
            Err(failure) => {
                self.measure.failure(failure);
                Outcome::NoAnswer(failure)
            }
        })
    }

    fn form(&self, push: &PlannedPush) -> Form<'_> {
        match push.family {
            Family::Gift => Form::of_gift(&self.stage.app, self.stage.channel, push.format),
            Family::RoleQuery => Form { format: push.format, with_roles: true, encrypted_for: None },
            Family::Goods | Family::Coins | Family::Refund | Family::Unrecognized => {
                Form { format: push.format, with_roles: false, encrypted_for: None }
            }
        }
    }

    /// How long WeChat would wait before it sends the push again; `None` where it would not, or where
    /// that could change nothing.
    fn pause_before_repeat(&self, push: &PlannedPush, outcome: &Outcome, repeats: usize) -> Option<Duration> {
        let scale = self.stage.pace.retry_scale?.max(1);
        let passing = match outcome {
            Outcome::NoAnswer(_) => true,
            Outcome::Answered { code: Ok(code), .. } => {
                [Code::StoreUnavailable.number(), Code::Slow.number()].contains(code)
            }
            Outcome::Answered { code: Err(_), .. } => false,
        };
        let pause_s = push.family.repeats_s().get(repeats).filter(|_| passing)?;
        Some(Duration::from_secs(*pause_s) / scale)
    }
}
