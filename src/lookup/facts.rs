//! What the rows of the sources say of an id, as far as it decides the verdict.

use std::collections::BTreeSet;

use crate::domain::fen::Fen;
use crate::domain::push::OrderSource;
use crate::moment::beijing_text;
use crate::table::Row;

/// The column of `operations/by_id` that tells quarantine, conflicts and mocks apart.
pub const WHAT: &str = "what";

#[derive(Clone, Debug, Default)]
pub struct Facts {
    pub orders: Vec<Order>,
    pub refunds: Vec<Refund>,
    pub gifts: Vec<Gift>,
    pub held: Vec<Held>,
    pub conflicts: Vec<Conflict>,
    /// Mock pushes: who sent them, or when.
    pub mocks: usize,
    pub refused: Vec<Refused>,
    /// What bills hold, as the reconciliation tells it.
    pub billed: Vec<Billed>,
    pub player: Player,
    /// The other TransactionIds and MchOrderNos of what was found: a bill may hold them.
    pub payments: BTreeSet<String>,
    /// Those of a bill's payment: a push may name no other.
    pub billed_payments: BTreeSet<String>,
    /// Places that could not be looked at, or do not know all of the log.
    pub unseen: Vec<&'static str>,
    /// Only refused requests were not looked at, because they have no past.
    pub is_of_then: bool,
}

#[derive(Clone, Debug, Default)]
pub struct Order {
    pub env: String,
    pub kind: String,
    pub number: String,
    pub amount: String,
    /// In Beijing time, as all moments here.
    pub delivered_at: String,
    /// none, granted, refused or revoked.
    pub grant: String,
    pub grant_by: String,
    pub grant_reason: String,
    pub grant_at: String,
    /// refunded, partly_refunded, or what the game said.
    pub state: String,
    pub refunded: String,
    pub conflicts: i64,
    /// A test of WeChat's mall: nobody paid.
    pub is_mall_test: bool,
}

#[derive(Clone, Debug, Default)]
pub struct Refund {
    pub env: String,
    pub number: String,
    pub amount: String,
    pub refunded_at: String,
    /// The number of its order, where one is recorded.
    pub order: Option<String>,
    pub order_grant: String,
}

#[derive(Clone, Debug, Default)]
pub struct Gift {
    pub number: String,
    pub delivered_at: String,
}

/// A push in quarantine.
#[derive(Clone, Debug, Default)]
pub struct Held {
    pub id: String,
    pub event: String,
    pub reason: String,
    pub detail: String,
    pub since: String,
    /// open, adopted or dismissed.
    pub state: String,
    pub money_at_stake: bool,
    pub by: String,
    pub why: String,
}

#[derive(Clone, Debug, Default)]
pub struct Conflict {
    pub number: String,
    pub at: String,
}

/// A request that never reached the log.
#[derive(Clone, Debug, Default)]
pub struct Refused {
    pub code: i64,
    pub reason: String,
    pub mock: bool,
    pub stranger: bool,
    pub times: i64,
    pub first_at: String,
    pub last_at: String,
    /// RFC 3339 in UTC; empty where WeChat does not repeat it.
    pub gives_up_at: String,
}

/// A payment or refund of a bill as the reconciliation tells it.
#[derive(Clone, Debug, Default)]
pub struct Billed {
    pub status: String,
    pub is_refund: bool,
    /// Its OutTradeNo or RefundId, where the ledger has it.
    pub number: String,
    pub merchant: String,
    /// The day it counts for, in Beijing.
    pub day: String,
    /// As in the bill.
    pub amount: String,
    pub transaction_id: String,
    pub mch_order_no: String,
    /// As in the bill.
    pub state: String,
    /// open, resolved or lapsed.
    pub case_state: String,
    pub case_by: String,
    pub case_reason: String,
}

#[derive(Clone, Debug, Default)]
pub struct Player {
    pub orders: usize,
    pub gifts: usize,
    pub roles: usize,
}

impl Facts {
    pub fn learn(&mut self, place: &str, id: &str, row: Row<'_>) {
        self.learn_payment(place, id, row);
        match row.text(WHAT).unwrap_or(place) {
            "orders" => self.orders.push(order(row)),
            "refunds" => self.refunds.push(refund(row)),
            "gifts" => self.gifts.push(gift(row)),
            "quarantine" => self.held.push(held(row)),
            "conflict" => self.conflicts.push(conflict(row)),
            "mock" => self.mocks += 1,
            "refused" => self.refused.push(refused(row)),
            // What a bill does not hold is told by its push.
            "billed" if row.text("day_source") == Some("bill") => self.billed.push(billed(row)),
            "players_orders" => self.player.orders += 1,
            "players_gifts" => self.player.gifts += 1,
            "players_roles" => self.player.roles += 1,
            _ => {}
        }
    }

