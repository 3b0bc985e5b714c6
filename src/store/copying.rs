//! Copies a log into another one, event by event: from where an earlier run has ended to the end of the source as of
//! the beginning. What stands in the target is the beginning of the source at every moment.

use std::fmt;
use std::time::Instant;

use tokio::sync::{mpsc, watch};

use super::{CopyTarget, Fault, Position, ReadLog, RecordedEvent};
use crate::limits;

mod beginning;

use beginning::is_continued;
pub use beginning::{Place, Unlike, begins_alike};

/// What was done.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Copied {
    pub events: u64,
    pub end: End,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum End {
    /// All stands in the target that stood in the source at the beginning.
    Reached,
    /// It was told to stop before.
    Stopped,
}

/// How far it is: the positions of the last event copied and of the last one to copy.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Progress {
    pub at: Option<Position>,
    pub of: Option<Position>,
    /// Events copied since this was told last.
    pub copied: u64,
}

pub type Watcher<'a> = &'a (dyn Fn(Progress) + Send + Sync);

/// Why nothing, or nothing more, was copied.
#[derive(Debug, thiserror::Error)]
pub enum CopyError {
    #[error("the source cannot be read {}: {fault}", Behind(*after))]
    Source { after: Option<Position>, fault: Fault },
    #[error(
        "the target cannot be written {}: {fault}. What stands in it is whole; the same command goes on behind it",
        Behind(*after)
    )]
    Target { after: Option<Position>, fault: Fault },
    #[error(
        "the source ends {} and went on to {until} when this began: it was put back or altered",
        Behind(*after)
    )]
    Shrunk { after: Option<Position>, until: Position },
    #[error(
        "the target has the source's log id: it was made by copying the file, and cursors cannot tell one from the \
         other. Name a new file"
    )]
    SameLog,
    #[error(
        "the target is no copy of the source: one of its events, {event}, {unlike}. Name a new file; what differs \
         first is told by verify --against"
    )]
    NoCopy { event: Place, unlike: Unlike },
}

struct Behind(Option<Position>);

impl fmt::Display for Behind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.0 {
            Some(position) => write!(f, "behind position {position}"),
            None => f.write_str("from its beginning"),
        }
    }
}

/// Copies what the source holds now and the target does not, durably. Reads ahead while it writes. Told to stop, it
/// ends after the pages that are read.
///
/// # Errors
/// Where a log cannot be read or written, and before anything is written where the target holds something else than
/// the source's beginning.
pub async fn catch_up(
    source: &dyn ReadLog,
    target: &mut dyn CopyTarget,
    stop: &watch::Receiver<bool>,
    watcher: Watcher<'_>,
) -> Result<Copied, CopyError> {
    if source.log_id() == target.log_id() {
        return Err(CopyError::SameLog);
    }
    let until = patiently(|| source.last()).await;
    let until = until.map_err(|fault| CopyError::Source { after: None, fault })?;
    let after = is_continued(source, target.last(), target.positions()).await?;
    watcher(Progress { at: after, of: until, copied: 0 });
    let (read, pages) = mpsc::channel(limits::COPY_PAGES_WAITING);
    let (end, written) = tokio::join!(
        read_on(source, after, until, stop, read),
        write_on(target, pages, (after, until), watcher)
    );
    Ok(Copied { events: written?, end })
}

type Page = Result<Vec<RecordedEvent>, CopyError>;

/// Reads until the end, or until the other side has gone, as far ahead as pages may wait to be written.
async fn read_on(
    source: &dyn ReadLog,
    mut after: Option<Position>,
    until: Option<Position>,
    stop: &watch::Receiver<bool>,
    pages: mpsc::Sender<Page>,
) -> End {
    while let Some(end) = until
        && after < until
    {
        if *stop.borrow() {
            return End::Stopped;
        }
        let Ok(room) = pages.reserve().await else { return End::Stopped };
        let page = gather(source, after, end).await;
        let last = page.as_ref().ok().and_then(|page| page.last()).map(|last| last.position);
        room.send(page);
        if last.is_none() {
            return End::Stopped;
        }
        after = last;
    }
    End::Reached
}

/// A page, to be written at once: at least one event.
async fn gather(source: &dyn ReadLog, after: Option<Position>, until: Position) -> Page {
    let (mut gathered, mut bytes, mut at) = (Vec::new(), 0, after);
    while at < Some(until) && gathered.len() < limits::COPY_PAGE_EVENTS && bytes < limits::COPY_PAGE_BYTES {
        let room = limits::COPY_PAGE_EVENTS - gathered.len();
        let read = patiently(|| source.read_all(at, room)).await;
        let mut read = match read {
            Ok(read) => read,
            Err(fault) if gathered.is_empty() => return Err(CopyError::Source { after: at, fault }),
            // What could be read goes first; asked again, it fails again.
            Err(_) => break,
        };
        read.truncate(read.partition_point(|event| event.position <= until));
        let Some(last) = read.last() else { return Err(CopyError::Shrunk { after: at, until }) };
        at = Some(last.position);
        bytes += read.iter().map(RecordedEvent::bytes).sum::<usize>();
        gathered.append(&mut read);
    }
    Ok(gathered)
}

/// Writes what is read. What was written before a fault of the source is durable all the same.
async fn write_on(
    target: &mut dyn CopyTarget,
    mut pages: mpsc::Receiver<Page>,
    (after, until): (Option<Position>, Option<Position>),
    watcher: Watcher<'_>,
) -> Result<u64, CopyError> {
    let mut events = 0;
    let failed = |after, fault| CopyError::Target { after, fault };
    let position = |target: &dyn CopyTarget| target.last().map(|last| last.position);
    let mut read = Ok(());
    while let Some(page) = pages.recv().await {
        match page {
            Ok(page) => {
                if events == 0 {
                    let prepared = target.prepare(expected(&page, after, until)).await;
                    prepared.map_err(|fault| failed(after, fault))?;
                }
                let (after, count) = (position(target), page.len() as u64);
                target.append_recorded(page).await.map_err(|fault| failed(after, fault))?;
                events += count;
                watcher(Progress { at: position(target), of: until, copied: count });
            }
            Err(error) => read = Err(error),
        }
    }
    if events > 0 {
        let after = position(target);
        target.sync().await.map_err(|fault| failed(after, fault))?;
    }
    read.map(|()| events)
}

/// About how many events there are up to the end, where they go on as thick as on the first page: positions may be
/// counts, or places in a server's files.
fn expected(first: &[RecordedEvent], after: Option<Position>, until: Option<Position>) -> u64 {
    let number = |position: Option<Position>| position.map_or(0, Position::number);
    let behind = |end: Option<Position>| number(end).saturating_sub(number(after));
    let read = behind(first.last().map(|last| last.position));
    (first.len() as u64).saturating_mul(behind(until)).checked_div(read).unwrap_or(0)
}

/// Asks again while the source is locked.
async fn patiently<T>(ask: impl AsyncFn() -> Result<T, Fault>) -> Result<T, Fault> {
    let begun = Instant::now();
    loop {
        match ask().await {
            Err(Fault::Locked) if begun.elapsed() < limits::COPY_LOCKED_WAIT => {
                tokio::time::sleep(limits::COPY_POLL).await;
            }
            other => return other,
        }
    }
}

#[cfg(test)]
mod tests;
