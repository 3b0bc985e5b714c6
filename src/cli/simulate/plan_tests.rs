//! A plan keeps its shares and its order.

use std::collections::{HashMap, HashSet};

use super::super::sample_app::sample_app;
use super::*;

fn settings(orders: usize, seed: u64) -> Settings {
    Settings {
        orders,
        channel: Channel::Default,
        mode: Mode::Security,
        writings: &Writing::ALL,
        shares: Shares {
            repeats: Share::percent(20),
            conflicts: Share::percent(5),
            coins: Share::percent(10),
            sandbox: Share::percent(10),
            refunds: Share::percent(3),
            tampered: Share::percent(4),
            wrong_env: Share::percent(2),
            mocks: Share::percent(1),
            roles: Share::percent(6),
            gifts: Share::percent(7),
        },
        sequence: Sequence::Shuffled,
        seed,
        now: DateTime::UNIX_EPOCH,
    }
}

fn planned(settings: &Settings) -> Plan {
    plan(&sample_app(Mode::Security), settings).unwrap()
}

fn numbers_of(plan: &Plan, kind: Kind, family: Family) -> Vec<&str> {
    let pushes = plan.waves.iter().flatten();
    pushes.filter(|push| push.kind == kind && push.family == family).map(|push| &*push.number).collect()
}

#[test]
fn shares_are_met_exactly() {
    use Family::{Coins, Gift, Goods, Refund, RoleQuery};
    let plan = planned(&settings(1000, 7));
    for (kind, families, count) in [
        (Kind::First, &[Goods][..], 900),
        (Kind::First, &[Coins], 100),
        (Kind::First, &[Refund], 30),
        (Kind::First, &[Gift], 70),
        (Kind::Conflict, &[Goods, Coins], 50),
        (Kind::Tampered, &[Goods, Coins], 40),
        (Kind::OtherEnvironmentKey, &[Goods, Coins], 20),
        (Kind::Mock, &[Goods, Coins, Refund, RoleQuery], 10),
        (Kind::Query, &[RoleQuery], 60),
    ] {
        let found: usize = families.iter().map(|family| numbers_of(&plan, kind, *family).len()).sum();
        assert_eq!(found, count, "{kind:?} {families:?}");
    }
    for (families, repeated) in [(&[Goods, Coins][..], 200), (&[Refund], 6), (&[Gift], 14)] {
        let mut times: HashMap<&str, usize> = HashMap::new();
        for family in families {
            for number in numbers_of(&plan, Kind::Repeat, *family) {
                *times.entry(number).or_default() += 1;
            }
        }
        assert_eq!(times.len(), repeated, "{families:?}");
        assert!(times.values().all(|times| (1..=3).contains(times)));
    }
}

#[test]
fn conflicts_and_refunds_come_after_every_first_push_of_an_order() {
    let plan = planned(&settings(200, 7));
    for (wave, pushes) in plan.waves.iter().enumerate() {
        for push in pushes {
            let late = push.kind == Kind::Conflict || push.family == Family::Refund;
            let early = push.kind == Kind::First && push.family != Family::Refund;
            assert!(!(wave == 0 && late && push.kind != Kind::Mock), "{push:?}");
            assert!(!(wave == 1 && early), "{push:?}");
        }
    }
}

#[test]
fn tampered_pushes_have_numbers_of_good_pushes_and_numbers_of_their_own() {
    let plan = planned(&settings(500, 7));
    let good: HashSet<&str> =
        plan.waves[0].iter().filter(|push| push.kind == Kind::First).map(|push| &*push.number).collect();
    let tampered = plan.waves[0].iter().filter(|push| push.kind == Kind::Tampered);
    let (shared, own): (Vec<_>, Vec<_>) = tampered.partition(|push| good.contains(&*push.number));
    assert_eq!((shared.len(), own.len()), (10, 10));
}

#[test]
fn the_sample_order_has_been_repeated_contradicted_and_refunded() {
    for seed in 0..20 {
        let plan = planned(&settings(50, seed));
        let sample = &*plan.sample_orders[0];
        for kind in [Kind::First, Kind::Repeat, Kind::Conflict] {
            assert!(numbers_of(&plan, kind, Family::Goods).contains(&sample), "{kind:?}, seed {seed}");
        }
    }
}

#[test]
fn the_same_seed_makes_the_same_plan_and_another_seed_other_numbers() {
    let plan = planned(&settings(100, 7));
    assert_eq!(plan, planned(&settings(100, 7)));
    let other = planned(&settings(100, 8));
    let numbers = |plan: &Plan| -> HashSet<Arc<str>> {
        plan.waves.iter().flatten().map(|push| Arc::clone(&push.number)).collect()
    };
    assert!(numbers(&plan).is_disjoint(&numbers(&other)));
}

#[test]
fn a_plan_of_no_orders_is_empty() {
    let plan = planned(&settings(0, 7));
    assert!(plan.waves.iter().all(Vec::is_empty) && plan.sample_orders.is_empty());
}
