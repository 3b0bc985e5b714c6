//! One payment becomes one order, at whichever nodes it is approved, and wherever an approval ends.

use std::time::Duration;

use tempfile::TempDir;
use tokio::time::timeout;

use super::closing_tests::{evidence, merchant, registered};
use super::gated::{Gate, Gated};
use super::tests::{app, at};
use super::*;
use crate::domain::id::OutTradeNo;
use crate::domain::quarantine::Resolution;
use crate::domain::recovery::{Proposal, RecoveredOrder, RecoveryError};
use crate::domain::samples;
use crate::store::sqlite::{Settings, SqliteStore};

fn number(text: &str) -> OutTradeNo {
    OutTradeNo::parse(text).unwrap()
}

async fn propose(ledger: &Ledger, transaction_id: &str, out_trade_no: &str) {
    let payment = samples::payment(None, Some(transaction_id));
    let order = RecoveredOrder { out_trade_no: number(out_trade_no), payment, ..samples::recovered() };
    let proposal = Proposal { merchant: merchant(), order, by: "wang".into() };
    assert!(ledger.recovering().await.propose(&app(), &proposal, at()).await.unwrap().recorded);
}

async fn approve(ledger: &Ledger, out_trade_no: &str, by: &str) -> Result<Said, RecoveryCommandError> {
    ledger.recovering().await.approve(&app(), &number(out_trade_no), by, at(), Upon::Whatever).await
}

async fn withdraw(ledger: &Ledger, out_trade_no: &str) -> Result<Said, RecoveryCommandError> {
    let turn = ledger.recovering().await;
    turn.withdraw(&app(), &number(out_trade_no), "a mistake", "wang", at(), Upon::Whatever).await
}

async fn withdraw_paid(ledger: &Ledger, out_trade_no: &str) -> Result<Said, RecoveryCommandError> {
    let turn = ledger.recovering().await;
    turn.withdraw_paid(&app(), &number(out_trade_no), "another has it", "wang", at(), Upon::Whatever).await
}

async fn types(ledger: &Ledger, stream: &StreamName) -> Vec<String> {
    let events = ledger.store().read_stream(stream, 0, 9).await.unwrap();
    events.into_iter().map(|event| event.event_type).collect()
}

/// Who has approved the order, where it stands.
async fn approved_by(ledger: &Ledger, out_trade_no: &str) -> Option<String> {
    let stream = codec::order_stream(&app(), Environment::Production, &number(out_trade_no));
    let order: Order = ledger.read(&stream, Order::evolve).await.unwrap().state;
    order.recovered.map(|recovered| recovered.approved_by)
}

/// A log with the orders A and B proposed for one payment, and a node on it.
struct Log {
    store: Arc<SqliteStore>,
    node: Ledger,
    _folder: TempDir,
}

impl Log {
    async fn proposed() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let store = Arc::new(SqliteStore::open(&Settings::at(folder.path().join("events.db"))).unwrap());
        let node = Ledger::open(store.clone(), Quotas::default()).await.unwrap();
        registered(&node).await;
        for number in ["A", "B"] {
            propose(&node, "42", number).await;
        }
        Self { store, node, _folder: folder }
    }

    /// Another node, that comes to a gate after so many appends.
    async fn gated(&self, gate: Gate, appends: usize) -> (Ledger, Arc<Gated>) {
        let store = Gated::new(self.store.clone(), gate, appends);
        (Ledger::open(store.clone(), Quotas::default()).await.unwrap(), store)
    }
}

fn refusal(refused: Result<Said, RecoveryCommandError>) -> RecoveryError {
    match refused {
        Err(RecoveryCommandError::Refused(refusal)) => refusal,
        other => panic!("{other:?}"),
    }
}

fn is_claimed_for(refused: Result<Said, RecoveryCommandError>, expected: &str) {
    match refusal(refused) {
        RecoveryError::Claimed { out_trade_no, .. } => assert_eq!(out_trade_no.as_str(), expected),
        other => panic!("{other}"),
    }
}

