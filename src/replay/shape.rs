//! The tables and views of a read model's file: their columns, and what their rows are in order by.

use rusqlite::Connection;

/// A table or a view.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Shape {
    pub name: String,
    pub kind: Kind,
    /// Generated ones too.
    pub columns: Vec<Column>,
    /// The columns of the primary key, in its order.
    pub key: Vec<String>,
    pub has_rowid: bool,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    Table,
    View,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Column {
    pub name: String,
    /// As it is declared; may be empty.
    pub declared: String,
}

/// The names by which SQLite knows the number of a row, where no column has them.
const ROWID: [&str; 3] = ["rowid", "_rowid_", "oid"];

impl Shape {
    /// All of a file, by name, but for the engine's own.
    pub fn of(connection: &Connection) -> rusqlite::Result<Vec<Self>> {
        let mut all = Self::of_all(connection)?;
        all.retain(|shape| !is_engines(&shape.name));
        Ok(all)
    }

    /// The engine's own too.
    pub fn of_all(connection: &Connection) -> rusqlite::Result<Vec<Self>> {
        let mut listed = connection.prepare(
            "SELECT name, type, wr FROM pragma_table_list
             WHERE schema = 'main' AND type IN ('table', 'view') AND name NOT LIKE 'sqlite\\_%' ESCAPE '\\'
             ORDER BY name",
        )?;
        let listed = listed.query_map([], |row| Ok((row.get(0)?, row.get(1)?, row.get(2)?)))?;
        let listed: Vec<(String, String, bool)> = listed.collect::<Result<_, _>>()?;
        listed.into_iter().map(|listed| Self::read(connection, listed)).collect()
    }

    fn read(
        connection: &Connection,
        (name, kind, is_without_rowid): (String, String, bool),
    ) -> rusqlite::Result<Self> {
        let sql = "SELECT name, type, pk FROM pragma_table_xinfo(?1) WHERE hidden <> 1 ORDER BY cid";
        let mut listed = connection.prepare(sql)?;
        let column = |row: &rusqlite::Row<'_>| {
            Ok((Column { name: row.get(0)?, declared: row.get(1)? }, row.get::<_, i64>(2)?))
        };
        let listed: Vec<(Column, i64)> = listed.query_map([&name], column)?.collect::<Result<_, _>>()?;
        let mut key: Vec<_> = listed.iter().filter(|(_, place)| *place > 0).collect();
        key.sort_by_key(|(_, place)| *place);
        let key = key.into_iter().map(|(column, _)| column.name.clone()).collect();
        let columns = listed.into_iter().map(|(column, _)| column).collect();
        let kind = if kind == "view" { Kind::View } else { Kind::Table };
        Ok(Self { name, kind, columns, key, has_rowid: kind == Kind::Table && !is_without_rowid })
    }

    /// What tells its rows apart, as SQL: the key, or the number of the row, or else all columns.
    pub fn identity(&self) -> Vec<String> {
        if !self.key.is_empty() {
            return self.key.iter().map(|name| quoted(name)).collect();
        }
        let is_free =
            |name: &&&str| !self.columns.iter().any(|column| column.name.eq_ignore_ascii_case(name));
        let rowid = ROWID.iter().filter(|_| self.has_rowid).find(is_free);
        rowid.map_or_else(|| self.quoted_columns(), |rowid| vec![(*rowid).to_owned()])
    }

    pub fn quoted_columns(&self) -> Vec<String> {
        self.columns.iter().map(|column| quoted(&column.name)).collect()
    }
}

/// Tables of the engine's: no folder may name one so.
pub fn is_engines(table: &str) -> bool {
    table.starts_with('_')
}

/// A name, wherever SQL takes one.
pub fn quoted(name: &str) -> String {
    format!("\"{}\"", name.replace('"', "\"\""))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rows_are_told_apart_by_key_or_number_or_all_columns() {
        let connection = Connection::open_in_memory().unwrap();
        let schema = "CREATE TABLE a (x TEXT, y INT AS (1), z INT, PRIMARY KEY (z, x)) WITHOUT ROWID;
            CREATE TABLE b (x TEXT);
            CREATE TABLE c (rowid TEXT, \"a \"\"b\" TEXT);
            CREATE TABLE d (x INTEGER PRIMARY KEY, y TEXT) STRICT;
            CREATE TABLE _own (x TEXT);
            CREATE VIEW e AS SELECT x, y AS z FROM d;";
        connection.execute_batch(schema).unwrap();
        let shapes = Shape::of(&connection).unwrap();
        let found: Vec<_> = shapes
            .iter()
            .map(|shape| (shape.name.as_str(), shape.identity().join(","), shape.quoted_columns().join(",")))
            .collect();
        let expected = [
            ("a", "\"z\",\"x\"", "\"x\",\"y\",\"z\""),
            ("b", "rowid", "\"x\""),
            ("c", "_rowid_", "\"rowid\",\"a \"\"b\""),
            ("d", "\"x\"", "\"x\",\"y\""),
            ("e", "\"x\",\"z\"", "\"x\",\"z\""),
        ];
        let expected = expected.map(|(name, key, columns)| (name, key.to_owned(), columns.to_owned()));
        assert_eq!(found, expected);
    }
}
