//! The result is the same for every interleaving of independent streams. What an app's own stream says is
//! reference data and comes before everything of the app; the events of each stream keep their order.
//!
//! Compared are, of every built-in projection, first all rows of all tables, the columns that hold positions left
//! out; and then the answers to every query, as sets of rows, for every app, environment, player and id there is,
//! again without positions.

use std::collections::{BTreeMap, BTreeSet};

use order_ledger::domain::app::PriceMeaning;
use order_ledger::projector::{Folder, QueryDeclaration};
use order_ledger::table::Unit;
use proptest::prelude::*;
use rusqlite::Connection;
use rusqlite::types::Value;

use super::folded::{Folded, text};
use super::worlds::{APPS, Facts, NUMBERS, PLAYERS, REFUNDS, TRANSACTIONS, interleaved, record, world};

/// Columns of tables that hold positions.
const POSITIONS: [&str; 5] = ["position", "first_position", "last_position", "changed", "order_position"];

/// By table or question, the rows in order.
type Seen = BTreeMap<String, Vec<Vec<String>>>;

proptest! {
    #![proptest_config(ProptestConfig { cases: 16, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn every_interleaving_gives_the_same_tables_and_the_same_answers(
        world in world(),
        is_unit in any::<bool>(),
        one in prop::collection::vec(any::<u8>(), 16),
        other in prop::collection::vec(any::<u8>(), 16),
    ) {
        let meaning = if is_unit { PriceMeaning::Unit } else { PriceMeaning::Order };
        let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build().unwrap();
        let (one, other) = runtime.block_on(async {
            (seen(&world, meaning, &one).await, seen(&world, meaning, &other).await)
        });
        for (what, rows) in &one {
            prop_assert_eq!(Some(rows), other.get(what), "{}", what);
        }
        prop_assert_eq!(one.len(), other.len());
    }
}

async fn seen(world: &[Facts], meaning: PriceMeaning, picks: &[u8]) -> Seen {
    let folded = Folded::with_prices(Folder::built_in(), meaning).await;
    record(&*folded.store, world, &interleaved(world, picks)).await;
    folded.caught_up().await;
    let mut seen = Seen::new();
    for listed in folded.projector().list() {
        tables(&folded, &listed.definition.name, &mut seen);
    }
    for declaration in folded.projector().queries() {
        for parameters in questions(&declaration) {
            answer(&folded, &declaration, &parameters, &mut seen).await;
        }
    }
    seen
}

fn tables(folded: &Folded, projection: &str, seen: &mut Seen) {
    let folder = folded.views().join(projection);
    let current = std::fs::read_to_string(folder.join("current")).unwrap();
    let file = Connection::open(folder.join(current.trim())).unwrap();
    let names = "SELECT name FROM sqlite_master WHERE type = 'table' AND name NOT LIKE '\\_%' ESCAPE '\\'";
    let mut names = file.prepare(names).unwrap();
    let names: Vec<String> =
        names.query_map([], |row| row.get(0)).unwrap().collect::<Result<_, _>>().unwrap();
    assert!(!names.is_empty(), "{projection}");
    for name in names {
        let mut all = file.prepare(&format!("SELECT * FROM \"{name}\"")).unwrap();
        let columns: Vec<_> = all.column_names().map(str::to_owned).collect();
        let kept: Vec<_> =
            (0..columns.len()).filter(|place| !POSITIONS.contains(&columns[*place].as_str())).collect();
        let row = |row: &rusqlite::Row<'_>| kept.iter().map(|place| row.get::<_, Value>(*place)).collect();
        let rows: Vec<Vec<Value>> = all.query_map([], row).unwrap().collect::<Result<_, _>>().unwrap();
        let mut rows: Vec<Vec<String>> =
            rows.iter().map(|row| row.iter().map(|value| format!("{value:?}")).collect()).collect();
        rows.sort();
        seen.insert(format!("table {projection}.{name}"), rows);
    }
}

/// Every way to ask a query about the world: all values of what it requires, each environment, the longest page.
fn questions(declaration: &QueryDeclaration) -> Vec<Vec<(String, String)>> {
    let ids: BTreeSet<_> =
        NUMBERS.into_iter().chain(REFUNDS).chain(TRANSACTIONS).chain(["G1", "oAnna"]).collect();
    let mut questions = vec![Vec::new()];
    for parameter in &declaration.parameters {
        let limit = parameter.max.map(|max| max.to_string());
        let values: Vec<&str> = match parameter.name.as_str() {
            _ if !parameter.words.is_empty() => parameter.words.iter().map(String::as_str).collect(),
            "limit" => limit.as_deref().into_iter().collect(),
            "app" if parameter.required => APPS.to_vec(),
            "open_id" if parameter.required => PLAYERS.to_vec(),
            // The worlds know no merchant: all that stands in bills has worlds of its own.
            "merchant" if parameter.required => vec!["1900000109"],
            "from_day" if parameter.required => vec!["2025-12-01"],
            "to_day" if parameter.required => vec!["2026-12-31"],
            "case_id" if parameter.required => vec!["demo.A"],
            "transaction_id" if parameter.required => TRANSACTIONS.to_vec(),
            "id" if parameter.required => ids.iter().copied().collect(),
            name if parameter.required => panic!("{} requires {name}", declaration.name),
            _ => continue,
        };
        let with = |value: &&str| {
            let given = vec![(parameter.name.clone(), (*value).to_owned())];
            questions.iter().map(move |known: &Vec<_>| [known.as_slice(), &given].concat())
        };
        questions = values.iter().flat_map(with).collect();
    }
    questions
}

async fn answer(
    folded: &Folded,
    declaration: &QueryDeclaration,
    parameters: &[(String, String)],
    seen: &mut Seen,
) {
    let query = format!("{}/{}", declaration.projection, declaration.name);
    let given: Vec<_> = parameters.iter().map(|(name, value)| (name.as_str(), value.as_str())).collect();
    let mut rows = Vec::new();
    for row in folded.rows(&query, &given).await {
        let columns = declaration.columns.iter().filter(|column| column.unit != Unit::Position);
        let shown = |unit, shown: String| if unit == Unit::Json { without_positions(&shown) } else { shown };
        rows.push(columns.map(|column| shown(column.unit, text(&row[&column.name]))).collect::<Vec<_>>());
    }
    rows.sort();
    seen.insert(format!("{query} {given:?}"), rows);
}

/// A list's items in an order of their own, without their positions.
fn without_positions(json: &str) -> String {
    let Ok(serde_json::Value::Array(mut items)) = serde_json::from_str(json) else { return json.to_owned() };
    for item in &mut items {
        if let Some(item) = item.as_object_mut() {
            item.remove("position");
        }
    }
    let mut items: Vec<_> = items.iter().map(ToString::to_string).collect();
    items.sort();
    items.join(" ")
}
