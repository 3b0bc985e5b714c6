//! Cases and recovered orders: what finance says of differences, and what becomes of it.

use order_ledger::domain::case::{CaseKey, CaseKind};
use order_ledger::ledger::Upon;
use order_ledger::reconcile::Desk;
use order_ledger::reconcile::case_file::{self, CaseRow};
use order_ledger::reconcile::cases::{self, Asked, CaseError, Since};
use order_ledger::reconcile::report::Format;
use order_ledger::table::csv::Bom;

use super::billed::{given_back, merchant, paid, statuses};
use super::folded::Folded;
use super::reconcile_report::{february, january, planted, written};

fn desk(folded: &Folded) -> Desk<'_> {
    Desk { ledger: &folded.ledger, projector: folded.projector(), spool: &folded.spool }
}

/// The report as CSV, with the open cases of these payments marked as resolved.
async fn edited(folded: &Folded, transaction_ids: &[&str]) -> Vec<u8> {
    let report = written(folded, &january(), Format::Csv(Bom::With)).await;
    let mut reader = csv::ReaderBuilder::new().has_headers(false).from_reader(&*report);
    let rows: Vec<csv::StringRecord> = reader.records().map(Result::unwrap).collect();
    let place = |name: &str| rows[0].iter().position(|other| other == name).unwrap();
    let mut writer = csv::Writer::from_writer(vec![]);
    for row in &rows {
        let mut row: Vec<String> = row.iter().map(str::to_owned).collect();
        if transaction_ids.contains(&row[place("transaction_id")].as_str())
            && row[place("case_state")] == "open"
        {
            row[place("case_state")] = "resolved".into();
            row[place("case_reason")] = "paid by hand".into();
        }
        writer.write_record(&row).unwrap();
    }
    writer.into_inner().unwrap()
}

#[tokio::test]
async fn an_edited_report_resolves_its_cases_once_until_their_facts_change() {
    let folded = planted().await;
    let file = edited(&folded, &["4200002", "4200003"]).await;
    let rows = case_file::read(&file).unwrap().rows;
    assert_eq!(rows.len(), 2);
    let resolve = async |rows| {
        cases::resolve_all(&desk(&folded), &merchant(), rows, folded.head(), "lin", february()).await
    };
    let bulk = resolve(&rows).await;
    assert_eq!((bulk.recorded, bulk.before, bulk.refused.len()), (2, 0, 0), "{bulk:?}");
    let again = resolve(&rows).await;
    assert_eq!((again.recorded, again.before, again.refused.len()), (0, 2, 0), "{again:?}");
    let excel = written(&folded, &january(), Format::Xlsx).await;
    let from_excel = case_file::read(&excel).unwrap().rows;
    let told = |rows: &[CaseRow]| -> Vec<[String; 3]> {
        rows.iter().map(|row| [row.id.clone(), row.facts.clone(), row.reason.clone()]).collect()
    };
    assert_eq!(told(&from_excel), told(&rows), "both files tell the same of a row");
    assert_eq!(resolve(&from_excel).await.before, 2);
    let found = statuses(&folded, february()).await;
    assert_eq!(found["payment 4200002"], "amount_differs resolved");
    assert_eq!(found["payment 4200003"], "missing_in_bill resolved");

    // The bill is corrected: 4200002 agrees now, and 4200003 differs.
    let lines = vec![
        paid("4200001", 600, 1560),
        paid("4200002", 600, 1560),
        paid("4200003", 599, 1560),
        paid("4200004", 1000, 1560),
        given_back("4200001", "50001", 200, 2161),
    ];
    folded.billed("2026-01-02", lines).await;
    let found = statuses(&folded, february()).await;
    assert_eq!(found["payment 4200003"], "amount_differs lapsed");
    let refused = resolve(&rows).await;
    assert_eq!((refused.recorded, refused.refused.len()), (0, 2), "{refused:?}");
    for refused in &refused.refused {
        assert!(matches!(refused.why, CaseError::StatusChanged { .. }), "{refused:?}");
    }
}

#[tokio::test]
async fn a_case_is_resolved_and_opened_again_by_its_key() {
    let folded = planted().await;
    let key = CaseKey::new(merchant(), CaseKind::Payment, "4200004").unwrap();
    let resolve = async |key: &CaseKey, reason| {
        let since = Since::Revision(Upon::Whatever);
        let asked = Asked { key, status: Some("missing_in_ledger"), facts: None, reason, since };
        cases::resolve(&desk(&folded), &asked, folded.head(), "lin", february()).await
    };
    assert!(matches!(resolve(&key, " ").await, Err(CaseError::Reason)));
    assert!(resolve(&key, "known").await.unwrap().recorded);
    assert!(!resolve(&key, "known").await.unwrap().recorded);
    assert_eq!(statuses(&folded, february()).await["payment 4200004"], "missing_in_ledger resolved");
    cases::reopen(&desk(&folded), &key, "not known after all", "wang", february(), Upon::Whatever)
        .await
        .unwrap();
    assert_eq!(statuses(&folded, february()).await["payment 4200004"], "missing_in_ledger open");
    let nothing = CaseKey::new(merchant(), CaseKind::Payment, "nothing").unwrap();
    assert!(matches!(resolve(&nothing, "known").await, Err(CaseError::NoSuchRow(_))));
    assert!(matches!(
        cases::reopen(&desk(&folded), &nothing, "why not", "wang", february(), Upon::Whatever).await,
        Err(CaseError::Refused(_))
    ));
}

#[tokio::test]
async fn a_report_that_was_taken_before_undoes_nothing_that_was_said_since() {
    let folded = planted().await;
    let resolve = async |file: &[u8]| {
        let rows = case_file::read(file).unwrap().rows;
        cases::resolve_all(&desk(&folded), &merchant(), &rows, folded.head(), "lin", february()).await
    };
    let never_judged = edited(&folded, &["4200002", "4200003"]).await;
    assert_eq!(resolve(&never_judged).await.recorded, 2);
    let resolved = written(&folded, &january(), Format::Xlsx).await;
    let key = CaseKey::new(merchant(), CaseKind::Order, "demo.C").unwrap();
    for by in ["wu", "lin"] {
        cases::reopen(&desk(&folded), &key, "another player", by, february(), Upon::Whatever).await.unwrap();
        for old in [&resolved, &never_judged] {
            let bulk = resolve(old).await;
            assert_eq!((bulk.recorded, bulk.before, bulk.refused.len()), (0, 1, 1), "{bulk:?}");
            let why = bulk.refused[0].why.to_string();
            assert!(why.starts_with(&format!("{by} has spoken of it since")), "{why}");
        }
        assert_eq!(statuses(&folded, february()).await["payment 4200003"], "missing_in_bill open");
        if by == "wu" {
            // A report of now resolves it.
            let now = edited(&folded, &["4200003"]).await;
            let bulk = resolve(&now).await;
            assert_eq!((bulk.recorded, bulk.before, bulk.refused.len()), (1, 1, 0), "{bulk:?}");
            let bulk = resolve(&now).await;
            assert_eq!((bulk.recorded, bulk.before, bulk.refused.len()), (0, 2, 0), "{bulk:?}");
        }
    }
}
