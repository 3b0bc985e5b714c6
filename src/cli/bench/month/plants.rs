//! What may be wrong with a sale, each planted with what the report must say of it.

use anyhow::Context;
use chrono::{DateTime, TimeDelta, Utc};

use super::sale::Sale;
use super::{Expected, Fact, Sum};
use crate::codec;
use crate::domain::bill::{BillLine, Sha256Hex};
use crate::domain::environment::Environment;
use crate::domain::event::Event;
use crate::domain::fen::Fen;
use crate::domain::push::{GoodsPush, OrderSource, PaymentIds, Push, RefundPush};
use crate::domain::quarantine::Reason;
use crate::domain::recovery::RecoveredOrder;

#[derive(Default)]
pub struct Planting {
    pub facts: Vec<Fact>,
    pub lines: Vec<BillLine>,
    pub expected: Expected,
}

type Plant = fn(&mut Planting, &Sale) -> anyhow::Result<()>;

/// The first orders of each row of `SLOTS`.
const PLANTS: [Plant; 30] = [
    other_app,
    test_order,
    quarantined,
    conflict,
    other_channel,
    duplicate_in_bill,
    ids_disagree,
    amount_rule_suspect,
    amount_differs,
    currency_differs,
    revoked_in_bill,
    mock_in_bill,
    sandbox_in_bill,
    not_in_bill,
    not_in_ledger,
    matched_by_operator,
    matched_by_mch_order_no,
    matched_late,
    matched_with_coupon,
    matched_coins,
    refund_matched,
    refunds_matched,
    refund_ambiguous,
    refund_not_in_bill,
    refund_not_in_ledger,
    refund_amount_differs,
    refund_exceeds_payment,
    refund_without_order,
    refund_not_successful,
    refund_of_other_app,
];

pub fn plant(planting: &mut Planting, sale: &Sale, slot: u32) -> anyhow::Result<()> {
    let plant = PLANTS.get(slot as usize).copied().unwrap_or(matched);
    plant(planting, sale)
}

const PAYMENT: &str = "payment";
const REFUND: &str = "refund";

impl Planting {
    fn expect(&mut self, kind: &str, status: &str, ledger_fen: i64, bill_fen: i64) {
        let sum = self.expected.entry((kind.to_owned(), status.to_owned())).or_default();
        *sum += Sum { rows: 1, ledger_fen, bill_fen };
    }

    fn tell(&mut self, sale: &Sale, push: Push, later: Vec<Event>, at: DateTime<Utc>) {
        let stream = codec::push_stream(&sale.app, &push);
        let first = match push {
            Push::Goods(goods) => Event::GoodsDelivered(goods),
            Push::Coins(coins) => Event::CoinsDelivered(coins),
            Push::Refund(refund) => Event::RefundSucceeded(refund),
            Push::Gift(gift) => Event::GiftDelivered(gift),
        };
        let events = [first].into_iter().chain(later).collect();
        self.facts.push(Fact { stream, events, at, payload: None });
    }

    fn goods(&mut self, sale: &Sale, goods: GoodsPush, later: Vec<Event>) {
        self.tell(sale, Push::Goods(goods), later, sale.pushed_at);
    }

    fn refund(&mut self, sale: &Sale, refund: RefundPush) {
        // The push comes soon after the money went.
        self.tell(sale, Push::Refund(refund), vec![], sale.refunded_at + TimeDelta::seconds(5));
    }
}

fn matched(planting: &mut Planting, sale: &Sale) -> anyhow::Result<()> {
    let granted = Event::GoodsGranted { by: "game".into(), reason: None };
    let later = if sale.number.is_multiple_of(3) { vec![granted] } else { vec![] };
    planting.goods(sale, sale.goods()?, later);
    planting.lines.push(sale.line());
    planting.expect(PAYMENT, "matched", sale.fen, sale.fen);
    Ok(())
}

/// The line's AppID is nobody's here.
fn other_app(planting: &mut Planting, sale: &Sale) -> anyhow::Result<()> {
    planting.lines.push(BillLine { app_id: Some("wxffffffffffffffff".into()), ..sale.line() });
    planting.expect(PAYMENT, "other_app", 0, sale.fen);
    Ok(())
}

fn test_order(planting: &mut Planting, sale: &Sale) -> anyhow::Result<()> {
    let goods =
        GoodsPush { order_source: OrderSource::MallTest, payment: PaymentIds::default(), ..sale.goods()? };
    planting.goods(sale, goods, vec![]);
    planting.expect(PAYMENT, "test_order", sale.fen, 0);
    Ok(())
}

