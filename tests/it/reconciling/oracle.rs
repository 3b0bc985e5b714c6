//! A reconciler that is slow and obviously right: what the report must say of a set of facts. Payments here,
//! refunds in `oracle_refunds`. Nothing of it is shared with the program.

use std::collections::BTreeMap;

use chrono::{DateTime, NaiveDate, TimeDelta, Utc};

use super::facts::{App, Bill, Bought, Ids, Line, Order, Seen, beijing_day, same};
use super::oracle_refunds;

/// A row of the report, by column; what is NULL is `-`.
pub type Row = BTreeMap<&'static str, String>;

/// 24 h 04 m: as long as WeChat repeats a push.
pub fn repeats() -> TimeDelta {
    TimeDelta::minutes(24 * 60 + 4)
}

const KINDS: [&str; 3] = ["all", "success", "refund"];

/// Which file counts first.
pub fn kind_place(kind: &str) -> (usize, &str) {
    (KINDS.iter().position(|known| *known == kind).unwrap_or(KINDS.len()), kind)
}

/// A line that counts, and where it stands.
#[derive(Clone, Debug)]
pub struct Counted {
    pub day: NaiveDate,
    pub kind: &'static str,
    pub sha: String,
    pub number: u64,
    pub line: Line,
}

impl Counted {
    pub fn place(&self) -> (NaiveDate, (usize, &str), u64) {
        (self.day, kind_place(self.kind), self.number)
    }
}

/// A payment of the bills: its first line, and what repeats it.
pub struct BillPayment {
    pub first: Counted,
    pub further: Vec<Counted>,
}

/// One merchant's side of everything.
pub struct Scope<'a> {
    pub merchant: &'a str,
    pub seen: &'a Seen,
    pub orders: Vec<&'a Order>,
    pub payments: Vec<BillPayment>,
    pub refund_lines: Vec<Counted>,
    /// Per payment, the place of its order, and the rule.
    pub pairs: Vec<Option<(usize, &'static str)>>,
    pub as_of: DateTime<Utc>,
}

/// All rows of a merchant.
pub fn report(seen: &Seen, merchant: &str, as_of: DateTime<Utc>) -> Vec<Row> {
    let scope = Scope::new(seen, merchant, as_of);
    let mut rows = scope.payment_rows();
    rows.extend(oracle_refunds::rows(&scope));
    rows
}

/// What a line of one file has in common with the same line of another.
fn is_repeated(one: &Line, other: &Line) -> bool {
    one.is_refund == other.is_refund
        && one.tx == other.tx
        && one.state == other.state
        && one.amount() == other.amount()
        && (!one.is_refund
            || (one.mch == other.mch
                && one.order_fen == other.order_fen
                && one.wx_refund_id == other.wx_refund_id
                && one.refund_state == other.refund_state))
}

/// The lines of the sealed files that count once where several files of the same day hold them.
fn counted(bills: &[&Bill]) -> Vec<Counted> {
    let mut counted: Vec<Counted> = Vec::new();
    let mut bills = bills.to_vec();
    bills.sort_by_key(|bill| (bill.day, kind_place(bill.kind)));
    for bill in bills {
        for (place, (number, line)) in bill.lines.iter().enumerate() {
            let nth = bill.lines[..place].iter().filter(|(_, other)| is_repeated(other, line)).count();
            // How often each file before has it.
            let before = |kind: &'static str| {
                let of_kind = |known: &&Counted| known.day == bill.day && known.kind == kind;
                counted.iter().filter(of_kind).filter(|known| is_repeated(&known.line, line)).count()
            };
            let kinds: std::collections::BTreeSet<&'static str> = counted
                .iter()
                .filter(|known| known.day == bill.day && known.kind != bill.kind)
                .map(|known| known.kind)
                .collect();
            // Of several files the n-th such line counts once; so far counted are the first ones.
            let known: usize = kinds.into_iter().map(before).sum();
            if nth >= known {
                counted.push(Counted {
                    day: bill.day,
                    kind: bill.kind,
                    sha: bill.sha.clone().unwrap(),
                    number: *number,
                    line: line.clone(),
                });
            }
        }
    }
    counted
}

