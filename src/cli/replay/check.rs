//! `replay --check`: the read models that answer, each held against a fresh fold up to where it stands.

use std::collections::BTreeSet;
use std::path::Path;
use std::process::ExitCode;
use std::sync::Arc;

use anyhow::{Context, bail};

use super::super::FOUND_WRONG;
use super::told::tell;
use super::{Replay, ToldAs};
use crate::projector::past::{self, Basis, Standing, Wanted};
use crate::projector::{Definition, ReadFile, Usable};
use crate::replay::check::{self, Compared};
use crate::store::Position;

/// What became of one read model.
pub enum Checked {
    Compared {
        position: Option<Position>,
        by: By,
        compared: Compared,
    },
    /// It is not what it should be, and there is nothing to compare.
    Wrong(String),
    /// Nothing is said of it.
    LeftOut(String),
}

/// Whose definitions made the fold.
#[derive(Clone, Copy, PartialEq, Eq)]
pub enum By {
    /// Those that are usable now: the program's own, and the user's.
    Usable,
    /// Those that are stored in the read model itself, which are others.
    Stored,
}

impl By {
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Usable => "usable",
            Self::Stored => "stored",
        }
    }
}

/// One that can be compared: its file is held open, whatever takes its place meanwhile. Nothing is read in it for long:
/// while somebody reads, its write-ahead log cannot begin anew.
struct Live {
    definition: Arc<Definition>,
    by: By,
    file: ReadFile,
    until: Option<Position>,
}

impl Replay {
    pub async fn check(&self, views: &Path, usable: Usable, told_as: ToldAs) -> anyhow::Result<ExitCode> {
        for problem in &usable.problems.0 {
            eprintln!("{problem}");
        }
        let folder = views.to_owned();
        let standing = tokio::task::spawn_blocking(move || past::standing(&folder)).await?;
        let standing = match standing {
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => Vec::new(),
            standing => standing.with_context(|| views.display().to_string())?,
        };
        if standing.is_empty() {
            bail!("no read model stands in {}: `order-ledger projections list` builds them", views.display());
        }
        let mut told = absent(&usable, &standing);
        let mut live = Vec::new();
        for standing in standing {
            match self.live(&standing, &usable).await {
                Ok(opened) => live.push(opened),
                Err(checked) => told.push((standing.name, checked)),
            }
        }
        // The long way for all of them at once, and then for each the little that was folded meanwhile.
        let wanted: Vec<_> = live.iter().map(|live| self.wanted(live)).collect();
        self.fold(&wanted).await?;
        for live in live {
            let name = live.definition.name.clone();
            told.push((name, self.compared(live).await?));
        }
        told.sort_by(|(a, _), (b, _)| a.cmp(b));
        if self.folds.is_stopped() {
            bail!("not all is compared");
        }
        for (projection, checked) in &told {
            tell(projection, checked, told_as)?;
        }
        let is_wrong = !usable.problems.0.is_empty() || told.iter().any(|(_, checked)| !checked.is_equal());
        Ok(if is_wrong { FOUND_WRONG.into() } else { ExitCode::SUCCESS })
    }

    fn wanted(&self, live: &Live) -> Wanted {
        let Live { definition, until, .. } = live;
        Wanted { definition: definition.clone(), path: self.path_of(&definition.name), until: *until }
    }

    /// Or why it is not compared.
    async fn live(&self, standing: &Standing, usable: &Usable) -> Result<Live, Checked> {
        let (definition, by) = match standing.basis(&usable.definitions) {
            Basis::Usable(definition) => (definition, By::Usable),
            Basis::Stored(definition) => (definition, By::Stored),
            Basis::Unknown(why) => return Err(Checked::LeftOut(why)),
        };
        let unreadable = |error: rusqlite::Error| Checked::Wrong(format!("cannot be read: {error}"));
        let file = self.folds.open(&standing.path).map_err(unreadable)?;
        let checkpoint = file.checkpoint().map_err(unreadable)?;
        let Some(checkpoint) = checkpoint else {
            return Err(Checked::Wrong("does not say how far it is".to_owned()));
        };
        let Some(until) = checkpoint.position else { return Ok(Live { definition, by, file, until: None }) };
        let read = self.log.event_at(until).await;
        let read =
            read.map_err(|fault| Checked::Wrong(format!("cannot be held against the log: {fault}")))?;
        let event = read.map(|event| event.id);
        if checkpoint.log_id != self.log.log_id() || event.is_none() || event != checkpoint.event_id {
            let problem = format!("is of another log: the event at position {until} is not the one it names");
            return Err(Checked::Wrong(problem));
        }
        Ok(Live { definition, by, file, until: Some(until) })
    }

    /// Takes the file as it stands now, page by page, and compares that with what was folded for it.
    async fn compared(&self, live: Live) -> anyhow::Result<Checked> {
        let mut wanted = self.wanted(&live);
        let taken = self.path_of(&format!("{}.taken", live.definition.name));
        let (folds, path, by) = (self.folds.clone(), taken.clone(), live.by);
        let taking = tokio::task::spawn_blocking(move || {
            live.file.take(&path)?;
            let file = folds.open(&path)?;
            let until = file.checkpoint()?.and_then(|checkpoint| checkpoint.position);
            Ok::<_, rusqlite::Error>((file, until))
        });
        let (file, until) = match taking.await? {
            Ok(taken) => taken,
            Err(_) if self.folds.is_stopped() => bail!("not all is compared"),
            Err(error) => return Ok(Checked::Wrong(format!("cannot be read: {error}"))),
        };
        wanted.until = until;
        self.fold(std::slice::from_ref(&wanted)).await?;
        let folded = self.folds.open(&wanted.path)?;
        let reached = folded.checkpoint()?.and_then(|checkpoint| checkpoint.position);
        if reached != until {
            let at = |at: Option<Position>| at.map_or(0, Position::number);
            let (told, reached) = (at(until), at(reached));
            return Ok(Checked::Wrong(format!(
                "says that it stands at {told}, and folding ends at {reached}"
            )));
        }
        let comparing = tokio::task::spawn_blocking(move || {
            let compared = check::compare(file.connection(), folded.connection())?;
            drop((file, folded));
            // The next one needs the room.
            for path in [taken, wanted.path] {
                let _goes_with_the_folder = std::fs::remove_file(path);
            }
            anyhow::Ok(compared)
        });
        Ok(Checked::Compared { position: until, by, compared: comparing.await?? })
    }
}

/// Those that should answer, and have no file.
fn absent(usable: &Usable, standing: &[Standing]) -> Vec<(String, Checked)> {
    let stand: BTreeSet<_> = standing.iter().map(|standing| standing.name.as_str()).collect();
    let names = usable.definitions.iter().map(|definition| definition.name.as_str());
    let why =
        "has no file that answers: a server that has just begun is building it, otherwise it was removed";
    names
        .filter(|name| !stand.contains(name))
        .map(|name| (name.to_owned(), Checked::LeftOut(why.to_owned())))
        .collect()
}

impl Checked {
    /// What is not compared, or only with what it says of itself, is not known to be equal.
    pub fn is_equal(&self) -> bool {
        match self {
            Self::Compared { compared, by, .. } => *by == By::Usable && compared.differences.is_empty(),
            Self::Wrong(_) | Self::LeftOut(_) => false,
        }
    }
}
