//! The business content of pushes as it is stored.

use std::borrow::Cow;

use serde::{Deserialize, Serialize};

use super::verbatim::Rest;
use crate::domain::environment::Environment;
use crate::domain::fen::Fen;
use crate::domain::id::{GiftOrderId, IdError, OpenId, OutTradeNo, RefundId};
use crate::domain::push::{
    CoinPush, GiftItem, GiftPush, GoodsPush, OrderSource, PaymentIds, Push, RefundPush, RefundSource,
};

/// A text that stays where it stands, where it is written there without escapes.
#[derive(Serialize, Deserialize)]
#[serde(transparent)]
struct Text<'a>(#[serde(borrow)] Cow<'a, str>);

impl<'a> From<&'a str> for Text<'a> {
    fn from(text: &'a str) -> Self {
        Self(text.into())
    }
}

impl Text<'_> {
    fn as_str(&self) -> &str {
        &self.0
    }
}

impl From<Text<'_>> for String {
    fn from(text: Text<'_>) -> Self {
        text.0.into_owned()
    }
}

fn known(text: &Option<String>) -> Option<Text<'_>> {
    text.as_deref().map(Text::from)
}

fn owned(text: Option<Text<'_>>) -> Option<String> {
    text.map(String::from)
}

#[derive(Serialize, Deserialize)]
pub struct Payment<'a> {
    #[serde(borrow, skip_serializing_if = "Option::is_none")]
    mch_order_no: Option<Text<'a>>,
    #[serde(borrow, skip_serializing_if = "Option::is_none")]
    transaction_id: Option<Text<'a>>,
}

#[derive(Serialize, Deserialize)]
pub struct Goods<'a> {
    env: i64,
    #[serde(borrow)]
    open_id: Text<'a>,
    #[serde(borrow)]
    out_trade_no: Text<'a>,
    #[serde(borrow)]
    product_id: Text<'a>,
    quantity: u32,
    #[serde(borrow, skip_serializing_if = "Option::is_none")]
    zone_id: Option<Text<'a>>,
    orig_price_fen: i64,
    actual_price_fen: i64,
    #[serde(borrow, skip_serializing_if = "Option::is_none")]
    attach: Option<Text<'a>>,
    order_source: i64,
    #[serde(borrow, skip_serializing_if = "Option::is_none")]
    mch_order_no: Option<Text<'a>>,
    #[serde(borrow, skip_serializing_if = "Option::is_none")]
    transaction_id: Option<Text<'a>>,
}

#[derive(Serialize, Deserialize)]
pub struct Coins<'a> {
    env: i64,
    #[serde(borrow)]
    open_id: Text<'a>,
    #[serde(borrow)]
    out_trade_no: Text<'a>,
    #[serde(borrow, skip_serializing_if = "Option::is_none")]
    zone_id: Option<Text<'a>>,
    buy_quantity: u32,
    orig_price_fen: i64,
    actual_price_fen: i64,
    #[serde(borrow, skip_serializing_if = "Option::is_none")]
    mch_order_no: Option<Text<'a>>,
    #[serde(borrow, skip_serializing_if = "Option::is_none")]
    transaction_id: Option<Text<'a>>,
}

