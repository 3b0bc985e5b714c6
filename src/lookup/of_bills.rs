//! The verdict on what imported bills tell: "I paid and got nothing", and what else a bill says that holds an id.

use super::facts::{Billed, Held};
use super::of_pushes;
use super::verdict::Verdict;
use super::words::Words;

/// Statuses of a payment, and of a refund, whose push never came, or has not come yet.
const NOT_PUSHED: [&str; 4] =
    ["missing_in_ledger", "awaiting_push", "refund_missing_in_ledger", "refund_awaiting_push"];

/// What follows the opening, from the comma on, and what to do; in English and in Chinese.
type Said = ((String, String), (String, String));

/// A payment goes before its refund, and where a person has decided on its push, that goes before what to do. `None`
/// where no bill holds anything.
pub fn of_bills(billed: &[Billed], decided: Option<&Held>) -> Option<(Verdict, Words)> {
    let row = billed.iter().min_by_key(|row| place(row))?;
    let decided = decided.filter(|_| row.number.is_empty());
    let ((tail, tail_zh), (next, next_zh)) = if row.is_refund { refunded(row) } else { paid(row, decided) };
    let (opening, opening_zh) = opening(row);
    let words = Words::say(format!("{opening}{tail}"), format!("{opening_zh}{tail_zh}"));
    let words = with_refund(judged(words, row), row, billed);
    if let Some(held) = decided {
        return Some((
            Verdict::QuarantineDecided,
            of_pushes::decided_before(held, words.then(next, next_zh)),
        ));
    }
    let verdict = match (NOT_PUSHED.contains(&row.status.as_str()), row.is_refund) {
        (true, false) => Verdict::PaidNotPushed,
        (true, true) => Verdict::RefundNotPushed,
        (false, _) => Verdict::InBill,
    };
    Some((verdict, words.then(next, next_zh)))
}

/// The payment that a bill holds, as one sentence: whoever has it was paid.
pub fn payment(billed: &[Billed]) -> Option<(String, String)> {
    let row = billed.iter().find(|row| !row.is_refund && !row.amount.is_empty())?;
    let (english, chinese) = opening(row);
    Some((format!("{english}."), format!("{chinese}。")))
}

/// What can be recovered first, then what stands in the ledger under another number.
fn place(row: &Billed) -> (bool, u8) {
    let place = match row.status.as_str() {
        status if NOT_PUSHED.contains(&status) => 0,
        _ if !row.number.is_empty() => 1,
        _ => 2,
    };
    (row.is_refund, place)
}

fn opening(row: &Billed) -> (String, String) {
    let Billed { merchant, day, amount, .. } = row;
    let (amount, amount_zh) = match (amount.as_str(), row.status.as_str()) {
        ("", _) => ("an amount that it does not say".to_owned(), "未写明金额".to_owned()),
        // Of which one, only the file says.
        (_, "currency_differs") => (amount.clone(), amount.clone()),
        (_, _) => (format!("{amount} yuan"), format!("{amount} 元")),
    };
    let has_succeeded = row.status != "refund_not_successful";
    match (row.is_refund, has_succeeded) {
        (false, _) => (
            format!("Paid: the bill of merchant {merchant} for {day} holds this payment over {amount}"),
            format!("已付款：商户 {merchant} 的 {day} 账单中有这笔付款（{amount_zh}）"),
        ),
        (true, true) => (
            format!("Refunded: the bill of merchant {merchant} for {day} holds this refund of {amount}"),
            format!("已退款：商户 {merchant} 的 {day} 账单中有这笔退款（{amount_zh}）"),
        ),
        (true, false) => (
            format!(
                "Not refunded yet: the bill of merchant {merchant} for {day} holds this refund of {amount}"
            ),
            format!("尚未退款成功：商户 {merchant} 的 {day} 账单中有这笔退款（{amount_zh}）"),
        ),
    }
}

