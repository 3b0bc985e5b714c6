//! The log's events, read and taken apart once for all projections that stand at about the same place. Those
//! that are built and those that follow the log stand in different places and have a feed each.
//!
//! Readers that stand in the window share its batches. The last batch is kept until all of them have had it;
//! a reader that is slower than the others by more than a while falls out of the window and reads for itself.

use std::collections::{HashMap, VecDeque};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};

use tokio::runtime::Handle;
use tokio::sync::watch;

use super::event::{Days, Event};
use crate::limits;
use crate::store::{Fault, Position, ReadLog};

/// Some events in the log's order.
#[derive(Debug)]
pub struct Batch {
    /// What the events stand after; `None` at the log's beginning.
    after: Option<Position>,
    pub last: Position,
    pub events: Vec<Event>,
    /// Of data and metadata.
    bytes: usize,
}

pub struct Feed {
    log: Arc<dyn ReadLog>,
    runtime: Handle,
    window: Mutex<Window>,
    moved: Condvar,
    next_reader: AtomicU64,
}

#[derive(Default)]
struct Window {
    batches: VecDeque<Arc<Batch>>,
    /// How far each reader has come.
    readers: HashMap<u64, Option<Position>>,
    is_being_read: bool,
    days: Days,
}

/// One projection's place at the feed.
pub struct Reader {
    feed: Arc<Feed>,
    id: u64,
}

impl Feed {
    /// `runtime` runs what the log does while a thread waits for it.
    pub fn new(log: Arc<dyn ReadLog>, runtime: Handle) -> Arc<Self> {
        Arc::new(Self {
            log,
            runtime,
            window: Mutex::default(),
            moved: Condvar::new(),
            next_reader: AtomicU64::new(0),
        })
    }

    pub fn log(&self) -> &dyn ReadLog {
        self.log.as_ref()
    }

    pub fn reader(self: &Arc<Self>) -> Reader {
        Reader { feed: self.clone(), id: self.next_reader.fetch_add(1, Ordering::Relaxed) }
    }

    /// Waits, on a thread of its own, for what the log does.
    pub fn block_on<T>(&self, work: impl Future<Output = T>) -> T {
        self.runtime.block_on(work)
    }

    fn lock(&self) -> MutexGuard<'_, Window> {
        self.window.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Ends a time in which only one reads.
    fn give_back(&self) -> MutexGuard<'_, Window> {
        let mut window = self.lock();
        window.is_being_read = false;
        self.moved.notify_all();
        window
    }

    fn read(&self, after: Option<Position>, days: &mut Days) -> Result<Option<Batch>, Fault> {
        let page = self.block_on(self.log.read_all(after, limits::READ_PAGE_EVENTS_MAX))?;
        let Some(last) = page.last().map(|recorded| recorded.position) else { return Ok(None) };
        let bytes = page.iter().map(|recorded| recorded.data.len() + recorded.metadata.len()).sum();
        let events = page.into_iter().map(|recorded| Event::read(recorded, days)).collect();
        Ok(Some(Batch { after, last, events, bytes }))
    }
}

impl Batch {
    /// Under load there is always one more: a page that is not half full is near enough to the log's end.
    pub fn is_near_the_end(&self) -> bool {
        self.events.len() < limits::READ_PAGE_EVENTS_MAX / 2 && self.bytes < limits::READ_PAGE_BYTES_MAX / 2
    }

    fn holds_what_follows(&self, after: Option<Position>) -> bool {
        self.after <= after && after < Some(self.last)
    }
}

