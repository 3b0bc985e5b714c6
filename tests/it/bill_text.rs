//! Bill files written by hand after the protocol's text, without the program's own layouts.

use super::server::APP_ID;

pub const MERCHANT: &str = "1900000109";

const ALL_HEADER: &str = "交易时间,公众账号ID,商户号,特约商户号,设备号,微信订单号,商户订单号,用户标识,交易类型,交易状态,\
付款银行,货币种类,应结订单金额,代金券金额,微信退款单号,商户退款单号,退款金额,充值券退款金额,退款类型,退款状态,商品名称,\
商户数据包,手续费,费率,订单金额,申请退款金额,费率备注";
const ALL_SUMMARY: &str =
    "总交易单数,应结订单总金额,退款总金额,充值券退款总金额,手续费总金额,订单总金额,申请退款总金额";

/// One row of an ALL bill.
#[derive(Clone, Debug)]
pub struct BillRow {
    /// `2026-01-01 10:00:00`
    pub at: String,
    pub merchant: String,
    pub app_id: String,
    /// 微信订单号
    pub transaction_id: String,
    /// 商户订单号
    pub mch_order_no: String,
    pub fen: i64,
    pub product_name: String,
    /// 微信退款单号; the amount is refunded then.
    pub refund: Option<String>,
}

/// A payment on this day in January 2026.
pub fn paid(day: u32, transaction_id: &str, fen: i64) -> BillRow {
    BillRow {
        at: format!("2026-01-{day:02} 10:00:00"),
        merchant: MERCHANT.into(),
        app_id: APP_ID.into(),
        transaction_id: transaction_id.into(),
        mch_order_no: format!("M{transaction_id}"),
        fen,
        product_name: "gems".into(),
        refund: None,
    }
}

/// The payment of the order that `by_hand::goods` pushes under this number.
pub fn paid_for(day: u32, number: &str) -> BillRow {
    BillRow { mch_order_no: format!("M{number}"), ..paid(day, &format!("T{number}"), 1200) }
}

/// A refund of such a payment.
pub fn refunded(day: u32, transaction_id: &str, refund: &str, fen: i64) -> BillRow {
    BillRow { refund: Some(refund.into()), ..paid(day, transaction_id, fen) }
}

fn yuan(fen: i64) -> String {
    let sign = if fen < 0 { "-" } else { "" };
    format!("{sign}{}.{:02}", fen.abs() / 100, fen.abs() % 100)
}

/// As WeChat writes it: a mark, CRLF, backticks.
pub fn all(rows: &[BillRow]) -> Vec<u8> {
    let mut text = format!("\u{feff}{ALL_HEADER}\r\n");
    let (mut paid, mut back) = (0, 0);
    for row in rows {
        let BillRow { at, merchant, app_id, transaction_id, mch_order_no, fen, product_name, refund } = row;
        let (state, order, refunded, refund_id, refund_state) = match refund {
            None => ("SUCCESS", *fen, 0, "0", ""),
            Some(refund) => ("REFUND", 0, *fen, refund.as_str(), "SUCCESS"),
        };
        paid += order;
        back += refunded;
        let (order, refunded) = (yuan(order), yuan(refunded));
        let mch_refund = if refund.is_some() { format!("R{refund_id}") } else { "0".into() };
        text += &format!(
            "`{at},`{app_id},`{merchant},`0,`,`{transaction_id},`{mch_order_no},`oP,`JSAPI,`{state},`OTHERS,`CNY,\
             `{order},`0.00,`{refund_id},`{mch_refund},`{refunded},`0.00,`,`{refund_state},`{product_name},`,\
             `0.00000,`0.60%,`{order},`{refunded},`\r\n"
        );
    }
    let (paid, back) = (yuan(paid), yuan(back));
    text += &format!("{ALL_SUMMARY}\r\n`{},`{paid},`{back},`0.00,`0.00000,`{paid},`{back}\r\n", rows.len());
    text.into_bytes()
}

/// A fund flow bill with an income for each payment.
pub fn fund_flow(rows: &[BillRow]) -> Vec<u8> {
    let mut text =
        "记账时间,微信支付业务单号,资金流水单号,业务名称,业务类型,收支类型,收支金额(元),账户结余(元),\
                    资金变更提交申请人,备注,业务凭证号\r\n"
            .to_owned();
    let mut total = 0;
    for row in rows {
        let BillRow { at, transaction_id, fen, .. } = row;
        total += fen;
        let (fen, balance) = (yuan(*fen), yuan(total));
        text += &format!(
            "`{at},`{transaction_id},`F{transaction_id},`交易,`交易,`收入,`{fen},`{balance},`system,`,`\r\n"
        );
    }
    let (count, total) = (rows.len(), yuan(total));
    text += &format!(
        "资金流水总笔数,收入笔数,收入金额,支出笔数,支出金额\r\n`{count},`{count},`{total},`0,`0.00\r\n"
    );
    text.into_bytes()
}
