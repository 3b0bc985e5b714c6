//! A month of orders and the bills of it, with every difference there can be planted in known numbers: what a
//! report must find, to the fen.

pub mod file;
mod plants;
mod sale;

use std::collections::BTreeMap;
use std::ops::AddAssign;

use chrono::{DateTime, Days, NaiveDate, TimeDelta, Utc};
use rand::SeedableRng;
use rand::rngs::StdRng;
use rand::seq::SliceRandom;

use crate::codec;
use crate::domain::app::{AppSlug, PriceMeaning};
use crate::domain::bill::{BillLine, Direction, FundLine, MerchantId, RowKind};
use crate::domain::environment::Environment;
use crate::domain::event::Event;
use crate::store::StreamName;

use sale::Sale;

/// Orders of a day at the least, so that each difference is planted on every day.
pub const ORDERS_PER_DAY_MIN: u32 = SLOTS;
/// Of so many orders in a row the first ones are planted, each another one; the rest is as it should be.
const SLOTS: u32 = 200;

pub struct Month {
    pub merchant: MerchantId,
    pub app: AppSlug,
    pub app_id: String,
    pub days: u32,
    pub orders_per_day: u32,
    pub seed: u64,
}

/// What begins a stream, in one append.
pub struct Fact {
    pub stream: StreamName,
    pub events: Vec<Event>,
    pub at: DateTime<Utc>,
    /// What was signed, where it matters.
    pub payload: Option<String>,
}

/// How a bill is laid out, and which rows it has.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Layout {
    All,
    Success,
    Refund,
    /// Payments and refunds, in 24 columns.
    Legacy,
}

impl Layout {
    fn holds(self, row: RowKind) -> bool {
        match self {
            Self::All | Self::Legacy => true,
            Self::Success => row == RowKind::Payment,
            Self::Refund => row == RowKind::Refund,
        }
    }
}

/// The layouts of the days, in turn.
const LAYOUTS: [&[Layout]; 4] = [
    &[Layout::All],
    &[Layout::Success, Layout::Refund],
    &[Layout::Legacy],
    // Every payment stands in both.
    &[Layout::All, Layout::Success],
];
/// Of so many days the first two have a fund flow bill.
const FUNDS_EVERY: u32 = 5;

pub struct TradeBill {
    pub layout: Layout,
    /// In an order of their own.
    pub lines: Vec<BillLine>,
}

/// One day, and what the report must say of it.
pub struct Day {
    pub date: NaiveDate,
    pub facts: Vec<Fact>,
    pub bills: Vec<TradeBill>,
    pub funds: Option<Vec<FundLine>>,
    pub expected: Expected,
    /// What stands on each side, counted from facts and lines, whatever is expected of them.
    pub sides: Sides,
}

/// In fen: what orders come to in the ledger and payments in the bills, and so refunds.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Sides {
    pub orders: i64,
    pub payments: i64,
    pub ledger_refunds: i64,
    pub bill_refunds: i64,
}

impl AddAssign for Sides {
    fn add_assign(&mut self, more: Self) {
        self.orders += more.orders;
        self.payments += more.payments;
        self.ledger_refunds += more.ledger_refunds;
        self.bill_refunds += more.bill_refunds;
    }
}

/// Rows, and what they come to on both sides.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Sum {
    pub rows: i64,
    pub ledger_fen: i64,
    pub bill_fen: i64,
}

impl AddAssign for Sum {
    fn add_assign(&mut self, more: Self) {
        self.rows += more.rows;
        self.ledger_fen += more.ledger_fen;
        self.bill_fen += more.bill_fen;
    }
}

/// By kind (payment, refund) and status.
pub type Expected = BTreeMap<(String, String), Sum>;

impl Month {
    /// 2026-01-01
    pub fn first_day() -> NaiveDate {
        NaiveDate::from_ymd_opt(2026, 1, 1).unwrap_or_default()
    }

    pub fn date(&self, index: u32) -> NaiveDate {
        Self::first_day() + Days::new(u64::from(index))
    }

    pub fn last_day(&self) -> NaiveDate {
        self.date(self.days.saturating_sub(1))
    }

    /// When the last day's bill has just come: 10:00 in Beijing on the day after.
    pub fn as_of(&self) -> DateTime<Utc> {
        midnight(self.last_day()) + TimeDelta::hours(24 + 10)
    }