fn paid(row: &Billed, decided: Option<&Held>) -> Said {
    let Billed { status, number, merchant, transaction_id, mch_order_no, .. } = row;
    if !number.is_empty() {
        return in_ledger(row, "order", "订单");
    }
    match status.as_str() {
        "missing_in_ledger" | "awaiting_push" => not_pushed(row, decided),
        "duplicate_in_bill" => said(
            ", more than once, and the ledger has no order for it.",
            "，且不止一次；账本中没有对应订单。",
            "Ask WeChat Pay whether the player has paid once or more often; perhaps a bill file is of the wrong day. Then \
             finance resolves the rows as cases.",
            "请向微信支付核实玩家付了一次还是多次；也可能某个账单文件的日期有误。之后由财务将各行作为个案处理。",
        ),
        "revoked_in_bill" => said(
            ", revoked: the money did not stay. The ledger has no order for it.",
            "，但已撤销：款项没有留下。账本中没有对应订单。",
            "Nothing is to be granted for it; take back what was given by hand, and tell the player that the payment was \
             revoked.",
            "无需发放；若已人工补发请收回，并告知玩家该付款已撤销。",
        ),
        "currency_differs" => said(
            " in another currency than CNY, and the ledger has no order for it.",
            "，货币不是人民币；账本中没有对应订单。",
            "Ask WeChat Pay what was paid; finance resolves the row as a case.",
            "请向微信支付核实付款内容；该行由财务作为个案处理。",
        ),
        "other_app" => said(
            ", of an AppID that is no app of this merchant here.",
            "，但其 AppID 不是该商户在此配置的应用。",
            format!(
                "If the app is yours, put it under `[merchant.{merchant}]` of the configuration and ask again; if not, the \
                 player paid in another app."
            ),
            format!(
                "若该应用是你的，请写入配置的 `[merchant.{merchant}]` 后重新查询；否则玩家是在别的应用中付款。"
            ),
        ),
        "quarantined" => said(
            ", and its push waits in quarantine.",
            "，其推送在隔离区等待处理。",
            format!(
                "Decide there: look up {mch_order_no} and {transaction_id} here, or see `order-ledger quarantine list`."
            ),
            format!(
                "请在隔离区作出决定：可在此查询 {mch_order_no} 和 {transaction_id}，或查看 `order-ledger quarantine list`。"
            ),
        ),
        "mock_in_bill" => said(
            ", and only a mock push names it: money moved, and the ledger has no order for it.",
            "，但只有模拟推送提到它：确有付款，账本中却没有对应订单。",
            "Find out what the player bought (`found` has the mock), and ask WeChat to push the payment itself; finance \
             resolves the row as a case.",
            "请查清玩家买了什么（`found` 中有该模拟推送），并联系微信补推这笔付款；该行由财务作为个案处理。",
        ),
        "sandbox_in_bill" => said(
            ", and only a sandbox push names it: money moved, and production has no order for it.",
            "，但只有沙箱推送提到它：确有付款，正式环境却没有对应订单。",
            "Compare the AppKeys and the environment of the client with WeChat's console; the player has paid for real, so \
             ask WeChat to push the payment in production, or settle by hand.",
            "请将 AppKey 和客户端环境与微信后台核对；玩家确已付款，请联系微信以正式环境补推，或人工处理。",
        ),
        other => otherwise(other),
    }
}

fn not_pushed(row: &Billed, decided: Option<&Held>) -> Said {
    let Billed { merchant, transaction_id, .. } = row;
    let recover = format!(
        "finance recovers the order: `order-ledger recovery propose --merchant {merchant} --transaction-id \
         {transaction_id} …`, and another person approves."
    );
    let recover_zh = format!(
        "可由财务补单：`order-ledger recovery propose --merchant {merchant} --transaction-id {transaction_id} …`，并由另一人批准。"
    );
    if decided.is_some_and(|held| held.state == "adopted") {
        return said(
            ", and the ledger has no order for it.",
            "，账本中没有对应订单。",
            "It was taken over by hand, so no order is entered for it: finance resolves the row as a case with that reason \
             (`order-ledger case resolve`).",
            "该付款已由人工接管，不再补单：由财务以该理由将该行作为个案处理（`order-ledger case resolve`）。",
        );
    }
    if decided.is_some() {
        let next = format!("Only if nothing was done, {recover}");
        return said(
            ", and the ledger has no order for it.",
            "，账本中没有对应订单。",
            next,
            format!("仅当未作任何处理时，{recover_zh}"),
        );
    }
    said(
        ", and no push brought it, so the ledger has no order for it.",
        "，但从未收到推送，账本中没有对应订单。",
        format!(
            "WeChat repeats a push for 24 h 04 m: check that the push URL is configured and reachable. If it has given up, \
             {recover}"
        ),
        format!(
            "微信的重推持续 24 小时 04 分：请检查推送 URL 是否已配置且可访问。若重推已用尽，{recover_zh}"
        ),
    )
}