#[derive(Serialize, Deserialize)]
pub struct Refund<'a> {
    env: i64,
    #[serde(borrow)]
    refund_id: Text<'a>,
    refund_amount_fen: i64,
    refund_source: i64,
    #[serde(borrow, skip_serializing_if = "Option::is_none")]
    out_trade_no: Option<Text<'a>>,
    #[serde(borrow, skip_serializing_if = "Option::is_none")]
    mch_order_no: Option<Text<'a>>,
    #[serde(borrow, skip_serializing_if = "Option::is_none")]
    transaction_id: Option<Text<'a>>,
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
pub enum AnyPush<'a> {
    #[serde(borrow)]
    Goods(Goods<'a>),
    #[serde(borrow)]
    Coins(Coins<'a>),
    #[serde(borrow)]
    Refund(Refund<'a>),
    Gift(Gift),
}

pub(super) fn env(number: i64) -> Result<Environment, String> {
    Environment::from_number(number).ok_or_else(|| format!("data: env is {number}, must be 0 or 1"))
}

pub(super) fn id<T>(name: &str, parsed: Result<T, IdError>) -> Result<T, String> {
    parsed.map_err(|error| format!("data: {name} {error}"))
}

impl<'a> From<&'a Push> for AnyPush<'a> {
    fn from(push: &'a Push) -> Self {
        match push {
            Push::Goods(goods) => Self::Goods(goods.into()),
            Push::Coins(coins) => Self::Coins(coins.into()),
            Push::Refund(refund) => Self::Refund(refund.into()),
            Push::Gift(gift) => Self::Gift(gift.into()),
        }
    }
}

impl TryFrom<AnyPush<'_>> for Push {
    type Error = String;

    fn try_from(stored: AnyPush<'_>) -> Result<Self, String> {
        Ok(match stored {
            AnyPush::Goods(goods) => Self::Goods(goods.try_into()?),
            AnyPush::Coins(coins) => Self::Coins(coins.try_into()?),
            AnyPush::Refund(refund) => Self::Refund(refund.try_into()?),
            AnyPush::Gift(gift) => Self::Gift(gift.try_into()?),
        })
    }
}

impl<'a> From<&'a PaymentIds> for Payment<'a> {
    fn from(PaymentIds { mch_order_no, transaction_id }: &'a PaymentIds) -> Self {
        Self { mch_order_no: known(mch_order_no), transaction_id: known(transaction_id) }
    }
}

impl From<Payment<'_>> for PaymentIds {
    fn from(Payment { mch_order_no, transaction_id }: Payment<'_>) -> Self {
        Self { mch_order_no: owned(mch_order_no), transaction_id: owned(transaction_id) }
    }
}

impl<'a> Goods<'a> {
    /// What stands exactly as it is written. Most events of a log are such.
    pub fn verbatim(data: &'a str) -> Option<Self> {
        let mut rest = Rest::of(data);
        rest.literal("{\"env\":")?;
        let env = rest.number()?;
        rest.literal(",\"open_id\":")?;
        let open_id = Text(rest.text()?);
        rest.literal(",\"out_trade_no\":")?;
        let out_trade_no = Text(rest.text()?);
        rest.literal(",\"product_id\":")?;
        let product_id = Text(rest.text()?);
        rest.literal(",\"quantity\":")?;
        let quantity = rest.number()?.try_into().ok()?;
        let zone_id = rest.optional_text(",\"zone_id\":")?.map(Text);
        rest.literal(",\"orig_price_fen\":")?;
        let orig_price_fen = rest.number()?;
        rest.literal(",\"actual_price_fen\":")?;
        let actual_price_fen = rest.number()?;
        let attach = rest.optional_text(",\"attach\":")?.map(Text);
        rest.literal(",\"order_source\":")?;
        let order_source = rest.number()?;
        let mch_order_no = rest.optional_text(",\"mch_order_no\":")?.map(Text);
        let transaction_id = rest.optional_text(",\"transaction_id\":")?.map(Text);
        rest.ends_with("}")?;
        Some(Self {
            env,
            open_id,
            out_trade_no,
            product_id,
            quantity,
            zone_id,
            orig_price_fen,
            actual_price_fen,
            attach,
            order_source,
            mch_order_no,
            transaction_id,
        })
    }
}

impl<'a> From<&'a GoodsPush> for Goods<'a> {
    fn from(goods: &'a GoodsPush) -> Self {
        Self {
            env: goods.env.number(),
            open_id: goods.open_id.as_str().into(),
            out_trade_no: goods.out_trade_no.as_str().into(),
            product_id: goods.product_id.as_str().into(),
            quantity: goods.quantity,
            zone_id: known(&goods.zone_id),
            orig_price_fen: goods.orig_price.0,
            actual_price_fen: goods.actual_price.0,
            attach: known(&goods.attach),
            order_source: goods.order_source.number(),
            mch_order_no: known(&goods.payment.mch_order_no),
            transaction_id: known(&goods.payment.transaction_id),
        }
    }
}

