//! A bill file on its way into the ledger: read once to check and to count, compared with what stands, and read
//! again to append it, day by day, in chunks. Where it was interrupted it goes on.

mod append;
mod chunk;
mod closed;
mod compare;
mod days;
mod left_out;
mod resume;

use std::collections::{BTreeMap, HashMap};
use std::ops::ControlFlow;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use chrono::{DateTime, NaiveDate, Utc};

use crate::bill::{self, Bill, BillError, BillRow, DayTotals, Hints, Profiles};
use crate::domain::app::AppSlug;
use crate::domain::bill::{BillDay, BillKey, BillKind, Covers, MerchantId, Sha256Hex, Totals};
use crate::domain::period::Month;
use crate::ledger::{BillImportError, Ledger, LedgerError};
use crate::limits;
use crate::store::Position;

pub use compare::{Change, ColumnDifference, Difference, Differences, StandingDay};
pub use days::{EmptyError, declare_empty};

/// Where lines belong, as it is configured now.
#[derive(Clone, Debug, Default)]
pub struct Routes {
    /// The merchants whose bills are taken.
    pub merchants: Vec<MerchantId>,
    /// The app of each AppID.
    pub apps: HashMap<String, AppSlug>,
}

/// What is to be imported, and in whose name.
#[derive(Clone, Debug)]
pub struct ImportRequest {
    /// What the file itself does not say.
    pub hints: Hints,
    /// Why the file takes the place of another for the same merchant, day and kind.
    pub supersede: Option<String>,
    /// As people call the file.
    pub file_name: String,
    pub by: String,
    pub at: DateTime<Utc>,
}

/// How far an import has come.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Progress {
    /// Lines that have been read and checked; how many there are is not known yet.
    Checked { lines: u64 },
    /// Lines that stand in the log, of all that are to.
    Appended { lines: u64, of: u64 },
}

/// Who is told of it, from any thread.
pub type Watcher = Arc<dyn Fn(Progress) + Send + Sync>;

/// What became of one day of a file.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Outcome {
    /// Its lines stand now, and count.
    Imported,
    /// So many lines had been appended by a run that did not come to its end; the others stand now too.
    Resumed { lines: u64 },
    /// It had been imported before, or another file with the same lines had: nothing was appended.
    Stands,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ImportedDay {
    pub day: NaiveDate,
    pub rows: u64,
    pub totals: Totals,
    pub outcome: Outcome,
    /// The content that it took the place of.
    pub superseded: Option<Sha256Hex>,
}

/// What became of a file.
#[derive(Clone, Debug)]
pub struct Imported {
    pub merchant: MerchantId,
    pub kind: BillKind,
    pub covers: Covers,
    pub profile: String,
    pub sha256: Sha256Hex,
    pub rows: u64,
    pub totals: Totals,
    /// Oldest first.
    pub days: Vec<ImportedDay>,
    pub lines: LinesOf,
    /// Of the last event that was appended; `None` where nothing was.
    pub position: Option<Position>,
}

/// How many lines are of whom.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct LinesOf {
    pub apps: BTreeMap<AppSlug, u64>,
    /// With an AppID that is not configured.
    pub other_apps: u64,
    /// That name no app, as those of a fund flow bill.
    pub no_app: u64,
}

/// Why a file was not imported. Unless it says otherwise, nothing of it was appended.
#[derive(Debug, thiserror::Error)]
pub enum ImportError {
    #[error(transparent)]
    Bill(#[from] BillError),
    #[error(
        "the bill is of the merchant {merchant}, which is not configured: add [merchant.{merchant}] with its apps"
    )]
    UnknownMerchant { merchant: MerchantId },
    #[error(
        "the bill is of {day}, and in Beijing it is {today}: such a day has no bill yet; take the right file, or the right day"
    )]
    NotBegun { day: NaiveDate, today: NaiveDate },
    #[error("{0}")]
    Differs(Box<Differences>),
    #[error(
        "the file no longer has all lines that stand for {day}, and {month} is closed with them: an admin reopens it \
         with a reason (period reopen), then the file is imported, and the month prepared and closed again"
    )]
    Closed { day: NaiveDate, month: Month },
    #[error("the file changed while it was read: import it again")]
    Changed,
    /// Another import of the same merchant, day and kind goes on.
    #[error(transparent)]
    Contended(Box<BillImportError>),
    #[error(transparent)]
    Ledger(#[from] LedgerError),
    #[error("the import was interrupted: run it again and it goes on")]
    Interrupted,
}

