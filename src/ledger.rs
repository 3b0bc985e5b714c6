//! The write side: decide what a push means, append it, and on a conflict read and decide again.

use std::collections::HashSet;
use std::sync::{Arc, PoisonError, RwLock};

use chrono::{DateTime, Utc};
use tokio::time::Instant;
use tracing::error;

use crate::codec::{self, DecodeError, EncodeError, Metadata};
use crate::domain::app::{AppSlug, PriceMeaning, Registration};
use crate::domain::environment::Environment;
use crate::domain::event::Event;
use crate::domain::evidence::Evidence;
use crate::domain::order::{self, Order};
use crate::domain::push::Push;
use crate::domain::quarantine::{self, Quarantine, Reason, Resolution, ResolveError};
use crate::limits;
use crate::quota::{Budget, OverQuota, Quotas};
use crate::store::{
    Append, AppendOutcome, EventStore, ExpectedVersion, Fault, NewEvent, StreamName, Urgency,
};

pub struct Ledger {
    store: Arc<dyn EventStore>,
    quotas: Quotas,
    /// The pushes in quarantine that people have decided about. Such a push may verify later, when a key has
    /// been put right; it stays decided.
    decided: RwLock<HashSet<String>>,
}

/// Why something could not be recorded. Nothing of it was acknowledged.
#[derive(Debug, thiserror::Error)]
pub enum LedgerError {
    #[error("{0}")]
    Unavailable(Fault),
    #[error(transparent)]
    OverQuota(#[from] OverQuota),
    #[error("other writers were faster {} times in a row", limits::DECIDE_TRIES_MAX)]
    Contended,
    #[error(
        "{stream} has an event with version {found} where {expected} must stand: it was deleted or altered"
    )]
    Altered { stream: StreamName, expected: u64, found: u64 },
    #[error(transparent)]
    Unreadable(#[from] DecodeError),
    #[error(transparent)]
    Unwritable(#[from] EncodeError),
}

#[derive(Debug, thiserror::Error)]
pub enum RegisterError {
    #[error(
        "app {app} is bound to AppID {registered} in this log, but the configuration says {configured}: \
         give the other AppID another name"
    )]
    BoundElsewhere { app: AppSlug, registered: String, configured: String },
    #[error(transparent)]
    Ledger(#[from] LedgerError),
}

#[derive(Debug, thiserror::Error)]
pub enum ResolveQuarantineError {
    #[error(transparent)]
    Refused(#[from] ResolveError),
    #[error(transparent)]
    Ledger(#[from] LedgerError),
}

/// A push in quarantine.
#[derive(Clone, Debug)]
pub struct Held {
    pub app: AppSlug,
    pub evidence: Evidence,
    pub resolution: Option<Resolution>,
}

/// What a stream says, and the version up to which it has been read.
struct Seen<State> {
    state: State,
    version: ExpectedVersion,
    /// Of the first event, where there is one.
    app: Option<AppSlug>,
}

impl<State: Default> Seen<State> {
    fn nothing() -> Self {
        Self { state: State::default(), version: ExpectedVersion::NoStream, app: None }
    }
}

/// Where and under which conditions a decision's events are appended.
struct Target<'a> {
    stream: &'a StreamName,
    app: &'a AppSlug,
    evidence: Option<&'a Evidence>,
    recorded_at: DateTime<Utc>,
    budget: Option<Budget>,
    urgency: Urgency,
}

impl Ledger {
    pub async fn open(store: Arc<dyn EventStore>, quotas: Quotas) -> Result<Self, LedgerError> {
        let mut decided = HashSet::new();
        let mut after = None;
        loop {
            let page = store.read_category(codec::QUARANTINE, after, limits::READ_PAGE_EVENTS_MAX).await;
            let page = page.map_err(LedgerError::Unavailable)?;
            let Some(last) = page.last() else { break };
            after = Some(last.position);
            for recorded in &page {
                let Some(id) = codec::quarantine_id_of(&recorded.stream) else { continue };
                match codec::decode(recorded) {
                    Ok(decoded) if Quarantine::default().evolve(&decoded.event).resolution.is_some() => {
                        decided.insert(id.to_owned());
                    }
                    Ok(_) => {}
                    // One damaged event must not keep all pushes out.
                    Err(error) => error!(alarm = "ledger", %error, "a decision may be forgotten"),
                }
            }
        }
        Ok(Self { store, quotas, decided: RwLock::new(decided) })
    }

