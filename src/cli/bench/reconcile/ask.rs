//! Asks the report, and holds what it finds against what was planted.

use std::fs::File;
use std::io::BufWriter;
use std::sync::Arc;
use std::time::{Duration, Instant};

use anyhow::{Context, ensure};

use super::super::judged::Judged;
use super::super::month::{Expected, Sides, Sum};
use super::super::{median, ms};
use super::Run;
use super::log::open;
use super::phases::{RECONCILIATION, caught_up, reconciliation};
use crate::projector::{Projector, Question};
use crate::reconcile::report::{Format, write};
use crate::reconcile::scope::Scope;
use crate::reconcile::source::{Sealed, Source};
use crate::store::{EventStore, Position};
use crate::table::csv::Bom;
use crate::table::{Cell, Column, Table};

// What must be reached.
const SUMMARY_US: u64 = 1_000_000;
const FIRST_PAGE_US: u64 = 100_000;
const TIMES: usize = 5;
/// For the read model to know of everything.
const WAIT: Duration = Duration::from_secs(60);
/// How many words of a long complaint are told.
const TOLD_MAX: usize = 10;

pub async fn ask(run: &Run) -> anyhow::Result<Vec<Judged>> {
    let store = open(run)?;
    let (projector, _) = caught_up(run, &store, reconciliation()?).await?;
    let head = *store.head().borrow();
    let asking = Asking { projector: projector.clone(), run, head };
    let summary = asking.timed("summary", &[], SUMMARY_US, "the month's summary").await?;
    let differing = [("only_differences", "true"), ("limit", "50")];
    let page = asking.timed("rows", &differing, FIRST_PAGE_US, "the first page of differences").await?;
    let (expected, sides) = planted(run)?;
    let (table, summary) = summary;
    let adding = Adding::of(&table.columns, Some("rows"))?;
    let mut found = Expected::new();
    table.rows.iter().for_each(|row| adding.add(row, &mut found));
    check("the summary", &expected, &found)?;
    let listed = reports(run, &projector, store.as_ref()).await?;
    check("the report's rows", &expected, &listed)?;
    check_conservation(&listed, sides)?;
    println!("  {} kinds of rows stand in summary and report exactly as planted, to the fen", expected.len());
    tokio::task::spawn_blocking(move || projector.close()).await?;
    store.close().await;
    Ok(vec![summary, page.1])
}

struct Asking<'a> {
    projector: Arc<Projector>,
    run: &'a Run,
    head: Option<Position>,
}

impl Asking<'_> {
    /// The last answer, and the median of the times.
    async fn timed(
        &self,
        query: &str,
        beside: &[(&str, &str)],
        target_us: u64,
        what: &str,
    ) -> anyhow::Result<(Table, Judged)> {
        let parameters: Vec<_> = scope(self.run)?
            .parameters()
            .into_iter()
            .chain(beside.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())))
            .collect();
        let mut took = vec![];
        let mut table = None;
        for _ in 0..TIMES {
            let begun = Instant::now();
            let question = Question {
                projection: RECONCILIATION,
                query,
                parameters: &parameters,
                as_of: self.run.month.as_of(),
                min_position: self.head,
                wait: WAIT,
            };
            table = Some(self.projector.ask(&question).await?.table);
            took.push(u64::try_from(begun.elapsed().as_micros())?);
        }
        let slowest = took.iter().max().copied().unwrap_or(0);
        let p50 = median(took);
        println!("  {what}: p50 {} ms, max {} ms of {TIMES}", ms(p50), ms(slowest));
        let target = format!("{what} in {} ms, under {} ms", ms(p50), ms(target_us));
        Ok((table.context("asked at least once")?, Judged { met: p50 < target_us, target }))
    }
}

fn scope(run: &Run) -> anyhow::Result<Scope> {
    let month = &run.month;
    // A day more on both ends: nothing must stand there.
    let days = (
        super::super::month::Month::first_day() - chrono::Days::new(1),
        month.last_day() + chrono::Days::new(1),
    );
    Ok(Scope::new(month.merchant.clone(), days, None, month.as_of())?)
}

fn planted(run: &Run) -> anyhow::Result<(Expected, Sides)> {
    let (mut expected, mut sides) = (Expected::new(), Sides::default());
    for index in 0..run.month.days {
        let day = run.month.day(index)?;
        day.expected.into_iter().for_each(|(key, sum)| *expected.entry(key).or_default() += sum);
        sides += day.sides;
    }
    Ok((expected, sides))
}

/// Where the columns stand that are added up.
struct Adding {
    kind: usize,
    status: usize,
    rows: Option<usize>,
    ledger_fen: usize,
    bill_fen: usize,
    difference_fen: usize,
}

