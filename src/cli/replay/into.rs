//! `replay --until … --into FILE`: all read models as of then in one SQLite file.

use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::sync::Arc;

use anyhow::{Context, bail};
use serde::Serialize;
use tempfile::NamedTempFile;

use super::super::FOUND_WRONG;
use super::{Replay, ToldAs, Until};
use crate::config::Config;
use crate::moment::{beijing_text, stamp};
use crate::projector::past::{self, Wanted};
use crate::projector::{Definition, Usable};
use crate::reconcile::header::SOFTWARE_VERSION;
use crate::replay::export::{self, Facts, State, Written};
use crate::replay::working::Working;
use crate::store::Position;
use crate::store::sqlite::is_same_file;

/// Where the state goes, and how it is told.
pub struct Target {
    pub file: PathBuf,
    pub existing: Existing,
    pub told_as: ToldAs,
}

/// What becomes of a file that is there already.
#[derive(Clone, Copy, PartialEq, Eq)]
pub enum Existing {
    Stays,
    IsReplaced,
}

#[derive(Serialize)]
struct Told<'a> {
    file: &'a str,
    log_id: String,
    position: Option<String>,
    recorded_at: Option<String>,
    tables: u64,
    rows: u64,
    left_out: &'a [String],
}

impl Target {
    /// Nothing of the ledger's may be replaced, and nothing that anybody else has made.
    pub fn check(&self, config: &Config) -> anyhow::Result<()> {
        let shown = self.file.display();
        let is_ledgers =
            [&config.store_path, &config.refused_path].iter().any(|own| is_same_file(&self.file, own));
        if is_ledgers || is_within(&self.file, &config.views_dir) {
            bail!("{shown} belongs to the ledger itself: name another file");
        }
        self.is_free()
    }

    fn is_free(&self) -> anyhow::Result<()> {
        let shown = self.file.display();
        if std::fs::symlink_metadata(&self.file).is_err() {
            return Ok(());
        }
        if self.existing == Existing::Stays {
            bail!("{shown} is there already: name another file, or replace it with --force");
        }
        if !export::is_one(&self.file).with_context(|| shown.to_string())? {
            bail!("{shown} is not what replay has written, and stays: name another file, or move it away");
        }
        Ok(())
    }
}

/// Whether a file stands, or would stand, somewhere below a folder.
fn is_within(file: &Path, folder: &Path) -> bool {
    // A folder that is not there holds nothing.
    let Ok(folder) = folder.canonicalize() else { return false };
    let lies = |path: &Path| path.canonicalize().is_ok_and(|path| path.starts_with(&folder));
    lies(file) || lies(folder_of(file))
}

fn folder_of(file: &Path) -> &Path {
    file.parent().filter(|folder| !folder.as_os_str().is_empty()).unwrap_or(Path::new("."))
}

impl Replay {
    pub async fn export(&self, usable: Usable, until: Until, target: Target) -> anyhow::Result<ExitCode> {
        let position = self.position_of(until).await?;
        let recorded_at = match position {
            Some(position) => past::recorded_at(self.log.as_ref(), position).await?,
            None => None,
        };
        let mut definitions = usable.definitions;
        definitions.sort_by(|a, b| a.name.cmp(&b.name));
        let wanted = |definition: &Arc<Definition>| Wanted {
            path: self.path_of(&definition.name),
            definition: definition.clone(),
            until: position,
        };
        let wanted: Vec<_> = definitions.iter().map(wanted).collect();
        let failures = self.fold(&wanted).await?;
        let mut facts = facts(self.log.log_id().0.to_string(), position, until);
        facts.push(("recorded_at".to_owned(), recorded_at.map(stamp)));
        let mut left_out: Vec<_> = usable.problems.0.iter().map(ToString::to_string).collect();
        for (wanted, failure) in wanted.iter().zip(&failures) {
            let definition = &wanted.definition;
            facts.push((format!("sql_version.{}", definition.name), Some(definition.version.clone())));
            if let Some(failure) = failure {
                left_out.push(format!("{} ends before {failure}", definition.name));
                facts.push((format!("ends_before.{}", definition.name), Some(failure.position.to_string())));
            }
        }
        let state = |wanted: &Wanted| {
            let file = self.folds.open(&wanted.path)?;
            anyhow::Ok(State { projection: wanted.definition.name.clone(), file })
        };
        let states = wanted.iter().map(state).collect::<Result<Vec<_>, _>>()?;
        let folds = self.folds.clone();
        let (file, told_as) = (target.file.display().to_string(), target.told_as);
        let writing = tokio::task::spawn_blocking(move || {
            let whole = Whole::write(&target.file, &states, &facts)?;
            if folds.is_stopped() {
                bail!("it is not whole");
            }
            whole.take_place(&target)
        });
        let written = writing.await??;
        left_out.extend(written.left_out.iter().cloned());
        let told = Told {
            file: &file,
            log_id: self.log.log_id().0.to_string(),
            position: position.map(|position| position.to_string()),
            recorded_at: recorded_at.map(stamp),
            tables: written.tables,
            rows: written.rows,
            left_out: &left_out,
        };
        tell(&told, told_as)?;
        Ok(if left_out.is_empty() { ExitCode::SUCCESS } else { FOUND_WRONG.into() })
    }

