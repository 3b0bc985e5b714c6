//! What is folded again is the same, row for row.

use std::collections::BTreeSet;
use std::fs;

use order_ledger::codec;
use order_ledger::domain::app::PriceMeaning;
use order_ledger::domain::environment::Environment::{Production, Sandbox};
use order_ledger::domain::quarantine::{Reason, Resolution};

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
            let held =
                folded.quarantined(minutes, &reason, Some(number), &format!("{{\"n\":{place}}}")).await;
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
    let said = [Pushed(goods("S1")), Granted("S1"), Revoked("S1"), Pushed(goods("S2")), Refused("S2")];
    folded.happened(said.into_iter().chain([Pushed(goods("S3")), Granted("S3")])).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_deleted_folder_of_views_is_built_again_to_identical_tables() {
    let mut folded = Folded::built_in().await;
    everything_happens(&folded).await;
    folded.caught_up().await;
    folded.stop().await;
    let followed = digests(&folded.views());
    assert!(followed.len() >= 10, "{followed:#?}");
    // What stands in bills has worlds of its own.
    let mut filled = followed.iter().filter(|(table, _)| !table.starts_with("reconciliation."));
    assert!(filled.all(|(_, rows)| !rows.starts_with("0 rows")), "a table is empty: {followed:#?}");
    let log = LogFile::open(&folded.path().join("events.db"));
    let kinds: BTreeSet<_> = log.samples().into_iter().map(|(kind, _)| kind).collect();
    // What finance does has worlds of its own.
    let of_finance =
        ["Bill", "Fund", "Case", "Period", "Recovery", "Report", "MerchantAssigned", "OrderRecovered"];
    let known = codec::catalogue().iter().map(|event| event.event_type);
    let known = known.filter(|kind| !of_finance.iter().any(|begin| kind.starts_with(begin)));
    assert_eq!(kinds, known.map(str::to_owned).collect(), "every type of event is in the log");
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
