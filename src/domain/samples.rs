//! Orders and roles to test with.

use super::environment::Environment;
use super::fen::Fen;
use super::id::{GiftOrderId, OpenId, OutTradeNo, RefundId};
use super::push::{
    CoinPush, GiftItem, GiftPush, GoodsPush, OrderSource, PaymentIds, Push, RefundPush, RefundSource,
};
use super::role::{PlayedRole, RoleFields};

pub fn payment(mch_order_no: Option<&str>, transaction_id: Option<&str>) -> PaymentIds {
    PaymentIds {
        mch_order_no: mch_order_no.map(str::to_owned),
        transaction_id: transaction_id.map(str::to_owned),
    }
}

pub fn goods() -> GoodsPush {
    GoodsPush {
        env: Environment::Production,
        open_id: OpenId::parse("oTest_中文").unwrap(),
        out_trade_no: OutTradeNo::parse("ORD-20260101-0001").unwrap(),
        product_id: "gem_60".into(),
        quantity: 2,
        zone_id: Some("1".into()),
        orig_price: Fen(600),
        actual_price: Fen(1200),
        attach: Some(r#"{"k":"a/b&c=d"}"#.into()),
        order_source: OrderSource::Mall,
        payment: payment(Some("1900000109T01"), Some("4200000000202601010000000001")),
    }
}

pub fn coins() -> CoinPush {
    CoinPush {
        env: Environment::Sandbox,
        open_id: OpenId::parse("oTest").unwrap(),
        out_trade_no: OutTradeNo::parse("_20260101").unwrap(),
        zone_id: None,
        buy_quantity: 100,
        orig_price: Fen(1000),
        actual_price: Fen(1000),
        payment: PaymentIds::default(),
    }
}

pub fn refund() -> RefundPush {
    RefundPush {
        env: Environment::Production,
        refund_id: RefundId::parse("R-1").unwrap(),
        refund_amount: Fen(600),
        refund_source: RefundSource::Console,
        out_trade_no: Some(OutTradeNo::parse("ORD-20260101-0001").unwrap()),
        payment: payment(Some("1900000109T01"), None),
    }
}

pub fn gift() -> GiftPush {
    GiftPush {
        order_id: GiftOrderId::parse("wxag_game_gift20240417wgsn12hiLo").unwrap(),
        open_id: OpenId::parse("oTest").unwrap(),
        zone: Some(1001),
        gift_type_id: Some(1),
        gift_id: Some("CBgAAoXb6".into()),
        send_time: Some(1_713_341_624),
        goods: vec![GiftItem { id: "1".into(), num: 2 }],
    }
}

pub fn one_of_each() -> [Push; 4] {
    [Push::Goods(goods()), Push::Coins(coins()), Push::Refund(refund()), Push::Gift(gift())]
}

pub fn role_fields() -> RoleFields {
    RoleFields {
        role_id: "10001".into(),
        role_name: "剑客 <一>".into(),
        zones: vec![("1".into(), "华东大区".into()), ("1-2".into(), "二服".into())],
        midas_zone_id: "1".into(),
        attach: Some("srv=2&v=1".into()),
        played_at: chrono::DateTime::from_timestamp_millis(1_767_225_600_123).unwrap(),
    }
}

pub fn role() -> PlayedRole {
    PlayedRole::new(role_fields()).unwrap()
}
