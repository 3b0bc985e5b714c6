//! One row of a trade bill, and one of a fund flow bill.

use chrono::{DateTime, Utc};

use super::totals::Millifen;
use crate::domain::fen::Fen;

/// Whether a row is a payment or a refund: it is a refund exactly where 交易状态 is REFUND.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum RowKind {
    Payment,
    Refund,
}

impl RowKind {
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Payment => "payment",
            Self::Refund => "refund",
        }
    }

    pub fn parse(text: &str) -> Option<Self> {
        [Self::Payment, Self::Refund].into_iter().find(|kind| kind.as_str() == text)
    }
}

/// One row of a trade bill: texts as they stand in the file, without the backtick; an empty cell is `None`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct BillLine {
    /// The line's number in the file; the header is line 1.
    pub line: u64,
    pub row: RowKind,
    /// 交易时间
    pub traded_at: DateTime<Utc>,
    /// 公众账号ID
    pub app_id: Option<String>,
    /// 特约商户号 or 子商户号
    pub sub_merchant: Option<String>,
    /// 设备号
    pub device: Option<String>,
    /// 微信订单号
    pub transaction_id: String,
    /// 商户订单号
    pub mch_order_no: Option<String>,
    /// 用户标识
    pub open_id: Option<String>,
    /// 交易类型
    pub trade_type: Option<String>,
    /// 交易状态: SUCCESS, REFUND, REVOKED, or another word
    pub trade_state: String,
    /// 付款银行
    pub bank: Option<String>,
    /// 货币种类
    pub currency: Option<String>,
    /// 应结订单金额
    pub settlement_fen: Option<Fen>,
    /// 代金券金额, 代金券或立减优惠金额 or 企业红包金额
    pub coupon_fen: Option<Fen>,
    /// 微信退款单号; `None` where the cell is empty or `0`
    pub wx_refund_id: Option<String>,
    /// 商户退款单号; likewise
    pub mch_refund_no: Option<String>,
    /// 退款金额
    pub refund_fen: Option<Fen>,
    /// 充值券退款金额 or 代金券或立减优惠退款金额
    pub coupon_refund_fen: Option<Fen>,
    /// 退款类型
    pub refund_type: Option<String>,
    /// 退款状态: SUCCESS, PROCESSING, FAIL or CHANGE
    pub refund_state: Option<String>,
    /// 商品名称
    pub product_name: Option<String>,
    /// 商户数据包
    pub merchant_data: Option<String>,
    /// 手续费
    pub fee_millifen: Option<Millifen>,
    /// 费率
    pub rate: Option<String>,
    /// 订单金额, in legacy bills 总金额
    pub order_fen: Option<Fen>,
    /// 申请退款金额
    pub applied_refund_fen: Option<Fen>,
    /// 费率备注
    pub rate_note: Option<String>,
    /// 退款申请时间
    pub refund_applied_at: Option<DateTime<Utc>>,
    /// 退款成功时间
    pub refund_succeeded_at: Option<DateTime<Utc>>,
}

/// 收支类型
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Direction {
    /// 收入
    In,
    /// 支出
    Out,
}

impl Direction {
    pub fn as_str(self) -> &'static str {
        match self {
            Self::In => "in",
            Self::Out => "out",
        }
    }

    pub fn parse(text: &str) -> Option<Self> {
        [Self::In, Self::Out].into_iter().find(|direction| direction.as_str() == text)
    }
}

/// One row of a fund flow bill, likewise.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FundLine {
    /// The line's number in the file; the header is line 1.
    pub line: u64,
    /// 记账时间
    pub booked_at: DateTime<Utc>,
    /// 微信支付业务单号
    pub business_id: Option<String>,
    /// 资金流水单号
    pub flow_id: Option<String>,
    /// 业务名称
    pub business_name: Option<String>,
    /// 业务类型
    pub business_type: Option<String>,
    pub direction: Direction,
    /// 收支金额
    pub amount_fen: Fen,
    /// 账户结余
    pub balance_fen: Option<Fen>,
    /// 资金变更提交申请人
    pub applicant: Option<String>,
    /// 备注
    pub note: Option<String>,
    /// 业务凭证号
    pub voucher_id: Option<String>,
}

/// Lines of one bill, in the order of the file.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum BillLines {
    Trade(Vec<BillLine>),
    Funds(Vec<FundLine>),
}

impl BillLines {
    pub fn len(&self) -> usize {
        match self {
            Self::Trade(lines) => lines.len(),
            Self::Funds(lines) => lines.len(),
        }
    }

    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// The first half of them, and what follows; the halves of two lines or more are not empty.
    pub fn halves(self) -> (Self, Self) {
        let middle = self.len() / 2;
        match self {
            Self::Trade(mut lines) => {
                let rest = lines.split_off(middle);
                (Self::Trade(lines), Self::Trade(rest))
            }
            Self::Funds(mut lines) => {
                let rest = lines.split_off(middle);
                (Self::Funds(lines), Self::Funds(rest))
            }
        }
    }
}
