//! A bill file that a wrong profile has read: under the corrected one its import begins anew, and it takes its own
//! place where a person says so. And one of several days that a corrected one takes the place of.

use std::ops::ControlFlow;
use std::path::PathBuf;
use std::sync::Arc;

use order_ledger::bill::{
    self, AmountUnit, Bill, BillRow, ColumnRule, Constants, Days, Encoding, Field, Format, Hints, LineEnds,
    Need, OtherColumns, Profile, Profiles, RowRule, SummaryRule, TimeFormat, TimeRule, TradeRule, beijing,
};
use order_ledger::domain::bill::{BillKey, BillKind, BillLine, BillLines, BillOpening, Covers, RowKind};
use order_ledger::import::{self, ImportError, ImportRequest, Imported, Outcome, Routes};
use order_ledger::ledger::Opened;

use super::billed::{day, merchant, paid};
use super::folded::{Folded, at};

const FILE: &str = "id,time,amount\n\
    T1,2026-01-01 00:01:00,700\n\
    T2,2026-01-01 00:02:00,800\n\
    T3,2026-01-01 00:03:00,900\n";

const JANUARY: [(&str, &str); 3] =
    [("merchant", "1900000109"), ("from_day", "2026-01-01"), ("to_day", "2026-01-31")];

fn shop(unit: AmountUnit) -> Profile {
    let columns = [(Field::TransactionId, "id"), (Field::TradedAt, "time"), (Field::AmountFen, "amount")];
    let column =
        |(field, name): (Field, &str)| ColumnRule { field, names: vec![name.into()], need: Need::Required };
    Profile {
        name: "shop".into(),
        kind: BillKind::parse("shop").unwrap(),
        covers: Covers::Payments,
        format: Format::Csv {
            delimiter: b',',
            quote: Some(b'"'),
            encoding: Encoding::Utf8,
            header_line: 1,
            line_ends: LineEnds::EndRows,
        },
        columns: columns.map(column).to_vec(),
        other_columns: OtherColumns::Refused,
        rows: RowRule::Trade(TradeRule::All(RowKind::Payment)),
        constants: Constants { merchant: Some(merchant()), app_id: None, currency: None },
        unit,
        times: TimeRule { format: TimeFormat::Plain, zone: beijing() },
        skips: vec![],
        footers: vec![],
        summary: SummaryRule::None,
        days: Days::Many,
    }
}

/// A log with the file beside it.
struct Desk {
    folded: Folded,
    file: PathBuf,
}

impl Desk {
    async fn new() -> Self {
        let folded = Folded::of_a_merchant().await;
        let file = folded.path().join("shop.csv");
        std::fs::write(&file, FILE).unwrap();
        Self { folded, file }
    }

    async fn import(&self, unit: AmountUnit, supersede: Option<&str>) -> Imported {
        self.try_import(unit, supersede).await.unwrap()
    }

    async fn try_import(&self, unit: AmountUnit, supersede: Option<&str>) -> Result<Imported, ImportError> {
        let profiles = Arc::new(Profiles::built_in().with([shop(unit)]));
        let request = ImportRequest {
            hints: Hints { profile: Some("shop".into()), ..Hints::default() },
            supersede: supersede.map(str::to_owned),
            file_name: "shop.csv".into(),
            by: "lin".into(),
            at: at(20_000),
        };
        let routes = Routes { merchants: vec![merchant()], ..Routes::default() };
        let watcher: import::Watcher = Arc::new(|_| {});
        import::run(&self.folded.ledger, &profiles, &routes, &self.file, &request, &watcher).await
    }

    /// What an import does before it is interrupted after so many lines.
    async fn begin(&self, unit: AmountUnit, count: usize) {
        let (bill, mut lines) = self.read(unit);
        lines.truncate(count);
        let opening = BillOpening {
            covers: bill.covers,
            sha256: bill.sha256,
            file_name: "shop.csv".into(),
            profile: bill.profile,
            rows: bill.rows,
            by: "lin".into(),
            supersede: None,
            read_otherwise: vec![],
        };
        let opened = self.folded.ledger.open_bill(&key(), opening, at(2000)).await.unwrap();
        let Opened::Writer(mut writer) = opened else { panic!("it stands") };
        let lines = BillLines::Trade(lines);
        self.folded.ledger.append_bill_lines(&mut writer, lines, at(2000)).await.unwrap();
    }

    fn read(&self, unit: AmountUnit) -> (Bill, Vec<BillLine>) {
        let hints = Hints { profile: Some("shop".into()), ..Hints::default() };
        let mut lines = vec![];
        let mut take = |_, row| {
            let BillRow::Trade(line) = row else { panic!("{row:?}") };
            lines.push(line);
            ControlFlow::Continue(())
        };
        let profiles = Profiles::built_in().with([shop(unit)]);
        (bill::read(&self.file, &profiles, &hints, &mut take).unwrap(), lines)
    }

    async fn files(&self) -> Vec<[String; 3]> {
        self.folded.columns("reconciliation/files", &JANUARY, ["state", "rows", "order_fen"]).await
    }

    /// Each payment of the bill, as the report tells it.
    async fn billed(&self) -> Vec<[String; 2]> {
        let mut rows =
            self.folded.columns("reconciliation/report", &JANUARY, ["transaction_id", "bill_fen"]).await;
        rows.sort();
        rows
    }
}

