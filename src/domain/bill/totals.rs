//! What a bill's lines come to, to the last fen, and fees to the last of their five decimals.

use std::fmt;

use super::line::{BillLine, Direction, FundLine, RowKind};
use crate::domain::fen::Fen;

/// A thousandth of a fen, which is the fifth decimal of a yuan: bills tell fees so.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Millifen(pub i64);

impl Millifen {
    pub fn checked_plus(self, other: Self) -> Option<Self> {
        self.0.checked_add(other.0).map(Self)
    }
}

impl fmt::Display for Millifen {
    /// In yuan, with all five decimals: `0.00600`.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let sign = if self.0 < 0 { "-" } else { "" };
        let millifen = self.0.unsigned_abs();
        write!(f, "{sign}{}.{:05}", millifen / 100_000, millifen % 100_000)
    }
}

/// A sum is larger than can be counted.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("the sum of {column} is too large to be counted")]
pub struct TotalTooLarge {
    /// The field of the line, such as `order_fen`.
    pub column: &'static str,
}

/// Summed over all lines of a trade bill.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct TradeTotals {
    /// Rows that are payments.
    pub payments: u64,
    /// Rows that are refunds.
    pub refunds: u64,
    pub order_fen: Fen,
    pub settlement_fen: Fen,
    pub coupon_fen: Fen,
    pub refund_fen: Fen,
    pub coupon_refund_fen: Fen,
    pub applied_refund_fen: Fen,
    pub fee_millifen: Millifen,
}

impl TradeTotals {
    /// Counts one line more. Where that fails, the totals are of no more use.
    pub fn add(&mut self, line: &BillLine) -> Result<(), TotalTooLarge> {
        let count = match line.row {
            RowKind::Payment => &mut self.payments,
            RowKind::Refund => &mut self.refunds,
        };
        *count += 1;
        for (column, total, cell) in [
            ("order_fen", &mut self.order_fen, line.order_fen),
            ("settlement_fen", &mut self.settlement_fen, line.settlement_fen),
            ("coupon_fen", &mut self.coupon_fen, line.coupon_fen),
            ("refund_fen", &mut self.refund_fen, line.refund_fen),
            ("coupon_refund_fen", &mut self.coupon_refund_fen, line.coupon_refund_fen),
            ("applied_refund_fen", &mut self.applied_refund_fen, line.applied_refund_fen),
        ] {
            *total = total.checked_plus(cell.unwrap_or_default()).ok_or(TotalTooLarge { column })?;
        }
        let fee = self.fee_millifen.checked_plus(line.fee_millifen.unwrap_or_default());
        self.fee_millifen = fee.ok_or(TotalTooLarge { column: "fee_millifen" })?;
        Ok(())
    }
}

/// Summed over all lines of a fund flow bill.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct FundTotals {
    pub incomes: u64,
    pub income_fen: Fen,
    pub expenses: u64,
    pub expense_fen: Fen,
}

impl FundTotals {
    /// Counts one line more. Where that fails, the totals are of no more use.
    pub fn add(&mut self, line: &FundLine) -> Result<(), TotalTooLarge> {
        let (count, total) = match line.direction {
            Direction::In => (&mut self.incomes, &mut self.income_fen),
            Direction::Out => (&mut self.expenses, &mut self.expense_fen),
        };
        *count += 1;
        *total = total.checked_plus(line.amount_fen).ok_or(TotalTooLarge { column: "amount_fen" })?;
        Ok(())
    }
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Totals {
    Trade(TradeTotals),
    Funds(FundTotals),
}

impl Totals {
    /// How many lines they count.
    pub fn rows(&self) -> u64 {
        match self {
            Self::Trade(totals) => totals.payments + totals.refunds,
            Self::Funds(totals) => totals.incomes + totals.expenses,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::samples;

    #[test]
    fn fees_are_shown_in_yuan_with_all_five_decimals() {
        for (millifen, shown) in [
            (0, "0.00000"),
            (1, "0.00001"),
            (600, "0.00600"),
            (-120_000, "-1.20000"),
            (1_234_567, "12.34567"),
        ] {
            assert_eq!(Millifen(millifen).to_string(), shown);
        }
    }

    #[test]
    fn totals_count_every_line_and_never_give_a_wrong_figure() {
        let (paid, refunded) = (samples::bill_line(), samples::refund_line());
        let mut totals = TradeTotals::default();
        for line in [&paid, &refunded, &paid] {
            totals.add(line).unwrap();
        }
        let expected = TradeTotals {
            payments: 2,
            refunds: 1,
            order_fen: Fen(2400),
            settlement_fen: Fen(2200),
            coupon_fen: Fen(200),
            refund_fen: Fen(550),
            coupon_refund_fen: Fen(50),
            applied_refund_fen: Fen(600),
            fee_millifen: Millifen(2 * 6600 - 3300),
        };
        assert_eq!(totals, expected);
        assert_eq!(Totals::Trade(totals).rows(), 3);
        let too_much = BillLine { order_fen: Some(Fen(i64::MAX)), ..paid };
        assert_eq!(totals.add(&too_much), Err(TotalTooLarge { column: "order_fen" }));
        let mut funds = FundTotals::default();
        let fund_line = samples::fund_line();
        funds.add(&fund_line).unwrap();
        funds.add(&FundLine { direction: Direction::Out, amount_fen: Fen(5), ..fund_line }).unwrap();
        let expected = FundTotals { incomes: 1, income_fen: Fen(1100), expenses: 1, expense_fen: Fen(5) };
        assert_eq!((funds, Totals::Funds(funds).rows()), (expected, 2));
    }
}
