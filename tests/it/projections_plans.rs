//! How SQLite finds the rows of each named query: lookups go by an index, and lists are not sorted.

use std::collections::BTreeSet;
use std::sync::Arc;

use order_ledger::projector::{Definition, Folder};
use rusqlite::Connection;
use rusqlite::functions::FunctionFlags;
use tempfile::TempDir;

/// The program's own projections, empty, each in a file.
struct Empty {
    folder: TempDir,
    definitions: Vec<Arc<Definition>>,
}

impl Empty {
    fn made() -> Self {
        let definitions = Definition::check_all(Folder::built_in()).unwrap_or_else(|found| panic!("{found}"));
        let empty = Self { folder: tempfile::tempdir().unwrap(), definitions };
        for definition in &empty.definitions {
            let connection = Connection::open(empty.path(&definition.name)).unwrap();
            for statement in definition.schema.iter().chain(&definition.late_indexes) {
                connection.execute_batch(&statement.sql).unwrap();
            }
        }
        empty
    }

    fn path(&self, name: &str) -> String {
        self.folder.path().join(name).to_string_lossy().into_owned()
    }

    /// With the program's own functions, as far as a plan needs them.
    fn connection(&self, definition: &Definition) -> Connection {
        let connection = Connection::open(self.path(&definition.name)).unwrap();
        let flags = FunctionFlags::SQLITE_UTF8 | FunctionFlags::SQLITE_DETERMINISTIC;
        for (function, arguments) in [
            ("seconds_between", 2),
            ("day_plus", 2),
            ("moment_plus", 2),
            ("beijing_day", 1),
            ("beijing_hour", 1),
        ] {
            connection.create_scalar_function(function, arguments, flags, |_| Ok(0)).unwrap();
        }
        connection
    }

    /// The steps of a query's plan.
    fn plan(&self, definition: &Definition, query: &str) -> Vec<String> {
        let query = definition.query(query).unwrap();
        let connection = self.connection(definition);
        for name in &query.declaration.uses {
            connection.execute(&format!("ATTACH ?1 AS \"{name}\""), [self.path(name)]).unwrap();
        }
        steps(&connection, &query.sql)
    }
}

fn steps(connection: &Connection, sql: &str) -> Vec<String> {
    let mut plan = connection.prepare(&format!("EXPLAIN QUERY PLAN {sql}")).unwrap();
    let (mut rows, mut steps) = (plan.raw_query(), Vec::new());
    while let Some(row) = rows.next().unwrap() {
        steps.push(row.get(3).unwrap());
    }
    steps
}

/// What each query reads from end to end: sums, refunds where all count, and pages that it has cut before. All else
/// is looked up.
const SCANS: [(&str, &[&str]); 41] = [
    ("environments/by_day", &["totals", "r", "facts", "p"]),
    ("environments/by_day_and_product", &["totals", "r", "facts", "p"]),
    (
        "environments/go_live",
        &["whole", "held", "operations.quarantine", "mall_test", "sides", "refunds", "findings"],
    ),
    ("environments/mall_tests", &[]),
    ("environments/products", &["totals", "sides"]),
    ("environments/summary", &["totals", "orders.refunds", "facts"]),
    ("inventory/by_player", &[]),
    ("inventory/by_product", &["(subquery-1)"]),
    ("inventory/items", &[]),
    ("operations/by_id", &[]),
    ("operations/conflicts", &[]),
    ("operations/grants_outstanding", &["p"]),
    ("operations/grants_outstanding_by_day", &["orders.orders"]),
    ("operations/mocks", &[]),
    ("operations/pushes", &["pushes"]),
    ("operations/quarantine", &[]),
    ("operations/quarantine_by_id", &[]),
    ("operations/quarantine_decided", &[]),
    ("orders/by_id", &["l"]),
    ("orders/by_player", &[]),
    ("orders/deliveries", &["f", "l"]),
    ("orders/gifts_by_id", &[]),
    ("orders/gifts_by_player", &[]),
    ("orders/refunds", &["p"]),
    ("orders/refunds_by_id", &[]),
    // `r`: all refunds, where a state is asked that they decide.
    ("orders/search", &["r", "p"]),
    // Of reconciliation: pages that were cut before, days and months, words of a list, what people decided; `g` and
    // `h`: the few ids that are told in facts.
    ("reconciliation/awaited", &["CONSTANT", "d", "days", "w"]),
    ("reconciliation/carried", &["CONSTANT", "differing", "g", "h", "k", "late_rows", "resolved_rows", "w"]),
    ("reconciliation/cases", &["c", "g", "h"]),
    ("reconciliation/coverage", &["CONSTANT", "d", "days", "s"]),
    ("reconciliation/files", &[]),
    ("reconciliation/periods", &[]),
    ("reconciliation/quarantine_decided", &[]),
    ("reconciliation/recoveries", &[]),
    ("reconciliation/report", &["g", "h", "late_rows", "r"]),
    ("reconciliation/row", &["g", "h", "p", "r"]),
    ("reconciliation/rows", &["g", "h", "l", "p", "r"]),
    ("reconciliation/rows_by_id", &["g", "h", "p", "r"]),
    ("reconciliation/summary", &["c", "g", "h", "late_rows", "r", "resolved_rows"]),
    ("roles/recent", &[]),
    ("roles/search", &[]),
];

