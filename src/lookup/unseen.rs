//! What is said where not everything could be looked at, or a place does not know all of the log.

use super::facts::Facts;
use super::verdict::Verdict;
use super::words::Words;

/// The places of what was delivered.
const DELIVERIES: [&str; 3] = ["orders", "refunds", "gifts"];

pub fn is_of_deliveries(facts: &Facts) -> bool {
    facts.unseen.iter().any(|place| DELIVERIES.contains(place))
}

/// A verdict on what was delivered, with a warning where something later may be missing.
pub fn said_with(facts: &Facts, (verdict, words): (Verdict, Words)) -> (Verdict, Words) {
    if !is_of_deliveries(facts) {
        return (verdict, words);
    }
    let unseen = facts.unseen.join(", ");
    let words = words.and(
        &format!("Not everything could be looked at ({unseen}): what happened last may be missing here."),
        &format!("以下位置未能完整查询：{unseen}，最近的变化可能尚未包含在内。"),
    );
    (verdict, words)
}

pub fn cannot_tell(facts: &Facts) -> Words {
    if facts.is_of_then {
        return nothing_then();
    }
    let unseen = facts.unseen.join(", ");
    let found = elsewhere(facts);
    let words = if found.is_empty() {
        Words::say(
            format!("Nothing was found, but not everything could be looked at: {unseen}."),
            format!("未找到，但以下位置未能完整查询：{unseen}。"),
        )
    } else {
        let (english, chinese): (Vec<_>, Vec<_>) = found.into_iter().unzip();
        let (english, chinese) = (english.join(", "), chinese.join("、"));
        Words::say(
            format!("Not everything that decides could be looked at: {unseen}. Found elsewhere: {english}."),
            format!("以下位置未能完整查询，无法下结论：{unseen}。其他位置找到：{chinese}。"),
        )
    };
    let next = "Ask again when they answer; `looked_in` says what is wrong with each.";
    words.then(next, "请在其恢复后重试；`looked_in` 说明了各自的问题。")
}

/// Nothing was found as of then. To ask again would give the same.
fn nothing_then() -> Words {
    let words = Words::say("Nothing was recorded of it as of then.", "截至该时刻没有任何记录。");
    words.then(
        "Refused requests are no part of the past: ask without `as_of` to look there.",
        "被拒绝的请求不属于历史状态：请不带 `as_of` 查询。",
    )
}

/// What there is beside deliveries of production, in English and in Chinese.
fn elsewhere(facts: &Facts) -> Vec<(&'static str, &'static str)> {
    let player = facts.player.orders + facts.player.gifts + facts.player.roles;
    let refused =
        |stranger| facts.refused.iter().any(|one| !one.mock && one.code != 0 && one.stranger == stranger);
    let is_open = |state: &str| state == "open";
    let mut found = vec![
        (
            facts.held.iter().any(|held| is_open(&held.state)),
            ("a push that waits in quarantine", "隔离区中待处理的推送"),
        ),
        (refused(false), ("a refused request", "被拒绝的请求")),
        (!facts.billed.is_empty(), ("a line of a bill", "账单中的记录")),
        (!facts.orders.is_empty() || !facts.refunds.is_empty(), ("an entry of the sandbox", "沙箱记录")),
        (
            facts.held.iter().any(|held| !is_open(&held.state)),
            ("a push decided in quarantine", "隔离区中已处理的推送"),
        ),
        (!facts.conflicts.is_empty(), ("a conflict", "冲突")),
        (player > 0, ("a player", "玩家")),
        (refused(true), ("a refused request that anybody may have sent", "来源不明的被拒请求")),
        (facts.mocks > 0 || facts.refused.iter().any(|refused| refused.mock), ("a mock push", "模拟推送")),
    ];
    found.retain(|(is_there, _)| *is_there);
    found.into_iter().map(|(_, what)| what).collect()
}
