//! The payload's business fields: from a verified payload to the domain's push.

use serde_json::Value;

use super::event_name::Family;
use super::fields::{FieldError, Fields};
use super::json::{Json, JsonObject, Kind, Node, Object};
use super::signature::Verified;
use crate::domain::environment::Environment;
use crate::domain::fen::Fen;
use crate::domain::id::{GiftOrderId, OpenId, OutTradeNo, RefundId};
use crate::domain::push::{
    CoinPush, GiftItem, GiftPush, GoodsPush, OrderSource, PaymentIds, Push, RefundPush, RefundSource,
    RoleQuery,
};
use crate::limits;

/// What a signed payload asks for.
#[derive(Debug, PartialEq, Eq)]
pub enum Business {
    Fact(Push),
    RoleQuery(RoleQuery),
}

/// `Env`, exactly 0 or 1; `None` where the payload has none.
pub fn env(payload: &Json<'_>) -> Result<Option<Environment>, FieldError> {
    let fields = Fields::of(payload, "Payload")?;
    let Some(number) = fields.optional_int("Env")? else { return Ok(None) };
    let env = Environment::from_number(number);
    env.map(Some).ok_or_else(|| fields.error("Env", format!("is {number}, must be 0 or 1")))
}

/// Reads a verified payload. The environment is the one whose key verified it.
pub fn read(family: Family, verified: &Verified<'_>) -> Result<Option<Business>, FieldError> {
    read_fields(family, verified.fields, verified.signature.verified_env)
}

/// Checks the fields of a mock push, whose signature may be anything: its content goes nowhere.
pub fn check_mock(family: Family, payload: &Json<'_>) -> Result<Option<Business>, FieldError> {
    read_fields(family, payload, env(payload)?.unwrap_or(Environment::Sandbox))
}

/// `None` for a family that has no payload we know.
fn read_fields(family: Family, payload: &Json<'_>, env: Environment) -> Result<Option<Business>, FieldError> {
    let fields = Fields::of(payload, "Payload")?;
    let business = match family {
        Family::Goods => Business::Fact(Push::Goods(goods(&fields, env)?)),
        Family::Coins => Business::Fact(Push::Coins(coins(&fields, env)?)),
        Family::Refund => Business::Fact(Push::Refund(refund(&fields, env)?)),
        Family::RoleQuery => Business::RoleQuery(role_query(&fields, env)?),
        Family::Gift | Family::Unrecognized => return Ok(None),
    };
    Ok(Some(business))
}

/// Whether an `OutTradeNo` stands anywhere in a payload of an unrecognized event, in whatever form.
pub fn carries_order_number<N: Node>(payload: &N) -> bool {
    match payload.kind() {
        Kind::Object(object) => object.entries().any(|(name, value)| {
            let is_empty = matches!(value.kind(), Kind::Null | Kind::Text(""));
            (name == "OutTradeNo" && !is_empty) || carries_order_number(value)
        }),
        Kind::List(items) => items.iter().any(carries_order_number),
        Kind::Null | Kind::Bool(_) | Kind::Number(_) | Kind::Text(_) => false,
    }
}

type PayloadFields<'a> = Fields<'a, JsonObject<'a>>;

fn goods(fields: &PayloadFields<'_>, env: Environment) -> Result<GoodsPush, FieldError> {
    fields.int("Env")?;
    let info = fields.object("GoodsInfo")?;
    let order_source = info.int("OrderSource")?;
    let goods = GoodsPush {
        env,
        open_id: fields.parsed("OpenId", OpenId::parse)?,
        out_trade_no: fields.parsed("OutTradeNo", OutTradeNo::parse)?,
        product_id: info.text("ProductId")?,
        quantity: info.count("Quantity")?,
        zone_id: info.optional_text("ZoneId")?,
        orig_price: price(&info, "OrigPrice")?,
        actual_price: price(&info, "ActualPrice")?,
        attach: info.optional_text("Attach")?,
        order_source: OrderSource::from_number(order_source).ok_or_else(|| {
            info.error(
                "OrderSource",
                format!("is {order_source}, must be 1 (in-game), 2 (mall) or 3 (mall test)"),
            )
        })?,
        payment: payment(fields)?,
    };
    countable(&info, goods.orig_price, goods.quantity, "OrigPrice")?;
    countable(&info, goods.actual_price, goods.quantity, "ActualPrice")?;
    Ok(goods)
}

