//! Pushes to two nodes of ours while a cluster of KurrentDB fails in every way it can, by chance: nothing that was
//! acknowledged is lost, nothing stands twice, no conflict vanishes, and service returns by itself.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::time::{Duration, Instant};

use kurrentdb_stand_in::{Cluster, Fault, Moment, On, Schedule};
use order_ledger::domain::order::Answer;
use order_ledger::domain::push::Push;
use order_ledger::ledger::Ledger;
use order_ledger::limits;
use order_ledger::quota::Quotas;
use order_ledger::store::EventStore;
use order_ledger::store::address::Address;
use order_ledger::store::kurrentdb::{KurrentStore, Settings};
use rand::rngs::StdRng;
use rand::seq::{IndexedRandom, SliceRandom};
use rand::{RngExt, SeedableRng};
use tokio::task::JoinSet;

use super::folded::{at, demo, evidence};
use super::server::busy;
use super::told::goods;

const RUNS: u64 = 200;
const AT_ONCE: usize = 10;
const ORDERS: usize = 12;
const PUSHERS: usize = 6;
/// As WeChat does, a push is sent again until it is answered.
const TRIES_MAX: usize = 60;
const RETURNS_WITHIN: Duration = Duration::from_secs(5);

/// One of two contents for an order's number.
type Content = usize;

fn push(order: usize, content: Content) -> Push {
    goods(&format!("CHANCE-{order}")).of(["gem", "sword"][content], 1).0
}

fn faults(rng: &mut StdRng) -> Vec<Fault> {
    let mut moment = || if rng.random_bool(0.5) { Moment::Before } else { Moment::After };
    vec![
        Fault::Cut { moment: Moment::Before },
        Fault::Cut { moment: Moment::After },
        Fault::Unavailable,
        Fault::Twice,
        Fault::LeaderMoved,
        Fault::AnswerDelayed { ms: 1_500 },
        Fault::EffectDelayed { ms: 1_500 },
        Fault::HalfOpen { moment: moment() },
        Fault::Restart { moment: moment(), down_ms: 300 },
        Fault::NodeDead { moment: moment() },
    ]
}

/// What WeChat was told of an order, over all nodes.
#[derive(Default)]
struct Told {
    accepted: BTreeSet<Content>,
    conflicts: BTreeSet<Content>,
}

/// What a node of ours needs to know of a cluster.
pub fn settings(cluster: &Cluster) -> Settings {
    Settings {
        address: Address::parse(&cluster.url()).unwrap(),
        prefix: String::new(),
        categories: &order_ledger::codec::CATEGORIES,
        appends_max: limits::QUEUE_APPENDS_MAX,
    }
}

async fn node(cluster: &Cluster) -> Arc<Ledger> {
    let store: Arc<dyn EventStore> = Arc::new(KurrentStore::open(&settings(cluster)).await.unwrap());
    Arc::new(Ledger::open(store, Quotas::new(u64::MAX, u64::MAX)).await.unwrap())
}

/// Pushes until an answer comes, to either node. A node that is dead is brought back meanwhile, as whoever keeps the
/// cluster would.
async fn answer(nodes: &[Arc<Ledger>], push: &Push, rng: &mut StdRng) -> Answer {
    for _ in 0..TRIES_MAX {
        let node = nodes.choose(rng).unwrap();
        match node.record(&demo(), push, &evidence(push, at(0))).await {
            Ok(answer) => return answer,
            Err(_) => tokio::time::sleep(Duration::from_millis(rng.random_range(20..200))).await,
        }
    }
    panic!("no answer to {} after {TRIES_MAX} tries", push.key());
}