    fn is_decided(&self, app: &AppSlug, evidence: &Evidence) -> bool {
        let decided = self.decided.read().unwrap_or_else(PoisonError::into_inner);
        !decided.is_empty()
            && decided.contains(&codec::quarantine_id(app, &evidence.event, &evidence.payload))
    }

    pub fn store(&self) -> &Arc<dyn EventStore> {
        &self.store
    }

    /// Records a verified push, or finds that it stands already.
    pub async fn record(
        &self,
        app: &AppSlug,
        push: &Push,
        evidence: &Evidence,
    ) -> Result<order::Answer, LedgerError> {
        if self.is_decided(app, evidence) {
            return Ok(order::Answer::Success);
        }
        let stream = codec::push_stream(app, push);
        let budget = (push.env() == Some(Environment::Sandbox)).then_some(Budget::Sandbox);
        let target = push_target(&stream, app, evidence, budget);
        // Nearly every push is the first of its order: appending tells at once whether it is.
        let decide = |order: &Order| {
            let order::Decision { events, answer } = order.decide(push);
            (events, answer)
        };
        self.settle(&target, Seen::nothing(), Order::evolve, decide).await
    }

    /// Whether a different content stands under a push's number.
    pub async fn is_contradicted(&self, app: &AppSlug, push: &Push) -> Result<bool, LedgerError> {
        let seen: Seen<Order> = self.read(&codec::push_stream(app, push), Order::evolve).await?;
        Ok(seen.state.decide(push).answer == order::Answer::Conflict)
    }

    /// Keeps an authentic push that is unusable, once, and says how to answer it.
    pub async fn quarantine(
        &self,
        app: &AppSlug,
        reason: &Reason,
        out_trade_no: Option<&str>,
        evidence: &Evidence,
    ) -> Result<quarantine::Answer, LedgerError> {
        let id = codec::quarantine_id(app, &evidence.event, &evidence.payload);
        let stream = codec::quarantine_stream(&id);
        let target = push_target(&stream, app, evidence, Some(Budget::Quarantine));
        let seen = self.read(&stream, Quarantine::evolve).await?;
        let decide = |held: &Quarantine| {
            let (event, answer) = held.decide(&evidence.event, reason, out_trade_no);
            (event.into_iter().collect(), answer)
        };
        self.settle(&target, seen, Quarantine::evolve, decide).await
    }

    /// Remembers the ids of a mock push that carried a valid signature.
    pub async fn remember_mock(
        &self,
        app: &AppSlug,
        push: &Push,
        evidence: &Evidence,
    ) -> Result<(), LedgerError> {
        let stream = codec::mock_stream(app, push);
        let target = push_target(&stream, app, evidence, Some(Budget::Quarantine));
        // One mock an order is enough to know the order for a mock.
        let decide =
            |known: &bool| (if *known { vec![] } else { vec![Event::MockReceived(push.clone())] }, ());
        self.settle(&target, Seen::nothing(), |_, _| true, decide).await
    }

    /// A push in quarantine; `None` where there is none of this id.
    pub async fn held(&self, id: &str) -> Result<Option<Held>, LedgerError> {
        let page =
            self.store.read_stream(&codec::quarantine_stream(id), 0, limits::READ_PAGE_EVENTS_MAX).await;
        let decoded: Vec<_> =
            page.map_err(LedgerError::Unavailable)?.iter().map(codec::decode).collect::<Result<_, _>>()?;
        let resolution = Quarantine::fold(decoded.iter().map(|decoded| &decoded.event)).resolution;
        let first = decoded.into_iter().next().map(|first| first.metadata);
        Ok(first.and_then(|first| Some(Held { app: first.app, evidence: first.evidence?, resolution })))
    }

