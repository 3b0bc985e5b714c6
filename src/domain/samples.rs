//! Orders, roles and lines of bills to test with.

use chrono::DateTime;
use uuid::Uuid;

use super::bill::{BillLine, Direction, FundLine, Millifen, RowKind, Sha256Hex};
use super::environment::Environment;
use super::fen::Fen;
use super::id::{GiftOrderId, OpenId, OutTradeNo, RefundId};
use super::push::{
    CoinPush, GiftItem, GiftPush, GoodsPush, OrderSource, PaymentIds, Push, RefundPush, RefundSource,
};
use super::recovery::RecoveredOrder;
use super::role::{PlayedRole, RoleFields};
use super::seal::Seal;

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
        played_at: DateTime::from_timestamp_millis(1_767_225_600_123).unwrap(),
    }
}

pub fn role() -> PlayedRole {
    PlayedRole::new(role_fields()).unwrap()
}

fn at(text: &str) -> DateTime<chrono::Utc> {
    text.parse().unwrap()
}

fn text(text: &str) -> Option<String> {
    Some(text.to_owned())
}

/// A payment of 12.00 with a coupon of 1.00.
pub fn bill_line() -> BillLine {
    BillLine {
        line: 2,
        row: RowKind::Payment,
        traded_at: at("2026-01-01T01:02:03Z"),
        app_id: text("wx81be3101902f7cb2"),
        sub_merchant: text("0"),
        device: None,
        transaction_id: "4200000000202601010000000001".into(),
        mch_order_no: text("1900000109T01"),
        open_id: text("oTest_中文"),
        trade_type: text("JSAPI"),
        trade_state: "SUCCESS".into(),
        bank: text("OTHERS"),
        currency: text("CNY"),
        settlement_fen: Some(Fen(1100)),
        coupon_fen: Some(Fen(100)),
        wx_refund_id: None,
        mch_refund_no: None,
        refund_fen: Some(Fen(0)),
        coupon_refund_fen: Some(Fen(0)),
        refund_type: None,
        refund_state: None,
        product_name: text("60 gems, \"big\""),
        merchant_data: None,
        fee_millifen: Some(Millifen(6600)),
        rate: text("0.60%"),
        order_fen: Some(Fen(1200)),
        applied_refund_fen: Some(Fen(0)),
        rate_note: None,
        refund_applied_at: None,
        refund_succeeded_at: None,
    }
}

/// Half of it given back.
pub fn refund_line() -> BillLine {
    BillLine {
        line: 3,
        row: RowKind::Refund,
        traded_at: at("2026-01-01T05:00:00Z"),
        trade_state: "REFUND".into(),
        settlement_fen: Some(Fen(0)),
        coupon_fen: Some(Fen(0)),
        wx_refund_id: text("50300000000001"),
        mch_refund_no: text("R-1"),
        refund_fen: Some(Fen(550)),
        coupon_refund_fen: Some(Fen(50)),
        refund_type: text("ORIGINAL"),
        refund_state: text("SUCCESS"),
        fee_millifen: Some(Millifen(-3300)),
        order_fen: Some(Fen(0)),
        applied_refund_fen: Some(Fen(600)),
        rate_note: text("优惠"),
        refund_applied_at: Some(at("2026-01-01T05:00:00Z")),
        refund_succeeded_at: Some(at("2026-01-01T05:00:07Z")),
        ..bill_line()
    }
}

pub fn fund_line() -> FundLine {
    FundLine {
        line: 2,
        booked_at: at("2026-01-01T01:02:04Z"),
        business_id: text("4200000000202601010000000001"),
        flow_id: text("4200000000202601010000000001"),
        business_name: text("交易"),
        business_type: text("交易"),
        direction: Direction::In,
        amount_fen: Fen(1100),
        balance_fen: Some(Fen(990_100)),
        applicant: text("system"),
        note: None,
        voucher_id: text("1900000109T01"),
    }
}

pub fn sha256(digit: char) -> Sha256Hex {
    Sha256Hex::parse(&digit.to_string().repeat(64)).unwrap()
}

/// The order of `goods`, entered by hand.
pub fn recovered() -> RecoveredOrder {
    let goods = goods();
    RecoveredOrder {
        open_id: goods.open_id,
        out_trade_no: goods.out_trade_no,
        product_id: goods.product_id,
        quantity: goods.quantity,
        zone_id: goods.zone_id,
        amount: Fen(1200),
        payment: goods.payment,
        evidence: "客服工单 4711 and the game's own log".into(),
        bill_sha256: sha256('a'),
        bill_line: 2,
    }
}

pub fn seal() -> Seal {
    Seal {
        revision: 2,
        log_id: Uuid::from_u128(0x5ea1),
        count: 1341,
        position: 1341,
        segment: sha256('d'),
        root: sha256('e'),
        sealed_at: DateTime::from_timestamp_millis(1_767_225_600_123).unwrap_or_default(),
        public_key: "ab".repeat(32),
        signature: "cd".repeat(64),
    }
}
