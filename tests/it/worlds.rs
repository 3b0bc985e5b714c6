//! Random worlds: streams of orders, refunds, gifts, mocks, roles and quarantine that know nothing of one another.

use std::sync::Arc;

use chrono::{DateTime, Utc};
use order_ledger::codec::{self, Metadata};
use order_ledger::domain::app::AppSlug;
use order_ledger::domain::environment::Environment::{self, Production, Sandbox};
use order_ledger::domain::event::Event;
use order_ledger::domain::evidence::Evidence;
use order_ledger::domain::push::{PaymentIds, Push};
use order_ledger::domain::quarantine::Reason;
use order_ledger::store::{
    Append, AppendOutcome, EventStore, ExpectedVersion, NewEvent, StreamName, Urgency,
};
use proptest::prelude::*;
use proptest::sample::select;

use super::folded::{at, evidence};
use super::told::{Told, coins, gift, goods, player, recovered_order, refund, role};

pub const APPS: [&str; 2] = ["demo", "other"];
pub const PLAYERS: [&str; 2] = ["oAnna", "oBert"];
pub const NUMBERS: [&str; 3] = ["A", "B", "C"];
pub const REFUNDS: [&str; 3] = ["R1", "R2", "R3"];
pub const TRANSACTIONS: [&str; 2] = ["T1", "T2"];
const MCH_ORDERS: [&str; 2] = ["M1", "M2"];
const PRODUCTS: [&str; 2] = ["gem", "sword"];
/// The events of a world happen within these minutes after the year's beginning in Beijing.
const MINUTES: std::ops::Range<i64> = 0..3 * 24 * 60;

/// The facts of one stream, in their order, each with the minute it is recorded.
#[derive(Clone, Debug)]
pub struct Facts {
    app: &'static str,
    stream: StreamName,
    events: Vec<(Event, i64)>,
    payload: String,
}

/// Some streams, each name once.
pub fn world() -> impl Strategy<Value = Vec<Facts>> {
    let streams = prop::collection::vec((facts(), prop::collection::vec(MINUTES, 5)), 4..24);
    streams.prop_map(|streams| {
        let mut world: Vec<Facts> = Vec::new();
        for (mut facts, mut minutes) in streams {
            minutes.sort_unstable();
            facts.events.iter_mut().zip(minutes).for_each(|(event, minutes)| event.1 = minutes);
            if !world.iter().any(|known| known.stream == facts.stream) {
                world.push(facts);
            }
        }
        world
    })
}

fn facts() -> impl Strategy<Value = Facts> {
    prop_oneof![6 => order(), 5 => refunded(), 1 => given(), 1 => mocked(), 2 => played(), 2 => held()]
}

fn app() -> impl Strategy<Value = &'static str> {
    prop_oneof![4 => Just(APPS[0]), 1 => Just(APPS[1])]
}

fn slug(app: &str) -> AppSlug {
    AppSlug::parse(app).unwrap()
}

fn env() -> impl Strategy<Value = Environment> {
    prop_oneof![3 => Just(Production), 1 => Just(Sandbox)]
}