#[tokio::test]
async fn of_two_orders_that_are_approved_for_one_payment_at_two_nodes_at_once_one_stands() {
    let log = Log::proposed().await;
    let other = Ledger::open(log.store.clone(), Quotas::default()).await.unwrap();
    for payment in 0..30 {
        let (a, b) = (format!("A{payment}"), format!("B{payment}"));
        for number in [&a, &b] {
            propose(&log.node, &format!("4200{payment}"), number).await;
        }
        let (first, second) = tokio::join!(approve(&log.node, &a, "lin"), approve(&other, &b, "chen"));
        let (stands, refused) = if first.is_ok() { (&a, second) } else { (&b, first) };
        is_claimed_for(refused, stands);
        let orders = [approved_by(&other, &a).await, approved_by(&other, &b).await];
        assert_eq!(orders.iter().flatten().count(), 1, "{orders:?}");
        assert!(approved_by(&other, stands).await.is_some());
    }
}

#[tokio::test]
async fn of_two_people_who_approve_the_same_order_at_two_nodes_at_once_one_has_approved_it() {
    let log = Log::proposed().await;
    let other = Ledger::open(log.store.clone(), Quotas::default()).await.unwrap();
    let (first, second) = tokio::join!(approve(&log.node, "A", "lin"), approve(&other, "A", "chen"));
    assert_eq!((first.unwrap().revision, second.unwrap().revision), (1, 1));
    let order = codec::order_stream(&app(), Environment::Production, &number("A"));
    assert_eq!(types(&other, &order).await, ["OrderRecovered"]);
    let recovery = other.recovery(&app(), &number("A")).await.unwrap();
    assert_eq!(recovery.approved_by, approved_by(&other, "A").await);
    assert_eq!(types(&other, &codec::payment_stream(&merchant(), "42")).await, ["PaymentClaimed"]);
}

/// The appends of an approval: the claim, the approval, the order.
#[tokio::test]
async fn an_approval_that_ended_anywhere_is_completed_by_the_next_and_keeps_who_approved_first() {
    for (gate, appends, approver) in [
        (Gate::Refuses, 0, "chen"),
        (Gate::Swallows, 0, "chen"),
        (Gate::Refuses, 1, "chen"),
        (Gate::Swallows, 1, "lin"),
        (Gate::Refuses, 2, "lin"),
        (Gate::Swallows, 2, "lin"),
    ] {
        let log = Log::proposed().await;
        let (ending, _) = log.gated(gate, appends).await;
        let ended = approve(&ending, "A", "lin").await.unwrap_err();
        assert!(matches!(ended, RecoveryCommandError::Ledger(LedgerError::Unavailable(_))), "{ended}");
        if (gate, appends) != (Gate::Refuses, 0) {
            is_claimed_for(approve(&log.node, "B", "chen").await, "A");
        }
        approve(&log.node, "A", "chen").await.unwrap();
        assert_eq!(approved_by(&log.node, "A").await.as_deref(), Some(approver), "{gate:?} {appends}");
        is_claimed_for(approve(&log.node, "B", "chen").await, "A");
        let order = codec::order_stream(&app(), Environment::Production, &number("A"));
        assert_eq!(types(&log.node, &order).await, ["OrderRecovered"]);
    }
}

#[tokio::test]
async fn a_claim_whose_proposal_is_withdrawn_gives_way_and_one_whose_proposal_is_approved_does_not() {
    let log = Log::proposed().await;
    let (ending, _) = log.gated(Gate::Refuses, 1).await;
    approve(&ending, "A", "lin").await.unwrap_err();
    is_claimed_for(approve(&log.node, "B", "chen").await, "A");
    assert!(withdraw(&log.node, "A").await.unwrap().recorded);
    // Proposed anew it is another recovery, whose claim would come second.
    propose(&log.node, "42", "A").await;
    assert!(approve(&log.node, "B", "chen").await.unwrap().recorded);
    is_claimed_for(approve(&log.node, "A", "lin").await, "B");

    let log = Log::proposed().await;
    let (ending, _) = log.gated(Gate::Refuses, 2).await;
    approve(&ending, "A", "lin").await.unwrap_err();
    let stands = RecoveryError::Approved { by: "lin".into() };
    assert_eq!(refusal(withdraw(&log.node, "A").await), stands);
    is_claimed_for(approve(&log.node, "B", "chen").await, "A");
}

async fn step(ledger: &Ledger, out_trade_no: &str) -> Step {
    let turn = ledger.recovering().await;
    turn.to_approve(&app(), &number(out_trade_no), "chen", Upon::Whatever).await.unwrap().step
}

