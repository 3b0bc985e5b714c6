//! Pushes to two nodes of ours while a cluster of KurrentDB fails in every way it can, by chance: nothing that was
//! acknowledged is lost, nothing stands twice, no conflict vanishes, what nodes read is what stands there, and service
//! returns by itself.

use std::collections::{BTreeMap, BTreeSet};
use std::ops::AddAssign;
use std::sync::Arc;
use std::time::{Duration, Instant};

use futures_util::future::join_all;
use kurrentdb_stand_in::{Cluster, Fault, Moment, On, Schedule};
use order_ledger::domain::order::Answer;
use order_ledger::domain::push::Push;
use order_ledger::ledger::Ledger;
use order_ledger::store::{Position, StreamName};
use order_ledger::{codec, limits};
use rand::rngs::StdRng;
use rand::seq::{IndexedRandom, SliceRandom};
use rand::{RngExt, SeedableRng};
use tokio::sync::watch;
use tokio::task::JoinSet;
use uuid::Uuid;

use super::cluster::ledger;
use super::folded::{at, demo, evidence};
use super::server::busy;
use super::told::goods;

const RUNS: u64 = 200;
const AT_ONCE: usize = 20;
const ORDERS: usize = 12;
const PUSHERS: usize = 6;
/// As WeChat does, a push is sent again until it is answered.
const TRIES_MAX: usize = 60;
const RETURNS_WITHIN: Duration = Duration::from_secs(5);
/// Of a follower at once, so that what stands there takes it many pages.
const PAGE_EVENTS_MAX: usize = 6;
const READ_WITHIN: Duration = Duration::from_secs(30);

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

/// Pushes until an answer comes, to either node.
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

/// An event by its place in the whole log, its stream and version, and its id.
type Seat = (u64, String, u64, Uuid);

/// Reads the log of a node page by page, as its head goes on, as read models do; to the end once it is told.
async fn follow(node: Arc<Ledger>, mut told: watch::Receiver<Option<u64>>, mut rng: StdRng) -> Vec<Seat> {
    let (mut head, mut read) = (node.store().head(), Vec::<Seat>::new());
    let at = |read: &Vec<Seat>| read.last().map(|seat| seat.0);
    while told.borrow().is_none_or(|end| at(&read) < Some(end)) {
        let after = at(&read);
        tokio::select! {
            knows = head.wait_for(|head| head.map(Position::number) > after) => drop(knows.unwrap()),
            // The end is told once the node has learned of it.
            told = told.changed() => told.unwrap(),
        }
        let limit = rng.random_range(1..=PAGE_EVENTS_MAX);
        match node.store().read_all(after.map(Position::from_number), limit).await {
            Ok(page) => {
                read.extend(page.into_iter().map(|event| {
                    (event.position.number(), event.stream.to_string(), event.version, event.id)
                }))
            }
            Err(_) => tokio::time::sleep(Duration::from_millis(20)).await,
        }
    }
    read
}

/// Those of our streams as they stand on the server.
fn seats(cluster: &Cluster) -> Vec<Seat> {
    let is_ours = |stream: &str| {
        stream.split_once('-').is_some_and(|(category, _)| codec::CATEGORIES.contains(&category))
    };
    let records = cluster.log().records();
    let ours = records.iter().filter(|record| is_ours(&record.stream));
    ours.map(|record| (record.position, record.stream.to_string(), record.revision, record.event.id))
        .collect()
}

/// Nodes that read the log while it grows.
struct Followers {
    end: watch::Sender<Option<u64>>,
    reading: Vec<tokio::task::JoinHandle<Vec<Seat>>>,
}

impl Followers {
    fn begin(nodes: &[Arc<Ledger>], rng: &mut StdRng) -> Self {
        let end = watch::Sender::new(None);
        let reading = nodes.iter().map(|node| {
            tokio::spawn(follow(node.clone(), end.subscribe(), StdRng::seed_from_u64(rng.random())))
        });
        Self { reading: reading.collect(), end }
    }

    /// Each has read what stands on the server: all of it, in its order, and nothing twice.
    async fn have_read(self, cluster: &Cluster, seed: u64) {
        // What a request that was given up does later stands behind.
        let stands = seats(cluster);
        let end = stands.last().unwrap().0;
        self.end.send_replace(Some(end));
        for (node, reading) in self.reading.into_iter().enumerate() {
            let read = tokio::time::timeout(READ_WITHIN, reading).await;
            let mut read =
                read.unwrap_or_else(|_| panic!("run {seed}: node {node} does not read to {end}")).unwrap();
            read.retain(|seat| seat.0 <= end);
            let differs = read.iter().zip(&stands).find(|(read, stands)| read != stands);
            assert_eq!((differs, read.len()), (None, stands.len()), "run {seed}: node {node}");
        }
    }
}

/// What runs went through, so that none holds only because nothing happened.
#[derive(Default)]
struct Seen {
    struck: BTreeMap<(On, &'static str), u64>,
    conflicts: usize,
    /// From the cluster's return until a node took an order and knew the others'.
    returned_after: Duration,
}

impl AddAssign for Seen {
    fn add_assign(&mut self, other: Self) {
        for (what, times) in other.struck {
            *self.struck.entry(what).or_default() += times;
        }
        self.conflicts += other.conflicts;
        self.returned_after = self.returned_after.max(other.returned_after);
    }
}

impl Seen {
    /// The faults that struck such requests.
    fn faults(&self, on: On) -> BTreeSet<&'static str> {
        self.struck.keys().filter(|(request, _)| *request == on).map(|(_, fault)| *fault).collect()
    }
}

