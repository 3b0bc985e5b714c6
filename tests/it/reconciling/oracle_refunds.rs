//! The slow reconciler's refunds. No column of a bill holds RefundId: they are paired by payment, amount and time.

use chrono::{DateTime, TimeDelta, Utc};

use super::facts::{Ids, Order, Refund, beijing_day, same};
use super::oracle::{Counted, Row, Scope, bill_columns, days, repeats, text};

/// How long a refund may take from its request to its push.
fn refund_takes() -> TimeDelta {
    TimeDelta::days(15)
}

/// The same 微信退款单号 on several days or in several files counts once: what succeeded, then what is earliest.
pub fn once_each(lines: Vec<Counted>) -> Vec<Counted> {
    let rank = |counted: &Counted| counted.line.refund_state != Some("SUCCESS");
    let mut lines = lines;
    lines.sort_by(|one, other| (rank(one), one.place()).cmp(&(rank(other), other.place())));
    let mut kept: Vec<Counted> = Vec::new();
    for line in lines {
        if !kept.iter().any(|known| same(&known.line.wx_refund_id, &line.line.wx_refund_id)) {
            kept.push(line);
        }
    }
    kept
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Found {
    Equal(usize),
    Differing(usize),
    Ambiguous,
    Nothing,
}

struct Side<'a> {
    refund: &'a Refund,
    payment: Option<String>,
    order: Option<&'a Order>,
    found: Found,
}

/// All refund rows of a merchant.
pub fn rows(scope: &Scope<'_>) -> Vec<Row> {
    let mut ledger: Vec<Side<'_>> = ledger(scope);
    let mut bill = vec![Found::Nothing; scope.refund_lines.len()];
    let mut payments: Vec<&str> = scope.refund_lines.iter().map(|counted| counted.line.tx.as_str()).collect();
    payments.sort_unstable();
    payments.dedup();
    for payment in payments {
        pair_payment(scope, payment, &mut ledger, &mut bill);
    }
    let mut rows = Vec::new();
    for side in &ledger {
        let counted = match side.found {
            Found::Equal(line) | Found::Differing(line) => Some(&scope.refund_lines[line]),
            Found::Ambiguous | Found::Nothing => None,
        };
        let status = status(scope, &ledger, Some(side), counted, side.found);
        rows.push(row(scope, Some(side), counted, status));
    }
    for (place, counted) in scope.refund_lines.iter().enumerate() {
        if matches!(bill[place], Found::Ambiguous | Found::Nothing) {
            let status = status(scope, &ledger, None, Some(counted), bill[place]);
            rows.push(row(scope, None, Some(counted), status));
        }
    }
    rows
}

fn ledger<'a>(scope: &Scope<'a>) -> Vec<Side<'a>> {
    let ours = |refund: &&Refund| refund.merchant.as_deref() == Some(scope.merchant) && !refund.is_sandbox;
    let mut refunds: Vec<_> = scope.seen.refunds.iter().filter(ours).collect();
    refunds.sort_by_key(|refund| (refund.first_at, &refund.app, &refund.id));
    let side = |refund| {
        let order = order_of(scope, refund);
        Side { refund, payment: payment_of(scope, refund), order, found: Found::Nothing }
    };
    refunds.into_iter().map(side).collect()
}

fn by_number<'a>(scope: &Scope<'a>, refund: &Refund) -> Option<&'a Order> {
    let number = refund.number.as_ref()?;
    scope.orders.iter().copied().find(|order| order.app == refund.app && &order.number == number)
}

/// The TransactionId that a refund gives money back of.
fn payment_of(scope: &Scope<'_>, refund: &Refund) -> Option<String> {
    let of_number = by_number(scope, refund);
    let mch = refund.ids.mch.clone().or_else(|| of_number.and_then(|order| order.ids.mch.clone()));
    let of_mch = scope.orders.iter().filter(|order| same(&order.ids.mch, &mch));
    let mut billed = scope
        .payments
        .iter()
        .map(|payment| &payment.first.line)
        .filter(|line| same(&line.mch, &mch))
        .map(|line| line.tx.clone())
        .collect::<Vec<_>>();
    billed.sort();
    let of_mch = of_mch.filter_map(|order| order.ids.tx.clone()).next();
    refund
        .ids
        .tx
        .clone()
        .or_else(|| of_number.and_then(|order| order.ids.tx.clone()))
        .or(of_mch)
        .or_else(|| billed.into_iter().next())
}

