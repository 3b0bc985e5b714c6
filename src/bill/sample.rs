//! Writes bills as WeChat Pay does: for tests, benchmarks and trials.

use std::io::{self, Write};

use chrono::{DateTime, Utc};
use flate2::Compression;
use flate2::write::GzEncoder;

use super::field::Field;
use super::profile::{Need, Profile, SummaryRule};
use super::wechat;
use crate::domain::bill::{
    BillLine, Direction, FundLine, FundTotals, MerchantId, Millifen, Totals, TradeTotals,
};
use crate::domain::fen::Fen;
use crate::moment::in_beijing;

/// Which of WeChat Pay's layouts.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum SampleLayout {
    All,
    Success,
    Refund,
    LegacyAll,
    LegacySuccess,
    LegacyRefund,
    Fundflow,
}

impl SampleLayout {
    pub const ALL: [Self; 7] = [
        Self::All,
        Self::Success,
        Self::Refund,
        Self::LegacyAll,
        Self::LegacySuccess,
        Self::LegacyRefund,
        Self::Fundflow,
    ];

    /// The name of its profile.
    pub fn profile(self) -> &'static str {
        match self {
            Self::All => "wechat_all",
            Self::Success => "wechat_success",
            Self::Refund => "wechat_refund",
            Self::LegacyAll => "wechat_legacy_all",
            Self::LegacySuccess => "wechat_legacy_success",
            Self::LegacyRefund => "wechat_legacy_refund",
            Self::Fundflow => "wechat_fundflow",
        }
    }
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum LineEnd {
    Crlf,
    Lf,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Bom {
    Written,
    LeftOut,
}

/// Writes one bill, line by line; `finish` adds the summary. A line's number is not written: it is where it stands.
pub struct SampleWriter<W: Write> {
    out: W,
    profile: Profile,
    merchant: MerchantId,
    line_end: &'static str,
    trade: TradeTotals,
    funds: FundTotals,
    /// Of one row.
    text: String,
}

impl<W: Write> SampleWriter<W> {
    /// As WeChat Pay writes them: with a BOM, and lines that end with CR and LF.
    pub fn new(out: W, layout: SampleLayout, merchant: MerchantId) -> io::Result<Self> {
        Self::with(out, layout, merchant, Bom::Written, LineEnd::Crlf)
    }

    pub fn with(
        mut out: W,
        layout: SampleLayout,
        merchant: MerchantId,
        bom: Bom,
        line_end: LineEnd,
    ) -> io::Result<Self> {
        let found = wechat::profiles().into_iter().find(|profile| profile.name == layout.profile());
        let profile = found.ok_or(io::ErrorKind::NotFound)?;
        let line_end = match line_end {
            LineEnd::Crlf => "\r\n",
            LineEnd::Lf => "\n",
        };
        if bom == Bom::Written {
            out.write_all("\u{feff}".as_bytes())?;
        }
        let header: Vec<_> = columns(&profile).map(|(_, name)| name).collect();
        write!(out, "{}{line_end}", header.join(","))?;
        let (trade, funds) = (TradeTotals::default(), FundTotals::default());
        Ok(Self { out, profile, merchant, line_end, trade, funds, text: String::new() })
    }

    pub fn trade(&mut self, line: &BillLine) -> io::Result<()> {
        // What the layout has no column for is no part of its totals.
        let has = |field| self.profile.columns.iter().any(|column| column.field == field);
        let mut counted = line.clone();
        for (field, cell) in [
            (Field::OrderFen, &mut counted.order_fen),
            (Field::SettlementFen, &mut counted.settlement_fen),
            (Field::RefundFen, &mut counted.refund_fen),
            (Field::CouponRefundFen, &mut counted.coupon_refund_fen),
            (Field::AppliedRefundFen, &mut counted.applied_refund_fen),
        ] {
            if !has(field) {
                *cell = None;
            }
        }
        self.trade.add(&counted).map_err(io::Error::other)?;
        self.text.clear();
        for (field, _) in columns(&self.profile) {
            self.text.push_str(if self.text.is_empty() { "`" } else { ",`" });
            push_trade_cell(&mut self.text, field, line, &self.merchant);
        }
        write!(self.out, "{}{}", self.text, self.line_end)
    }

    pub fn fund(&mut self, line: &FundLine) -> io::Result<()> {
        self.funds.add(line).map_err(io::Error::other)?;
        self.text.clear();
        for (field, _) in columns(&self.profile) {
            self.text.push_str(if self.text.is_empty() { "`" } else { ",`" });
            push_fund_cell(&mut self.text, field, line);
        }
        write!(self.out, "{}{}", self.text, self.line_end)
    }

    /// Writes the summary, and gives back what was written to.
    pub fn finish(mut self) -> io::Result<W> {
        let SummaryRule::Block(figures) = &self.profile.summary else { return Ok(self.out) };
        // WeChat Pay leaves no figure out, whatever the layout's rows hold.
        let names: Vec<_> =
            figures.iter().filter_map(|rule| rule.names.first()).map(String::as_str).collect();
        let totals = if self.profile.kind.as_str() == "fundflow" {
            Totals::Funds(self.funds)
        } else {
            Totals::Trade(self.trade)
        };
        let cells: Vec<_> = figures.iter().map(|rule| format!("`{}", rule.figure.of(&totals))).collect();
        write!(self.out, "{1}{0}{2}{0}", self.line_end, names.join(","), cells.join(","))?;
        Ok(self.out)
    }
}

/// A whole trade bill in memory.
pub fn trade_bill<'a>(
    layout: SampleLayout,
    merchant: &MerchantId,
    lines: impl IntoIterator<Item = &'a BillLine>,
) -> io::Result<Vec<u8>> {
    let mut writer = SampleWriter::new(Vec::new(), layout, merchant.clone())?;
    for line in lines {
        writer.trade(line)?;
    }
    writer.finish()
}