/// A file and how it is read: the same for each pass.
#[derive(Clone)]
pub(crate) struct Source {
    file: PathBuf,
    profiles: Arc<Profiles>,
    hints: Hints,
}

impl Source {
    /// What the first pass has found out need not be found out again.
    fn known(self, bill: &Bill) -> Self {
        let day = match bill.days.as_slice() {
            [only] => Some(only.day),
            _ => self.hints.day,
        };
        let hints = Hints {
            merchant: Some(bill.merchant.clone()),
            day,
            profile: Some(bill.profile.clone()),
            kind: Some(bill.kind.clone()),
        };
        Self { hints, ..self }
    }

    /// Reads the whole file. Blocks.
    fn read(&self, each: &mut dyn FnMut(NaiveDate, BillRow) -> ControlFlow<()>) -> Result<Bill, BillError> {
        bill::read(&self.file, &self.profiles, &self.hints, each)
    }
}

/// Imports a file. It must not change meanwhile: give a copy that nobody else has.
///
/// # Errors
/// Nothing was appended, but for [`ImportError::Ledger`], [`ImportError::Changed`] and
/// [`ImportError::Interrupted`], after which lines may stand that do not count; the next run goes on there.
pub async fn run(
    ledger: &Ledger,
    profiles: &Arc<Profiles>,
    routes: &Routes,
    file: &Path,
    request: &ImportRequest,
    watcher: &Watcher,
) -> Result<Imported, ImportError> {
    let source = Source { file: file.to_owned(), profiles: profiles.clone(), hints: request.hints.clone() };
    let (bill, lines) = check(&source, routes, watcher).await?;
    if !routes.merchants.contains(&bill.merchant) {
        return Err(ImportError::UnknownMerchant { merchant: bill.merchant });
    }
    days::refuse_future(bill.days.iter().map(|totals| totals.day), request.at)?;
    let source = source.known(&bill);
    let days = what_stands(ledger, &source, &bill, request).await?;
    let work = append::Work { ledger, source: &source, bill: &bill, request, watcher };
    let (days, position) = append::days(&work, days).await?;
    let Bill { merchant, kind, covers, profile, sha256, rows, totals, .. } = bill;
    Ok(Imported { merchant, kind, covers, profile, sha256, rows, totals, days, lines, position })
}

/// The first pass: everything is checked, and nothing kept.
async fn check(source: &Source, routes: &Routes, watcher: &Watcher) -> Result<(Bill, LinesOf), ImportError> {
    let (source, apps, watcher) = (source.clone(), routes.apps.clone(), watcher.clone());
    blocking(move || {
        let mut lines = LinesOf::default();
        let mut read = 0;
        let bill = source.read(&mut |_, row| {
            lines.count(&row, &apps);
            read += 1;
            if read % limits::IMPORT_SHOWN_EVERY == 0 {
                watcher(Progress::Checked { lines: read });
            }
            ControlFlow::Continue(())
        })?;
        Ok((bill, lines))
    })
    .await
}

impl LinesOf {
    fn count(&mut self, row: &BillRow, apps: &HashMap<String, AppSlug>) {
        let app_id = match row {
            BillRow::Trade(line) => line.app_id.as_deref(),
            BillRow::Fund(_) => None,
        };
        match app_id.map(|app_id| apps.get(app_id)) {
            None => self.no_app += 1,
            Some(None) => self.other_apps += 1,
            // Nearly always there already: no copy of the name for each line.
            Some(Some(slug)) => match self.apps.get_mut(slug) {
                Some(count) => *count += 1,
                None => {
                    self.apps.insert(slug.clone(), 1);
                }
            },
        }
    }
}