impl<'a> Scope<'a> {
    fn new(seen: &'a Seen, merchant: &'a str, as_of: DateTime<Utc>) -> Self {
        let of_merchant = |order: &&Order| order.merchant.as_deref() == Some(merchant) && !order.is_sandbox;
        let mut orders: Vec<_> = seen.orders.iter().filter(of_merchant).collect();
        orders.sort_by_key(|order| (&order.app, &order.number));
        let bills: Vec<_> =
            seen.bills.iter().filter(|bill| bill.merchant == merchant && bill.sha.is_some()).collect();
        let mut lines = counted(&bills);
        lines.sort_by(|one, other| one.place().cmp(&other.place()));
        let (refund_lines, payment_lines): (Vec<_>, Vec<_>) =
            lines.into_iter().partition(|counted| counted.line.is_refund);
        let mut payments: Vec<BillPayment> = Vec::new();
        for counted in payment_lines {
            match payments.iter_mut().find(|known| known.first.line.tx == counted.line.tx) {
                Some(known) => known.further.push(counted),
                None => payments.push(BillPayment { first: counted, further: vec![] }),
            }
        }
        let refund_lines = oracle_refunds::once_each(refund_lines);
        let pairs = pairs(&orders, &payments);
        Self { merchant, seen, orders, payments, refund_lines, pairs, as_of }
    }

    fn payment_rows(&self) -> Vec<Row> {
        let mut rows = Vec::new();
        for (place, payment) in self.payments.iter().enumerate() {
            let pair = self.pairs[place].map(|(order, rule)| (self.orders[order], rule));
            let is_doubled = !payment.further.is_empty();
            rows.push(self.payment_row(pair, Some((&payment.first, 1)), is_doubled));
            for (nth, further) in (2..).zip(&payment.further) {
                rows.push(self.payment_row(None, Some((further, nth)), is_doubled));
            }
        }
        for (place, order) in self.orders.iter().enumerate() {
            if !self.pairs.iter().flatten().any(|(paired, _)| *paired == place) {
                rows.push(self.payment_row(Some((order, "none")), None, false));
            }
        }
        rows
    }

