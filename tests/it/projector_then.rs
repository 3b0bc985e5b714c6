//! Statements that several events share: each way to share them wrongly is told with file, line and what to do.

use order_ledger::projector::Problem;

use super::folded::{checked, folder};

const ON: &str = "on/GoodsDelivered.sql";
const THEN: &str = "then/add.sql";
const RIGHT: [(&str, &str); 3] = [
    (
        "schema.sql",
        "-- What was sold?\n-- environments: both\n\
         CREATE TABLE sales (product_id TEXT PRIMARY KEY, fen INTEGER NOT NULL) STRICT;",
    ),
    (ON, "INSERT INTO sales VALUES (:product_id, 0) ON CONFLICT DO NOTHING;\n-- then: add\n"),
    (THEN, "-- Adds up.\nUPDATE sales SET fen = fen + :actual_price_fen\nWHERE product_id = :product_id;\n"),
];

/// What is told where these files are there besides, or instead.
fn told(changed: &[(&str, &str)]) -> Vec<String> {
    let kept = RIGHT.into_iter().filter(|(path, _)| !changed.iter().any(|(other, _)| other == path));
    let files: Vec<_> = kept.chain(changed.iter().copied()).collect();
    let found = checked(vec![folder("sales", &files)]);
    found.map_or_else(|problems| problems.0.iter().map(Problem::to_string).collect(), |_| Vec::new())
}

/// A file, what it says, and how the problems begin that are told.
const WRONG: &[(&str, &str, &[&str])] = &[
    (
        ON,
        "DELETE FROM sales;\n-- then: ad\n",
        &[
            "on/GoodsDelivered.sql:2: there is no then/ad.sql; did you mean add? known: add",
            "then/add.sql: is named by no event; write `-- then: NAME` into a file of on/, or remove",
        ],
    ),
    (
        ON,
        "-- then: add\nUPDATE sales SET fen = 0\n-- then: add\n;",
        &["on/GoodsDelivered.sql:3: `-- then:` stands within a statement; end it with ; first"],
    ),
    (
        ON,
        "-- then: add\n\nDELETE FROM sales\n-- then: add",
        &["on/GoodsDelivered.sql:4: `-- then:` stands within a statement; end it with ; first"],
    ),
    (
        ON,
        "-- then: add add\n-- then: add",
        &["on/GoodsDelivered.sql:1: `-- then:` takes one name; write `-- then: NAME`"],
    ),
    (
        ON,
        "-- then: add\n--then:",
        &["on/GoodsDelivered.sql:2: `-- then:` takes one name; write `-- then: NAME`"],
    ),
    ("on/GoodDelivered.sql", "-- then: add", &["on/GoodDelivered.sql: there is no event GoodDelivered; did"]),
    (
        "on/CoinsDelivered.sql",
        "DELETE FROM sales;\n-- then: add",
        &["then/add.sql:3: CoinsDelivered, which runs it, has no field product_id; "],
    ),
    ("then/more.sql", "DELETE FROM sale", &["then/more.sql: is named by no event; "]),
    (THEN, "-- nothing;\n", &["then/add.sql: does nothing; write a statement, or remove the file"]),
    (
        THEN,
        "DELETE FROM sales;\n-- then: add",
        &["then/add.sql:2: names a file of then/ itself; name both in the file of on/"],
    ),
    (THEN, "DELETE FROM sales;\n\nDELETE FROM sale", &["then/add.sql:3: no such table: sale; name a table"]),
    (
        THEN,
        "DELETE FROM sales\nWHERE fen = :fen",
        &["then/add.sql:2: GoodsDelivered, which runs it, has no field fen; did you mean env? known: "],
    ),
    (THEN, "DROP TABLE sales", &["then/add.sql:1: DROP TABLE is not allowed here; "]),
    (THEN, "DELETE FROM _checkpoint", &["then/add.sql:1: SQLite was told to refuse this: "]),
    (
        "then/Add up.sql",
        "DELETE FROM sales",
        &["then/Add up.sql: cannot be named by `-- then:`; write 1 to 32", "then/Add up.sql: is named by no"],
    ),
    (
        "then/up.SQL",
        "DELETE FROM sales",
        &[
            "then/up.SQL: cannot be named by `-- then:`; ",
            "then/up.SQL: has no place here; only schema.sql, on/EVENT.sql, then/NAME.sql and queries/",
        ],
    ),
];

#[test]
fn each_way_to_share_statements_wrongly_is_told_with_file_line_and_remedy() {
    assert_eq!(told(&[]), [""; 0]);
    for (path, text, begins) in WRONG {
        let found = told(&[(path, text)]);
        let is_it = |(found, begins): (&String, &&str)| found.starts_with(&format!("sales/{begins}"));
        assert!(
            found.len() == begins.len() && found.iter().zip(*begins).all(is_it),
            "{path}: {text:?}: {found:#?}"
        );
    }
}

#[test]
fn what_is_wrong_for_all_that_share_it_is_told_once() {
    let wrong = "UPDATE sale SET fen = 0; DELETE FROM sale WHERE fen = :fee;";
    let shared =
        [(THEN, wrong), ("on/GiftDelivered.sql", "-- then: add"), ("on/BillLines.sql", "-- then: add")];
    let found = told(&shared);
    assert_eq!(found.len(), 1, "{found:#?}");
    assert!(found[0].starts_with("sales/then/add.sql:1: no such table: sale; "), "{found:#?}");
}