/// Every second run also strikes reads, gossip and the rest, of which there are more.
fn schedule(seed: u64, faults: Vec<Fault>) -> Schedule {
    let (on, faults_max) = if seed.is_multiple_of(2) { (On::Append, 8) } else { (On::Any, 16) };
    Schedule { seed, on, per_mille: 150, faults, faults_max }
}

async fn run(seed: u64) -> Seen {
    let mut rng = StdRng::seed_from_u64(seed);
    let cluster = Arc::new(Cluster::start(3).await.unwrap());
    let nodes = Arc::new([Arc::new(ledger(&cluster).await), Arc::new(ledger(&cluster).await)]);
    let followers = Followers::begin(&nodes[..], &mut rng);
    let faults = faults(&mut rng);
    // A majority of the nodes stays, or comes back.
    cluster.faults().schedule(schedule(seed, faults));
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
    let pushed: BTreeSet<_> = plan.iter().copied().collect();
    for (order, content, answer) in pushers.join_all().await.concat() {
        let told = told.entry(order).or_default();
        match answer {
            Answer::Success => told.accepted.insert(content),
            Answer::Conflict => told.conflicts.insert(content),
        };
    }
    keeper.abort();
    let _ended = keeper.await;
    cluster.faults().clear();
    let struck = cluster.faults().done_on();
    revive(&cluster).await;
    serve_again(&nodes[..], "AFTER-FAULTS").await;
    goes_away(&cluster, &nodes[..]).await;
    revive(&cluster).await;
    let returned_after = serve_again(&nodes[..], "AFTER-OUTAGE").await;
    holds(&cluster, &told);
    followers.have_read(&cluster, seed).await;
    let answered = |(order, Told { accepted, conflicts }): (&usize, &Told)| {
        accepted.union(conflicts).map(|content| (*order, *content)).collect::<Vec<_>>()
    };
    assert_eq!(told.iter().flat_map(answered).collect::<BTreeSet<_>>(), pushed);
    for node in &*nodes {
        node.store().close().await;
    }
    let conflicts = told.values().map(|told| told.conflicts.len()).sum();
    Seen { struck, conflicts, returned_after }
}

async fn revive(cluster: &Cluster) {
    for node in 0..3 {
        // One that is up already says so.
        let _up = cluster.revive(node).await;
    }
}

/// The whole cluster goes down, and both nodes find out: what is pushed then is not taken.
async fn goes_away(cluster: &Cluster, nodes: &[Arc<Ledger>]) {
    for node in 0..3 {
        cluster.kill(node).await.unwrap();
    }
    let push = goods("AWAY").0;
    let pushed = nodes.iter().map(|node| async {
        let taken = node.record(&demo(), &push, &evidence(&push, at(0))).await;
        assert!(taken.is_err(), "there is no server: {taken:?}");
    });
    join_all(pushed).await;
}

/// Brings back nodes of the cluster that died, after a while, as whoever keeps it would.
async fn keep_alive(cluster: Arc<Cluster>) {
    loop {
        tokio::time::sleep(Duration::from_millis(700)).await;
        for node in 0..3 {
            let _up = cluster.revive(node).await;
        }
    }
}

/// Each node of ours takes an order of its own, reads both and learns of the other's within five seconds of the
/// cluster's return. How long it took.
async fn serve_again(nodes: &[Arc<Ledger>], name: &str) -> Duration {
    let returned = Instant::now();
    let push = |number: usize| goods(&format!("{name}-{number}")).0;
    let within = |what: &str| assert!(returned.elapsed() < RETURNS_WITHIN, "{name}: {what}");
    let taken = nodes.iter().enumerate().map(|(number, node)| async move {
        let push = push(number);
        while let Err(fault) = node.record(&demo(), &push, &evidence(&push, at(0))).await {
            within(&format!("node {number} does not take orders again: {fault}"));
        }
    });
    join_all(taken).await;
    within("orders were taken late");
    for (number, node) in nodes.iter().enumerate() {
        for of in 0..nodes.len() {
            let stream = StreamName(format!("order-demo.{name}-{of}"));
            let position = loop {
                match node.store().read_stream(&stream, 0, 10).await.as_deref() {
                    Ok([event]) => break event.position,
                    read => within(&format!("node {number} does not read again: {read:?}")),
                }
            };
            let mut head = node.store().head();
            let knows = head.wait_for(|head| *head >= Some(position));
            let left = RETURNS_WITHIN.saturating_sub(returned.elapsed());
            let knows = tokio::time::timeout(left, knows).await;
            assert!(knows.is_ok(), "{name}: node {number} does not learn of the order of {of}");
        }
    }
    within("orders were read late");
    returned.elapsed()
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
    let mut seen = Seen::default();
    let mut runs = JoinSet::new();
    let mut seeds = (0..RUNS).map(|number| u64::from(first) + number);
    for seed in seeds.by_ref().take(AT_ONCE) {
        runs.spawn(run(seed));
    }
    while let Some(done) = runs.join_next().await {
        seen += done.unwrap();
        if let Some(seed) = seeds.next() {
            runs.spawn(run(seed));
        }
    }
    eprintln!("served again after {:?} at most; {} conflicts", seen.returned_after, seen.conflicts);
    eprintln!("faults that struck: {:?}", seen.struck);
    let all = faults(&mut StdRng::seed_from_u64(0)).into_iter().map(Fault::name).collect::<BTreeSet<_>>();
    for on in [On::Append, On::ReadStream, On::ReadAll, On::Gossip] {
        assert_eq!(seen.faults(on), all, "every fault struck {on:?}");
    }
    assert!(seen.conflicts > ORDERS, "{} conflicts", seen.conflicts);
}