    /// `line`: and which occurrence of its payment it is.
    fn payment_row(
        &self,
        order: Option<(&Order, &'static str)>,
        line: Option<(&Counted, usize)>,
        is_doubled: bool,
    ) -> Row {
        let (order, rule) = (order.map(|(order, _)| order), order.map_or("none", |(_, rule)| rule));
        let counted = line.map(|(counted, _)| counted);
        let ledger_fen = order.map(|order| order.amount_fen);
        let bill_fen = counted.and_then(|counted| counted.line.amount());
        let mut row = Row::from([
            ("merchant", self.merchant.to_owned()),
            ("kind", "payment".to_owned()),
            ("status", self.payment_status(order, counted, is_doubled).to_owned()),
            ("rule", rule.to_owned()),
            ("ledger_fen", text(ledger_fen)),
            ("bill_fen", text(bill_fen)),
            ("difference_fen", (ledger_fen.unwrap_or(0) - bill_fen.unwrap_or(0)).to_string()),
            ("out_trade_no", text(order.map(|order| &order.number))),
            ("refund_id", "-".to_owned()),
            ("grant_state", text(order.map(|order| order.grant))),
            ("transaction_id", text(known_id(order, counted, |ids| &ids.tx))),
            ("mch_order_no", text(known_id(order, counted, |ids| &ids.mch))),
            ("funds", text(counted.map(|counted| self.funds(counted)))),
        ]);
        if let Some(order) = order {
            row.insert("app", order.app.clone());
            row.insert("case_kind", "order".to_owned());
            row.insert("case_id", format!("{}.{}", order.app, order.number));
        } else if let Some((counted, nth)) = line {
            let suffix = if nth > 1 { format!("#{nth}") } else { String::new() };
            row.insert("case_kind", "payment".to_owned());
            row.insert("case_id", format!("{}{suffix}", counted.line.tx));
        }
        bill_columns(&mut row, counted, order.map(|order| order.first_at));
        row
    }

    /// The first of the list that applies.
    fn payment_status(
        &self,
        order: Option<&Order>,
        counted: Option<&Counted>,
        is_doubled: bool,
    ) -> &'static str {
        let line = counted.map(|counted| &counted.line);
        let alone = line.filter(|_| order.is_none());
        let amounts = match (order, line.and_then(Line::amount)) {
            (Some(order), Some(bill)) => Some((order.amount_fen, bill, i64::from(order.quantity))),
            _ => None,
        };
        let unpaired = order.filter(|_| line.is_none());
        let known: [(&'static str, bool); 13] = [
            ("other_app", alone.is_some_and(|line| self.is_of_other_app(line))),
            ("test_order", order.is_some_and(|order| order.bought == Bought::MallTest)),
            ("quarantined", alone.is_some_and(|line| self.is_named_by(&self.seen.held, line))),
            ("conflict", order.is_some_and(|order| order.is_contradicted)),
            ("other_channel", unpaired.is_some_and(|order| order.ids == Ids::default())),
            ("duplicate_in_bill", is_doubled),
            ("ids_disagree", self.do_ids_disagree(order, line)),
            (
                "amount_rule_suspect",
                amounts.is_some_and(|(ledger, bill, quantity)| {
                    ledger != bill && quantity > 1 && (ledger == bill * quantity || bill == ledger * quantity)
                }),
            ),
            ("amount_differs", amounts.is_some_and(|(ledger, bill, _)| ledger != bill)),
            (
                "currency_differs",
                line.is_some_and(|line| line.currency.is_some_and(|currency| currency != "CNY")),
            ),
            ("revoked_in_bill", line.is_some_and(|line| line.state == "REVOKED")),
            ("mock_in_bill", alone.is_some_and(|line| self.is_named_by(&self.seen.mocks, line))),
            ("sandbox_in_bill", alone.is_some_and(|line| self.is_sandbox(line))),
        ];
        if let Some((status, _)) = known.into_iter().find(|(_, applies)| *applies) {
            return status;
        }
        match (order, line) {
            (Some(order), None) if self.is_window_covered(order) => "missing_in_bill",
            (Some(_), None) => "awaiting_bill",
            (None, Some(line)) if line.traded_at + repeats() > self.as_of => "awaiting_push",
            (None, Some(_)) => "missing_in_ledger",
            (Some(order), Some(_)) if order.bought == Bought::Recovered => "matched_by_operator",
            (Some(_), Some(_)) => "matched",
            (None, None) => panic!("a row of nothing"),
        }
    }

    pub fn is_of_other_app(&self, line: &Line) -> bool {
        let is_ours = |app: &App| {
            Some(&app.app_id) == line.app_id.as_ref()
                && app.assignments.iter().any(|(_, merchant)| merchant == self.merchant)
        };
        line.app_id.is_some() && !self.seen.apps.iter().any(is_ours)
    }

    fn is_named_by(&self, facts: &[(String, Ids)], line: &Line) -> bool {
        facts.iter().any(|(_, ids)| ids.names(&ids_of(line)))
    }

    fn is_sandbox(&self, line: &Line) -> bool {
        let sandboxed = self.seen.orders.iter().filter(|order| order.is_sandbox);
        sandboxed
            .filter(|order| order.merchant.as_deref() == Some(self.merchant))
            .any(|order| order.ids.names(&ids_of(line)))
    }

    fn do_ids_disagree(&self, order: Option<&Order>, line: Option<&Line>) -> bool {
        match (order, line) {
            (Some(order), Some(line)) => {
                let differ = |one: &Option<String>, other: &Option<String>| {
                    one.is_some() && other.is_some() && one != other
                };
                let ids = ids_of(line);
                let all_known = order.ids.tx.is_some() && order.ids.mch.is_some() && ids.mch.is_some();
                let named = self.seen.apps.iter().find(|app| Some(&app.app_id) == line.app_id.as_ref());
                (all_known && (differ(&order.ids.tx, &ids.tx) || differ(&order.ids.mch, &ids.mch)))
                    || named.is_some_and(|named| named.app != order.app)
            }
            // Another order has its payment.
            (Some(order), None) => self
                .payments
                .iter()
                .zip(&self.pairs)
                .any(|(payment, pair)| pair.is_some() && order.ids.names(&ids_of(&payment.first.line))),
            (None, _) => false,
        }
    }

    /// Whether each day that the order's payment could stand in has its bill.
    fn is_window_covered(&self, order: &Order) -> bool {
        days(beijing_day(order.first_at - repeats()), beijing_day(order.first_at))
            .all(|day| self.is_covered(day, &["all", "success"]))
    }

    pub fn is_covered(&self, day: NaiveDate, kinds: &[&str]) -> bool {
        let mut bills = self.seen.bills.iter().filter(|bill| bill.merchant == self.merchant);
        bills.any(|bill| bill.day == day && kinds.contains(&bill.kind) && bill.stands())
    }

    fn funds(&self, counted: &Counted) -> &'static str {
        let line = &counted.line;
        let expected = line.settlement_fen.or(line.order_fen);
        self.funds_of(counted.day, true, &[Some(line.tx.as_str())], expected)
    }

