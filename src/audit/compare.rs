//! Two logs beside each other, event by event: whether the one is the other, or its beginning, and what differs
//! first. Positions are each log's own and are not compared.

use std::vec;

use uuid::Uuid;

use crate::limits;
use crate::store::{Fault, LogId, Position, ReadLog, RecordedEvent};

/// Which of the two logs.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Which {
    First,
    Second,
}

/// What was found, as of the ends of both logs when it began.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Compared {
    /// Of the first and of the second. The same where one was made by copying the file of the other.
    pub log_ids: [LogId; 2],
    /// How many events from the beginning on are the same in both.
    pub same: u64,
    pub verdict: Verdict,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Verdict {
    Equal,
    /// One ends before the other, and is its beginning.
    Shorter {
        which: Which,
        missing: u64,
        /// The first event that it does not have.
        first: Box<Place>,
    },
    Differs(Box<Difference>),
}

/// The first event that is not the same.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Difference {
    /// Counted from the beginning: the first event is 1.
    pub nth: u64,
    pub first: Place,
    pub second: Place,
    /// In what: stream, version, id, event_type, data, metadata.
    pub fields: Vec<&'static str>,
}

/// An event by its names, without its content.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Place {
    pub position: Position,
    pub stream: String,
    pub version: u64,
    pub id: Uuid,
    pub event_type: String,
}

#[derive(Debug, PartialEq, Eq, thiserror::Error)]
#[error("the {} log cannot be read behind its event {after}: {fault}", match which { Which::First => "first", Which::Second => "second" })]
pub struct CompareError {
    pub which: Which,
    /// How many events of it were read.
    pub after: u64,
    pub fault: Fault,
}

/// Compares two logs up to where each ends now. `watcher` is told how many events were compared, a page at a time.
///
/// # Errors
/// Where one of them cannot be read.
pub async fn compare(
    first: &dyn ReadLog,
    second: &dyn ReadLog,
    watcher: &(dyn Fn(u64) + Send + Sync),
) -> Result<Compared, CompareError> {
    // The second, which may be a copy that follows the first, must not be ahead for having been asked later.
    let mut second_walk = Walk::begin(Which::Second, second).await?;
    let mut first_walk = Walk::begin(Which::First, first).await?;
    let mut same = 0;
    let verdict = loop {
        if first_walk.page.len() == 0 || second_walk.page.len() == 0 {
            watcher(same);
            tokio::try_join!(first_walk.fill(), second_walk.fill())?;
        }
        match (first_walk.page.next(), second_walk.page.next()) {
            (None, None) => break Verdict::Equal,
            (Some(one), Some(other)) => {
                let fields = one.differs_from(&other);
                if fields.is_empty() {
                    same += 1;
                    continue;
                }
                let (first, second) = (Place::of(one), Place::of(other));
                break Verdict::Differs(Box::new(Difference { nth: same + 1, first, second, fields }));
            }
            (Some(one), None) => break first_walk.longer(one, Which::Second).await?,
            (None, Some(other)) => break second_walk.longer(other, Which::First).await?,
        }
    };
    watcher(same);
    Ok(Compared { log_ids: [first.log_id(), second.log_id()], same, verdict })
}

impl Place {
    fn of(event: RecordedEvent) -> Self {
        let RecordedEvent { position, stream, version, id, event_type, data: _, metadata: _ } = event;
        Self { position, stream: stream.0, version, id, event_type }
    }
}

/// One log from its beginning to where it ended at first.
struct Walk<'a> {
    which: Which,
    log: &'a dyn ReadLog,
    until: Option<Position>,
    after: Option<Position>,
    page: vec::IntoIter<RecordedEvent>,
    read: u64,
}

impl<'a> Walk<'a> {
    async fn begin(which: Which, log: &'a dyn ReadLog) -> Result<Self, CompareError> {
        let until = log.last().await.map_err(|fault| CompareError { which, after: 0, fault })?;
        Ok(Self { which, log, until, after: None, page: vec![].into_iter(), read: 0 })
    }

    /// Reads the next page where the one before is used up; at the end it stays empty.
    async fn fill(&mut self) -> Result<(), CompareError> {
        let Some(until) = self.until.filter(|until| self.after < Some(*until) && self.page.len() == 0) else {
            return Ok(());
        };
        let page = self.log.read_all(self.after, limits::READ_PAGE_EVENTS_MAX).await;
        let mut page = page.map_err(|fault| CompareError { which: self.which, after: self.read, fault })?;
        page.truncate(page.partition_point(|event| event.position <= until));
        // An empty page says that there is no more, whatever stood there before.
        self.after = page.last().map_or(self.until, |last| Some(last.position));
        self.read += page.len() as u64;
        self.page = page.into_iter();
        Ok(())
    }

