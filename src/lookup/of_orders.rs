//! The verdict on what was delivered: an order, a refund or a gift.

use super::facts::{Billed, Order, Refund};
use super::of_bills;
use super::verdict::Verdict;
use super::words::Words;

pub fn of_order(order: &Order, billed: &[Billed]) -> (Verdict, Words) {
    let Order { number, amount, delivered_at: at, grant_by: by, grant_at, grant_reason: why, .. } = order;
    let because = if why.is_empty() { String::new() } else { format!(": {why}") };
    let because_zh = if why.is_empty() { String::new() } else { format!("，原因：{why}") };
    let game_said = match order.grant.as_str() {
        "granted" => Words::say(
            format!("The game granted it at {grant_at} ({by})."),
            format!("游戏已于 {grant_at} 确认发放（{by}）。"),
        ),
        "refused" => Words::say(
            format!("The game refused to grant it at {grant_at} ({by}){because}."),
            format!("游戏于 {grant_at} 拒绝发放（{by}）{because_zh}。"),
        ),
        "revoked" => Words::say(
            format!("The game granted it and took it back at {grant_at} ({by}){because}."),
            format!("游戏发放后于 {grant_at} 收回（{by}）{because_zh}。"),
        ),
        _ => Words::say("The game has not said yet that it granted it.", "游戏尚未确认发放。"),
    };
    let delivered = Words::say(
        format!("Order {number} over {amount} yuan was delivered to the ledger at {at}."),
        format!("订单 {number}（{amount} 元）已于 {at} 送达账本。"),
    );
    let delivered = if order.is_mall_test { mall_test(delivered, billed) } else { delivered };
    let told = delivered.and(&game_said.words, &game_said.words_zh);
    if order.state == "refunded" || order.state == "partly_refunded" {
        return refunded(order, told);
    }
    match (order.kind.as_str(), order.grant.as_str()) {
        _ if order.conflicts > 0 => (Verdict::Conflict, conflicting(order, told)),
        ("coins", _) => {
            let words = Words::say(
                format!(
                    "Coins of {amount} yuan: WeChat credited them itself and told of it at {at} (order {number})."
                ),
                format!("代币订单 {number}（{amount} 元）：微信已自行到账，并于 {at} 通知。"),
            );
            let next = "Nothing is to be granted. Where the player sees no coins, ask WeChat with the TransactionId.";
            (
                Verdict::CoinsCredited,
                words.then(next, "无需发放。若玩家未见代币，请凭 TransactionId 联系微信。"),
            )
        }
        (_, "granted") => {
            let next = "Look in the game's own records for the role and zone that got it.";
            (
                Verdict::DeliveredAndGranted,
                told.then(next, "请在游戏自己的记录中查看发放到了哪个角色和区服。"),
            )
        }
        (_, "refused") => {
            let next =
                "Ask the game's team why; where the player is owed something, settle it with a refund.";
            (Verdict::RefusedByGame, told.then(next, "请向游戏团队了解原因；如确应补偿玩家，请走退款。"))
        }
        (_, "revoked") => {
            let next = "Ask the game's team why it was taken back.";
            (Verdict::RevokedByGame, told.then(next, "请向游戏团队了解收回的原因。"))
        }
        _ => {
            let next = "The order waits in the delivery feed (GET /v1/apps/{app}/deliveries): see whether the game's \
                        server reads it and why it has not granted this order; once it is granted by hand, say so \
                        with POST …/orders/{out_trade_no}/grant.";
            let next_zh = "订单在发货队列中等待（GET /v1/apps/{app}/deliveries）：请检查游戏服务器是否在读取，以及为何未发放；\
                           若已人工补发，请用 POST …/orders/{out_trade_no}/grant 登记。";
            (Verdict::DeliveredNotGranted, told.then(next, next_zh))
        }
    }
}