    fn learn_payment(&mut self, place: &str, id: &str, row: Row<'_>) {
        // A refund, or a player, is not the payment.
        let is_refund = row.text("kind") == Some("refund") || row.text("refund_id").is_some();
        if is_refund || row.text("open_id") == Some(id) {
            return;
        }
        let payments = ["transaction_id", "mch_order_no"].map(|column| text(row, column));
        let others = payments.into_iter().filter(|other| !other.is_empty() && other != id);
        if place == "billed" {
            self.billed_payments.extend(others);
        } else {
            self.payments.extend(others);
        }
    }

    /// Whether money was paid, or given back, in production: then that is the verdict.
    pub fn is_of_production(&self) -> bool {
        self.orders.iter().any(Order::is_of_production)
            || self.refunds.iter().any(Refund::is_of_production)
            || !self.gifts.is_empty()
    }
}

/// The environment that no money is paid in.
const SANDBOX: &str = "sandbox";

impl Order {
    pub fn is_of_production(&self) -> bool {
        self.env != SANDBOX
    }
}

impl Refund {
    pub fn is_of_production(&self) -> bool {
        self.env != SANDBOX
    }
}

fn order(row: Row<'_>) -> Order {
    Order {
        env: text(row, "env"),
        kind: text(row, "kind"),
        number: text(row, "out_trade_no"),
        amount: yuan(row, "amount_fen"),
        delivered_at: moment(row, "delivered_at"),
        grant: text(row, "grant_state"),
        grant_by: text(row, "grant_by"),
        grant_reason: text(row, "grant_reason"),
        grant_at: moment(row, "grant_at"),
        state: text(row, "state"),
        refunded: yuan(row, "refunded_fen"),
        conflicts: row.integer("conflicts").unwrap_or(0),
        is_mall_test: row.integer("order_source") == Some(OrderSource::MallTest.number()),
    }
}

fn refund(row: Row<'_>) -> Refund {
    Refund {
        env: text(row, "env"),
        number: text(row, "refund_id"),
        amount: yuan(row, "refund_amount_fen"),
        refunded_at: moment(row, "refunded_at"),
        order: row.text("order_out_trade_no").map(str::to_owned),
        order_grant: text(row, "order_grant_state"),
    }
}

fn gift(row: Row<'_>) -> Gift {
    Gift { number: text(row, "order_id"), delivered_at: moment(row, "delivered_at") }
}

fn held(row: Row<'_>) -> Held {
    Held {
        id: text(row, "number"),
        event: text(row, "kind"),
        reason: text(row, "reason"),
        detail: text(row, "detail"),
        since: moment(row, "at"),
        state: text(row, "state"),
        money_at_stake: row.integer("money_at_stake") == Some(1),
        by: text(row, "resolved_by"),
        why: text(row, "resolved_reason"),
    }
}

fn conflict(row: Row<'_>) -> Conflict {
    Conflict { number: text(row, "number"), at: moment(row, "at") }
}

fn refused(row: Row<'_>) -> Refused {
    let is = |column: &str| row.integer(column) == Some(1);
    Refused {
        code: row.integer("code").unwrap_or(0),
        reason: text(row, "reason"),
        mock: is("mock"),
        stranger: is("stranger"),
        times: row.integer("times").unwrap_or(1),
        first_at: moment(row, "first_at"),
        last_at: moment(row, "last_at"),
        gives_up_at: text(row, "gives_up_at"),
    }
}

fn billed(row: Row<'_>) -> Billed {
    let is_refund = row.text("kind") == Some("refund");
    Billed {
        status: text(row, "status"),
        is_refund,
        number: text(row, if is_refund { "refund_id" } else { "out_trade_no" }),
        merchant: text(row, "merchant"),
        day: text(row, "accounting_day"),
        amount: yuan(row, "bill_fen"),
        transaction_id: text(row, "transaction_id"),
        mch_order_no: text(row, "mch_order_no"),
        state: text(row, "bill_state"),
        case_state: text(row, "case_state"),
        case_by: text(row, "case_by"),
        case_reason: text(row, "case_reason"),
    }
}

fn text(row: Row<'_>, column: &str) -> String {
    row.text(column).unwrap_or_default().to_owned()
}

fn yuan(row: Row<'_>, column: &str) -> String {
    row.integer(column).map(|fen| Fen(fen).to_string()).unwrap_or_default()
}

fn moment(row: Row<'_>, column: &str) -> String {
    beijing_text(row.text(column).unwrap_or_default())
}
