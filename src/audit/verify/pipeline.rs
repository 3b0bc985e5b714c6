//! How a log is verified on all cores: one reads pages, as many as there are cores look at their events, and what
//! they found is joined in the order of the log. All queues are bounded; who is faster waits. Pages go to the cores
//! in turn and their results are taken in turn, which keeps the order without numbering anything.

use std::sync::Arc;

use tokio::sync::mpsc::{Receiver, Sender, channel};

use super::event::{Came, Checked, Checker, Seen};
use super::finding::{Finding, Findings, Kind};
use super::folding::Folding;
use super::places::{PlaceKeys, Places};
use super::versions::Versions;
use super::{Told, VerifyError};
use crate::audit::chain::Hash;
use crate::limits;
use crate::store::{Fault, Position, ReadLog, RecordedEvent};

/// Which events are read, as positions.
#[derive(Clone, Copy)]
pub struct Span {
    pub after: u64,
    pub until: u64,
    /// The end of the log.
    pub head: u64,
    /// Events of a page.
    pub page_events: usize,
}

/// What a core is given.
enum Work {
    Page(Vec<RecordedEvent>),
    /// An event that the store cannot read.
    Unreadable {
        position: Position,
        problem: String,
    },
}

/// What was folded, and what was found in the streams.
pub async fn run(
    log: &dyn ReadLog,
    span: Span,
    checker: Arc<Checker>,
    folding: Folding,
    told: &mut (dyn FnMut(Told) + Send),
) -> Result<(Folding, Findings), VerifyError> {
    let cores = std::thread::available_parallelism().map_or(1, std::num::NonZero::get);
    let (mut to_cores, mut from_cores) = (Vec::new(), Vec::new());
    for _ in 0..cores {
        let (work, works) = channel(limits::VERIFY_PAGES_WAITING);
        let (done, results) = channel(limits::VERIFY_PAGES_WAITING);
        let checker = checker.clone();
        tokio::task::spawn_blocking(move || look(&checker, works, &done));
        to_cores.push(work);
        from_cores.push(results);
    }
    let (read, joined, versions) = tokio::join!(
        read(log, span, to_cores),
        fold(from_cores, folding, span.until, told),
        walk_versions(log, span, &checker.place_keys),
    );
    let (read, Joined { mut folding, events, places }, versions) = (read?, joined, versions?);
    if events != read {
        return Err(VerifyError::Thread);
    }
    folding.extend(versions.differs_from(read, places));
    Ok((folding, versions.findings))
}

/// One core.
fn look(checker: &Checker, mut works: Receiver<Work>, done: &Sender<Checked>) {
    while let Some(work) = works.blocking_recv() {
        let checked = match work {
            Work::Page(events) => checker.page(&events),
            Work::Unreadable { position, problem } => unreadable(position, problem),
        };
        if done.blocking_send(checked).is_err() {
            return;
        }
    }
}

fn unreadable(position: Position, problem: String) -> Checked {
    // It hashes to nothing: the segment that it stands in is altered.
    let seen = Seen { position, digest: Hash::default(), came: Came::Unproven };
    let finding = Finding::of_range(Kind::Unreadable, Some(position.number()), None, problem);
    Checked { seen: vec![seen], findings: vec![finding], places: Places::default() }
}

/// Reads pages and gives them to the cores in turn. How many events there were.
async fn read(log: &dyn ReadLog, span: Span, cores: Vec<Sender<Work>>) -> Result<u64, VerifyError> {
    let mut reader = Reader::new(span.after, span.page_events);
    let mut count = 0;
    for core in cores.iter().cycle() {
        let Some(work) = reader.next(log, span.until).await? else { break };
        count += match &work {
            Work::Page(events) => events.len() as u64,
            Work::Unreadable { .. } => 1,
        };
        if core.send(work).await.is_err() {
            return Err(VerifyError::Thread);
        }
    }
    Ok(count)
}

/// Pages in the order of the log, and by itself what no page could hold.
pub struct Reader {
    after: u64,
    /// Of a page.
    page_events: usize,
    /// Of the next one.
    limit: usize,
}

impl Reader {
    pub fn new(after: u64, page_events: usize) -> Self {
        Self { after, page_events, limit: page_events }
    }

