//! What one run measured: latencies, failures of transport, repeats. Each worker has its own, added up at
//! the end. Integers only.

use std::collections::BTreeMap;
use std::fmt;
use std::time::Duration;

use hdrhistogram::{CreationError, Histogram};

use super::client::Failure;

/// Longer latencies are counted as this one.
const LATENCY_US_MAX: u64 = 3_600_000_000;
const SIGNIFICANT_DIGITS: u8 = 3;

pub struct Measure {
    latency_us: Histogram<u64>,
    /// Pushes that were sent, each repeat counted.
    pub sent: u64,
    pub answered: u64,
    /// Pushes that were sent again because no success came.
    pub sent_again: u64,
    pub connections: u64,
    pub failures: BTreeMap<Failure, u64>,
}

impl Measure {
    pub fn new() -> Result<Self, CreationError> {
        let latency_us = Histogram::new_with_bounds(1, LATENCY_US_MAX, SIGNIFICANT_DIGITS)?;
        Ok(Self {
            latency_us,
            sent: 0,
            answered: 0,
            sent_again: 0,
            connections: 0,
            failures: BTreeMap::new(),
        })
    }

    pub fn answer(&mut self, latency: Duration) {
        self.answered += 1;
        self.latency_us.saturating_record(u64::try_from(latency.as_micros()).unwrap_or(LATENCY_US_MAX));
    }

    pub fn failure(&mut self, failure: Failure) {
        *self.failures.entry(failure).or_default() += 1;
    }

    pub fn add(&mut self, other: &Self) {
        // Both have the same bounds, which is all that could keep them from being added.
        let _same_bounds = self.latency_us.add(&other.latency_us);
        self.sent += other.sent;
        self.answered += other.answered;
        self.sent_again += other.sent_again;
        self.connections += other.connections;
        for (failure, count) in &other.failures {
            *self.failures.entry(*failure).or_default() += count;
        }
    }

    pub fn latencies(&self) -> Latencies {
        let at = |quantile| Micros(self.latency_us.value_at_quantile(quantile));
        Latencies {
            p50: at(0.5),
            p95: at(0.95),
            p99: at(0.99),
            p99_9: at(0.999),
            max: Micros(self.latency_us.max()),
        }
    }

    /// Answered pushes a second, rounded down.
    pub fn per_second(&self, elapsed: Duration) -> u64 {
        let answered = u128::from(self.answered) * 1_000_000_000;
        u64::try_from(answered / elapsed.as_nanos().max(1)).unwrap_or(u64::MAX)
    }
}

/// Microseconds, shown as milliseconds.
#[derive(Clone, Copy, Debug, PartialEq, Eq, serde::Serialize)]
#[serde(transparent)]
pub struct Micros(pub u64);

impl fmt::Display for Micros {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}.{:03}", self.0 / 1000, self.0 % 1000)
    }
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, serde::Serialize)]
pub struct Latencies {
    pub p50: Micros,
    pub p95: Micros,
    pub p99: Micros,
    pub p99_9: Micros,
    pub max: Micros,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn measures_add_up_and_show_milliseconds_to_the_microsecond() {
        let (mut all, mut one) = (Measure::new().unwrap(), Measure::new().unwrap());
        for ms in 1..=1000 {
            one.answer(Duration::from_millis(ms));
        }
        one.failure(Failure::Refused);
        all.add(&one);
        all.add(&one);
        assert_eq!((all.answered, all.failures[&Failure::Refused]), (2000, 2));
        // Three significant digits: 0.1 % of a value at most.
        assert!((500_000..=500_500).contains(&all.latencies().p50.0));
        assert_eq!(all.per_second(Duration::from_millis(500)), 4000);
        assert_eq!(Micros(1_002_003).to_string(), "1002.003");
    }

    #[test]
    fn a_latency_beyond_all_bounds_is_counted_too() {
        let mut measure = Measure::new().unwrap();
        measure.answer(Duration::from_secs(1_000_000));
        assert_eq!(measure.answered, 1);
        assert!(measure.latencies().p50.0 >= LATENCY_US_MAX - LATENCY_US_MAX / 1000);
    }
}