fn quarantined(planting: &mut Planting, sale: &Sale) -> anyhow::Result<()> {
    let payload = serde_json::json!({
        "OutTradeNo": sale.out_trade_no()?.to_string(),
        "WeChatPayInfo": { "TransactionId": sale.transaction_id() },
    });
    let (event, payload) = ("minigame_game_pay_goods_deliver_notify", payload.to_string());
    let id = codec::quarantine_id(&sale.app, event, &payload);
    let held = Event::PushQuarantined {
        event: event.into(),
        reason: Reason::Unusable("GoodsInfo: is missing".into()),
        out_trade_no: Some(sale.out_trade_no()?.to_string()),
    };
    let stream = codec::quarantine_stream(&id);
    planting.facts.push(Fact { stream, events: vec![held], at: sale.pushed_at, payload: Some(payload) });
    planting.lines.push(sale.line());
    planting.expect(PAYMENT, "quarantined", 0, sale.fen);
    Ok(())
}

fn conflict(planting: &mut Planting, sale: &Sale) -> anyhow::Result<()> {
    let other = GoodsPush { actual_price: Fen(sale.fen + 100), ..sale.goods()? };
    planting.goods(sale, sale.goods()?, vec![Event::ConflictingPushReceived(Push::Goods(other))]);
    planting.lines.push(sale.line());
    planting.expect(PAYMENT, "conflict", sale.fen, sale.fen);
    Ok(())
}

fn other_channel(planting: &mut Planting, sale: &Sale) -> anyhow::Result<()> {
    planting.goods(sale, GoodsPush { payment: PaymentIds::default(), ..sale.goods()? }, vec![]);
    planting.expect(PAYMENT, "other_channel", sale.fen, 0);
    Ok(())
}

fn duplicate_in_bill(planting: &mut Planting, sale: &Sale) -> anyhow::Result<()> {
    planting.goods(sale, sale.goods()?, vec![]);
    planting.lines.extend([sale.line(), sale.line()]);
    planting.expect(PAYMENT, "duplicate_in_bill", sale.fen, sale.fen);
    planting.expect(PAYMENT, "duplicate_in_bill", 0, sale.fen);
    Ok(())
}

fn ids_disagree(planting: &mut Planting, sale: &Sale) -> anyhow::Result<()> {
    planting.goods(sale, sale.goods()?, vec![]);
    planting.lines.push(BillLine { mch_order_no: Some(format!("X{}", sale.number)), ..sale.line() });
    planting.expect(PAYMENT, "ids_disagree", sale.fen, sale.fen);
    Ok(())
}

/// The price of one was taken for that of all.
fn amount_rule_suspect(planting: &mut Planting, sale: &Sale) -> anyhow::Result<()> {
    planting.goods(sale, sale.goods()?, vec![]);
    let bill_fen = sale.fen * i64::from(sale.quantity);
    planting.lines.push(of_amount(sale.line(), bill_fen));
    planting.expect(PAYMENT, "amount_rule_suspect", sale.fen, bill_fen);
    Ok(())
}

fn of_amount(line: BillLine, fen: i64) -> BillLine {
    BillLine { order_fen: Some(Fen(fen)), settlement_fen: Some(Fen(fen)), ..line }
}

fn amount_differs(planting: &mut Planting, sale: &Sale) -> anyhow::Result<()> {
    planting.goods(sale, sale.goods()?, vec![]);
    planting.lines.push(of_amount(sale.line(), sale.fen + 1));
    planting.expect(PAYMENT, "amount_differs", sale.fen, sale.fen + 1);
    Ok(())
}

fn currency_differs(planting: &mut Planting, sale: &Sale) -> anyhow::Result<()> {
    planting.goods(sale, sale.goods()?, vec![]);
    planting.lines.push(BillLine { currency: Some("USD".into()), ..sale.line() });
    planting.expect(PAYMENT, "currency_differs", sale.fen, sale.fen);
    Ok(())
}

fn revoked_in_bill(planting: &mut Planting, sale: &Sale) -> anyhow::Result<()> {
    planting.goods(sale, sale.goods()?, vec![]);
    planting.lines.push(BillLine { trade_state: "REVOKED".into(), ..sale.line() });
    planting.expect(PAYMENT, "revoked_in_bill", sale.fen, sale.fen);
    Ok(())
}

