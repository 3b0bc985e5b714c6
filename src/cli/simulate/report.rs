//! The result of a run, as text for people and as JSON for scripts.

use std::fmt;
use std::process::ExitCode;
use std::time::Duration;

use serde::Serialize;

use super::bill::Billed;
use super::judge::Judgement;
use super::measure::{Latencies, Measure, Micros};

#[derive(Debug, Serialize)]
pub struct Report {
    pub url: String,
    pub app: String,
    pub seed: u64,
    pub orders: usize,
    /// Planned pushes; each was settled in the end, by an answer or by none.
    pub pushes: u64,
    /// Pushes that were sent, those counted that were sent again after a failure (`--retry`).
    pub sent: u64,
    pub sent_again: u64,
    pub connections: u64,
    pub elapsed_ms: u64,
    pub pushes_per_second: u64,
    pub latency_us: Latencies,
    pub answers: Vec<AnswerLine>,
    pub transport_errors: Vec<TransportErrors>,
    /// Repeats and conflicts whose first push was not accepted, of which nothing is demanded.
    pub not_judged: u64,
    /// Planned pushes that were not sent, or not settled, when the run was stopped.
    pub not_sent: u64,
    pub wrong: u64,
    pub sample_order: Option<String>,
    pub sample_orders: Vec<String>,
    /// The trade bill that was written.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub bill: Option<Billed>,
    /// What the commands it suggests need to read the same configuration; empty for the default one.
    #[serde(skip)]
    pub config_option: String,
}

#[derive(Debug, Serialize)]
pub struct AnswerLine {
    pub count: u64,
    pub kind: &'static str,
    pub family: &'static str,
    pub expected: u32,
    pub got: String,
    pub right: bool,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub example: Option<ExampleLine>,
}

#[derive(Debug, Serialize)]
pub struct ExampleLine {
    pub number: String,
    pub answer: String,
}

#[derive(Debug, Serialize)]
pub struct TransportErrors {
    pub kind: &'static str,
    pub count: u64,
}

/// What the run was about.
pub struct Subject {
    pub url: String,
    pub app: String,
    pub seed: u64,
    pub orders: usize,
    pub sample_orders: Vec<String>,
}

impl Report {
    pub fn new(subject: Subject, judgement: &Judgement, measure: &Measure, elapsed: Duration) -> Self {
        let line = |(sort, count): (&super::judge::Sort, &u64)| AnswerLine {
            count: *count,
            kind: sort.kind.as_str(),
            family: sort.family,
            expected: sort.kind.demanded().number(),
            got: sort.got.to_string(),
            right: sort.is_right(),
            example: judgement
                .examples
                .get(sort)
                .map(|example| ExampleLine { number: example.number.clone(), answer: example.body.clone() }),
        };
        let failures = measure.failures.iter();
        Self {
            url: subject.url,
            app: subject.app,
            seed: subject.seed,
            orders: subject.orders,
            pushes: judgement.counts.values().sum::<u64>() + judgement.not_judged,
            sent: measure.sent,
            sent_again: measure.sent_again,
            connections: measure.connections,
            elapsed_ms: u64::try_from(elapsed.as_millis()).unwrap_or(u64::MAX),
            pushes_per_second: measure.per_second(elapsed),
            latency_us: measure.latencies(),
            answers: judgement.counts.iter().map(line).collect(),
            transport_errors: failures
                .map(|(failure, count)| TransportErrors { kind: failure.as_str(), count: *count })
                .collect(),
            not_judged: judgement.not_judged,
            not_sent: 0,
            wrong: judgement.wrong(),
            sample_order: subject.sample_orders.first().cloned(),
            sample_orders: subject.sample_orders,
            bill: None,
            config_option: String::new(),
        }
    }
}

impl fmt::Display for Report {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Latencies { p50, p95, p99, p99_9, max } = self.latency_us;
        writeln!(f, "{} pushes for {} orders to app {} at {}", self.pushes, self.orders, self.app, self.url)?;
        writeln!(f, "seed {}: --seed {} plays the same again", self.seed, self.seed)?;
        writeln!(
            f,
            "{} sent over {} connections in {} s: {} answers a second",
            self.sent,
            self.connections,
            Micros(self.elapsed_ms),
            self.pushes_per_second
        )?;
        writeln!(f, "latency in ms: p50 {p50}  p95 {p95}  p99 {p99}  p99.9 {p99_9}  max {max}\n")?;
        writeln!(f, "{:>9}  {:36} {:>8}  got", "count", "push", "demanded")?;
        for line in &self.answers {
            let push = format!("{}, {}", line.family, line.kind);
            let mark = if line.right { "" } else { "  WRONG" };
            writeln!(f, "{:>9}  {push:36} {:>8}  {}{mark}", line.count, line.expected, line.got)?;
        }
        writeln!(f)?;
        if self.sent_again > 0 {
            writeln!(f, "sent again after a failure that may pass: {}", self.sent_again)?;
        }
        for errors in &self.transport_errors {
            writeln!(f, "no answer: {}, {} times", errors.kind, errors.count)?;
        }
        if self.not_judged > 0 {
            writeln!(
                f,
                "not judged: {} repeats and conflicts of numbers whose first push was not accepted",
                self.not_judged
            )?;
        }
        if self.not_sent > 0 {
            writeln!(f, "stopped: {} pushes were not sent, or not settled", self.not_sent)?;
        }
        self.verdict(f)?;
        if let Some(bill) = &self.bill {
            write!(f, "\n{bill}")?;
        }
        for order in &self.sample_orders {
            write!(f, "\ntry: order-ledger history {order}{}", self.config_option)?;
        }
        for next in self.bill.iter().flat_map(Billed::next) {
            write!(f, "\nnext: order-ledger {next}{}", self.config_option)?;
        }
        Ok(())
    }
}

impl Report {
    /// 0 where every answer was the demanded one, 1 otherwise.
    pub fn exit_code(&self) -> ExitCode {
        if self.wrong == 0 { ExitCode::SUCCESS } else { ExitCode::from(1) }
    }

    fn verdict(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.wrong == 0 {
            return write!(f, "every answer is the one the protocol demands");
        }
        write!(f, "{} answers are not the ones the protocol demands:", self.wrong)?;
        for line in &self.answers {
            if let Some(example) = &line.example {
                write!(
                    f,
                    "\n  {} {} e.g. {}: expected {}, got {}{}{}",
                    line.family,
                    line.kind,
                    example.number,
                    line.expected,
                    line.got,
                    if example.answer.is_empty() { "" } else { ": " },
                    example.answer
                )?;
            }
        }
        Ok(())
    }
}