impl Adding {
    fn of(columns: &[Column], counted: Option<&str>) -> anyhow::Result<Self> {
        let place = |name: &str| {
            let place = columns.iter().position(|column| column.name == name);
            place.with_context(|| format!("the report has no column {name}"))
        };
        Ok(Self {
            kind: place("kind")?,
            status: place("status")?,
            rows: counted.map(place).transpose()?,
            ledger_fen: place("ledger_fen")?,
            bill_fen: place("bill_fen")?,
            difference_fen: place("difference_fen")?,
        })
    }

    fn add(&self, row: &[Cell], sums: &mut Expected) {
        let number = |place: usize| match row.get(place) {
            Some(Cell::Integer(number)) => *number,
            _ => 0,
        };
        let text = |place: usize| match row.get(place) {
            Some(Cell::Text(text)) => text.clone(),
            _ => String::new(),
        };
        let sum = Sum {
            rows: self.rows.map_or(1, number),
            ledger_fen: number(self.ledger_fen),
            bill_fen: number(self.bill_fen),
        };
        *sums.entry((text(self.kind), text(self.status))).or_default() += sum;
        // A row whose difference is none is never added up to one.
        if number(self.difference_fen) != sum.ledger_fen - sum.bill_fen {
            *sums.entry((text(self.kind), "a difference that is none".to_owned())).or_default() += sum;
        }
    }
}

fn check(what: &str, expected: &Expected, found: &Expected) -> anyhow::Result<()> {
    let mut wrong = vec![];
    for key in expected.keys().chain(found.keys().filter(|key| !expected.contains_key(*key))) {
        let of = |sums: &Expected| sums.get(key).copied().unwrap_or_default();
        let (planted, found) = (of(expected), of(found));
        if planted != found {
            wrong.push(format!("{} {}: planted {planted:?}, found {found:?}", key.0, key.1));
        }
    }
    let told = wrong.iter().take(TOLD_MAX).cloned().collect::<Vec<_>>().join("\n    ");
    ensure!(wrong.is_empty(), "{what} differ from what was planted:\n    {told}");
    Ok(())
}

/// What all rows come to is what stands in the ledger and in the bills, whatever their status.
fn check_conservation(listed: &Expected, sides: Sides) -> anyhow::Result<()> {
    for (kind, ledger_fen, bill_fen) in
        [("payment", sides.orders, sides.payments), ("refund", sides.ledger_refunds, sides.bill_refunds)]
    {
        let mut all = Sum::default();
        listed.iter().filter(|((of, _), _)| of == kind).for_each(|(_, sum)| all += *sum);
        ensure!(
            (all.ledger_fen, all.bill_fen) == (ledger_fen, bill_fen),
            "{kind} rows come to {} fen in the ledger and {} fen in bills, but {ledger_fen} and {bill_fen} stand there",
            all.ledger_fen,
            all.bill_fen
        );
    }
    Ok(())
}

/// Writes the whole report as CSV and XLSX, and adds up its rows.
async fn reports(run: &Run, projector: &Arc<Projector>, log: &dyn EventStore) -> anyhow::Result<Expected> {
    let mut sums = Expected::new();
    let head = *log.head().borrow();
    for (name, format) in [("report.csv", Format::Csv(Bom::With)), ("report.xlsx", Format::Xlsx)] {
        let taken = Sealed::of(projector.snapshot(RECONCILIATION, head, WAIT).await?, log).await?;
        let (scope, path) = (scope(run)?, run.folder.join(name));
        let written = path.clone();
        let begun = Instant::now();
        let written = tokio::task::spawn_blocking(move || {
            let out = BufWriter::new(File::create(written)?);
            anyhow::Ok(write(&taken, &scope, format, out)?)
        });
        let written = written.await??;
        println!(
            "  {name}: {} rows in {} ms, {} bytes",
            written.rows,
            begun.elapsed().as_millis(),
            written.bytes
        );
        std::fs::remove_file(path)?;
    }
    let taken = Sealed::of(projector.snapshot(RECONCILIATION, head, WAIT).await?, log).await?;
    let (parameters, as_of) = (scope(run)?.parameters(), run.month.as_of());
    let added = tokio::task::spawn_blocking(move || {
        let adding = Adding::of(&Source::columns(&taken, "report")?, None)?;
        Source::ask(&taken, "report", &parameters, as_of, &mut |row| {
            adding.add(row, &mut sums);
            Ok(())
        })?;
        anyhow::Ok(sums)
    });
    added.await?
}
