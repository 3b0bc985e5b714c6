//! Recovered orders: two people enter one from a payment of a bill, and one payment is one order.

use std::sync::Arc;

use order_ledger::codec::{self, Metadata};
use order_ledger::domain::environment::Environment;
use order_ledger::domain::event::Event;
use order_ledger::domain::id::OutTradeNo;
use order_ledger::domain::payment::Claim;
use order_ledger::domain::quarantine::{Reason, Resolution};
use order_ledger::domain::recovery::{self, RecoveryEvent};
use order_ledger::ledger::{Said, Upon};
use order_ledger::reconcile::Desk;
use order_ledger::reconcile::recoveries::{self, Proposal, Proposed, RecoveryError};
use order_ledger::store::{Append, AppendOutcome, EventStore, ExpectedVersion, StreamName, Urgency};

use super::billed::{merchant, paid, statuses};
use super::folded::{Folded, at, demo};
use super::reconcile_report::{february, planted};
use super::told::goods;

fn desk(folded: &Folded) -> Desk<'_> {
    Desk { ledger: &folded.ledger, projector: folded.projector(), spool: &folded.spool }
}

fn number(text: &str) -> OutTradeNo {
    OutTradeNo::parse(text).unwrap()
}

/// An order of this number for a payment.
fn order_of(transaction_id: &str, out_trade_no: &str) -> Proposal {
    Proposal {
        merchant: merchant(),
        transaction_id: transaction_id.into(),
        app: None,
        out_trade_no: number(out_trade_no),
        open_id: None,
        product_id: "gem".into(),
        quantity: 1,
        zone_id: Some("1".into()),
        evidence: "the game's own log".into(),
    }
}

/// For the payment 4200004, that no push brought.
async fn propose(folded: &Folded, out_trade_no: &str) -> Result<Proposed, RecoveryError> {
    recoveries::propose(&desk(folded), &order_of("4200004", out_trade_no), "lin", february()).await
}

async fn approve(folded: &Folded, out_trade_no: &str) -> Result<Said, RecoveryError> {
    recoveries::approve(&desk(folded), &demo(), &number(out_trade_no), "wang", february(), Upon::Whatever)
        .await
}

async fn withdraw(folded: &Folded, out_trade_no: &str) -> Result<Said, RecoveryError> {
    let reason = "it was another";
    recoveries::withdraw(
        &desk(folded),
        &demo(),
        &number(out_trade_no),
        reason,
        "lin",
        february(),
        Upon::Whatever,
    )
    .await
}

#[tokio::test]
async fn an_order_without_push_is_recovered_by_two_people() {
    let folded = planted().await;
    let matched = order_of("4200001", "RECOVERED");
    let error = recoveries::propose(&desk(&folded), &matched, "lin", february()).await.unwrap_err();
    assert!(matches!(error, RecoveryError::NoSuchPayment { .. }), "{error}");
    let proposed = propose(&folded, "RECOVERED").await.unwrap();
    assert_eq!((proposed.order.amount.0, proposed.order.open_id.as_str()), (1000, "oAnna"));
    assert!(!propose(&folded, "RECOVERED").await.unwrap().recorded, "the same again is nothing");
    let own =
        recoveries::approve(&desk(&folded), &demo(), &number("RECOVERED"), "lin", february(), Upon::Whatever)
            .await;
    assert!(matches!(own, Err(RecoveryError::Refused(_))), "{own:?}");
    assert!(approve(&folded, "RECOVERED").await.unwrap().recorded);
    assert!(!approve(&folded, "RECOVERED").await.unwrap().recorded, "the same again is nothing");
    let found = statuses(&folded, february()).await;
    assert_eq!(found["payment 4200004"], "matched_by_operator -");
    let withdrawn = withdraw(&folded, "RECOVERED").await;
    assert!(matches!(withdrawn, Err(RecoveryError::Refused(_))), "{withdrawn:?}");
}

#[tokio::test]
async fn a_payment_is_proposed_under_one_number_at_a_time() {
    let folded = planted().await;
    propose(&folded, "DBL-1").await.unwrap();
    let second = propose(&folded, "DBL-2").await.unwrap_err();
    assert_eq!(
        second.to_string(),
        "the payment 4200004 is that of order DBL-1 of demo, whose recovery is open: one payment is one order; \
         withdraw that first where it is wrong"
    );
    withdraw(&folded, "DBL-1").await.unwrap();
    propose(&folded, "DBL-2").await.unwrap();
    approve(&folded, "DBL-2").await.unwrap();
    let third = propose(&folded, "DBL-3").await.unwrap_err();
    assert!(matches!(third, RecoveryError::NoSuchPayment { .. }), "{third}");
}

