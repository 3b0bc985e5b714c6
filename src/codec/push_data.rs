//! The business content of pushes as it is stored.

use serde::{Deserialize, Serialize};

use crate::domain::environment::Environment;
use crate::domain::fen::Fen;
use crate::domain::id::{GiftOrderId, IdError, OpenId, OutTradeNo, RefundId};
use crate::domain::push::{
    CoinPush, GiftItem, GiftPush, GoodsPush, OrderSource, PaymentIds, Push, RefundPush, RefundSource,
};

#[derive(Serialize, Deserialize)]
pub struct Payment {
    #[serde(skip_serializing_if = "Option::is_none")]
    mch_order_no: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    transaction_id: Option<String>,
}

#[derive(Serialize, Deserialize)]
pub struct Goods {
    env: i64,
    open_id: String,
    out_trade_no: String,
    product_id: String,
    quantity: u32,
    #[serde(skip_serializing_if = "Option::is_none")]
    zone_id: Option<String>,
    orig_price_fen: i64,
    actual_price_fen: i64,
    #[serde(skip_serializing_if = "Option::is_none")]
    attach: Option<String>,
    order_source: i64,
    #[serde(skip_serializing_if = "Option::is_none")]
    mch_order_no: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    transaction_id: Option<String>,
}

#[derive(Serialize, Deserialize)]
pub struct Coins {
    env: i64,
    open_id: String,
    out_trade_no: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    zone_id: Option<String>,
    buy_quantity: u32,
    orig_price_fen: i64,
    actual_price_fen: i64,
    #[serde(skip_serializing_if = "Option::is_none")]
    mch_order_no: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    transaction_id: Option<String>,
}

#[derive(Serialize, Deserialize)]
pub struct Refund {
    env: i64,
    refund_id: String,
    refund_amount_fen: i64,
    refund_source: i64,
    #[serde(skip_serializing_if = "Option::is_none")]
    out_trade_no: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    mch_order_no: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    transaction_id: Option<String>,
}

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Gift {
    order_id: String,
    open_id: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    zone: Option<i64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    gift_type_id: Option<i64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    gift_id: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    send_time: Option<i64>,
    goods: Vec<Item>,
}

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Item {
    id: String,
    num: u32,
}

/// A push of any kind, with what it is.
#[derive(Serialize, Deserialize)]
#[serde(tag = "kind", rename_all = "snake_case")]
pub enum AnyPush {
    Goods(Goods),
    Coins(Coins),
    Refund(Refund),
    Gift(Gift),
}

pub(super) fn env(number: i64) -> Result<Environment, String> {
    Environment::from_number(number).ok_or_else(|| format!("data: env is {number}, must be 0 or 1"))
}

pub(super) fn id<T>(name: &str, parsed: Result<T, IdError>) -> Result<T, String> {
    parsed.map_err(|error| format!("data: {name} {error}"))
}

impl From<&Push> for AnyPush {
    fn from(push: &Push) -> Self {
        match push {
            Push::Goods(goods) => Self::Goods(goods.into()),
            Push::Coins(coins) => Self::Coins(coins.into()),
            Push::Refund(refund) => Self::Refund(refund.into()),
            Push::Gift(gift) => Self::Gift(gift.into()),
        }
    }
}

impl TryFrom<AnyPush> for Push {
    type Error = String;

    fn try_from(stored: AnyPush) -> Result<Self, String> {
        Ok(match stored {
            AnyPush::Goods(goods) => Self::Goods(goods.try_into()?),
            AnyPush::Coins(coins) => Self::Coins(coins.try_into()?),
            AnyPush::Refund(refund) => Self::Refund(refund.try_into()?),
            AnyPush::Gift(gift) => Self::Gift(gift.try_into()?),
        })
    }
}

impl From<&PaymentIds> for Payment {
    fn from(payment: &PaymentIds) -> Self {
        let PaymentIds { mch_order_no, transaction_id } = payment.clone();
        Self { mch_order_no, transaction_id }
    }
}

impl From<Payment> for PaymentIds {
    fn from(Payment { mch_order_no, transaction_id }: Payment) -> Self {
        Self { mch_order_no, transaction_id }
    }
}

impl From<&GoodsPush> for Goods {
    fn from(goods: &GoodsPush) -> Self {
        Self {
            env: goods.env.number(),
            open_id: goods.open_id.as_str().into(),
            out_trade_no: goods.out_trade_no.as_str().into(),
            product_id: goods.product_id.clone(),
            quantity: goods.quantity,
            zone_id: goods.zone_id.clone(),
            orig_price_fen: goods.orig_price.0,
            actual_price_fen: goods.actual_price.0,
            attach: goods.attach.clone(),
            order_source: goods.order_source.number(),
            mch_order_no: goods.payment.mch_order_no.clone(),
            transaction_id: goods.payment.transaction_id.clone(),
        }
    }
}

