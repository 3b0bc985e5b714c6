//! What becomes of a bill's line and what a person enters.

use super::*;
use crate::table::{Cell, Column, Table, Unit};

const SHA: &str = "00000000000000000000000000000000000000000000000000000000000000aa";

/// A payment of the bill that nobody knows, with some of its columns changed.
fn payment(changed: &[(&str, Cell)]) -> Table {
    let text = |text: &str| Cell::Text(text.into());
    let mut cells = vec![
        ("status", text("missing_in_ledger")),
        ("app", text("demo")),
        ("open_id", text("oAnna")),
        ("bill_fen", Cell::Integer(600)),
        ("mch_order_no", text("M1")),
        ("bill_sha256", text(SHA)),
        ("bill_line", Cell::Integer(7)),
    ];
    for (name, cell) in changed {
        cells.iter_mut().filter(|(other, _)| other == name).for_each(|(_, known)| *known = cell.clone());
    }
    let column =
        |(name, _): &(&str, Cell)| Column { name: (*name).into(), unit: Unit::Text, label: String::new() };
    Table {
        columns: cells.iter().map(column).collect(),
        rows: vec![cells.into_iter().map(|(_, cell)| cell).collect()],
    }
}

fn proposal() -> Proposal {
    Proposal {
        merchant: MerchantId::parse("1900000109").unwrap(),
        transaction_id: "4200001".into(),
        app: None,
        out_trade_no: OutTradeNo::parse("R1").unwrap(),
        open_id: None,
        product_id: "gem".into(),
        quantity: 1,
        zone_id: Some("1".into()),
        evidence: " the game's log ".into(),
    }
}

fn told(proposal: &Proposal, changed: &[(&str, Cell)]) -> Result<(AppSlug, RecoveredOrder), String> {
    let table = payment(changed);
    recovered(proposal, table.rows().next().unwrap()).map_err(|error| error.to_string())
}

#[test]
fn amount_payment_player_and_app_come_from_the_bill() {
    let (app, order) = told(&proposal(), &[("status", Cell::Text("awaiting_push".into()))]).unwrap();
    assert_eq!(app.as_str(), "demo");
    assert_eq!((order.amount, order.open_id.as_str(), order.bill_line), (Fen(600), "oAnna", 7));
    assert_eq!(order.payment.mch_order_no.as_deref(), Some("M1"));
    assert_eq!(order.payment.transaction_id.as_deref(), Some("4200001"));
    assert_eq!(order.evidence, "the game's log");
    let given = Proposal {
        app: Some(AppSlug::parse("other").unwrap()),
        open_id: Some(OpenId::parse("oBert").unwrap()),
        ..proposal()
    };
    let (app, order) = told(&given, &[("app", Cell::Null), ("open_id", Cell::Null)]).unwrap();
    assert_eq!((app.as_str(), order.open_id.as_str()), ("other", "oBert"), "where the bill names none");
}

#[test]
fn what_cannot_be_recovered_is_refused_with_the_field() {
    let text = |text: &str| Cell::Text(text.into());
    for (changed, error) in [
        (("status", text("matched")), "the payment's status is matched"),
        (("status", text("other_app")), "the payment's status is other_app"),
        (("app", Cell::Null), "app: the bill does not name it"),
        (("open_id", Cell::Null), "open_id: the bill does not name it"),
        (("bill_fen", Cell::Null), "the bill's line has no bill_fen"),
        (("bill_sha256", Cell::Null), "the bill's line has no bill_sha256"),
    ] {
        let found = told(&proposal(), std::slice::from_ref(&changed)).unwrap_err();
        assert!(found.starts_with(error), "{changed:?}: {found}");
    }
    let with = |change: &dyn Fn(&mut Proposal)| {
        let mut changed = proposal();
        change(&mut changed);
        told(&changed, &[]).unwrap_err()
    };
    assert!(with(&|it| it.quantity = 0).starts_with("quantity: must be at least 1"));
    assert!(with(&|it| it.product_id = String::new()).starts_with("product_id: "));
    assert!(with(&|it| it.evidence = "  ".into()).starts_with("evidence: "));
    assert!(
        with(&|it| it.open_id = OpenId::parse("oBert").ok()).starts_with("open_id: the bill names another")
    );
    assert!(with(&|it| it.app = AppSlug::parse("other").ok()).starts_with("app: the bill names another"));
}
