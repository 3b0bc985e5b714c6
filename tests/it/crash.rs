//! Killed, or told to stop, in the middle of the work: what was answered success stands, and stands once.

use std::collections::VecDeque;
use std::net::SocketAddr;
use std::sync::{Arc, Mutex, MutexGuard};
use std::time::{Duration, Instant};

use order_ledger::cli::simulate::PushRequest;
use rand::rngs::StdRng;
use rand::{RngExt, SeedableRng};
use serde_json::json;
use tokio::sync::watch;
use tokio::task::JoinSet;

use super::by_hand::{GOODS, REFUND, goods, key_of, push, push_of, refund, with, without};
use super::expecting::{accepted, holds_exactly, order};
use super::faulty_disk::FaultyDisk;
use super::line::{Line, Unanswered, code_of, is_success};
use super::log_file::{LogFile, Trace, wal_is_empty};
use super::server::{Ended, Home, Server, busy, until};

const CONNECTIONS: usize = 32;
const KILLS: usize = 32;

/// A push, the code it must be answered with, and the event that stands in the log from then on.
#[derive(Clone)]
struct Step {
    push: PushRequest,
    code: u32,
    trace: Option<Trace>,
}

/// One order, refund or unusable push: what WeChat pushes for it, one after the other.
type Job = VecDeque<Step>;

/// The jobs of a day, of all sorts.
fn job(made: usize) -> Job {
    let number = format!("CRASH-{made}");
    let (order, refunded) = (format!("order-demo.{number}"), format!("refund-demo.{number}"));
    let step = |push: PushRequest, code: u32, stream: &str, event_type: &str| Step {
        push,
        code,
        trace: Some((stream.to_owned(), event_type.to_owned())),
    };
    let repeat = |step: &Step| Step { trace: None, ..step.clone() };
    let bought = goods(&number, 0);
    let delivered = step(push_of(GOODS, &bought), 0, &order, "GoodsDelivered");
    let dearer = with(bought.clone(), "/GoodsInfo/ActualPrice", json!(1300));
    let steps = match made % 8 {
        0 => {
            let unpaid = push_of(GOODS, &without(bought.clone(), "/WeChatPayInfo"));
            let unpaid = step(unpaid, 0, &order, "GoodsDelivered");
            let paid = step(push_of(GOODS, &bought), 0, &order, "PaymentIdentified");
            vec![unpaid.clone(), paid.clone(), repeat(&paid), repeat(&unpaid)]
        }
        1 => {
            let conflict = step(push_of(GOODS, &dearer), 40901, &order, "ConflictingPushReceived");
            vec![delivered.clone(), conflict.clone(), repeat(&conflict), repeat(&delivered)]
        }
        2 => {
            let first = push_of(REFUND, &without(refund(&number, 0), "/WeChatPayInfo"));
            let first = step(first, 0, &refunded, "RefundSucceeded");
            let paid = step(push_of(REFUND, &refund(&number, 0)), 0, &refunded, "PaymentIdentified");
            vec![first.clone(), paid, repeat(&first)]
        }
        3 => {
            let unusable = push_of(GOODS, &with(bought, "/GoodsInfo/Quantity", json!(0)));
            let held = step(unusable, 42201, &format!("quarantine {number}"), "PushQuarantined");
            vec![held.clone(), repeat(&held)]
        }
        4 => {
            let wrong_key = push(key_of(1), GOODS, &bought.to_string());
            let held = step(wrong_key, 40301, &format!("quarantine {number}"), "PushQuarantined");
            // The right push does not decide about the wrong one.
            vec![held.clone(), delivered, repeat(&held)]
        }
        _ => vec![delivered],
    };
    steps.into()
}

/// What WeChat knows: what is to be pushed again, and which answers it was given.
#[derive(Default)]
struct Jobs {
    made: usize,
    again: VecDeque<Job>,
    /// What must stand in the log, by the answers so far.
    sure: Vec<Trace>,
    /// Pushes answered as they must be.
    answered: usize,
}

/// WeChat under load: new orders without end, and those without an answer again and again.
pub struct Load {
    jobs: Arc<Mutex<Jobs>>,
    /// Where the server is; `None` tells the lines to end.
    pub place: watch::Sender<Option<SocketAddr>>,
    lines: JoinSet<Vec<Unanswered>>,
}

fn locked(jobs: &Mutex<Jobs>) -> MutexGuard<'_, Jobs> {
    jobs.lock().unwrap()
}

impl Load {
    pub fn start(to: SocketAddr) -> Self {
        let jobs = Arc::<Mutex<Jobs>>::default();
        let (place, watched) = watch::channel(Some(to));
        let mut lines = JoinSet::new();
        for _ in 0..CONNECTIONS {
            lines.spawn(keep_pushing(jobs.clone(), watched.clone()));
        }
        Self { jobs, place, lines }
    }

