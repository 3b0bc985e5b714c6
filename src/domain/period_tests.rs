use super::super::samples::sha256;
use super::*;

fn key() -> PeriodKey {
    let merchant = MerchantId::parse("1900000109").unwrap();
    PeriodKey { merchant, month: Month::parse("2026-01").unwrap() }
}

#[derive(Clone, Copy, Debug)]
enum Said {
    Prepare(char, u64, &'static str),
    Close(char, &'static str),
    Reopen(&'static str),
}

use Said::{Close, Prepare, Reopen};

fn decide(period: &Period, said: Said) -> Result<Option<Event>, PeriodError> {
    match said {
        Prepare(name, position, by) => {
            let (sha256, by) = (sha256(name), by.to_owned());
            let summary = "{}".to_owned();
            period.decide_prepare(&key(), &PreparedReport { sha256, position, summary, by })
        }
        Close(name, by) => period.decide_close(&key(), &sha256(name), by),
        Reopen(by) => period.decide_reopen(&key(), "a bill came late", by),
    }
}

/// What the last word meant after those before it.
fn last(said: &[Said]) -> String {
    let (mut period, mut meant) = (Period::default(), String::new());
    for said in said {
        let decided = decide(&period, *said);
        meant = match &decided {
            Ok(Some(Event::Period(event))) => match event {
                PeriodEvent::Prepared { report_sha256, revision, .. } => {
                    format!("prepared {} r{revision}", &report_sha256.as_str()[..1])
                }
                PeriodEvent::Closed { report_sha256, position, revision, .. } => {
                    format!("closed {} at {position} r{revision}", &report_sha256.as_str()[..1])
                }
                PeriodEvent::Reopened { revision, .. } => format!("reopened r{revision}"),
            },
            Ok(Some(other)) => panic!("{other:?}"),
            Ok(None) => "nothing".to_owned(),
            Err(error) => error.to_string().split(':').next().unwrap().to_owned(),
        };
        period = decided.unwrap_or_default().iter().fold(period, Period::evolve);
    }
    meant
}

#[test]
fn what_a_word_about_a_period_becomes() {
    let prepared = Prepare('a', 9, "lin");
    let closed = Close('a', "chen");
    let first_prepare = "nothing has been prepared";
    let is_closed = "the period is closed; who may reopen it can, with a reason";
    let not_closed = "the period is not closed, so there is nothing to reopen";
    let other = format!("what was prepared last is the report {}", sha256('b'));
    for (said, expected) in [
        (&[prepared][..], "prepared a r1"),
        (&[prepared, prepared], "nothing"),
        (&[prepared, Prepare('a', 9, "chen")], "nothing"),
        (&[prepared, Prepare('b', 12, "lin")], "prepared b r2"),
        // By another person, and only what was prepared last.
        (&[closed], first_prepare),
        (&[prepared, closed], "closed a at 9 r2"),
        (&[prepared, closed, Close('a', "wang")], "nothing"),
        (&[prepared, Close('a', "lin")], "lin has prepared it"),
        // Whoever has prepared the same after him is no other than who says so; the first stays the preparer.
        (&[prepared, Prepare('a', 9, "chen"), closed], "closed a at 9 r2"),
        (&[prepared, Prepare('b', 12, "lin"), closed], &other),
        (&[prepared, Prepare('b', 12, "chen"), Close('b', "lin")], "closed b at 12 r3"),
        (&[prepared, closed, Close('b', "chen")], is_closed),
        (&[prepared, closed, Prepare('b', 12, "lin")], is_closed),
        // Reopened, it must be prepared anew.
        (&[Reopen("admin")], not_closed),
        (&[prepared, Reopen("admin")], not_closed),
        (&[prepared, closed, Reopen("admin")], "reopened r3"),
        (&[prepared, closed, Reopen("admin"), Reopen("admin")], "nothing"),
        (&[prepared, closed, Reopen("admin"), closed], first_prepare),
        (&[prepared, closed, Reopen("admin"), prepared], "prepared a r4"),
        (&[prepared, closed, Reopen("admin"), prepared, closed], "closed a at 9 r5"),
    ] {
        assert_eq!(last(said), expected, "{said:?}");
    }
}

#[test]
fn a_month_is_written_in_one_way_and_knows_its_days() {
    for (text, days) in [
        ("2026-01", Some(("2026-01-01", "2026-01-31"))),
        ("2024-02", Some(("2024-02-01", "2024-02-29"))),
        ("9999-12", Some(("9999-12-01", "9999-12-31"))),
        ("2026-13", None),
        ("2026-1", None),
        (" 2026-01", None),
        ("2026-01-01", None),
        ("+2026-01", None),
        ("1969-12", None),
        ("", None),
    ] {
        let found = Month::parse(text).ok();
        let shown = found.map(|month| (month.first_day().to_string(), month.last_day().to_string()));
        let shown = shown.as_ref().map(|(first, last)| (first.as_str(), last.as_str()));
        assert_eq!(shown, days, "{text:?}");
        if let Some(month) = found {
            assert_eq!(month.to_string(), text);
            assert_eq!(Month::of(month.last_day()), Some(month));
        }
    }
}
