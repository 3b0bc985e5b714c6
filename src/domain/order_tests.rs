use proptest::prelude::*;

use super::super::fen::Fen;
use super::super::push::{GoodsPush, PaymentIds};
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

/// Pushes for one number that differ in few ways, so that repeats, additions and conflicts all happen.
fn any_push() -> impl Strategy<Value = Push> {
    let id = || prop::option::of(prop::sample::select(vec!["a", "b"]));
    let price = prop::sample::select(vec![1200, 1300]);
    let attach = prop::option::of(Just("x"));
    prop_oneof![
        8 => (id(), id(), price, attach).prop_map(|(mch_order_no, transaction_id, price, attach)| {
            goods(|goods| {
                goods.payment = payment(mch_order_no, transaction_id);
                goods.actual_price = Fen(price);
                goods.attach = attach.map(str::to_owned);
            })
        }),
        1 => Just(Push::Coins(samples::coins())),
    ]
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
        before in prop::collection::vec(any_push(), 0..8),
        push in any_push(),
    ) {
        let order = reached_by(&before);
        let first = order.decide(&push);
        let order = first.events.iter().fold(order, Order::evolve);
        let second = order.decide(&push);
        prop_assert_eq!(second.events, vec![]);
        prop_assert_eq!(second.answer, first.answer);
    }

    #[test]
    fn an_accepted_push_stays_accepted_whatever_comes_after_it(
        pushes in prop::collection::vec(any_push(), 1..10),
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
    fn an_order_is_delivered_once_and_its_payment_never_changes_once_known(
        pushes in prop::collection::vec(any_push(), 1..10),
    ) {
        let (mut order, mut delivered, mut known) = (Order::default(), 0, PaymentIds::default());
        for push in pushes {
            let Decision { events, .. } = order.decide(&push);
            delivered += events.iter().filter(|event| event.type_name().ends_with("Delivered")).count();
            order = events.iter().fold(order, Order::evolve);
            prop_assert!(!order.payment.contradicts(&known));
            prop_assert_eq!(known.news_to(&order.payment), None);
            known = order.payment.clone();
        }
        prop_assert_eq!(delivered, 1);
    }
}
