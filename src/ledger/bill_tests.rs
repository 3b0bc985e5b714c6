use super::*;
use crate::domain::bill::{BillKind, BillLine, MerchantId, Sha256Hex, TradeTotals};
use crate::domain::samples::{self, sha256};
use crate::ledger::tests::{at, empty_ledger};

fn key() -> BillKey {
    let merchant = MerchantId::parse("1900000109").unwrap();
    BillKey { merchant, day: "2026-01-01".parse().unwrap(), kind: BillKind::success() }
}

fn opening(sha256: Sha256Hex, rows: u64) -> BillOpening {
    BillOpening {
        covers: Covers::Payments,
        sha256,
        file_name: "bill.csv".into(),
        profile: "wechat_success".into(),
        rows,
        by: "lin".into(),
        supersede: None,
        read_otherwise: vec![],
    }
}

fn lines(numbers: std::ops::Range<u64>) -> BillLines {
    BillLines::Trade(numbers.map(|line| BillLine { line, ..samples::bill_line() }).collect())
}

fn payments(payments: u64) -> Totals {
    Totals::Trade(TradeTotals { payments, ..TradeTotals::default() })
}

fn writer(opened: Opened) -> BillWriter {
    match opened {
        Opened::Writer(writer) => writer,
        Opened::Stands => panic!("it stands already"),
    }
}

async fn event_types(ledger: &Ledger) -> Vec<String> {
    let events = ledger.store().read_stream(&codec::billday_stream(&key()), 0, 99).await.unwrap();
    events.into_iter().map(|event| event.event_type).collect()
}

/// Imports a file of so many lines at once, as a program that is not interrupted does.
async fn imported(ledger: &Ledger, opening: BillOpening) -> Position {
    let rows = opening.rows;
    let mut writer = writer(ledger.open_bill(&key(), opening, at()).await.unwrap());
    let stored = writer.rows_stored();
    ledger.append_bill_lines(&mut writer, lines(stored + 2..rows + 2), at()).await.unwrap();
    ledger.seal_bill(writer, &payments(rows), at()).await.unwrap()
}

#[tokio::test]
async fn an_import_that_was_interrupted_goes_on_after_the_lines_that_stand() {
    let (ledger, _folder) = empty_ledger().await;
    let open = async || ledger.open_bill(&key(), opening(sha256('a'), 5), at()).await.unwrap();
    let mut first = writer(open().await);
    assert_eq!(first.rows_stored(), 0);
    ledger.append_bill_lines(&mut first, lines(2..5), at()).await.unwrap();
    assert_eq!(first.rows_stored(), 3);
    drop(first);

    let day = ledger.bill_day(&key()).await.unwrap();
    assert_eq!((day.open.unwrap().rows_stored, day.sealed), (3, None));
    let mut second = writer(open().await);
    assert_eq!(second.rows_stored(), 3);
    let refused = ledger.seal_bill(writer(open().await), &payments(5), at()).await.unwrap_err().to_string();
    assert_eq!(
        refused,
        "bill 1900000109.2026-01-01.success: 3 of 5 lines stand, and the totals count 5: it cannot be sealed"
    );
    ledger.append_bill_lines(&mut second, lines(5..7), at()).await.unwrap();
    let position = ledger.seal_bill(second, &payments(5), at()).await.unwrap();
    assert_eq!(Some(position), *ledger.store().head().borrow());
    assert!(matches!(open().await, Opened::Stands));
    assert_eq!(event_types(&ledger).await, ["BillOpened", "BillLines", "BillLines", "BillSealed"]);

    let mut read = Vec::new();
    let revision = ledger.bill_day(&key()).await.unwrap().sealed_revision;
    ledger.read_bill_lines(&key(), revision, |lines| read.push(lines)).await.unwrap();
    assert_eq!(read, [lines(2..5), lines(5..7)]);
}