#[tokio::test]
async fn of_two_proposals_for_one_payment_one_becomes_an_order() {
    let folded = planted().await;
    let Proposed { app, order, .. } = propose(&folded, "DBL-1").await.unwrap();
    // As an earlier version let it be said.
    let other = recovery::RecoveredOrder { out_trade_no: number("DBL-2"), ..order };
    let other = recovery::Proposal { merchant: merchant(), order: other, by: "lin".into() };
    folded.ledger.recovering().await.propose(&app, &other, february()).await.unwrap();
    let (first, second) = tokio::join!(approve(&folded, "DBL-1"), approve(&folded, "DBL-2"));
    let (refused, taken) = match (first, second) {
        (Ok(_), Err(error)) => (error, "DBL-1"),
        (Err(error), Ok(_)) => (error, "DBL-2"),
        both => panic!("{both:?}"),
    };
    match refused {
        RecoveryError::Taken { out_trade_no, state, .. } => {
            assert_eq!((out_trade_no.as_str(), state.as_str()), (taken, "approved"));
        }
        other => panic!("{other}"),
    }
}

#[tokio::test]
async fn a_payment_whose_push_came_under_another_number_is_not_recovered() {
    let folded = planted().await;
    propose(&folded, "GUESSED").await.unwrap();
    folded.told(36 * 60, goods("REAL").priced(1000).paid("M4200004", "4200004")).await;
    let refused = approve(&folded, "GUESSED").await.unwrap_err();
    assert!(matches!(refused, RecoveryError::NoLongerMissing { .. }), "{refused}");
    let found = statuses(&folded, february()).await;
    assert_eq!(found["payment 4200004"], "matched -");
    assert!(withdraw(&folded, "GUESSED").await.unwrap().recorded);
    let anew = propose(&folded, "GUESSED").await.unwrap_err();
    assert!(matches!(anew, RecoveryError::NoSuchPayment { .. }), "{anew}");
}

/// The state of every recovery of the merchant, and who brought it there.
async fn listed(folded: &Folded) -> Vec<[String; 3]> {
    let columns = ["out_trade_no", "state", "decided_by"];
    folded.columns("reconciliation/recoveries", &[("merchant", "1900000109")], columns).await
}

/// Wang's approval of what lin has proposed for 4200004 ends when the payment is claimed and the approval stands, before
/// the order does.
async fn approval_ends_before_the_order(folded: &Folded, out_trade_no: &str) {
    let (app, number, by) = (demo(), number(out_trade_no), "wang".to_owned());
    let merchant = merchant();
    let (payment, recovery) =
        (codec::payment_stream(&merchant, "4200004"), codec::recovery_stream(&app, &number));
    let claim = Claim {
        merchant,
        transaction_id: "4200004".into(),
        app,
        out_trade_no: number,
        recovery_revision: 1,
        by: by.clone(),
    };
    let approved = Event::Recovery(RecoveryEvent::Approved { revision: 1, by });
    said(folded, payment, ExpectedVersion::NoStream, Event::PaymentClaimed(claim)).await;
    said(folded, recovery, ExpectedVersion::Exact(0), approved).await;
}

/// As another node says it, which has decided it upon what it saw a moment ago.
async fn said(folded: &Folded, stream: StreamName, expected: ExpectedVersion, event: Event) {
    let metadata = Metadata { app: Some(demo()), recorded_at: february(), evidence: None };
    let events = Arc::from([codec::encode(&stream, &event, &metadata).unwrap()]);
    let append = Append { stream, expected, events, urgency: Urgency::Command };
    let outcome = folded.store.append(append).await;
    assert!(matches!(outcome, AppendOutcome::Appended { .. }), "{outcome:?}");
}

#[tokio::test]
async fn what_becomes_an_order_just_when_it_is_withdrawn_is_shown_as_the_order_that_it_is() {
    let folded = planted().await;
    propose(&folded, "R").await.unwrap();
    approve(&folded, "R").await.unwrap();
    let recovery = codec::recovery_stream(&demo(), &number("R"));
    let reason = "another order has the payment".into();
    let withdrawn = Event::Recovery(RecoveryEvent::Withdrawn { reason, revision: 2, by: "lin".into() });
    said(&folded, recovery, ExpectedVersion::Exact(1), withdrawn).await;
    assert_eq!(listed(&folded).await, [["R", "approved", "wang"]]);

    let folded = planted().await;
    let Proposed { order, .. } = propose(&folded, "R").await.unwrap();
    approval_ends_before_the_order(&folded, "R").await;
    folded.told(36 * 60, goods("REAL").priced(1000).paid("M4200004", "4200004")).await;
    withdraw(&folded, "R").await.unwrap();
    let stream = codec::order_stream(&demo(), Environment::Production, &number("R"));
    let recovered = Event::OrderRecovered { order, proposed_by: "lin".into(), approved_by: "wang".into() };
    said(&folded, stream, ExpectedVersion::NoStream, recovered).await;
    assert_eq!(listed(&folded).await, [["R", "approved", "wang"]]);
    let refused = withdraw(&folded, "R").await.unwrap_err();
    assert_eq!(refused.to_string(), "the order has been recovered, approved by wang: that stands");
}

