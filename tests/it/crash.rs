//! Killed, or told to stop, in the middle of the work: what was answered success stands, and stands once.

use std::collections::VecDeque;
use std::net::SocketAddr;
use std::sync::{Arc, Mutex, MutexGuard};
use std::time::{Duration, Instant};

use order_ledger::wechat::App;
use rand::rngs::StdRng;
use rand::{RngExt, SeedableRng};
use tokio::sync::watch;
use tokio::task::JoinSet;

use super::line::{Line, Unanswered, is_success};
use super::log_file::{LogFile, wal_is_empty};
use super::pushes::{goods, goods_push};
use super::server::{Home, Server, busy, until};

const CONNECTIONS: usize = 32;
const KILLS: usize = 32;

/// What WeChat knows: which orders are to be pushed again, and which are done.
#[derive(Default)]
struct Orders {
    made: usize,
    again: VecDeque<String>,
    done: Vec<String>,
}

/// WeChat under load: new orders without end, and those without an answer again and again.
struct Load {
    orders: Arc<Mutex<Orders>>,
    /// Where the server is; `None` tells the lines to end.
    place: watch::Sender<Option<SocketAddr>>,
    lines: JoinSet<Vec<Unanswered>>,
}

fn locked(orders: &Mutex<Orders>) -> MutexGuard<'_, Orders> {
    orders.lock().unwrap()
}

impl Load {
    fn start(app: App, to: SocketAddr) -> Self {
        let (orders, app) = (Arc::<Mutex<Orders>>::default(), Arc::new(app));
        let (place, watched) = watch::channel(Some(to));
        let mut lines = JoinSet::new();
        for _ in 0..CONNECTIONS {
            lines.spawn(keep_pushing(app.clone(), orders.clone(), watched.clone()));
        }
        Self { orders, place, lines }
    }

    fn done(&self) -> Vec<String> {
        locked(&self.orders).done.clone()
    }

    async fn until_done(&self, count: usize) {
        until(&format!("{count} pushes succeeded"), || locked(&self.orders).done.len() >= count).await;
    }

    /// Nothing new is pushed. How pushes failed, in each line's order.
    async fn stop(self) -> (Vec<String>, Vec<Unanswered>) {
        self.place.send_replace(None);
        let failures = self.lines.join_all().await.concat();
        let done = locked(&self.orders).done.clone();
        (done, failures)
    }
}

async fn keep_pushing(
    app: Arc<App>,
    orders: Arc<Mutex<Orders>>,
    mut place: watch::Receiver<Option<SocketAddr>>,
) -> Vec<Unanswered> {
    let mut failures = Vec::new();
    loop {
        let Some(to) = *place.borrow_and_update() else { return failures };
        let mut line = Line::new(to);
        let failure = loop {
            let order = {
                let mut orders = locked(&orders);
                orders.made += 1;
                let new = format!("CRASH-{}", orders.made);
                orders.again.pop_front().unwrap_or(new)
            };
            match line.push(&goods_push(&app, goods(&order, 600))).await {
                Ok(answer) if is_success(&answer) => locked(&orders).done.push(order),
                Ok(answer) => panic!("{order}: {answer}"),
                Err(failure) => {
                    locked(&orders).again.push_back(order);
                    break failure;
                }
            }
            if place.has_changed().unwrap() {
                break Unanswered::NotConnected;
            }
        };
        failures.push(failure);
        if place.changed().await.is_err() {
            return failures;
        }
    }
}

/// How long from the start of the process until a push was answered success.
async fn restart(home: &Home, app: &App, order: &str) -> (Server, Duration) {
    let begun = Instant::now();
    let server = home.serve();
    let answer = Line::new(server.push).push(&goods_push(app, goods(order, 600))).await.unwrap();
    let took = begun.elapsed();
    assert!(is_success(&answer), "{answer}");
    assert_eq!(server.admin("GET", "/readyz", "").await.status, 200);
    assert!(server.complaints().is_empty(), "{}", server.log());
    (server, took)
}

#[tokio::test(flavor = "multi_thread")]
async fn killed_32_times_under_load_the_log_keeps_every_success_once_and_is_back_within_a_second() {
    let _turn = busy().await;
    let seed = rand::random::<u32>();
    eprintln!("seed {seed}");
    let mut rng = StdRng::seed_from_u64(u64::from(seed));
    let home = Home::new();
    let app = home.app();
    let (mut server, _) = restart(&home, &app, "START").await;
    let load = Load::start(app.clone(), server.push);
    let (mut slowest, mut slowest_ready) = (Duration::ZERO, Duration::ZERO);
    let mut sure = vec!["START".to_owned()];
    for kill in 0..KILLS {
        let before = load.done().len();
        load.until_done(before + rng.random_range(0..600)).await;
        server.kill();
        let order = format!("RESTART-{kill}");
        let (restarted, took) = restart(&home, &app, &order).await;
        assert!(took < Duration::from_secs(1), "seed {seed}, kill {kill}: back after {took:?}");
        slowest = slowest.max(took);
        slowest_ready = slowest_ready.max(restarted.ready_after);
        sure.push(order);
        LogFile::open(&home.store()).holds_once(sure.iter().chain(&load.done()));
        load.place.send_replace(Some(restarted.push));
        server = restarted;
    }
    // Now that the server stays, everything is answered in the end.
    until("nothing is to be pushed again", || locked(&load.orders).again.is_empty()).await;
    let (done, _) = load.stop().await;
    eprintln!(
        "{} orders, slowest restart: ready after {slowest_ready:?}, pushed to after {slowest:?}",
        done.len()
    );
    assert!(server.terminate().success());
    let log = LogFile::open(&home.store());
    log.holds_once(sure.iter().chain(&done));
    log.is_gapless();
    assert_eq!(log.events_by_order().len(), sure.len() + done.len(), "nothing is there unanswered");
}

#[tokio::test(flavor = "multi_thread")]
async fn told_to_stop_under_load_the_server_answers_wholly_or_not_at_all_and_leaves_one_file() {
    let _turn = busy().await;
    let home = Home::new();
    let server = home.serve();
    let load = Load::start(home.app(), server.push);
    load.until_done(500).await;
    assert!(server.terminate().success());
    let (done, failures) = load.stop().await;
    assert!(!failures.contains(&Unanswered::Cut), "an answer was cut: {failures:?}");
    assert!(wal_is_empty(&home.store()));
    let log = LogFile::open(&home.store());
    log.holds_once(&done);
    log.is_gapless();
}
