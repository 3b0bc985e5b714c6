use proptest::prelude::*;

use super::*;

/// What may happen to a push in quarantine: it comes again, or a person decides.
#[derive(Clone, Debug)]
enum Step {
    Comes(Reason),
    Decided(Resolution),
}

/// The reason may change between two pushes, as keys and the program's knowledge of events do.
fn any_reason() -> impl Strategy<Value = Reason> {
    prop_oneof![
        Just(Reason::OtherEnvironmentKey),
        prop::sample::select(vec!["Quantity: is 0", "Env: is 2"])
            .prop_map(|why| Reason::Unusable(why.to_owned())),
        any::<bool>().prop_map(|money_at_stake| Reason::UnrecognizedEvent { money_at_stake }),
    ]
}

fn any_resolution() -> impl Strategy<Value = Resolution> {
    prop_oneof![Just(Resolution::Adopted), Just(Resolution::Dismissed)]
}

fn any_steps() -> impl Strategy<Value = Vec<Step>> {
    let step = prop_oneof![
        2 => any_reason().prop_map(Step::Comes),
        1 => any_resolution().prop_map(Step::Decided),
    ];
    prop::collection::vec(step, 0..8)
}

fn comes(held: &Quarantine, reason: &Reason) -> (Option<Event>, Answer) {
    held.decide("minigame_game_pay_goods_deliver_notify", reason, Some("N"))
}

/// The events of these steps, decided one after the other.
fn recorded(steps: &[Step]) -> Vec<Event> {
    let (mut held, mut events) = (Quarantine::default(), Vec::new());
    for step in steps {
        let event = match step {
            Step::Comes(reason) => comes(&held, reason).0,
            Step::Decided(how) => held.resolve(*how, "lin", "delivered by hand").unwrap_or_default(),
        };
        held = event.iter().fold(held, Quarantine::evolve);
        events.extend(event);
    }
    events
}

#[test]
fn what_a_decision_about_a_push_in_quarantine_becomes() {
    use Resolution::{Adopted, Dismissed};
    let held = || Step::Comes(Reason::OtherEnvironmentKey);
    for (steps, how, outcome) in [
        (vec![], Adopted, Err(ResolveError::NotHeld)),
        (vec![], Dismissed, Err(ResolveError::NotHeld)),
        (vec![held()], Adopted, Ok(Some("QuarantineAdopted"))),
        (vec![held()], Dismissed, Ok(Some("QuarantineDismissed"))),
        (vec![held(), Step::Decided(Adopted)], Adopted, Ok(None)),
        (vec![held(), Step::Decided(Dismissed)], Dismissed, Ok(None)),
        (vec![held(), Step::Decided(Adopted)], Dismissed, Err(ResolveError::AdoptedBefore)),
        (vec![held(), Step::Decided(Dismissed)], Adopted, Err(ResolveError::DismissedBefore)),
        (vec![held(), Step::Decided(Adopted), held()], Adopted, Ok(None)),
        // Nothing was held when it was decided.
        (vec![Step::Decided(Dismissed), held()], Adopted, Ok(Some("QuarantineAdopted"))),
    ] {
        let resolved = Quarantine::fold(&recorded(&steps)).resolve(how, "lin", "delivered by hand");
        let named = resolved.map(|event| event.map(|event| event.type_name()));
        assert_eq!(named, outcome, "{steps:?}, then {how:?}");
    }
}

proptest! {
    #[test]
    fn a_push_that_comes_twice_in_any_reachable_state_yields_nothing_the_second_time(
        before in any_steps(),
        reason in any_reason(),
    ) {
        let held = Quarantine::fold(&recorded(&before));
        let (event, answer) = comes(&held, &reason);
        let held = event.iter().fold(held, Quarantine::evolve);
        prop_assert_eq!(comes(&held, &reason), (None, answer));
    }

    #[test]
    fn the_same_decision_twice_in_any_reachable_state_yields_nothing_the_second_time(
        before in any_steps(),
        how in any_resolution(),
    ) {
        let held = Quarantine::fold(&recorded(&before));
        match held.resolve(how, "lin", "delivered by hand") {
            Ok(event) => {
                let held = event.iter().fold(held, Quarantine::evolve);
                prop_assert_eq!(held.resolution, Some(how));
                prop_assert_eq!(held.resolve(how, "wang", "once more"), Ok(None));
            }
            Err(error) => prop_assert_eq!(held.resolve(how, "wang", "once more"), Err(error)),
        }
    }

    #[test]
    fn a_push_is_held_once_and_decided_once_and_the_first_decision_stands(steps in any_steps()) {
        let events = recorded(&steps);
        let count = |name: &str| events.iter().filter(|event| event.type_name() == name).count();
        prop_assert_eq!(count("PushQuarantined"), events.len().min(1));
        let decisions = count("QuarantineAdopted") + count("QuarantineDismissed");
        prop_assert_eq!(decisions, events.len().saturating_sub(1));
        prop_assert!(decisions <= 1);
        let first_held = steps.iter().position(|step| matches!(step, Step::Comes(_)));
        let first_decision = first_held.and_then(|first| {
            steps[first..].iter().find_map(|step| match step {
                Step::Comes(_) => None,
                Step::Decided(how) => Some(*how),
            })
        });
        prop_assert_eq!(Quarantine::fold(&events).resolution, first_decision);
    }

    #[test]
    fn once_decided_a_push_is_answered_success_for_ever_and_changes_nothing(
        how in any_resolution(),
        after in any_steps(),
        reasons in (any_reason(), any_reason()),
    ) {
        let held = vec![Step::Comes(reasons.0), Step::Decided(how)];
        let decided = Quarantine::fold(&recorded(&held));
        let later = Quarantine::fold(&recorded(&[held, after].concat()));
        prop_assert_eq!(&later, &decided);
        prop_assert_eq!(comes(&later, &reasons.1), (None, Answer::Success));
    }
}