impl TryFrom<Goods<'_>> for GoodsPush {
    type Error = String;

    fn try_from(stored: Goods<'_>) -> Result<Self, String> {
        Ok(Self {
            env: env(stored.env)?,
            open_id: id("open_id", OpenId::parse(stored.open_id.as_str()))?,
            out_trade_no: id("out_trade_no", OutTradeNo::parse(stored.out_trade_no.as_str()))?,
            product_id: stored.product_id.into(),
            quantity: stored.quantity,
            zone_id: owned(stored.zone_id),
            orig_price: Fen(stored.orig_price_fen),
            actual_price: Fen(stored.actual_price_fen),
            attach: owned(stored.attach),
            order_source: OrderSource::from_number(stored.order_source)
                .ok_or_else(|| format!("data: order_source is {}", stored.order_source))?,
            payment: PaymentIds {
                mch_order_no: owned(stored.mch_order_no),
                transaction_id: owned(stored.transaction_id),
            },
        })
    }
}

impl<'a> From<&'a CoinPush> for Coins<'a> {
    fn from(coins: &'a CoinPush) -> Self {
        Self {
            env: coins.env.number(),
            open_id: coins.open_id.as_str().into(),
            out_trade_no: coins.out_trade_no.as_str().into(),
            zone_id: known(&coins.zone_id),
            buy_quantity: coins.buy_quantity,
            orig_price_fen: coins.orig_price.0,
            actual_price_fen: coins.actual_price.0,
            mch_order_no: known(&coins.payment.mch_order_no),
            transaction_id: known(&coins.payment.transaction_id),
        }
    }
}

impl TryFrom<Coins<'_>> for CoinPush {
    type Error = String;

    fn try_from(stored: Coins<'_>) -> Result<Self, String> {
        Ok(Self {
            env: env(stored.env)?,
            open_id: id("open_id", OpenId::parse(stored.open_id.as_str()))?,
            out_trade_no: id("out_trade_no", OutTradeNo::parse(stored.out_trade_no.as_str()))?,
            zone_id: owned(stored.zone_id),
            buy_quantity: stored.buy_quantity,
            orig_price: Fen(stored.orig_price_fen),
            actual_price: Fen(stored.actual_price_fen),
            payment: PaymentIds {
                mch_order_no: owned(stored.mch_order_no),
                transaction_id: owned(stored.transaction_id),
            },
        })
    }
}

impl<'a> From<&'a RefundPush> for Refund<'a> {
    fn from(refund: &'a RefundPush) -> Self {
        Self {
            env: refund.env.number(),
            refund_id: refund.refund_id.as_str().into(),
            refund_amount_fen: refund.refund_amount.0,
            refund_source: refund.refund_source.number(),
            out_trade_no: refund.out_trade_no.as_ref().map(|number| number.as_str().into()),
            mch_order_no: known(&refund.payment.mch_order_no),
            transaction_id: known(&refund.payment.transaction_id),
        }
    }
}

impl TryFrom<Refund<'_>> for RefundPush {
    type Error = String;

    fn try_from(stored: Refund<'_>) -> Result<Self, String> {
        let out_trade_no =
            stored.out_trade_no.as_ref().map(|number| OutTradeNo::parse(number.as_str())).transpose();
        Ok(Self {
            env: env(stored.env)?,
            refund_id: id("refund_id", RefundId::parse(stored.refund_id.as_str()))?,
            refund_amount: Fen(stored.refund_amount_fen),
            refund_source: RefundSource::from_number(stored.refund_source)
                .ok_or_else(|| format!("data: refund_source is {}", stored.refund_source))?,
            out_trade_no: id("out_trade_no", out_trade_no)?,
            payment: PaymentIds {
                mch_order_no: owned(stored.mch_order_no),
                transaction_id: owned(stored.transaction_id),
            },
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
            open_id: id("open_id", OpenId::parse(stored.open_id.as_str()))?,
            zone: stored.zone,
            gift_type_id: stored.gift_type_id,
            gift_id: stored.gift_id,
            send_time: stored.send_time,
            goods: stored.goods.into_iter().map(|Item { id, num }| GiftItem { id, num }).collect(),
        })
    }
}
