//! Each way to write a folder wrongly is told with file, line and what to do.

use order_ledger::projector::{Folder, Problem, Problems};

use super::folded::{checked, folder};

pub const SCHEMA: &str = "schema.sql";
pub const ON: &str = "on/GoodsDelivered.sql";
const QUERY: &str = "queries/top.sql";

/// A folder with nothing wrong.
pub fn right() -> Vec<(&'static str, String)> {
    let schema = "-- What was sold, by product?\n-- environments: production\n\
                  CREATE TABLE sales (product_id TEXT PRIMARY KEY, fen INTEGER NOT NULL) STRICT;\n";
    let on = "-- Adds up.\nINSERT INTO sales VALUES (:product_id, :actual_price_fen)\n\
              ON CONFLICT DO UPDATE SET fen = fen + excluded.fen;\n";
    let query = "-- Products by what they brought.\n-- role: finance\n-- uses: orders\n\
                 -- parameter: limit integer = 10 max 100\n-- next: limit = fen\n\
                 -- column: product_id id\n-- column: fen fen | 金额\n\
                 SELECT product_id, fen FROM sales\nORDER BY fen DESC\nLIMIT :limit\n";
    vec![(SCHEMA, schema.into()), (ON, on.into()), (QUERY, query.into())]
}

fn told(folders: Vec<Folder>) -> Vec<String> {
    let found: Result<_, Problems> = checked(Folder::built_in().into_iter().chain(folders).collect());
    found.map_or_else(|problems| problems.0.iter().map(Problem::to_string).collect(), |_| Vec::new())
}

