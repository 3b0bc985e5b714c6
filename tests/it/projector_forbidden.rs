//! What statements of a folder may not do: each is refused before anything runs, with file, line and remedy,
//! however it is hidden.

use order_ledger::projector::{Folder, Problem};
use proptest::prelude::*;

use super::folded::{checked, folder};

/// Where a statement stands in the folder.
#[derive(Clone, Copy, Debug)]
enum In {
    /// The fourth line of `schema.sql`.
    Schema,
    /// The second line of `on/GoodsDelivered.sql`.
    On,
    /// The fourth line of `queries/asked.sql`.
    Query,
}

use In::{On, Query, Schema};

impl In {
    fn file_and_line(self) -> (&'static str, usize) {
        match self {
            Schema => ("sales/schema.sql", 4),
            On => ("sales/on/GoodsDelivered.sql", 2),
            Query => ("sales/queries/asked.sql", 4),
        }
    }
}

/// A right folder, but for this.
fn with(place: In, sql: &str) -> Folder {
    let (mut schema, mut on) = (String::new(), String::new());
    let mut query = "SELECT product_id AS x FROM sales";
    match place {
        Schema => schema = sql.to_owned(),
        On => on = sql.to_owned(),
        Query => query = sql,
    }
    let schema = format!(
        "-- What was sold.\n-- environments: production\n\
         CREATE TABLE sales (position INTEGER PRIMARY KEY, product_id TEXT, fen INTEGER);\n{schema}"
    );
    let on = format!("INSERT INTO sales VALUES (:position, :product_id, :actual_price_fen);\n{on}");
    let query = format!("-- What was sold.\n-- role: finance\n-- column: x text\n{query}");
    folder("sales", &[("schema.sql", &schema), ("on/GoodsDelivered.sql", &on), ("queries/asked.sql", &query)])
}

fn problems(place: In, sql: &str) -> Vec<Problem> {
    checked(vec![with(place, sql)]).map_or_else(|problems| problems.0, |_| Vec::new())
}

const CLOCK: &str = "use :recorded_at or :day, and in queries :as_of";
const FUNCTION: &str = "allowed are functions that always give the same";
const CREATES: &str = "schema.sql creates empty tables, indexes and views and nothing else";
const CHANGES: &str = "what an event does is insert, update or delete";
const READS: &str = "a query only reads";
const OWN_ON: &str = "what an event does reads and writes the tables of its own folder";
const OWN_QUERY: &str = "a query only reads, and that the tables of its own folder and of those it `uses`";
const OWN_SCHEMA: &str = "with names that do not begin with _";
const CONSTANT: &str = "write a constant, or set the column in on/*.sql";

