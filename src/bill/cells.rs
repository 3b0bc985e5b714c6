//! The cells of one row as the values they mean.

use chrono::format::{Parsed, parse};
use chrono::{DateTime, NaiveDate, NaiveDateTime, NaiveTime, Utc};

use super::decimal;
use super::error::BillError;
use super::field::Field;
use super::layout::{Layout, wrong_value};
use super::profile::{AmountUnit, TimeFormat, TimeRule};
use super::row::{CellKind, Row};
use crate::domain::bill::Millifen;
use crate::domain::fen::Fen;
use crate::limits;

/// Whether an amount may be below zero.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Sign {
    Any,
    NotNegative,
}

pub struct Cells<'a> {
    pub layout: &'a Layout<'a>,
    pub row: &'a Row,
}

impl<'a> Cells<'a> {
    /// `None` where there is no such column, and where the cell is empty.
    pub fn raw(&self, field: Field) -> Option<(usize, &'a str)> {
        let column = self.layout.column(field)?;
        let cell = self.row.cell(column);
        if cell.is_empty() { None } else { Some((column, cell)) }
    }

    pub fn text(&self, field: Field) -> Result<Option<String>, BillError> {
        let Some((column, cell)) = self.raw(field) else { return Ok(None) };
        if self.row.kind(column) == CellKind::Inexact {
            let expected = "exact: Excel keeps 15 digits of a number, so such a column must be text";
            return Err(self.wrong(column, expected));
        }
        Ok(Some(cell.to_owned()))
    }

    /// WeChat Pay writes 0 where there is no such number.
    pub fn text_unless_zero(&self, field: Field) -> Result<Option<String>, BillError> {
        Ok(self.text(field)?.filter(|text| text != "0"))
    }

    pub fn required_text(&self, field: Field) -> Result<String, BillError> {
        self.text(field)?.ok_or_else(|| self.empty(field))
    }

    pub fn fen(&self, field: Field, sign: Sign) -> Result<Option<Fen>, BillError> {
        let expected = match (self.layout.profile.unit, sign) {
            (AmountUnit::Yuan, Sign::NotNegative) => {
                "an amount in yuan with at most 2 decimals, such as 12.34"
            }
            (AmountUnit::Yuan, Sign::Any) => "an amount in yuan with at most 2 decimals, such as -12.34",
            (AmountUnit::Fen, Sign::NotNegative) => "an amount in whole fen, such as 1234",
            (AmountUnit::Fen, Sign::Any) => "an amount in whole fen, such as -1234",
        };
        let Some((column, cell)) = self.raw(field) else { return Ok(None) };
        let fen = decimal::parse(cell, self.layout.profile.unit.fen_places());
        let fen = fen.filter(|fen| *fen >= 0 || sign == Sign::Any);
        let fen = fen.ok_or_else(|| self.wrong(column, expected))?;
        self.check_size(column, fen, limits::BILL_AMOUNT_FEN_MAX)?;
        Ok(Some(Fen(fen)))
    }

    pub fn required_fen(&self, field: Field, sign: Sign) -> Result<Fen, BillError> {
        self.fen(field, sign)?.ok_or_else(|| self.empty(field))
    }

    pub fn millifen(&self, field: Field) -> Result<Option<Millifen>, BillError> {
        let expected = match self.layout.profile.unit {
            AmountUnit::Yuan => "a fee in yuan with at most 5 decimals, such as 0.07200",
            AmountUnit::Fen => "a fee in fen with at most 3 decimals, such as 7.2",
        };
        let Some((column, cell)) = self.raw(field) else { return Ok(None) };
        let fee = decimal::parse(cell, self.layout.profile.unit.millifen_places());
        let fee = fee.ok_or_else(|| self.wrong(column, expected))?;
        self.check_size(column, fee, limits::BILL_FEE_MILLIFEN_MAX)?;
        Ok(Some(Millifen(fee)))
    }

    /// Larger ones could not be summed.
    fn check_size(&self, column: usize, amount: i64, max: i64) -> Result<(), BillError> {
        if (-max..=max).contains(&amount) {
            return Ok(());
        }
        Err(self.wrong(column, "at most 100000000000 yuan, as every amount of a bill is"))
    }