    /// Counts what this log has and the other has not.
    async fn longer(&mut self, first: RecordedEvent, other: Which) -> Result<Verdict, CompareError> {
        let mut missing = 1 + self.page.len() as u64;
        loop {
            self.page = vec![].into_iter();
            self.fill().await?;
            if self.page.len() == 0 {
                return Ok(Verdict::Shorter { which: other, missing, first: Box::new(Place::of(first)) });
            }
            missing += self.page.len() as u64;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::store::sqlite::{CopyFile, Readers};
    use crate::store::{CopyTarget, StreamName};

    fn log(count: u64) -> Vec<RecordedEvent> {
        let event = |position: u64| RecordedEvent {
            position: Position::from_number(position),
            stream: StreamName(format!("order-{}", position % 7)),
            version: (position - 1) / 7,
            id: Uuid::from_u128(u128::from(position)),
            event_type: "Tested".into(),
            data: format!("[{position}]"),
            metadata: "{}".into(),
        };
        (1..=count).map(event).collect()
    }

    async fn compared(first: Vec<RecordedEvent>, second: Vec<RecordedEvent>) -> Compared {
        let folder = tempfile::tempdir().unwrap();
        let mut opened = vec![];
        for (name, events) in [("first.db", first), ("second.db", second)] {
            let path = folder.path().join(name);
            let mut log = CopyFile::open(&path).unwrap();
            log.append_recorded(events).await.unwrap();
            Box::new(log).close().await;
            opened.push(Readers::open(&path).unwrap());
        }
        let compared = compare(&opened[0], &opened[1], &|_| {}).await.unwrap();
        assert_eq!(compared.log_ids, [opened[0].log_id(), opened[1].log_id()]);
        compared
    }

    #[tokio::test]
    async fn logs_of_the_same_events_are_equal_and_one_that_ends_before_is_told_what_it_lacks() {
        const MANY: u64 = 2500;
        use Which::{First, Second};
        for (first, second, shorter) in [
            (0, 0, None),
            (MANY, MANY, None),
            (MANY, 0, Some((Second, MANY, 1))),
            (MANY, 1000, Some((Second, 1500, 1001))),
            (MANY, MANY - 1, Some((Second, 1, MANY))),
            (1001, MANY, Some((First, 1499, 1002))),
            (0, 3, Some((First, 3, 1))),
        ] {
            let compared = compared(log(first), log(second)).await;
            assert_eq!(compared.same, first.min(second), "{first} {second}");
            let told = match compared.verdict {
                Verdict::Equal => None,
                Verdict::Shorter { which, missing, first } => Some((which, missing, first.position.number())),
                Verdict::Differs(difference) => panic!("{difference:?}"),
            };
            assert_eq!(told, shorter, "{first} {second}");
        }
    }

    #[tokio::test]
    async fn the_first_event_that_differs_is_named_with_all_that_differs_in_it() {
        type Change = fn(&mut Vec<RecordedEvent>);
        let changes: [(Change, u64, &[&str]); 7] = [
            (|log| log[4].data.push(' '), 5, &["data"]),
            (|log| log[2400].metadata.push(' '), 2401, &["metadata"]),
            (|log| log[0].id = Uuid::nil(), 1, &["id"]),
            (|log| log[1999].event_type.push('2'), 2000, &["event_type"]),
            (|log| log[2499].version += 1, 2500, &["version"]),
            (
                |log| {
                    log[9].data.push(' ');
                    log[8].stream.0.push('x');
                    log[8].data.push(' ');
                },
                9,
                &["stream", "data"],
            ),
            // Two are swapped, the positions are not.
            (
                |log| {
                    log.swap(1, 2);
                    (log[1].position, log[2].position) = (log[2].position, log[1].position);
                },
                2,
                &["stream", "id", "data"],
            ),
        ];
        for (change, nth, fields) in changes {
            let original = log(2500);
            let mut changed = original.clone();
            change(&mut changed);
            let at = usize::try_from(nth - 1).unwrap();
            let expected = Difference {
                nth,
                first: Place::of(original[at].clone()),
                second: Place::of(changed[at].clone()),
                fields: fields.to_vec(),
            };
            let compared = compared(original, changed).await;
            assert_eq!((compared.same, compared.verdict), (nth - 1, Verdict::Differs(Box::new(expected))));
        }
    }

    #[tokio::test]
    async fn positions_are_each_logs_own() {
        let mut moved = log(30);
        moved
            .iter_mut()
            .for_each(|event| event.position = Position::from_number(event.position.number() * 3));
        let compared = compared(log(30), moved).await;
        assert_eq!((compared.same, compared.verdict), (30, Verdict::Equal));
    }
}