/// A whole fund flow bill in memory.
pub fn fund_bill<'a>(lines: impl IntoIterator<Item = &'a FundLine>) -> io::Result<Vec<u8>> {
    let nobody = MerchantId::parse("0").map_err(io::Error::other)?;
    let mut writer = SampleWriter::new(Vec::new(), SampleLayout::Fundflow, nobody)?;
    for line in lines {
        writer.fund(line)?;
    }
    writer.finish()
}

pub fn gzip(bytes: &[u8]) -> io::Result<Vec<u8>> {
    let mut encoder = GzEncoder::new(Vec::new(), Compression::fast());
    encoder.write_all(bytes)?;
    encoder.finish()
}

/// The columns of a layout, in its order, under their first names.
fn columns(profile: &Profile) -> impl Iterator<Item = (Field, &str)> {
    let is_own = |field| match field {
        // In trade bills it is the column of the state, which is there already.
        Field::RowWord => profile.kind.as_str() == "fundflow",
        _ => true,
    };
    let required = profile.columns.iter().filter(|rule| rule.need == Need::Required);
    required
        .filter(move |rule| is_own(rule.field))
        .filter_map(|rule| Some((rule.field, rule.names.first()?.as_str())))
}

fn beijing(at: DateTime<Utc>) -> String {
    in_beijing(at).format("%Y-%m-%d %H:%M:%S").to_string()
}

fn push_trade_cell(text: &mut String, field: Field, line: &BillLine, merchant: &MerchantId) {
    let words = |word: &Option<String>| word.clone().unwrap_or_default();
    let id = |id: &Option<String>| id.clone().unwrap_or_else(|| "0".to_owned());
    let fen = |fen: Option<Fen>| fen.map(|fen| fen.to_string()).unwrap_or_default();
    let moment = |at: Option<DateTime<Utc>>| at.map(beijing).unwrap_or_default();
    let cell = match field {
        Field::Merchant => merchant.to_string(),
        Field::TradedAt => beijing(line.traded_at),
        Field::AppId => words(&line.app_id),
        Field::SubMerchant => words(&line.sub_merchant),
        Field::Device => words(&line.device),
        Field::TransactionId => line.transaction_id.clone(),
        Field::MchOrderNo => words(&line.mch_order_no),
        Field::OpenId => words(&line.open_id),
        Field::TradeType => words(&line.trade_type),
        Field::TradeState => line.trade_state.clone(),
        Field::Bank => words(&line.bank),
        Field::Currency => words(&line.currency),
        Field::SettlementFen => fen(line.settlement_fen),
        Field::CouponFen => fen(line.coupon_fen),
        Field::WxRefundId => id(&line.wx_refund_id),
        Field::MchRefundNo => id(&line.mch_refund_no),
        Field::RefundFen => fen(line.refund_fen),
        Field::CouponRefundFen => fen(line.coupon_refund_fen),
        Field::RefundType => words(&line.refund_type),
        Field::RefundState => words(&line.refund_state),
        Field::ProductName => words(&line.product_name),
        Field::MerchantData => words(&line.merchant_data),
        Field::FeeMillifen => line.fee_millifen.map(|fee: Millifen| fee.to_string()).unwrap_or_default(),
        Field::Rate => words(&line.rate),
        Field::OrderFen => fen(line.order_fen),
        Field::AppliedRefundFen => fen(line.applied_refund_fen),
        Field::RateNote => words(&line.rate_note),
        Field::RefundAppliedAt => moment(line.refund_applied_at),
        Field::RefundSucceededAt => moment(line.refund_succeeded_at),
        // No column of a trade bill of WeChat Pay.
        Field::RowWord
        | Field::AmountFen
        | Field::BookedAt
        | Field::BusinessId
        | Field::FlowId
        | Field::BusinessName
        | Field::BusinessType
        | Field::BalanceFen
        | Field::Applicant
        | Field::Note
        | Field::VoucherId => String::new(),
    };
    text.push_str(&cell);
}

fn push_fund_cell(text: &mut String, field: Field, line: &FundLine) {
    let words = |word: &Option<String>| word.clone().unwrap_or_default();
    let cell = match field {
        Field::BookedAt => beijing(line.booked_at),
        Field::BusinessId => words(&line.business_id),
        Field::FlowId => words(&line.flow_id),
        Field::BusinessName => words(&line.business_name),
        Field::BusinessType => words(&line.business_type),
        Field::RowWord => match line.direction {
            Direction::In => "收入".to_owned(),
            Direction::Out => "支出".to_owned(),
        },
        Field::AmountFen => line.amount_fen.to_string(),
        Field::BalanceFen => line.balance_fen.map(|fen| fen.to_string()).unwrap_or_default(),
        Field::Applicant => words(&line.applicant),
        Field::Note => words(&line.note),
        Field::VoucherId => words(&line.voucher_id),
        // No column of a fund flow bill.
        _ => String::new(),
    };
    text.push_str(&cell);
}
