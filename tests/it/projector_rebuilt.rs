//! What is folded again is the same, row for row.

use std::collections::BTreeSet;
use std::fs;

use order_ledger::audit::seal::Sealer;
use order_ledger::codec;
use order_ledger::domain::app::PriceMeaning;
use order_ledger::domain::bill::Sha256Hex;
use order_ledger::domain::case::{CaseKey, CaseKind, Judgement};
use order_ledger::domain::environment::Environment::{Production, Sandbox};
use order_ledger::domain::fen::Fen;
use order_ledger::domain::id::{OpenId, OutTradeNo};
use order_ledger::domain::period::{Month, PeriodKey, PreparedReport};
use order_ledger::domain::push::PaymentIds;
use order_ledger::domain::quarantine::{Reason, Resolution};
use order_ledger::domain::recovery::{Proposal, RecoveredOrder};
use order_ledger::ed25519::{SigningKey, key_file};
use order_ledger::ledger::Upon;

use super::billed::{day, given_back, merchant, paid};
use super::digests::digests;
use super::folded::{Folded, at, demo, evidence};
use super::log_file::LogFile;
use super::told::{Granted, Pushed, Refused, Revoked, coins, gift, goods, refund, role};

/// Everything that can happen, many times, in one order.
async fn everything_happens(folded: &Folded) {
    let products = ["gem", "sword", "hat"];
    let orders: Vec<_> = (0..120).map(|number| format!("ORDER-{number}")).collect();
    for (place, number) in orders.iter().enumerate() {
        let minutes = i64::try_from(place).unwrap() * 37;
        let id = |prefix: &str| format!("{prefix}{number}");
        let told = goods(number).of(products[place % 3], 1 + u32::from(place % 5 == 0));
        let told = told.priced(i64::try_from(place % 7).unwrap() * 100);
        let told = match place % 6 {
            0 => coins(number),
            1 => told.mall_test(),
            2 => told.zone(None).by("oBert"),
            _ => told,
        };
        let told = if place % 4 == 3 { told.sandbox() } else { told };
        folded.told(minutes, told.clone()).await;
        folded.told(minutes + 1, told.clone().paid(&id("M"), &id("T"))).await;
        if place % 5 == 1 {
            folded.told(minutes + 2, told.clone().priced(77)).await;
        }
        if place % 3 == 0 {
            let refunded = refund(&id("R"), 100);
            let refunded = if place % 2 == 0 { refunded.of_order(number) } else { refunded };
            folded.told(minutes + 3, refunded.clone()).await;
            folded.told(minutes + 4, refunded.paid(&id("M"), &id("T"))).await;
        }
        if place % 10 == 0 {
            folded.told(minutes, gift(&id("G"), &[("gem", 2), ("hat", 1)])).await;
            let mock = goods(&id("MOCK")).0;
            folded.ledger.remember_mock(&demo(), &mock, &evidence(&mock, at(minutes))).await.unwrap();
        }
        if place % 8 == 2 {
            let name = if place % 16 == 2 { "剑客" } else { "法师" };
            let env = if place % 3 == 0 { Sandbox } else { Production };
            folded.reported(minutes, env, "oAnna", role("1", name, minutes)).await;
        }
        if place % 20 == 7 {
            let reason = Reason::Unusable("OutTradeNo: is missing".into());
            let payload = format!("{{\"WeChatPayInfo\":{{\"TransactionId\":\"held {place}\"}}}}");
            let held = folded.quarantined(minutes, &reason, Some(number), &payload).await;
            let how = if place % 40 == 7 { Resolution::Adopted } else { Resolution::Dismissed };
            folded.ledger.resolve(&held, how, "lin", "looked at it", at(minutes + 9)).await.unwrap();
            folded
                .quarantined(minutes, &Reason::OtherEnvironmentKey, None, &format!("no JSON {place}"))
                .await;
        }
        if place == 60 {
            folded.registered(minutes, PriceMeaning::Unit, None).await;
        }
    }
    finance_happens(folded).await;
    let said = [Pushed(goods("S1")), Granted("S1"), Revoked("S1"), Pushed(goods("S2")), Refused("S2")];
    folded.happened(said.into_iter().chain([Pushed(goods("S3")), Granted("S3")])).await;
}

