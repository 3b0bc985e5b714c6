//! Judges what was found: one verdict, the most telling, with its words.

use chrono::{DateTime, Utc};
use serde::Serialize;

use super::facts::{Facts, Player, Refused};
use super::words::Words;
use super::{of_bills, of_orders, of_pushes, unseen};
use crate::limits;

/// What an id turned out to be.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Verdict {
    DeliveredAndGranted,
    DeliveredNotGranted,
    CoinsCredited,
    RefusedByGame,
    RevokedByGame,
    Refunded,
    PartlyRefunded,
    /// A refund whose order is not recorded.
    RefundWithoutOrder,
    GiftDelivered,
    /// A different content came under the number as well.
    Conflict,
    InQuarantine,
    /// A person has decided, and no order was made of it.
    QuarantineDecided,
    RefusedBadSignature,
    /// An imported bill holds the payment, and no push brought it.
    PaidNotPushed,
    /// An imported bill holds the refund, and no push told of it.
    RefundNotPushed,
    /// An imported bill holds it, and something else is to be said of it: revoked, of another app, named by a mock alone.
    InBill,
    /// Refused for another reason.
    Refused,
    SandboxOnly,
    MockOnly,
    Player,
    /// Not everything that would decide could be looked at.
    CannotTell,
    NoTrace,
}

impl Verdict {
    pub const ALL: [Self; 22] = [
        Self::DeliveredAndGranted,
        Self::DeliveredNotGranted,
        Self::CoinsCredited,
        Self::RefusedByGame,
        Self::RevokedByGame,
        Self::Refunded,
        Self::PartlyRefunded,
        Self::RefundWithoutOrder,
        Self::GiftDelivered,
        Self::Conflict,
        Self::InQuarantine,
        Self::QuarantineDecided,
        Self::RefusedBadSignature,
        Self::PaidNotPushed,
        Self::RefundNotPushed,
        Self::InBill,
        Self::Refused,
        Self::SandboxOnly,
        Self::MockOnly,
        Self::Player,
        Self::CannotTell,
        Self::NoTrace,
    ];
}

/// What money was paid for in production goes first, then what waits for somebody, then what explains why
/// nothing else is there.
pub fn judge(facts: &Facts, now: DateTime<Utc>) -> (Verdict, Words) {
    if let Some(order) = facts.orders.iter().find(|order| order.is_of_production()) {
        return unseen::said_with(facts, of_orders::of_order(order, &facts.billed));
    }
    if let Some(refund) = facts.refunds.iter().find(|refund| refund.is_of_production()) {
        return unseen::said_with(facts, of_orders::of_refund(refund));
    }
    if let Some(gift) = facts.gifts.first() {
        return unseen::said_with(facts, of_orders::of_gift(&gift.number, &gift.delivered_at));
    }
    // What is delivered would decide: nothing weaker may, while it could not be looked at.
    if unseen::is_of_deliveries(facts) {
        return (Verdict::CannotTell, unseen::cannot_tell(facts));
    }
    if let Some(held) = facts.held.iter().find(|held| held.state == "open") {
        return (Verdict::InQuarantine, of_pushes::in_quarantine(held));
    }
    let refused = |stranger| {
        let is_so =
            move |refused: &&Refused| !refused.mock && refused.code != 0 && refused.stranger == stranger;
        facts.refused.iter().find(is_so)
    };
    if let Some(refused) = refused(false) {
        return of_pushes::of_refused(refused, now);
    }
    // Somebody who adopted it may have delivered by hand.
    let adopted = facts.held.iter().find(|held| held.state == "adopted");
    let decided = adopted.or(facts.held.first());
    if let Some(said) = of_bills::of_bills(&facts.billed, decided) {
        return said;
    }
    if !facts.orders.is_empty() || !facts.refunds.is_empty() {
        return (Verdict::SandboxOnly, sandbox_only(facts));
    }
    if let Some(held) = decided {
        return (Verdict::QuarantineDecided, of_pushes::decided(held));
    }
    if let Some(conflict) = facts.conflicts.first() {
        return conflict_alone(&conflict.number, &conflict.at);
    }
    if facts.player.orders + facts.player.gifts + facts.player.roles > 0 {
        return player(facts);
    }
    // Anybody may have sent it: it outranks nothing that is signed.
    if let Some(refused) = refused(true) {
        return of_pushes::of_refused(refused, now);
    }
    if facts.mocks > 0 || facts.refused.iter().any(|refused| refused.mock) {
        return mock_only();
    }
    nothing(facts)
}

