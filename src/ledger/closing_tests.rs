//! Cases, periods and recovered orders, as people's words about them are recorded.

use std::io::Cursor;

use super::tests::{app, at, empty_ledger};
use super::*;
use crate::domain::app::PriceMeaning;
use crate::domain::bill::{MerchantId, Sha256Hex};
use crate::domain::case::{CaseKey, CaseKind, Judgement};
use crate::domain::grant::GrantCommand;
use crate::domain::period::{Month, PeriodError, PeriodKey, PreparedReport};
use crate::domain::push::GoodsPush;
use crate::domain::recovery::{Proposal, RecoveryError};
use crate::domain::samples;
use crate::spool::Spool;

pub fn merchant() -> MerchantId {
    MerchantId::parse("1900000109").unwrap()
}

fn head(ledger: &Ledger) -> Option<Position> {
    *ledger.store().head().borrow()
}

#[tokio::test]
async fn a_case_is_resolved_once_for_the_same_facts_and_can_be_reopened() {
    let (ledger, _folder) = empty_ledger().await;
    let key = CaseKey::new(merchant(), CaseKind::Order, "demo.A").unwrap();
    let judgement =
        Judgement { status: "amount_differs".into(), facts: "{}".into(), reason: "a coupon".into() };
    let unresolved = ledger.reopen_case(&key, "no", "lin", at(), Upon::Whatever).await.unwrap_err();
    assert_eq!(unresolved.to_string(), "the case was never resolved, so it is open");
    let first = ledger.resolve_case(&key, &judgement, "lin", at(), Upon::Whatever).await.unwrap();
    assert_eq!(first, Said { recorded: true, position: head(&ledger), revision: 1 });
    let again = ledger.resolve_case(&key, &judgement, "chen", at(), Upon::Whatever).await.unwrap();
    assert_eq!(again, Said { recorded: false, ..first });
    assert_eq!(ledger.case(&key).await.unwrap().judgement, Some(judgement));
    assert!(ledger.reopen_case(&key, "wrong", "lin", at(), Upon::Whatever).await.unwrap().recorded);
    assert_eq!(ledger.case(&key).await.unwrap().judgement, None);
}

/// Each through a ledger of his own, as two processes are.
#[tokio::test]
async fn of_two_people_who_saw_the_same_one_is_recorded_and_the_other_told() {
    let (one, _folder) = empty_ledger().await;
    let other = Ledger::open(one.store().clone(), Quotas::new(0, 0)).await.unwrap();
    for number in 0..50 {
        let key = CaseKey::new(merchant(), CaseKind::Order, &format!("demo.{number}")).unwrap();
        let judgement = |reason: &str| Judgement {
            status: "amount_differs".into(),
            facts: "{}".into(),
            reason: reason.into(),
        };
        let (lin, chen) = (judgement("a coupon"), judgement("a mistake"));
        let upon = Upon::Revision(0);
        let words = tokio::join!(
            one.resolve_case(&key, &lin, "lin", at(), upon),
            other.resolve_case(&key, &chen, "chen", at(), upon)
        );
        let (recorded, stale) = match words {
            (Ok(recorded), Err(stale)) | (Err(stale), Ok(recorded)) => (recorded, stale),
            both => return assert!(both.0.is_ok() != both.1.is_ok(), "{both:?}"),
        };
        assert!(recorded.recorded);
        assert!(matches!(stale, LedgerError::Stale { revision: 1 }), "{stale}");
        assert_eq!(one.case(&key).await.unwrap().revision, 1);
    }
}

#[tokio::test]
async fn a_word_upon_a_period_that_has_changed_since_is_not_recorded() {
    let (ledger, folder) = empty_ledger().await;
    let spool = Spool::beside(&folder.path().join("events.db"));
    let report = ledger.file_report(Cursor::new(b"rows".to_vec()), &spool, at()).await.unwrap();
    let seen = Upon::Revision(0);
    ledger.prepare_period(&january(), &prepared(&report), at(), seen).await.unwrap();
    let is_stale = |error: PeriodCommandError| {
        matches!(error, PeriodCommandError::Ledger(LedgerError::Stale { revision: 1 }))
    };
    assert!(is_stale(ledger.prepare_period(&january(), &prepared(&report), at(), seen).await.unwrap_err()));
    assert!(is_stale(ledger.close_period(&january(), &report, "chen", at(), seen).await.unwrap_err()));
    assert!(is_stale(ledger.reopen_period(&january(), "late", "root", at(), seen).await.unwrap_err()));
    assert!(
        ledger.close_period(&january(), &report, "chen", at(), Upon::Revision(1)).await.unwrap().recorded
    );
}

