//! Pushes to send, from business fields.

use order_ledger::cli::simulate::{Maker, Manner, PushRequest, Signing, Stamp, Writing};
use order_ledger::domain::environment::Environment;
use order_ledger::domain::fen::Fen;
use order_ledger::domain::id::{OpenId, OutTradeNo};
use order_ledger::domain::push::{GoodsPush, OrderSource, PaymentIds, Push};
use order_ledger::wechat::event_name;
use order_ledger::wechat::payload::Business;
use order_ledger::wechat::{App, Channel, Mode};

/// JSON, rightly signed, no mock.
pub fn manner(event: &str) -> Manner<'_> {
    let stamp = Stamp { create_time: 1_767_225_600, timestamp: 1_767_225_601, nonce: 4711, random: [7; 16] };
    Manner { event, writing: Writing::Json, signing: Signing::Right, is_mock: false, stamp }
}

pub fn goods(number: &str, price_fen: i64) -> GoodsPush {
    GoodsPush {
        env: Environment::Production,
        open_id: OpenId::parse("oTest").unwrap(),
        out_trade_no: OutTradeNo::parse(number).unwrap(),
        product_id: "gem_60".into(),
        quantity: 1,
        zone_id: Some("1".into()),
        orig_price: Fen(price_fen),
        actual_price: Fen(price_fen),
        attach: Some("{\"k\":\"中文\"}".into()),
        order_source: OrderSource::InGame,
        payment: PaymentIds {
            mch_order_no: Some(format!("M{number}")),
            transaction_id: Some(format!("T{number}")),
        },
    }
}

/// The push of a goods order in plain mode, as JSON.
pub fn goods_push(app: &App, goods: GoodsPush) -> PushRequest {
    goods_push_as(app, goods, &manner(event_name::GOODS[0]))
}

/// The push of a goods order in plain mode.
pub fn goods_push_as(app: &App, goods: GoodsPush, manner: &Manner<'_>) -> PushRequest {
    make(app, Mode::Plain, &Business::Fact(Push::Goods(goods)), manner)
}

pub fn make(app: &App, mode: Mode, business: &Business, manner: &Manner<'_>) -> PushRequest {
    Maker::new(app, Channel::Default, mode).make(business, manner).unwrap()
}