    /// Adopts or dismisses a push in quarantine. `false` where that had been decided before.
    pub async fn resolve(
        &self,
        id: &str,
        how: Resolution,
        by: &str,
        reason: &str,
        at: DateTime<Utc>,
    ) -> Result<bool, ResolveQuarantineError> {
        let stream = codec::quarantine_stream(id);
        let seen = self.read(&stream, Quarantine::evolve).await?;
        let Some(app) = seen.app.clone() else { return Err(ResolveError::NotHeld.into()) };
        let target = command_target(&stream, &app, at);
        let decide = |held: &Quarantine| match held.resolve(how, by, reason) {
            Ok(event) => {
                let decided = event.is_some();
                (event.into_iter().collect(), Ok(decided))
            }
            Err(error) => (vec![], Err(error)),
        };
        let recorded = self.settle(&target, seen, Quarantine::evolve, decide).await??;
        self.decided.write().unwrap_or_else(PoisonError::into_inner).insert(id.to_owned());
        Ok(recorded)
    }

    /// Binds apps' slugs to their AppIDs for ever, and dates what their prices mean: all of them, or none
    /// where one is bound elsewhere.
    pub async fn register_all(
        &self,
        apps: &[(&AppSlug, &str, PriceMeaning)],
        at: DateTime<Utc>,
    ) -> Result<(), RegisterError> {
        for (app, app_id, _) in apps {
            let known: Seen<Registration> = self.read(&codec::app_stream(app), Registration::evolve).await?;
            check_binding(app, app_id, known.state.app_id)?;
        }
        for (app, app_id, actual_price_is) in apps {
            self.register(app, app_id, *actual_price_is, at).await?;
        }
        Ok(())
    }

    async fn register(
        &self,
        app: &AppSlug,
        app_id: &str,
        actual_price_is: PriceMeaning,
        at: DateTime<Utc>,
    ) -> Result<(), RegisterError> {
        let stream = codec::app_stream(app);
        let target = command_target(&stream, app, at);
        let seen = self.read(&stream, Registration::evolve).await?;
        let decide = |known: &Registration| (known.decide(app_id, actual_price_is), known.app_id.clone());
        let bound = self.settle(&target, seen, Registration::evolve, decide).await?;
        check_binding(app, app_id, bound)
    }

    /// Decides, appends, and where another writer was faster, reads and decides again.
    async fn settle<State: Default, Outcome>(
        &self,
        target: &Target<'_>,
        mut seen: Seen<State>,
        evolve: impl Fn(State, &Event) -> State + Copy,
        decide: impl Fn(&State) -> (Vec<Event>, Outcome),
    ) -> Result<Outcome, LedgerError> {
        let begun = Instant::now();
        for _ in 0..limits::DECIDE_TRIES_MAX {
            let (events, outcome) = decide(&seen.state);
            if events.is_empty() {
                return Ok(outcome);
            }
            match self.append(target, seen.version, &events, begun).await {
                Ok(Some(first_version)) if first_version == seen.version.next() => return Ok(outcome),
                Ok(Some(found)) => return Err(altered(target.stream, seen.version.next(), found)),
                Ok(None) => seen = self.read(target.stream, evolve).await?,
                Err(LedgerError::OverQuota(over)) => {
                    // A repeat adds no bytes, and only reading tells it from a first push.
                    let known = self.read(target.stream, evolve).await?;
                    let (events, outcome) = decide(&known.state);
                    if !events.is_empty() {
                        return Err(over.into());
                    }
                    self.quotas.excuse(&over);
                    return Ok(outcome);
                }
                Err(error) => return Err(error),
            }
        }
        Err(LedgerError::Contended)
    }