    fn sure(&self) -> Vec<Trace> {
        locked(&self.jobs).sure.clone()
    }

    pub fn answered(&self) -> usize {
        locked(&self.jobs).answered
    }

    pub async fn until_answered(&self, count: usize) {
        until(&format!("{count} pushes were answered"), || self.answered() >= count).await;
    }

    /// Nothing new is pushed. What must stand, and how pushes failed, in each line's order.
    pub async fn stop(self) -> (Vec<Trace>, Vec<Unanswered>) {
        self.place.send_replace(None);
        let failures = self.lines.join_all().await.concat();
        let sure = locked(&self.jobs).sure.clone();
        (sure, failures)
    }
}

async fn keep_pushing(
    jobs: Arc<Mutex<Jobs>>,
    mut place: watch::Receiver<Option<SocketAddr>>,
) -> Vec<Unanswered> {
    let mut failures = Vec::new();
    let mut job = Job::new();
    loop {
        let Some(to) = *place.borrow_and_update() else { return failures };
        let mut line = Line::new(to);
        let failure = loop {
            if job.is_empty() {
                let mut jobs = locked(&jobs);
                job = jobs.again.pop_front().unwrap_or_else(|| {
                    jobs.made += 1;
                    self::job(jobs.made)
                });
            }
            let Step { push, code, trace } = &job[0];
            match line.push(push).await {
                Ok(answer) if code_of(&answer) == Some(*code) => {
                    let mut jobs = locked(&jobs);
                    jobs.sure.extend(trace.clone());
                    jobs.answered += 1;
                    drop(job.pop_front());
                }
                Ok(answer) => panic!("{trace:?} is due with {code}: {answer}"),
                Err(failure) => {
                    // WeChat comes again later, on whichever connection.
                    locked(&jobs).again.push_back(std::mem::take(&mut job));
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

/// Everything that was answered stands in the log, and nothing stands twice.
pub fn holds_once(log: &LogFile, sure: &[Trace]) {
    let tally = log.tally();
    let lost: Vec<_> = sure.iter().filter(|trace| !tally.contains_key(*trace)).collect();
    assert!(lost.is_empty(), "answered and not in the log: {lost:?}");
    let twice: Vec<_> = tally.iter().filter(|(_, count)| **count != 1).collect();
    assert!(twice.is_empty(), "more than once: {twice:?}");
}

/// How long from the start of the process until a push was answered success.
async fn restart(home: &Home, number: &str) -> (Server, Duration) {
    let begun = Instant::now();
    let server = home.serve();
    let answer = Line::new(server.push).push(&order(home, number)).await.unwrap();
    let took = begun.elapsed();
    assert!(is_success(&answer), "{answer}");
    assert_eq!(server.admin("GET", "/readyz", "").await.status, 200);
    assert!(server.complaints().is_empty(), "{}", server.log());
    (server, took)
}

#[tokio::test(flavor = "multi_thread")]
async fn killed_32_times_under_load_the_log_keeps_every_answer_once_and_is_back_within_a_second() {
    let _turn = busy().await;
    let seed = rand::random::<u32>();
    eprintln!("seed {seed}");
    let mut rng = StdRng::seed_from_u64(u64::from(seed));
    let home = Home::new();
    let (mut server, _) = restart(&home, "START").await;
    let load = Load::start(server.push);
    let (mut slowest, mut slowest_ready) = (Duration::ZERO, Duration::ZERO);
    let delivered = |order: &str| (format!("order-demo.{order}"), "GoodsDelivered".to_owned());
    let registered = ("app-demo".to_owned(), "AppRegistered".to_owned());
    let mut sure = vec![registered, delivered("START")];
    for kill in 0..KILLS {
        load.until_answered(load.answered() + rng.random_range(0..600)).await;
        server.kill();
        let order = format!("RESTART-{kill}");
        let (restarted, took) = restart(&home, &order).await;
        assert!(took < Duration::from_secs(1), "seed {seed}, kill {kill}: back after {took:?}");
        slowest = slowest.max(took);
        slowest_ready = slowest_ready.max(restarted.ready_after);
        sure.push(delivered(&order));
        holds_once(&LogFile::open(&home.store()), &[&sure[..], &load.sure()].concat());
        load.place.send_replace(Some(restarted.push));
        server = restarted;
    }
    // Now that the server stays, everything is answered in the end.
    until("nothing is to be pushed again", || locked(&load.jobs).again.is_empty()).await;
    let (by_load, _) = load.stop().await;
    eprintln!(
        "{} events, slowest restart: ready after {slowest_ready:?}, pushed to after {slowest:?}",
        by_load.len()
    );
    assert!(server.terminate().success());
    sure.extend(by_load);
    let log = LogFile::open(&home.store());
    holds_once(&log, &sure);
    log.is_gapless();
    let events = log.tally();
    assert_eq!(events.len(), sure.len(), "nothing is there unanswered");
    for event_type in [
        "GoodsDelivered",
        "PaymentIdentified",
        "ConflictingPushReceived",
        "RefundSucceeded",
        "PushQuarantined",
    ] {
        assert!(events.keys().any(|(_, of)| of == event_type), "the load had no {event_type}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn told_to_stop_under_load_the_server_answers_wholly_or_not_at_all_and_leaves_one_file() {
    let _turn = busy().await;
    let home = Home::new();
    let server = home.serve();
    let load = Load::start(server.push);
    load.until_answered(500).await;
    assert!(server.terminate().success());
    let (sure, failures) = load.stop().await;
    assert!(!failures.contains(&Unanswered::Cut), "an answer was cut: {failures:?}");
    assert!(wal_is_empty(&home.store()));
    let log = LogFile::open(&home.store());
    holds_once(&log, &sure);
    log.is_gapless();
}

/// Serves on a disk that is slow to sync; the first repeat is answered success. By then the write-ahead log
/// and after it the log's file must have been synced: what an earlier process left may only be in memory.
async fn syncs_before_the_first_repeat_is_answered(disk: &FaultyDisk, number: &str) -> Server {
    disk.forget();
    // Slow enough that a sync which is not waited for has not returned by then.
    disk.fail(&["sync 300 *"]);
    let server = disk.serve();
    accepted(disk.home(), &server, &[number]).await;
    let synced = disk.synced();
    let first = |name: &str| synced.iter().position(|file| file == name);
    let (wal, file) = (first("events.db-wal"), first("events.db"));
    assert!(wal.is_some() && file.is_some() && wal < file, "synced before the answer: {synced:?}");
    disk.recover();
    server
}

#[tokio::test]
async fn after_a_kill_what_stands_is_synced_before_the_first_repeat_is_answered_success() {
    let disk = FaultyDisk::new();
    let server = disk.serve();
    accepted(disk.home(), &server, &["BEFORE", "OTHER"]).await;
    server.kill();
    let server = syncs_before_the_first_repeat_is_answered(&disk, "BEFORE").await;
    accepted(disk.home(), &server, &["OTHER", "AFTER"]).await;
    assert!(server.terminate().success());
    holds_exactly(disk.home(), &["BEFORE", "OTHER", "AFTER"]);
}

#[tokio::test]
async fn after_a_failed_sync_what_stands_is_synced_before_the_first_repeat_is_answered_success() {
    let disk = FaultyDisk::new();
    let server = disk.serve();
    accepted(disk.home(), &server, &["BEFORE"]).await;
    disk.fail(&["sync EIO *"]);
    // Written, and only in memory for all that anybody knows.
    let unanswered = Line::new(server.push).push(&order(disk.home(), "UNSYNCED")).await;
    assert!(!unanswered.as_ref().is_ok_and(|answer| is_success(answer)), "{unanswered:?}");
    assert!(server.ended().code().is_some_and(|code| code != 0));
    let server = syncs_before_the_first_repeat_is_answered(&disk, "UNSYNCED").await;
    accepted(disk.home(), &server, &["BEFORE"]).await;
    assert!(server.terminate().success());
    holds_exactly(disk.home(), &["BEFORE", "UNSYNCED"]);
}

#[tokio::test]
async fn where_what_stands_cannot_be_synced_no_repeat_is_answered_success() {
    let disk = FaultyDisk::new();
    let server = disk.serve();
    accepted(disk.home(), &server, &["BEFORE"]).await;
    server.kill();
    for file in ["events.db-wal", "events.db", "*"] {
        disk.fail(&[&format!("sync EIO {file}")]);
        match Server::try_start(disk.command(), disk.home().folder()) {
            Err(Ended { status, log }) => {
                assert!(status.code().is_some_and(|code| code != 0), "{file}: {status:?}");
                assert!(
                    !log.contains("panicked") && (log.contains("events.db") || log.contains("sync")),
                    "{file}: {log}"
                );
            }
            Ok(server) => {
                let answer = Line::new(server.push).push(&order(disk.home(), "BEFORE")).await;
                assert!(!answer.as_ref().is_ok_and(|answer| is_success(answer)), "{file}: {answer:?}");
            }
        }
    }
    disk.recover();
    let server = disk.serve();
    accepted(disk.home(), &server, &["BEFORE", "AFTER"]).await;
    assert!(server.terminate().success());
    holds_exactly(disk.home(), &["BEFORE", "AFTER"]);
}
