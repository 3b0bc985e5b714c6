//! The verdict on what an imported bill tells and no push brought: exactly "I paid and got nothing".

use super::facts::Billed;
use super::verdict::Verdict;
use super::words::Words;

/// Statuses of a payment, and of a refund, whose push never came, or has not come yet.
const PAYMENTS: [&str; 2] = ["missing_in_ledger", "awaiting_push"];
const REFUNDS: [&str; 2] = ["refund_missing_in_ledger", "refund_awaiting_push"];

/// A payment goes before its refund. `None` where the bills tell nothing that was not pushed.
pub fn of_bills(billed: &[Billed]) -> Option<(Verdict, Words)> {
    let first = |statuses: [&str; 2]| billed.iter().find(|row| statuses.contains(&row.status.as_str()));
    let payment = first(PAYMENTS).map(|row| (Verdict::PaidNotPushed, paid(row)));
    payment.or_else(|| first(REFUNDS).map(|row| (Verdict::RefundNotPushed, refunded(row))))
}

fn paid(billed: &Billed) -> Words {
    let Billed { merchant, day, amount, transaction_id, .. } = billed;
    let words = Words::say(
        format!(
            "Paid: the bill of merchant {merchant} for {day} holds this payment over {amount} yuan, and no push brought \
             it, so the ledger has no order for it."
        ),
        format!(
            "已付款：商户 {merchant} 的 {day} 账单中有这笔付款（{amount} 元），但从未收到推送，账本中没有对应订单。"
        ),
    );
    let next = format!(
        "WeChat repeats a push for 24 h 04 m: check that the push URL is configured and reachable. If it has given up, \
         finance recovers the order: `order-ledger recovery propose --merchant {merchant} --transaction-id \
         {transaction_id} …`, and another person approves."
    );
    let next_zh = format!(
        "微信的重推持续 24 小时 04 分：请检查推送 URL 是否已配置且可访问。若重推已用尽，可由财务补单：\
         `order-ledger recovery propose --merchant {merchant} --transaction-id {transaction_id} …`，并由另一人批准。"
    );
    judged(words, billed).then(next, next_zh)
}

fn refunded(billed: &Billed) -> Words {
    let Billed { merchant, day, amount, .. } = billed;
    let words = Words::say(
        format!(
            "Refunded: the bill of merchant {merchant} for {day} holds this refund of {amount} yuan, and no push told of it."
        ),
        format!("已退款：商户 {merchant} 的 {day} 账单中有这笔退款（{amount} 元），但从未收到推送。"),
    );
    let next = "The money went back to the player. Where the order was granted, decide whether to take it back; finance \
                resolves the row as a case (`order-ledger case resolve`).";
    let next_zh = "款项已退回玩家。若订单已发放，请决定是否收回；该行由财务作为个案处理（`order-ledger case resolve`）。";
    judged(words, billed).then(next, next_zh)
}

/// What finance has said of it already.
fn judged(words: Words, billed: &Billed) -> Words {
    if billed.case_state != "resolved" {
        return words;
    }
    let Billed { case_by: by, case_reason: why, .. } = billed;
    words
        .and(&format!("{by} has resolved it as a case: {why}."), &format!("{by} 已将其作为个案处理：{why}。"))
}
