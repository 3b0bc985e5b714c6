//! Two servers that are pushed to in turn: the figures of each, and how the second does beside the first.

use std::fmt;

use super::{Run, median, ms, ratio};

pub struct Pairs {
    beside: Vec<Run>,
    ours: Vec<Run>,
}

impl Pairs {
    pub fn run(
        times: usize,
        mut beside: impl FnMut() -> anyhow::Result<Run>,
        mut ours: impl FnMut() -> anyhow::Result<Run>,
    ) -> anyhow::Result<Self> {
        let mut pairs = Self { beside: vec![], ours: vec![] };
        for _ in 0..times {
            pairs.beside.push(beside()?);
            pairs.ours.push(ours()?);
        }
        Ok(pairs)
    }

    /// A line for each of the two.
    pub fn print(&self, beside: &str, ours: &str) {
        for (name, runs) in [(beside, &self.beside), (ours, &self.ours)] {
            let of = |figure| median_of(runs, figure);
            println!(
                "  {name:<16} {:>7} pushes/s   p50 {}  p99 {}  max {} ms   memory {} MiB",
                of(|run| run.load.pushes_per_second),
                ms(of(|run| run.load.latency_us.p50)),
                ms(of(|run| run.load.latency_us.p99)),
                ms(of(|run| run.load.latency_us.max)),
                of(|run| run.kept.memory_kib) / 1024,
            );
        }
    }

    /// The median of ours.
    pub fn ours(&self, figure: fn(&Run) -> u64) -> u64 {
        median_of(&self.ours, figure)
    }

    /// Of pushes a second.
    pub fn ratios(&self) -> Ratios {
        let pairs = self.beside.iter().zip(&self.ours);
        let ratios = pairs
            .map(|(beside, ours)| ours.load.pushes_per_second * 1000 / beside.load.pushes_per_second.max(1));
        let mut permille: Vec<_> = ratios.collect();
        permille.sort_unstable();
        let (lowest, highest) = (permille.first().copied(), permille.last().copied());
        Ratios { lowest: lowest.unwrap_or(0), highest: highest.unwrap_or(0), median: median(permille) }
    }
}

fn median_of(runs: &[Run], figure: fn(&Run) -> u64) -> u64 {
    median(runs.iter().map(figure).collect())
}

/// In thousandths.
pub struct Ratios {
    pub median: u64,
    lowest: u64,
    highest: u64,
}

impl fmt::Display for Ratios {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { median, lowest, highest } = *self;
        write!(f, "{} (of the pairs: {} to {})", ratio(median), ratio(lowest), ratio(highest))
    }
}
