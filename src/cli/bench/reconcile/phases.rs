//! The phases that make and fold: generating, reading, importing, following the log, building from nothing.

use std::borrow::Cow;
use std::fs::File;
use std::io::BufWriter;
use std::ops::ControlFlow;
use std::sync::Arc;
use std::time::{Duration, Instant};

use anyhow::{Context, ensure};
use tokio::runtime::Handle;

use super::super::judged::Judged;
use super::super::month::{Layout, file};
use super::log::{append_all, bill_files, open, write_bills};
use super::{Run, memory_kib};
use crate::bill::{self, Hints, Profiles};
use crate::import::{self, ImportRequest, Routes};
use crate::ledger::Ledger;
use crate::projector::{Definition, Folder, Projector, Views};
use crate::quota::Quotas;
use crate::store::{EventStore, ReadLog};
use crate::{clock, limits};

// What must be reached.
const IMPORTED_PER_SECOND: u64 = 100_000;
const FOLDED_PER_SECOND: u64 = 40_000;
/// Of the file that is only read.
const READ_MEMORY_KIB: u64 = 150 * 1024;

/// The projection that all this is about.
pub const RECONCILIATION: &str = "reconciliation";

/// Facts into the log, and bills as files; the read model of the facts is built, so that bills can be followed.
pub async fn generate(run: &Run) -> anyhow::Result<Vec<Judged>> {
    std::fs::create_dir_all(run.bills())?;
    let begun = Instant::now();
    let store = open(run)?;
    let mut events = append_all(&store, run, vec![run.month.app_facts()]).await?;
    let mut lines = 0;
    for index in 0..run.month.days {
        let mut day = run.month.day(index)?;
        lines += write_bills(run, &day)?;
        events += append_all(&store, run, std::mem::take(&mut day.facts)).await?;
    }
    write_large(run)?;
    println!(
        "  {} orders on {} days: {events} events in the log, {lines} lines in files, in {} s",
        run.month.orders_per_day * run.month.days,
        run.month.days,
        begun.elapsed().as_secs()
    );
    let (took, events) = folded(run, &store, reconciliation()?).await?;
    println!("  {RECONCILIATION} built over them with {} events/s", per_second(events, took));
    store.close().await;
    Ok(vec![])
}

/// One file of many lines, all of one day.
fn write_large(run: &Run) -> anyhow::Result<()> {
    let out = BufWriter::new(File::create(run.large_bill())?);
    let lines = run.month.lines_of_a_day(run.lines).map(Cow::Owned);
    file::write_trade(Layout::All, run.month.merchant.as_str(), lines, out)
}

pub fn read(run: &Run) -> anyhow::Result<Vec<Judged>> {
    let begun = Instant::now();
    let mut lines: u64 = 0;
    let count = &mut |_, _| {
        lines += 1;
        ControlFlow::Continue(())
    };
    let bill = bill::read(&run.large_bill(), &Profiles::built_in(), &Hints::default(), count)?;
    ensure!(
        bill.rows == lines && lines == u64::from(run.lines),
        "{lines} lines were read, not {}",
        run.lines
    );
    let memory_kib = memory_kib()?;
    println!(
        "  a file of {lines} lines, {} MiB, read and checked with {} lines/s",
        std::fs::metadata(run.large_bill())?.len() / 1024 / 1024,
        per_second(lines, begun.elapsed())
    );
    std::fs::remove_file(run.large_bill())?;
    Ok(vec![Judged {
        met: memory_kib < READ_MEMORY_KIB,
        target: format!(
            "{lines} lines read in {} MiB, under {} MiB",
            memory_kib / 1024,
            READ_MEMORY_KIB / 1024
        ),
    }])
}