#[tokio::test]
async fn another_file_of_the_same_bill_takes_its_place_only_where_a_reason_is_given() {
    let (ledger, _folder) = empty_ledger().await;
    imported(&ledger, opening(sha256('a'), 1)).await;
    let refused = ledger.open_bill(&key(), opening(sha256('b'), 2), at()).await.unwrap_err();
    let BillImportError::Refused { refusal, .. } = refused else { panic!("{refused}") };
    assert_eq!(refusal, BillRefusal::Differs { sealed: sha256('a') });
    let why = Some("issued anew".to_owned());
    imported(&ledger, BillOpening { supersede: why, ..opening(sha256('b'), 2) }).await;
    assert_eq!(
        event_types(&ledger).await,
        ["BillOpened", "BillLines", "BillSealed", "BillOpened", "BillLines", "BillSuperseded", "BillSealed"]
    );
    let day = ledger.bill_day(&key()).await.unwrap();
    assert_eq!((day.sealed, day.sealed_revision), (Some(sha256('b')), 2));
    let mut read = Vec::new();
    ledger.read_bill_lines(&key(), 1, |lines| read.push(lines)).await.unwrap();
    assert_eq!(read, [lines(2..3)], "the lines of the one before can still be read");
}

#[tokio::test]
async fn of_two_imports_of_one_bill_at_once_the_slower_one_is_told_and_writes_nothing() {
    let (ledger, _folder) = empty_ledger().await;
    let open = async || writer(ledger.open_bill(&key(), opening(sha256('a'), 4), at()).await.unwrap());
    let (mut fast, mut slow) = (open().await, open().await);
    ledger.append_bill_lines(&mut fast, lines(2..4), at()).await.unwrap();
    let refused = ledger.append_bill_lines(&mut slow, lines(2..3), at()).await.unwrap_err();
    assert_eq!(
        refused.to_string(),
        "bill 1900000109.2026-01-01.success: another import of it is under way, or was meanwhile; when it has \
         ended, import the file again"
    );
    // What says exactly the same at the same place is the same.
    let mut twin = open().await;
    ledger.append_bill_lines(&mut fast, lines(4..6), at()).await.unwrap();
    ledger.append_bill_lines(&mut twin, lines(4..6), at()).await.unwrap();
    let sealed = ledger.seal_bill(fast, &payments(4), at()).await.unwrap();
    assert_eq!(ledger.seal_bill(twin, &payments(4), at()).await.unwrap(), sealed);
    assert_eq!(event_types(&ledger).await, ["BillOpened", "BillLines", "BillLines", "BillSealed"]);
}

#[tokio::test]
async fn more_lines_than_one_event_may_hold_become_several_events_in_the_same_order() {
    let (ledger, _folder) = empty_ledger().await;
    imported(&ledger, opening(sha256('a'), 6000)).await;
    let events = ledger.store().read_stream(&codec::billday_stream(&key()), 0, 99).await.unwrap();
    let chunks: Vec<_> = events.iter().filter(|event| event.event_type == "BillLines").collect();
    assert!((3..=8).contains(&chunks.len()), "{}", chunks.len());
    assert!(chunks.iter().all(|event| event.data.len() <= limits::BILL_CHUNK_BYTES_MAX));
    let mut numbers = Vec::new();
    let hand_on = |lines| match lines {
        BillLines::Trade(lines) => numbers.extend(lines.iter().map(|line: &BillLine| line.line)),
        BillLines::Funds(_) => panic!("no such lines"),
    };
    ledger.read_bill_lines(&key(), 1, hand_on).await.unwrap();
    assert!(numbers.into_iter().eq(2..6002));
}

#[tokio::test]
async fn a_day_without_a_bill_is_declared_once_and_not_over_a_file() {
    let (ledger, _folder) = empty_ledger().await;
    let declare = async || ledger.declare_empty(&key(), Covers::Payments, "no statement", "lin", at()).await;
    let first = declare().await.unwrap();
    assert_eq!(first, Recorded { recorded: true, position: *ledger.store().head().borrow() });
    assert_eq!(declare().await.unwrap(), Recorded { recorded: false, ..first });
    assert!(ledger.bill_day(&key()).await.unwrap().is_empty_declared);
    imported(&ledger, opening(sha256('a'), 1)).await;
    assert!(!ledger.bill_day(&key()).await.unwrap().is_empty_declared);
    let refused = declare().await.unwrap_err();
    assert!(refused.to_string().contains("it cannot be declared empty"), "{refused}");
}
