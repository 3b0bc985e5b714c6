//! `replay --check`: the read models that answer, held against a fresh fold up to where each of them stands.

use std::path::Path;
use std::process::ExitCode;
use std::sync::Arc;

use anyhow::{Context, bail};
use serde::Serialize;

use super::super::FOUND_WRONG;
use super::{Replay, ToldAs};
use crate::projector::Definition;
use crate::projector::past::{self, ReadFile, Standing, Wanted};
use crate::replay::check::{self, Compared, Difference, What};
use crate::store::Position;

/// What became of one read model.
enum Checked {
    Compared {
        position: Option<Position>,
        compared: Compared,
    },
    /// It is not what it should be, and there is nothing to compare.
    Wrong(String),
    /// It is to be built anew anyway.
    LeftOut(&'static str),
}

/// One that can be compared: its file is held open, whatever takes its place meanwhile.
struct Live {
    definition: Arc<Definition>,
    file: ReadFile,
    until: Option<Position>,
}

impl Replay {
    pub async fn check(&self, views: &Path, told_as: ToldAs) -> anyhow::Result<ExitCode> {
        let folder = views.to_owned();
        let standing = tokio::task::spawn_blocking(move || past::standing(&folder)).await?;
        let standing = match standing {
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => Vec::new(),
            standing => standing.with_context(|| views.display().to_string())?,
        };
        if standing.is_empty() {
            bail!("no read model stands in {}: `order-ledger projections list` builds them", views.display());
        }
        let (mut told, mut live) = (Vec::new(), Vec::new());
        for standing in standing {
            let name = standing.name.clone();
            match self.live(standing).await {
                Ok(opened) => live.push(opened),
                Err(checked) => told.push((name, checked)),
            }
        }
        let wanted = |live: &Live| Wanted {
            definition: live.definition.clone(),
            path: self.path_of(&live.definition.name),
            until: live.until,
        };
        // The long way first, and then the little that was folded meanwhile: nobody may wait for us for long.
        let mut folds: Vec<_> = live.iter().map(wanted).collect();
        self.fold(&folds).await?;
        for (live, wanted) in live.iter().zip(&mut folds) {
            live.file.connection().execute_batch("BEGIN")?;
            wanted.until = live.file.checkpoint()?.and_then(|checkpoint| checkpoint.position);
        }
        self.fold(&folds).await?;
        for (live, wanted) in live.into_iter().zip(folds) {
            let name = wanted.definition.name.clone();
            let folded = self.folds.open(&wanted.path)?;
            let compare = move || compare(&live, &wanted, &folded);
            told.push((name, tokio::task::spawn_blocking(compare).await??));
        }
        told.sort_by(|(a, _), (b, _)| a.cmp(b));
        if self.folds.is_stopped() {
            bail!("not all is compared");
        }
        for (projection, checked) in &told {
            tell(projection, checked, told_as)?;
        }
        let is_wrong = told.iter().any(|(_, checked)| checked.is_wrong());
        Ok(if is_wrong { FOUND_WRONG.into() } else { ExitCode::SUCCESS })
    }

