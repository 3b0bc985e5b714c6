//! The layouts of WeChat Pay's own bills (its documents on trade and fund flow bills), as profiles.

use chrono::FixedOffset;

use super::field::Field::{self, *};
use super::profile::{
    AmountUnit, ColumnRule, Constants, Days, Figure, FigureRule, Format, FundRule, FundWord, Need,
    OtherColumns, Profile, RowRule, SummaryRule, TimeFormat, TimeRule, TradeRule, TradeWord, WordRule,
};
use crate::domain::bill::{BillKind, Covers};

/// A field and what the header calls it.
type Column = (Field, &'static [&'static str]);

const BEIJING_S: i32 = 8 * 3600;

const WHO: [Column; 3] = [(TradedAt, &["交易时间"]), (AppId, &["公众账号ID"]), (Merchant, &["商户号"])];
const SUB_MERCHANT: Column = (SubMerchant, &["特约商户号"]);
const LEGACY_SUB_MERCHANT: Column = (SubMerchant, &["子商户号"]);
const ORDER: [Column; 8] = [
    (Device, &["设备号"]),
    (TransactionId, &["微信订单号"]),
    (MchOrderNo, &["商户订单号"]),
    (OpenId, &["用户标识"]),
    (TradeType, &["交易类型"]),
    (TradeState, &["交易状态"]),
    (Bank, &["付款银行"]),
    (Currency, &["货币种类"]),
];
const PAID: [Column; 2] = [(SettlementFen, &["应结订单金额"]), (CouponFen, &["代金券金额"])];
const LEGACY_PAID: [Column; 2] =
    [(OrderFen, &["总金额"]), (CouponFen, &["代金券或立减优惠金额", "企业红包金额"])];
const REFUND_TIMES: [Column; 2] =
    [(RefundAppliedAt, &["退款申请时间"]), (RefundSucceededAt, &["退款成功时间"])];
const REFUND_IDS: [Column; 3] =
    [(WxRefundId, &["微信退款单号"]), (MchRefundNo, &["商户退款单号"]), (RefundFen, &["退款金额"])];
const COUPON_REFUND: Column = (CouponRefundFen, &["充值券退款金额"]);
const LEGACY_COUPON_REFUND: Column = (CouponRefundFen, &["代金券或立减优惠退款金额", "企业红包退款金额"]);
const REFUND_STATE: [Column; 2] = [(RefundType, &["退款类型"]), (RefundState, &["退款状态"])];
const GOODS: [Column; 4] = [
    (ProductName, &["商品名称"]),
    (MerchantData, &["商户数据包"]),
    (FeeMillifen, &["手续费"]),
    (Rate, &["费率"]),
];
const ORDER_AMOUNT: Column = (OrderFen, &["订单金额"]);
const APPLIED_REFUND: Column = (AppliedRefundFen, &["申请退款金额"]);
const RATE_NOTE: Column = (RateNote, &["费率备注"]);
const FUNDS: [Column; 11] = [
    (BookedAt, &["记账时间"]),
    (BusinessId, &["微信支付业务单号"]),
    (FlowId, &["资金流水单号"]),
    (BusinessName, &["业务名称"]),
    (BusinessType, &["业务类型"]),
    (RowWord, &["收支类型"]),
    (AmountFen, &["收支金额(元)", "收支金额（元）"]),
    (BalanceFen, &["账户结余(元)", "账户结余（元）"]),
    (Applicant, &["资金变更提交申请人"]),
    (Note, &["备注"]),
    (VoucherId, &["业务凭证号"]),
];

/// In the order in which a header is tried against them.
pub fn profiles() -> Vec<Profile> {
    let (all, success, refund) = (BillKind::all, BillKind::success, BillKind::refund);
    let of = <[Column]>::to_vec;
    let after = [&REFUND_IDS[..], &[COUPON_REFUND], &REFUND_STATE, &GOODS].concat();
    let amounts = [ORDER_AMOUNT, APPLIED_REFUND, RATE_NOTE];
    let legacy_after = [&REFUND_IDS[..], &[LEGACY_COUPON_REFUND], &REFUND_STATE, &GOODS].concat();
    let begin = [&WHO[..], &[SUB_MERCHANT], &ORDER, &PAID].concat();
    let legacy_begin = [&WHO[..], &[LEGACY_SUB_MERCHANT], &ORDER, &LEGACY_PAID].concat();
    vec![
        trade("wechat_all", all(), [of(&begin), after.clone(), of(&amounts)].concat()),
        trade("wechat_success", success(), [of(&begin), of(&GOODS), vec![ORDER_AMOUNT, RATE_NOTE]].concat()),
        trade("wechat_refund", refund(), [of(&begin), of(&REFUND_TIMES), after, of(&amounts)].concat()),
        trade("wechat_legacy_all", all(), [legacy_begin.clone(), legacy_after.clone()].concat()),
        trade("wechat_legacy_success", success(), [legacy_begin.clone(), of(&GOODS)].concat()),
        trade("wechat_legacy_refund", refund(), [legacy_begin, of(&REFUND_TIMES), legacy_after].concat()),
        funds(),
    ]
}