    /// The version of the first event appended; `None` for a conflict.
    async fn append(
        &self,
        target: &Target<'_>,
        expected: ExpectedVersion,
        events: &[Event],
        begun: Instant,
    ) -> Result<Option<u64>, LedgerError> {
        let metadata = Metadata {
            app: target.app.clone(),
            recorded_at: target.recorded_at,
            evidence: target.evidence.cloned(),
        };
        let encode = |event| codec::encode(target.stream, event, &metadata);
        let events: Vec<NewEvent> = events.iter().map(encode).collect::<Result<_, _>>()?;
        let bytes: usize = events.iter().map(|event| event.data.len() + event.metadata.len()).sum();
        let charge = match target.budget {
            None => None,
            Some(budget) => Some(self.quotas.charge(target.app, budget, bytes, target.recorded_at)?),
        };
        let append = Append {
            stream: target.stream.clone(),
            expected,
            events: events.into(),
            urgency: target.urgency,
        };
        let mut outcome = self.store.append(append.clone()).await;
        let is_worth_another_try = matches!(&outcome, AppendOutcome::Unknown(fault) if *fault != Fault::Slow);
        if is_worth_another_try && begun.elapsed() < limits::APPEND_WAIT / 2 {
            // The same ids again are the same append, whatever became of the first try.
            outcome = self.store.append(append).await;
        }
        match outcome {
            AppendOutcome::Appended { first_version, repeated, .. } => {
                if let Some(charge) = charge.filter(|_| !repeated) {
                    charge.keep();
                }
                Ok(Some(first_version))
            }
            AppendOutcome::Conflict { .. } => Ok(None),
            AppendOutcome::NotWritten(fault) | AppendOutcome::Unknown(fault) => {
                Err(LedgerError::Unavailable(fault))
            }
        }
    }

    async fn read<State: Default>(
        &self,
        stream: &StreamName,
        evolve: impl Fn(State, &Event) -> State,
    ) -> Result<Seen<State>, LedgerError> {
        let mut seen = Seen::nothing();
        loop {
            let from = seen.version.next();
            let page = self.store.read_stream(stream, from, limits::READ_PAGE_EVENTS_MAX).await;
            let page = page.map_err(LedgerError::Unavailable)?;
            if page.is_empty() {
                return Ok(seen);
            }
            for recorded in &page {
                if recorded.version != seen.version.next() {
                    return Err(altered(stream, seen.version.next(), recorded.version));
                }
                seen.version = ExpectedVersion::Exact(recorded.version);
                let decoded = codec::decode(recorded)?;
                seen.app.get_or_insert(decoded.metadata.app);
                seen.state = evolve(seen.state, &decoded.event);
            }
        }
    }
}

fn check_binding(app: &AppSlug, app_id: &str, bound: Option<String>) -> Result<(), RegisterError> {
    match bound {
        Some(registered) if registered != app_id => {
            let configured = app_id.to_owned();
            Err(RegisterError::BoundElsewhere { app: app.clone(), registered, configured })
        }
        Some(_) | None => Ok(()),
    }
}

/// Somebody wrote behind the ledger's back: nothing is acknowledged for such a stream.
fn altered(stream: &StreamName, expected: u64, found: u64) -> LedgerError {
    error!(alarm = "stream", %stream, expected, found, "a stream was deleted or altered; nothing is added to it");
    LedgerError::Altered { stream: stream.clone(), expected, found }
}

fn command_target<'a>(stream: &'a StreamName, app: &'a AppSlug, recorded_at: DateTime<Utc>) -> Target<'a> {
    Target { stream, app, evidence: None, recorded_at, budget: None, urgency: Urgency::Command }
}

fn push_target<'a>(
    stream: &'a StreamName,
    app: &'a AppSlug,
    evidence: &'a Evidence,
    budget: Option<Budget>,
) -> Target<'a> {
    let recorded_at = evidence.received_at;
    Target { stream, app, evidence: Some(evidence), recorded_at, budget, urgency: Urgency::Push }
}
