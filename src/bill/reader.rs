//! Reads one file's rows by its profile, from the header to what stands below the rows.

use super::assemble::{self, BillRow};
use super::error::{BillError, Echo};
use super::field::Field;
use super::layout::{self, Layout, wrong_value};
use super::profile::{FigureRule, Format, Profile, SummaryRule};
use super::row::{Marks, Row, Rows};
use super::tally::Claim;
use crate::domain::bill::MerchantId;

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Stage {
    Rows,
    /// The summary stands, or a remark: only remarks may follow.
    Below,
}

pub struct Reader<'a, 'r> {
    rows: &'r mut dyn Rows,
    pub row: Row,
    pub layout: Layout<'a>,
    stage: Stage,
    /// The one that is stated, else that of the first row.
    pub merchant: Option<MerchantId>,
    /// What the summary says.
    pub claims: Vec<Claim>,
}

impl<'a, 'r> Reader<'a, 'r> {
    /// Reads the header.
    pub fn open(
        rows: &'r mut dyn Rows,
        profile: &'a Profile,
        stated: Option<&MerchantId>,
    ) -> Result<Self, BillError> {
        if let (Some(stated), Some(own)) = (stated, &profile.constants.merchant)
            && stated != own
        {
            let (stated, own) = (stated.to_string(), own.to_string());
            return Err(BillError::ProfileMerchant { profile: profile.name.clone(), own, stated });
        }
        let merchant = stated.or(profile.constants.merchant.as_ref()).cloned();
        let mut row = Row::default();
        let header_line = match profile.format {
            Format::Backtick => 1,
            Format::Csv { header_line, .. } | Format::Xlsx { header_line, .. } => header_line,
        };
        loop {
            if !rows.next(&mut row)? {
                return Err(if rows.line() == 0 {
                    BillError::Empty
                } else {
                    BillError::NoHeader { line: rows.line(), header_line }
                });
            }
            if row.line >= header_line {
                break;
            }
        }
        let layout = Layout::of(profile, &row)?;
        Ok(Self { rows, row, layout, stage: Stage::Rows, merchant, claims: Vec::new() })
    }

    /// The next line of the bill; `None` at the end, where the summary has been read.
    pub fn next(&mut self) -> Result<Option<BillRow>, BillError> {
        while self.next_row()? {
            if self.is_remark() {
                self.stage = Stage::Below;
                continue;
            }
            if self.is_summary()? {
                continue;
            }
            if self.stage == Stage::Below {
                return Err(BillError::AfterSummary { line: self.row.line });
            }
            if self.is_skipped() {
                continue;
            }
            self.check_width()?;
            self.check_merchant()?;
            if let Some(line) = assemble::line(&self.layout, &self.row)? {
                return Ok(Some(line));
            }
        }
        let wants_summary = self.layout.profile.summary != SummaryRule::None;
        if wants_summary && self.claims.is_empty() {
            return Err(BillError::NoSummary { line: self.rows.line() });
        }
        Ok(None)
    }

    /// The line read last.
    pub fn line(&self) -> u64 {
        self.rows.line()
    }

    fn next_row(&mut self) -> Result<bool, BillError> {
        loop {
            let is_there = self.rows.next(&mut self.row);
            if !is_there.map_err(|error| error.with_name(&self.layout.names))? {
                return Ok(false);
            }
            // An empty row of a table is a line of delimiters.
            if self.row.marks == Marks::Backticks || !self.row.is_blank() {
                return Ok(true);
            }
        }
    }

    fn is_remark(&self) -> bool {
        let footers = &self.layout.profile.footers;
        !footers.is_empty() && footers.iter().any(|word| self.row.cell(0).starts_with(word.as_str()))
    }

    /// Whether the row is the summary's, which is read then.
    fn is_summary(&mut self) -> Result<bool, BillError> {
        let profile = self.layout.profile;
        match &profile.summary {
            SummaryRule::None => Ok(false),
            SummaryRule::Row { first_cell, .. } => {
                if self.row.cell(0) != first_cell || self.stage == Stage::Below {
                    return Ok(false);
                }
                self.claims = claims(&self.layout, &self.row)?;
                self.stage = Stage::Below;
                Ok(true)
            }
            SummaryRule::Block(rules) => {
                if self.row.marks == Marks::Backticks || self.stage == Stage::Below {
                    return Ok(false);
                }
                let summary = layout::of_summary(rules, &self.row, profile)?;
                let line = self.row.line;
                if !self.next_row()? {
                    return Err(BillError::NoSummary { line });
                }
                if self.row.marks == Marks::None {
                    return Err(BillError::NoBacktick { line: self.row.line });
                }
                if self.row.len() != summary.names.len() {
                    return Err(torn(&summary, &self.row));
                }
                self.claims = claims(&summary, &self.row)?;
                self.stage = Stage::Below;
                Ok(true)
            }
        }
    }

    fn is_skipped(&self) -> bool {
        let rules = self.layout.profile.skips.iter().zip(&self.layout.skips);
        rules.into_iter().any(|(rule, column)| rule.words.iter().any(|word| word == self.row.cell(*column)))
    }

    fn check_width(&self) -> Result<(), BillError> {
        let expected = self.layout.names.len();
        let is_right = match self.layout.profile.format {
            Format::Backtick => {
                if self.row.marks == Marks::None {
                    return Err(BillError::NoBacktick { line: self.row.line });
                }
                self.row.len() == expected
            }
            Format::Csv { .. } => self.row.len() == expected,
            // A sheet's row ends with its last cell that holds something.
            Format::Xlsx { .. } => self.row.len() <= expected,
        };
        if is_right { Ok(()) } else { Err(torn(&self.layout, &self.row)) }
    }

    fn check_merchant(&mut self) -> Result<(), BillError> {
        let Some(column) = self.layout.column(Field::Merchant) else { return Ok(()) };
        let cell = self.row.cell(column);
        match &self.merchant {
            Some(merchant) if merchant.as_str() == cell => Ok(()),
            Some(merchant) => Err(BillError::OtherMerchant {
                at: self.layout.place(&self.row, column),
                found: Echo::new(cell),
                expected: merchant.to_string(),
            }),
            None => {
                let expected = "a merchant's number, such as 1900000109";
                let merchant = MerchantId::parse(cell)
                    .map_err(|_| wrong_value(&self.layout, &self.row, column, expected))?;
                self.merchant = Some(merchant);
                Ok(())
            }
        }
    }
}

/// Of a row that has more or fewer cells than its header: at the first that is missing, or too many.
fn torn(layout: &Layout<'_>, row: &Row) -> BillError {
    let (found, expected) = (row.len(), layout.names.len());
    let at = layout.place(row, found.min(expected));
    if found < expected {
        BillError::Torn { at, found, expected }
    } else {
        BillError::ExtraCells { at, found, expected }
    }
}

/// The figures that a summary's row holds.
fn claims(layout: &Layout<'_>, row: &Row) -> Result<Vec<Claim>, BillError> {
    let claim = |(column, rule): &(usize, &FigureRule)| {
        let value = rule.figure.parse(row.cell(*column), layout.profile.unit);
        let value = value.ok_or_else(|| wrong_value(layout, row, *column, "a figure of the summary"))?;
        Ok(Claim { at: layout.place(row, *column), figure: rule.figure, value })
    };
    layout.figures.iter().map(claim).collect()
}