impl TryFrom<Goods> for GoodsPush {
    type Error = String;

    fn try_from(stored: Goods) -> Result<Self, String> {
        Ok(Self {
            env: env(stored.env)?,
            open_id: id("open_id", OpenId::parse(&stored.open_id))?,
            out_trade_no: id("out_trade_no", OutTradeNo::parse(&stored.out_trade_no))?,
            product_id: stored.product_id,
            quantity: stored.quantity,
            zone_id: stored.zone_id,
            orig_price: Fen(stored.orig_price_fen),
            actual_price: Fen(stored.actual_price_fen),
            attach: stored.attach,
            order_source: OrderSource::from_number(stored.order_source)
                .ok_or_else(|| format!("data: order_source is {}", stored.order_source))?,
            payment: PaymentIds { mch_order_no: stored.mch_order_no, transaction_id: stored.transaction_id },
        })
    }
}

impl From<&CoinPush> for Coins {
    fn from(coins: &CoinPush) -> Self {
        Self {
            env: coins.env.number(),
            open_id: coins.open_id.as_str().into(),
            out_trade_no: coins.out_trade_no.as_str().into(),
            zone_id: coins.zone_id.clone(),
            buy_quantity: coins.buy_quantity,
            orig_price_fen: coins.orig_price.0,
            actual_price_fen: coins.actual_price.0,
            mch_order_no: coins.payment.mch_order_no.clone(),
            transaction_id: coins.payment.transaction_id.clone(),
        }
    }
}

impl TryFrom<Coins> for CoinPush {
    type Error = String;

    fn try_from(stored: Coins) -> Result<Self, String> {
        Ok(Self {
            env: env(stored.env)?,
            open_id: id("open_id", OpenId::parse(&stored.open_id))?,
            out_trade_no: id("out_trade_no", OutTradeNo::parse(&stored.out_trade_no))?,
            zone_id: stored.zone_id,
            buy_quantity: stored.buy_quantity,
            orig_price: Fen(stored.orig_price_fen),
            actual_price: Fen(stored.actual_price_fen),
            payment: PaymentIds { mch_order_no: stored.mch_order_no, transaction_id: stored.transaction_id },
        })
    }
}

impl From<&RefundPush> for Refund {
    fn from(refund: &RefundPush) -> Self {
        Self {
            env: refund.env.number(),
            refund_id: refund.refund_id.as_str().into(),
            refund_amount_fen: refund.refund_amount.0,
            refund_source: refund.refund_source.number(),
            out_trade_no: refund.out_trade_no.as_ref().map(|number| number.as_str().into()),
            mch_order_no: refund.payment.mch_order_no.clone(),
            transaction_id: refund.payment.transaction_id.clone(),
        }
    }
}

impl TryFrom<Refund> for RefundPush {
    type Error = String;

    fn try_from(stored: Refund) -> Result<Self, String> {
        let out_trade_no = stored.out_trade_no.as_deref().map(OutTradeNo::parse).transpose();
        Ok(Self {
            env: env(stored.env)?,
            refund_id: id("refund_id", RefundId::parse(&stored.refund_id))?,
            refund_amount: Fen(stored.refund_amount_fen),
            refund_source: RefundSource::from_number(stored.refund_source)
                .ok_or_else(|| format!("data: refund_source is {}", stored.refund_source))?,
            out_trade_no: id("out_trade_no", out_trade_no)?,
            payment: PaymentIds { mch_order_no: stored.mch_order_no, transaction_id: stored.transaction_id },
        })
    }
}

impl From<&GiftPush> for Gift {
    fn from(gift: &GiftPush) -> Self {
        Self {
            order_id: gift.order_id.as_str().into(),
            open_id: gift.open_id.as_str().into(),
            zone: gift.zone,
            gift_type_id: gift.gift_type_id,
            gift_id: gift.gift_id.clone(),
            send_time: gift.send_time,
            goods: gift.goods.iter().map(|item| Item { id: item.id.clone(), num: item.num }).collect(),
        }
    }
}

impl TryFrom<Gift> for GiftPush {
    type Error = String;

    fn try_from(stored: Gift) -> Result<Self, String> {
        Ok(Self {
            order_id: id("order_id", GiftOrderId::parse(&stored.order_id))?,
            open_id: id("open_id", OpenId::parse(&stored.open_id))?,
            zone: stored.zone,
            gift_type_id: stored.gift_type_id,
            gift_id: stored.gift_id,
            send_time: stored.send_time,
            goods: stored.goods.into_iter().map(|Item { id, num }| GiftItem { id, num }).collect(),
        })
    }
}
