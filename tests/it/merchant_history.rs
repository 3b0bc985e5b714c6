//! What the log says of a merchant under an id: cases, bills and periods, each event checked.

use order_ledger::audit::history::{self, Entry};
use order_ledger::domain::app::PriceMeaning;
use order_ledger::domain::bill::{
    BillKey, BillKind, BillLines, BillOpening, Covers, FundTotals, MerchantId, Sha256Hex, Totals,
};
use order_ledger::domain::case::{CaseKey, CaseKind, Judgement};
use order_ledger::domain::period::{Month, PeriodKey, PreparedReport};
use order_ledger::ledger::Opened;
use order_ledger::ledger::Upon;

use super::folded::{Folded, at, demo};

fn merchant() -> MerchantId {
    MerchantId::parse("1900000109").unwrap()
}

fn shown(entries: &[Entry]) -> Vec<String> {
    entries
        .iter()
        .map(|entry| format!("{} {}", entry.recorded.stream, entry.decoded.event.type_name()))
        .collect()
}

async fn resolved(folded: &Folded, kind: CaseKind, id: &str) {
    let judgement = Judgement { status: "amount_differs".into(), facts: "{}".into(), reason: "known".into() };
    let key = CaseKey::new(merchant(), kind, id).unwrap();
    folded.ledger.resolve_case(&key, &judgement, "lin", at(1), Upon::Whatever).await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn the_cases_of_an_id_are_found_with_any_merchant_that_its_app_was_ever_paid_to() {
    let folded = Folded::built_in().await;
    folded.registered(1, PriceMeaning::Order, Some(&merchant())).await;
    let now = MerchantId::parse("20").unwrap();
    folded.registered(2, PriceMeaning::Order, Some(&now)).await;
    for (kind, id) in [
        (CaseKind::Order, "demo.A"),
        (CaseKind::Order, "other.A"),
        (CaseKind::Refund, "demo.R1"),
        (CaseKind::Payment, "4200"),
        (CaseKind::BillRefund, "5030"),
    ] {
        resolved(&folded, kind, id).await;
    }
    let configured = [now];
    for (id, found) in [
        ("A", "case-1900000109.order.demo.A CaseResolved"),
        ("R1", "case-1900000109.refund.demo.R1 CaseResolved"),
        ("4200", "case-1900000109.payment.4200 CaseResolved"),
        ("5030", "case-1900000109.bill_refund.5030 CaseResolved"),
        ("1900000109.order.other.A", "case-1900000109.order.other.A CaseResolved"),
    ] {
        let entries = history::of_merchants(&*folded.store, &configured, &[&demo()], id).await.unwrap();
        assert_eq!(shown(&entries), [found], "{id}");
        assert!(!entries[0].is_altered(), "{id}");
    }
    let nothing = history::of_merchants(&*folded.store, &[], &[&demo()], "nowhere").await.unwrap();
    assert!(nothing.is_empty());
}

#[tokio::test(flavor = "multi_thread")]
async fn bills_and_periods_are_found_by_their_keys_and_lines_are_checked_without_being_shown() {
    let folded = Folded::built_in().await;
    let key =
        BillKey { merchant: merchant(), day: "2026-01-01".parse().unwrap(), kind: BillKind::fundflow() };
    let sha256 = Sha256Hex::of_digest(&[7; 32]);
    let opening = BillOpening {
        covers: Covers::Funds,
        sha256: sha256.clone(),
        file_name: "funds.csv".into(),
        profile: "wechat_fundflow".into(),
        rows: 1,
        by: "lin".into(),
        supersede: None,
        read_otherwise: vec![],
    };
    let Opened::Writer(mut writer) = folded.ledger.open_bill(&key, opening, at(1)).await.unwrap() else {
        panic!("it stands already")
    };
    let line = order_ledger::domain::bill::FundLine {
        line: 2,
        booked_at: at(0),
        business_id: None,
        flow_id: None,
        business_name: None,
        business_type: None,
        direction: order_ledger::domain::bill::Direction::In,
        amount_fen: order_ledger::domain::fen::Fen(1),
        balance_fen: None,
        applicant: None,
        note: None,
        voucher_id: None,
    };
    folded.ledger.append_bill_lines(&mut writer, BillLines::Funds(vec![line]), at(1)).await.unwrap();
    let totals = Totals::Funds(FundTotals { incomes: 1, ..FundTotals::default() });
    folded.ledger.seal_bill(writer, &totals, at(1)).await.unwrap();
    let period = PeriodKey { merchant: merchant(), month: Month::parse("2026-01").unwrap() };
    let report = PreparedReport { sha256, position: 3, summary: "{}".into(), by: "lin".into() };
    folded.ledger.prepare_period(&period, &report, at(2), Upon::Whatever).await.unwrap();
    for (id, found) in [
        (
            "1900000109.2026-01-01.fundflow",
            &[
                "billday-1900000109.2026-01-01.fundflow BillOpened",
                "billday-1900000109.2026-01-01.fundflow BillSealed",
            ][..],
        ),
        ("1900000109.2026-01", &["period-1900000109.2026-01 PeriodPrepared"]),
    ] {
        let entries = history::of_merchants(&*folded.store, &[], &[&demo()], id).await.unwrap();
        assert_eq!(shown(&entries), found, "{id}");
        assert!(entries.iter().all(|entry| !entry.is_altered()), "{id}");
    }
}
