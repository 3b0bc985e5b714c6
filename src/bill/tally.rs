//! What the rows of a file come to, by day, and whether its summary says so too.

use std::collections::BTreeMap;
use std::fmt;

use chrono::NaiveDate;

use super::assemble::BillRow;
use super::decimal;
use super::error::{BillError, CellPlace};
use super::profile::{AmountUnit, Figure, RowRule};
use crate::domain::bill::{FundTotals, Millifen, Totals, TradeTotals};
use crate::domain::fen::Fen;
use crate::limits;

/// What the rows of one day come to.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct DayTotals {
    pub day: NaiveDate,
    pub rows: u64,
    pub totals: Totals,
}

/// A figure of the file's summary, in its smallest unit.
#[derive(Clone, Debug)]
pub struct Claim {
    pub at: CellPlace,
    pub figure: Figure,
    pub value: i64,
}

pub struct Tally {
    none: Totals,
    days: BTreeMap<NaiveDate, Totals>,
}

impl Tally {
    pub fn new(rule: &RowRule) -> Self {
        let none = match rule {
            RowRule::Trade(_) => Totals::Trade(TradeTotals::default()),
            RowRule::Funds(_) => Totals::Funds(FundTotals::default()),
        };
        Self { none, days: BTreeMap::new() }
    }

    /// A day counts also where it has no rows.
    pub fn day(&mut self, day: NaiveDate) -> &mut Totals {
        self.days.entry(day).or_insert(self.none)
    }

    pub fn add(&mut self, day: NaiveDate, row: &BillRow) -> Result<(), BillError> {
        let (line, added) = match (self.day(day), row) {
            (Totals::Trade(totals), BillRow::Trade(line)) => (line.line, totals.add(line)),
            (Totals::Funds(totals), BillRow::Fund(line)) => (line.line, totals.add(line)),
            // A profile makes lines of one sort.
            (Totals::Trade(_), BillRow::Fund(_)) | (Totals::Funds(_), BillRow::Trade(_)) => return Ok(()),
        };
        added.map_err(|error| BillError::SumTooLarge { line, column: error.column })?;
        if let Some(column) = too_large(self.day(day)) {
            return Err(BillError::SumTooLarge { line, column });
        }
        if self.days.len() > limits::BILL_DAYS_MAX {
            return Err(BillError::TooManyDays { line, days_max: limits::BILL_DAYS_MAX });
        }
        Ok(())
    }

    /// By day, and all together.
    pub fn finish(self, last_line: u64) -> Result<(Vec<DayTotals>, Totals), BillError> {
        let sum = self.days.values().try_fold(self.none, plus);
        let sum = sum.ok_or(BillError::SumTooLarge { line: last_line, column: "all days" })?;
        let day = |(day, totals): (NaiveDate, Totals)| DayTotals { day, rows: totals.rows(), totals };
        Ok((self.days.into_iter().map(day).collect(), sum))
    }
}

/// The first sum of a day that is larger than any is: read models could not add it to others.
fn too_large(totals: &Totals) -> Option<&'static str> {
    let is_beyond = |sum: i64, max: i64| !(-max..=max).contains(&sum);
    match totals {
        Totals::Trade(sums) => {
            let fens = [
                ("order_fen", sums.order_fen),
                ("settlement_fen", sums.settlement_fen),
                ("coupon_fen", sums.coupon_fen),
                ("refund_fen", sums.refund_fen),
                ("coupon_refund_fen", sums.coupon_refund_fen),
                ("applied_refund_fen", sums.applied_refund_fen),
            ];
            let column = fens.into_iter().find(|(_, sum)| is_beyond(sum.0, limits::BILL_DAY_FEN_MAX));
            let is_fee = is_beyond(sums.fee_millifen.0, limits::BILL_FEE_MILLIFEN_MAX);
            column.map(|(column, _)| column).or(is_fee.then_some("fee_millifen"))
        }
        Totals::Funds(sums) => {
            let mut sums = [sums.income_fen, sums.expense_fen].into_iter();
            sums.any(|sum| is_beyond(sum.0, limits::BILL_DAY_FEN_MAX)).then_some("amount_fen")
        }
    }
}

