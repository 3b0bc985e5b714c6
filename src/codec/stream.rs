//! The names of streams: `category-key`. The environment is part of the category, so that a sandbox key
//! can never block or poison a production order.

use sha2::{Digest, Sha256};

use crate::domain::app::AppSlug;
use crate::domain::bill::{BillKey, MerchantId, Sha256Hex};
use crate::domain::case::{CaseKey, CaseKind};
use crate::domain::environment::Environment;
use crate::domain::id::{OpenId, OutTradeNo};
use crate::domain::period::PeriodKey;
use crate::domain::push::Push;
use crate::store::StreamName;

/// All categories: what a store that others use too reads as ours.
pub const CATEGORIES: [&str; 17] = [
    "app",
    "order",
    "sandboxOrder",
    "refund",
    "sandboxRefund",
    "gift",
    "mock",
    "sandboxMock",
    PLAYER,
    BILL_DAY,
    CASE,
    PERIOD,
    REPORT,
    QUARANTINE,
    SEAL,
    RECOVERY,
    PAYMENT,
];

/// The category of the streams that hold pushes in quarantine.
pub const QUARANTINE: &str = "quarantine";

/// The category of the streams that hold players' roles.
const PLAYER: &str = "player";

/// The categories of streams that belong to no app.
const BILL_DAY: &str = "billday";
const CASE: &str = "case";
const PERIOD: &str = "period";
const REPORT: &str = "report";
const SEAL: &str = "seal";

/// The category of the streams in which orders are proposed that no push brought.
const RECOVERY: &str = "recovery";

/// The category of the streams that say which recovered order a payment is. Of a merchant, as the bill is.
const PAYMENT: &str = "payment";

pub fn app_stream(app: &AppSlug) -> StreamName {
    StreamName(format!("app-{app}"))
}

/// The stream of the order, refund or gift that a push is about.
pub fn push_stream(app: &AppSlug, push: &Push) -> StreamName {
    let category = match (push, push.env()) {
        (Push::Goods(goods), _) => return order_stream(app, goods.env, &goods.out_trade_no),
        (Push::Coins(coins), _) => return order_stream(app, coins.env, &coins.out_trade_no),
        (Push::Refund(_), Some(Environment::Sandbox)) => "sandboxRefund",
        (Push::Refund(_), _) => "refund",
        (Push::Gift(_), _) => "gift",
    };
    StreamName(format!("{category}-{app}.{}", push.key()))
}

pub fn order_stream(app: &AppSlug, env: Environment, out_trade_no: &OutTradeNo) -> StreamName {
    let category = match env {
        Environment::Production => "order",
        Environment::Sandbox => "sandboxOrder",
    };
    StreamName([category, "-", app.as_str(), ".", out_trade_no.as_str()].concat())
}

/// The stream of a player's roles.
pub fn player_stream(app: &AppSlug, env: Environment, open_id: &OpenId) -> StreamName {
    StreamName(format!("{PLAYER}-{app}.{env}.{open_id}"))
}

/// The stream in which an order is proposed that no push brought.
pub fn recovery_stream(app: &AppSlug, out_trade_no: &OutTradeNo) -> StreamName {
    StreamName(format!("{RECOVERY}-{app}.{out_trade_no}"))
}

/// The stream of a payment that a bill names and an order is recovered from.
pub fn payment_stream(merchant: &MerchantId, transaction_id: &str) -> StreamName {
    StreamName(format!("{PAYMENT}-{merchant}.{transaction_id}"))
}

pub fn billday_stream(key: &BillKey) -> StreamName {
    StreamName(format!("{BILL_DAY}-{key}"))
}

pub fn case_stream(key: &CaseKey) -> StreamName {
    StreamName(format!("{CASE}-{key}"))
}

pub fn period_stream(key: &PeriodKey) -> StreamName {
    StreamName(format!("{PERIOD}-{key}"))
}

/// The stream that holds a filed report.
pub fn report_stream(sha256: &Sha256Hex) -> StreamName {
    StreamName(format!("{REPORT}-{sha256}"))
}

