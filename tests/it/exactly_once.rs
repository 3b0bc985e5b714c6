//! Every order is recorded once, however often and from how many sides it is pushed.

use std::collections::HashMap;
use std::collections::hash_map::Entry;
use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Instant;

use order_ledger::cli::simulate::{Manner, PushRequest, Stamp};
use order_ledger::wechat::App;
use order_ledger::wechat::event_name;
use rand::rngs::StdRng;
use rand::seq::SliceRandom;
use rand::{RngExt, SeedableRng};
use tokio::task::JoinSet;

use super::line::{Line, is_success};
use super::log_file::{LogFile, wal_is_empty};
use super::pushes::{goods, goods_push_as, manner};
use super::server::{Home, busy};

const ORDERS: usize = 50_000;
const PUSHES: usize = 100_000;
pub const CONNECTIONS: usize = 64;

/// Orders by number, each one to four times, in random order.
fn shuffled(rng: &mut StdRng) -> Vec<usize> {
    let mut times = vec![1; ORDERS];
    let mut left = PUSHES - ORDERS;
    while left > 0 {
        let order = rng.random_range(0..ORDERS);
        if times[order] < 4 {
            times[order] += 1;
            left -= 1;
        }
    }
    let mut pushes: Vec<usize> = times.iter().enumerate().flat_map(|(order, n)| vec![order; *n]).collect();
    pushes.shuffle(rng);
    pushes
}

/// One try at an order: the content is always the same, what WeChat stamps on each try is not.
fn try_of(app: &App, order: usize, turn: usize) -> PushRequest {
    let seconds = i64::try_from(turn).unwrap();
    let stamp = Stamp { timestamp: 1_767_225_601 + seconds, nonce: 7, ..manner("").stamp };
    let manner = Manner { stamp, ..manner(event_name::GOODS[0]) };
    goods_push_as(app, goods(&format!("ONCE-{order}"), 600), &manner)
}

/// Pushes everything over as many connections as there are, to one server after the other in turn, and holds the
/// answers against each other: all are successes, and those of one order the same bytes.
pub async fn push_all(app: App, pushes: Vec<usize>, to: &[SocketAddr], connections: usize) {
    let count = pushes.len();
    let (app, pushes, next) = (Arc::new(app), Arc::new(pushes), Arc::new(AtomicUsize::new(0)));
    let mut lines = JoinSet::new();
    for to in to.iter().cycle().take(connections) {
        let (pushes, app, next, to) = (pushes.clone(), app.clone(), next.clone(), *to);
        lines.spawn(async move {
            let mut line = Line::new(to);
            let mut answers = Vec::new();
            loop {
                let turn = next.fetch_add(1, Ordering::Relaxed);
                let Some(order) = pushes.get(turn) else { return answers };
                answers.push((*order, line.push(&try_of(&app, *order, turn)).await.unwrap()));
            }
        });
    }
    let answers = lines.join_all().await.concat();
    assert_eq!(answers.len(), count);
    let mut first: HashMap<usize, String> = HashMap::new();
    for (order, answer) in answers {
        assert!(is_success(&answer), "order {order}: {answer}");
        match first.entry(order) {
            Entry::Vacant(place) => _ = place.insert(answer),
            Entry::Occupied(known) => assert_eq!(*known.get(), answer, "order {order}"),
        }
    }
    assert_eq!(first.len(), ORDERS);
}

/// [`ORDERS`] orders, each one to four times, [`PUSHES`] in all, by a seed that is printed.
pub fn pushes_by_chance() -> Vec<usize> {
    let seed = rand::random::<u32>();
    eprintln!("seed {seed}");
    shuffled(&mut StdRng::seed_from_u64(u64::from(seed)))
}

pub fn numbers() -> Vec<String> {
    (0..ORDERS).map(|order| format!("ONCE-{order}")).collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn of_100_000_pushes_of_50_000_orders_exactly_50_000_are_first_events() {
    let _turn = busy().await;
    let begun = Instant::now();
    let home = Home::new();
    let server = home.serve();
    push_all(home.app(), pushes_by_chance(), &[server.push], CONNECTIONS).await;
    eprintln!("{PUSHES} pushes answered after {:?}", begun.elapsed());
    assert!(server.terminate().success());
    assert!(wal_is_empty(&home.store()));
    let log = LogFile::open(&home.store());
    let delivered = "SELECT count(*) FROM events WHERE type = 'GoodsDelivered' AND version = 0";
    assert_eq!(log.count(delivered), 50_000);
    assert_eq!(log.count("SELECT count(*) FROM events"), 50_001, "and the registration of the app");
    log.holds_once(&numbers());
    log.is_gapless();
    eprintln!("checked after {:?}", begun.elapsed());
}
