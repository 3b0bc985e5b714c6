//! Where the server and commands look: the read models, and the file of the refused ring.

use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use chrono::{DateTime, Utc};

use super::{Answered, Place, Sources};
use crate::domain::app::AppSlug;
use crate::limits;
use crate::projector::{AskError, Projector, Question};
use crate::store::refused::{Entry, Ring};
use crate::table::{Cell, Column, Table, Unit};

pub struct ReadModelsAndRing {
    pub projector: Arc<Projector>,
    /// The refused ring's file.
    pub ring: PathBuf,
    /// Only what is of this app.
    pub app: Option<AppSlug>,
    /// How long to wait for a projection that is being built.
    pub wait: Duration,
}

#[async_trait]
impl Sources for ReadModelsAndRing {
    async fn ask(&self, place: &Place, id: &str, as_of: DateTime<Utc>) -> Result<Answered, String> {
        let text = |text: &str| text.to_owned();
        let mut parameters = vec![(text(place.parameter), text(id))];
        parameters.extend(place.more.iter().map(|(name, value)| (text(name), text(value))));
        parameters.extend(self.app.iter().map(|app| (text("app"), text(app.as_str()))));
        let question = Question {
            projection: place.projection,
            query: place.query,
            parameters: &parameters,
            as_of,
            min_position: None,
            wait: self.wait,
        };
        let answer = self.projector.ask(&question).await.map_err(|error| in_short(&error))?;
        let position = answer.position.map(|position| position.to_string());
        Ok(Answered { table: answer.table, position })
    }

    async fn refused(&self, id: &str) -> Result<Table, String> {
        let (path, id) = (self.ring.clone(), id.to_owned());
        let claiming = move || match Ring::open_existing(&path)? {
            Some(ring) => ring.claiming(&id, limits::LIST_ROWS),
            None => Ok(vec![]),
        };
        let found = tokio::task::spawn_blocking(claiming).await.map_err(|error| error.to_string())?;
        let found = found.map_err(|_| "the refused ring cannot be read".to_owned())?;
        let is_seen = |entry: &Entry| self.app.as_ref().is_none_or(|app| app.as_str() == entry.app);
        Ok(table(found.into_iter().filter(is_seen)))
    }
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
        | AskError::TooSlow
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