pub async fn import(run: &Run) -> anyhow::Result<Vec<Judged>> {
    let store = open(run)?;
    let ledger = Ledger::open(store.clone(), quotas()).await?;
    let profiles = Arc::new(Profiles::built_in());
    let month = &run.month;
    let routes = Routes {
        merchants: vec![month.merchant.clone()],
        apps: [(month.app_id.clone(), month.app.clone())].into_iter().collect(),
    };
    let watcher: import::Watcher = Arc::new(|_| {});
    let begun = Instant::now();
    let mut lines = 0;
    let files = bill_files(&run.bills())?;
    for file in &files {
        let name = file.file_name().context("a bill without name")?.to_string_lossy().into_owned();
        let request = ImportRequest {
            hints: Hints { merchant: Some(month.merchant.clone()), ..Hints::default() },
            supersede: None,
            file_name: name,
            by: "bench".into(),
            at: clock::now(),
        };
        lines += import::run(&ledger, &profiles, &routes, file, &request, &watcher).await?.rows;
    }
    let rate = per_second(lines, begun.elapsed());
    println!("  {lines} lines of {} files in {} ms", files.len(), begun.elapsed().as_millis());
    store.close().await;
    Ok(vec![Judged {
        met: rate >= IMPORTED_PER_SECOND,
        target: format!("bills imported with {rate} lines/s, at least {IMPORTED_PER_SECOND}"),
    }])
}

/// The bills, by the read model that has folded everything before them.
pub async fn fold(run: &Run) -> anyhow::Result<Vec<Judged>> {
    let store = open(run)?;
    let lines = lines_of_files(run)?;
    let (took, _) = folded(run, &store, reconciliation()?).await?;
    store.close().await;
    let rate = per_second(lines, took);
    Ok(vec![Judged {
        met: rate >= FOLDED_PER_SECOND,
        target: format!(
            "{RECONCILIATION} followed the bills with {rate} lines/s, at least {FOLDED_PER_SECOND}"
        ),
    }])
}

/// Everything, from nothing: what a rebuild costs. What must be reached is said of bills that are followed.
pub async fn build(run: &Run) -> anyhow::Result<Vec<Judged>> {
    let store = open(run)?;
    let lines = lines_of_files(run)?;
    for (what, definitions) in [(RECONCILIATION, reconciliation()?), ("all projections", all()?)] {
        std::fs::remove_dir_all(run.views())?;
        let (took, events) = folded(run, &store, definitions).await?;
        let rate = per_second(events + lines, took);
        println!("  {what} built in {} ms, {rate} events and lines/s", took.as_millis());
    }
    store.close().await;
    Ok(vec![])
}

pub fn quotas() -> Quotas {
    Quotas::new(limits::QUARANTINE_BYTES_PER_DAY, limits::SANDBOX_BYTES_PER_DAY)
}

pub fn all() -> anyhow::Result<Vec<Arc<Definition>>> {
    Definition::check_all(Folder::built_in()).map_err(|problems| anyhow::anyhow!("{problems}"))
}

pub fn reconciliation() -> anyhow::Result<Vec<Arc<Definition>>> {
    let mut definitions = all()?;
    definitions.retain(|definition| definition.name == RECONCILIATION);
    Ok(definitions)
}

fn lines_of_files(run: &Run) -> anyhow::Result<u64> {
    let mut lines = 0;
    for file in bill_files(&run.bills())? {
        let text = std::fs::read(file)?;
        // Two headers and a summary.
        lines += (text.iter().filter(|byte| **byte == b'\n').count() as u64).saturating_sub(3);
    }
    Ok(lines)
}

/// Folds until everything is known; how long it took, and how many events the log has.
async fn folded(
    run: &Run,
    store: &Arc<dyn EventStore>,
    definitions: Vec<Arc<Definition>>,
) -> anyhow::Result<(Duration, u64)> {
    let begun = Instant::now();
    let (projector, events) = caught_up(run, store, definitions).await?;
    let took = begun.elapsed();
    tokio::task::spawn_blocking(move || projector.close()).await?;
    Ok((took, events))
}

pub async fn caught_up(
    run: &Run,
    store: &Arc<dyn EventStore>,
    definitions: Vec<Arc<Definition>>,
) -> anyhow::Result<(Arc<Projector>, u64)> {
    let last = store.last().await?;
    let log: Arc<dyn ReadLog> = store.clone();
    let projector = Projector::new(log, store.head(), Handle::current());
    let (building, views) = (projector.clone(), Views::take(&run.views())?);
    tokio::task::spawn_blocking(move || building.begin(views, &definitions.into())).await??;
    projector.caught_up(last, Duration::from_millis(10), |_| {}).await?;
    Ok((projector, last.map_or(0, |last| last.number())))
}

fn per_second(count: u64, took: Duration) -> u64 {
    u64::try_from(took.as_millis()).map_or(0, |ms| count * 1000 / ms.max(1))
}