    /// Or why it is not compared.
    async fn live(&self, standing: Standing) -> Result<Live, Checked> {
        let Standing { definition, path, version, .. } = standing;
        let Some(definition) = definition.filter(|definition| definition.version == version) else {
            return Err(Checked::LeftOut(
                "was built by another version of the program, which builds it anew",
            ));
        };
        let unreadable = |error: rusqlite::Error| Checked::Wrong(format!("cannot be read: {error}"));
        let file = self.folds.open(&path).map_err(unreadable)?;
        let checkpoint = file.checkpoint().map_err(unreadable)?;
        let Some(checkpoint) = checkpoint else {
            return Err(Checked::Wrong("does not say how far it is".to_owned()));
        };
        let Some(until) = checkpoint.position else { return Ok(Live { definition, file, until: None }) };
        let read = self.log.event_at(until).await;
        let read =
            read.map_err(|fault| Checked::Wrong(format!("cannot be held against the log: {fault}")))?;
        let event = read.map(|event| event.id);
        if checkpoint.log_id != self.log.log_id() || event.is_none() || event != checkpoint.event_id {
            let problem = format!("is of another log: the event at position {until} is not the one it names");
            return Err(Checked::Wrong(problem));
        }
        Ok(Live { definition, file, until: Some(until) })
    }
}

fn compare(live: &Live, wanted: &Wanted, folded: &ReadFile) -> anyhow::Result<Checked> {
    let reached = folded.checkpoint()?.and_then(|checkpoint| checkpoint.position);
    if reached != wanted.until {
        let at = |at: Option<Position>| at.map_or(0, Position::number);
        let (told, reached) = (at(wanted.until), at(reached));
        return Ok(Checked::Wrong(format!("says that it stands at {told}, and folding ends at {reached}")));
    }
    let compared = check::compare(live.file.connection(), folded.connection())?;
    Ok(Checked::Compared { position: wanted.until, compared })
}

impl Checked {
    fn is_wrong(&self) -> bool {
        match self {
            Self::Compared { compared, .. } => !compared.differences.is_empty(),
            // What is not compared is not known to be equal.
            Self::Wrong(_) | Self::LeftOut(_) => true,
        }
    }
}

#[derive(Serialize)]
struct Line<'a> {
    projection: &'a str,
    /// `null` where it was not compared.
    position: Option<String>,
    is_equal: bool,
    tables: u64,
    rows: u64,
    problem: Option<&'a str>,
    differences: Vec<Shown<'a>>,
}

#[derive(Serialize)]
struct Shown<'a> {
    table: &'a str,
    /// schema, unreadable, missing, extra or otherwise
    kind: &'static str,
    key: Vec<[&'a str; 2]>,
    /// Name, what answers, and what the log makes of it.
    columns: Vec<[&'a str; 3]>,
    message: String,
}

impl<'a> Shown<'a> {
    fn of(difference: &'a Difference) -> Self {
        let (kind, fields, differing) = match &difference.what {
            What::Schema(_) => ("schema", &[][..], &[][..]),
            What::Unreadable(_) => ("unreadable", &[][..], &[][..]),
            What::Missing(key) => ("missing", key.as_slice(), &[][..]),
            What::Extra(key) => ("extra", key.as_slice(), &[][..]),
            What::Otherwise { key, columns } => ("otherwise", key.as_slice(), columns.as_slice()),
        };
        let key = fields.iter().map(|field| [field.name.as_str(), field.value.as_str()]).collect();
        let column = |differing: &'a check::Differing| {
            [differing.name.as_str(), differing.found.as_str(), differing.folded.as_str()]
        };
        let columns = differing.iter().map(column).collect();
        Self { table: &difference.table, kind, key, columns, message: difference.to_string() }
    }
}

fn tell(projection: &str, checked: &Checked, told_as: ToldAs) -> anyhow::Result<()> {
    if told_as == ToldAs::Json {
        out!("{}", serde_json::to_string(&line(projection, checked))?);
        return Ok(());
    }
    match checked {
        Checked::Wrong(problem) => out!("{projection}: {problem}"),
        Checked::LeftOut(why) => out!("{projection}: not compared: it {why}"),
        Checked::Compared { position, compared } => {
            let at = position.map_or(0, Position::number);
            let Compared { tables, rows, differences } = compared;
            if differences.is_empty() {
                out!("{projection}: equal at position {at}: {tables} tables, {rows} rows");
            }
            for difference in differences {
                out!("{projection}: differs at position {at}: {difference}");
            }
        }
    }
    Ok(())
}

fn line<'a>(projection: &'a str, checked: &'a Checked) -> Line<'a> {
    let line = Line {
        projection,
        position: None,
        is_equal: !checked.is_wrong(),
        tables: 0,
        rows: 0,
        problem: None,
        differences: vec![],
    };
    match checked {
        Checked::Wrong(problem) => Line { problem: Some(problem), ..line },
        Checked::LeftOut(why) => Line { problem: Some(why), is_equal: false, ..line },
        Checked::Compared { position, compared } => Line {
            position: position.map(|position| position.to_string()),
            tables: compared.tables,
            rows: compared.rows,
            differences: compared.differences.iter().map(Shown::of).collect(),
            ..line
        },
    }
}