fn mock_in_bill(planting: &mut Planting, sale: &Sale) -> anyhow::Result<()> {
    let push = Push::Goods(sale.goods()?);
    let stream = codec::mock_stream(&sale.app, &push);
    let events = vec![Event::MockReceived(push)];
    planting.facts.push(Fact { stream, events, at: sale.pushed_at, payload: None });
    planting.lines.push(sale.line());
    planting.expect(PAYMENT, "mock_in_bill", 0, sale.fen);
    Ok(())
}

fn sandbox_in_bill(planting: &mut Planting, sale: &Sale) -> anyhow::Result<()> {
    planting.goods(sale, GoodsPush { env: Environment::Sandbox, ..sale.goods()? }, vec![]);
    planting.lines.push(sale.line());
    planting.expect(PAYMENT, "sandbox_in_bill", 0, sale.fen);
    Ok(())
}

/// On the first day it could stand in the bill of the day before, which nobody has imported.
fn not_in_bill(planting: &mut Planting, sale: &Sale) -> anyhow::Result<()> {
    planting.goods(sale, sale.goods()?, vec![]);
    let status = if sale.is_first_day { "awaiting_bill" } else { "missing_in_bill" };
    planting.expect(PAYMENT, status, sale.fen, 0);
    Ok(())
}

/// On the last evening its push can still come.
fn not_in_ledger(planting: &mut Planting, sale: &Sale) -> anyhow::Result<()> {
    if sale.is_last_day {
        planting.lines.push(sale.at_evening().line());
        planting.expect(PAYMENT, "awaiting_push", 0, sale.fen);
    } else {
        planting.lines.push(sale.line());
        planting.expect(PAYMENT, "missing_in_ledger", 0, sale.fen);
    }
    Ok(())
}

fn matched_by_operator(planting: &mut Planting, sale: &Sale) -> anyhow::Result<()> {
    let goods = sale.goods()?;
    let order = RecoveredOrder {
        open_id: goods.open_id,
        out_trade_no: goods.out_trade_no,
        product_id: goods.product_id,
        quantity: goods.quantity,
        zone_id: goods.zone_id,
        amount: Fen(sale.fen),
        payment: goods.payment,
        evidence: "the game's own log".into(),
        bill_sha256: Sha256Hex::parse(&"0".repeat(64)).context("a hash of zeros")?,
        bill_line: 2,
    };
    let stream = codec::order_stream(&sale.app, Environment::Production, &order.out_trade_no);
    let (proposed_by, approved_by) = ("lin".to_owned(), "wang".to_owned());
    let events = vec![Event::OrderRecovered { order, proposed_by, approved_by }];
    planting.facts.push(Fact { stream, events, at: sale.pushed_at + TimeDelta::days(3), payload: None });
    planting.lines.push(sale.line());
    planting.expect(PAYMENT, "matched_by_operator", sale.fen, sale.fen);
    Ok(())
}

fn matched_by_mch_order_no(planting: &mut Planting, sale: &Sale) -> anyhow::Result<()> {
    let mut goods = sale.goods()?;
    goods.payment.transaction_id = None;
    planting.goods(sale, goods, vec![]);
    planting.lines.push(sale.line());
    planting.expect(PAYMENT, "matched", sale.fen, sale.fen);
    Ok(())
}

fn matched_late(planting: &mut Planting, sale: &Sale) -> anyhow::Result<()> {
    let goods = GoodsPush { payment: PaymentIds::default(), ..sale.goods()? };
    planting.goods(sale, goods, vec![Event::PaymentIdentified(sale.paid())]);
    planting.lines.push(sale.line());
    planting.expect(PAYMENT, "matched", sale.fen, sale.fen);
    Ok(())
}

/// The order's amount is what counts, not what is left of it after a coupon.
fn matched_with_coupon(planting: &mut Planting, sale: &Sale) -> anyhow::Result<()> {
    planting.goods(sale, sale.goods()?, vec![]);
    let coupon_fen = Some(Fen(20));
    planting.lines.push(BillLine { settlement_fen: Some(Fen(sale.fen - 20)), coupon_fen, ..sale.line() });
    planting.expect(PAYMENT, "matched", sale.fen, sale.fen);
    Ok(())
}

fn matched_coins(planting: &mut Planting, sale: &Sale) -> anyhow::Result<()> {
    planting.tell(sale, Push::Coins(sale.coins()?), vec![], sale.pushed_at);
    planting.lines.push(sale.line());
    planting.expect(PAYMENT, "matched", sale.fen, sale.fen);
    Ok(())
}

