//! Where the server and commands look: the read models, and the file of the refused ring.

use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use chrono::{DateTime, Utc};

use super::{Answered, Place, Sources};
use crate::domain::app::AppSlug;
use crate::limits;
use crate::projector::{Answer, AskError, Projector, Question};
use crate::store::Position;
use crate::store::refused::{Entry, Ring};
use crate::table::{Cell, Column, Table, Unit};

pub struct ReadModelsAndRing {
    pub projector: Arc<Projector>,
    /// The refused ring's file.
    pub ring: PathBuf,
    /// Only what is of this app.
    pub app: Option<AppSlug>,
    /// The log's end: who does not know it may have missed the id.
    pub head: Option<Position>,
    /// How long to wait for a projection that is being built or does not know the log's end yet.
    pub wait: Duration,
}

#[async_trait]
impl Sources for ReadModelsAndRing {
    async fn ask(&self, place: &Place, id: &str, as_of: DateTime<Utc>) -> Result<Answered, String> {
        let parameters = place.parameters(id, self.app.as_ref());
        let question = place.question(&parameters, as_of, self.wait);
        let question = Question { min_position: self.head, ..question };
        let answer = match self.projector.ask(&question).await {
            // Old rows are better than none; it has been waited for already.
            Err(AskError::Behind { .. }) => {
                let as_it_is = Question { min_position: None, wait: Duration::ZERO, ..question };
                self.projector.ask(&as_it_is).await
            }
            other => other,
        };
        answer.map(|answer| answered(answer, self.head)).map_err(|error| in_short(&error))
    }

    async fn refused(&self, id: &str) -> Result<Table, String> {
        let (path, id, app) = (self.ring.clone(), id.to_owned(), self.app.clone());
        let claiming = move || match Ring::open_existing(&path)? {
            Some(ring) => ring.claiming(&id, app.as_ref().map(AppSlug::as_str), limits::LIST_ROWS),
            None => Ok(vec![]),
        };
        let found = tokio::task::spawn_blocking(claiming).await.map_err(|error| error.to_string())?;
        let found = found.map_err(|_| "the refused ring cannot be read".to_owned())?;
        Ok(table(found.into_iter()))
    }
}

impl Place {
    /// What it is asked with.
    pub fn parameters(&self, id: &str, app: Option<&AppSlug>) -> Vec<(String, String)> {
        let text = |text: &str| text.to_owned();
        let mut parameters = vec![(text(self.parameter), text(id))];
        parameters.extend(self.more.iter().map(|(name, value)| (text(name), text(value))));
        parameters.extend(app.map(|app| (text("app"), text(app.as_str()))));
        parameters
    }

    /// What is asked there, of whichever position.
    pub fn question<'a>(
        &self,
        parameters: &'a [(String, String)],
        as_of: DateTime<Utc>,
        wait: Duration,
    ) -> Question<'a> {
        let Self { projection, query, .. } = *self;
        Question { projection, query, parameters, as_of, min_position: None, wait }
    }
}

/// What is behind the log's end says how far it is.
fn answered(answer: Answer, head: Option<Position>) -> Answered {
    let Answer { table, position, .. } = answer;
    let known = position.map(|position| position.to_string());
    let behind = head.filter(|head| position < Some(*head));
    let problem = behind.map(|head| {
        let known = known.as_deref().unwrap_or("0");
        format!("knows the log to {known} of {head} only")
    });
    Answered { table, position: known, problem }
}

/// What stands behind a fault is for the log alone.
fn in_short(error: &AskError) -> String {
    match error {
        AskError::Fault { projection, .. } => {
            tracing::error!(%error, "an id could not be looked up");
            format!("{projection} cannot be asked; the log says why")
        }
        AskError::UnknownProjection { .. }
        | AskError::UnknownQuery { .. }
        | AskError::Parameter(_)
        | AskError::NotBuilt { .. }
        | AskError::Behind { .. }
        | AskError::Stopped { .. }
        | AskError::NoRoom { .. }
        | AskError::PastFailed { .. }
        | AskError::Closing
        | AskError::TooSlow(_)
        | AskError::Busy
        | AskError::Sink(_)
        | AskError::TooLarge => error.to_string(),
    }
}

fn table(entries: impl Iterator<Item = Entry>) -> Table {
    let columns = [
        ("entry", Unit::Id),
        ("app", Unit::Text),
        ("channel", Unit::Text),
        ("code", Unit::Count),
        ("reason", Unit::Text),
        ("mock", Unit::Flag),
        ("stranger", Unit::Flag),
        ("claimed", Unit::Json),
        ("first_at", Unit::Moment),
        ("last_at", Unit::Moment),
        ("gives_up_at", Unit::Moment),
        ("times", Unit::Count),
    ];
    let columns = columns.map(|(name, unit)| Column { name: name.into(), unit, label: String::new() });
    let row = |entry: Entry| {
        vec![
            Cell::Text(entry.id.to_string()),
            Cell::Text(entry.app),
            Cell::Text(entry.channel),
            Cell::Integer(entry.code.into()),
            Cell::Text(entry.reason),
            Cell::Integer(entry.mock.into()),
            Cell::Integer(entry.stranger.into()),
            Cell::Text(entry.claimed),
            Cell::Text(entry.first_at),
            Cell::Text(entry.last_at),
            entry.gives_up_at.map_or(Cell::Null, Cell::Text),
            Cell::Integer(entry.times.into()),
        ]
    };
    Table { columns: columns.to_vec(), rows: entries.map(row).collect() }
}
