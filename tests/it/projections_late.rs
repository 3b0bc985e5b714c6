//! What changes after its month was closed: late rows, where they are reported, and what is no change.

use order_ledger::domain::bill::{BillLine, Covers};
use order_ledger::domain::case::CaseKind;
use order_ledger::domain::period::{Month, PeriodKey, PreparedReport};
use order_ledger::ledger::Upon;

use super::folded::{Folded, at};
use super::projections_reconciliation::{
    ALL, JANUARY, assigned, empty, given_back, merchant, paid, pushed, resolve, traded,
};
use super::told::{Asked, goods, refund};

/// What the summary counts is what the report lists, of each kind; and what is carried goes on from time to time.
async fn sums_agree(folded: &Folded, times: &[Asked<'_>]) {
    for asked in times {
        let counted =
            folded.columns("reconciliation/summary", asked, ["kind", "rows", "ledger_fen", "bill_fen"]).await;
        let listed = folded.columns("reconciliation/report", asked, ["kind", "ledger_fen", "bill_fen"]).await;
        for kind in ["payment", "refund"] {
            let fen = |text: &String| text.parse::<i64>().unwrap_or(0);
            let counted = counted.iter().filter(|row| row[0] == kind).fold((0, 0, 0), |sums, row| {
                (sums.0 + fen(&row[1]), sums.1 + fen(&row[2]), sums.2 + fen(&row[3]))
            });
            let listed = listed
                .iter()
                .filter(|row| row[0] == kind)
                .fold((0, 0, 0), |sums, row| (sums.0 + 1, sums.1 + fen(&row[1]), sums.2 + fen(&row[2])));
            assert_eq!(counted, listed, "{kind} of {asked:?}");
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_late_difference_is_carried_from_the_month_on_that_reports_it() {
    let folded = assigned().await;
    pushed(&folded, &[goods("A").paid("m1", "t1"), goods("B").paid("m2", "t2")]).await;
    let lines = |fen| vec![paid("t1", "m1", fen), paid("t2", "m2", 500)];
    traded(&folded, ("2026-01-01", "all", 'a'), lines(600)).await;
    let sha256 = folded.ledger.file_report(&b"report"[..], &folded.spool, at(50_000)).await.unwrap();
    for month in ["2026-01", "2026-02"] {
        let key = PeriodKey { merchant: merchant(), month: Month::parse(month).unwrap() };
        let position = folded.head().unwrap().number();
        let report =
            PreparedReport { sha256: sha256.clone(), position, summary: "{}".into(), by: "lin".into() };
        folded.ledger.prepare_period(&key, &report, at(90_000), Upon::Whatever).await.unwrap();
        folded.ledger.close_period(&key, &sha256, "wu", at(90_010), Upon::Whatever).await.unwrap();
    }
    // A's line is another now, B's stands as it stood.
    traded(&folded, ("2026-01-01", "all", 'b'), lines(700)).await;
    let mut carried = vec![];
    for month in ["2026-01", "2026-02", "2026-03", "2026-04"] {
        let (from_day, to_day) = (format!("{month}-01"), format!("{month}-28"));
        let asked =
            [("merchant", "1900000109"), ("from_day", from_day.as_str()), ("to_day", to_day.as_str())];
        let rows = folded.columns("reconciliation/carried", &asked, ["kind", "rows"]).await;
        let of_payments = rows.iter().filter(|[kind, _]| kind == "payment").map(|[_, rows]| rows.clone());
        carried.push(of_payments.collect::<Vec<_>>().join(" "));
        sums_agree(&folded, &[&asked]).await;
    }
    // Carried in, carried out, and late: in January both differ by now, in February nothing was known of A.
    assert_eq!(carried, ["0 2 0", "1 1 0", "1 2 1", "2 2 0"]);
}

#[tokio::test(flavor = "multi_thread")]
async fn superseding_a_bill_changes_only_the_rows_whose_lines_say_something_else() {
    let folded = assigned().await;
    pushed(&folded, &[goods("A").paid("m1", "t1"), goods("B").paid("m2", "t2")]).await;
    let old = |id: &str, fen| BillLine { traded_at: at(-60), ..paid(id, "", fen) };
    let lines = |fen| {
        vec![
            paid("t1", "m1", 500),
            paid("t2", "m2", fen),
            old("u1", 600),
            old("u2", fen),
            given_back("t8", "w1", 100),
            given_back("t9", "w2", fen),
        ]
    };
    traded(&folded, ("2026-01-01", "all", 'a'), lines(400)).await;
    for (kind, id) in [
        (CaseKind::Order, "demo.A"),
        (CaseKind::Order, "demo.B"),
        (CaseKind::Payment, "u1"),
        (CaseKind::Payment, "u2"),
    ] {
        resolve(&folded, kind, id).await;
    }
    let key = PeriodKey { merchant: merchant(), month: Month::parse("2026-01").unwrap() };
    let sha256 = folded.ledger.file_report(&b"report"[..], &folded.spool, at(50_000)).await.unwrap();
    let position = folded.head().unwrap().number();
    let report = PreparedReport { sha256: sha256.clone(), position, summary: "{}".into(), by: "lin".into() };
    folded.ledger.prepare_period(&key, &report, at(50_000), Upon::Whatever).await.unwrap();
    folded.ledger.close_period(&key, &sha256, "wu", at(50_010), Upon::Whatever).await.unwrap();
    // One line more above, so that all stand elsewhere in the file.
    let more = [vec![paid("t0", "", 1)], lines(300)].concat();
    traded(&folded, ("2026-01-01", "all", 'b'), more).await;
    let found = folded
        .columns(
            "reconciliation/report",
            &JANUARY,
            ["case_id", "late", "case_state", "bill_sha256", "bill_line"],
        )
        .await;
    let b = "b".repeat(64);
    let state = |id, late, case_state, line| [id, late, case_state, b.as_str(), line].map(str::to_owned);
    assert_eq!(
        found,
        [
            state("demo.A", "0", "resolved", "3"),
            state("demo.B", "1", "lapsed", "4"),
            state("t0", "1", "-", "2"),
            state("u1", "0", "resolved", "5"),
            state("u2", "1", "lapsed", "6"),
            state("w1", "0", "-", "7"),
            state("w2", "1", "-", "8"),
        ]
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn rows_of_the_first_day_say_which_bill_before_it_they_wait_for() {
    let folded = assigned().await;
    pushed(
        &folded,
        &[goods("A").paid("m1", "t1"), goods("B").paid("m2", "t2"), refund("R", 100).paid("", "t3")],
    )
    .await;
    traded(&folded, ("2026-01-01", "all", 'a'), vec![paid("t2", "m2", 600)]).await;
    let awaited = ["day", "side", "rows"];
    let found = folded.columns("reconciliation/awaited", &JANUARY, awaited).await;
    assert!(found.contains(&["2025-12-31", "payments", "1"].map(str::to_owned)), "{found:?}");
    assert!(found.contains(&["2025-12-31", "refunds", "1"].map(str::to_owned)), "{found:?}");
    assert!(found.iter().all(|[day, ..]| day.as_str() < "2026-01-01"), "{found:?}");
    empty(&folded, "2025-12-31", "all", Covers::Both).await;
    let found = folded.columns("reconciliation/awaited", &JANUARY, awaited).await;
    assert!(found.iter().all(|[_, side, _]| side == "refunds"), "{found:?}");
    assert!(folded.columns("reconciliation/awaited", &ALL, awaited).await.is_empty());
}

#[tokio::test(flavor = "multi_thread")]
async fn what_comes_after_its_month_was_closed_is_late_and_reported_in_the_next_open_one() {
    let folded = assigned().await;
    pushed(&folded, &[goods("A").paid("m1", "t1"), goods("B").paid("m2", "t2")]).await;
    let key = PeriodKey { merchant: merchant(), month: Month::parse("2026-01").unwrap() };
    let sha256 = folded.ledger.file_report(&b"report"[..], &folded.spool, at(50_000)).await.unwrap();
    let position = folded.head().unwrap().number();
    let report = PreparedReport { sha256: sha256.clone(), position, summary: "{}".into(), by: "lin".into() };
    folded.ledger.prepare_period(&key, &report, at(50_000), Upon::Whatever).await.unwrap();
    // Between preparing and closing, and after it.
    traded(&folded, ("2026-01-01", "success", 'a'), vec![paid("t1", "m1", 600)]).await;
    folded.ledger.close_period(&key, &sha256, "wu", at(50_010), Upon::Whatever).await.unwrap();
    traded(&folded, ("2026-01-01", "refund", 'b'), vec![given_back("t1", "w1", 600)]).await;
    let late = ["case_id", "late", "period"];
    let expected = [["demo.A", "1", "2026-02"], ["demo.B", "0", "2026-01"], ["w1", "1", "2026-02"]];
    assert_eq!(folded.columns("reconciliation/report", &JANUARY, late).await, expected);
    let days = |from_day, to_day| [("merchant", "1900000109"), ("from_day", from_day), ("to_day", to_day)];
    let february = days("2026-02-01", "2026-02-28");
    let (to_february, march) = (days("2026-01-01", "2026-02-28"), days("2026-03-01", "2026-03-31"));
    let carried = folded.columns("reconciliation/carried", &february, ["what", "kind", "rows"]).await;
    assert_eq!(carried[4..], [["late", "payment", "1"], ["late", "refund", "1"]]);
    // They stand in the month that is open for them as well, each once; whatever is asked of both together.
    let expected = [["demo.A", "1", "2026-02"], ["w1", "1", "2026-02"]];
    assert_eq!(folded.columns("reconciliation/report", &february, late).await, expected);
    assert_eq!(folded.columns("reconciliation/rows", &february, late).await, expected);
    assert_eq!(folded.columns("reconciliation/report", &to_february, late).await.len(), 3);
    assert_eq!(folded.columns("reconciliation/rows", &to_february, late).await.len(), 3);
    sums_agree(&folded, &[&JANUARY, &february, &to_february, &march]).await;
    // February's report has them: they stay there when it is closed. What changes then goes on to March.
    let closing = PeriodKey { month: Month::parse("2026-02").unwrap(), ..key.clone() };
    let position = folded.head().unwrap().number();
    let report = PreparedReport { position, ..report };
    folded.ledger.prepare_period(&closing, &report, at(90_000), Upon::Whatever).await.unwrap();
    folded.ledger.close_period(&closing, &sha256, "wu", at(90_010), Upon::Whatever).await.unwrap();
    assert_eq!(folded.columns("reconciliation/report", &february, late).await, expected);
    traded(&folded, ("2026-01-01", "refund", 'c'), vec![given_back("t1", "w1", 500)]).await;
    assert_eq!(folded.columns("reconciliation/report", &february, late).await, expected[..1]);
    assert_eq!(folded.columns("reconciliation/report", &march, late).await, [["w1", "1", "2026-03"]]);
    sums_agree(&folded, &[&JANUARY, &february, &to_february, &march]).await;
    folded.ledger.reopen_period(&key, "a bill was wrong", "admin", at(50_020), Upon::Whatever).await.unwrap();
    let expected = [["demo.A", "0", "2026-01"], ["demo.B", "0", "2026-01"], ["w1", "0", "2026-01"]];
    assert_eq!(folded.columns("reconciliation/report", &JANUARY, late).await, expected);
}
