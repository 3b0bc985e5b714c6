//! What a bill of WeChat Pay, or of another channel, is: whose, of which day, of which kind, its lines and
//! their totals. How a file is read stands elsewhere.

mod day;
mod line;
mod names;
mod totals;

use std::fmt;

use chrono::NaiveDate;

pub use day::{BillDay, BillOpening, BillRefusal, OpenBill, OpenDecision};
pub use line::{BillLine, BillLines, Direction, FundLine, RowKind};
pub use names::{BillKind, BillNameError, MerchantId, Sha256Hex};
pub use totals::{FundTotals, Millifen, TotalTooLarge, Totals, TradeTotals};

/// What a sealed file says everything of, for its day.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Covers {
    Payments,
    Refunds,
    /// Payments and refunds.
    Both,
    /// The money's movements, from a fund flow bill.
    Funds,
}

impl Covers {
    pub const ALL: [Self; 4] = [Self::Payments, Self::Refunds, Self::Both, Self::Funds];

    pub fn as_str(self) -> &'static str {
        match self {
            Self::Payments => "payments",
            Self::Refunds => "refunds",
            Self::Both => "both",
            Self::Funds => "funds",
        }
    }

    pub fn parse(text: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|covers| covers.as_str() == text)
    }
}

/// What names one bill: a merchant, a Beijing day, a kind.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct BillKey {
    pub merchant: MerchantId,
    pub day: NaiveDate,
    pub kind: BillKind,
}

impl fmt::Display for BillKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { merchant, day, kind } = self;
        write!(f, "{merchant}.{day}.{kind}")
    }
}

/// What happens to one bill. `revision` counts the openings and declarations of the stream, so that the same
/// again later is another fact.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum BillEvent {
    /// A file is being imported: its lines follow, and count only when it is sealed.
    Opened {
        revision: u64,
        key: BillKey,
        covers: Covers,
        sha256: Sha256Hex,
        file_name: String,
        profile: String,
        /// How many lines the file has.
        rows: u64,
        by: String,
    },
    /// Some of its lines, in the order of the file.
    Lines { revision: u64, lines: BillLines },
    /// All lines stand: they count.
    Sealed { revision: u64, key: BillKey, covers: Covers, sha256: Sha256Hex, rows: u64, totals: Totals },
    /// The lines of this file count no more: those of the one that is sealed right after it do.
    Superseded {
        /// That of the file which is superseded.
        revision: u64,
        key: BillKey,
        sha256: Sha256Hex,
        by_sha256: Sha256Hex,
        reason: String,
        by: String,
    },
    /// WeChat has no bill for the day (NO_STATEMENT_EXIST): nothing was traded.
    DeclaredEmpty { revision: u64, key: BillKey, covers: Covers, reason: String, by: String },
}

impl BillEvent {
    /// The type's name as it stands in the log.
    pub fn type_name(&self) -> &'static str {
        match self {
            Self::Opened { .. } => "BillOpened",
            Self::Lines { lines: BillLines::Trade(_), .. } => "BillLines",
            Self::Lines { lines: BillLines::Funds(_), .. } => "FundLines",
            Self::Sealed { .. } => "BillSealed",
            Self::Superseded { .. } => "BillSuperseded",
            Self::DeclaredEmpty { .. } => "BillDayDeclaredEmpty",
        }
    }
}