/// The one stream of seals.
pub fn seal_stream() -> StreamName {
    StreamName(format!("{SEAL}-ledger"))
}

/// The environment that a stream's name tells; `None` where it belongs to none.
pub fn env_of(stream: &StreamName) -> Option<Environment> {
    match stream.category() {
        "order" | "refund" | "mock" | RECOVERY => Some(Environment::Production),
        "sandboxOrder" | "sandboxRefund" | "sandboxMock" => Some(Environment::Sandbox),
        PLAYER => {
            let env = stream.as_str().split('.').nth(1)?;
            Environment::ALL.into_iter().find(|named| named.to_string() == env)
        }
        _ => None,
    }
}

/// What names the thing in its category: the order number of an order, say. What follows the app, or all that
/// follows the category where no app is named.
pub fn key_of(stream: &StreamName) -> Option<&str> {
    let (category, rest) = stream.as_str().split_once('-')?;
    match category {
        QUARANTINE | "app" | BILL_DAY | CASE | PERIOD | REPORT | SEAL | PAYMENT => Some(rest),
        _ => rest.split_once('.').map(|(_, key)| key),
    }
}

/// The stream of the mock pushes that name one order, refund or gift.
pub fn mock_stream(app: &AppSlug, push: &Push) -> StreamName {
    let category = match push.env() {
        Some(Environment::Sandbox) => "sandboxMock",
        Some(Environment::Production) | None => "mock",
    };
    StreamName(format!("{category}-{app}.{}", push.key()))
}

/// What names a push in quarantine: SHA-256 of app, event and payload.
pub fn quarantine_id(app: &AppSlug, event: &str, payload: &str) -> String {
    let mut sha = Sha256::new();
    for part in [app.as_str(), event, payload] {
        sha.update((part.len() as u64).to_be_bytes());
        sha.update(part);
    }
    hex::encode(sha.finalize())
}

pub fn quarantine_stream(id: &str) -> StreamName {
    StreamName(format!("{QUARANTINE}-{id}"))
}

/// The id of the push in quarantine that a stream is about.
pub fn quarantine_id_of(stream: &StreamName) -> Option<&str> {
    stream.as_str().strip_prefix(QUARANTINE)?.strip_prefix('-')
}

/// Every stream of an app that an id may name: order, refund, gift or player in either environment, mocks, what
/// was proposed in place of a push, and quarantine.
pub fn streams_of_id(app: &AppSlug, id: &str) -> Vec<StreamName> {
    let categories =
        ["order", "sandboxOrder", "refund", "sandboxRefund", "gift", "mock", "sandboxMock", RECOVERY];
    let keyed = categories.into_iter().map(|category| StreamName(format!("{category}-{app}.{id}")));
    let players = Environment::ALL.map(|env| StreamName(format!("{PLAYER}-{app}.{env}.{id}")));
    keyed.chain(players).chain([quarantine_stream(id)]).collect()
}

/// Every stream of a merchant that an id may name: what a payment was claimed for, and the cases of the orders,
/// payments and refunds it names in these apps; and by their whole keys, such as `1900000109.2026-01`, bills, periods,
/// cases and payments.
pub fn merchant_streams_of_id(merchants: &[MerchantId], apps: &[&AppSlug], id: &str) -> Vec<StreamName> {
    let by_key = [BILL_DAY, PERIOD, CASE, PAYMENT].map(|category| StreamName(format!("{category}-{id}")));
    let mut streams = Vec::from(by_key);
    for merchant in merchants {
        streams.push(payment_stream(merchant, id));
        let mut add = |kind, id: &str| {
            let key = CaseKey::new(merchant.clone(), kind, id);
            streams.extend(key.iter().map(case_stream));
        };
        for kind in CaseKind::ALL {
            match kind {
                CaseKind::Order | CaseKind::Refund => {
                    apps.iter().for_each(|app| add(kind, &format!("{app}.{id}")));
                }
                CaseKind::Payment | CaseKind::BillRefund => add(kind, id),
            }
        }
    }
    streams
}
