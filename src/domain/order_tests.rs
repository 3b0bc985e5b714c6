use std::ops::Range;

use proptest::prelude::*;

use super::super::fen::Fen;
use super::super::push::{CoinPush, GiftItem, GiftPush, GoodsPush, PaymentIds, RefundPush, RefundSource};
use super::super::samples::{self, payment};
use super::*;

fn goods(change: impl FnOnce(&mut GoodsPush)) -> Push {
    let mut goods = samples::goods();
    change(&mut goods);
    Push::Goods(goods)
}

fn paid(mch_order_no: Option<&str>, transaction_id: Option<&str>) -> Push {
    goods(|goods| goods.payment = payment(mch_order_no, transaction_id))
}

/// Lets the pushes come one after the other; shows what each appended and how it was answered.
fn told(pushes: &[Push]) -> Vec<(Vec<&'static str>, Answer)> {
    let mut order = Order::default();
    let mut told = Vec::new();
    for push in pushes {
        let Decision { events, answer } = order.decide(push);
        told.push((events.iter().map(Event::type_name).collect(), answer));
        order = events.iter().fold(order, Order::evolve);
    }
    told
}

#[test]
fn what_a_push_becomes() {
    use Answer::{Conflict, Success};
    let dearer = || goods(|goods| goods.actual_price = Fen(1300));
    let cheaper = || goods(|goods| goods.actual_price = Fen(1100));
    let same = || goods(|_| ());
    let delivered = || (vec!["GoodsDelivered"], Success);
    let repeated = || (vec![], Success);
    let conflict = || (vec!["ConflictingPushReceived"], Conflict);
    let identified = || (vec!["PaymentIdentified"], Success);
    for (pushes, expected) in [
        (vec![same()], vec![delivered()]),
        (vec![same(), same(), same()], vec![delivered(), repeated(), repeated()]),
        // A different content is refused each time and recorded once; the order stands as it was.
        (
            vec![same(), dearer(), dearer(), cheaper(), same()],
            vec![delivered(), conflict(), (vec![], Conflict), conflict(), repeated()],
        ),
        // Payment ids that were absent are added once; a push without them is still the same order.
        (
            vec![paid(None, None), paid(Some("M"), None), paid(Some("M"), Some("T")), paid(None, None)],
            vec![delivered(), identified(), identified(), repeated()],
        ),
        (vec![paid(Some("M"), None), paid(None, Some("T"))], vec![delivered(), identified()]),
        (vec![paid(Some("M"), None), paid(Some("N"), None)], vec![delivered(), conflict()]),
        (
            vec![paid(None, None), paid(Some("M"), None), paid(Some("N"), Some("T"))],
            vec![delivered(), identified(), conflict()],
        ),
        // A number is one thing for ever.
        (vec![same(), Push::Coins(samples::coins())], vec![delivered(), conflict()]),
    ] {
        assert_eq!(told(&pushes), expected, "{pushes:#?}");
    }
    for push in samples::one_of_each() {
        let told = told(&[push.clone(), push]);
        assert_eq!((told[0].0.len(), told[0].1), (1, Success));
        assert_eq!(told[1], repeated());
    }
}

/// Payment ids of a few values, each of which may be absent.
fn any_payment() -> impl Strategy<Value = PaymentIds> {
    let id = || prop::option::of(prop::sample::select(vec!["a", "b"]));
    (id(), id()).prop_map(|(mch_order_no, transaction_id)| payment(mch_order_no, transaction_id))
}

fn any_goods() -> impl Strategy<Value = Push> {
    let price = prop::sample::select(vec![1200, 1300]);
    let attach = prop::option::of(Just("x"));
    (any_payment(), price, attach).prop_map(|(payment, price, attach)| {
        goods(|goods| {
            goods.payment = payment;
            goods.actual_price = Fen(price);
            goods.attach = attach.map(str::to_owned);
        })
    })
}

fn any_coins() -> impl Strategy<Value = Push> {
    (any_payment(), prop::sample::select(vec![100, 101])).prop_map(|(payment, buy_quantity)| {
        Push::Coins(CoinPush { payment, buy_quantity, ..samples::coins() })
    })
}

fn any_refund() -> impl Strategy<Value = Push> {
    let sources = vec![RefundSource::Console, RefundSource::Platform];
    (any_payment(), prop::sample::select(vec![600, 500]), prop::sample::select(sources), any::<bool>())
        .prop_map(|(payment, amount, refund_source, names_the_order)| {
            let refund = samples::refund();
            let out_trade_no = refund.out_trade_no.clone().filter(|_| names_the_order);
            let refund_amount = Fen(amount);
            Push::Refund(RefundPush { payment, refund_amount, refund_source, out_trade_no, ..refund })
        })
}

