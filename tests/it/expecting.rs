//! What is expected of answers, and of the log when the server has ended.

use std::time::{Duration, Instant};

use order_ledger::cli::simulate::PushRequest;

use super::log_file::LogFile;
use super::pushes::{goods, goods_push};
use super::server::{Home, Server};

pub const WECHAT_WAITS: Duration = Duration::from_secs(3);

pub fn order(home: &Home, number: &str) -> PushRequest {
    goods_push(&home.app(), goods(number, 600))
}

/// All these orders are answered 50301, within WeChat's patience.
pub async fn refused(home: &Home, server: &Server, numbers: &[&str]) {
    for number in numbers {
        let begun = Instant::now();
        let answer = server.push(&order(home, number)).await;
        assert_eq!((answer.status, answer.code()), (200, 50301), "{number}: {answer:?}");
        assert!(begun.elapsed() < WECHAT_WAITS, "{number}: answered after {:?}", begun.elapsed());
    }
}

pub async fn accepted(home: &Home, server: &Server, numbers: &[&str]) {
    for number in numbers {
        let answer = server.push(&order(home, number)).await;
        assert_eq!((answer.status, answer.code()), (200, 0), "{number}: {answer:?}\n{}", server.log());
    }
}

/// After the end of the server: these orders stand, once, and no other.
pub fn holds_exactly(home: &Home, numbers: &[&str]) {
    let log = LogFile::open(&home.store());
    log.is_gapless();
    log.holds_once(&numbers.iter().map(|number| (*number).to_owned()).collect::<Vec<_>>());
    assert_eq!(log.events_by_order().len(), numbers.len(), "{:?}", log.events_by_order());
}
