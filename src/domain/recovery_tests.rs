use super::super::order::{Answer, Decision, Order};
use super::super::push::Push;
use super::super::samples;
use super::*;

fn proposal(by: &str, product_id: &str) -> Proposal {
    let order = RecoveredOrder { product_id: product_id.into(), ..samples::recovered() };
    Proposal { merchant: MerchantId::parse("1900000109").unwrap(), order, by: by.into() }
}

#[derive(Clone, Copy, Debug)]
enum Said {
    Propose(&'static str, &'static str),
    Withdraw(&'static str),
    Approve(&'static str),
}

use Said::{Approve, Propose, Withdraw};

/// What the last word meant after those before it.
fn last(said: &[Said]) -> String {
    let (mut recovery, mut order, mut meant) = (Recovery::default(), Order::default(), String::new());
    for said in said {
        let decided = match *said {
            Propose(by, product) => recovery.decide_propose(&proposal(by, product)),
            Withdraw(by) => recovery.decide_withdraw(&order, "the push has come", by),
            Approve(by) => recovery.to_approve(by).and_then(|proposal| order.decide_recover(proposal, by)),
        };
        meant = match &decided {
            Ok(Some(Event::Recovery(RecoveryEvent::Proposed { revision, .. }))) => {
                format!("proposed r{revision}")
            }
            Ok(Some(Event::Recovery(RecoveryEvent::Withdrawn { revision, .. }))) => {
                format!("withdrawn r{revision}")
            }
            Ok(Some(Event::OrderRecovered { order, proposed_by, approved_by })) => {
                format!("{} of {proposed_by} recovered by {approved_by}", order.product_id)
            }
            Ok(Some(other)) => panic!("{other:?}"),
            Ok(None) => "nothing".to_owned(),
            Err(error) => error.to_string().split(':').next().unwrap().to_owned(),
        };
        let events = decided.unwrap_or_default();
        recovery = events.iter().fold(recovery, Recovery::evolve);
        order = events.iter().fold(order, Order::evolve);
    }
    meant
}

#[test]
fn what_a_word_about_an_order_without_a_push_becomes() {
    for (said, expected) in [
        (&[Propose("wang", "gem")][..], "proposed r1"),
        (&[Propose("wang", "gem"), Propose("wang", "gem")], "nothing"),
        (&[Propose("wang", "gem"), Propose("lin", "gem")], "nothing"),
        (&[Propose("wang", "gem"), Propose("lin", "hat")], "wang has proposed something else for this order"),
        (&[Withdraw("lin")], "nothing is proposed for this order"),
        (&[Propose("wang", "gem"), Withdraw("lin")], "withdrawn r2"),
        (&[Propose("wang", "gem"), Withdraw("lin"), Withdraw("wang")], "nothing"),
        (&[Propose("wang", "gem"), Withdraw("lin"), Propose("wang", "gem")], "proposed r3"),
        // By another person.
        (&[Approve("lin")], "nothing is proposed for this order"),
        (&[Propose("wang", "gem"), Approve("wang")], "wang has proposed it"),
        (&[Propose("wang", "gem"), Approve("lin")], "gem of wang recovered by lin"),
        (&[Propose("wang", "gem"), Approve("lin"), Approve("chen")], "nothing"),
        (&[Propose("wang", "gem"), Withdraw("wang"), Approve("lin")], "nothing is proposed for this order"),
        (
            &[Propose("wang", "gem"), Approve("lin"), Withdraw("wang")],
            "the order has been recovered, approved by lin",
        ),
    ] {
        assert_eq!(last(said), expected, "{said:?}");
    }
}

#[test]
fn what_no_push_may_say_is_not_proposed() {
    type Change = fn(&mut RecoveredOrder);
    let cases: [(Change, &str); 4] = [
        (|order| order.quantity = 0, "quantity: must be 1 or more"),
        (|order| order.amount = Fen(-1), "amount_fen: must be 0 or more"),
        (|order| order.product_id.clear(), "product_id: is empty"),
        (|order| order.evidence = " ".into(), "evidence: is empty: say how it is known what was bought"),
    ];
    for (change, problem) in cases {
        let mut proposal = proposal("wang", "gem");
        change(&mut proposal.order);
        let refused = Recovery::default().decide_propose(&proposal).unwrap_err();
        assert_eq!(refused.to_string(), problem);
    }
}

fn recovered(change: impl FnOnce(&mut RecoveredOrder)) -> Order {
    let mut order = samples::recovered();
    change(&mut order);
    let (proposed_by, approved_by) = ("wang".into(), "lin".into());
    Order::default().evolve(&Event::OrderRecovered { order, proposed_by, approved_by })
}

#[test]
fn a_push_that_comes_after_all_is_a_repeat_where_it_says_the_same_and_a_conflict_where_not() {
    type Change<T> = fn(&mut T);
    let same: Change<RecoveredOrder> = |_| ();
    let cases: [(Change<RecoveredOrder>, Change<GoodsPush>, &str); 17] = [
        (same, |_| (), "success"),
        (same, |goods| goods.actual_price = Fen(600), "success"),
        (same, |goods| goods.actual_price = Fen(601), "conflict"),
        (same, |goods| goods.actual_price = Fen(i64::MAX), "conflict"),
        (same, |goods| goods.orig_price = Fen(1), "success"),
        (same, |goods| goods.attach = None, "success"),
        (same, |goods| goods.open_id = OpenId::parse("oOther").unwrap(), "conflict"),
        (same, |goods| goods.product_id = "hat".into(), "conflict"),
        (same, |goods| goods.quantity = 1, "conflict"),
        (same, |goods| goods.env = Environment::Sandbox, "conflict"),
        (same, |goods| goods.zone_id = Some("2".into()), "conflict"),
        (same, |goods| goods.zone_id = None, "success"),
        (|order| order.zone_id = None, |_| (), "success"),
        (same, |goods| goods.payment = PaymentIds::default(), "success"),
        (same, |goods| goods.payment.transaction_id = Some("42".into()), "conflict"),
        (|order| order.payment.mch_order_no = None, |_| (), "success, identified"),
        (|order| order.payment = PaymentIds::default(), |_| (), "success, identified"),
    ];
    for (place, (entered, told, expected)) in cases.into_iter().enumerate() {
        let order = recovered(entered);
        let mut goods = samples::goods();
        told(&mut goods);
        let push = Push::Goods(goods);
        let Decision { events, answer } = order.decide(&push);
        let found = match (events.as_slice(), answer) {
            ([], Answer::Success) => "success",
            ([Event::PaymentIdentified(_)], Answer::Success) => "success, identified",
            ([Event::ConflictingPushReceived(_)], Answer::Conflict) => "conflict",
            other => panic!("{place}: {other:?}"),
        };
        assert_eq!(found, expected, "{place}");
        let again = events.iter().fold(order, Order::evolve).decide(&push);
        assert_eq!(again, Decision { events: vec![], answer }, "{place}");
    }
}

#[test]
fn coins_under_the_number_of_a_recovered_order_are_a_conflict_and_no_order_with_a_push_or_of_another_content_is_recovered()
 {
    let coins = Push::Coins(samples::coins());
    assert_eq!(recovered(|_| ()).decide(&coins).answer, Answer::Conflict);
    let pushed = Order::default().evolve(&Event::GoodsDelivered(samples::goods()));
    assert_eq!(pushed.decide_recover(&proposal("wang", "gem"), "lin"), Err(RecoveryError::Pushed));
    let other = recovered(|_| ()).decide_recover(&proposal("wang", "hat"), "chen");
    assert_eq!(other, Err(RecoveryError::Recovered { by: "lin".into() }));
}

#[test]
fn what_is_approved_is_approved_once_and_not_withdrawn_unless_its_push_was_first() {
    let decide = |recovery: Recovery, event: Option<Event>| event.iter().fold(recovery, Recovery::evolve);
    let (nothing, pushed) =
        (Order::default(), Order::default().evolve(&Event::GoodsDelivered(samples::goods())));
    let recovery = Recovery::default();
    assert_eq!(recovery.decide_approve("lin"), Err(RecoveryError::NotProposed));
    let recovery = decide(recovery.clone(), recovery.decide_propose(&proposal("wang", "gem")).unwrap());
    assert_eq!(recovery.decide_approve("wang"), Err(RecoveryError::SamePerson { by: "wang".into() }));
    let recovery = decide(recovery.clone(), recovery.decide_approve("lin").unwrap());
    assert_eq!((recovery.revision, recovery.approved_by.as_deref()), (1, Some("lin")));
    assert_eq!(recovery.decide_approve("chen"), Ok(None));
    let stands = RecoveryError::Approved { by: "lin".into() };
    assert_eq!(recovery.decide_withdraw(&nothing, "no", "wang"), Err(stands));
    let paid = recovery.decide_withdraw_paid(&nothing, "another has it", "wang").unwrap();
    assert_eq!(decide(recovery.clone(), paid), Recovery { revision: 2, ..Recovery::default() });
    let recovered = Err(RecoveryError::Recovered { by: "lin".into() });
    assert_eq!(recovery.decide_withdraw_paid(&self::recovered(|_| ()), "another has it", "wang"), recovered);
    let withdrawn = decide(recovery.clone(), recovery.decide_withdraw(&pushed, "it came", "wang").unwrap());
    assert_eq!(withdrawn, Recovery { revision: 2, ..Recovery::default() });
    assert!(withdrawn.has_withdrawn(1) && !withdrawn.has_withdrawn(2));
    let again = decide(withdrawn.clone(), withdrawn.decide_propose(&proposal("wang", "gem")).unwrap());
    assert_eq!(again.approved_by, None);
    assert!(again.has_withdrawn(1) && !again.has_withdrawn(3));
}