fn january() -> PeriodKey {
    PeriodKey { merchant: merchant(), month: Month::parse("2026-01").unwrap() }
}

fn prepared(sha256: &Sha256Hex) -> PreparedReport {
    PreparedReport { sha256: sha256.clone(), position: 9, summary: "{}".into(), by: "lin".into() }
}

#[tokio::test]
async fn a_period_is_closed_by_another_person_with_the_report_that_is_filed() {
    let (ledger, folder) = empty_ledger().await;
    let spool = Spool::beside(&folder.path().join("events.db"));
    let report = ledger.file_report(Cursor::new(b"rows".to_vec()), &spool, at()).await.unwrap();
    assert!(
        ledger.prepare_period(&january(), &prepared(&report), at(), Upon::Whatever).await.unwrap().recorded
    );
    let same = ledger.close_period(&january(), &report, "lin", at(), Upon::Whatever).await.unwrap_err();
    assert_eq!(same.to_string(), "lin has prepared it: another person must close it");
    assert!(ledger.close_period(&january(), &report, "chen", at(), Upon::Whatever).await.unwrap().recorded);
    assert!(ledger.period(&january()).await.unwrap().is_closed);
    let anew = ledger.prepare_period(&january(), &prepared(&report), at(), Upon::Whatever).await.unwrap_err();
    assert!(matches!(anew, PeriodCommandError::Refused(PeriodError::Closed)), "{anew}");
    assert!(
        ledger
            .reopen_period(&january(), "a bill came late", "root", at(), Upon::Whatever)
            .await
            .unwrap()
            .recorded
    );
}

#[tokio::test]
async fn a_period_whose_report_is_not_filed_is_not_closed() {
    let (ledger, _folder) = empty_ledger().await;
    let report = samples::sha256('a');
    ledger.prepare_period(&january(), &prepared(&report), at(), Upon::Whatever).await.unwrap();
    let refused = ledger.close_period(&january(), &report, "chen", at(), Upon::Whatever).await.unwrap_err();
    assert!(matches!(refused, PeriodCommandError::NotFiled { .. }), "{refused}");
    assert!(!ledger.period(&january()).await.unwrap().is_closed);
}

fn proposal() -> Proposal {
    Proposal { merchant: merchant(), order: samples::recovered(), by: "wang".into() }
}

pub async fn registered(ledger: &Ledger) {
    let (slug, merchant) = (app(), merchant());
    let app_id = "wx81be3101902f7cb2";
    let merchant = Some(&merchant);
    let app = ConfiguredApp { slug: &slug, app_id, actual_price_is: PriceMeaning::Order, merchant };
    ledger.register_all(&[app], at()).await.unwrap();
}

pub fn evidence() -> Evidence {
    Evidence {
        event: "minigame_game_pay_goods_deliver_notify".into(),
        payload: "{}".into(),
        signature: None,
        transport: crate::domain::evidence::Transport::Plain,
        create_time: None,
        received_at: at(),
    }
}

