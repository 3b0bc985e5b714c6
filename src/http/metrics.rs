//! Counts for Prometheus, named `order_ledger_…`.

use std::sync::atomic::Ordering;
use std::time::Duration;

use prometheus::{
    Encoder, Histogram, HistogramOpts, IntCounter, IntCounterVec, IntGauge, IntGaugeVec, Opts, Registry,
    TextEncoder,
};

use crate::domain::seal::Seal;
use crate::projector::{Listed, State};
use crate::store::{EventStore, Health, Position, signed};
use crate::wechat::Code;
use crate::wechat::event_name::Family;

pub struct Metrics {
    registry: Registry,
    pushes: IntCounterVec,
    push_seconds: Histogram,
    url_checks_refused: IntCounter,
    writable: IntGauge,
    events: IntGauge,
    commits: IntGauge,
    commit_failures: IntGauge,
    refused_dropped: IntGauge,
    waiting: IntGauge,
    receiving: IntGauge,
    importing: IntGauge,
    bills_imported: IntCounter,
    bills_refused: IntCounter,
    lines_imported: IntCounter,
    projection_position: IntGaugeVec,
    projection_lag: IntGaugeVec,
    projection_state: IntGaugeVec,
    /// Not told where nothing is sealed.
    sealed_events: IntGaugeVec,
    seal_timestamp: IntGaugeVec,
}

/// What is looked at when the counts are read.
pub struct Observed<'a> {
    pub store: &'a dyn EventStore,
    pub refused_dropped: u64,
    /// Long polls and streams of deliveries.
    pub waiting: usize,
    /// Files that are uploaded.
    pub receiving: usize,
    /// Bill files.
    pub importing: usize,
    pub projections: Vec<Listed>,
    /// The newest seal, where the server seals.
    pub seal: Option<Seal>,
}

impl Metrics {
    pub fn new() -> Result<Self, prometheus::Error> {
        // Up to WeChat's patience of 3 s.
        let buckets = vec![0.001, 0.002, 0.005, 0.01, 0.02, 0.05, 0.1, 0.25, 0.5, 1.0, 2.0, 3.0];
        let gauge = |name: &str, help: &str| IntGauge::new(format!("order_ledger_{name}"), help);
        let counter = |name: &str, help: &str| IntCounter::new(format!("order_ledger_{name}_total"), help);
        let of_projection = |name: &str, help: &str, labels: &[&str]| {
            IntGaugeVec::new(Opts::new(format!("order_ledger_projection_{name}"), help), labels)
        };
        let of_seals =
            |name: &str, help: &str| IntGaugeVec::new(Opts::new(format!("order_ledger_{name}"), help), &[]);
        let metrics = Self {
            registry: Registry::new(),
            pushes: IntCounterVec::new(
                Opts::new("order_ledger_pushes_total", "Pushes by family of event and ErrCode answered"),
                &["family", "code"],
            )?,
            push_seconds: Histogram::with_opts(
                HistogramOpts::new("order_ledger_push_seconds", "From a push's head to its answer")
                    .buckets(buckets),
            )?,
            url_checks_refused: IntCounter::new(
                "order_ledger_url_checks_refused_total",
                "URL checks signed by no token of the app",
            )?,
            writable: gauge("store_writable", "1 while appends work")?,
            events: gauge("events_appended", "Events appended since the start")?,
            commits: gauge("commits", "Transactions since the start, one fsync each")?,
            commit_failures: gauge("commit_failures", "Transactions that failed since the start")?,
            refused_dropped: gauge("refused_not_remembered", "Refused pushes that were only counted")?,
            waiting: gauge("deliveries_waiting", "Long polls and streams of deliveries now")?,
            receiving: gauge("uploads_receiving", "Files that are being received now")?,
            importing: gauge("bills_importing", "Bill files that are being imported now")?,
            bills_imported: counter(
                "bills_imported",
                "Bill files imported, those that stood already included",
            )?,
            bills_refused: counter("bills_refused", "Bill files that came whole and were not imported")?,
            lines_imported: counter("bill_lines_imported", "Lines of bills appended and sealed")?,
            projection_position: of_projection("position", "Up to where it has folded", &["projection"])?,
            projection_lag: of_projection(
                "lag",
                "How far its position is behind the log's end: events in SQLite, bytes in KurrentDB",
                &["projection"],
            )?,
            projection_state: of_projection(
                "state",
                "1 for the state it is in: building, live, failing or stopped",
                &["projection", "state"],
            )?,
            sealed_events: of_seals("sealed_events", "Events that the newest seal covers")?,
            seal_timestamp: of_seals("seal_timestamp_seconds", "When the newest seal was made, Unix time")?,
        };
        let registry = &metrics.registry;
        registry.register(Box::new(metrics.pushes.clone()))?;
        registry.register(Box::new(metrics.push_seconds.clone()))?;
        registry.register(Box::new(metrics.url_checks_refused.clone()))?;
        for counter in [&metrics.bills_imported, &metrics.bills_refused, &metrics.lines_imported] {
            registry.register(Box::new(counter.clone()))?;
        }
        for gauge in [
            &metrics.writable,
            &metrics.events,
            &metrics.commits,
            &metrics.commit_failures,
            &metrics.refused_dropped,
            &metrics.waiting,
            &metrics.receiving,
            &metrics.importing,
        ] {
            registry.register(Box::new(gauge.clone()))?;
        }
        for gauge in [
            &metrics.projection_position,
            &metrics.projection_lag,
            &metrics.projection_state,
            &metrics.sealed_events,
            &metrics.seal_timestamp,
        ] {
            registry.register(Box::new(gauge.clone()))?;
        }
        Ok(metrics)
    }