    pub fn moment(&self, field: Field) -> Result<Option<DateTime<Utc>>, BillError> {
        let Some((column, cell)) = self.raw(field) else { return Ok(None) };
        let times = &self.layout.profile.times;
        let moment = match self.row.kind(column) {
            CellKind::Moment(moment) => times.utc(moment),
            CellKind::Text | CellKind::Inexact => times.parse(cell),
        };
        let expected = match times.format {
            TimeFormat::Plain => "a time such as 2026-01-31 23:59:59",
            TimeFormat::Strftime(_) => "a time in the profile's time_format",
        };
        moment.map(Some).ok_or_else(|| self.wrong(column, expected))
    }

    pub fn required_moment(&self, field: Field) -> Result<DateTime<Utc>, BillError> {
        self.moment(field)?.ok_or_else(|| self.empty(field))
    }

    pub fn empty(&self, field: Field) -> BillError {
        let column = self.layout.column(field).unwrap_or(0);
        self.wrong(column, "there, and every row must have it")
    }

    pub fn wrong(&self, column: usize, expected: &'static str) -> BillError {
        wrong_value(self.layout, self.row, column, expected)
    }
}

impl TimeRule {
    pub fn parse(&self, text: &str) -> Option<DateTime<Utc>> {
        let items = match &self.format {
            TimeFormat::Plain => return self.utc(plain(text)?),
            TimeFormat::Strftime(items) => items,
        };
        let mut parsed = Parsed::new();
        parse(&mut parsed, text, items.iter()).ok()?;
        if parsed.offset().is_some() {
            return parsed.to_datetime().ok().map(|moment| moment.to_utc());
        }
        let day_only = || Some(parsed.to_naive_date().ok()?.and_time(NaiveTime::MIN));
        self.utc(parsed.to_naive_datetime_with_offset(0).ok().or_else(day_only)?)
    }

    pub fn utc(&self, local: NaiveDateTime) -> Option<DateTime<Utc>> {
        Some(local.checked_sub_offset(self.zone)?.and_utc())
    }
}

/// `2026-01-31 23:59:59`, and nothing else.
fn plain(text: &str) -> Option<NaiveDateTime> {
    let bytes: &[u8; 19] = text.as_bytes().try_into().ok()?;
    let number = |digits: &[u8]| {
        digits.iter().try_fold(0_u32, |number, byte| {
            byte.is_ascii_digit().then(|| number * 10 + u32::from(byte - b'0'))
        })
    };
    let [_, _, _, _, b'-', _, _, b'-', _, _, b' ', _, _, b':', _, _, b':', _, _] = bytes else { return None };
    let year = i32::try_from(number(&bytes[..4])?).ok()?;
    let date = NaiveDate::from_ymd_opt(year, number(&bytes[5..7])?, number(&bytes[8..10])?)?;
    date.and_hms_opt(number(&bytes[11..13])?, number(&bytes[14..16])?, number(&bytes[17..19])?)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::bill::wechat::beijing;

    #[test]
    fn a_time_is_beijings_and_exactly_as_wechat_pay_writes_it() {
        let rule = TimeRule { format: TimeFormat::Plain, zone: beijing() };
        for (text, expected) in [
            ("2021-01-28 17:07:11", Some("2021-01-28T09:07:11+00:00")),
            ("2026-01-01 00:00:00", Some("2025-12-31T16:00:00+00:00")),
            ("2024-02-29 23:59:59", Some("2024-02-29T15:59:59+00:00")),
            ("2023-02-29 00:00:00", None),
            ("2026-01-01 24:00:00", None),
            ("2026-01-01 23:59:60", None),
            ("2026-1-1 0:00:00", None),
            ("2026-01-01T00:00:00", None),
            ("2026-01-01 00:00:00 ", None),
            ("2026-01-01", None),
            ("", None),
            ("２026-01-01 00:00", None),
        ] {
            let found = rule.parse(text).map(|moment| moment.to_rfc3339());
            assert_eq!(found.as_deref(), expected, "{text}");
        }
    }
}