    pub fn funds_of(
        &self,
        day: NaiveDate,
        is_income: bool,
        ids: &[Option<&str>],
        expected: Option<i64>,
    ) -> &'static str {
        let next = day.succ_opt().unwrap();
        if ![day, next].into_iter().all(|day| self.is_covered(day, &["fundflow"])) {
            return "not_imported";
        }
        let bills =
            self.seen.bills.iter().filter(|bill| bill.merchant == self.merchant && bill.sha.is_some());
        let named: Vec<_> = bills
            .flat_map(|bill| &bill.funds)
            .filter(|fund| fund.is_income == is_income && ids.contains(&Some(fund.business_id.as_str())))
            .collect();
        match named.as_slice() {
            [] => "missing",
            named if named.iter().any(|fund| Some(fund.amount_fen) == expected) => "seen",
            _ => "differs",
        }
    }
}

fn ids_of(line: &Line) -> Ids {
    Ids { tx: Some(line.tx.clone()), mch: line.mch.clone() }
}

/// By TransactionId, and then by MchOrderNo what has found nothing so.
fn pairs(orders: &[&Order], payments: &[BillPayment]) -> Vec<Option<(usize, &'static str)>> {
    let mut pairs = vec![None; payments.len()];
    let tx_of = |payment: &BillPayment| Some(payment.first.line.tx.clone());
    for (place, payment) in payments.iter().enumerate() {
        // Orders stand in the order of their apps and numbers.
        let order = orders.iter().position(|order| same(&order.ids.tx, &tx_of(payment)));
        pairs[place] = order.map(|order| (order, "transaction_id"));
    }
    let is_left = |order: &Order| !payments.iter().any(|payment| same(&order.ids.tx, &tx_of(payment)));
    for (place, order) in orders.iter().enumerate().filter(|(_, order)| is_left(order)) {
        let is_taken =
            orders[..place].iter().any(|before| is_left(before) && same(&before.ids.mch, &order.ids.mch));
        let mut candidates: Vec<usize> = (0..payments.len())
            .filter(|payment| {
                let line = &payments[*payment].first.line;
                same(&line.mch, &order.ids.mch)
                    && !orders.iter().any(|order| same(&order.ids.tx, &Some(line.tx.clone())))
            })
            .collect();
        candidates.sort_by_key(|payment| payments[*payment].first.line.tx.clone());
        if let (Some(payment), false) = (candidates.first(), is_taken) {
            pairs[*payment] = Some((place, "mch_order_no"));
        }
    }
    pairs
}

fn known_id<'a>(
    order: Option<&'a Order>,
    counted: Option<&Counted>,
    which: fn(&Ids) -> &Option<String>,
) -> Option<String> {
    let of_order = order.and_then(|order| which(&order.ids).clone());
    of_order.or_else(|| counted.and_then(|counted| which(&ids_of(&counted.line)).clone()))
}

/// What a row says of its bill, and the day it is counted to.
pub fn bill_columns(row: &mut Row, counted: Option<&Counted>, pushed_at: Option<DateTime<Utc>>) {
    let (day, source) = match (counted, pushed_at) {
        (Some(counted), _) => (counted.day, "bill"),
        (None, Some(pushed_at)) => (beijing_day(pushed_at), "push"),
        (None, None) => panic!("a row of nothing"),
    };
    row.insert("accounting_day", day.to_string());
    row.insert("day_source", source.to_owned());
    row.insert("bill_sha256", text(counted.map(|counted| &counted.sha)));
    row.insert("bill_line", text(counted.map(|counted| counted.number)));
}

pub fn days(first: NaiveDate, last: NaiveDate) -> impl Iterator<Item = NaiveDate> {
    first.iter_days().take_while(move |day| *day <= last)
}

pub fn text(value: Option<impl ToString>) -> String {
    value.map_or_else(|| "-".to_owned(), |value| value.to_string())
}