/// A day of the file, and what the log says of it.
pub(crate) struct Day {
    key: BillKey,
    totals: DayTotals,
    stands: Standing,
    /// The opening of this very file that was never sealed, where lines of it stand.
    begun: Option<u64>,
    /// Openings of this very file whose lines are others than it is read to hold now.
    read_otherwise: Vec<u64>,
    /// Lines that count are not in the file: they leave with it.
    loses_lines: bool,
}

pub(crate) enum Standing {
    /// Nothing that contradicts it.
    Nothing,
    /// The very content, or the same lines.
    Same,
    /// Another content, or this one read otherwise, which it takes the place of.
    Other { sha256: Sha256Hex, revision: u64 },
}

/// Asked before anything is appended: a file is refused as a whole.
async fn what_stands(
    ledger: &Ledger,
    source: &Source,
    bill: &Bill,
    request: &ImportRequest,
) -> Result<Vec<Day>, ImportError> {
    let mut days = days_of(ledger, bill, request).await?;
    let begun: Vec<_> = days.iter().filter_map(|day| Some((day.key.clone(), day.begun?))).collect();
    if !begun.is_empty() {
        let others = resume::read_otherwise(ledger, source, bill, &begun).await?;
        for day in days.iter_mut().filter(|day| others.contains(&day.key.day)) {
            day.read_otherwise.extend(day.begun);
        }
    }
    if days.iter().all(|day| !matches!(day.stands, Standing::Other { .. })) {
        return Ok(days);
    }
    let differences = compare::run(ledger, source, bill, &days).await?;
    if differences.count() > 0 && request.supersede.is_none() {
        return Err(ImportError::Differs(Box::new(differences)));
    }
    for day in &mut days {
        let Standing::Other { sha256, revision } = &day.stands else { continue };
        if !differences.concerns(day.key.day) {
            day.stands = Standing::Same;
        } else if *sha256 == bill.sha256 {
            day.read_otherwise.push(*revision);
        }
        day.loses_lines = differences.removes_from(day.key.day);
    }
    closed::refuse(ledger, &days).await?;
    Ok(days)
}

/// What the log says of each day, before any line is compared.
async fn days_of(ledger: &Ledger, bill: &Bill, request: &ImportRequest) -> Result<Vec<Day>, ImportError> {
    let mut days = vec![];
    for totals in &bill.days {
        let (merchant, kind) = (bill.merchant.clone(), bill.kind.clone());
        let key = BillKey { merchant, day: totals.day, kind };
        let BillDay { sealed, sealed_revision: revision, open, .. } = ledger.bill_day(&key).await?;
        let stands = match sealed {
            None => Standing::Nothing,
            // A profile may read it otherwise now: who wants it superseded has it compared.
            Some(sealed) if sealed == bill.sha256 && request.supersede.is_none() => Standing::Same,
            Some(sha256) => Standing::Other { sha256, revision },
        };
        let open = open.filter(|open| open.sha256 == bill.sha256 && open.rows_stored > 0);
        let begun = open.filter(|_| !matches!(stands, Standing::Same)).map(|open| open.revision);
        let totals = totals.clone();
        days.push(Day { key, totals, stands, begun, read_otherwise: vec![], loses_lines: false });
    }
    left_out::days(ledger, bill, days).await
}

impl From<BillImportError> for ImportError {
    fn from(error: BillImportError) -> Self {
        match error {
            BillImportError::Ledger(error) => Self::Ledger(error),
            // What stands was asked for just before: somebody else has written meanwhile.
            error @ (BillImportError::Refused { .. } | BillImportError::Concurrent { .. }) => {
                Self::Contended(Box::new(error))
            }
        }
    }
}

/// Runs what blocks on a thread that may.
pub(crate) async fn blocking<T: Send + 'static>(
    work: impl FnOnce() -> Result<T, ImportError> + Send + 'static,
) -> Result<T, ImportError> {
    let span = tracing::Span::current();
    let done = tokio::task::spawn_blocking(move || span.in_scope(work)).await;
    done.unwrap_or(Err(ImportError::Interrupted))
}
