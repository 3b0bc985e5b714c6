//! What a copy does while a cluster that it reads or writes is away, as while that elects a leader.

use std::time::{Duration, Instant};

use tracing::{info, warn};

use super::super::log::LogPlace;
use crate::store::Fault;
use crate::store::copying::CopyError;

/// Tells once, and waits.
pub struct Away<'a> {
    from: &'a LogPlace,
    to: &'a LogPlace,
    /// None: as long as it takes.
    wait_max: Option<Duration>,
    /// Since when nothing has been copied.
    since: Option<Instant>,
    events: u64,
    /// Why the target could not be opened again, as it was told last.
    closed: Option<String>,
}

/// Which cluster a copy waits for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Side {
    Source,
    /// Which must be opened again: after a fault it is closed.
    Target,
}

impl<'a> Away<'a> {
    pub fn new(from: &'a LogPlace, to: &'a LogPlace, wait_max: Option<Duration>) -> Self {
        Self { from, to, wait_max, since: None, events: 0, closed: None }
    }

    /// Whose return is waited for, where what failed is a cluster and may come back by itself. `events`: so many have
    /// been copied by now.
    pub fn waits_for(&mut self, error: &CopyError, events: u64) -> Option<Side> {
        let side = self.side(error)?;
        if self.since.is_none() {
            warn!(%error, "the copy waits: it goes on by itself once the cluster answers again");
        }
        if events > self.events {
            self.since = None;
        }
        self.events = events;
        let since = *self.since.get_or_insert_with(Instant::now);
        self.wait_max.is_none_or(|max| since.elapsed() < max).then_some(side)
    }

    /// Told where the reason is another one than last.
    pub fn cannot_be_opened(&mut self, error: &anyhow::Error) {
        let reason = format!("{error:#}");
        if self.closed.as_ref() != Some(&reason) {
            warn!(error = %reason, "--to cannot be opened again yet");
            self.closed = Some(reason);
        }
    }

    fn side(&self, error: &CopyError) -> Option<Side> {
        let (side, place, fault) = match error {
            CopyError::Source { fault, .. } => (Side::Source, self.from, fault),
            CopyError::Target { fault, .. } => (Side::Target, self.to, fault),
            CopyError::Shrunk { .. } | CopyError::SameLog | CopyError::NoCopy { .. } => return None,
        };
        let passes = matches!(fault, Fault::Slow | Fault::Unreachable(_) | Fault::Io(_) | Fault::Closing);
        (passes && matches!(place, LogPlace::Cluster { .. })).then_some(side)
    }

    pub fn is_back(&mut self) {
        self.closed = None;
        if self.since.take().is_some() {
            info!("the copy goes on");
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_cluster_is_waited_for_where_it_may_come_back_and_a_file_is_not() {
        let file = LogPlace::File("events.db".into());
        let address = crate::store::address::Address::parse("kurrentdb://localhost?tls=false").unwrap();
        let cluster = LogPlace::Cluster { address, prefix: String::new() };
        let source = |fault| CopyError::Source { after: None, fault };
        let target = |fault| CopyError::Target { after: None, fault };
        let away = || Fault::Unreachable("nothing listens".into());
        let (ever, never) = (None, Some(Duration::ZERO));
        for (from, to, wait_max, error, waits_for) in [
            (&cluster, &file, ever, source(away()), Some(Side::Source)),
            (&cluster, &file, ever, source(Fault::Slow), Some(Side::Source)),
            (&cluster, &file, ever, source(Fault::Io("there is no leader".into())), Some(Side::Source)),
            (&file, &cluster, ever, target(away()), Some(Side::Target)),
            (&cluster, &file, never, source(away()), None),
            (&cluster, &file, ever, source(Fault::Denied("wrong password".into())), None),
            (&cluster, &file, ever, source(Fault::Unreadable("a-1".into())), None),
            (&cluster, &file, ever, target(Fault::Io("the disk failed".into())), None),
            (&file, &cluster, ever, source(Fault::Io("the disk failed".into())), None),
            (&cluster, &cluster, ever, CopyError::SameLog, None),
        ] {
            let mut away = Away::new(from, to, wait_max);
            assert_eq!(away.waits_for(&error, 0), waits_for, "{error} {wait_max:?}");
        }
    }
}
