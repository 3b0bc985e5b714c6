//! Makes a line of a bill from a row.

use super::cells::{Cells, Sign};
use super::error::BillError;
use super::field::Field;
use super::layout::Layout;
use super::profile::{FundRule, FundWord, RowRule, TradeRule, TradeWord};
use super::row::Row;
use crate::domain::bill::{BillLine, Direction, FundLine, RowKind};
use crate::domain::fen::Fen;

/// A line of a bill.
#[expect(clippy::large_enum_variant, reason = "one is there at a time, and most are the large one")]
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum BillRow {
    Trade(BillLine),
    Fund(FundLine),
}

/// `None` where the profile skips such rows.
pub fn line(layout: &Layout<'_>, row: &Row) -> Result<Option<BillRow>, BillError> {
    let cells = Cells { layout, row };
    Ok(match &layout.profile.rows {
        RowRule::Trade(rule) => trade(&cells, rule)?.map(BillRow::Trade),
        RowRule::Funds(rule) => fund(&cells, rule)?.map(BillRow::Fund),
    })
}

/// What kind of row it is, and what [`Field::AmountFen`] says where the profile has it. `None`: skipped.
fn kind(cells: &Cells<'_>, rule: &TradeRule) -> Result<Option<(RowKind, Option<Fen>)>, BillError> {
    let kind = match rule {
        TradeRule::All(kind) => *kind,
        TradeRule::BySign => {
            let amount = cells.required_fen(Field::AmountFen, Sign::Any)?;
            let kind = if amount.is_negative() { RowKind::Refund } else { RowKind::Payment };
            return Ok(Some((kind, Some(unsigned(cells, amount)?))));
        }
        TradeRule::ByWord(words) => match words.meaning(word(cells)) {
            TradeWord::Payment => RowKind::Payment,
            TradeWord::Refund => RowKind::Refund,
            TradeWord::Skipped => return Ok(None),
            TradeWord::Refused => return Err(wrong_word(cells, "a word for the rows of such a file")),
        },
    };
    let amount = match kind {
        RowKind::Payment => cells.fen(Field::AmountFen, Sign::NotNegative)?,
        // Many write what is paid back below zero.
        RowKind::Refund => match cells.fen(Field::AmountFen, Sign::Any)? {
            Some(amount) => Some(unsigned(cells, amount)?),
            None => None,
        },
    };
    Ok(Some((kind, amount)))
}

fn trade(cells: &Cells<'_>, rule: &TradeRule) -> Result<Option<BillLine>, BillError> {
    let Some((row, amount)) = kind(cells, rule)? else { return Ok(None) };
    let constants = &cells.layout.profile.constants;
    let fen = |field| cells.fen(field, Sign::NotNegative);
    let trade_state = match (cells.layout.column(Field::TradeState), row) {
        (Some(_), _) => cells.required_text(Field::TradeState)?,
        (None, RowKind::Payment) => "SUCCESS".to_owned(),
        (None, RowKind::Refund) => "REFUND".to_owned(),
    };
    let (order_amount, refund_amount) = match row {
        RowKind::Payment => (amount, None),
        RowKind::Refund => (None, amount),
    };
    Ok(Some(BillLine {
        line: cells.row.line,
        row,
        traded_at: cells.required_moment(Field::TradedAt)?,
        app_id: cells.text(Field::AppId)?.or_else(|| constants.app_id.clone()),
        sub_merchant: cells.text(Field::SubMerchant)?,
        device: cells.text(Field::Device)?,
        transaction_id: cells.required_text(Field::TransactionId)?,
        mch_order_no: cells.text(Field::MchOrderNo)?,
        open_id: cells.text(Field::OpenId)?,
        trade_type: cells.text(Field::TradeType)?,
        trade_state,
        bank: cells.text(Field::Bank)?,
        currency: cells.text(Field::Currency)?.or_else(|| constants.currency.clone()),
        settlement_fen: fen(Field::SettlementFen)?,
        coupon_fen: fen(Field::CouponFen)?,
        wx_refund_id: cells.text_unless_zero(Field::WxRefundId)?,
        mch_refund_no: cells.text_unless_zero(Field::MchRefundNo)?,
        refund_fen: fen(Field::RefundFen)?.or(refund_amount),
        coupon_refund_fen: fen(Field::CouponRefundFen)?,
        refund_type: cells.text(Field::RefundType)?,
        refund_state: cells.text(Field::RefundState)?,
        product_name: cells.text(Field::ProductName)?,
        merchant_data: cells.text(Field::MerchantData)?,
        fee_millifen: cells.millifen(Field::FeeMillifen)?,
        rate: cells.text(Field::Rate)?,
        order_fen: fen(Field::OrderFen)?.or(order_amount),
        applied_refund_fen: fen(Field::AppliedRefundFen)?,
        rate_note: cells.text(Field::RateNote)?,
        refund_applied_at: cells.moment(Field::RefundAppliedAt)?,
        refund_succeeded_at: cells.moment(Field::RefundSucceededAt)?,
    }))
}

fn fund(cells: &Cells<'_>, rule: &FundRule) -> Result<Option<FundLine>, BillError> {
    let (direction, amount_fen) = match rule {
        FundRule::BySign => {
            let amount = cells.required_fen(Field::AmountFen, Sign::Any)?;
            let direction = if amount.is_negative() { Direction::Out } else { Direction::In };
            (direction, unsigned(cells, amount)?)
        }
        FundRule::ByWord(words) => {
            let direction = match words.meaning(word(cells)) {
                FundWord::In => Direction::In,
                FundWord::Out => Direction::Out,
                FundWord::Skipped => return Ok(None),
                FundWord::Refused => {
                    return Err(wrong_word(
                        cells,
                        "a word for income or expense (收入 or 支出 at WeChat Pay)",
                    ));
                }
            };
            (direction, cells.required_fen(Field::AmountFen, Sign::NotNegative)?)
        }
    };
    Ok(Some(FundLine {
        line: cells.row.line,
        booked_at: cells.required_moment(Field::BookedAt)?,
        business_id: cells.text(Field::BusinessId)?,
        flow_id: cells.text(Field::FlowId)?,
        business_name: cells.text(Field::BusinessName)?,
        business_type: cells.text(Field::BusinessType)?,
        direction,
        amount_fen,
        balance_fen: cells.fen(Field::BalanceFen, Sign::Any)?,
        applicant: cells.text(Field::Applicant)?,
        note: cells.text(Field::Note)?,
        voucher_id: cells.text(Field::VoucherId)?,
    }))
}

fn word<'a>(cells: &Cells<'a>) -> &'a str {
    cells.raw(Field::RowWord).map_or("", |(_, word)| word)
}

fn wrong_word(cells: &Cells<'_>, expected: &'static str) -> BillError {
    cells.wrong(cells.layout.column(Field::RowWord).unwrap_or(0), expected)
}

fn unsigned(cells: &Cells<'_>, amount: Fen) -> Result<Fen, BillError> {
    let column = cells.layout.column(Field::AmountFen).unwrap_or(0);
    amount.0.checked_abs().map(Fen).ok_or_else(|| cells.wrong(column, "an amount that can be counted"))
}
