//! How a file is laid out that holds a bill: data, which the reader follows. WeChat Pay's own layouts are such
//! profiles too.

use std::collections::{BTreeMap, BTreeSet};

use chrono::FixedOffset;
use chrono::format::Item;

use super::field::Field;
use super::wechat;
use crate::domain::bill::{BillKind, Covers, MerchantId, RowKind};

#[derive(Clone, Debug, PartialEq)]
pub struct Profile {
    pub name: String,
    pub kind: BillKind,
    pub covers: Covers,
    pub format: Format,
    pub columns: Vec<ColumnRule>,
    pub other_columns: OtherColumns,
    pub rows: RowRule,
    pub constants: Constants,
    pub unit: AmountUnit,
    pub times: TimeRule,
    /// Rows that are none of the bill.
    pub skips: Vec<SkipRule>,
    /// A row whose first cell begins with one of these, and all that follow it, are remarks below the rows.
    pub footers: Vec<String>,
    pub summary: SummaryRule,
    pub days: Days,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Format {
    /// WeChat Pay's own: UTF-8, the header in line 1, every cell below it begins with a backtick.
    Backtick,
    Csv {
        delimiter: u8,
        quote: Option<u8>,
        encoding: Encoding,
        header_line: u64,
        line_ends: LineEnds,
    },
    /// The first sheet unless one is named.
    Xlsx {
        sheet: Option<String>,
        header_line: u64,
    },
}

/// Whether a quoted cell may hold the end of a line. Where it may, a quote that is never closed takes the lines up
/// to the next one for a cell: only totals tell that they are missing.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum LineEnds {
    WithinCells,
    EndRows,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Encoding {
    Utf8,
    Gbk,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ColumnRule {
    pub field: Field,
    /// What the header may call it.
    pub names: Vec<String>,
    pub need: Need,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Need {
    Required,
    Optional,
}

/// What becomes of columns that no rule names.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum OtherColumns {
    Refused,
    /// These are ignored, others refused.
    IgnoredIf(Vec<String>),
    Ignored,
}

/// Which lines the rows are, and how that is told.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum RowRule {
    Trade(TradeRule),
    Funds(FundRule),
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub enum TradeRule {
    All(RowKind),
    /// `amount_fen` below zero is a refund.
    BySign,
    /// By the word in [`Field::RowWord`].
    ByWord(WordRule<TradeWord>),
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub enum FundRule {
    /// `amount_fen` below zero is an expense.
    BySign,
    /// By the word in [`Field::RowWord`].
    ByWord(WordRule<FundWord>),
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum TradeWord {
    Payment,
    Refund,
    Skipped,
    Refused,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum FundWord {
    In,
    Out,
    Skipped,
    Refused,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub struct WordRule<T> {
    pub words: Vec<(String, T)>,
    pub others: T,
}

impl<T: Copy> WordRule<T> {
    pub fn meaning(&self, word: &str) -> T {
        self.words.iter().find(|(known, _)| known == word).map_or(self.others, |(_, meaning)| *meaning)
    }
}

/// What holds for every row of the file that has no column for it.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Constants {
    pub merchant: Option<MerchantId>,
    pub app_id: Option<String>,
    pub currency: Option<String>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum AmountUnit {
    Yuan,
    Fen,
}

impl AmountUnit {
    /// Decimals that make an amount a whole number of fen.
    pub fn fen_places(self) -> u32 {
        match self {
            Self::Yuan => 2,
            Self::Fen => 0,
        }
    }

    /// Decimals that make a fee a whole number of thousandths of a fen.
    pub fn millifen_places(self) -> u32 {
        self.fen_places() + 3
    }
}

#[derive(Clone, Debug, PartialEq)]
pub struct TimeRule {
    pub format: TimeFormat,
    /// Of the texts that name no zone themselves.
    pub zone: FixedOffset,
}

#[derive(Clone, Debug, PartialEq)]
pub enum TimeFormat {
    /// `2026-01-31 23:59:59`, exactly.
    Plain,
    /// What `strftime` would write with this format.
    Strftime(Vec<Item<'static>>),
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SkipRule {
    pub column: String,
    pub words: Vec<String>,
}

/// How the file tells what its rows come to.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum SummaryRule {
    None,
    /// A header of its own and one row, at the end.
    Block(Vec<FigureRule>),
    /// One row with this first cell, each figure in the column that is named so.
    Row {
        first_cell: String,
        figures: Vec<FigureRule>,
    },
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FigureRule {
    pub figure: Figure,
    pub names: Vec<String>,
    pub need: Need,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Figure {
    Rows,
    Payments,
    Refunds,
    OrderFen,
    SettlementFen,
    CouponFen,
    RefundFen,
    CouponRefundFen,
    AppliedRefundFen,
    FeeMillifen,
    Incomes,
    IncomeFen,
    Expenses,
    ExpenseFen,
}

impl Figure {
    pub const ALL: [Self; 14] = [
        Self::Rows,
        Self::Payments,
        Self::Refunds,
        Self::OrderFen,
        Self::SettlementFen,
        Self::CouponFen,
        Self::RefundFen,
        Self::CouponRefundFen,
        Self::AppliedRefundFen,
        Self::FeeMillifen,
        Self::Incomes,
        Self::IncomeFen,
        Self::Expenses,
        Self::ExpenseFen,
    ];

    /// As the configuration calls it.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Rows => "rows",
            Self::Payments => "payments",
            Self::Refunds => "refunds",
            Self::OrderFen => "order_fen",
            Self::SettlementFen => "settlement_fen",
            Self::CouponFen => "coupon_fen",
            Self::RefundFen => "refund_fen",
            Self::CouponRefundFen => "coupon_refund_fen",
            Self::AppliedRefundFen => "applied_refund_fen",
            Self::FeeMillifen => "fee_millifen",
            Self::Incomes => "incomes",
            Self::IncomeFen => "income_fen",
            Self::Expenses => "expenses",
            Self::ExpenseFen => "expense_fen",
        }
    }
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Days {
    /// All rows are of one day, the bill's.
    One,
    /// Each row is of its own day.
    Many,
}

#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("no profile has the kind {kind}; known: {known}")]
pub struct UnknownKind {
    pub kind: BillKind,
    pub known: String,
}

/// The profiles there are, by name.
#[derive(Clone, Debug, PartialEq)]
pub struct Profiles {
    /// In the order in which they are tried.
    built_in: Vec<Profile>,
    configured: BTreeMap<String, Profile>,
}

impl Profiles {
    pub fn built_in() -> Self {
        Self { built_in: wechat::profiles(), configured: BTreeMap::new() }
    }

    /// With those of the configuration. The names of the built-in ones stay theirs.
    pub fn with(mut self, configured: impl IntoIterator<Item = Profile>) -> Self {
        self.configured.extend(configured.into_iter().map(|profile| (profile.name.clone(), profile)));
        self
    }

    pub fn get(&self, name: &str) -> Option<&Profile> {
        self.built_in.iter().find(|profile| profile.name == name).or_else(|| self.configured.get(name))
    }

    /// Those that a file's header is tried against.
    pub(super) fn detected(&self) -> &[Profile] {
        &self.built_in
    }

    /// What the files of a kind cover.
    ///
    /// # Errors
    /// Where no profile has it.
    pub fn covers(&self, kind: &BillKind) -> Result<Covers, UnknownKind> {
        let all = || self.built_in.iter().chain(self.configured.values());
        let found = all().find(|profile| profile.kind == *kind).map(|profile| profile.covers);
        found.ok_or_else(|| {
            let known: BTreeSet<_> = all().map(|profile| profile.kind.as_str()).collect();
            UnknownKind { kind: kind.clone(), known: known.into_iter().collect::<Vec<_>>().join(", ") }
        })
    }

    pub fn names(&self) -> impl Iterator<Item = &str> {
        let configured = self.configured.keys().map(String::as_str);
        self.built_in.iter().map(|profile| profile.name.as_str()).chain(configured)
    }
}