fn key() -> BillKey {
    BillKey { merchant: merchant(), day: day("2026-01-01"), kind: BillKind::parse("shop").unwrap() }
}

#[tokio::test(flavor = "multi_thread")]
async fn an_import_goes_on_only_after_lines_that_the_file_is_still_read_to_hold() {
    for (before, expected, opened) in
        [(AmountUnit::Yuan, Outcome::Resumed { lines: 2 }, 1), (AmountUnit::Fen, Outcome::Imported, 2)]
    {
        let desk = Desk::new().await;
        desk.begin(before, 2).await;
        let imported = desk.import(AmountUnit::Yuan, None).await;
        assert_eq!(imported.days[0].outcome, expected);
        let day = desk.folded.ledger.bill_day(&key()).await.unwrap();
        assert_eq!((day.revision, day.sealed_revision), (opened, opened));
        assert_eq!(desk.files().await, [["sealed", "3", "240000"]]);
        assert_eq!(desk.billed().await, [["T1", "70000"], ["T2", "80000"], ["T3", "90000"]]);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_file_that_was_read_wrong_is_superseded_by_itself() {
    let desk = Desk::new().await;
    let wrong = desk.import(AmountUnit::Fen, None).await;
    assert_eq!(desk.billed().await, [["T1", "700"], ["T2", "800"], ["T3", "900"]]);
    assert_eq!(desk.import(AmountUnit::Yuan, None).await.days[0].outcome, Outcome::Stands);
    // Nothing is different, whatever the reason.
    assert_eq!(desk.import(AmountUnit::Fen, Some("a mistake")).await.days[0].outcome, Outcome::Stands);

    let corrected = desk.import(AmountUnit::Yuan, Some("the amounts are in yuan")).await;
    assert_eq!(corrected.days[0].outcome, Outcome::Imported);
    assert_eq!(corrected.days[0].superseded, Some(wrong.sha256));
    assert_eq!(desk.files().await, [["superseded", "3", "2400"], ["sealed", "3", "240000"]]);
    assert_eq!(desk.billed().await, [["T1", "70000"], ["T2", "80000"], ["T3", "90000"]]);
    let again = desk.import(AmountUnit::Yuan, Some("the amounts are in yuan")).await;
    assert_eq!((again.days[0].outcome.clone(), again.position), (Outcome::Stands, None));
}

#[tokio::test(flavor = "multi_thread")]
async fn of_a_day_that_was_declared_empty_only_what_counts_stands_as_such() {
    let desk = Desk::new().await;
    desk.begin(AmountUnit::Yuan, 2).await;
    assert_eq!(desk.files().await, [["unfinished", "3", "-"]]);
    let key = key();
    let empty = desk.folded.ledger.declare_empty(&key, Covers::Payments, "no trade", "lin", at(2000));
    empty.await.unwrap();
    assert_eq!(desk.files().await, [["declared_empty", "0", "-"]]);
    desk.import(AmountUnit::Yuan, None).await;
    assert_eq!(desk.files().await, [["superseded", "0", "-"], ["sealed", "3", "240000"]]);
    let coverage = desk.folded.columns("reconciliation/coverage", &JANUARY, ["day", "payments"]).await;
    assert_eq!(coverage[0], ["2026-01-01", "covered"]);
    desk.folded.billed("2026-01-02", vec![paid("T4", 100, 1500)]).await;
    assert_eq!(desk.billed().await.len(), 4);
}

#[tokio::test(flavor = "multi_thread")]
async fn of_a_file_of_several_days_no_day_stays_that_the_corrected_one_leaves_out() {
    let desk = Desk::new().await;
    let write = |rows: &[(&str, u32)]| {
        let rows = rows.iter().map(|(id, day)| format!("{id},2026-01-{day:02} 12:00:00,700\n"));
        std::fs::write(&desk.file, format!("id,time,amount\n{}", rows.collect::<String>())).unwrap();
    };
    write(&[("T1", 1), ("T2", 2), ("T3", 4), ("T9", 9)]);
    desk.import(AmountUnit::Fen, None).await;
    // T2 was of the third day, and what stands beyond the last row is not in question.
    write(&[("T1", 1), ("T2", 3), ("T3", 4)]);
    match desk.try_import(AmountUnit::Fen, None).await {
        Err(ImportError::Differs(differences)) => {
            assert_eq!((differences.changed, differences.removed, differences.added), (0, 1, 0));
            assert!(differences.to_string().contains("2026-01-02"), "{differences}");
        }
        other => panic!("{other:?}"),
    }
    let corrected = desk.import(AmountUnit::Fen, Some("a wrong day")).await;
    let days = corrected.days.iter().map(|day| (day.day.to_string(), day.rows)).collect::<Vec<_>>();
    let days: Vec<_> = days.iter().map(|(day, rows)| (day.as_str(), *rows)).collect();
    assert_eq!(days, [("2026-01-01", 1), ("2026-01-02", 0), ("2026-01-03", 1), ("2026-01-04", 1)]);
    assert_eq!(desk.billed().await, [["T1", "700"], ["T2", "700"], ["T3", "700"], ["T9", "700"]]);
    let again = desk.import(AmountUnit::Fen, Some("a wrong day")).await;
    assert_eq!(again.position, None, "{again:?}");
}