    /// The positions of the next events, up to the end of the log.
    pub async fn positions(&mut self, log: &dyn ReadLog) -> Result<Option<Vec<u64>>, Fault> {
        Ok(self.next(log, u64::MAX).await?.map(|work| match work {
            Work::Page(events) => events.iter().map(|event| event.position.number()).collect(),
            Work::Unreadable { position, .. } => vec![position.number()],
        }))
    }

    async fn next(&mut self, log: &dyn ReadLog, until: u64) -> Result<Option<Work>, Fault> {
        while self.after < until {
            let after = Some(Position::from_number(self.after)).filter(|_| self.after > 0);
            match log.read_all(after, self.limit).await {
                // One by one, to find which it is.
                Err(Fault::Unreadable(_)) if self.limit > 1 => self.limit = 1,
                Err(Fault::Unreadable(problem)) => {
                    // Where it stands, the fault does not say.
                    let position = log.next_position(after).await?;
                    let Some(position) = position.filter(|position| position.number() <= until) else {
                        return Ok(None);
                    };
                    (self.after, self.limit) = (position.number(), self.page_events);
                    return Ok(Some(Work::Unreadable { position, problem }));
                }
                page => {
                    let mut page = page?;
                    page.truncate(page.partition_point(|event| event.position.number() <= until));
                    let Some(last) = page.last() else { return Ok(None) };
                    self.after = last.position.number();
                    return Ok(Some(Work::Page(page)));
                }
            }
        }
        Ok(None)
    }
}

/// What came of all pages.
struct Joined {
    folding: Folding,
    events: u64,
    /// Of those that could be read.
    places: Places,
}

/// Takes the cores' results in turn.
async fn fold(
    mut cores: Vec<Receiver<Checked>>,
    folding: Folding,
    until: u64,
    told: &mut (dyn FnMut(Told) + Send),
) -> Joined {
    let mut joined = Joined { folding, events: 0, places: Places::default() };
    loop {
        for core in &mut cores {
            let Some(checked) = core.recv().await else { return joined };
            joined.events += checked.seen.len() as u64;
            joined.places.join(checked.places);
            let last = checked.seen.last().map(|seen| seen.position.number());
            let state = joined.folding.add(checked);
            if let Some(position) = last {
                told(Told::At { position, of: until });
            }
            if let Some(state) = state {
                told(Told::Reached(Box::new(state)));
            }
        }
    }
}

struct Walked {
    findings: Findings,
    /// Of the span.
    places: Places,
    is_whole: bool,
}

impl Walked {
    /// Whether the streams hold other events than the log does: so many, and those of them that can be read stand at
    /// these places.
    fn differs_from(&self, read: u64, places: Places) -> Option<Finding> {
        let what = if !self.is_whole {
            return None;
        } else if self.places.count != read {
            format!(
                "the log says of its streams that they have {} events there, and {read} stand there",
                self.places.count
            )
        } else if places.count == read && self.places != places {
            "the log says of its streams that other events, or other versions, stand there than do".to_owned()
        } else {
            return None;
        };
        let what = what + ": its file is damaged or was written by hand";
        Some(Finding::of_range(Kind::IndexDiffers, None, None, what))
    }
}

/// All streams of the log, as of its end then, whatever part of it is read otherwise.
async fn walk_versions(log: &dyn ReadLog, span: Span, keys: &PlaceKeys) -> Result<Walked, VerifyError> {
    let (mut versions, mut places) = (Versions::default(), Places::default());
    let mut after = None;
    loop {
        let page = match log.read_versions(after, span.page_events).await {
            Err(Fault::Unreadable(problem)) => {
                let what = format!("the streams cannot be walked through: {problem}");
                versions.findings.add(Finding::of_range(Kind::IndexDiffers, None, None, what));
                return Ok(Walked { findings: versions.findings, places, is_whole: false });
            }
            page => page?,
        };
        let Some(last) = page.last() else { break };
        after = Some((last.stream.clone(), last.version));
        for at in page {
            let position = at.position.number();
            if position <= span.head {
                if span.after < position && position <= span.until {
                    places.add(keys, &at.stream, at.version, at.position);
                }
                versions.add(at);
            }
        }
    }
    Ok(Walked { findings: versions.findings, places, is_whole: true })
}
