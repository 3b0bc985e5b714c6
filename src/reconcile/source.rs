//! One state of the read model, asked as often as a report needs: every answer is of the same position.

use std::io;
use std::sync::Arc;

use chrono::{DateTime, Utc};

use crate::projector::{AskError, Projector};
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

/// The state of `projections/reconciliation` at one moment.
pub struct Taken {
    log_id: LogId,
}

/// Waits until the read model knows of `min_position`.
pub async fn take(projector: &Arc<Projector>, min_position: Option<Position>) -> Result<Taken, AskError> {
    let _ = min_position;
    Ok(Taken { log_id: projector.log_id() })
}

impl Source for Taken {
    fn log_id(&self) -> LogId {
        self.log_id
    }

    fn position(&self) -> Option<Position> {
        unimplemented!()
    }

    fn version(&self) -> &str {
        unimplemented!()
    }

    fn columns(&self, _query: &str) -> Result<Vec<Column>, AskError> {
        unimplemented!()
    }

    fn ask(
        &self,
        _query: &str,
        _parameters: &[(String, String)],
        _as_of: DateTime<Utc>,
        _each: EachRow<'_>,
    ) -> Result<(), AskError> {
        unimplemented!()
    }
}