#[tokio::test]
async fn of_an_approval_that_ended_before_its_order_only_the_order_is_missing() {
    let log = Log::proposed().await;
    assert!(matches!(step(&log.node, "A").await, Step::Approve(_)));
    let (ending, _) = log.gated(Gate::Refuses, 2).await;
    approve(&ending, "A", "lin").await.unwrap_err();
    assert!(matches!(step(&log.node, "A").await, Step::Complete(_)));
    approve(&log.node, "A", "chen").await.unwrap();
    assert_eq!(step(&log.node, "A").await, Step::Nothing);
}

#[tokio::test]
async fn what_is_approved_is_withdrawn_where_another_order_has_its_payment_until_it_is_an_order() {
    let log = Log::proposed().await;
    let (ending, _) = log.gated(Gate::Refuses, 2).await;
    approve(&ending, "A", "lin").await.unwrap_err();
    let withdrawn = withdraw_paid(&log.node, "A").await.unwrap();
    assert_eq!((withdrawn.recorded, withdrawn.revision), (true, 2));
    assert_eq!(refusal(approve(&log.node, "A", "lin").await), RecoveryError::NotProposed);
    assert_eq!(approved_by(&log.node, "A").await, None);

    approve(&log.node, "B", "chen").await.unwrap();
    let stands = RecoveryError::Recovered { by: "chen".into() };
    assert_eq!(refusal(withdraw_paid(&log.node, "B").await), stands);
}

#[tokio::test]
async fn an_approved_order_whose_push_was_first_can_be_withdrawn() {
    let log = Log::proposed().await;
    let (ending, _) = log.gated(Gate::Refuses, 2).await;
    approve(&ending, "A", "lin").await.unwrap_err();
    let goods = crate::domain::push::GoodsPush { out_trade_no: number("A"), ..samples::goods() };
    let push = Push::Goods(goods);
    let answer = log.node.record(&app(), &push, &evidence()).await.unwrap();
    assert_eq!(answer, order::Answer::Success);
    assert_eq!(refusal(approve(&log.node, "A", "lin").await), RecoveryError::Pushed);
    assert!(withdraw(&log.node, "A").await.unwrap().recorded);
    assert!(approve(&log.node, "B", "chen").await.unwrap().recorded);
}

#[tokio::test]
async fn a_node_that_halts_after_its_claim_makes_no_order_of_what_is_withdrawn_meanwhile() {
    let log = Log::proposed().await;
    let (halting, gate) = log.gated(Gate::Holds, 1).await;
    let halted = tokio::spawn(async move { approve(&halting, "A", "lin").await });
    gate.stopped.subscribe().wait_for(|stopped| *stopped == 1).await.unwrap();
    assert!(withdraw(&log.node, "A").await.unwrap().recorded);
    assert!(approve(&log.node, "B", "chen").await.unwrap().recorded);
    gate.room.add_permits(9);
    let refused = halted.await.unwrap().unwrap_err();
    assert!(matches!(refused, RecoveryCommandError::Ledger(LedgerError::Stale { revision: 2 })), "{refused}");
    assert_eq!(approved_by(&log.node, "A").await, None);
    assert_eq!(approved_by(&log.node, "B").await.as_deref(), Some("chen"));
    let claims = types(&log.node, &codec::payment_stream(&merchant(), "42")).await;
    assert_eq!(claims, ["PaymentClaimed", "PaymentClaimed"]);
}

/// Nothing is said after the following begins, so the log's end does not move.
#[tokio::test]
async fn what_another_node_decides_before_this_one_follows_is_learnt() {
    let log = Log::proposed().await;
    let (following, _) = log.gated(Gate::Refuses, 0).await;
    let (following, evidence) = (Arc::new(following), evidence());
    let reason = crate::domain::quarantine::Reason::Unusable("quantity: is 0".into());
    log.node.quarantine(&app(), &reason, None, &evidence).await.unwrap();
    let id = codec::quarantine_id(&app(), &evidence.event, &evidence.payload);
    assert!(log.node.resolve(&id, Resolution::Dismissed, "lin", "a test", at()).await.unwrap());
    let (stop, stopping) = tokio::sync::watch::channel(false);
    let task = tokio::spawn({
        let following = following.clone();
        async move { following.follow_decisions(stopping).await }
    });
    let learnt = async {
        while !following.is_decided(&app(), &evidence) {
            tokio::task::yield_now().await;
        }
    };
    timeout(Duration::from_secs(30), learnt).await.expect("it was never learnt");
    stop.send_replace(true);
    task.await.unwrap();
}
