//! Cases in random worlds: a person judges rows of a report that is half known; what arrives later takes the judgement
//! back exactly where the facts are others.

use std::collections::BTreeMap;
use std::sync::Arc;

use order_ledger::codec::{self, Metadata};
use order_ledger::domain::bill::MerchantId;
use order_ledger::domain::case::{CaseEvent, CaseKey, CaseKind, Judgement};
use order_ledger::domain::event::Event;
use order_ledger::store::{Append, ExpectedVersion, Urgency};
use rand::rngs::StdRng;
use rand::{RngExt, SeedableRng};

use super::super::folded::Folded;
use super::random::{World, midnight, world};
use super::{moments, reconciling, record, report};

const WORLDS: u64 = 80;

/// Rows that nobody needs to judge.
const IN_ORDER: [&str; 10] = [
    "other_app",
    "test_order",
    "other_channel",
    "awaiting_bill",
    "awaiting_push",
    "refund_awaiting_bill",
    "refund_awaiting_push",
    "matched",
    "matched_by_operator",
    "refund_matched",
];

/// What a row says that a judgement rests on.
const JUDGED: [&str; 7] =
    ["ledger_fen", "bill_fen", "bill_state", "transaction_id", "mch_order_no", "refund_id", "wx_refund_id"];

/// Judged with what stands beside the row too: how many conflicts, lines or refunds, and which.
const OF_GROUPS: [&str; 4] = ["conflict", "duplicate_in_bill", "ids_disagree", "refund_ambiguous"];

/// And what it may rest on too.
const JUDGED_BESIDE: [&str; 2] = ["out_trade_no", "refunded_fen"];

type Row = BTreeMap<String, String>;

#[derive(Clone)]
struct Word {
    facts: String,
    is_reopened: bool,
}

type Words = BTreeMap<(String, String, String), Word>;

fn key_of(row: &Row) -> (String, String, String) {
    (row["merchant"].clone(), row["case_kind"].clone(), row["case_id"].clone())
}

/// Some rows are resolved as they are, some on other facts, and some of those are opened again.
async fn judge(folded: &Folded, rows: &[Row], rng: &mut StdRng) -> Words {
    let mut words = Words::new();
    for row in rows.iter().filter(|row| row["facts"] != "-") {
        if words.contains_key(&key_of(row)) || rng.random_ratio(1, 2) {
            continue;
        }
        let facts = if rng.random_ratio(1, 8) { "{}".to_owned() } else { row["facts"].clone() };
        let is_reopened = rng.random_ratio(1, 6);
        let key = CaseKey::new(
            MerchantId::parse(&row["merchant"]).unwrap(),
            CaseKind::parse(&row["case_kind"]).unwrap(),
            &row["case_id"],
        )
        .unwrap();
        let (reason, by) = ("looked at it".to_owned(), "lin".to_owned());
        let judgement =
            Judgement { status: row["status"].clone(), facts: facts.clone(), reason: reason.clone() };
        let mut events =
            vec![CaseEvent::Resolved { key: key.clone(), judgement, revision: 1, by: by.clone() }];
        if is_reopened {
            events.push(CaseEvent::Reopened { key: key.clone(), reason, revision: 2, by });
        }
        append(folded, &key, events).await;
        words.insert(key_of(row), Word { facts, is_reopened });
    }
    words
}

async fn append(folded: &Folded, key: &CaseKey, events: Vec<CaseEvent>) {
    let stream = codec::case_stream(key);
    let metadata = Metadata { app: None, recorded_at: midnight(9), evidence: None };
    let encode = |event: CaseEvent| codec::encode(&stream, &Event::Case(event), &metadata).unwrap();
    let events: Vec<_> = events.into_iter().map(encode).collect();
    let append = Append {
        stream: stream.clone(),
        expected: ExpectedVersion::NoStream,
        events: Arc::from(events),
        urgency: Urgency::Command,
    };
    record::appended(&*folded.store, append).await;
}

/// What the row must say of its case.
fn expected(row: &Row, words: &Words) -> &'static str {
    let needs_none = IN_ORDER.contains(&row["status"].as_str());
    let of_payment = (row["merchant"].clone(), "payment".to_owned(), row["transaction_id"].clone());
    let own = words.get(&key_of(row));
    let taken_over = words.get(&of_payment).filter(|_| row["case_kind"] == "order" && own.is_none());
    match (own, taken_over) {
        (Some(word), _) if !word.is_reopened && word.facts == row["facts"] => "resolved",
        _ if needs_none => "-",
        (Some(word), _) if !word.is_reopened => "lapsed",
        (None, Some(word)) if !word.is_reopened => "lapsed",
        _ => "open",
    }
}

/// Rows of a merchant by what they are about.
async fn rows(folded: &Folded, world: &World) -> Vec<Row> {
    let mut rows = vec![];
    for merchant in &world.merchants {
        rows.extend(report(folded, merchant, moments()[2]).await);
    }
    rows
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_case_lapses_exactly_where_what_was_judged_is_no_longer_so() {
    let folded = reconciling().await;
    let worlds: Vec<World> = (1000..1000 + WORLDS).map(world).collect();
    let orders: Vec<_> = worlds.iter().map(|world| world.interleaved(3)).collect();
    for (world, order) in worlds.iter().zip(&orders) {
        let half = half(world, order);
        record::record(&*folded.store, &world.streams, &order[..half]).await;
    }
    folded.caught_up().await;
    let mut judged = vec![];
    for world in &worlds {
        let before = rows(&folded, world).await;
        let words = judge(&folded, &before, &mut StdRng::seed_from_u64(world.number)).await;
        judged.push((before, words));
    }
    for (world, order) in worlds.iter().zip(&orders) {
        let half = half(world, order);
        record::record(&*folded.store, &world.streams, &order[half..]).await;
    }
    folded.caught_up().await;
    let mut seen: BTreeMap<&str, u32> = BTreeMap::new();
    for (world, (before, words)) in worlds.iter().zip(&judged) {
        let before: BTreeMap<_, _> = before.iter().map(|row| (key_of(row), row)).collect();
        for row in rows(&folded, world).await {
            let state = expected(&row, words);
            assert_eq!(
                row["case_state"],
                state,
                "world {}: {row:#?}\n{:?}",
                world.number,
                words.get(&key_of(&row)).map(|word| &word.facts)
            );
            *seen.entry(state).or_default() += 1;
            let Some(earlier) = before.get(&key_of(&row)) else { continue };
            let differs = JUDGED.iter().find(|column| earlier[**column] != row[**column]);
            if let Some(column) = differs {
                assert_ne!(earlier["facts"], row["facts"], "{column} differs: {row:#?}");
            } else if !OF_GROUPS.contains(&row["status"].as_str())
                && ["status"].iter().chain(&JUDGED_BESIDE).all(|column| earlier[*column] == row[*column])
            {
                assert_eq!(earlier["facts"], row["facts"], "nothing differs: {row:#?}");
            }
        }
    }
    for state in ["resolved", "lapsed", "open", "-"] {
        assert!(seen.get(state).is_some_and(|count| *count > 5), "{state} is too rare: {seen:?}");
    }
}

/// Where a world's facts are cut in two; never between what is appended together.
fn half(world: &World, order: &[(usize, usize)]) -> usize {
    let mut half = order.len() / 2;
    while half > 0 && {
        let (stream, place) = order[half - 1];
        matches!(world.streams[stream].facts[place].0, super::facts::Fact::BillSuperseded { .. })
    } {
        half -= 1;
    }
    half
}