fn payment() -> impl Strategy<Value = PaymentIds> {
    let one_of = |ids: [&'static str; 2]| prop::option::of(select(ids.to_vec()).prop_map(str::to_owned));
    (one_of(MCH_ORDERS), one_of(TRANSACTIONS))
        .prop_map(|(mch_order_no, transaction_id)| PaymentIds { mch_order_no, transaction_id })
}

fn of(app: &'static str, stream: StreamName, events: Vec<Event>) -> Facts {
    Facts { app, stream, events: events.into_iter().map(|event| (event, 0)).collect(), payload: "{}".into() }
}

fn moved(told: Told, env: Environment) -> Told {
    if env == Sandbox { told.sandbox() } else { told }
}

fn bought() -> impl Strategy<Value = Told> {
    let anything = (select(&NUMBERS[..]), select(&PLAYERS[..]), select(&PRODUCTS[..]), 1..4_u32);
    (anything, 0..3_i64, any::<bool>(), 0..4_u8).prop_map(
        |((number, open_id, product, quantity), price, zone, what)| {
            let goods = goods(number).of(product, quantity).zone(zone.then_some("1"));
            let told = match what {
                0 => coins(number),
                1 => goods.mall_test(),
                _ => goods,
            };
            told.by(open_id).priced(price * 300)
        },
    )
}

fn order() -> impl Strategy<Value = Facts> {
    let beside = (payment(), payment(), any::<bool>(), 0..4_u8, 0..5_u8);
    (app(), env(), bought(), beside).prop_map(
        |(app, env, told, (first, later, conflict, said, recovered))| {
            let told = moved(told, env);
            let mut push = told.0.clone();
            match &mut push {
                Push::Goods(goods) => goods.payment = first.clone(),
                Push::Coins(coins) => coins.payment = first.clone(),
                Push::Refund(_) | Push::Gift(_) => {}
            }
            let mut events = vec![match push.clone() {
                Push::Goods(_) if recovered == 0 && env == Production => Event::OrderRecovered {
                    order: recovered_order(Told(push.clone())),
                    proposed_by: "wang".into(),
                    approved_by: "lin".into(),
                },
                Push::Goods(goods) => Event::GoodsDelivered(goods),
                Push::Coins(coins) => Event::CoinsDelivered(coins),
                Push::Refund(_) | Push::Gift(_) => panic!("not an order"),
            }];
            events.extend(later.news_to(&first).map(Event::PaymentIdentified));
            if conflict {
                events.push(Event::ConflictingPushReceived(told.priced(7).0));
            }
            let (by, reason) = ("game".to_owned(), Some("because".to_owned()));
            let refused = Event::GrantRefused { by: by.clone(), reason: reason.clone() };
            let revoked = Event::GrantRevoked { by: by.clone(), reason: reason.clone() };
            let granted = Event::GoodsGranted { by, reason: None };
            if let Push::Goods(_) = &push {
                events.extend(
                    [vec![], vec![granted.clone()], vec![granted, revoked], vec![refused]][usize::from(said)]
                        .clone(),
                );
            }
            of(app, codec::push_stream(&slug(app), &push), events)
        },
    )
}

fn refunded() -> impl Strategy<Value = Facts> {
    let names = (prop::option::of(select(&NUMBERS[..])), payment(), payment(), any::<bool>());
    let what = (app(), env(), select(&REFUNDS[..]), 0..3_i64);
    (what, names).prop_map(|((app, env, id, fen), (number, first, later, conflict))| {
        let told = moved(refund(id, fen * 300), env);
        let Push::Refund(mut push) = number.into_iter().fold(told.clone(), Told::of_order).0 else {
            panic!("not a refund")
        };
        push.payment = first.clone();
        let mut events = vec![Event::RefundSucceeded(push.clone())];
        events.extend(later.news_to(&first).map(Event::PaymentIdentified));
        if conflict {
            let Push::Refund(mut other) = told.0 else { panic!("not a refund") };
            other.refund_amount.0 += 1;
            events.push(Event::ConflictingPushReceived(Push::Refund(other)));
        }
        of(app, codec::push_stream(&slug(app), &Push::Refund(push)), events)
    })
}

fn given() -> impl Strategy<Value = Facts> {
    (app(), select(&["G1", "G2"][..]), select(&PLAYERS[..]), any::<bool>()).prop_map(
        |(app, id, open_id, conflict)| {
            let told = gift(id, &[("gem", 2), ("gem", 1), ("hat", 5)]).by(open_id);
            let Push::Gift(push) = told.0.clone() else { panic!("not a gift") };
            let mut events = vec![Event::GiftDelivered(push)];
            if conflict {
                events.push(Event::ConflictingPushReceived(gift(id, &[("hat", 1)]).0));
            }
            of(app, codec::push_stream(&slug(app), &told.0), events)
        },
    )
}

fn mocked() -> impl Strategy<Value = Facts> {
    (app(), env(), bought()).prop_map(|(app, env, told)| {
        let push = moved(told, env).0;
        of(app, codec::mock_stream(&slug(app), &push), vec![Event::MockReceived(push)])
    })
}

fn played() -> impl Strategy<Value = Facts> {
    let reports =
        prop::collection::vec((select(&["1", "2"][..]), select(&["剑客", "法师"][..]), MINUTES), 1..4);
    (app(), env(), select(&PLAYERS[..]), reports).prop_map(|(app, env, open_id, reports)| {
        let reported = |(revision, (role_id, name, played)): (u64, (&str, &str, i64))| {
            let role = role(role_id, name, played);
            Event::RoleReported { env, open_id: player(open_id), role, revision }
        };
        let events = (0..).zip(reports).map(reported).collect();
        of(app, codec::player_stream(&slug(app), env, &player(open_id)), events)
    })
}

fn held() -> impl Strategy<Value = Facts> {
    let payloads = ["{\"OpenId\":\"oAnna\",\"OutTradeNo\":\"A\"}", "{\"RefundId\":\"R1\"}", "no JSON"];
    let reasons = [Reason::OtherEnvironmentKey, Reason::Unusable("OpenId: is missing".into())];
    let what = (select(payloads.to_vec()), select(reasons.to_vec()), prop::option::of(select(&NUMBERS[..])));
    (app(), what, 0..3_u8).prop_map(|(app, (payload, reason, number), decided)| {
        let event = evidence(&goods("A").0, at(0)).event;
        let id = codec::quarantine_id(&slug(app), &event, payload);
        let mut events =
            vec![Event::PushQuarantined { event, reason, out_trade_no: number.map(str::to_owned) }];
        let (by, reason) = ("lin".to_owned(), "looked at it".to_owned());
        match decided {
            0 => {}
            1 => events.push(Event::QuarantineAdopted { by, reason }),
            _ => events.push(Event::QuarantineDismissed { by, reason }),
        }
        let facts = of(app, codec::quarantine_stream(&id), events);
        Facts { payload: payload.to_owned(), ..facts }
    })
}

/// The order in which the streams' events are recorded: each pick takes the next event of one that has any left.
pub fn interleaved(world: &[Facts], picks: &[u8]) -> Vec<(usize, usize)> {
    let mut taken = vec![0; world.len()];
    let mut order = Vec::new();
    let mut picks = picks.iter().cycle();
    loop {
        let left: Vec<_> =
            (0..world.len()).filter(|place| taken[*place] < world[*place].events.len()).collect();
        let (Some(pick), false) = (picks.next(), left.is_empty()) else { return order };
        let stream = left[usize::from(*pick) % left.len()];
        order.push((stream, taken[stream]));
        taken[stream] += 1;
    }
}

/// Writes a world into a log in this order.
pub async fn record(store: &dyn EventStore, world: &[Facts], order: &[(usize, usize)]) {
    for (stream, version) in order {
        let facts = &world[*stream];
        let expected = match version {
            0 => ExpectedVersion::NoStream,
            version => ExpectedVersion::Exact(*version as u64 - 1),
        };
        let append = Append {
            stream: facts.stream.clone(),
            expected,
            events: Arc::from([facts.encoded(*version)]),
            urgency: Urgency::Push,
        };
        let outcome = store.append(append).await;
        assert!(matches!(outcome, AppendOutcome::Appended { repeated: false, .. }), "{outcome:?}");
    }
}

impl Facts {
    fn encoded(&self, version: usize) -> NewEvent {
        let (event, minutes) = &self.events[version];
        let recorded_at: DateTime<Utc> = at(*minutes);
        let is_push = !matches!(
            event,
            Event::GoodsGranted { .. }
                | Event::GrantRefused { .. }
                | Event::GrantRevoked { .. }
                | Event::RoleReported { .. }
                | Event::OrderRecovered { .. }
                | Event::QuarantineAdopted { .. }
                | Event::QuarantineDismissed { .. }
        );
        let proof = Evidence { payload: self.payload.clone(), ..evidence(&goods("A").0, recorded_at) };
        let metadata =
            Metadata { app: Some(slug(self.app)), recorded_at, evidence: is_push.then_some(proof) };
        codec::encode(&self.stream, event, &metadata).unwrap()
    }
}