    /// The last event of the state; `None` before the first.
    async fn position_of(&self, until: Until) -> anyhow::Result<Option<Position>> {
        let last = self.log.last().await?;
        match until {
            Until::Position(position) if position.number() == 0 => Ok(None),
            Until::Position(position) if Some(position) > last => {
                let last = last.map_or(0, Position::number);
                bail!("--until: position {position} lies beyond the end of this log, {last}")
            }
            Until::Position(position) => Ok(Some(position)),
            Until::Moment(moment) => Ok(past::state_at(self.log.as_ref(), moment).await?.last),
        }
    }
}

fn facts(log_id: String, position: Option<Position>, until: Until) -> Facts {
    let until = match until {
        Until::Position(position) => position.to_string(),
        Until::Moment(moment) => stamp(moment),
    };
    [
        ("log_id", Some(log_id)),
        ("position", position.map(|position| position.to_string())),
        ("software_version", Some(SOFTWARE_VERSION.to_owned())),
        ("until", Some(until)),
    ]
    .map(|(key, value)| (key.to_owned(), value))
    .to_vec()
}

/// A file in a folder beside its place, readable by its owner alone.
struct Whole {
    beside: NamedTempFile,
    _folder: Working,
    written: Written,
}

impl Whole {
    fn write(file: &Path, states: &[State], facts: &Facts) -> anyhow::Result<Self> {
        let shown = || file.display().to_string();
        let parent = folder_of(file);
        if !parent.is_dir() {
            bail!("{}: there is no folder {}", file.display(), parent.display());
        }
        let folder = Working::begin(parent).with_context(shown)?;
        let beside = NamedTempFile::new_in(folder.path()).with_context(shown)?;
        let bar = indicatif::ProgressBar::new_spinner();
        let written = export::write(beside.path(), states, facts, &|table| {
            bar.set_message(table.to_owned());
            bar.tick();
        });
        bar.finish_and_clear();
        let written = written?;
        beside.as_file().sync_all().with_context(shown)?;
        Ok(Self { beside, _folder: folder, written })
    }

    fn take_place(self, target: &Target) -> anyhow::Result<Written> {
        // Folding has taken a while.
        target.is_free()?;
        let placed = match target.existing {
            Existing::IsReplaced => self.beside.persist(&target.file),
            Existing::Stays => self.beside.persist_noclobber(&target.file),
        };
        placed.map_err(|error| error.error).with_context(|| target.file.display().to_string())?;
        Ok(self.written)
    }
}

fn tell(told: &Told<'_>, told_as: ToldAs) -> anyhow::Result<()> {
    for problem in told.left_out {
        eprintln!("left out: {problem}");
    }
    if told_as == ToldAs::Json {
        out!("{}", serde_json::to_string(told)?);
        return Ok(());
    }
    let at = match (&told.position, &told.recorded_at) {
        (Some(position), Some(recorded_at)) => {
            format!("as of position {position}, recorded {}", beijing_text(recorded_at))
        }
        (Some(position), None) => format!("as of position {position}"),
        (None, _) => "before the first event".to_owned(),
    };
    out!("{}: {} tables, {} rows, {at}", told.file, told.tables, told.rows);
    Ok(())
}