    /// What says whose the orders are.
    pub fn app_facts(&self) -> Fact {
        let registered =
            Event::AppRegistered { app_id: self.app_id.clone(), actual_price_is: PriceMeaning::Order };
        let assigned = Event::MerchantAssigned { merchant: self.merchant.clone(), revision: 1 };
        Fact {
            stream: codec::app_stream(&self.app),
            events: vec![registered, assigned],
            at: midnight(Self::first_day()),
            payload: None,
        }
    }

    /// Payments of the first day, as many as wanted.
    pub fn lines_of_a_day(&self, count: u32) -> impl Iterator<Item = BillLine> {
        let mut rng = StdRng::seed_from_u64(self.seed);
        (0..count).zip(2..).map(move |(number, line)| {
            let sale = Sale::draw(self, 0, number, &mut rng);
            BillLine { line, ..sale.line() }
        })
    }

    /// The same day each time for the same seed.
    pub fn day(&self, index: u32) -> anyhow::Result<Day> {
        let mut rng = StdRng::seed_from_u64(self.seed.wrapping_add(u64::from(index) << 32));
        let mut planting = plants::Planting::default();
        for number in 0..self.orders_per_day {
            let sale = Sale::draw(self, index, number, &mut rng);
            plants::plant(&mut planting, &sale, number % SLOTS)?;
        }
        let plants::Planting { facts, lines, expected } = planting;
        let layouts = LAYOUTS[index as usize % LAYOUTS.len()];
        let bills = layouts.iter().map(|layout| bill(*layout, &lines, &mut rng)).collect();
        let has_funds = index % FUNDS_EVERY < 2;
        let funds = has_funds.then(|| funds(&lines));
        let sides = sides(&facts, &lines);
        Ok(Day { date: self.date(index), facts, bills, funds, expected, sides })
    }
}

/// Midnight in Beijing, when a day begins.
fn midnight(day: NaiveDate) -> DateTime<Utc> {
    day.and_time(chrono::NaiveTime::MIN).and_utc() - TimeDelta::hours(8)
}

fn bill(layout: Layout, lines: &[BillLine], rng: &mut StdRng) -> TradeBill {
    let mut lines: Vec<_> = lines.iter().filter(|line| layout.holds(line.row)).cloned().collect();
    lines.shuffle(rng);
    for (line, number) in lines.iter_mut().zip(2..) {
        line.line = number;
        if layout == Layout::Legacy {
            // 总金额 is all that a legacy bill tells of an order.
            (line.settlement_fen, line.applied_refund_fen, line.rate_note) = (None, None, None);
            (line.refund_applied_at, line.refund_succeeded_at) = (None, None);
        }
    }
    TradeBill { layout, lines }
}

fn sides(facts: &[Fact], lines: &[BillLine]) -> Sides {
    let mut sides = Sides::default();
    for fact in facts {
        match fact.events.first() {
            Some(Event::GoodsDelivered(goods)) if goods.env == Environment::Production => {
                sides.orders += goods.actual_price.0;
            }
            Some(Event::CoinsDelivered(coins)) => sides.orders += coins.actual_price.0,
            Some(Event::OrderRecovered { order, .. }) => sides.orders += order.amount.0,
            Some(Event::RefundSucceeded(refund)) => sides.ledger_refunds += refund.refund_amount.0,
            _ => {}
        }
    }
    for line in lines {
        match line.row {
            RowKind::Payment => sides.payments += line.order_fen.unwrap_or_default().0,
            RowKind::Refund => sides.bill_refunds += line.applied_refund_fen.unwrap_or_default().0,
        }
    }
    sides
}

fn funds(lines: &[BillLine]) -> Vec<FundLine> {
    let moved = |(line, number): (&BillLine, u64)| {
        let is_refund = line.row == RowKind::Refund;
        let amount_fen = if is_refund { line.refund_fen } else { line.settlement_fen }?;
        let business_id = line.wx_refund_id.clone().unwrap_or_else(|| line.transaction_id.clone());
        Some(FundLine {
            line: number,
            booked_at: line.traded_at,
            flow_id: Some(business_id.clone()),
            business_id: Some(business_id),
            business_name: Some(if is_refund { "退款" } else { "交易" }.into()),
            business_type: Some(if is_refund { "退款" } else { "交易" }.into()),
            direction: if is_refund { Direction::Out } else { Direction::In },
            amount_fen,
            balance_fen: None,
            applicant: Some("system".into()),
            note: None,
            voucher_id: line.mch_order_no.clone(),
        })
    };
    lines.iter().zip(2..).filter_map(moved).collect()
}

#[cfg(test)]
mod tests;
