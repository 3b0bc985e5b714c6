//! What a simulated day sells, to whom and in which zones: business fields drawn from a seeded generator.
//!
//! The content of a number depends on the seed only, never on the time, so a second run with the same
//! seed and options repeats the first to the letter.

use rand::RngExt;
use rand::rngs::StdRng;

use crate::domain::environment::Environment;
use crate::domain::fen::Fen;
use crate::domain::id::{GiftOrderId, IdError, OpenId, OutTradeNo, RefundId};
use crate::domain::push::{
    CoinPush, GiftItem, GiftPush, GoodsPush, OrderSource, PaymentIds, Push, RefundPush, RefundSource,
    RoleQuery,
};

/// Product and price of one, in fen.
const PRODUCTS: [(&str, i64); 8] = [
    ("gem_60", 600),
    ("gem_300", 3000),
    ("gem_980", 9800),
    ("month_card", 3000),
    ("starter_pack", 100),
    ("skin_红莲", 6800),
    ("battle_pass", 6800),
    ("stamina_120", 1200),
];
const ZONES: [&str; 5] = ["1", "2", "3", "101", "华东-7"];
const ATTACHES: [Option<&str>; 6] = [
    None,
    Some("order-from-shop"),
    Some(r#"{"role":"云中鹤","server":7}"#),
    Some(r#"a "quoted" <b>&amp; 50% off</b> \ ]]> end"#),
    Some("活动=中秋&来源=弹窗"),
    Some("第一行\n第二行\t🎁"),
];
/// Percent of the price that is paid.
const DISCOUNTS: [i64; 4] = [100, 100, 90, 75];
/// Distinct players of one run.
const PLAYERS: u32 = 500;
/// 2026-01-01 in Beijing, when the gifts of every run were sent.
const GIFTS_SENT_S: i64 = 1_767_196_800;

fn one_of<T: Copy, const N: usize>(rng: &mut StdRng, choices: &[T; N]) -> T {
    choices[rng.random_range(0..N)]
}

fn open_id(rng: &mut StdRng, seed: u64) -> Result<OpenId, IdError> {
    OpenId::parse(&format!("oSim_{seed:016x}_{:06}", rng.random_range(0..PLAYERS)))
}

fn paid(rng: &mut StdRng) -> PaymentIds {
    // One order in ten was not paid through WeChat Pay.
    if rng.random_ratio(1, 10) {
        return PaymentIds::default();
    }
    let digits: u64 = rng.random_range(0..10_000_000_000_000_000);
    PaymentIds {
        mch_order_no: Some(format!("1900000109T{digits:016}")),
        transaction_id: Some(format!("420000202601{digits:016}")),
    }
}

pub fn goods(
    rng: &mut StdRng,
    seed: u64,
    env: Environment,
    order_source: OrderSource,
    number: &str,
) -> Result<GoodsPush, IdError> {
    let (product_id, price_fen) = one_of(rng, &PRODUCTS);
    let quantity = rng.random_range(1..=3);
    let orig_fen = price_fen * i64::from(quantity);
    Ok(GoodsPush {
        env,
        open_id: open_id(rng, seed)?,
        out_trade_no: OutTradeNo::parse(number)?,
        product_id: product_id.into(),
        quantity,
        zone_id: Some(one_of(rng, &ZONES).into()),
        orig_price: Fen(orig_fen),
        actual_price: Fen(orig_fen * one_of(rng, &DISCOUNTS) / 100),
        attach: one_of(rng, &ATTACHES).map(str::to_owned),
        order_source,
        payment: paid(rng),
    })
}

pub fn coins(rng: &mut StdRng, seed: u64, env: Environment, number: &str) -> Result<CoinPush, IdError> {
    let buy_quantity = one_of(rng, &[60, 300, 980, 1980]);
    let price = Fen(i64::from(buy_quantity) * 10);
    Ok(CoinPush {
        env,
        open_id: open_id(rng, seed)?,
        out_trade_no: OutTradeNo::parse(number)?,
        zone_id: Some(one_of(rng, &ZONES).into()),
        buy_quantity,
        orig_price: price,
        actual_price: price,
        payment: paid(rng),
    })
}

/// A refund of half or of all of an order.
pub fn refund_of(rng: &mut StdRng, order: &Push, number: &str) -> Result<Option<RefundPush>, IdError> {
    let (env, paid, out_trade_no) = match order {
        Push::Goods(goods) => (goods.env, goods.actual_price, &goods.out_trade_no),
        Push::Coins(coins) => (coins.env, coins.actual_price, &coins.out_trade_no),
        Push::Refund(_) | Push::Gift(_) => return Ok(None),
    };
    let sources = [RefundSource::Platform, RefundSource::Console, RefundSource::Api];
    Ok(Some(RefundPush {
        env,
        refund_id: RefundId::parse(number)?,
        refund_amount: Fen(paid.0 / one_of(rng, &[1, 1, 1, 2])),
        refund_source: one_of(rng, &sources),
        out_trade_no: Some(out_trade_no.clone()),
        payment: order.payment(),
    }))
}

pub fn gift(rng: &mut StdRng, seed: u64, number: &str) -> Result<GiftPush, IdError> {
    let item = |rng: &mut StdRng| GiftItem {
        id: one_of(rng, &PRODUCTS).0.to_owned(),
        num: rng.random_range(1..=10),
    };
    Ok(GiftPush {
        order_id: GiftOrderId::parse(number)?,
        open_id: open_id(rng, seed)?,
        zone: Some(rng.random_range(1..=9)),
        gift_type_id: Some(rng.random_range(1..=4)),
        gift_id: Some(format!("gift_{}", rng.random_range(1..=20))),
        send_time: Some(GIFTS_SENT_S + rng.random_range(0..86_400)),
        goods: (0..rng.random_range(1..=3)).map(|_| item(rng)).collect(),
    })
}

pub fn role_query(rng: &mut StdRng, seed: u64, env: Environment) -> Result<RoleQuery, IdError> {
    Ok(RoleQuery { env, open_id: open_id(rng, seed)?, need_role_num: one_of(rng, &[1, 10, 20]) })
}

/// The same order at another price: what a conflict is.
pub fn at_another_price(push: &Push) -> Push {
    let mut other = push.clone();
    match &mut other {
        Push::Goods(goods) => goods.actual_price = Fen(goods.actual_price.0 + 100),
        Push::Coins(coins) => coins.actual_price = Fen(coins.actual_price.0 + 100),
        Push::Refund(refund) => refund.refund_amount = Fen(refund.refund_amount.0 + 100),
        Push::Gift(gift) => gift.gift_type_id = gift.gift_type_id.map(|id| id + 100),
    }
    other
}