/// What finance imports and decides, all of it.
async fn finance_happens(folded: &Folded) {
    let ledger = &folded.ledger;
    folded.registered(5000, PriceMeaning::Unit, Some(&merchant())).await;
    let paid_lines: Vec<_> = (0..90).map(|place| paid(&format!("TORDER-{place}"), 700, place * 37)).collect();
    folded.billed("2026-01-01", paid_lines[..60].to_vec()).await;
    let given =
        (0..20).map(|place| given_back(&format!("TORDER-{}", place * 3), &format!("W{place}"), 100, 200));
    let twice = [paid("TORDER-1", 700, 37)];
    folded.billed("2026-01-01", paid_lines.into_iter().chain(given).chain(twice).collect()).await;
    folded.without_bill([day("2026-01-02")]).await;
    folded.funded("2026-01-01", &["TORDER-1", "TORDER-2"]).await;

    let key = CaseKey::new(merchant(), CaseKind::Payment, "TORDER-1").unwrap();
    let judged = |text: &str| Judgement { status: text.into(), facts: "{}".into(), reason: text.into() };
    ledger.resolve_case(&key, &judged("missing_in_ledger"), "lin", at(6000), Upon::Whatever).await.unwrap();
    ledger.reopen_case(&key, "once more", "lin", at(6001), Upon::Whatever).await.unwrap();

    let proposal = |number: &str| Proposal {
        merchant: merchant(),
        order: RecoveredOrder {
            open_id: OpenId::parse("oAnna").unwrap(),
            out_trade_no: OutTradeNo::parse(number).unwrap(),
            product_id: "gem".into(),
            quantity: 1,
            zone_id: None,
            amount: Fen(700),
            payment: PaymentIds { mch_order_no: None, transaction_id: Some(format!("T{number}")) },
            evidence: "the game's own log".into(),
            bill_sha256: Sha256Hex::parse(&"0".repeat(64)).unwrap(),
            bill_line: 2,
        },
        by: "lin".into(),
    };
    for number in ["LOST-1", "LOST-2"] {
        ledger.recovering().await.propose(&demo(), &proposal(number), at(6002)).await.unwrap();
    }
    let number = |number| OutTradeNo::parse(number).unwrap();
    ledger
        .recovering()
        .await
        .approve(&demo(), &number("LOST-1"), "wang", at(6003), Upon::Whatever)
        .await
        .unwrap();
    ledger
        .recovering()
        .await
        .withdraw(&demo(), &number("LOST-2"), "it was none", "lin", at(6004), Upon::Whatever)
        .await
        .unwrap();

    let key = PeriodKey { merchant: merchant(), month: Month::parse("2026-01").unwrap() };
    let sha256 = ledger.file_report(&b"a report"[..], &folded.spool, at(6005)).await.unwrap();
    let position = folded.head().unwrap().number();
    let report = PreparedReport { sha256, position, summary: "{}".into(), by: "lin".into() };
    ledger.prepare_period(&key, &report, at(6006), Upon::Whatever).await.unwrap();
    ledger.close_period(&key, &report.sha256, "wang", at(6007), Upon::Whatever).await.unwrap();
    ledger.reopen_period(&key, "one came late", "wang", at(6008), Upon::Whatever).await.unwrap();
    let key = SigningKey::parse(&key_file(&[7; 32])).unwrap();
    assert_eq!(Sealer::new(key).seal(ledger, &|| at(6009)).await.unwrap().added, 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_deleted_folder_of_views_is_built_again_to_identical_tables() {
    let mut folded = Folded::built_in().await;
    everything_happens(&folded).await;
    folded.caught_up().await;
    folded.stop().await;
    let followed = digests(&folded.views());
    assert!(followed.len() >= 10, "{followed:#?}");
    // Two tables hold what one event touches, while it is folded.
    let is_kept = |name: &str| !name.ends_with(".touched") && !name.ends_with(".counted_lines");
    let is_empty = |(name, rows): (&String, &String)| is_kept(name) && rows.starts_with("0 rows");
    assert!(!followed.iter().any(is_empty), "a table is empty: {followed:#?}");
    let log = LogFile::open(&folded.path().join("events.db"));
    let kinds: BTreeSet<_> = log.samples().into_iter().map(|(kind, _)| kind).collect();
    let known = codec::catalogue().iter().map(|event| event.event_type.to_owned());
    assert_eq!(kinds, known.collect(), "every type of event is in the log");
    for time in 0..2 {
        fs::remove_dir_all(folded.views()).unwrap();
        folded.start().await;
        folded.caught_up().await;
        folded.stop().await;
        assert_eq!(digests(&folded.views()), followed, "built anew for the {time}. time");
    }
    // Beside what answers, too.
    folded.start().await;
    folded.caught_up().await;
    for listed in folded.projector().list() {
        let (projector, name) = (folded.projector().clone(), listed.definition.name.clone());
        tokio::task::spawn_blocking(move || projector.rebuild(&name).unwrap()).await.unwrap();
    }
    folded.caught_up().await;
    for listed in folded.projector().list() {
        assert_eq!(listed.status.switches, 1, "{}", listed.definition.name);
    }
    folded.stop().await;
    assert_eq!(digests(&folded.views()), followed);
}