/// Where, what, and what is to be done about it.
const FORBIDDEN: &[(In, &str, &str)] = &[
    // Other statements.
    (Schema, "ATTACH 'other.db' AS other", CREATES),
    (On, "ATTACH 'other.db' AS other", CHANGES),
    (Query, "ATTACH 'other.db' AS other", READS),
    (On, "DETACH main", CHANGES),
    (Schema, "PRAGMA journal_mode = OFF", CREATES),
    (On, "PRAGMA user_version = 1", CHANGES),
    (Query, "PRAGMA table_info(sales)", READS),
    (On, "BEGIN", CHANGES),
    (On, "COMMIT", CHANGES),
    (On, "END", CHANGES),
    (On, "ROLLBACK", CHANGES),
    (On, "SAVEPOINT here", CHANGES),
    (On, "RELEASE here", CHANGES),
    (Schema, "COMMIT", CREATES),
    (Query, "ROLLBACK", READS),
    (Schema, "CREATE TRIGGER t AFTER INSERT ON sales BEGIN DELETE FROM sales; END", CREATES),
    (Schema, "CREATE TEMP TABLE t (a)", CREATES),
    (Schema, "CREATE TEMPORARY VIEW t AS SELECT 1", CREATES),
    (Schema, "CREATE TABLE temp.t (a)", OWN_SCHEMA),
    (Schema, "CREATE VIEW temp.t AS SELECT 1", OWN_SCHEMA),
    (Schema, "CREATE TABLE \"Temp\".t (a)", OWN_SCHEMA),
    (Schema, "CREATE VIRTUAL TABLE t USING fts5(a)", CREATES),
    (Schema, "DROP TABLE sales", CREATES),
    (Schema, "ALTER TABLE sales ADD COLUMN more", CREATES),
    (Schema, "VACUUM", CREATES),
    (Schema, "ANALYZE", CREATES),
    (Schema, "REINDEX", CREATES),
    (Schema, "INSERT INTO sales VALUES (1, 'gem', 1)", CREATES),
    (Schema, "CREATE TABLE t AS SELECT 1 AS a", CREATES),
    (Schema, "CREATE TABLE t AS VALUES (1)", CREATES),
    (Schema, "EXPLAIN CREATE TABLE t (a)", CREATES),
    (On, "CREATE TABLE t (a)", CHANGES),
    (On, "DROP TABLE sales", CHANGES),
    (On, "VALUES (1)", CHANGES),
    (On, "VACUUM INTO 'copy.db'", CHANGES),
    (Query, "EXPLAIN SELECT 1 AS x", READS),
    // The clock.
    (Schema, "CREATE TABLE t (a, at TEXT DEFAULT CURRENT_TIMESTAMP)", CLOCK),
    (Schema, "CREATE TABLE t (a, at TEXT DEFAULT (Current_Date))", CLOCK),
    (On, "INSERT INTO sales (product_id) VALUES (CURRENT_TIME)", CLOCK),
    (On, "UPDATE sales SET product_id = current_timestamp WHERE fen = 1", CLOCK),
    (Query, "SELECT current_timestamp AS x", CLOCK),
    (On, "UPDATE sales SET product_id = date('now')", FUNCTION),
    (On, "UPDATE sales SET product_id = DATETIME('now')", FUNCTION),
    (On, "UPDATE sales SET product_id = \"date\"('now')", FUNCTION),
    (On, "UPDATE sales SET product_id = [time]('now')", FUNCTION),
    (On, "UPDATE sales SET product_id = `julianday`('now')", FUNCTION),
    (On, "UPDATE sales SET fen = unixepoch()", FUNCTION),
    (On, "UPDATE sales SET fen = strftime('%s', :recorded_at)", FUNCTION),
    (On, "UPDATE sales SET fen = timediff(:recorded_at, 'now')", FUNCTION),
    (Query, "SELECT date/* so */('now') AS x", FUNCTION),
    (Query, "SELECT strftime('%Y') AS x", FUNCTION),
    // Chance.
    (On, "UPDATE sales SET fen = random()", FUNCTION),
    (On, "UPDATE sales SET fen = RANDOM ( )", FUNCTION),
    (On, "UPDATE sales SET product_id = hex(randomblob(4))", FUNCTION),
    (Query, "SELECT product_id AS x FROM sales ORDER BY random()", FUNCTION),
    (Schema, "CREATE TABLE t (a, b DEFAULT (lower('A')))", CONSTANT),
    (Schema, "CREATE TABLE t (a, b DEFAULT (random()))", FUNCTION),
    (Schema, "CREATE TABLE t (a, \"b\" DEFAULT (\"random\"()))", FUNCTION),
    (Schema, "CREATE TABLE t (a, b DEFAULT (date('now')))", FUNCTION),
    (Schema, "CREATE TABLE t (a, b DEFAULT (/* ' */ random /* ' */ ()))", FUNCTION),
    (Schema, "CREATE TABLE t (a, b DEFAULT (load_extension('x')))", FUNCTION),
    // What the connection did before, and what lies outside.
    (On, "UPDATE sales SET fen = last_insert_rowid()", FUNCTION),
    (On, "UPDATE sales SET fen = changes()", FUNCTION),
    (On, "UPDATE sales SET fen = total_changes()", FUNCTION),
    (Query, "SELECT sqlite_version() AS x", FUNCTION),
    (Query, "SELECT sqlite_compileoption_get(1) AS x", FUNCTION),
    (Query, "SELECT load_extension('evil.so') AS x", FUNCTION),
    (Query, "SELECT readfile('/etc/passwd') AS x", FUNCTION),
    (On, "UPDATE sales SET product_id = writefile('x', 'y')", FUNCTION),
    (Query, "SELECT fts3_tokenizer('simple') AS x", FUNCTION),
    (Query, "SELECT name AS x FROM pragma_table_info('sales')", OWN_QUERY),
    (Query, "SELECT name AS x FROM PRAGMA_TABLE_INFO('sales')", OWN_QUERY),
    (Query, "SELECT 1 AS x FROM pragma_wal_checkpoint", "name a table of schema.sql"),
    (Query, "SELECT sql AS x FROM sqlite_master", OWN_QUERY),
    (Query, "SELECT sql AS x FROM Sqlite_Schema", OWN_QUERY),
    (Query, "SELECT count(*) AS x FROM \"sqlite_schema\"", OWN_QUERY),
    (Query, "SELECT sql AS x FROM main.sqlite_master", OWN_QUERY),
    (Query, "SELECT sql AS x FROM temp.sqlite_schema", OWN_QUERY),
    (Query, "SELECT sql AS x FROM 'sqlite_temp_master'", OWN_QUERY),
    (On, "INSERT INTO sales (product_id) SELECT sql FROM sqlite_schema", OWN_ON),
    (On, "DELETE FROM sqlite_schema", "writes the tables of its own folder"),
    (Query, "SELECT name AS x FROM dbstat", OWN_QUERY),
    (Query, "SELECT count(*) AS x FROM DBSTAT('main')", OWN_QUERY),
    (On, "INSERT INTO sales (product_id) SELECT name FROM dbstat", OWN_ON),
    (Query, "SELECT token AS x FROM fts3tokenize('simple', 'a b')", OWN_QUERY),
    // The engine's own tables.
    (On, "UPDATE _checkpoint SET position = 0", OWN_ON),
    (On, "INSERT INTO _checkpoint (only, log_id, events) VALUES (2, 'x', 0)", OWN_ON),
    (On, "DELETE FROM _folder", OWN_ON),
    (On, "REPLACE INTO \"_build\" VALUES ('x', 'y')", OWN_ON),
    (On, "UPDATE sales SET fen = 1 FROM _checkpoint", OWN_ON),
    (On, "UPDATE sales SET fen = (SELECT position FROM main._checkpoint)", OWN_ON),
    (On, "INSERT INTO sales (fen) SELECT position FROM [_checkpoint]", OWN_ON),
    (On, "WITH c AS (SELECT position FROM _checkpoint) DELETE FROM sales WHERE position IN c", OWN_ON),
    (Query, "SELECT position AS x FROM _checkpoint", OWN_QUERY),
    (Query, "SELECT count(*) AS x FROM _CHECKPOINT", OWN_QUERY),
    (Query, "SELECT (SELECT text FROM _folder LIMIT 1) AS x", OWN_QUERY),
    (Query, "SELECT 1 AS x WHERE EXISTS (SELECT 1 FROM `_build`)", OWN_QUERY),
    (Schema, "CREATE TABLE _x (a)", OWN_SCHEMA),
    (Schema, "CREATE TABLE \"_x\" (a)", OWN_SCHEMA),
    (Schema, "CREATE VIEW _x AS SELECT 1", OWN_SCHEMA),
    (Schema, "CREATE INDEX _x ON sales (fen)", OWN_SCHEMA),
    (Schema, "CREATE INDEX theirs ON _checkpoint (events)", OWN_SCHEMA),
    (Schema, "CREATE UNIQUE INDEX theirs ON _folder (text)", OWN_SCHEMA),
    // Queries that write.
    (Query, "INSERT INTO sales VALUES (1, 'gem', 1) RETURNING product_id AS x", READS),
    (Query, "DELETE FROM sales RETURNING product_id AS x", READS),
    (Query, "UPDATE sales SET fen = 0 RETURNING product_id AS x", READS),
    (Query, "REPLACE INTO sales VALUES (1, 'gem', 1)", READS),
    (Query, "WITH a AS (SELECT 1) DELETE FROM sales", OWN_QUERY),
    (Query, "WITH a AS (SELECT 1) INSERT INTO sales SELECT 1, 2, 3 RETURNING product_id AS x", OWN_QUERY),
    // Hidden in what SQLite works out by itself.
    (Schema, "CREATE TABLE t (a, b AS (random()))", FUNCTION),
    (Schema, "CREATE TABLE t (a, b GENERATED ALWAYS AS (date('now')) STORED)", FUNCTION),
    (Schema, "CREATE TABLE t (a CHECK (a > random()))", FUNCTION),
    (Schema, "CREATE TABLE t (a, CHECK (a < \"datetime\"('now')))", FUNCTION),
    (Schema, "CREATE INDEX i ON sales (abs(random()))", FUNCTION),
    (Schema, "CREATE INDEX i ON sales (fen) WHERE fen > unixepoch()", FUNCTION),
    (Schema, "CREATE VIEW v AS SELECT random() AS a", FUNCTION),
    (Schema, "CREATE VIEW v AS SELECT date('now') AS a", FUNCTION),
    (Schema, "CREATE VIEW v AS SELECT position FROM _checkpoint", OWN_SCHEMA),
    (Schema, "CREATE VIEW v AS SELECT sql FROM sqlite_schema", OWN_SCHEMA),
    (Schema, "CREATE VIEW v AS SELECT name FROM dbstat", "a view reads tables and views"),
    (Schema, "CREATE VIEW v AS SELECT name FROM pragma_database_list", "a view reads tables and views"),
    (Schema, "CREATE VIEW v AS WITH sales AS (SELECT changes() AS a) SELECT a FROM sales", FUNCTION),
    (
        Schema,
        "CREATE VIEW IF NOT EXISTS \"v w\" AS SELECT a FROM (SELECT 1 AS a) ORDER BY random()",
        FUNCTION,
    ),
    (Schema, "CREATE TABLE t (a REFERENCES sales (position) DEFERRABLE INITIALLY DEFERRED)", "take it out"),
    (Schema, "CREATE TABLE t (a INTEGER PRIMARY KEY AUTOINCREMENT)", "take it out"),
    (
        On,
        "WITH sales AS (SELECT randomblob(2) AS a) UPDATE main.sales SET product_id = (SELECT a FROM sales)",
        FUNCTION,
    ),
    (
        On,
        "INSERT INTO sales VALUES (1, 'a', 1) ON CONFLICT (position) DO UPDATE SET fen = random()",
        FUNCTION,
    ),
    (
        On,
        "INSERT INTO sales VALUES (1, 'a', 1) ON CONFLICT DO UPDATE SET fen = 1 WHERE random() > 0",
        FUNCTION,
    ),
    (On, "DELETE FROM sales WHERE position IN (SELECT value FROM json_each(json_array(random())))", FUNCTION),
    (On, "DELETE FROM sales WHERE fen IN (SELECT sum(fen) OVER (ORDER BY random()) FROM sales)", FUNCTION),
    (On, "UPDATE sales SET fen = 1 RETURNING random()", FUNCTION),
    (Query, "SELECT max(fen) FILTER (WHERE random() > 0) AS x FROM sales", FUNCTION),
    (Query, "SELECT sum(fen) OVER (PARTITION BY date('now')) AS x FROM sales", FUNCTION),
    (Query, "SELECT value AS x FROM json_each(json_object('a', datetime('now')))", FUNCTION),
    (
        Query,
        "WITH RECURSIVE r(a) AS (SELECT random() UNION ALL SELECT a FROM r) SELECT a AS x FROM r LIMIT 1",
        FUNCTION,
    ),
    (Query, "VALUES (julianday('now'))", FUNCTION),
    (Query, "SELECT CASE WHEN 1 THEN iif(1, random(), 0) END AS x", FUNCTION),
    (Query, "SELECT 1 AS x WHERE '2026' < (SELECT max(d) FROM (SELECT date() AS d))", FUNCTION),
];

