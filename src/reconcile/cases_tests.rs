//! What is judged of a row, and what is refused.

use super::*;
use crate::domain::bill::MerchantId;
use crate::domain::case::CaseKind;
use crate::table::{Cell, Column, Unit};

fn row(status: &str, facts: &str, case_state: Option<&str>) -> Table {
    let column = |name: &str| Column { name: name.into(), unit: Unit::Text, label: String::new() };
    let text = |text: &str| Cell::Text(text.into());
    Table {
        columns: ["status", "facts", "case_state"].map(column).to_vec(),
        rows: vec![vec![text(status), text(facts), case_state.map_or(Cell::Null, text)]],
    }
}

#[test]
fn only_what_still_stands_as_it_was_seen_is_judged() {
    let merchant = MerchantId::parse("1900000109").unwrap();
    let key = CaseKey::new(merchant, CaseKind::Order, "demo.A").unwrap();
    let missing = row("missing_in_bill", "{a}", Some("open"));
    for (table, status, facts, refused) in [
        (&missing, Some("missing_in_bill"), Some("{a}"), None),
        (&missing, None, None, None),
        (&row("missing_in_bill", "{a}", Some("lapsed")), None, Some("{a}"), None),
        (&row("missing_in_bill", "{a}", Some("resolved")), None, Some("{a}"), None),
        (&missing, Some("amount_differs"), Some("{a}"), Some("its status is missing_in_bill now")),
        (&missing, Some("missing_in_bill"), Some("{b}"), Some("its status is still missing_in_bill, but")),
        (&row("matched", "{a}", None), None, None, Some("its status is matched, which needs no decision")),
        (&Table::default(), None, None, Some("no row of merchant 1900000109 has the case order demo.A")),
    ] {
        let asked =
            Asked { key: &key, status, facts, reason: "because", since: Since::Revision(Upon::Whatever) };
        let judged = judgement(&asked, "because", table);
        match refused {
            None => {
                let judged = judged.unwrap();
                assert_eq!((judged.facts.as_str(), judged.reason.as_str()), ("{a}", "because"));
            }
            Some(refused) => {
                let error = judged.unwrap_err();
                assert!(error.to_string().starts_with(refused) && error.is_of_the_row(), "{error}");
            }
        }
    }
}
