//! The verdict on pushes that became nothing: in quarantine, or refused.

use chrono::{DateTime, Utc};

use super::facts::{Held, Refused};
use super::verdict::Verdict;
use super::words::Words;
use crate::moment::{beijing, parse_stamp};

/// The ErrCode of a signature that does not verify.
const BAD_SIGNATURE: i64 = 40101;

pub fn in_quarantine(held: &Held) -> Words {
    let Held { id, event, reason, detail, since, money_at_stake, .. } = held;
    let (why, why_zh, next, next_zh) = match reason.as_str() {
        "other_environment_key" => (
            "it is signed with the AppKey of the environment that its Env does not name".to_owned(),
            "签名所用的 AppKey 与其 Env 所指环境不符".to_owned(),
            "The two AppKeys may be swapped: compare both with WeChat's console. Once they are right, WeChat's next \
             repeat comes in by itself, or adopt the push.",
            "两个环境的 AppKey 可能填反：请与微信后台核对。改正后，微信下次重推即可入账，或人工采纳该推送。",
        ),
        "unusable" => (
            format!("a field is missing or wrong: {detail}"),
            format!("字段缺失或有误：{detail}"),
            "Deliver by hand what is owed, then adopt the push with the reason; or dismiss it where nothing is owed.",
            "请人工补发应得内容后采纳该推送并写明原因；若无需处理则驳回。",
        ),
        _ => (
            format!("no event of the name {event:?} is known"),
            format!("未知的事件名 {event:?}"),
            "Find out from WeChat's documentation what the event means; then adopt or dismiss the push.",
            "请查阅微信文档确认该事件含义，然后采纳或驳回。",
        ),
    };
    let words = Words::say(
        format!("An authentic push with this id waits in quarantine since {since}, for {why}."),
        format!("带有该编号的真实推送自 {since} 起在隔离区等待处理：{why_zh}。"),
    );
    let words = if *money_at_stake {
        words.and("WeChat repeats it meanwhile, for about a day.", "其间微信会重推，约持续一天。")
    } else {
        words
    };
    words.then(
        format!("{next} (order-ledger quarantine show {id})"),
        format!("{next_zh}（order-ledger quarantine show {id}）"),
    )
}

pub fn decided(held: &Held) -> Words {
    let Held { id, by, .. } = held;
    let (english, chinese) = decision(held);
    Words::say(english, chinese).and("No order stands for it.", "账本中没有对应订单。").then(
        format!("Ask {by} what was done for the player (order-ledger quarantine show {id})."),
        format!("请向 {by} 了解对玩家的处理情况（order-ledger quarantine show {id}）。"),
    )
}

/// What else is known, with the decision and before its next step: what was given by hand is not given again.
pub fn decided_before(held: &Held, words: Words) -> Words {
    let Held { id, by, .. } = held;
    let (english, chinese) = decision(held);
    let Words { next_step, next_step_zh, .. } = &words;
    let next = format!(
        "Ask {by} first what was done for the player (order-ledger quarantine show {id}): what was delivered by hand \
         must not be delivered again. {next_step}"
    );
    let next_zh = format!(
        "请先向 {by} 了解对玩家的处理情况（order-ledger quarantine show {id}）：已人工补发的不得再次发放。{next_step_zh}"
    );
    words.clone().and(&english, &chinese).then(next, next_zh)
}

fn decision(held: &Held) -> (String, String) {
    let Held { state, by, why, .. } = held;
    let (word, word_zh) = if state == "adopted" { ("adopted", "采纳") } else { ("dismissed", "驳回") };
    (
        format!("A push with this id was held in quarantine, and {by} {word} it: {why}."),
        format!("带有该编号的推送曾进入隔离区，由 {by} {word_zh}：{why}。"),
    )
}

pub fn of_refused(refused: &Refused, now: DateTime<Utc>) -> (Verdict, Words) {
    let Refused { code, reason, times, first_at, last_at, .. } = refused;
    let words = Words::say(
        format!(
            "A request that claims this id was refused {times} time(s) from {first_at} to {last_at}: {reason} ({code})."
        ),
        format!("声称带有该编号的请求自 {first_at} 至 {last_at} 被拒绝 {times} 次：{reason}（{code}）。"),
    );
    let words = if refused.stranger {
        words.and(
            "It carried no valid signature of a Token, so anybody may have sent it.",
            "请求没有有效的 Token 签名，可能并非来自微信。",
        )
    } else {
        words
    };
    let (ending, ending_zh) = repeats(&refused.gives_up_at, now);
    if *code == BAD_SIGNATURE {
        let next = format!(
            "Compare the Token and the AppKey of the environment with WeChat's console; after a fix, `order-ledger \
             refused recheck` tells what would pass. {ending}"
        );
        let next_zh = format!(
            "请将 Token 和对应环境的 AppKey 与微信后台核对；改正后用 `order-ledger refused recheck` 查看哪些可以通过。{ending_zh}"
        );
        return (Verdict::RefusedBadSignature, words.then(next, next_zh));
    }
    let next = format!("Remove the cause; `order-ledger refused show` has the request. {ending}");
    let next_zh = format!("请排除原因；`order-ledger refused show` 可查看请求内容。{ending_zh}");
    (Verdict::Refused, words.then(next, next_zh))
}

/// Whether WeChat will come again by itself.
fn repeats(gives_up_at: &str, now: DateTime<Utc>) -> (String, String) {
    match parse_stamp(gives_up_at) {
        Ok(at) if at > now => (
            format!("WeChat repeats the push until about {}.", beijing(at)),
            format!("微信会重推至约 {}。", beijing(at)),
        ),
        Ok(at) => (
            format!(
                "WeChat has given up since about {}: ask it to push again, or settle by hand.",
                beijing(at)
            ),
            format!("微信已于约 {} 停止重推：请联系微信补推，或人工处理。", beijing(at)),
        ),
        Err(_) => ("WeChat does not repeat it.".to_owned(), "微信不会重推。".to_owned()),
    }
}
