//! The second pass: what does not stand yet is read, gathered and appended, and each day sealed at the end.
//! Reading and appending overlap.

use std::collections::BTreeMap;
use std::ops::ControlFlow;

use chrono::NaiveDate;
use tokio::sync::mpsc;
use tokio::time::{Instant, sleep};

use super::chunk::{Chunk, Chunker};
use super::{Day, ImportError, ImportRequest, ImportedDay, Outcome, Progress, Source, Standing, Watcher};
use crate::bill::Bill;
use crate::domain::bill::BillOpening;
use crate::ledger::{BillWriter, Ledger, Opened};
use crate::limits;
use crate::store::Position;

/// What is imported, from where and in whose name.
pub(super) struct Work<'a> {
    pub ledger: &'a Ledger,
    pub source: &'a Source,
    pub bill: &'a Bill,
    pub request: &'a ImportRequest,
    pub watcher: &'a Watcher,
}

/// Appends what does not stand, and says what became of each day.
pub(super) async fn days(
    work: &Work<'_>,
    days: Vec<Day>,
) -> Result<(Vec<ImportedDay>, Option<Position>), ImportError> {
    let mut writers = BTreeMap::new();
    for day in days.iter().filter(|day| !matches!(day.stands, Standing::Same)) {
        if let Opened::Writer(writer) = work.open(day).await? {
            writers.insert(day.key.day, writer);
        }
    }
    let stood: BTreeMap<_, _> = writers.iter().map(|(day, writer)| (*day, writer.rows_stored())).collect();
    if !writers.is_empty() {
        work.append(&mut writers, &stood).await?;
    }
    // It may have been closed meanwhile.
    super::closed::refuse(work.ledger, &days).await?;
    let mut position = None;
    for day in &days {
        let Some(writer) = writers.remove(&day.key.day) else { continue };
        let sealed = work.ledger.seal_bill(writer, &day.totals.totals, work.request.at).await?;
        position = position.max(Some(sealed));
    }
    let told = |day: Day| {
        let stood = stood.get(&day.key.day).copied();
        told(day, stood)
    };
    Ok((days.into_iter().map(told).collect(), position))
}

/// `stood`: lines that had been appended before; `None` where the day stood.
fn told(day: Day, stood: Option<u64>) -> ImportedDay {
    let Day { key, totals, stands, .. } = day;
    let outcome = match stood {
        None => Outcome::Stands,
        Some(0) => Outcome::Imported,
        Some(lines) => Outcome::Resumed { lines },
    };
    let superseded = match stands {
        Standing::Other { sha256, .. } if outcome != Outcome::Stands => Some(sha256),
        Standing::Other { .. } | Standing::Nothing | Standing::Same => None,
    };
    ImportedDay { day: key.day, rows: totals.rows, totals: totals.totals, outcome, superseded }
}

impl Work<'_> {
    async fn open(&self, day: &Day) -> Result<Opened, ImportError> {
        let (bill, request) = (self.bill, self.request);
        let opening = BillOpening {
            covers: bill.covers,
            sha256: bill.sha256.clone(),
            file_name: request.file_name.clone(),
            profile: bill.profile.clone(),
            rows: day.totals.rows,
            by: request.by.clone(),
            supersede: request.supersede.clone(),
            read_otherwise: day.read_otherwise.clone(),
        };
        Ok(self.ledger.open_bill(&day.key, opening, request.at).await?)
    }

    /// Reads the file again and appends its lines as they come.
    async fn append(
        &self,
        writers: &mut BTreeMap<NaiveDate, BillWriter>,
        stood: &BTreeMap<NaiveDate, u64>,
    ) -> Result<(), ImportError> {
        let of_days = self.bill.days.iter().filter(|totals| writers.contains_key(&totals.day));
        let of: u64 = of_days.map(|totals| totals.rows).sum();
        let mut lines: u64 = stood.values().sum();
        (self.watcher)(Progress::Appended { lines, of });
        let (sender, chunks) = mpsc::channel(limits::IMPORT_CHUNKS_WAITING);
        let (again, stood) = (self.source.clone(), stood.clone());
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
            while let Some(Chunk { day, lines: chunk }) = chunks.recv().await {
                let Some(writer) = writers.get_mut(&day) else { continue };
                let before = writer.rows_stored();
                let begun = Instant::now();
                self.ledger.append_bill_lines(writer, chunk, self.request.at).await?;
                // The disk is the pushes' too: they have it for as long as this part had it.
                sleep(begun.elapsed().min(limits::IMPORT_PAUSE)).await;
                lines += writer.rows_stored() - before;
                (self.watcher)(Progress::Appended { lines, of });
            }
            Ok::<_, ImportError>(())
        };
        let (read, appended) = tokio::join!(reading, appending);
        appended?;
        if read? == self.bill.sha256 { Ok(()) } else { Err(ImportError::Changed) }
    }
}
