//! Bill files as WeChat Pay gives them out: UTF-8 with BOM, CRLF, a backtick before every cell of data, and a
//! summary behind the rows.

use std::borrow::Cow;
use std::io::{self, Write};

use chrono::{DateTime, TimeDelta, Utc};

use super::Layout;
use crate::domain::bill::{BillLine, Direction, FundLine, FundTotals, TradeTotals};
use crate::domain::fen::Fen;

const BOM: &[u8] = b"\xef\xbb\xbf";

/// A column's name, and what stands in it.
type Column = (&'static str, fn(&BillLine, &str) -> String);

const BEGIN: [Column; 12] = [
    ("交易时间", |line, _| moment(Some(line.traded_at))),
    ("公众账号ID", |line, _| text(&line.app_id)),
    ("商户号", |_, merchant| merchant.to_owned()),
    ("特约商户号", |line, _| text(&line.sub_merchant)),
    ("设备号", |line, _| text(&line.device)),
    ("微信订单号", |line, _| line.transaction_id.clone()),
    ("商户订单号", |line, _| text(&line.mch_order_no)),
    ("用户标识", |line, _| text(&line.open_id)),
    ("交易类型", |line, _| text(&line.trade_type)),
    ("交易状态", |line, _| line.trade_state.clone()),
    ("付款银行", |line, _| text(&line.bank)),
    ("货币种类", |line, _| text(&line.currency)),
];
const PAID: [Column; 2] =
    [("应结订单金额", |line, _| yuan(line.settlement_fen)), ("代金券金额", |line, _| yuan(line.coupon_fen))];
const REFUND_TIMES: [Column; 2] = [
    ("退款申请时间", |line, _| moment(line.refund_applied_at)),
    ("退款成功时间", |line, _| moment(line.refund_succeeded_at)),
];
const REFUNDED: [Column; 6] = [
    ("微信退款单号", |line, _| line.wx_refund_id.clone().unwrap_or_else(|| "0".into())),
    ("商户退款单号", |line, _| line.mch_refund_no.clone().unwrap_or_else(|| "0".into())),
    ("退款金额", |line, _| yuan(line.refund_fen)),
    ("充值券退款金额", |line, _| yuan(line.coupon_refund_fen)),
    ("退款类型", |line, _| text(&line.refund_type)),
    ("退款状态", |line, _| text(&line.refund_state)),
];
const GOODS: [Column; 4] = [
    ("商品名称", |line, _| text(&line.product_name)),
    ("商户数据包", |line, _| text(&line.merchant_data)),
    ("手续费", |line, _| line.fee_millifen.unwrap_or_default().to_string()),
    ("费率", |line, _| text(&line.rate)),
];
const ORDERED: Column = ("订单金额", |line, _| yuan(line.order_fen));
const APPLIED: Column = ("申请退款金额", |line, _| yuan(line.applied_refund_fen));
const NOTE: Column = ("费率备注", |line, _| text(&line.rate_note));

/// The columns of a layout; legacy names take the place of some.
fn columns(layout: Layout) -> Vec<Column> {
    let end: &[Column] = match layout {
        Layout::All | Layout::Refund => &[ORDERED, APPLIED, NOTE],
        Layout::Success => &[ORDERED, NOTE],
        Layout::Legacy => &[],
    };
    let refunded: &[Column] = if layout == Layout::Success { &[] } else { &REFUNDED };
    let times: &[Column] = if layout == Layout::Refund { &REFUND_TIMES } else { &[] };
    let mut columns = [&BEGIN, &PAID[..], times, refunded, &GOODS, end].concat();
    if layout == Layout::Legacy {
        for (name, cell) in &mut columns {
            match *name {
                "特约商户号" => *name = "子商户号",
                "应结订单金额" => {
                    *name = "总金额";
                    *cell = |line, _| yuan(line.order_fen);
                }
                "代金券金额" => *name = "代金券或立减优惠金额",
                "充值券退款金额" => *name = "代金券或立减优惠退款金额",
                _ => {}
            }
        }
    }
    columns
}

pub fn write_trade<'a>(
    layout: Layout,
    merchant: &str,
    lines: impl IntoIterator<Item = Cow<'a, BillLine>>,
    mut out: impl Write,
) -> anyhow::Result<()> {
    let columns = columns(layout);
    out.write_all(BOM)?;
    row(&mut out, "", columns.iter().map(|(name, _)| (*name).to_owned()))?;
    let mut totals = TradeTotals::default();
    for line in lines {
        row(&mut out, "`", columns.iter().map(|(_, cell)| cell(&line, merchant)))?;
        totals.add(&line)?;
    }
    let rows = (totals.payments + totals.refunds).to_string();
    let figures = match layout {
        Layout::All | Layout::Success | Layout::Refund => vec![
            ("总交易单数", rows),
            ("应结订单总金额", totals.settlement_fen.to_string()),
            ("退款总金额", totals.refund_fen.to_string()),
            ("充值券退款总金额", totals.coupon_refund_fen.to_string()),
            ("手续费总金额", totals.fee_millifen.to_string()),
            ("订单总金额", totals.order_fen.to_string()),
            ("申请退款总金额", totals.applied_refund_fen.to_string()),
        ],
        Layout::Legacy => vec![
            ("总交易单数", rows),
            ("总交易额", totals.order_fen.to_string()),
            ("总退款金额", totals.refund_fen.to_string()),
            ("总代金券或立减优惠退款金额", totals.coupon_refund_fen.to_string()),
            ("手续费总金额", totals.fee_millifen.to_string()),
        ],
    };
    summary(&mut out, &figures)?;
    Ok(out.flush()?)
}