/// In this file, what is written instead of what, and how the problem that is told begins and goes on.
const WRONG: &[(&str, &str, &str, &str, &str)] = &[
    // schema.sql
    (
        SCHEMA,
        "-- What was sold, by product?\n",
        "",
        "schema.sql:1: does not say what it answers",
        "begin the file with",
    ),
    (
        SCHEMA,
        "-- environments: production\n",
        "",
        "schema.sql:1: does not say whose events it sees",
        "production` or `-- environments: both`",
    ),
    (
        SCHEMA,
        "production",
        "sandbox",
        "schema.sql:2: environments cannot be \"sandbox\"",
        "production` or `-- environments: both`",
    ),
    (SCHEMA, "fen INTEGER", "fen INTEGR", "schema.sql:3: ", "unknown datatype"),
    (SCHEMA, "STRICT;", "STRICT;\n\n-- so\nCREATE TABLE\n  t (a,, b);", "schema.sql:7: ", "syntax error"),
    (SCHEMA, "STRICT;", "STRICT;\nCREATE TABLE sales (a);", "schema.sql:4: table sales already exists", ""),
    (
        SCHEMA,
        "STRICT;",
        "STRICT;\nCREATE INDEX i ON sale (fen);",
        "schema.sql:4: no such table",
        "name a table of schema.sql",
    ),
    (
        SCHEMA,
        "STRICT;",
        "STRICT;\nCREATE VIEW v AS\nSELECT price FROM sales;",
        "schema.sql:4: no such column: price",
        "name a column",
    ),
    (
        SCHEMA,
        "STRICT;",
        "STRICT;\nDROP TABLE sales;",
        "schema.sql:4: DROP TABLE is not allowed here",
        "creates empty tables",
    ),
    // on/
    (
        ON,
        ":product_id",
        ":product",
        "on/GoodsDelivered.sql:2: this event has no field product;",
        "did you mean product_id? known: ",
    ),
    (ON, "excluded.fen", "\n  :price", "on/GoodsDelivered.sql:4: this event has no field price;", "known: "),
    (
        ON,
        "fen = fen +",
        "fen = :position + :pos +",
        "on/GoodsDelivered.sql:3: this event has no field pos;",
        "known: ",
    ),
    (ON, ":actual_price_fen", "?", "on/GoodsDelivered.sql:2: parameter 2 has no name", "write :name, not ?"),
    (ON, ":product_id", "?1", "on/GoodsDelivered.sql:2: parameter 1 has no name", "write :name, not ?"),
    (
        ON,
        ":product_id",
        "@product_id",
        "on/GoodsDelivered.sql:2: parameter 1 has no name",
        "write :name, not ?",
    ),
    (
        ON,
        ":product_id",
        "$product_id",
        "on/GoodsDelivered.sql:2: parameter 1 has no name",
        "write :name, not ?",
    ),
    (
        ON,
        "INTO sales",
        "INTO sale",
        "on/GoodsDelivered.sql:2: no such table: sale",
        "name a table of schema.sql",
    ),
    (ON, "fen = fen", "fen = price", "on/GoodsDelivered.sql:3: no such column: price", "name a column"),
    (
        ON,
        "VALUES (:product_id, :actual_price_fen)",
        "VALUES (:product_id)",
        "on/GoodsDelivered.sql:2: ",
        "2 columns but 1 values",
    ),
    (
        ON,
        "SET fen = fen",
        "SET fen fen",
        "on/GoodsDelivered.sql:3: near \"fen\": syntax error",
        "correct the statement",
    ),
    (
        ON,
        "excluded.fen;",
        "excluded.fen;\n\nUPDATE sales\nSET fen = (;",
        "on/GoodsDelivered.sql:5: incomplete input",
        "correct the statement",
    ),
    (
        ON,
        "INSERT INTO sales",
        "VALUES (1); --",
        "on/GoodsDelivered.sql:2: VALUES 1 is not allowed here",
        "insert, update or delete",
    ),
    // queries/
    (
        QUERY,
        "-- Products by what they brought.\n",
        "",
        "queries/top.sql:1: does not say what it answers",
        "begin the file with",
    ),
    (QUERY, "-- role: finance\n", "", "queries/top.sql:1: does not say who may ask", "-- role: finance"),
    (
        QUERY,
        "role: finance",
        "role: finanse",
        "queries/top.sql:2: there is no role \"finanse\"",
        "did you mean finance?",
    ),
    (
        QUERY,
        "role: finance",
        "role: finance, boss",
        "queries/top.sql:2: there is no role \"boss\"",
        "known: ",
    ),
    (QUERY, "role: finance", "role:", "queries/top.sql:2: there is no role \"\"", "known: "),
    (
        QUERY,
        "uses: orders",
        "uses: order",
        "queries/top.sql:3: uses: there is no projection \"order\"",
        "did you mean orders?",
    ),
    (QUERY, "limit integer", "limit", "queries/top.sql:4: ", "there is no parameter type"),
    (
        QUERY,
        "limit integer",
        "limit number",
        "queries/top.sql:4: there is no parameter type \"number\"",
        "known: ",
    ),
    (
        QUERY,
        "parameter: limit integer = 10 max 100",
        "parameter:",
        "queries/top.sql:4: a parameter needs a name and a type",
        "write `-- parameter:",
    ),
    (QUERY, "max 100", "up to 100", "queries/top.sql:4: \"up\" is not understood", "write `-- parameter:"),
    (QUERY, "max 100", "max many", "queries/top.sql:4: ", "write `-- parameter:"),
    (QUERY, "= 10 max 100", "=", "queries/top.sql:4: ", "write `-- parameter:"),
    (
        QUERY,
        "= 10",
        "= ten",
        "queries/top.sql:4: the default of limit: must be a whole number",
        "write another",
    ),
    (QUERY, "= 10", "= 101", "queries/top.sql:4: the default of limit: must be", "write another"),
    (
        QUERY,
        "-- parameter",
        "-- parameter: limit text\n-- parameter",
        "queries/top.sql:5: the parameter limit is declared twice",
        "take one out",
    ),
    (
        QUERY,
        "-- next",
        "-- parameter: product text\n-- next",
        "queries/top.sql:5: the parameter product is declared and not used",
        "use :product",
    ),
    (
        QUERY,
        "LIMIT :limit",
        "LIMIT :limits",
        "queries/top.sql:10: the parameter :limits is not declared",
        "did you mean limit?",
    ),
    (QUERY, "LIMIT :limit", "LIMIT ?1", "queries/top.sql:8: parameter 1 has no name", "write :name"),
    (
        QUERY,
        "next: limit = fen",
        "next: limit",
        "queries/top.sql:5: does not say how the next page is asked",
        "-- next: PARAMETER = COLUMN",
    ),
    (
        QUERY,
        "next: limit = fen",
        "next: before = fen",
        "queries/top.sql:5: next: there is no parameter \"before\"",
        "known: limit",
    ),
    (
        QUERY,
        "next: limit = fen",
        "next: limit = fee",
        "queries/top.sql:5: next: there is no column \"fee\"",
        "did you mean fen?",
    ),
    (QUERY, "fen fen | 金额", "fen yuan", "queries/top.sql:7: there is no unit \"yuan\"", "known: "),
    (
        QUERY,
        "fen fen | 金额",
        "fen",
        "queries/top.sql:7: a column needs a name and a unit",
        "-- column: NAME UNIT",
    ),
    (
        QUERY,
        "-- column: product_id id\n",
        "",
        "queries/top.sql:7: its columns are product_id, fen, declared are fen",
        "declare each column",
    ),
    (
        QUERY,
        "SELECT product_id, fen",
        "SELECT fen, product_id",
        "queries/top.sql:8: its columns are fen, product_id,",
        "in its order",
    ),
    (
        QUERY,
        "SELECT product_id, fen",
        "SELECT *, 1",
        "queries/top.sql:8: its columns are product_id, fen, 1,",
        "in its order",
    ),
    (QUERY, "FROM sales", "FROM sale", "queries/top.sql:8: no such table: sale", "-- uses: NAME"),
    (
        QUERY,
        "FROM sales",
        "FROM roles.roles",
        "queries/top.sql:8: no such table: roles.roles",
        "-- uses: NAME",
    ),
    (
        QUERY,
        "ORDER BY fen DESC",
        "ORDER fen DESC",
        "queries/top.sql:9: near \"fen\": syntax error",
        "correct the statement",
    ),
    (
        QUERY,
        "LIMIT :limit",
        "LIMIT :limit;\nSELECT 1",
        "queries/top.sql:11: has a second statement",
        "a file of its own",
    ),
    (
        QUERY,
        "SELECT product_id",
        "DELETE FROM sales; -- ",
        "queries/top.sql:8: DELETE FROM is not allowed here",
        "a query only reads",
    ),
];