impl Reader {
    /// The events after a position, or `None` where there are none yet. Of a batch that begins earlier, the
    /// reader leaves out what it has had.
    pub fn after(&self, after: Option<Position>) -> Result<Option<Arc<Batch>>, Fault> {
        let feed = &self.feed;
        let mut window = feed.lock();
        window.readers.insert(self.id, after);
        window.forget_what_all_have_had();
        feed.moved.notify_all();
        let mut waited = false;
        loop {
            if let Some(batch) = window.batches.iter().find(|batch| batch.holds_what_follows(after)) {
                return Ok(Some(batch.clone()));
            }
            let end = window.batches.back().map(|batch| batch.last);
            if end.is_some() && after < end {
                // Before the window: too slow to share.
                drop(window);
                return Ok(feed.read(after, &mut Days::default())?.map(Arc::new));
            }
            if window.is_being_read {
                window = feed.moved.wait(window).unwrap_or_else(PoisonError::into_inner);
                continue;
            }
            if window.is_full() && after == end {
                if !waited {
                    // The others get a while to come after.
                    let wait = feed.moved.wait_timeout(window, limits::FEED_WAIT);
                    let (again, timeout) = wait.unwrap_or_else(PoisonError::into_inner);
                    window = again;
                    waited = timeout.timed_out();
                    continue;
                }
                window.batches.pop_front();
            }
            return feed.read_on(window, after);
        }
    }
}

impl Feed {
    /// Reads the batch behind the window and puts it there, while the others wait.
    fn read_on(
        &self,
        mut window: MutexGuard<'_, Window>,
        after: Option<Position>,
    ) -> Result<Option<Arc<Batch>>, Fault> {
        window.is_being_read = true;
        let mut days = std::mem::take(&mut window.days);
        drop(window);
        let reading = Reading { feed: self };
        let read = self.read(after, &mut days).map(|batch| batch.map(Arc::new));
        // The batch stands there before the next may be read, or two would read the same.
        let mut window = reading.ended();
        window.days = days;
        if let Ok(Some(batch)) = &read {
            if window.batches.back().is_some_and(|back| Some(back.last) != after) {
                window.batches.clear();
            }
            window.batches.push_back(batch.clone());
        }
        read
    }
}

/// While it lives, the others wait for what is read.
struct Reading<'f> {
    feed: &'f Feed,
}

impl<'f> Reading<'f> {
    /// The window, which the others see again when this guard goes.
    fn ended(self) -> MutexGuard<'f, Window> {
        let feed = self.feed;
        std::mem::forget(self);
        feed.give_back()
    }
}

impl Drop for Reading<'_> {
    /// Where reading ends in a panic.
    fn drop(&mut self) {
        drop(self.feed.give_back());
    }
}

impl Window {
    fn is_full(&self) -> bool {
        let sum = |of: fn(&Batch) -> usize| self.batches.iter().map(|batch| of(batch)).sum::<usize>();
        sum(|batch| batch.events.len()) >= limits::FEED_EVENTS_MAX
            || sum(|batch| batch.bytes) >= limits::FEED_BYTES_MAX
    }

    /// Readers that stand before the window do not hold it up.
    fn forget_what_all_have_had(&mut self) {
        let Some(begin) = self.batches.front().map(|batch| batch.after) else { return };
        let slowest = self.readers.values().filter(|at| **at >= begin).min().copied();
        let Some(slowest) = slowest else { return };
        while self.batches.front().is_some_and(|batch| Some(batch.last) <= slowest) {
            self.batches.pop_front();
        }
    }
}

impl Drop for Reader {
    fn drop(&mut self) {
        let mut window = self.feed.lock();
        window.readers.remove(&self.id);
        window.forget_what_all_have_had();
        self.feed.moved.notify_all();
    }
}

/// Ends a wait: told once, for ever.
#[derive(Clone)]
pub struct Stop {
    told: watch::Sender<bool>,
}

impl Default for Stop {
    fn default() -> Self {
        Self { told: watch::Sender::new(false) }
    }
}

impl Stop {
    pub fn tell(&self) {
        self.told.send_replace(true);
    }

    pub fn is_told(&self) -> bool {
        *self.told.borrow()
    }

    pub async fn told(&self) {
        // The sender lives as long as `self`.
        let mut told = self.told.subscribe();
        let _told = told.wait_for(|told| *told).await;
    }
}