/// A test order that a bill holds was paid all the same.
fn mall_test(delivered: Words, billed: &[Billed]) -> Words {
    match of_bills::payment(billed) {
        Some((paid, paid_zh)) => delivered
            .and("It is a test order of WeChat's mall.", "这是微信商城的测试订单。")
            .and(&paid, &paid_zh),
        None => {
            let nobody = "It is a test order of WeChat's mall: nobody paid.";
            delivered.and(nobody, "这是微信商城的测试订单：没有人付款。")
        }
    }
}

fn refunded(order: &Order, told: Words) -> (Verdict, Words) {
    let (amount, refunded) = (&order.amount, &order.refunded);
    let told = told.and(
        &format!("Refunded so far: {refunded} of {amount} yuan."),
        &format!("已退款 {refunded} 元（订单 {amount} 元）。"),
    );
    let (next, next_zh) = if order.grant == "granted" {
        (
            "The player has both goods and money: decide whether the game takes the goods back, and say so with \
             POST …/orders/{out_trade_no}/revoke.",
            "玩家同时拥有道具和退款：请决定是否由游戏收回，并用 POST …/orders/{out_trade_no}/revoke 登记。",
        )
    } else {
        (
            "Do not grant what has been refunded; tell the player that the money is on its way back.",
            "已退款的部分不要再发放；请告知玩家款项正在退回。",
        )
    };
    let verdict = if order.state == "refunded" { Verdict::Refunded } else { Verdict::PartlyRefunded };
    (verdict, told.then(next, next_zh))
}

fn conflicting(order: &Order, told: Words) -> Words {
    let count = order.conflicts;
    let told = told.and(
        &format!(
            "Besides, {count} signed push(es) of this number said something else and were refused (40901)."
        ),
        &format!("另有 {count} 个已签名但内容不同的推送使用同一单号，已被拒绝（40901）。"),
    );
    told.then(
        "The first push stands. Compare both in `order-ledger history` and ask WeChat which one is right before \
         anything is granted or refunded for the other.",
        "以首次推送为准。请用 `order-ledger history` 对比两者，并先向微信核实哪一个正确，再决定发放或退款。",
    )
}

pub fn of_refund(refund: &Refund) -> (Verdict, Words) {
    let Refund { number, amount, refunded_at: at, order, order_grant, .. } = refund;
    let Some(order) = order else {
        let words = Words::say(
            format!("Refund {number} of {amount} yuan was paid out at {at}, and its order is not recorded."),
            format!("退款 {number}（{amount} 元）已于 {at} 完成，但其原订单不在账本中。"),
        );
        let next = "The order's push may have failed: look for its OutTradeNo, TransactionId or MchOrderNo here, and \
                    see the refunds without an order.";
        let next_zh = "原订单的推送可能失败：请在此查询其 OutTradeNo、TransactionId 或 MchOrderNo，并查看无原单的退款列表。";
        return (Verdict::RefundWithoutOrder, words.then(next, next_zh));
    };
    let words = Words::say(
        format!("Refund {number} of {amount} yuan was paid out at {at}, of order {order}."),
        format!("退款 {number}（{amount} 元）已于 {at} 完成，对应订单 {order}。"),
    );
    let (next, next_zh) = if order_grant == "granted" {
        (
            "The order was granted: decide whether the game takes the goods back.",
            "该订单已发放：请决定是否由游戏收回道具。",
        )
    } else {
        ("Look up the order to see what became of its goods.", "请查询该订单，了解道具的处理情况。")
    };
    (Verdict::Refunded, words.then(next, next_zh))
}

pub fn of_gift(number: &str, at: &str) -> (Verdict, Words) {
    let words = Words::say(
        format!("Gift {number} was delivered to the ledger at {at}. The game says nothing of gifts."),
        format!("礼包 {number} 已于 {at} 送达账本。游戏不对礼包作发放确认。"),
    );
    let next = "See in the game's own records whether it was handed out.";
    (Verdict::GiftDelivered, words.then(next, "请在游戏自己的记录中查看是否已发放。"))
}