#[test]
fn every_query_reads_from_end_to_end_only_what_it_must() {
    let empty = Empty::made();
    let mut found = Vec::new();
    for definition in &empty.definitions {
        for query in &definition.queries {
            let name = format!("{}/{}", definition.name, query.declaration.name);
            let plan = empty.plan(definition, &query.declaration.name);
            let scans = plan.iter().filter_map(|step| step.strip_prefix("SCAN ")?.split(' ').next());
            let scans: BTreeSet<String> = scans.map(str::to_owned).collect();
            found.push((name, scans));
        }
    }
    let expected = SCANS.map(|(name, scans)| {
        (name.to_owned(), scans.iter().map(|scan| (*scan).to_owned()).collect::<BTreeSet<_>>())
    });
    assert_eq!(found, expected);
}

#[test]
fn nothing_is_folded_by_going_through_a_list_once_for_each_row_of_another() {
    let empty = Empty::made();
    for definition in &empty.definitions {
        let connection = empty.connection(definition);
        for on in &definition.on {
            for statement in &on.statements {
                let plan = steps(&connection, &statement.statement.sql);
                let joined =
                    plan.iter().find(|step| step.starts_with("SCAN ") && step.ends_with("LEFT-JOIN"));
                assert_eq!(joined, None, "{}:{}", statement.file, statement.statement.line);
            }
        }
    }
}

#[test]
fn the_feed_is_merged_and_lists_come_in_the_order_of_their_index() {
    let empty = Empty::made();
    let plan = |name: &str| {
        let (projection, query) = name.split_once('/').unwrap();
        let definition = empty.definitions.iter().find(|definition| definition.name == projection).unwrap();
        empty.plan(definition, query)
    };
    let feed = plan("orders/deliveries");
    for step in [
        "SEARCH orders USING COVERING INDEX orders_by_app (app=? AND env=? AND rowid>?)",
        "SEARCH gifts USING COVERING INDEX gifts_by_app (app=? AND rowid>?)",
        "SEARCH refunds USING COVERING INDEX refunds_by_app (app=? AND env=? AND rowid>?)",
    ] {
        assert!(feed.iter().any(|found| found == step), "{step} is missing in {feed:#?}");
    }
    assert_eq!(feed.iter().filter(|step| *step == "MERGE (UNION ALL)").count(), 2, "{feed:#?}");
    let search = plan("orders/search");
    for step in [
        "SEARCH o USING INDEX orders_by_player (open_id=? AND rowid>? AND rowid<?)",
        "SEARCH o USING INDEX orders_by_product (product_id=? AND rowid>? AND rowid<?)",
        "SEARCH o USING INDEX orders_by_app (app=? AND env=? AND rowid>? AND rowid<?)",
        "SEARCH o USING INTEGER PRIMARY KEY (rowid>? AND rowid<?)",
    ] {
        assert!(search.iter().any(|found| found == step), "{step} is missing in {search:#?}");
    }
    assert_eq!(search.iter().filter(|step| *step == "MERGE (UNION ALL)").count(), 5, "{search:#?}");
    for query in [
        "environments/mall_tests",
        "operations/conflicts",
        "operations/mocks",
        "operations/quarantine",
        "operations/quarantine_decided",
        "orders/by_player",
        "orders/gifts_by_player",
    ] {
        let sorted = plan(query).into_iter().find(|step| step.contains("TEMP B-TREE"));
        assert_eq!(sorted, None, "{query}");
    }
}

#[test]
fn late_rows_are_found_by_their_own_indexes() {
    let empty = Empty::made();
    let definition = empty.definitions.iter().find(|definition| definition.name == "reconciliation").unwrap();
    for query in ["report", "rows", "summary", "carried"] {
        let plan = empty.plan(definition, query);
        for (alias, table) in [("o", "orders"), ("b", "bill_only"), ("r", "refunds"), ("b", "bill_refunds")] {
            let step = format!("SEARCH {alias} USING INDEX {table}_late (merchant=?)");
            assert!(plan.contains(&step), "{query}: {step} is missing in {plan:#?}");
        }
    }
}

/// What speaks of a whole merchant, and of no app.
const OF_A_MERCHANT: [&str; 3] =
    ["reconciliation/coverage", "reconciliation/files", "reconciliation/periods"];

#[test]
fn whoever_asks_can_be_kept_to_one_app() {
    for definition in &Empty::made().definitions {
        for query in &definition.queries {
            let declaration = &query.declaration;
            let has_app = declaration.parameters.iter().any(|parameter| parameter.name == "app");
            let name = format!("{}/{}", declaration.projection, declaration.name);
            assert_eq!(has_app, !OF_A_MERCHANT.contains(&name.as_str()), "{name}: the parameter app");
        }
    }
}
