//! Reconciliation against a slow reconciler that shares nothing with it: in hundreds of small random worlds, in
//! whatever order their facts arrive, the report's rows are the same.

mod cases;
mod facts;
mod oracle;
mod oracle_refunds;
mod random;
mod record;

use std::collections::BTreeMap;
use std::time::Duration;

use chrono::{DateTime, TimeDelta, Utc};
use order_ledger::projector::{Folder, Question};

use super::folded::{Folded, text};
use facts::{Seen, Stream};
use oracle::Row;
use random::{World, midnight};

pub use record::appended;

const WORLDS: u64 = 250;
/// Of so many worlds that differ the smallest ones are told.
const SHRUNK_MAX: usize = 3;

/// Moments that "awaiting" is asked for: while pushes still come, and when all have come.
fn moments() -> [DateTime<Utc>; 3] {
    [midnight(1) + TimeDelta::hours(9), midnight(4) + TimeDelta::minutes(4), midnight(30)]
}

async fn reconciling() -> Folded {
    let ours = |folder: &Folder| folder.name == "reconciliation";
    Folded::over(Folder::built_in().into_iter().filter(ours).collect()).await
}

/// The report's rows of a merchant, by column.
async fn report(folded: &Folded, merchant: &str, as_of: DateTime<Utc>) -> Vec<BTreeMap<String, String>> {
    let parameters = [("merchant", merchant), ("from_day", "2025-01-01"), ("to_day", "2027-01-01")];
    let parameters = parameters.map(|(name, value)| (name.to_owned(), value.to_owned()));
    let question = Question {
        projection: "reconciliation",
        query: "report",
        parameters: &parameters,
        as_of,
        min_position: folded.head(),
        wait: Duration::from_secs(60),
    };
    let answer = folded.projector().ask(&question).await.unwrap();
    let names: Vec<_> = answer.table.columns.iter().map(|column| column.name.clone()).collect();
    let row = |row: Vec<_>| names.iter().cloned().zip(row.iter().map(text)).collect();
    answer.table.rows.into_iter().map(row).collect()
}

/// Of a row of the report, the columns that the oracle speaks of.
fn of_oracle(row: &BTreeMap<String, String>, known: &Row) -> Row {
    known
        .keys()
        .map(|column| (*column, row.get(*column).cloned().unwrap_or_else(|| "no such column".into())))
        .collect()
}

/// What is wrong with a world's report; `None` where nothing is.
async fn difference(
    folded: &Folded,
    world: &[Stream],
    merchants: &[String],
    order: &[(usize, usize)],
) -> Option<String> {
    let seen = Seen::of(world, order);
    for merchant in merchants {
        for as_of in moments() {
            let expected = oracle::report(&seen, merchant, as_of);
            let found = report(folded, merchant, as_of).await;
            let wrong = compare(&expected, &found);
            if let Some(wrong) = wrong {
                return Some(format!("{merchant} as of {as_of}:\n{wrong}"));
            }
        }
    }
    None
}

/// Rows are told apart by what they are about.
fn key(row: &BTreeMap<String, String>) -> String {
    let of = |name: &str| row.get(name).map_or("-", String::as_str);
    format!("{} {} {} {} {}", of("kind"), of("case_kind"), of("case_id"), of("bill_sha256"), of("bill_line"))
}

fn compare(expected: &[Row], found: &[BTreeMap<String, String>]) -> Option<String> {
    let owned = |row: &Row| row.iter().map(|(name, value)| ((*name).to_owned(), value.clone())).collect();
    let expected: BTreeMap<String, &Row> = expected.iter().map(|row| (key(&owned(row)), row)).collect();
    let by_key: BTreeMap<String, &BTreeMap<String, String>> =
        found.iter().map(|row| (key(row), row)).collect();
    let mut wrong = vec![];
    if by_key.len() != found.len() {
        wrong.push("two rows are about the same".to_owned());
    }
    for (key, row) in &expected {
        match by_key.get(key) {
            None => wrong.push(format!("is missing: {row:?}")),
            Some(found) => {
                let found = of_oracle(found, row);
                for (column, value) in row.iter().filter(|(column, value)| found[*column] != **value) {
                    wrong.push(format!("{key}: {column} is {}, should be {value}", found[column]));
                }
            }
        }
    }
    for (key, row) in by_key.iter().filter(|(key, _)| !expected.contains_key(*key)) {
        wrong.push(format!("should not be there: {key} {}", row["status"]));
    }
    (!wrong.is_empty()).then(|| wrong.join("\n"))
}

/// Facts in the order they were recorded: of each its stream, and its place there.
type Order = Vec<(usize, usize)>;

/// Records all worlds at once, each in an order of its own.
async fn folded(worlds: &[(&[Stream], &Order)]) -> Folded {
    let folded = reconciling().await;
    let recording = worlds.iter().map(|(streams, order)| record::record(&*folded.store, streams, order));
    futures_util::future::join_all(recording).await;
    folded.caught_up().await;
    folded
}

