//! One state of the read model, asked as often as a report needs: every answer is of the same position.

use std::io;

use chrono::{DateTime, Utc};

use crate::projector::{AskError, Snapshot};
use crate::store::{LogId, Position};
use crate::table::{Cell, Column, Table};

/// What takes an answer's rows, one by one.
pub type EachRow<'a> = &'a mut dyn FnMut(&[Cell]) -> io::Result<()>;

pub trait Source {
    fn log_id(&self) -> LogId;

    fn position(&self) -> Option<Position>;

    /// The hash of the folder's SQL.
    fn version(&self) -> &str;

    fn columns(&self, query: &str) -> Result<Vec<Column>, AskError>;

    /// All rows. Blocks.
    fn ask(
        &self,
        query: &str,
        parameters: &[(String, String)],
        as_of: DateTime<Utc>,
        each: EachRow<'_>,
    ) -> Result<(), AskError>;
}

/// All rows at once, of a question that has few.
pub fn table(
    source: &dyn Source,
    query: &str,
    parameters: &[(String, String)],
    as_of: DateTime<Utc>,
) -> Result<Table, AskError> {
    let mut table = Table { columns: source.columns(query)?, rows: Vec::new() };
    source.ask(query, parameters, as_of, &mut |cells| {
        table.rows.push(cells.to_vec());
        Ok(())
    })?;
    Ok(table)
}

/// The projection that matches orders and bills.
pub const PROJECTION: &str = "reconciliation";

impl Source for Snapshot {
    fn log_id(&self) -> LogId {
        self.log_id()
    }

    fn position(&self) -> Option<Position> {
        self.position()
    }

    fn version(&self) -> &str {
        self.version()
    }

    fn columns(&self, query: &str) -> Result<Vec<Column>, AskError> {
        Ok(self.declaration(query)?.columns.clone())
    }

    fn ask(
        &self,
        query: &str,
        parameters: &[(String, String)],
        as_of: DateTime<Utc>,
        each: EachRow<'_>,
    ) -> Result<(), AskError> {
        self.ask(query, parameters, as_of, &mut |row| each(row.cells()))
    }
}