/// A fund flow bill says nowhere whose it is.
pub fn write_funds(lines: &[FundLine], mut out: impl Write) -> anyhow::Result<()> {
    out.write_all(BOM)?;
    let names = [
        "记账时间",
        "微信支付业务单号",
        "资金流水单号",
        "业务名称",
        "业务类型",
        "收支类型",
        "收支金额(元)",
        "账户结余(元)",
        "资金变更提交申请人",
        "备注",
        "业务凭证号",
    ];
    row(&mut out, "", names.into_iter().map(str::to_owned))?;
    let mut totals = FundTotals::default();
    for line in lines {
        let direction = match line.direction {
            Direction::In => "收入",
            Direction::Out => "支出",
        };
        let cells = [
            moment(Some(line.booked_at)),
            text(&line.business_id),
            text(&line.flow_id),
            text(&line.business_name),
            text(&line.business_type),
            direction.to_owned(),
            line.amount_fen.to_string(),
            yuan(line.balance_fen),
            text(&line.applicant),
            text(&line.note),
            text(&line.voucher_id),
        ];
        row(&mut out, "`", cells)?;
        totals.add(line)?;
    }
    summary(
        &mut out,
        &[
            ("资金流水总笔数", (totals.incomes + totals.expenses).to_string()),
            ("收入笔数", totals.incomes.to_string()),
            ("收入金额", totals.income_fen.to_string()),
            ("支出笔数", totals.expenses.to_string()),
            ("支出金额", totals.expense_fen.to_string()),
        ],
    )?;
    Ok(out.flush()?)
}

fn summary(out: &mut impl Write, figures: &[(&str, String)]) -> io::Result<()> {
    row(out, "", figures.iter().map(|(name, _)| (*name).to_owned()))?;
    row(out, "`", figures.iter().map(|(_, figure)| figure.clone()))
}

fn row(out: &mut impl Write, before: &str, cells: impl IntoIterator<Item = String>) -> io::Result<()> {
    for (place, cell) in cells.into_iter().enumerate() {
        let comma = if place > 0 { "," } else { "" };
        write!(out, "{comma}{before}{cell}")?;
    }
    out.write_all(b"\r\n")
}

fn text(cell: &Option<String>) -> String {
    cell.clone().unwrap_or_default()
}

fn yuan(fen: Option<Fen>) -> String {
    fen.map_or_else(String::new, |fen| fen.to_string())
}

fn moment(at: Option<DateTime<Utc>>) -> String {
    at.map_or_else(String::new, |at| (at + TimeDelta::hours(8)).format("%Y-%m-%d %H:%M:%S").to_string())
}
