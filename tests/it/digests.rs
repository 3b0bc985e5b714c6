//! The rows of projections as digests, read from their files with SQL and nothing of the program.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use rusqlite::types::ValueRef;
use rusqlite::{Connection, OpenFlags};
use sha2::{Digest, Sha256};

/// Rows and SHA-256 of each table, by `projection.table`.
pub type Digests = BTreeMap<String, String>;

/// The file that answers.
pub fn current(views: &Path, name: &str) -> Option<PathBuf> {
    let folder = views.join(name);
    std::fs::read_to_string(folder.join("current")).ok().map(|file| folder.join(file.trim()))
}

pub fn open(file: &Path) -> Connection {
    let connection = Connection::open_with_flags(file, OpenFlags::SQLITE_OPEN_READ_ONLY).unwrap();
    connection.busy_timeout(std::time::Duration::from_secs(5)).unwrap();
    connection
}

/// Where each projection in a folder stands, by its name; `None` while none answers.
pub fn positions(views: &Path) -> BTreeMap<String, Option<u64>> {
    let position = |name: &str| {
        let sql = "SELECT position FROM _checkpoint";
        let position = open(&current(views, name)?).query_row(sql, [], |row| row.get::<_, Option<i64>>(0));
        Some(position.ok()??.unsigned_abs())
    };
    let folders = std::fs::read_dir(views).unwrap().map(Result::unwrap);
    let names = folders.filter(|entry| entry.path().is_dir() && entry.file_name() != "as-of");
    names
        .map(|entry| entry.file_name().into_string().unwrap())
        .map(|name| (name.clone(), position(&name)))
        .collect()
}

/// Of all tables of all projections in a folder, but for the engine's own.
pub fn digests(views: &Path) -> Digests {
    let mut found = Digests::new();
    for entry in std::fs::read_dir(views).unwrap() {
        let name = entry.unwrap().file_name().into_string().unwrap();
        let Some(file) = current(views, &name) else { continue };
        let connection = open(&file);
        let sound: String = connection.query_row("PRAGMA integrity_check", [], |row| row.get(0)).unwrap();
        assert_eq!(sound, "ok", "{name}");
        let tables = strings(
            &connection,
            "SELECT name FROM sqlite_schema
             WHERE type = 'table' AND name NOT LIKE 'sqlite\\_%' ESCAPE '\\' AND name NOT LIKE '\\_%' ESCAPE '\\'",
        );
        for table in tables {
            found.insert(format!("{name}.{table}"), digest(&connection, &table));
        }
    }
    found
}

fn strings(connection: &Connection, sql: &str) -> Vec<String> {
    let mut statement = connection.prepare(sql).unwrap();
    let rows = statement.query_map([], |row| row.get(0)).unwrap();
    rows.collect::<Result<_, _>>().unwrap()
}

/// Row for row, in the order of all columns.
fn digest(connection: &Connection, table: &str) -> String {
    let columns =
        strings(connection, &format!("SELECT '\"' || name || '\"' FROM pragma_table_info('{table}')"));
    let columns = columns.join(", ");
    let sql = format!("SELECT {columns} FROM \"{table}\" ORDER BY {columns}");
    let mut statement = connection.prepare(&sql).unwrap();
    let width = statement.column_count();
    let mut rows = statement.query([]).unwrap();
    let (mut sha, mut count) = (Sha256::new(), 0);
    while let Some(row) = rows.next().unwrap() {
        for place in 0..width {
            match row.get_ref(place).unwrap() {
                ValueRef::Null => sha.update("n"),
                ValueRef::Integer(number) => sha.update(format!("i{number};")),
                ValueRef::Real(number) => sha.update(format!("r{number};")),
                ValueRef::Text(text) => {
                    sha.update(format!("t{};", text.len()));
                    sha.update(text);
                }
                ValueRef::Blob(blob) => {
                    sha.update(format!("b{};", blob.len()));
                    sha.update(blob);
                }
            }
        }
        sha.update("\n");
        count += 1;
    }
    format!("{count} rows, {}", hex::encode(&sha.finalize()[..8]))
}
