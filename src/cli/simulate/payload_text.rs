//! Business fields as the JSON text that WeChat signs, in the order its documents show them.

use serde::Serialize;

use super::message::to_json;
use super::push::MakeError;
use crate::domain::push::{CoinPush, GoodsPush, PaymentIds, Push, RefundPush, RoleQuery};
use crate::wechat::event_name::COINS;
use crate::wechat::payload::Business;

/// The event matters for coins only. A gift has no payload; its text is empty.
pub fn write(business: &Business, event: &str) -> Result<String, MakeError> {
    match business {
        Business::Fact(Push::Goods(goods)) => to_json(&GoodsPayload::of(goods)),
        Business::Fact(Push::Coins(coins)) => to_json(&CoinPayload::of(coins, event)),
        Business::Fact(Push::Refund(refund)) => to_json(&RefundPayload::of(refund)),
        Business::RoleQuery(query) => to_json(&RolePayload::of(query)),
        Business::Fact(Push::Gift(_)) => Ok(String::new()),
    }
}

#[derive(Serialize)]
#[serde(rename_all = "PascalCase")]
struct PayInfo<'a> {
    #[serde(skip_serializing_if = "Option::is_none")]
    mch_order_no: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    transaction_id: Option<&'a str>,
}

/// Absent where the order was not paid through WeChat Pay.
fn pay_info(payment: &PaymentIds) -> Option<PayInfo<'_>> {
    let info = PayInfo {
        mch_order_no: payment.mch_order_no.as_deref(),
        transaction_id: payment.transaction_id.as_deref(),
    };
    (*payment != PaymentIds::default()).then_some(info)
}

#[derive(Serialize)]
#[serde(rename_all = "PascalCase")]
struct GoodsPayload<'a> {
    open_id: &'a str,
    out_trade_no: &'a str,
    #[serde(rename = "WeChatPayInfo", skip_serializing_if = "Option::is_none")]
    pay_info: Option<PayInfo<'a>>,
    env: i64,
    goods_info: GoodsInfo<'a>,
}

#[derive(Serialize)]
#[serde(rename_all = "PascalCase")]
struct GoodsInfo<'a> {
    product_id: &'a str,
    quantity: u32,
    zone_id: Option<&'a str>,
    orig_price: i64,
    actual_price: i64,
    attach: &'a str,
    order_source: i64,
}

impl<'a> GoodsPayload<'a> {
    fn of(goods: &'a GoodsPush) -> Self {
        Self {
            open_id: goods.open_id.as_str(),
            out_trade_no: goods.out_trade_no.as_str(),
            pay_info: pay_info(&goods.payment),
            env: goods.env.number(),
            goods_info: GoodsInfo {
                product_id: &goods.product_id,
                quantity: goods.quantity,
                zone_id: goods.zone_id.as_deref(),
                orig_price: goods.orig_price.0,
                actual_price: goods.actual_price.0,
                // WeChat writes an empty text where the game attached nothing.
                attach: goods.attach.as_deref().unwrap_or_default(),
                order_source: goods.order_source.number(),
            },
        }
    }
}

#[derive(Serialize)]
#[serde(rename_all = "PascalCase")]
struct CoinPayload<'a> {
    open_id: &'a str,
    out_trade_no: &'a str,
    #[serde(rename = "WeChatPayInfo", skip_serializing_if = "Option::is_none")]
    pay_info: Option<PayInfo<'a>>,
    env: i64,
    coin_info: CoinInfo<'a>,
}

#[derive(Serialize)]
#[serde(rename_all = "PascalCase")]
struct CoinInfo<'a> {
    #[serde(skip_serializing_if = "Option::is_none")]
    zone_id: Option<&'a str>,
    buy_quantity: u32,
    orig_price: i64,
    #[serde(skip_serializing_if = "Option::is_none")]
    actual_price: Option<i64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    total_price: Option<i64>,
}

impl<'a> CoinPayload<'a> {
    /// WeChat's table says `ActualPrice`, its samples `TotalPrice`: one event name gets each.
    fn of(coins: &'a CoinPush, event: &str) -> Self {
        let (actual, total) = match event == COINS[0] {
            true => (Some(coins.actual_price.0), None),
            false => (None, Some(coins.actual_price.0)),
        };
        Self {
            open_id: coins.open_id.as_str(),
            out_trade_no: coins.out_trade_no.as_str(),
            pay_info: pay_info(&coins.payment),
            env: coins.env.number(),
            coin_info: CoinInfo {
                zone_id: coins.zone_id.as_deref(),
                buy_quantity: coins.buy_quantity,
                orig_price: coins.orig_price.0,
                actual_price: actual,
                total_price: total,
            },
        }
    }
}

#[derive(Serialize)]
#[serde(rename_all = "PascalCase")]
struct RefundPayload<'a> {
    refund_id: &'a str,
    refund_amount: i64,
    refund_source: i64,
    env: i64,
    #[serde(skip_serializing_if = "Option::is_none")]
    out_trade_no: Option<&'a str>,
    #[serde(rename = "WeChatPayInfo", skip_serializing_if = "Option::is_none")]
    pay_info: Option<PayInfo<'a>>,
}

impl<'a> RefundPayload<'a> {
    fn of(refund: &'a RefundPush) -> Self {
        Self {
            refund_id: refund.refund_id.as_str(),
            refund_amount: refund.refund_amount.0,
            refund_source: refund.refund_source.number(),
            env: refund.env.number(),
            out_trade_no: refund.out_trade_no.as_ref().map(|number| number.as_str()),
            pay_info: pay_info(&refund.payment),
        }
    }
}

#[derive(Serialize)]
#[serde(rename_all = "PascalCase")]
struct RolePayload<'a> {
    open_id: &'a str,
    need_role_num: u32,
}

impl<'a> RolePayload<'a> {
    fn of(query: &'a RoleQuery) -> Self {
        Self { open_id: query.open_id.as_str(), need_role_num: query.need_role_num }
    }
}