#[tokio::test]
async fn an_approval_that_ended_before_its_order_is_shown_and_completed_by_the_next() {
    let folded = planted().await;
    propose(&folded, "R").await.unwrap();
    assert_eq!(listed(&folded).await, [["R", "open", "-"]]);
    approval_ends_before_the_order(&folded, "R").await;
    assert_eq!(listed(&folded).await, [["R", "approving", "wang"]]);
    let other = propose(&folded, "R-2").await.unwrap_err();
    assert_eq!(
        other.to_string(),
        "the payment 4200004 is that of order R of demo, whose recovery is approving: one payment is one order; \
         withdraw that first where it is wrong"
    );
    let refused = withdraw(&folded, "R").await.unwrap_err();
    assert_eq!(
        refused.to_string(),
        "wang has approved it: that stands; where it is no order yet, approve it again"
    );
    assert!(approve(&folded, "R").await.unwrap().recorded);
    assert_eq!(listed(&folded).await, [["R", "approved", "wang"]]);
    assert_eq!(statuses(&folded, february()).await["payment 4200004"], "matched_by_operator -");
}

#[tokio::test]
async fn an_approval_that_ended_is_completed_though_the_bill_tells_of_the_payment_elsewhere_now() {
    let folded = planted().await;
    propose(&folded, "R").await.unwrap();
    approval_ends_before_the_order(&folded, "R").await;
    let minutes = 26 * 60;
    folded.billed("2026-01-02", vec![paid("4200001", 600, minutes), paid("4200004", 1000, minutes)]).await;
    assert!(withdraw(&folded, "R").await.is_err(), "no other order has the payment");
    assert!(approve(&folded, "R").await.unwrap().recorded);
    assert_eq!(listed(&folded).await, [["R", "approved", "wang"]]);
}

#[tokio::test]
async fn an_approval_that_ended_is_withdrawn_and_not_completed_once_a_push_of_another_number_has_the_payment()
{
    for ids in [("M4200004", "4200004"), ("", "4200004"), ("M4200004", "")] {
        let folded = planted().await;
        propose(&folded, "GUESSED").await.unwrap();
        approval_ends_before_the_order(&folded, "GUESSED").await;
        folded.told(36 * 60, goods("REAL").priced(1000).paid(ids.0, ids.1)).await;
        let refused = approve(&folded, "GUESSED").await.unwrap_err();
        assert_eq!(
            refused.to_string(),
            "the payment 4200004 is that of order REAL of demo since: one payment is one order; withdraw the proposal",
            "{ids:?}"
        );
        assert_eq!(listed(&folded).await, [["GUESSED", "approving", "wang"]], "{ids:?}");
        assert!(withdraw(&folded, "GUESSED").await.unwrap().recorded);
        assert!(!withdraw(&folded, "GUESSED").await.unwrap().recorded, "the same again is nothing");
        assert_eq!(listed(&folded).await, [["GUESSED", "withdrawn", "lin"]]);
        assert!(matches!(approve(&folded, "GUESSED").await, Err(RecoveryError::Refused(_))));
        assert_eq!(statuses(&folded, february()).await["payment 4200004"], "matched -");
    }
}

#[tokio::test]
async fn an_approval_that_ended_is_withdrawn_once_its_own_push_has_come() {
    let folded = planted().await;
    propose(&folded, "R").await.unwrap();
    approval_ends_before_the_order(&folded, "R").await;
    folded.told(36 * 60, goods("R").priced(1000).paid("M4200004", "4200004")).await;
    assert!(matches!(approve(&folded, "R").await, Err(RecoveryError::Refused(_))));
    assert!(withdraw(&folded, "R").await.unwrap().recorded);
    assert_eq!(listed(&folded).await, [["R", "withdrawn", "lin"]]);
}

