//! Writes what is known under an id as an audit pack.

use std::collections::BTreeMap;
use std::fs::{self, File};
use std::path::Path;

use anyhow::{Context, bail};
use serde::Serialize;

use super::shown::{Bill, Cases};
use super::{History, told};
use crate::audit::pack::{self, Contents, Packed};
use crate::audit::standing;
use crate::cli::output::OutFile;
use crate::clock;
use crate::store::ReadLog;

#[derive(Serialize)]
struct BillFile<'a> {
    #[serde(flatten)]
    bill: Bill<'a>,
    /// What could not be looked at when the pack was made.
    notes: Vec<&'a str>,
}

/// What becomes of a file that is there already and is no audit pack.
#[derive(Clone, Copy, PartialEq, Eq)]
pub enum Existing {
    Stays,
    IsReplaced,
}

/// Whether a pack may be written there. An earlier pack is replaced, as a report is by a newer one.
pub fn may_write(file: &Path, existing: Existing) -> anyhow::Result<()> {
    let is_file = fs::metadata(file).is_ok_and(|stands| stands.is_file());
    if is_file && existing == Existing::Stays && !pack::is_pack(File::open(file).context("--pack")?) {
        bail!(
            "--pack {}: it is there already and is no audit pack: name another file, or replace it with --force",
            file.display()
        );
    }
    Ok(())
}

/// Whether the log is what was sealed, as far as the pack has it.
pub async fn write(log: &dyn ReadLog, history: &History, file: &Path) -> anyhow::Result<bool> {
    let events: BTreeMap<_, _> = told(&history.entries, &history.billed)
        .map(|entry| (entry.recorded.position, &entry.recorded))
        .collect();
    let stands = standing::of(log, &history.seals, &events.keys().copied().collect()).await?;
    let number = |position| stands.get(&position).map_or(0, |stand| stand.ordinal);
    let stand = |(position, event)| Some((event, *stands.get(&position)?));
    let events: Vec<_> = events.into_iter().filter_map(stand).collect();
    let notes = history.related.notes.iter().map(String::as_str).collect();
    let bill = serde_json::to_string(&BillFile { bill: Bill::of(history, number), notes })?;
    let cases = serde_json::to_string(&Cases::of(history, number))?;
    let contents = Contents {
        id: &history.id,
        made_at: clock::now(),
        position: history.position,
        events: &events,
        seals: &history.seals,
        bill: &bill,
        cases: &cases,
    };
    // It tells of players.
    let mut out = OutFile::begin_private(file)?;
    let packed = pack::write(log, &contents, &mut out).await?;
    out.finish()?;
    Ok(say(&packed, history, file, events.len()))
}

fn say(packed: &Packed, history: &History, file: &Path, events: usize) -> bool {
    let Packed { sha256, unsealed, altered } = packed;
    eprintln!("{}: an audit pack of {events} events, pack.json has the SHA-256 {sha256}", file.display());
    match history.seals.newest() {
        None => eprintln!(
            "the log has no seal, so the pack proves nothing yet: order-ledger seal, then pack again"
        ),
        Some(newest) => eprintln!(
            "give the auditor the published root of seal {} by another way than the pack: {}",
            newest.seal.revision, newest.seal.root
        ),
    }
    if *unsealed > 0 && history.seals.newest().is_some() {
        let are = if *unsealed == 1 { "is" } else { "are" };
        eprintln!("{unsealed} of the events {are} not sealed yet: order-ledger seal, then pack again");
    }
    for revision in altered {
        eprintln!(
            "the events of seal {revision} ARE NOT WHAT WAS SEALED, so the pack does not verify: order-ledger verify"
        );
    }
    altered.is_empty()
}