fn trade(name: &str, kind: BillKind, columns: Vec<Column>) -> Profile {
    let is_legacy = columns.contains(&LEGACY_SUB_MERCHANT);
    let mut columns: Vec<ColumnRule> = columns.into_iter().map(required).collect();
    columns.push(required((RowWord, &["交易状态"])));
    let (covers, words) = match kind.as_str() {
        // Neither layout has the columns for the other's rows.
        "success" => (Covers::Payments, vec![("REFUND", TradeWord::Refused)]),
        "refund" => (Covers::Refunds, vec![("REFUND", TradeWord::Refund), ("SUCCESS", TradeWord::Refused)]),
        _ => (Covers::Both, vec![("REFUND", TradeWord::Refund)]),
    };
    let words = words.into_iter().map(|(word, meaning)| (word.to_owned(), meaning)).collect();
    let rule = TradeRule::ByWord(WordRule { words, others: TradeWord::Payment });
    let has_refunds = columns.iter().any(|column| column.field == RefundFen);
    let summary = if is_legacy { legacy_summary(has_refunds) } else { summary(has_refunds) };
    profile(name, kind, covers, columns, RowRule::Trade(rule), summary)
}

fn funds() -> Profile {
    let words = vec![("收入".to_owned(), FundWord::In), ("支出".to_owned(), FundWord::Out)];
    let rule = FundRule::ByWord(WordRule { words, others: FundWord::Refused });
    let summary = vec![
        figure(Figure::Rows, &["资金流水总笔数"]),
        figure(Figure::Incomes, &["收入笔数"]),
        figure(Figure::IncomeFen, &["收入金额"]),
        figure(Figure::Expenses, &["支出笔数"]),
        figure(Figure::ExpenseFen, &["支出金额"]),
    ];
    let columns = FUNDS.into_iter().map(required).collect();
    profile("wechat_fundflow", BillKind::fundflow(), Covers::Funds, columns, RowRule::Funds(rule), summary)
}

fn profile(
    name: &str,
    kind: BillKind,
    covers: Covers,
    columns: Vec<ColumnRule>,
    rows: RowRule,
    summary: Vec<FigureRule>,
) -> Profile {
    Profile {
        name: name.to_owned(),
        kind,
        covers,
        format: Format::Backtick,
        columns,
        other_columns: OtherColumns::Refused,
        rows,
        constants: Constants::default(),
        unit: AmountUnit::Yuan,
        times: TimeRule { format: TimeFormat::Plain, zone: beijing() },
        skips: Vec::new(),
        footers: Vec::new(),
        summary: SummaryRule::Block(summary),
        days: Days::One,
    }
}

/// The zone of times that name none.
pub fn beijing() -> FixedOffset {
    use chrono::Offset;
    // Eight hours east are within a day, so there is such a zone.
    FixedOffset::east_opt(BEIJING_S).unwrap_or_else(|| chrono::Utc.fix())
}

fn required((field, names): Column) -> ColumnRule {
    ColumnRule { field, names: owned(names), need: Need::Required }
}

fn summary(has_refunds: bool) -> Vec<FigureRule> {
    let mut figures = vec![
        figure(Figure::Rows, &["总交易单数"]),
        figure(Figure::SettlementFen, &["应结订单总金额"]),
        figure(Figure::RefundFen, &["退款总金额"]),
        figure(Figure::CouponRefundFen, &["充值券退款总金额"]),
        figure(Figure::FeeMillifen, &["手续费总金额"]),
        figure(Figure::OrderFen, &["订单总金额"]),
        figure(Figure::AppliedRefundFen, &["申请退款总金额"]),
    ];
    if !has_refunds {
        refunds_optional(&mut figures);
    }
    figures
}

fn legacy_summary(has_refunds: bool) -> Vec<FigureRule> {
    let mut figures = vec![
        figure(Figure::Rows, &["总交易单数"]),
        figure(Figure::OrderFen, &["总交易额"]),
        figure(Figure::RefundFen, &["总退款金额"]),
        figure(Figure::CouponRefundFen, &["总代金券或立减优惠退款金额", "总企业红包退款金额"]),
        figure(Figure::FeeMillifen, &["手续费总金额"]),
    ];
    if !has_refunds {
        refunds_optional(&mut figures);
    }
    figures
}

fn refunds_optional(figures: &mut [FigureRule]) {
    for rule in figures {
        if matches!(rule.figure, Figure::RefundFen | Figure::CouponRefundFen | Figure::AppliedRefundFen) {
            rule.need = Need::Optional;
        }
    }
}

fn figure(figure: Figure, names: &[&str]) -> FigureRule {
    FigureRule { figure, names: owned(names), need: Need::Required }
}

fn owned(names: &[&str]) -> Vec<String> {
    names.iter().map(|name| (*name).to_owned()).collect()
}
