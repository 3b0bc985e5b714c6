//! One state of the read model, asked as often as a report needs: every answer is of the same position, and so is
//! the seal.

use std::io;

use chrono::{DateTime, Utc};

use crate::domain::seal::Seal;
use crate::ledger::{LedgerError, newest_seal};
use crate::projector::{AskError, Snapshot};
use crate::store::{LogId, Position, ReadLog};
use crate::table::{Cell, Column, Table};

/// What takes an answer's rows, one by one.
pub type EachRow<'a> = &'a mut dyn FnMut(&[Cell]) -> io::Result<()>;

pub trait Source {
    fn log_id(&self) -> LogId;

    fn position(&self) -> Option<Position>;

    /// The newest seal that stands in the log at or before the position.
    fn seal(&self) -> Option<&Seal>;

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

/// A state of the read model, and the seal of its position.
pub struct Sealed {
    snapshot: Snapshot,
    seal: Option<Seal>,
}

impl Sealed {
    /// `log` is the one that the snapshot was folded from.
    pub async fn of(snapshot: Snapshot, log: &dyn ReadLog) -> Result<Self, LedgerError> {
        let seal = match snapshot.position() {
            None => None,
            until => newest_seal(log, until).await?.map(|newest| newest.seal),
        };
        Ok(Self { snapshot, seal })
    }
}

impl Source for Sealed {
    fn log_id(&self) -> LogId {
        self.snapshot.log_id()
    }

    fn position(&self) -> Option<Position> {
        self.snapshot.position()
    }

    fn seal(&self) -> Option<&Seal> {
        self.seal.as_ref()
    }

    fn version(&self) -> &str {
        self.snapshot.version()
    }

    fn columns(&self, query: &str) -> Result<Vec<Column>, AskError> {
        Ok(self.snapshot.declaration(query)?.columns.clone())
    }

    fn ask(
        &self,
        query: &str,
        parameters: &[(String, String)],
        as_of: DateTime<Utc>,
        each: EachRow<'_>,
    ) -> Result<(), AskError> {
        self.snapshot.ask(query, parameters, as_of, &mut |row| each(row.cells()))
    }
}
