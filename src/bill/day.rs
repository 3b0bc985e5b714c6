//! Of which day a bill is, and of which day of it each line.

use chrono::{DateTime, NaiveDate, Utc};

use super::assemble::BillRow;
use super::error::BillError;
use super::field::Field;
use super::reader::Reader;
use crate::domain::bill::RowKind;
use crate::moment::in_beijing;

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum DayRule {
    /// All lines are of this day. A refund may be of a payment of another, and tell that payment's time.
    Stated(NaiveDate),
    /// Each is of its own.
    Own,
}

impl DayRule {
    pub fn day_of(self, line: &BillRow, reader: &Reader<'_, '_>) -> Result<NaiveDate, BillError> {
        let (field, at, is_refund) = match line {
            BillRow::Trade(line) => (Field::TradedAt, line.traded_at, line.row == RowKind::Refund),
            BillRow::Fund(line) => (Field::BookedAt, line.booked_at, false),
        };
        let found = beijing_day(at);
        match self {
            Self::Own => Ok(found),
            Self::Stated(day) if day == found || is_refund => Ok(day),
            Self::Stated(expected) => {
                let column = reader.layout.column(field).unwrap_or(0);
                let at = reader.layout.place(&reader.row, column);
                Err(BillError::OtherDay { at, found, expected })
            }
        }
    }
}

fn beijing_day(at: DateTime<Utc>) -> NaiveDate {
    in_beijing(at).date_naive()
}

/// What several rows say.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
enum Common {
    #[default]
    None,
    One(NaiveDate),
    Several,
}

impl Common {
    fn add(&mut self, at: Option<DateTime<Utc>>) {
        let Some(day) = at.map(beijing_day) else { return };
        *self = match *self {
            Self::None => Self::One(day),
            Self::One(before) if before == day => Self::One(day),
            Self::One(_) | Self::Several => Self::Several,
        };
    }

    fn day(self) -> Option<NaiveDate> {
        match self {
            Self::One(day) => Some(day),
            Self::None | Self::Several => None,
        }
    }
}

/// The day of a bill: that of its first payment, or movement. Where there are refunds only, the one their times
/// agree on; they tell the payment's time, when they were applied for, and when they succeeded.
pub fn find(reader: &mut Reader<'_, '_>) -> Result<NaiveDate, BillError> {
    let [mut traded, mut applied, mut succeeded] = [Common::default(); 3];
    while let Some(line) = reader.next()? {
        match line {
            BillRow::Fund(line) => return Ok(beijing_day(line.booked_at)),
            BillRow::Trade(line) => match line.row {
                RowKind::Payment => return Ok(beijing_day(line.traded_at)),
                RowKind::Refund => {
                    traded.add(Some(line.traded_at));
                    applied.add(line.refund_applied_at);
                    succeeded.add(line.refund_succeeded_at);
                }
            },
        }
    }
    match (traded.day(), applied.day()) {
        (Some(one), Some(other)) if one != other => Err(BillError::DayUnclear { one, other }),
        (traded, applied) => traded.or(applied).or(succeeded.day()).ok_or(BillError::DayUnknown),
    }
}