fn order_of<'a>(scope: &Scope<'a>, refund: &Refund) -> Option<&'a Order> {
    let payment = payment_of(scope, refund);
    let find = |is_it: &dyn Fn(&Order) -> bool| scope.orders.iter().copied().find(|order| is_it(order));
    by_number(scope, refund)
        .or_else(|| find(&|order| same(&order.ids.tx, &payment)))
        .or_else(|| find(&|order| same(&order.ids.mch, &refund.ids.mch)))
}

fn refunded_at(counted: &Counted) -> DateTime<Utc> {
    counted.line.refunded_at.unwrap_or(counted.line.traded_at)
}

fn pair_payment(scope: &Scope<'_>, payment: &str, ledger: &mut [Side<'_>], bill: &mut [Found]) {
    let lines: Vec<usize> =
        (0..bill.len()).filter(|place| scope.refund_lines[*place].line.tx == payment).collect();
    let amount = |line: usize| scope.refund_lines[line].line.amount();
    // An attempt that failed stands for nothing where another of its amount did not fail.
    let has_failed = |line: usize| scope.refund_lines[line].line.refund_state == Some("FAIL");
    let is_retried = |line: usize| {
        let again = |other: &usize| !has_failed(*other) && amount(*other) == amount(line);
        has_failed(line) && amount(line).is_some() && lines.iter().any(again)
    };
    let lines: Vec<usize> = lines.iter().copied().filter(|line| !is_retried(*line)).collect();
    let mut amounts: Vec<_> = lines.iter().filter_map(|line| amount(*line)).collect();
    amounts.sort_unstable();
    amounts.dedup();
    for fen in amounts {
        // The ledger's stand in the order of their times.
        let ours: Vec<usize> = (0..ledger.len())
            .filter(|side| {
                ledger[*side].payment.as_deref() == Some(payment) && ledger[*side].refund.fen == fen
            })
            .collect();
        let mut theirs: Vec<usize> =
            lines.iter().copied().filter(|line| amount(*line) == Some(fen)).collect();
        theirs.sort_by_key(|line| {
            let counted = &scope.refund_lines[*line];
            (refunded_at(counted), counted.line.wx_refund_id.clone())
        });
        if ours.len() == theirs.len() {
            for (side, line) in ours.into_iter().zip(theirs) {
                ledger[side].found = Found::Equal(line);
                bill[line] = Found::Equal(side);
            }
        } else if !ours.is_empty() && !theirs.is_empty() {
            ours.into_iter().for_each(|side| ledger[side].found = Found::Ambiguous);
            theirs.into_iter().for_each(|line| bill[line] = Found::Ambiguous);
        }
    }
    let ours: Vec<usize> = (0..ledger.len())
        .filter(|side| {
            ledger[*side].payment.as_deref() == Some(payment) && ledger[*side].found == Found::Nothing
        })
        .collect();
    let theirs: Vec<usize> = lines.into_iter().filter(|line| bill[*line] == Found::Nothing).collect();
    match (ours.as_slice(), theirs.as_slice()) {
        ([], _) | (_, []) => {}
        ([side], [line]) => {
            ledger[*side].found = Found::Differing(*line);
            bill[*line] = Found::Differing(*side);
        }
        _ => {
            ours.into_iter().for_each(|side| ledger[side].found = Found::Ambiguous);
            theirs.into_iter().for_each(|line| bill[line] = Found::Ambiguous);
        }
    }
}