#[tokio::test]
async fn what_a_bill_no_longer_tells_is_not_recovered() {
    let minutes = 26 * 60;
    for (lines, refusal) in [
        (vec![paid("4200001", 600, minutes)], "no bill of merchant 1900000109 holds the payment 4200004"),
        (vec![paid("4200004", 999, minutes)], "the payment's amount is not what it was"),
        (
            vec![paid("4200004", 1000, minutes), paid("4200001", 600, minutes)],
            "the line of the bill that tells of the payment is not what it was",
        ),
    ] {
        let folded = planted().await;
        propose(&folded, "R").await.unwrap();
        folded.billed("2026-01-02", lines).await;
        let error = approve(&folded, "R").await.unwrap_err().to_string();
        assert!(error.starts_with(refusal), "{error}");
        withdraw(&folded, "R").await.unwrap();
        if propose(&folded, "R").await.is_ok() {
            assert!(approve(&folded, "R").await.unwrap().recorded, "as the bill tells it now");
        }
    }
}

/// A push of the payment 4200004 that names it so, in quarantine and decided about there by the admin.
async fn decided(folded: &Folded, payload: &str, how: Resolution, reason: &str) -> String {
    let unusable = Reason::Unusable("GoodsInfo.ProductId: is empty".into());
    let id = folded.quarantined(36 * 60, &unusable, None, payload).await;
    assert_eq!(statuses(folded, february()).await["payment 4200004"], "quarantined open");
    assert!(folded.ledger.resolve(&id, how, "admin", reason, at(37 * 60)).await.unwrap());
    assert_eq!(statuses(folded, february()).await["payment 4200004"], "missing_in_ledger open");
    id
}

const BY_TRANSACTION_ID: &str = r#"{"WeChatPayInfo":{"TransactionId":"4200004","MchOrderNo":"other"}}"#;
const BY_MCH_ORDER_NO: &str = r#"{"WeChatPayInfo":{"MchOrderNo":"M4200004"}}"#;

/// What is said of it, by the id in quarantine.
fn by_hand(id: &str) -> String {
    format!(
        "the payment 4200004 is taken over by hand: its push was adopted in quarantine, {id}, by admin at \
         2026-01-02T13:00:00.000+08:00: \"given by hand\"; what is delivered by hand is not delivered again: resolve \
         its case with that reason (`case resolve`), and where an order is proposed, withdraw the proposal"
    )
}

#[tokio::test]
async fn a_payment_whose_push_was_adopted_in_quarantine_is_not_proposed() {
    for payload in [BY_TRANSACTION_ID, BY_MCH_ORDER_NO] {
        let folded = planted().await;
        // Another push that names it was judged before, otherwise.
        decided(&folded, &format!("[{payload}]"), Resolution::Dismissed, "of a test").await;
        let id = decided(&folded, payload, Resolution::Adopted, "given by hand").await;
        decided(&folded, &format!("[[{payload}]]"), Resolution::Dismissed, "the same again").await;
        let refused = propose(&folded, "AGAIN").await.unwrap_err();
        assert_eq!(refused.to_string(), by_hand(&id));
        assert!(listed(&folded).await.is_empty());
    }
}

#[tokio::test]
async fn what_was_proposed_before_its_push_was_adopted_in_quarantine_is_not_approved_and_can_be_withdrawn() {
    let folded = planted().await;
    propose(&folded, "R").await.unwrap();
    let id = decided(&folded, BY_TRANSACTION_ID, Resolution::Adopted, "given by hand").await;
    assert_eq!(approve(&folded, "R").await.unwrap_err().to_string(), by_hand(&id));
    assert_eq!(listed(&folded).await, [["R", "open", "-"]]);
    assert!(withdraw(&folded, "R").await.unwrap().recorded);

    let folded = planted().await;
    propose(&folded, "R").await.unwrap();
    approval_ends_before_the_order(&folded, "R").await;
    let id = decided(&folded, BY_MCH_ORDER_NO, Resolution::Adopted, "given by hand").await;
    assert_eq!(approve(&folded, "R").await.unwrap_err().to_string(), by_hand(&id));
    assert_eq!(listed(&folded).await, [["R", "approving", "wang"]]);
    assert!(withdraw(&folded, "R").await.unwrap().recorded);
    assert_eq!(listed(&folded).await, [["R", "withdrawn", "lin"]]);
}

#[tokio::test]
async fn a_dismissed_push_is_told_where_its_payment_is_proposed_and_hinders_nothing() {
    let folded = planted().await;
    let id = decided(&folded, BY_TRANSACTION_ID, Resolution::Dismissed, "of a test").await;
    let dismissed = propose(&folded, "R").await.unwrap().dismissed.unwrap();
    assert_eq!(
        dismissed.to_string(),
        format!("{id}, by admin at 2026-01-02T13:00:00.000+08:00: \"of a test\"")
    );
    assert!(approve(&folded, "R").await.unwrap().recorded);

    let folded = planted().await;
    assert_eq!(propose(&folded, "R").await.unwrap().dismissed, None);
}
