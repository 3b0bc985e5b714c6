use super::*;

fn key() -> CaseKey {
    CaseKey::new(MerchantId::parse("1900000109").unwrap(), CaseKind::Order, "demo.A").unwrap()
}

#[derive(Clone, Copy, Debug)]
enum Said {
    Resolve {
        facts: &'static str,
        reason: &'static str,
        by: &'static str,
    },
    /// Seen when this person had had the last word.
    ResolveSeen {
        seen_by: &'static str,
        facts: &'static str,
        reason: &'static str,
        by: &'static str,
    },
    Reopen {
        by: &'static str,
    },
}

fn decide(case: &Case, said: Said) -> Result<Option<Event>, CaseError> {
    let judgement = |facts: &str, reason: &str| {
        let (facts, reason) = (facts.to_owned(), reason.to_owned());
        Judgement { status: "amount_differs".into(), facts, reason }
    };
    match said {
        Said::Resolve { facts, reason, by } => Ok(case.decide_resolve(&key(), &judgement(facts, reason), by)),
        Said::ResolveSeen { seen_by, facts, reason, by } => {
            case.decide_resolve_as_seen(&key(), &judgement(facts, reason), seen_by, by)
        }
        Said::Reopen { by } => case.decide_reopen(&key(), "looked again", by),
    }
}

/// What the last word meant after those before it.
fn last(said: &[Said]) -> String {
    let (mut case, mut meant) = (Case::default(), String::new());
    for said in said {
        let decided = decide(&case, *said);
        meant = match &decided {
            Ok(Some(Event::Case(CaseEvent::Resolved { revision, .. }))) => format!("resolved r{revision}"),
            Ok(Some(Event::Case(CaseEvent::Reopened { revision, .. }))) => format!("reopened r{revision}"),
            Ok(Some(other)) => panic!("{other:?}"),
            Ok(None) => "nothing".to_owned(),
            Err(error) => error.to_string(),
        };
        case = decided.unwrap_or_default().iter().fold(case, Case::evolve);
    }
    meant
}

#[test]
fn what_a_word_about_a_case_becomes() {
    let resolve = |facts, reason, by| Said::Resolve { facts, reason, by };
    let (known, again) = (resolve("f", "known", "lin"), resolve("f", "known", "chen"));
    let reopen = Said::Reopen { by: "lin" };
    for (said, expected) in [
        (&[known][..], "resolved r1"),
        (&[known, known], "nothing"),
        (&[known, again], "nothing"),
        (&[known, resolve("f", "another reason", "lin")], "resolved r2"),
        // The facts have changed: the case had lapsed.
        (&[known, resolve("g", "known", "lin")], "resolved r2"),
        (&[known, resolve("g", "known", "lin"), known], "resolved r3"),
        (&[reopen], "the case was never resolved, so it is open"),
        (&[known, reopen], "reopened r2"),
        (&[known, reopen, Said::Reopen { by: "chen" }], "nothing"),
        (&[known, reopen, known], "resolved r3"),
    ] {
        assert_eq!(last(said), expected, "{said:?}");
    }
}

#[test]
fn a_row_that_was_seen_before_the_last_word_resolves_nothing() {
    let resolve = |reason, by| Said::Resolve { facts: "f", reason, by };
    let seen = |seen_by, facts, reason| Said::ResolveSeen { seen_by, facts, reason, by: "lin" };
    let (known, by_wu) = (resolve("known", "lin"), Said::Reopen { by: "wu" });
    let by_lin = Said::Reopen { by: "lin" };
    for (said, expected) in [
        (&[seen("", "f", "known")][..], "resolved r1"),
        // The row of an order that was judged as a payment.
        (&[seen("lin", "f", "known")], "resolved r1"),
        // The same file again, and one that was taken after it.
        (&[seen("", "f", "known"), seen("", "f", "known")], "nothing"),
        (&[known, seen("lin", "f", "known")], "nothing"),
        (&[known, seen("lin", "f", "better")], "resolved r2"),
        // Lapsed, and seen so.
        (&[known, seen("lin", "g", "known")], "resolved r2"),
        // Opened again since, and seen so.
        (&[known, by_wu, seen("lin", "f", "known")], "wu"),
        (&[known, by_wu, seen("", "f", "known")], "wu"),
        (&[known, by_wu, seen("wu", "f", "known")], "resolved r3"),
        // By the same person: what was taken back is not said by an old file.
        (&[known, by_lin, seen("lin", "f", "known")], "lin"),
        (&[known, by_lin, seen("lin", "f", "looked into")], "resolved r3"),
        // Another reason since.
        (&[known, resolve("better", "wu"), seen("lin", "f", "known")], "wu"),
        (&[known, resolve("better", "lin"), seen("lin", "f", "known")], "lin"),
        (&[known, resolve("better", "wu"), seen("", "f", "known")], "wu"),
        (&[resolve("better", "wu"), seen("", "f", "never said")], "wu"),
    ] {
        let told = last(said);
        let has_said = |expected: &str| told.starts_with(&format!("{expected} has spoken of it since"));
        assert!(told == expected || has_said(expected), "{said:?}: {told}");
    }
}

#[test]
fn a_cases_id_is_any_short_text_without_control_characters() {
    let merchant = MerchantId::parse("19").unwrap();
    let (longest, long) = ("x".repeat(200), "x".repeat(201));
    for (id, valid) in
        [("4200#2", true), ("demo.A|*@", true), (&longest, true), ("", false), (&long, false), ("a\n", false)]
    {
        assert_eq!(CaseKey::new(merchant.clone(), CaseKind::Payment, id).is_ok(), valid, "{id:?}");
    }
    for kind in CaseKind::ALL {
        assert_eq!(CaseKind::parse(kind.as_str()), Some(kind));
    }
}