#[test]
fn each_way_to_write_a_folder_wrongly_is_told_with_file_line_and_remedy() {
    assert_eq!(told(vec![folder_of(right())]), [""; 0]);
    let mut wrong = Vec::new();
    for (file, from, to, begins, says) in WRONG {
        let mut files = right();
        let (_, text) = files.iter_mut().find(|(path, _)| path == file).unwrap();
        assert!(text.contains(from), "{from}");
        *text = text.replacen(from, to, 1);
        let found = told(vec![folder_of(files)]);
        let begins = format!("sales/{begins}");
        if !found.iter().any(|problem| problem.starts_with(&begins) && problem.contains(says)) {
            wrong.push(format!("{file}: {from:?} -> {to:?}\n    {}", found.join("\n    ")));
        }
    }
    assert!(wrong.is_empty(), "{} are not told as they should be:\n{}", wrong.len(), wrong.join("\n"));
}

fn folder_of(files: Vec<(&'static str, String)>) -> Folder {
    folder("sales", &files.iter().map(|(path, text)| (*path, text.as_str())).collect::<Vec<_>>())
}

/// Files that are there besides, or instead of what; `None`: the file is taken away.
const FILES: &[(&str, Option<&str>, &str, &str)] = &[
    (SCHEMA, None, "sales/schema.sql: is missing;", "write its tables there"),
    (SCHEMA, Some(""), "sales/schema.sql:1: does not say what it answers;", "begin the file"),
    (ON, Some("-- nothing\n;"), "sales/on/GoodsDelivered.sql: does nothing;", "or remove the file"),
    (QUERY, Some("-- What?\n-- role: game\n"), "sales/queries/top.sql: asks nothing;", "write one SELECT"),
    (
        "on/GoodDelivered.sql",
        Some("DELETE FROM sales"),
        "sales/on/GoodDelivered.sql: there is no event GoodDelivered;",
        "did you mean GoodsDelivered? known: ",
    ),
    (
        "on/goodsdelivered.sql",
        Some("DELETE FROM sales"),
        "sales/on/goodsdelivered.sql: there is no event",
        "did you mean GoodsDelivered?",
    ),
    ("more.sql", Some("-- more"), "sales/more.sql: has no place here;", "only schema.sql, on/EVENT.sql"),
    ("Schema.sql", Some("-- more"), "sales/Schema.sql: has no place here;", "only schema.sql, on/EVENT.sql"),
    (
        "on/CoinsDelivered.SQL",
        Some("DELETE FROM sales"),
        "sales/on/CoinsDelivered.SQL: has no place here;",
        "only schema.sql",
    ),
    (
        "queries/By Hour.sql",
        Some("-- x\n-- role: game\n-- column: a text\nSELECT 1 AS a"),
        "sales/queries/By Hour.sql: cannot be a query's name;",
        "1 to 32 of a-z",
    ),
    (
        "queries/1.sql",
        Some("-- x\n-- role: game\n-- column: a text\nSELECT 1 AS a"),
        "sales/queries/1.sql: cannot be a query's name;",
        "a letter first",
    ),
];

#[test]
fn a_file_that_is_missing_empty_or_out_of_place_is_told_of() {
    for (path, text, begins, says) in FILES {
        let mut files = right();
        files.retain(|(known, _)| known != path);
        files.extend(text.map(|text| (*path, text.to_owned())));
        let found = told(vec![folder_of(files)]);
        let is_told = found.iter().any(|problem| problem.starts_with(begins) && problem.contains(says));
        assert!(is_told, "{path}: {found:#?}");
    }
}

#[test]
fn a_name_that_cannot_be_or_is_taken_is_told_of() {
    let long = "a".repeat(33);
    for (name, says) in [
        ("Sales", "a projection cannot be named \"Sales\"; write 1 to 32 of a-z"),
        ("2026", "a projection cannot be named"),
        ("my sales", "a projection cannot be named"),
        ("sales-2", "a projection cannot be named"),
        ("_sales", "a projection cannot be named"),
        (&long, "a projection cannot be named"),
        ("main", "a projection cannot be named \"main\""),
        ("temp", "a projection cannot be named \"temp\""),
        ("orders", "a projection of the program has this name; give the folder another name"),
    ] {
        let mut named = folder_of(right());
        named.name = name.to_owned();
        let found = told(vec![named]);
        assert!(found.iter().any(|problem| problem.starts_with(name) && problem.contains(says)), "{found:?}");
    }
}

#[test]
fn all_problems_are_told_at_once_in_the_order_of_files_and_lines() {
    let mut files = right();
    files[0].1 = files[0].1.replace("production", "all");
    files[1].1 = files[1].1.replace(":product_id", ":product").replace("excluded.fen", ":fen");
    files[2].1 = files[2].1.replace("finance", "boss").replace("fen fen", "fen yuan");
    let found = told(vec![folder_of(files)]);
    let places: Vec<_> = found.iter().map(|problem| problem.split(": ").next().unwrap()).collect();
    let on = "sales/on/GoodsDelivered.sql:2";
    let query = ["sales/queries/top.sql:2", "sales/queries/top.sql:7"];
    assert_eq!(places, [on, query[0], query[1], "sales/schema.sql:2"], "{found:#?}");
}
