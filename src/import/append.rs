//! The second pass: what does not stand yet is read, gathered and appended, and each day sealed at the end.
//! Reading and appending overlap.

use std::collections::BTreeMap;
use std::ops::ControlFlow;
use std::time::Duration;

use chrono::NaiveDate;
use tokio::sync::mpsc;
use tokio::time::{Instant, sleep};

use super::chunk::{Chunk, Chunker};
use super::{Day, ImportError, ImportRequest, ImportedDay, Outcome, Progress, Source, Standing, Watcher};
use crate::bill::Bill;
use crate::domain::bill::BillLines;
use crate::ledger::{BillImportError, BillOpening, BillWriter, Ledger, LedgerError, Opened};
use crate::limits;
use crate::store::{Fault, Position};

/// A day on its way.
struct Writing {
    writer: BillWriter,
    /// Lines that a run before has appended.
    stood: u64,
}

/// Appends what does not stand, and says what became of each day.
pub(super) async fn days(
    ledger: &Ledger,
    source: &Source,
    bill: &Bill,
    days: Vec<Day>,
    request: &ImportRequest,
    watcher: &Watcher,
) -> Result<(Vec<ImportedDay>, Option<Position>), ImportError> {
    let mut writing = BTreeMap::new();
    for day in &days {
        if matches!(day.stands, Standing::Same) {
            continue;
        }
        if let Some(opened) = open(ledger, bill, day, request).await? {
            writing.insert(day.key.day, opened);
        }
    }
    let mut position = None;
    let stood: BTreeMap<_, _> = writing.iter().map(|(day, writing)| (*day, writing.stood)).collect();
    if !writing.is_empty() {
        lines(ledger, source, bill, &mut writing, request, watcher).await?;
        for day in &days {
            let Some(Writing { writer, .. }) = writing.remove(&day.key.day) else { continue };
            position = Some(seal(ledger, writer, day, request).await?);
        }
    }
    let told = |day: Day| told(day, &stood);
    Ok((days.into_iter().map(told).collect(), position))
}

fn told(day: Day, stood: &BTreeMap<NaiveDate, u64>) -> ImportedDay {
    let Day { key, totals, stands } = day;
    let outcome = match stood.get(&key.day) {
        None => Outcome::Stands,
        Some(0) => Outcome::Imported,
        Some(lines) => Outcome::Resumed { lines: *lines },
    };
    let superseded = match stands {
        Standing::Other { sha256, .. } if outcome != Outcome::Stands => Some(sha256),
        Standing::Other { .. } | Standing::Nothing | Standing::Same => None,
    };
    ImportedDay { day: key.day, rows: totals.rows, totals: totals.totals, outcome, superseded }
}

/// `None` where somebody else has sealed the same content meanwhile.
async fn open(
    ledger: &Ledger,
    bill: &Bill,
    day: &Day,
    request: &ImportRequest,
) -> Result<Option<Writing>, ImportError> {
    let opening = BillOpening {
        covers: bill.covers,
        sha256: bill.sha256.clone(),
        file_name: request.file_name.clone(),
        profile: bill.profile.clone(),
        rows: day.totals.rows,
        by: request.by.clone(),
        supersede: request.supersede.clone(),
    };
    let begun = Instant::now();
    loop {
        match ledger.open_bill(&day.key, opening.clone(), request.at).await {
            Ok(Opened::Writer(writer)) => {
                let stood = writer.rows_stored();
                return Ok(Some(Writing { writer, stood }));
            }
            Ok(Opened::Stands) => return Ok(None),
            Err(error) => wait_after(error, begun).await?,
        }
    }
}

/// Reads the file again and appends its lines as they come.
async fn lines(
    ledger: &Ledger,
    source: &Source,
    bill: &Bill,
    writing: &mut BTreeMap<NaiveDate, Writing>,
    request: &ImportRequest,
    watcher: &Watcher,
) -> Result<(), ImportError> {
    let stood: Vec<_> = writing.iter().map(|(day, writing)| (*day, writing.stood)).collect();
    let of_days = bill.days.iter().filter(|totals| writing.contains_key(&totals.day));
    let of: u64 = of_days.map(|totals| totals.rows).sum();
    let mut done: u64 = stood.iter().map(|(_, stood)| stood).sum();
    watcher(Progress::Appended { lines: done, of });
    let (sender, chunks) = mpsc::channel(limits::IMPORT_CHUNKS_WAITING);
    let again = source.clone();
    let reading = super::blocking(move || {
        let mut chunker = Chunker::new(stood);
        let mut hand_over = |chunk: Chunk| match sender.blocking_send(chunk) {
            Ok(()) => ControlFlow::Continue(()),
            Err(_) => ControlFlow::Break(()),
        };
        let bill = again.read(&mut |day, row| chunker.take(day, row, &mut hand_over))?;
        // Where nobody takes it, there was an error, and that one is told.
        let _taken = chunker.finish(&mut hand_over);
        Ok(bill.sha256)
    });
    let appending = async {
        // Goes with this block, so that who still reads is told to stop.
        let mut chunks = chunks;
        while let Some(Chunk { day, lines }) = chunks.recv().await {
            let Some(Writing { writer, .. }) = writing.get_mut(&day) else { continue };
            let count = count(&lines);
            append(ledger, writer, lines, request).await?;
            done += count;
            watcher(Progress::Appended { lines: done, of });
        }
        Ok(())
    };
    let (read, appended) = tokio::join!(reading, appending);
    appended.and_then(|()| match read {
        Ok(sha256) if sha256 == bill.sha256 => Ok(()),
        Ok(_) => Err(ImportError::Changed),
        Err(error) => Err(error),
    })
}

fn count(lines: &BillLines) -> u64 {
    let count = match lines {
        BillLines::Trade(lines) => lines.len(),
        BillLines::Funds(lines) => lines.len(),
    };
    u64::try_from(count).unwrap_or(u64::MAX)
}

async fn append(
    ledger: &Ledger,
    writer: &mut BillWriter,
    lines: BillLines,
    request: &ImportRequest,
) -> Result<(), ImportError> {
    let begun = Instant::now();
    loop {
        match ledger.append_bill_lines(writer, &lines, request.at).await {
            Ok(()) => return Ok(()),
            Err(error) => wait_after(error, begun).await?,
        }
    }
}

async fn seal(
    ledger: &Ledger,
    writer: BillWriter,
    day: &Day,
    request: &ImportRequest,
) -> Result<Position, ImportError> {
    let begun = Instant::now();
    loop {
        match ledger.seal_bill(&writer, &day.totals.totals, request.at).await {
            Ok(position) => return Ok(position),
            Err(error) => wait_after(error, begun).await?,
        }
    }
}

/// Pushes go first: where the store is busy, an import waits and tries again.
async fn wait_after(error: BillImportError, begun: Instant) -> Result<(), ImportError> {
    let is_busy = matches!(
        &error,
        BillImportError::Ledger(LedgerError::Unavailable(Fault::Slow | Fault::QueueFull))
    );
    if !is_busy || begun.elapsed() > limits::IMPORT_STORE_WAIT {
        return Err(error.into());
    }
    let pause: Duration = limits::IMPORT_PAUSE;
    sleep(pause).await;
    Ok(())
}