fn refunded(row: &Billed) -> Said {
    let Billed { status, number, transaction_id, state, .. } = row;
    if !number.is_empty() {
        return in_ledger(row, "refund", "退款");
    }
    match status.as_str() {
        "refund_missing_in_ledger" | "refund_awaiting_push" => said(
            ", and no push told of it.",
            "，但从未收到推送。",
            "The money went back to the player. Where the order was granted, decide whether to take it back; finance \
             resolves the row as a case (`order-ledger case resolve`).",
            "款项已退回玩家。若订单已发放，请决定是否收回；该行由财务作为个案处理（`order-ledger case resolve`）。",
        ),
        "refund_not_successful" => said(
            format!(", whose state there is {state}."),
            format!("，其状态为 {state}。"),
            "Look at the refund at WeChat Pay: a bill is never changed after its day, so it may have succeeded since. Until it \
             has, do not tell the player that the money is back.",
            "请在微信支付查看该退款：账单在当日之后不再变化，退款可能已经成功。成功之前不要告知玩家款项已退回。",
        ),
        "refund_ambiguous" => said(
            ", and several refunds of the ledger could be the same.",
            "，账本中有多笔退款都可能是它。",
            format!("Compare them by hand: look up the payment, {transaction_id}, which has them all."),
            format!("请人工比对：查询其付款 {transaction_id} 即可看到全部退款。"),
        ),
        "other_app" => said(
            ", of an AppID that is no app of this merchant here.",
            "，但其 AppID 不是该商户在此配置的应用。",
            "If the app is yours, put it under `[merchant.…]` of the configuration and ask again.",
            "若该应用是你的，请写入配置的 `[merchant.…]` 后重新查询。",
        ),
        other => otherwise(other),
    }
}

/// What a push told of under another number than the one that is looked for.
fn in_ledger(row: &Billed, what: &str, what_zh: &str) -> Said {
    let Billed { number, status, .. } = row;
    said(
        format!(", which the ledger has as {what} {number} ({status})."),
        format!("，在账本中是{what_zh} {number}（{status}）。"),
        format!("Look up {number} here: that says what became of it."),
        format!("请在此查询 {number}，了解其处理情况。"),
    )
}

fn otherwise(status: &str) -> Said {
    said(
        format!(", and the reconciliation calls it {status}."),
        format!("，对账状态为 {status}。"),
        "See what its status means in the reconciliation; finance resolves the row as a case.",
        "请在对账中查看该状态的含义；该行由财务作为个案处理。",
    )
}

fn said(
    tail: impl Into<String>,
    tail_zh: impl Into<String>,
    next: impl Into<String>,
    next_zh: impl Into<String>,
) -> Said {
    ((tail.into(), tail_zh.into()), (next.into(), next_zh.into()))
}

/// A payment that was given back is not to be told of without that.
fn with_refund(words: Words, row: &Billed, billed: &[Billed]) -> Words {
    let refund = billed.iter().filter(|other| other.is_refund).min_by_key(|other| place(other));
    let Some(refund) = refund.filter(|_| !row.is_refund) else { return words };
    let Billed { amount, status, day, .. } = refund;
    words.and(
        &format!("The bill for {day} holds a refund of it as well: {amount} ({status})."),
        &format!("{day} 的账单中还有它的退款：{amount}（{status}）。"),
    )
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