#[test]
fn a_forbidden_statement_is_refused_with_file_line_and_what_to_do() {
    let mut wrong = Vec::new();
    for (place, sql, remedy) in FORBIDDEN {
        let (file, line) = place.file_and_line();
        let found = problems(*place, sql);
        let told = |problem: &Problem| {
            problem.file == file && problem.line == Some(line) && problem.to_string().contains(remedy)
        };
        if !found.iter().any(told) {
            wrong.push(format!("{place:?} {sql}\n    {found:?}"));
        }
    }
    assert!(wrong.is_empty(), "{} are not refused as they should be:\n{}", wrong.len(), wrong.join("\n"));
}

/// What looks like the above and is not.
const ALLOWED: &[(In, &str)] = &[
    (Schema, "CREATE TABLE random (date TEXT, \"current\" TEXT)"),
    (
        Schema,
        "CREATE TABLE t (a TEXT DEFAULT '(none)', b DEFAULT (1 + 1), c DEFAULT -1, d DEFAULT 'random()')",
    ),
    (Schema, "CREATE TABLE t (a TEXT, b AS (beijing_day(a)) STORED)"),
    (Schema, "CREATE TABLE t (a TEXT CHECK (beijing_hour(a) IS NOT NULL))"),
    (Schema, "CREATE INDEX i ON sales (product_id, lower(product_id)) WHERE fen > 0"),
    (Schema, "CREATE VIEW v AS SELECT beijing_day(product_id) AS day, count(*) AS n FROM sales GROUP BY 1"),
    (Schema, "CREATE VIEW v AS SELECT 'date(''now''), CURRENT_TIMESTAMP' AS a -- random()"),
    (Schema, "CREATE VIEW \"a view\" (one, two) AS SELECT fen, product_id FROM sales"),
    (Schema, "CREATE TABLE IF NOT EXISTS main.t (a INTEGER PRIMARY KEY)"),
    (On, "INSERT OR IGNORE INTO sales VALUES (1, 'random()', 1)"),
    (On, "UPDATE sales SET fen = json_extract(:attach, '$.fen') WHERE json_valid(:attach)"),
    (On, "WITH a (n) AS (VALUES (1)) DELETE FROM sales WHERE position IN a"),
    (On, "SELECT 1 FROM sales WHERE fen > :actual_price_fen"),
    (
        On,
        "UPDATE sales SET fen = fen + 1 FROM (SELECT max(position) AS last FROM sales) WHERE position = last",
    ),
    (Query, "SELECT char(71) || printf('%d', fen) AS x FROM sales"),
    (Query, "WITH _own AS (SELECT 1 AS a) SELECT a AS x FROM _own"),
    (Query, "WITH pragma_x AS (SELECT 1 AS a) SELECT a AS x FROM pragma_x"),
    (Query, "SELECT seconds_between('2026-01-01T00:00:00Z', :as_of) AS x"),
    (Query, "SELECT moment_plus(:as_of, -60) AS x"),
    (Query, "SELECT day_plus('2026-01-01', 1) AS x"),
    (Query, "SELECT key AS x FROM json_tree('{}')"),
    (Query, "SELECT lag(fen) OVER (ORDER BY position ROWS 1 PRECEDING) AS x FROM sales"),
    (Query, "VALUES (1) -- no column is named x\nUNION ALL SELECT 1 AS x"),
];