#[tokio::test]
async fn an_order_without_a_push_is_recovered_by_two_people_and_granted_and_its_push_is_a_repeat() {
    let (ledger, _folder) = empty_ledger().await;
    let elsewhere = ledger.recovering().await.propose(&app(), &proposal(), at()).await.unwrap_err();
    assert_eq!(elsewhere.to_string(), RecoveryError::OtherMerchant.to_string());
    registered(&ledger).await;
    assert!(ledger.recovering().await.propose(&app(), &proposal(), at()).await.unwrap().recorded);
    let number = samples::recovered().out_trade_no;
    let own =
        ledger.recovering().await.approve(&app(), &number, "wang", at(), Upon::Whatever).await.unwrap_err();
    assert_eq!(own.to_string(), "wang has proposed it: another person must approve it");
    let approved =
        ledger.recovering().await.approve(&app(), &number, "lin", at(), Upon::Whatever).await.unwrap();
    assert_eq!(approved, Said { recorded: true, position: head(&ledger), revision: 1 });
    assert!(
        !ledger
            .recovering()
            .await
            .approve(&app(), &number, "lin", at(), Upon::Whatever)
            .await
            .unwrap()
            .recorded
    );
    let withdrawn = ledger
        .recovering()
        .await
        .withdraw(&app(), &number, "no", "wang", at(), Upon::Whatever)
        .await
        .unwrap_err();
    assert_eq!(withdrawn.to_string(), "the order has been recovered, approved by lin: that stands");

    let (env, grant) = (Environment::Production, GrantCommand::Grant);
    let granted = ledger.grant(&app(), env, &number, grant, "game", None, at()).await;
    assert!(granted.unwrap().recorded);
    let push = Push::Goods(samples::goods());
    assert_eq!(ledger.record(&app(), &push, &evidence()).await.unwrap(), order::Answer::Success);
    let other = Push::Goods(GoodsPush { quantity: 7, ..samples::goods() });
    assert_eq!(ledger.record(&app(), &other, &evidence()).await.unwrap(), order::Answer::Conflict);
    let stream = codec::order_stream(&app(), Environment::Production, &number);
    let events = ledger.store().read_stream(&stream, 0, 9).await.unwrap();
    let types: Vec<_> = events.iter().map(|event| event.event_type.as_str()).collect();
    assert_eq!(types, ["OrderRecovered", "GoodsGranted", "ConflictingPushReceived"]);
}

#[tokio::test]
async fn a_word_upon_a_recovery_that_has_changed_since_is_not_recorded() {
    let (ledger, _folder) = empty_ledger().await;
    registered(&ledger).await;
    let number = samples::recovered().out_trade_no;
    ledger.recovering().await.propose(&app(), &proposal(), at()).await.unwrap();
    let other = Ledger::open(ledger.store().clone(), Quotas::new(0, 0)).await.unwrap();
    // While lin looks at the payment, another node takes the proposal back and proposes it anew.
    let turn = ledger.recovering().await;
    let seen = turn.to_approve(&app(), &number, "lin", Upon::Whatever).await.unwrap();
    assert_eq!((seen.step, seen.upon), (Step::Approve(proposal()), Upon::Revision(1)));
    let elsewhere = other.recovering().await;
    let withdrawn = elsewhere.withdraw(&app(), &number, "no", "wang", at(), Upon::Revision(1)).await.unwrap();
    assert_eq!((withdrawn.recorded, withdrawn.revision), (true, 2));
    assert!(elsewhere.propose(&app(), &proposal(), at()).await.unwrap().recorded);
    let is_stale = |error: RecoveryCommandError| {
        matches!(error, RecoveryCommandError::Ledger(LedgerError::Stale { revision: 3 }))
    };
    let approved = turn.approve(&app(), &number, "lin", at(), seen.upon).await;
    assert!(is_stale(approved.unwrap_err()), "what lin looked at is not what stands");
    let withdrawn = turn.withdraw(&app(), &number, "no", "wang", at(), Upon::Revision(1)).await;
    assert!(is_stale(withdrawn.unwrap_err()));
    assert!(ledger.recovery(&app(), &number).await.unwrap().proposal.is_some(), "nothing was withdrawn");
    let approved = turn.approve(&app(), &number, "lin", at(), Upon::Revision(3)).await.unwrap();
    assert_eq!((approved.recorded, approved.revision), (true, 3));
}

#[tokio::test]
async fn an_order_that_its_push_has_brought_is_not_recovered() {
    let (ledger, _folder) = empty_ledger().await;
    registered(&ledger).await;
    let number = samples::recovered().out_trade_no;
    ledger.recovering().await.propose(&app(), &proposal(), at()).await.unwrap();
    let push = Push::Goods(samples::goods());
    assert_eq!(ledger.record(&app(), &push, &evidence()).await.unwrap(), order::Answer::Success);
    let approved = ledger.recovering().await.approve(&app(), &number, "lin", at(), Upon::Whatever).await;
    let proposed = ledger.recovering().await.propose(&app(), &proposal(), at()).await;
    for refused in [approved.unwrap_err(), proposed.unwrap_err()] {
        assert!(matches!(refused, RecoveryCommandError::Refused(RecoveryError::Pushed)), "{refused}");
    }
    let turn = ledger.recovering().await;
    assert!(
        turn.withdraw(&app(), &number, "the push came", "wang", at(), Upon::Whatever).await.unwrap().recorded
    );
}