    pub fn answered(&self, family: Family, code: Code, took: Duration) {
        let number = match code {
            // By far the most common.
            Code::Success => "0".to_owned(),
            code => code.number().to_string(),
        };
        self.pushes.with_label_values(&[family.as_str(), &number]).inc();
        self.push_seconds.observe(took.as_secs_f64());
    }

    pub fn url_check_refused(&self) {
        self.url_checks_refused.inc();
    }

    pub fn bill_imported(&self) {
        self.bills_imported.inc();
    }

    pub fn bill_refused(&self) {
        self.bills_refused.inc();
    }

    pub fn lines_imported(&self, lines: u64) {
        self.lines_imported.inc_by(lines);
    }

    /// Everything as Prometheus reads it.
    pub fn render(&self, observed: &Observed<'_>) -> Result<String, prometheus::Error> {
        let Observed { store, refused_dropped, waiting, receiving, importing, projections, seal } = observed;
        let counters = store.counters();
        let count = |counter: &std::sync::atomic::AtomicU64| signed(counter.load(Ordering::Relaxed));
        self.writable.set(i64::from(*store.health().borrow() == Health::Writable));
        self.events.set(count(&counters.events));
        self.commits.set(count(&counters.commits));
        self.commit_failures.set(count(&counters.commit_failures));
        self.refused_dropped.set(signed(*refused_dropped));
        self.waiting.set(i64::try_from(*waiting).unwrap_or(i64::MAX));
        self.receiving.set(i64::try_from(*receiving).unwrap_or(i64::MAX));
        self.importing.set(i64::try_from(*importing).unwrap_or(i64::MAX));
        self.look_at(projections, *store.head().borrow());
        if let Some(seal) = seal {
            self.sealed_events.with_label_values::<&str>(&[]).set(signed(seal.count));
            self.seal_timestamp.with_label_values::<&str>(&[]).set(seal.sealed_at.timestamp());
        }
        let mut text = Vec::new();
        TextEncoder::new().encode(&self.registry.gather(), &mut text)?;
        Ok(String::from_utf8_lossy(&text).into_owned())
    }

    fn look_at(&self, projections: &[Listed], head: Option<Position>) {
        // Those that are gone are told of no more.
        for gauge in [&self.projection_position, &self.projection_lag, &self.projection_state] {
            gauge.reset();
        }
        let number = |position: Option<Position>| position.map_or(0, Position::number);
        for listed in projections {
            let name = listed.definition.name.as_str();
            let at = number(listed.position);
            self.projection_position.with_label_values(&[name]).set(signed(at));
            self.projection_lag.with_label_values(&[name]).set(signed(number(head).saturating_sub(at)));
            for state in State::WORDS {
                let is_in = i64::from(listed.status.state.as_str() == state);
                self.projection_state.with_label_values(&[name, state]).set(is_in);
            }
        }
    }
}