/// The first of the list that applies.
fn status(
    scope: &Scope<'_>,
    ledger: &[Side<'_>],
    side: Option<&Side<'_>>,
    counted: Option<&Counted>,
    found: Found,
) -> &'static str {
    let state = counted.and_then(|counted| counted.line.refund_state);
    let is_successful = state.is_none_or(|state| state == "SUCCESS");
    let order = side.and_then(|side| side.order);
    let exceeds = order.is_some_and(|order| {
        let of_order = ledger.iter().filter(|other| {
            other.order.is_some_and(|other| other.app == order.app && other.number == order.number)
        });
        of_order.map(|other| other.refund.fen).sum::<i64>() > order.amount_fen
    });
    let is_other = |counted: &&Counted| side.is_none() && scope.is_of_other_app(&counted.line);
    if counted.is_some_and(|counted| is_other(&counted)) {
        return "other_app";
    }
    let is_equal = matches!(found, Found::Equal(_));
    if is_equal && is_successful && order.is_some() && !exceeds {
        return "refund_matched";
    }
    if found == Found::Ambiguous {
        return "refund_ambiguous";
    }
    match (side, counted) {
        (Some(side), None) if is_of_other_channel(side) => "other_channel",
        (Some(side), None) if is_window_covered(scope, side) => "refund_missing_in_bill",
        (Some(_), None) => "refund_awaiting_bill",
        (None, Some(counted)) if is_successful => {
            if refunded_at(counted) + repeats() > scope.as_of {
                "refund_awaiting_push"
            } else {
                "refund_missing_in_ledger"
            }
        }
        (Some(_), Some(_)) if matches!(found, Found::Differing(_)) => "refund_amount_differs",
        (Some(_), Some(_)) if exceeds => "refund_exceeds_payment",
        (Some(_), Some(_)) if order.is_none() => "refund_without_order",
        _ => "refund_not_successful",
    }
}

/// Its order was not paid through WeChat Pay, as far as anybody says: no bill can have the refund.
fn is_of_other_channel(side: &Side<'_>) -> bool {
    side.refund.ids == Ids::default() && side.order.is_some_and(|order| order.ids == Ids::default())
}

fn is_window_covered(scope: &Scope<'_>, side: &Side<'_>) -> bool {
    let pushed = beijing_day(side.refund.first_at);
    let earliest = beijing_day(side.refund.first_at - refund_takes());
    let first = side.order.map_or(earliest, |order| earliest.max(beijing_day(order.first_at - repeats())));
    days(first, pushed).all(|day| scope.is_covered(day, &["all", "refund"]))
}

/// A line without 微信退款单号 is told by its payment and its place among the others.
fn case_id(scope: &Scope<'_>, counted: &Counted) -> String {
    let before = |other: &&Counted| {
        other.line.wx_refund_id.is_none()
            && other.line.tx == counted.line.tx
            && other.place() <= counted.place()
    };
    let nth = scope.refund_lines.iter().filter(before).count();
    counted.line.wx_refund_id.clone().unwrap_or_else(|| format!("{}#{nth}", counted.line.tx))
}

fn row(scope: &Scope<'_>, side: Option<&Side<'_>>, counted: Option<&Counted>, status: &str) -> Row {
    let ledger_fen = side.map(|side| side.refund.fen);
    let bill_fen = counted.and_then(|counted| counted.line.amount());
    let paired = side.is_some() && counted.is_some();
    let mut row = Row::from([
        ("merchant", scope.merchant.to_owned()),
        ("kind", "refund".to_owned()),
        ("status", status.to_owned()),
        ("rule", if paired { "refund_amount_time" } else { "none" }.to_owned()),
        ("ledger_fen", text(ledger_fen)),
        ("bill_fen", text(bill_fen)),
        ("difference_fen", (ledger_fen.unwrap_or(0) - bill_fen.unwrap_or(0)).to_string()),
        ("refund_id", text(side.map(|side| &side.refund.id))),
        ("wx_refund_id", text(counted.and_then(|counted| counted.line.wx_refund_id.as_ref()))),
    ]);
    if let Some(side) = side {
        row.insert("app", side.refund.app.clone());
        row.insert("case_kind", "refund".to_owned());
        row.insert("case_id", format!("{}.{}", side.refund.app, side.refund.id));
    } else if let Some(counted) = counted {
        row.insert("case_kind", "bill_refund".to_owned());
        row.insert("case_id", case_id(scope, counted));
    }
    bill_columns(&mut row, counted, side.map(|side| side.refund.first_at));
    row.insert(
        "funds",
        text(counted.map(|counted| {
            let ids = [counted.line.wx_refund_id.as_deref(), Some(counted.line.tx.as_str())];
            // Coupons are not given back in money.
            scope.funds_of(counted.day, false, &ids, counted.line.refund_fen.or(bill_fen))
        })),
    );
    row
}