fn coins(fields: &PayloadFields<'_>, env: Environment) -> Result<CoinPush, FieldError> {
    fields.int("Env")?;
    let info = fields.object("CoinInfo")?;
    // The samples carry TotalPrice, the table says ActualPrice.
    let (actual, total) = (info.optional_int("ActualPrice")?, info.optional_int("TotalPrice")?);
    if let (Some(actual), Some(total)) = (actual, total)
        && actual != total
    {
        return Err(info.error("TotalPrice", format!("is {total}, but ActualPrice is {actual}")));
    }
    let name = if actual.is_some() || total.is_none() { "ActualPrice" } else { "TotalPrice" };
    let coins = CoinPush {
        env,
        open_id: fields.parsed("OpenId", OpenId::parse)?,
        out_trade_no: fields.parsed("OutTradeNo", OutTradeNo::parse)?,
        zone_id: info.optional_text("ZoneId")?,
        buy_quantity: info.count("BuyQuantity")?,
        orig_price: price(&info, "OrigPrice")?,
        actual_price: price(&info, name)?,
        payment: payment(fields)?,
    };
    countable(&info, coins.orig_price, coins.buy_quantity, "OrigPrice")?;
    countable(&info, coins.actual_price, coins.buy_quantity, name)?;
    Ok(coins)
}

fn refund(fields: &PayloadFields<'_>, env: Environment) -> Result<RefundPush, FieldError> {
    fields.int("Env")?;
    let source = fields.int("RefundSource")?;
    let out_trade_no = match fields.optional_text("OutTradeNo")? {
        None => None,
        Some(_) => Some(fields.parsed("OutTradeNo", OutTradeNo::parse)?),
    };
    Ok(RefundPush {
        env,
        refund_id: fields.parsed("RefundId", RefundId::parse)?,
        refund_amount: price(fields, "RefundAmount")?,
        refund_source: RefundSource::from_number(source).ok_or_else(|| {
            fields.error("RefundSource", format!("is {source}, must be 1 (platform), 2 (console) or 3 (API)"))
        })?,
        out_trade_no,
        payment: payment(fields)?,
    })
}

fn role_query(fields: &PayloadFields<'_>, env: Environment) -> Result<RoleQuery, FieldError> {
    Ok(RoleQuery {
        env,
        open_id: fields.parsed("OpenId", OpenId::parse)?,
        need_role_num: fields.count("NeedRoleNum")?.min(limits::ROLES_IN_ANSWER_MAX),
    })
}

/// A gift's fields stand directly under `MiniGame`. The caller has established that they came encrypted.
pub fn gift(mini_game: &Value) -> Result<GiftPush, FieldError> {
    let fields = Fields::of(mini_game, "MiniGame")?;
    let items = fields.list("GoodsList")?;
    if items.is_empty() {
        return Err(fields.error("GoodsList", "is empty"));
    }
    let item = |item: &Fields<'_>| Ok(GiftItem { id: item.text("Id")?, num: item.count("Num")? });
    Ok(GiftPush {
        order_id: fields.parsed("OrderId", GiftOrderId::parse)?,
        open_id: fields.parsed("ToUserOpenid", OpenId::parse)?,
        zone: fields.optional_int("Zone")?,
        gift_type_id: fields.optional_int("GiftTypeId")?,
        gift_id: fields.optional_text("GiftId")?,
        send_time: fields.optional_int("SendTime")?,
        goods: items.iter().map(item).collect::<Result<_, FieldError>>()?,
    })
}

pub fn is_preview(mini_game: &Value) -> Result<bool, FieldError> {
    Fields::of(mini_game, "MiniGame")?.flag("IsPreview")
}

fn payment(fields: &PayloadFields<'_>) -> Result<PaymentIds, FieldError> {
    let Some(info) = fields.inside("WeChatPayInfo")? else { return Ok(PaymentIds::default()) };
    Ok(PaymentIds {
        mch_order_no: info.optional_text("MchOrderNo")?,
        transaction_id: info.optional_text("TransactionId")?,
    })
}

fn price(fields: &PayloadFields<'_>, name: &str) -> Result<Fen, FieldError> {
    let price = Fen(fields.int(name)?);
    if price.is_negative() {
        return Err(fields.error(name, format!("is {} fen, must not be negative", price.0)));
    }
    if price.0 > limits::PRICE_FEN_MAX {
        let max = limits::PRICE_FEN_MAX;
        return Err(fields.error(name, format!("is {} fen, must not be more than {max}", price.0)));
    }
    Ok(price)
}

/// Whatever a price means, the order's amount must be countable in fen.
fn countable(fields: &PayloadFields<'_>, price: Fen, quantity: u32, name: &str) -> Result<(), FieldError> {
    match price.checked_times(quantity) {
        Some(amount) if amount.0 <= limits::PRICE_TIMES_QUANTITY_MAX => Ok(()),
        Some(_) | None => {
            Err(fields.error(name, format!("{} fen times {quantity} is more than can be counted", price.0)))
        }
    }
}