/// Without the streams that can be left out, one by one, while the difference stays.
async fn shrunk(world: &World, order: &Order) -> String {
    let (mut streams, mut order, mut said) = (world.streams.clone(), order.clone(), String::new());
    let mut place = 2;
    while place < streams.len() {
        let mut fewer = streams.clone();
        fewer.remove(place);
        let without = order.iter().filter(|(stream, _)| *stream != place);
        let without: Order =
            without.map(|(stream, fact)| (stream - usize::from(*stream > place), *fact)).collect();
        let mut log = folded(&[(&fewer, &without)]).await;
        let wrong = difference(&log, &fewer, &world.merchants, &without).await;
        log.stop().await;
        match wrong {
            Some(wrong) => (streams, order, said) = (fewer, without, wrong),
            None => place += 1,
        }
    }
    let told = |(stream, place): &(usize, usize)| {
        let stream = &streams[*stream];
        format!("{:?} {:?}", stream.about, stream.facts[*place])
    };
    let told: Vec<_> = order.iter().map(told).collect();
    format!("world {} comes down to, in this order\n{}\n{said}", world.number, told.join("\n"))
}

/// All of the issue's.
const STATUSES: [(&str, &[&str]); 2] = [
    (
        "payment",
        &[
            "other_app",
            "test_order",
            "quarantined",
            "conflict",
            "other_channel",
            "duplicate_in_bill",
            "ids_disagree",
            "amount_rule_suspect",
            "amount_differs",
            "currency_differs",
            "revoked_in_bill",
            "mock_in_bill",
            "sandbox_in_bill",
            "awaiting_bill",
            "missing_in_bill",
            "awaiting_push",
            "missing_in_ledger",
            "matched_by_operator",
            "matched",
        ],
    ),
    (
        "refund",
        &[
            "other_app",
            "other_channel",
            "refund_matched",
            "refund_ambiguous",
            "refund_awaiting_bill",
            "refund_missing_in_bill",
            "refund_awaiting_push",
            "refund_missing_in_ledger",
            "refund_amount_differs",
            "refund_exceeds_payment",
            "refund_without_order",
            "refund_not_successful",
        ],
    ),
];

#[test]
fn every_status_there_is_comes_up_in_the_random_worlds() {
    let mut found: BTreeMap<(String, String), u32> = BTreeMap::new();
    for world in (0..WORLDS).map(random::world) {
        let seen = Seen::of(&world.streams, &world.interleaved(1));
        for (merchant, as_of) in world.merchants.iter().zip(moments()) {
            for row in oracle::report(&seen, merchant, as_of) {
                *found.entry((row["kind"].clone(), row["status"].clone())).or_default() += 1;
            }
        }
    }
    let expected = STATUSES
        .iter()
        .flat_map(|(kind, words)| words.iter().map(|status| ((*kind).to_owned(), (*status).to_owned())));
    let expected: std::collections::BTreeSet<_> = expected.collect();
    assert_eq!(found.keys().cloned().collect::<std::collections::BTreeSet<_>>(), expected, "{found:#?}");
    let rare: Vec<_> = found.iter().filter(|(_, count)| **count < 5).collect();
    assert!(rare.is_empty(), "too rare to say much: {rare:?}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_report_is_what_the_slow_reconciler_says_whatever_comes_first() {
    let worlds: Vec<World> = (0..WORLDS).map(random::world).collect();
    let mut reports = vec![];
    for seed in [1, 2] {
        let orders: Vec<Order> = worlds.iter().map(|world| world.interleaved(seed)).collect();
        let recorded: Vec<(&[Stream], &Order)> =
            worlds.iter().zip(&orders).map(|(world, order)| (world.streams.as_slice(), order)).collect();
        let mut log = folded(&recorded).await;
        let (mut wrong, mut of_worlds) = (vec![], vec![]);
        for (world, order) in worlds.iter().zip(&orders) {
            let said = difference(&log, &world.streams, &world.merchants, order).await;
            wrong.extend(said.map(|said| (world, order, said)));
            of_worlds.push(without_positions(report(&log, &world.merchants[0], moments()[1]).await));
        }
        log.stop().await;
        let mut told = vec![];
        wrong.sort_by_key(|(world, ..): &(&World, &Order, String)| world.streams.len());
        for (world, order, _) in wrong.iter().take(SHRUNK_MAX) {
            told.push(shrunk(world, order).await);
        }
        let others: Vec<_> =
            wrong.iter().map(|(world, _, said)| format!("world {}: {said}", world.number)).collect();
        assert!(
            wrong.is_empty(),
            "{} of {WORLDS} worlds differ\n{}\n\n{}",
            wrong.len(),
            told.join("\n\n"),
            others.join("\n")
        );
        reports.push(of_worlds);
    }
    let mut independent = 0;
    for (place, world) in worlds.iter().enumerate().filter(|(_, world)| !world.depends_on_positions()) {
        assert_eq!(reports[0][place], reports[1][place], "world {}", world.number);
        independent += 1;
    }
    assert!(independent > WORLDS / 2, "{independent} worlds are free of what only positions decide");
}

/// All columns but those that follow from what came first.
fn without_positions(rows: Vec<BTreeMap<String, String>>) -> Vec<BTreeMap<String, String>> {
    let without = |mut row: BTreeMap<String, String>| {
        row.remove("position");
        row.remove("late");
        row
    };
    rows.into_iter().map(without).collect()
}