fn plus(sum: Totals, more: &Totals) -> Option<Totals> {
    Some(match (sum, more) {
        (Totals::Trade(sum), Totals::Trade(more)) => Totals::Trade(TradeTotals {
            payments: sum.payments.checked_add(more.payments)?,
            refunds: sum.refunds.checked_add(more.refunds)?,
            order_fen: sum.order_fen.checked_plus(more.order_fen)?,
            settlement_fen: sum.settlement_fen.checked_plus(more.settlement_fen)?,
            coupon_fen: sum.coupon_fen.checked_plus(more.coupon_fen)?,
            refund_fen: sum.refund_fen.checked_plus(more.refund_fen)?,
            coupon_refund_fen: sum.coupon_refund_fen.checked_plus(more.coupon_refund_fen)?,
            applied_refund_fen: sum.applied_refund_fen.checked_plus(more.applied_refund_fen)?,
            fee_millifen: sum.fee_millifen.checked_plus(more.fee_millifen)?,
        }),
        (Totals::Funds(sum), Totals::Funds(more)) => Totals::Funds(FundTotals {
            incomes: sum.incomes.checked_add(more.incomes)?,
            income_fen: sum.income_fen.checked_plus(more.income_fen)?,
            expenses: sum.expenses.checked_add(more.expenses)?,
            expense_fen: sum.expense_fen.checked_plus(more.expense_fen)?,
        }),
        // All days of a file are of one sort.
        (Totals::Trade(_), Totals::Funds(_)) | (Totals::Funds(_), Totals::Trade(_)) => return None,
    })
}

/// What a figure is counted in.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Measure {
    Count(u64),
    Fen(Fen),
    Millifen(Millifen),
}

impl Figure {
    /// The text of a summary's cell, in the figure's smallest unit.
    pub fn parse(self, text: &str, unit: AmountUnit) -> Option<i64> {
        let places = match self {
            Self::Rows | Self::Payments | Self::Refunds | Self::Incomes | Self::Expenses => 0,
            Self::FeeMillifen => unit.millifen_places(),
            Self::OrderFen
            | Self::SettlementFen
            | Self::CouponFen
            | Self::RefundFen
            | Self::CouponRefundFen
            | Self::AppliedRefundFen
            | Self::IncomeFen
            | Self::ExpenseFen => unit.fen_places(),
        };
        decimal::parse(text, places)
    }

    /// Zero where a bill of this sort has no such figure.
    pub fn of(self, totals: &Totals) -> Measure {
        let (trade, funds) = match totals {
            Totals::Trade(trade) => (*trade, FundTotals::default()),
            Totals::Funds(funds) => (TradeTotals::default(), *funds),
        };
        match self {
            Self::Rows => Measure::Count(totals.rows()),
            Self::Payments => Measure::Count(trade.payments),
            Self::Refunds => Measure::Count(trade.refunds),
            Self::OrderFen => Measure::Fen(trade.order_fen),
            Self::SettlementFen => Measure::Fen(trade.settlement_fen),
            Self::CouponFen => Measure::Fen(trade.coupon_fen),
            Self::RefundFen => Measure::Fen(trade.refund_fen),
            Self::CouponRefundFen => Measure::Fen(trade.coupon_refund_fen),
            Self::AppliedRefundFen => Measure::Fen(trade.applied_refund_fen),
            Self::FeeMillifen => Measure::Millifen(trade.fee_millifen),
            Self::Incomes => Measure::Count(funds.incomes),
            Self::IncomeFen => Measure::Fen(funds.income_fen),
            Self::Expenses => Measure::Count(funds.expenses),
            Self::ExpenseFen => Measure::Fen(funds.expense_fen),
        }
    }
}

impl fmt::Display for Measure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Count(count) => count.fmt(f),
            Self::Fen(fen) => fen.fmt(f),
            Self::Millifen(fee) => fee.fmt(f),
        }
    }
}

/// The first figure of the summary that is another than the rows come to.
pub fn check(claims: &[Claim], totals: &Totals) -> Result<(), BillError> {
    for Claim { at, figure, value } in claims {
        let rows_say = figure.of(totals);
        let (is_same, says) = match rows_say {
            Measure::Count(count) => (i64::try_from(count) == Ok(*value), value.to_string()),
            Measure::Fen(fen) => (fen.0 == *value, Fen(*value).to_string()),
            Measure::Millifen(fee) => (fee.0 == *value, Millifen(*value).to_string()),
        };
        if !is_same {
            let (at, rows_say) = (at.clone(), rows_say.to_string());
            return Err(BillError::SummaryDiffers { at, says, rows_say });
        }
    }
    Ok(())
}
