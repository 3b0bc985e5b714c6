use proptest::prelude::*;

use super::super::fen::Fen;
use super::super::order::Order;
use super::super::push::{GoodsPush, Push};
use super::super::samples;
use super::*;
use GrantCommand::{Grant as Give, Refuse, Revoke};

/// The order of one push, and what was said of it, one after the other.
fn said(push: Push, commands: &[GrantCommand]) -> (Order, Vec<Event>) {
    let mut events = Order::default().decide(&push).events;
    let mut order = Order::fold(&events);
    for command in commands {
        if let Ok(Some(event)) = order.decide_grant(*command, "game", Some("4711")) {
            order = order.evolve(&event);
            events.push(event);
        }
    }
    (order, events)
}

fn ordered() -> Push {
    Push::Goods(samples::goods())
}

#[test]
fn what_a_word_of_the_game_becomes() {
    let by = || "game".to_owned();
    for (before, command, outcome) in [
        (vec![], Give, Ok(Some("GoodsGranted"))),
        (vec![], Refuse, Ok(Some("GrantRefused"))),
        (vec![], Revoke, Err(GrantError::NotGranted)),
        (vec![Give], Give, Ok(None)),
        (vec![Give], Refuse, Err(GrantError::Granted { by: by() })),
        (vec![Give], Revoke, Ok(Some("GrantRevoked"))),
        (vec![Refuse], Give, Err(GrantError::Refused { by: by() })),
        (vec![Refuse], Refuse, Ok(None)),
        (vec![Refuse], Revoke, Err(GrantError::Refused { by: by() })),
        (vec![Give, Revoke], Give, Err(GrantError::Revoked { by: by() })),
        (vec![Give, Revoke], Refuse, Err(GrantError::Revoked { by: by() })),
        (vec![Give, Revoke], Revoke, Ok(None)),
        // What was refused changed nothing.
        (vec![Revoke, Refuse, Give], Refuse, Ok(None)),
    ] {
        let (order, _) = said(ordered(), &before);
        let decided = order.decide_grant(command, "somebody-else", None);
        let named = decided.map(|event| event.map(|event| event.type_name()));
        assert_eq!(named, outcome, "{before:?}, then {command:?}");
    }
}

#[test]
fn only_an_order_of_goods_can_be_granted() {
    let of = |push: Push| said(push, &[]).0;
    for (order, command, outcome) in [
        (Order::default(), Give, GrantError::NotFound),
        (Order::default(), Refuse, GrantError::NotFound),
        (Order::default(), Revoke, GrantError::NotFound),
        (of(Push::Coins(samples::coins())), Give, GrantError::Coins),
        (of(Push::Coins(samples::coins())), Refuse, GrantError::Coins),
        (of(Push::Refund(samples::refund())), Give, GrantError::NotFound),
        (of(Push::Gift(samples::gift())), Give, GrantError::NotFound),
    ] {
        assert_eq!(order.decide_grant(command, "game", None), Err(outcome), "{command:?}");
    }
}

#[test]
fn a_contradicting_push_does_not_stop_a_grant_and_a_grant_changes_no_answer_to_a_push() {
    let (order, _) = said(ordered(), &[]);
    let dearer = Push::Goods(GoodsPush { actual_price: Fen(1300), ..samples::goods() });
    let order = order.decide(&dearer).events.iter().fold(order, Order::evolve);
    assert_eq!(order.conflicts.len(), 1);
    let before = (order.decide(&ordered()), order.decide(&dearer));
    let granted = order.decide_grant(Give, "game", None).unwrap().unwrap();
    assert_eq!(granted, Event::GoodsGranted { by: "game".into(), reason: None });
    let order = order.evolve(&granted);
    assert_eq!((order.decide(&ordered()), order.decide(&dearer)), before);
}

fn any_commands() -> impl Strategy<Value = Vec<GrantCommand>> {
    prop::collection::vec(prop::sample::select(vec![Give, Refuse, Revoke]), 0..8)
}

proptest! {
    #[test]
    fn the_same_word_twice_in_any_reachable_state_yields_nothing_the_second_time(
        before in any_commands(),
        command in prop::sample::select(vec![Give, Refuse, Revoke]),
    ) {
        let (order, _) = said(ordered(), &before);
        match order.decide_grant(command, "game", None) {
            Ok(event) => {
                let order = event.iter().fold(order, Order::evolve);
                prop_assert_eq!(order.decide_grant(command, "lin", Some("once more")), Ok(None));
            }
            Err(error) => prop_assert_eq!(order.decide_grant(command, "lin", None), Err(error)),
        }
    }

    #[test]
    fn the_first_word_stands_and_only_a_grant_can_be_revoked(commands in any_commands()) {
        let (order, events) = said(ordered(), &commands);
        let recorded: Vec<_> = events.iter().skip(1).map(Event::type_name).collect();
        let first = commands.iter().find(|command| **command != Revoke);
        let granted_at = commands.iter().position(|command| *command == Give);
        let revoked = granted_at.is_some_and(|at| commands[at..].contains(&Revoke));
        let expected = match (first, revoked) {
            (None, _) => vec![],
            (Some(Refuse), _) => vec!["GrantRefused"],
            (Some(_), false) => vec!["GoodsGranted"],
            (Some(_), true) => vec!["GoodsGranted", "GrantRevoked"],
        };
        prop_assert_eq!(recorded, expected);
        prop_assert_eq!(order, Order::fold(&events));
    }
}
