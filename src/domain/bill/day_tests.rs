use super::super::{BillKind, BillLines, FundTotals, MerchantId, TradeTotals};
use super::*;
use crate::domain::samples::{self, sha256};

fn key() -> BillKey {
    let merchant = MerchantId::parse("1900000109").unwrap();
    BillKey { merchant, day: "2026-01-01".parse().unwrap(), kind: BillKind::all() }
}

/// What a person or an import says of a bill of two rows.
#[derive(Clone, Copy, Debug)]
enum Said {
    Open(char),
    /// Opened to take the place of what counts.
    Supersede(char),
    /// Opened by another reading of the same file.
    OpenAs(char, &'static str),
    /// Opened where the lines of a revision are read otherwise now: to supersede, and not.
    SupersedeAnew(char, u64),
    OpenAnew(char, u64),
    Lines(usize),
    Seal(char),
    SealOver(char),
    Empty,
}

use Said::{Empty, Lines, Open, OpenAnew, OpenAs, Seal, SealOver, Supersede, SupersedeAnew};

fn opening(name: char, profile: &str, supersede: Option<&str>) -> BillOpening {
    BillOpening {
        covers: Covers::Both,
        sha256: sha256(name),
        file_name: "bill.csv".into(),
        profile: profile.into(),
        rows: 2,
        by: "lin".into(),
        supersede: supersede.map(str::to_owned),
        read_otherwise: vec![],
    }
}

fn two_payments() -> Totals {
    Totals::Trade(TradeTotals { payments: 2, ..TradeTotals::default() })
}

fn shown(events: &[BillEvent]) -> String {
    let event = |event: &BillEvent| match event {
        BillEvent::Opened { revision, sha256, .. } => format!("opened {} r{revision}", &sha256.as_str()[..1]),
        BillEvent::Lines { revision, lines } => format!("{} lines r{revision}", lines.len()),
        BillEvent::Sealed { revision, sha256, .. } => format!("sealed {} r{revision}", &sha256.as_str()[..1]),
        BillEvent::Superseded { revision, sha256, by_sha256, .. } => {
            format!("superseded {} by {} r{revision}", &sha256.as_str()[..1], &by_sha256.as_str()[..1])
        }
        BillEvent::DeclaredEmpty { revision, .. } => format!("empty r{revision}"),
    };
    events.iter().map(event).collect::<Vec<_>>().join(", ")
}

fn decide(day: &BillDay, said: Said) -> Result<Vec<BillEvent>, String> {
    let open = |opening: BillOpening| match day.decide_open(&key(), &opening) {
        Ok(OpenDecision::Begin(event)) => Ok(vec![event]),
        Ok(OpenDecision::Stands) => Err("stands".to_owned()),
        Ok(OpenDecision::GoOn) => Err(format!("goes on after {}", day.open.as_ref().unwrap().rows_stored)),
        Err(BillRefusal::Differs { sealed }) => Err(format!("{} counts", &sealed.as_str()[..1])),
        Err(other) => Err(other.to_string()),
    };
    let seal = |opening: BillOpening| {
        day.decide_seal(&key(), &opening, &two_payments()).map_err(|error| match error {
            BillRefusal::Differs { sealed } => format!("{} counts", &sealed.as_str()[..1]),
            other => other.to_string(),
        })
    };
    match said {
        Open(name) => open(opening(name, "wechat_all", None)),
        Supersede(name) => open(opening(name, "wechat_all", Some("issued anew"))),
        OpenAs(name, profile) => open(opening(name, profile, None)),
        SupersedeAnew(name, revision) => {
            let opening = opening(name, "wechat_all", Some("a corrected profile"));
            open(BillOpening { read_otherwise: vec![revision], ..opening })
        }
        OpenAnew(name, revision) => {
            open(BillOpening { read_otherwise: vec![revision], ..opening(name, "wechat_all", None) })
        }
        Lines(count) => {
            let lines = BillLines::Trade(vec![samples::bill_line(); count]);
            Ok(vec![BillEvent::Lines { revision: day.open.as_ref().unwrap().revision, lines }])
        }
        Seal(name) => seal(opening(name, "wechat_all", None)),
        SealOver(name) => seal(opening(name, "wechat_all", Some("issued anew"))),
        Empty => day
            .decide_empty(&key(), Covers::Both, "NO_STATEMENT_EXIST", "lin")
            .map(|event| event.into_iter().collect())
            .map_err(|_| "a file counts".to_owned()),
    }
}

/// Lets them be said one after the other; shows what the last one meant.
fn last(said: &[Said]) -> String {
    let (mut day, mut meant) = (BillDay::default(), String::new());
    for said in said {
        match decide(&day, *said) {
            Ok(events) => {
                meant = shown(&events);
                day = events.iter().fold(day, BillDay::evolve);
            }
            Err(refused) => meant = format!("no: {refused}"),
        }
    }
    meant
}

#[test]
fn what_an_import_means_for_a_bill() {
    for (said, expected) in [
        (&[Open('a')][..], "opened a r1"),
        (&[Open('a'), Open('a')], "no: goes on after 0"),
        (&[Open('a'), Lines(1), Open('a')], "no: goes on after 1"),
        (&[Open('a'), Lines(1), Lines(1), Seal('a')], "sealed a r1"),
        // The same content again is nothing, also where it is to supersede.
        (&[Open('a'), Lines(2), Seal('a'), Open('a')], "no: stands"),
        (&[Open('a'), Lines(2), Seal('a'), Supersede('a')], "no: stands"),
        (&[Open('a'), Lines(2), Seal('a'), OpenAs('a', "mine")], "no: stands"),
        // Lines that never were sealed count nothing: another file, or another reading of it, begins again.
        (&[Open('a'), Lines(2), Open('b')], "opened b r2"),
        (&[Open('a'), Lines(2), OpenAs('a', "mine")], "opened a r2"),
        (&[Open('a'), Lines(2), Open('b'), Open('a')], "opened a r3"),
        (&[Open('a'), Lines(2), Open('b'), Open('a'), Open('a')], "no: goes on after 0"),
        // So does a file whose lines are read otherwise now; one that counts needs a reason.
        (&[Open('a'), Lines(1), OpenAnew('a', 1)], "opened a r2"),
        (&[Open('a'), Lines(1), OpenAnew('a', 1), OpenAnew('a', 1)], "no: goes on after 0"),
        (&[Open('a'), Lines(2), Seal('a'), OpenAnew('a', 1)], "no: stands"),
        (&[Open('a'), Lines(2), Seal('a'), SupersedeAnew('a', 1)], "opened a r2"),
        (
            &[Open('a'), Lines(2), Seal('a'), SupersedeAnew('a', 1), Lines(2), SealOver('a')],
            "superseded a by a r1, sealed a r2",
        ),
        (
            &[
                Open('a'),
                Lines(2),
                Seal('a'),
                SupersedeAnew('a', 1),
                Lines(2),
                SealOver('a'),
                SupersedeAnew('a', 1),
            ],
            "no: stands",
        ),
        // A different content needs a reason.
        (&[Open('a'), Lines(2), Seal('a'), Open('b')], "no: a counts"),
        (&[Open('a'), Lines(2), Seal('a'), Supersede('b')], "opened b r2"),
        (&[Open('a'), Lines(2), Seal('a'), Supersede('b'), Open('b')], "no: a counts"),
        (&[Open('a'), Lines(2), Seal('a'), Supersede('b'), Supersede('b')], "no: goes on after 0"),
        (&[Open('a'), Lines(2), Seal('a'), Supersede('b'), Open('a')], "no: stands"),
        (
            &[Open('a'), Lines(2), Seal('a'), Supersede('b'), Lines(2), SealOver('b')],
            "superseded a by b r1, sealed b r2",
        ),
        (&[Open('a'), Lines(2), Seal('a'), Supersede('b'), Lines(2), Seal('b')], "no: a counts"),
        // Back to the first: a fact of its own.
        (
            &[
                Open('a'),
                Lines(2),
                Seal('a'),
                Supersede('b'),
                Lines(2),
                SealOver('b'),
                Supersede('a'),
                Lines(2),
                SealOver('a'),
            ],
            "superseded b by a r2, sealed a r3",
        ),
        // Only what is open and whole is sealed.
        (
            &[Open('a'), Lines(1), Seal('a')],
            "no: 1 of 2 lines stand, and the totals count 2: it cannot be sealed",
        ),
        (
            &[Open('a'), Lines(3), Seal('a')],
            "no: 3 of 2 lines stand, and the totals count 2: it cannot be sealed",
        ),
        (&[Open('a'), Lines(3), Open('a')], "opened a r2"),
        (
            &[Open('a'), Lines(2), Seal('b')],
            "no: no file is open: it has been sealed or begun anew by somebody else",
        ),
        (
            &[Open('a'), Lines(2), Seal('a'), Seal('a')],
            "no: no file is open: it has been sealed or begun anew by somebody else",
        ),
        // That there is no bill.
        (&[Empty], "empty r1"),
        (&[Empty, Empty], ""),
        (&[Empty, Open('a')], "opened a r2"),
        (&[Empty, Open('a'), Lines(2), Seal('a')], "sealed a r2"),
        (&[Empty, Open('a'), Lines(1), Empty], ""),
        (&[Open('a'), Lines(1), Empty], "empty r2"),
        (&[Open('a'), Lines(1), Empty, Open('a')], "opened a r3"),
        (&[Open('a'), Lines(2), Seal('a'), Empty], "no: a file counts"),
    ] {
        assert_eq!(last(said), expected, "{said:?}");
    }
}

#[test]
fn lines_of_another_opening_are_not_counted_and_totals_of_another_count_seal_nothing() {
    let OpenDecision::Begin(opened) =
        BillDay::default().decide_open(&key(), &opening('a', "wechat_all", None)).unwrap()
    else {
        panic!("it begins");
    };
    let mut day = BillDay::default().evolve(&opened);
    day.count_lines(7, 2);
    assert_eq!(day.open.as_ref().unwrap().rows_stored, 0);
    day.count_lines(1, 2);
    let totals = Totals::Funds(FundTotals { incomes: 1, ..FundTotals::default() });
    assert_eq!(
        day.decide_seal(&key(), &opening('a', "wechat_all", None), &totals),
        Err(BillRefusal::Incomplete { rows: 2, stored: 2, counted: 1 })
    );
}