async fn run(seed: u64) -> BTreeMap<&'static str, u64> {
    let mut rng = StdRng::seed_from_u64(seed);
    let cluster = Arc::new(Cluster::start(3).await.unwrap());
    let nodes = Arc::new([node(&cluster).await, node(&cluster).await]);
    let faults = faults(&mut rng);
    // A majority of the nodes stays, or comes back.
    let schedule = Schedule { seed, on: On::Append, per_mille: 150, faults, faults_max: 8 };
    cluster.faults().schedule(schedule);
    let keeper = tokio::spawn(keep_alive(cluster.clone()));
    let mut plan: Vec<(usize, Content)> = (0..ORDERS)
        .flat_map(|order| {
            let content = |chance: f64, rng: &mut StdRng| usize::from(rng.random_bool(chance));
            [(order, 0), (order, content(0.3, &mut rng)), (order, content(0.3, &mut rng))]
        })
        .collect();
    plan.shuffle(&mut rng);
    let mut pushers = JoinSet::new();
    for part in plan.chunks(plan.len().div_ceil(PUSHERS)) {
        let (part, nodes, mut rng) = (part.to_vec(), nodes.clone(), StdRng::seed_from_u64(rng.random()));
        pushers.spawn(async move {
            let mut answers = Vec::new();
            for (order, content) in part {
                answers.push((order, content, answer(&nodes[..], &push(order, content), &mut rng).await));
            }
            answers
        });
    }
    let mut told: BTreeMap<usize, Told> = BTreeMap::new();
    for (order, content, answer) in pushers.join_all().await.concat() {
        let told = told.entry(order).or_default();
        match answer {
            Answer::Success => told.accepted.insert(content),
            Answer::Conflict => told.conflicts.insert(content),
        };
    }
    keeper.abort();
    cluster.faults().clear();
    for node in 0..3 {
        // One that is up already says so.
        let _up = cluster.revive(node).await;
    }
    serves_again(&nodes[..]).await;
    holds(&cluster, &told);
    for node in &*nodes {
        node.store().close().await;
    }
    cluster.faults().done()
}

/// Brings back what died, after a while.
async fn keep_alive(cluster: Arc<Cluster>) {
    loop {
        tokio::time::sleep(Duration::from_millis(700)).await;
        for node in 0..3 {
            let _up = cluster.revive(node).await;
        }
    }
}

/// Each node of ours takes an order of its own within five seconds of the cluster's return.
async fn serves_again(nodes: &[Arc<Ledger>]) {
    let returned = Instant::now();
    for (number, node) in nodes.iter().enumerate() {
        let push = goods(&format!("AFTER-{number}")).0;
        while node.record(&demo(), &push, &evidence(&push, at(0))).await.is_err() {
            assert!(returned.elapsed() < RETURNS_WITHIN, "node {number} does not serve again");
        }
        assert!(returned.elapsed() < RETURNS_WITHIN, "node {number} served after {:?}", returned.elapsed());
    }
}

/// What stands on the server is what was told.
fn holds(cluster: &Cluster, told: &BTreeMap<usize, Told>) {
    for (order, Told { accepted, conflicts }) in told {
        let stream = cluster.log().stream(&format!("order-demo.CHANCE-{order}"));
        let types: Vec<&str> = stream.iter().map(|record| record.event.event_type.as_str()).collect();
        let ids: BTreeSet<_> = stream.iter().map(|record| record.event.id).collect();
        assert_eq!(ids.len(), stream.len(), "order {order} holds an event twice: {types:?}");
        let revisions: Vec<u64> = stream.iter().map(|record| record.revision).collect();
        assert_eq!(revisions, (0..stream.len() as u64).collect::<Vec<_>>(), "order {order}");
        assert_eq!(accepted.len(), 1, "order {order}: both contents were accepted, or none");
        assert_eq!(types[0], "GoodsDelivered", "order {order}");
        let data = String::from_utf8(stream[0].event.data.to_vec()).unwrap();
        let product = ["gem", "sword"][*accepted.first().unwrap()];
        assert!(data.contains(product), "order {order}: {product} was accepted, and there stands {data}");
        assert!(accepted.is_disjoint(conflicts), "order {order}: the same content was accepted and refused");
        let stand = vec!["ConflictingPushReceived"; conflicts.len()];
        assert_eq!(types[1..], stand, "order {order}: conflicts {conflicts:?}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn whatever_goes_wrong_nothing_acknowledged_is_lost_or_stands_twice_and_service_returns() {
    let _turn = busy().await;
    assert!(limits::KURRENTDB_APPEND_WAIT < RETURNS_WITHIN);
    // All runs again: set SEED to what was printed.
    let first = std::env::var("SEED").ok().map_or_else(rand::random::<u32>, |seed| seed.parse().unwrap());
    eprintln!("SEED={first}");
    let mut struck: BTreeMap<&str, u64> = BTreeMap::new();
    let mut runs = JoinSet::new();
    let mut seeds = (0..RUNS).map(|number| u64::from(first) + number);
    for seed in seeds.by_ref().take(AT_ONCE) {
        runs.spawn(run(seed));
    }
    while let Some(done) = runs.join_next().await {
        for (fault, times) in done.unwrap() {
            *struck.entry(fault).or_default() += times;
        }
        if let Some(seed) = seeds.next() {
            runs.spawn(run(seed));
        }
    }
    eprintln!("faults that struck: {struck:?}");
    assert_eq!(struck.len(), 10, "every fault struck: {struck:?}");
}