/// Half of it goes back.
fn refund_matched(planting: &mut Planting, sale: &Sale) -> anyhow::Result<()> {
    matched(planting, sale)?;
    let half = sale.fen / 2;
    planting.refund(sale, sale.refund(1, half)?);
    planting.lines.push(sale.refund_line(1, half));
    planting.expect(REFUND, "refund_matched", half, half);
    Ok(())
}

/// All of it goes back, in two halves.
fn refunds_matched(planting: &mut Planting, sale: &Sale) -> anyhow::Result<()> {
    matched(planting, sale)?;
    let half = sale.fen / 2;
    for nth in [1, 2] {
        planting.refund(sale, sale.refund(nth, half)?);
        planting.lines.push(sale.refund_line(nth, half));
        planting.expect(REFUND, "refund_matched", half, half);
    }
    Ok(())
}

/// Two refunds, and one line that may be either.
fn refund_ambiguous(planting: &mut Planting, sale: &Sale) -> anyhow::Result<()> {
    matched(planting, sale)?;
    let quarter = sale.fen / 4;
    for nth in [1, 2] {
        planting.refund(sale, sale.refund(nth, quarter)?);
        planting.expect(REFUND, "refund_ambiguous", quarter, 0);
    }
    planting.lines.push(sale.refund_line(1, quarter));
    planting.expect(REFUND, "refund_ambiguous", 0, quarter);
    Ok(())
}

fn refund_not_in_bill(planting: &mut Planting, sale: &Sale) -> anyhow::Result<()> {
    matched(planting, sale)?;
    let half = sale.fen / 2;
    planting.refund(sale, sale.refund(1, half)?);
    let status = if sale.is_first_day { "refund_awaiting_bill" } else { "refund_missing_in_bill" };
    planting.expect(REFUND, status, half, 0);
    Ok(())
}

fn refund_not_in_ledger(planting: &mut Planting, sale: &Sale) -> anyhow::Result<()> {
    let evening = sale.at_evening();
    let sale = if sale.is_last_day { &evening } else { sale };
    matched(planting, sale)?;
    let half = sale.fen / 2;
    planting.lines.push(sale.refund_line(1, half));
    let status = if sale.is_last_day { "refund_awaiting_push" } else { "refund_missing_in_ledger" };
    planting.expect(REFUND, status, 0, half);
    Ok(())
}

fn refund_amount_differs(planting: &mut Planting, sale: &Sale) -> anyhow::Result<()> {
    matched(planting, sale)?;
    let half = sale.fen / 2;
    planting.refund(sale, sale.refund(1, half)?);
    planting.lines.push(sale.refund_line(1, half - 1));
    planting.expect(REFUND, "refund_amount_differs", half, half - 1);
    Ok(())
}

/// Two refunds of three quarters each, on both sides.
fn refund_exceeds_payment(planting: &mut Planting, sale: &Sale) -> anyhow::Result<()> {
    matched(planting, sale)?;
    let part = sale.fen / 4 * 3;
    for nth in [1, 2] {
        planting.refund(sale, sale.refund(nth, part)?);
        planting.lines.push(sale.refund_line(nth, part));
        planting.expect(REFUND, "refund_exceeds_payment", part, part);
    }
    Ok(())
}

/// Of an order from before there was a ledger.
fn refund_without_order(planting: &mut Planting, sale: &Sale) -> anyhow::Result<()> {
    let refund = RefundPush { out_trade_no: None, payment: sale.paid(), ..sale.refund(1, sale.fen)? };
    planting.refund(sale, refund);
    planting.lines.push(sale.refund_line(1, sale.fen));
    planting.expect(REFUND, "refund_without_order", sale.fen, sale.fen);
    Ok(())
}

fn refund_not_successful(planting: &mut Planting, sale: &Sale) -> anyhow::Result<()> {
    matched(planting, sale)?;
    let half = sale.fen / 2;
    planting.refund(sale, sale.refund(1, half)?);
    let refund_state = Some("PROCESSING".into());
    planting.lines.push(BillLine { refund_state, ..sale.refund_line(1, half) });
    planting.expect(REFUND, "refund_not_successful", half, half);
    Ok(())
}

fn refund_of_other_app(planting: &mut Planting, sale: &Sale) -> anyhow::Result<()> {
    let app_id = Some("wxffffffffffffffff".to_owned());
    planting.lines.push(BillLine { app_id, ..sale.refund_line(1, sale.fen) });
    planting.expect(REFUND, "other_app", 0, sale.fen);
    Ok(())
}