fn sandbox_only(facts: &Facts) -> Words {
    let order = facts.orders.first().map(|order| (&order.number, &order.delivered_at));
    let refund = facts.refunds.first().map(|refund| (&refund.number, &refund.refunded_at));
    let (number, at) =
        order.or(refund).map_or((String::new(), String::new()), |(number, at)| (number.clone(), at.clone()));
    Words::say(
        format!("{number} stands in the sandbox only, since {at}: no real money was paid."),
        format!("{number} 仅存在于沙箱环境（{at}）：没有真实付款。"),
    )
    .then(
        "Where the player paid for real, the client bought in the sandbox: check its environment, and look for the \
         production order under another number.",
        "若玩家确有真实付款，说明客户端在沙箱下单：请检查客户端环境，并以其他单号查询正式订单。",
    )
}

fn conflict_alone(number: &str, at: &str) -> (Verdict, Words) {
    let words = Words::say(
        format!(
            "A signed push that names this id contradicted what stands under {number}, at {at}, and was refused (40901)."
        ),
        format!("带有该编号的已签名推送于 {at} 与 {number} 的既有内容冲突，已被拒绝（40901）。"),
    );
    let next = format!("Look up {number}: what came first stands. Ask WeChat which content is right.");
    let next_zh = format!("请查询 {number}：以首次内容为准，并向微信核实哪一个正确。");
    (Verdict::Conflict, words.then(next, next_zh))
}

fn player(facts: &Facts) -> (Verdict, Words) {
    let Player { orders, gifts, roles } = &facts.player;
    let words = Words::say(
        format!(
            "A player with {} order(s), {} gift(s) and {} role(s) here.",
            some(*orders),
            some(*gifts),
            some(*roles)
        ),
        format!(
            "这是一名玩家：共有订单 {} 个、礼包 {} 个、角色 {} 个。",
            some_zh(*orders),
            some_zh(*gifts),
            some_zh(*roles)
        ),
    );
    let next = "Ask the player for the order number, or look through the orders: one that was paid and is missing has \
                left no trace under the player.";
    let next_zh = "请向玩家索要订单号，或逐一查看其订单；已付款却不在其中的订单，尚未留下该玩家的记录。";
    (Verdict::Player, words.then(next, next_zh))
}

/// No more are asked for than a list shows.
fn is_all(count: usize) -> bool {
    count < usize::try_from(limits::LIST_ROWS).unwrap_or(usize::MAX)
}

fn some(count: usize) -> String {
    if is_all(count) { count.to_string() } else { format!("{count} or more") }
}

fn some_zh(count: usize) -> String {
    if is_all(count) { count.to_string() } else { format!("至少 {count}") }
}

fn mock_only() -> (Verdict, Words) {
    let words = Words::say(
        "Only mock pushes named this id: WeChat's test button sent them, and nobody paid.",
        "只有模拟推送使用过该编号：由微信后台的测试功能发出，没有人付款。",
    );
    let next = "Where a player paid, this is not his order: look for the number on his bill.";
    (Verdict::MockOnly, words.then(next, "若玩家确已付款，这不是他的订单：请以其账单上的单号查询。"))
}

fn nothing(facts: &Facts) -> (Verdict, Words) {
    if !facts.unseen.is_empty() {
        return (Verdict::CannotTell, unseen::cannot_tell(facts));
    }
    let words = Words::say(
        "No trace: no order, refund, gift or player of this id, nothing in quarantine, no conflict, no mock, no \
         line of an imported bill, and no refused request of the last 7 days claims it.",
        "没有任何记录：订单、退款、礼包、玩家、隔离区、冲突、模拟推送、已导入的账单中均无此编号，最近 7 天被拒绝的请求中也没有。",
    );
    let next = "Check that the id is whole and is an OutTradeNo, TransactionId, MchOrderNo, RefundId or OpenId of this \
                app. Then check with WeChat: is the push URL configured and reachable, is the payment really done, and \
                have the repeats run out (24 h 04 m after the first push)? If they have, ask WeChat to push again.";
    let next_zh = "请先确认编号完整，且为本应用的 OutTradeNo、TransactionId、MchOrderNo、RefundId 或 OpenId。再向微信核实：\
                   推送 URL 是否已配置且可访问、付款是否确已完成、重推是否已用尽（首次推送后 24 小时 04 分）。若已用尽，请联系微信补推。";
    (Verdict::NoTrace, words.then(next, next_zh))
}

#[cfg(test)]
#[path = "verdict_tests.rs"]
mod tests;