fn any_gift() -> impl Strategy<Value = Push> {
    let item = (prop::sample::select(vec!["1", "2"]), 1..3_u32)
        .prop_map(|(id, num)| GiftItem { id: id.to_owned(), num });
    (prop::collection::vec(item, 1..3), prop::option::of(Just(7)))
        .prop_map(|(goods, zone)| Push::Gift(GiftPush { goods, zone, ..samples::gift() }))
}

/// A push of any family for one number.
fn any_push() -> impl Strategy<Value = Push> {
    prop_oneof![any_goods(), any_coins(), any_refund(), any_gift()]
}

/// Pushes for one number that differ in few ways, so that repeats, additions and conflicts all happen. A
/// number belongs to one family by rights; families mix in some.
fn pushes_for_one_number(count: Range<usize>) -> impl Strategy<Value = Vec<Push>> {
    prop_oneof![
        4 => prop::collection::vec(any_goods(), count.clone()),
        2 => prop::collection::vec(any_coins(), count.clone()),
        3 => prop::collection::vec(any_refund(), count.clone()),
        3 => prop::collection::vec(any_gift(), count.clone()),
        3 => prop::collection::vec(any_push(), count),
    ]
}

/// Whether the event begins a stream: its order, refund or gift is taken over.
fn begins(event: &Event) -> bool {
    match event {
        Event::GoodsDelivered(_)
        | Event::CoinsDelivered(_)
        | Event::RefundSucceeded(_)
        | Event::GiftDelivered(_)
        | Event::OrderRecovered { .. } => true,
        Event::AppRegistered { .. }
        | Event::PriceMeaningChanged { .. }
        | Event::MerchantAssigned { .. }
        | Event::PaymentIdentified(_)
        | Event::ConflictingPushReceived(_)
        | Event::MockReceived(_)
        | Event::GoodsGranted { .. }
        | Event::GrantRefused { .. }
        | Event::GrantRevoked { .. }
        | Event::RoleReported { .. }
        | Event::PushQuarantined { .. }
        | Event::QuarantineAdopted { .. }
        | Event::QuarantineDismissed { .. }
        | Event::Recovery(_)
        | Event::PaymentClaimed(_)
        | Event::Bill(_)
        | Event::Case(_)
        | Event::Period(_)
        | Event::ReportFiled(_)
        | Event::LedgerSealed(_) => false,
    }
}

fn reached_by(pushes: &[Push]) -> Order {
    pushes.iter().fold(Order::default(), |order, push| {
        let Decision { events, .. } = order.decide(push);
        events.iter().fold(order, Order::evolve)
    })
}

proptest! {
    #[test]
    fn any_push_decided_twice_in_any_reachable_state_yields_nothing_the_second_time(
        pushes in pushes_for_one_number(1..9),
    ) {
        let (push, before) = pushes.split_last().unwrap();
        let order = reached_by(before);
        let first = order.decide(push);
        let order = first.events.iter().fold(order, Order::evolve);
        let second = order.decide(push);
        prop_assert_eq!(second.events, vec![]);
        prop_assert_eq!(second.answer, first.answer);
    }

    #[test]
    fn an_accepted_push_stays_accepted_whatever_comes_after_it(
        pushes in pushes_for_one_number(1..10),
    ) {
        let mut order = Order::default();
        let mut accepted: Vec<Push> = vec![];
        for push in pushes {
            let Decision { events, answer } = order.decide(&push);
            order = events.iter().fold(order, Order::evolve);
            if answer == Answer::Success {
                accepted.push(push);
            }
            for push in &accepted {
                prop_assert_eq!(order.decide(push), Decision { events: vec![], answer: Answer::Success });
            }
        }
    }

    #[test]
    fn an_order_a_refund_or_a_gift_begins_once_and_its_payment_never_changes_once_known(
        pushes in pushes_for_one_number(1..10),
    ) {
        let (mut order, mut begun, mut known) = (Order::default(), 0, PaymentIds::default());
        for push in pushes {
            let Decision { events, .. } = order.decide(&push);
            begun += events.iter().filter(|event| begins(event)).count();
            order = events.iter().fold(order, Order::evolve);
            prop_assert!(!order.payment.contradicts(&known));
            prop_assert_eq!(known.news_to(&order.payment), None);
            known = order.payment.clone();
        }
        prop_assert_eq!(begun, 1);
    }

    #[test]
    fn whatever_is_decided_once_is_recorded_once_however_the_pushes_repeat(
        pushes in pushes_for_one_number(1..6),
        turns in prop::collection::vec(any::<prop::sample::Index>(), 0..24),
    ) {
        let repeated: Vec<Push> = turns.iter().map(|turn| turn.get(&pushes).clone()).collect();
        let (mut order, mut recorded) = (Order::default(), Vec::<Event>::new());
        for push in pushes.iter().chain(&repeated) {
            for event in order.decide(push).events {
                prop_assert!(!recorded.contains(&event), "twice: {event:?}");
                order = order.evolve(&event);
                recorded.push(event);
            }
        }
        prop_assert_eq!(order, Order::fold(&recorded));
    }
}
