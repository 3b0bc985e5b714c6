//! What becomes of an append, a deletion, a tombstone: the checks of the server's index writer, in its order.

use std::sync::Arc;

use uuid::Uuid;

use crate::{
    log::{DELETED, Event, Log, Written},
    wire::append::ExpectedRevision,
};

/// What became of an append.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Outcome {
    Appended {
        last: Option<u64>,
        position: Option<u64>,
    },
    /// The same ids stand there already: answered like the first time.
    Repeated {
        last: u64,
        position: Option<u64>,
    },
    WrongExpectedVersion {
        current: Option<u64>,
    },
    StreamDeleted,
}

/// What the checks say before anything is written.
enum Check {
    Write { is_soft_deleted: bool },
    Stands { last: u64 },
    Wrong,
    Deleted,
}

impl Log {
    pub(crate) fn append(&self, stream: &str, expected: ExpectedRevision, events: Vec<Event>) -> Outcome {
        let mut written = self.lock();
        let current = written.last_of(stream);
        match written.check(stream, expected, events.iter().map(|event| event.id)) {
            Check::Write { is_soft_deleted } => {
                let at = written.write(stream, events);
                if is_soft_deleted {
                    written.write_truncate_before(stream, current.map_or(0, |last| last + 1));
                }
                match at {
                    Some((last, position)) => {
                        Outcome::Appended { last: Some(last), position: Some(position) }
                    }
                    None => Outcome::Appended { last: current, position: None },
                }
            }
            Check::Stands { last } => {
                Outcome::Repeated { last, position: written.position_for_readers(stream, last) }
            }
            Check::Wrong => Outcome::WrongExpectedVersion { current },
            Check::Deleted => Outcome::StreamDeleted,
        }
    }

    /// Hides a stream's events until it is appended to again.
    pub(crate) fn delete(&self, stream: &str, expected: ExpectedRevision) -> Outcome {
        let mut written = self.lock();
        let current = written.last_of(stream);
        match written.check(stream, expected, std::iter::once(Uuid::new_v4())) {
            Check::Deleted => Outcome::StreamDeleted,
            Check::Write { .. } if current.is_some() || written.last_of(&format!("$${stream}")).is_some() => {
                let position = written.write_truncate_before(stream, DELETED);
                Outcome::Appended { last: current, position: Some(position) }
            }
            Check::Write { .. } | Check::Stands { .. } | Check::Wrong => {
                Outcome::WrongExpectedVersion { current }
            }
        }
    }

    /// Ends a stream for ever.
    pub(crate) fn tombstone(&self, stream: &str, expected: ExpectedRevision) -> Outcome {
        let mut written = self.lock();
        let current = written.last_of(stream);
        match written.check(stream, expected, std::iter::once(Uuid::new_v4())) {
            Check::Deleted => Outcome::StreamDeleted,
            Check::Write { .. } => {
                let position = written.write_tombstone(stream);
                Outcome::Appended { last: current, position: Some(position) }
            }
            Check::Stands { .. } | Check::Wrong => Outcome::WrongExpectedVersion { current },
        }
    }
}

impl Written {
    fn last_of(&self, stream: &str) -> Option<u64> {
        self.streams.get(stream)?.last()
    }

    /// Where an event stands, unless truncation hides it: then the server does not know any more.
    fn position_for_readers(&self, stream: &str, revision: u64) -> Option<u64> {
        let stream = self.streams.get(stream)?;
        if revision < stream.truncate_before {
            return None;
        }
        let index = *stream.events.get(usize::try_from(revision).ok()?)?;
        Some(self.records.get(index)?.position)
    }

    fn check(&self, stream: &str, expected: ExpectedRevision, ids: impl Iterator<Item = Uuid>) -> Check {
        let entry = self.streams.get(stream);
        if entry.is_some_and(|entry| entry.is_tombstoned) {
            return Check::Deleted;
        }
        let is_soft_deleted = entry.is_some_and(super::log::Stream::is_soft_deleted);
        let current = self.last_of(stream);
        match expected {
            ExpectedRevision::Any(()) => self.check_by_ids(stream, ids, is_soft_deleted),
            ExpectedRevision::StreamExists(()) if is_soft_deleted => Check::Deleted,
            ExpectedRevision::StreamExists(())
                if current.is_none() && self.last_of(&format!("$${stream}")).is_none() =>
            {
                Check::Wrong
            }
            ExpectedRevision::StreamExists(()) => self.check_by_ids(stream, ids, is_soft_deleted),
            ExpectedRevision::NoStream(()) => self.check_from(stream, 0, ids, is_soft_deleted),
            ExpectedRevision::Revision(revision) => match revision.checked_add(1) {
                Some(next) if current.is_some_and(|last| revision < last) => {
                    match self.check_from(stream, next, ids, is_soft_deleted) {
                        // Only an append that expects no stream may begin a deleted one anew.
                        Check::Write { .. } => Check::Wrong,
                        otherwise => otherwise,
                    }
                }
                _ if current == Some(revision) => Check::Write { is_soft_deleted },
                _ => Check::Wrong,
            },
        }
    }

    /// With any revision allowed, an append is a repeat if all its ids stand in this stream.
    fn check_by_ids(&self, stream: &str, ids: impl Iterator<Item = Uuid>, is_soft_deleted: bool) -> Check {
        let mut stands = None;
        for id in ids {
            match self.ids.get(&id) {
                Some((of, revision)) if of.as_ref() == stream => stands = Some(*revision),
                _ if stands.is_none() => return Check::Write { is_soft_deleted },
                _ => return Check::Wrong,
            }
        }
        stands.map_or(Check::Write { is_soft_deleted }, |last| Check::Stands { last })
    }

    /// With an exact revision that is behind, it is a repeat if its ids are those that follow it.
    fn check_from(
        &self,
        stream: &str,
        first: u64,
        ids: impl Iterator<Item = Uuid>,
        is_soft_deleted: bool,
    ) -> Check {
        if self.last_of(stream).is_none_or(|last| last < first) {
            return Check::Write { is_soft_deleted };
        }
        let mut next = first;
        for id in ids {
            if self.id_at(stream, next) != Some(id) {
                return match next == first && is_soft_deleted {
                    true => Check::Write { is_soft_deleted },
                    false => Check::Wrong,
                };
            }
            next += 1;
        }
        match next.checked_sub(1) {
            Some(last) if next > first => Check::Stands { last },
            _ => Check::Wrong,
        }
    }

    fn id_at(&self, stream: &str, revision: u64) -> Option<Uuid> {
        let index = *self.streams.get(stream)?.events.get(usize::try_from(revision).ok()?)?;
        self.records.get(index).map(|record| Arc::as_ref(record).event.id)
    }
}