#[test]
fn what_only_looks_forbidden_is_allowed() {
    let mut wrong = Vec::new();
    for (place, sql) in ALLOWED {
        let found: Vec<_> = problems(*place, sql)
            .into_iter()
            .filter(|problem| !problem.message.starts_with("its columns are"))
            .collect();
        if !found.is_empty() {
            wrong.push(format!("{place:?} {sql}\n    {found:?}"));
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

/// Words and signs that SQL is made of, and some that it is not.
fn pieces() -> impl Strategy<Value = String> {
    let words = [
        "SELECT",
        "INSERT INTO",
        "UPDATE",
        "DELETE FROM",
        "WITH",
        "RECURSIVE",
        "CREATE TABLE",
        "CREATE VIEW",
        "CREATE INDEX",
        "DEFAULT",
        "VALUES",
        "FROM",
        "WHERE",
        "AS",
        "sales",
        "product_id",
        "_checkpoint",
        "x",
        "random()",
        "date('now')",
        "json_each",
        ":position",
        ":nothing",
        ":",
        "?1",
        "@a",
        "$b",
        "(",
        ")",
        ",",
        ";",
        "*",
        "'",
        "\"",
        "`",
        "[",
        "]",
        "--",
        "/*",
        "*/",
        "-- role: game",
        "-- column: x text",
        "-- next: a = b",
        "-- parameter: a text = ",
        "|",
        "=",
        "1",
        "1e999",
        "0x",
        "x'0",
        "é",
        "订单",
        "\0",
        "\u{feff}",
        "\u{a0}",
        "\n",
        "\r\n",
        " ",
        "\t",
        "->>",
        "::",
        "ON",
        "UNION ALL",
        "RETURNING",
        "NULL",
    ];
    let piece = prop_oneof![8 => prop::sample::select(words.to_vec()).prop_map(str::to_owned), 1 => ".{0,6}"];
    prop::collection::vec(piece, 0..24).prop_map(|pieces| pieces.join(" "))
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 400, ..ProptestConfig::default() })]

    #[test]
    fn whatever_a_folder_holds_it_is_judged_and_nothing_panics(text in pieces(), header in any::<bool>()) {
        for place in [Schema, On, Query] {
            for problem in problems(place, &text) {
                prop_assert!(!problem.message.is_empty() && !problem.remedy.is_empty(), "{problem:?}");
                prop_assert!(problem.file.starts_with("sales"), "{problem:?}");
            }
        }
        let whole = if header { format!("-- What?\n{text}") } else { text };
        for path in ["schema.sql", "on/GoodsDelivered.sql", "queries/asked.sql"] {
            let mut folder = with(Query, "SELECT 1 AS x");
            folder.files.insert(path.to_owned(), whole.clone());
            let judged = checked(vec![folder]);
            prop_assert!(judged.is_ok() || judged.is_err_and(|problems| !problems.0.is_empty()));
        }
    }
}
