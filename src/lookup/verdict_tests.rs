//! One line a case: what was found, and the verdict; and what the words must say.

use super::super::facts::{Billed, Conflict, Gift, Held, Order, Player, Refund, Refused};
use super::*;

const AT: &str = "2026-01-01T08:00:00.000+08:00";

fn now() -> DateTime<Utc> {
    DateTime::from_timestamp(1_800_000_000, 0).unwrap()
}

fn order(env: &str, grant: &str) -> Order {
    let text = |text: &str| text.to_owned();
    Order {
        env: env.into(),
        kind: text("goods"),
        number: text("N"),
        amount: text("12.00"),
        delivered_at: text(AT),
        grant: grant.into(),
        grant_by: text("game-demo"),
        grant_at: text("2026-01-01T09:00:00.000+08:00"),
        state: if grant == "none" { text("delivered") } else { grant.into() },
        refunded: text("12.00"),
        ..Order::default()
    }
}

fn with_orders<const N: usize>(orders: [Order; N]) -> Facts {
    Facts { orders: orders.into(), ..Facts::default() }
}

fn refused(code: i64, mock: bool, gives_up_at: &str) -> Facts {
    let refused = Refused {
        code,
        mock,
        reason: "PayEventSig verifies under no AppKey".into(),
        times: 3,
        first_at: AT.into(),
        last_at: "2026-01-01T08:00:30.000+08:00".into(),
        gives_up_at: gives_up_at.into(),
        ..Refused::default()
    };
    Facts { refused: vec![refused], ..Facts::default() }
}

/// The same, and a request with a bad signature that anybody may have sent.
fn strangers(facts: Facts) -> Facts {
    let refused = refused(40101, false, "").refused.into_iter();
    Facts { refused: refused.map(|refused| Refused { stranger: true, ..refused }).collect(), ..facts }
}

fn blind(place: &'static str, facts: Facts) -> Facts {
    Facts { unseen: vec![place], ..facts }
}

fn held(reason: &str, state: &str) -> Facts {
    let held = Held {
        id: "5d41".into(),
        reason: reason.into(),
        detail: "MiniGame.Payload.OutTradeNo: is missing".into(),
        state: state.into(),
        since: AT.into(),
        money_at_stake: true,
        by: "lin".into(),
        why: "sent by hand".into(),
        ..Held::default()
    };
    Facts { held: vec![held], ..Facts::default() }
}

fn billed(status: &str, case_state: &str) -> Facts {
    let billed = Billed {
        status: status.into(),
        merchant: "1900000109".into(),
        day: "2026-01-05".into(),
        amount: "6.00".into(),
        transaction_id: "T9".into(),
        case_state: case_state.into(),
        case_by: "lin".into(),
        case_reason: "another shop's".into(),
        mch_order_no: "M9".into(),
        state: "FAIL".into(),
        is_refund: status.contains("refund"),
        number: String::new(),
    };
    Facts { billed: vec![billed], ..Facts::default() }
}

/// A bill's row of a payment or refund that a push told of under another number.
fn billed_as(status: &str, number: &str) -> Facts {
    let billed = billed(status, "").billed.into_iter();
    Facts { billed: billed.map(|row| Billed { number: number.into(), ..row }).collect(), ..Facts::default() }
}

/// What bills hold, and something else.
fn and_billed(status: &str, facts: Facts) -> Facts {
    Facts { billed: billed(status, "").billed, ..facts }
}

fn refund(env: &str, order: Option<&str>) -> Facts {
    let refund = Refund {
        env: env.into(),
        number: "R".into(),
        amount: "12.00".into(),
        refunded_at: AT.into(),
        order: order.map(str::to_owned),
        order_grant: String::new(),
    };
    Facts { refunds: vec![refund], ..Facts::default() }
}

#[test]
fn what_is_found_decides_the_verdict_and_money_goes_first() {
    let (production, sandbox) = (order("production", "none"), order("sandbox", "none"));
    let state =
        |state: &str, grant: &str| with_orders([Order { state: state.into(), ..order("production", grant) }]);
    let mocks = || Facts { mocks: 1, ..Facts::default() };
    let conflicts =
        || Facts { conflicts: vec![Conflict { number: "N".into(), at: AT.into() }], ..Facts::default() };
    let gifts =
        || Facts { gifts: vec![Gift { number: "G".into(), delivered_at: AT.into() }], ..Facts::default() };
    let player = || Facts { player: Player { orders: 2, ..Player::default() }, ..Facts::default() };
    let granted = || with_orders([order("production", "granted")]);
    let mut both_refused = strangers(Facts::default());
    both_refused.refused.extend(refused(40401, false, "").refused);
    for (case, facts, verdict) in [
        ("granted", granted(), Verdict::DeliveredAndGranted),
        ("waiting", with_orders([production.clone()]), Verdict::DeliveredNotGranted),
        ("refused", with_orders([order("production", "refused")]), Verdict::RefusedByGame),
        ("revoked", with_orders([order("production", "revoked")]), Verdict::RevokedByGame),
        ("refunded, granted", state("refunded", "granted"), Verdict::Refunded),
        ("refunded in part", state("partly_refunded", "none"), Verdict::PartlyRefunded),
        (
            "coins",
            with_orders([Order { kind: "coins".into(), ..production.clone() }]),
            Verdict::CoinsCredited,
        ),
        ("a conflict too", with_orders([Order { conflicts: 1, ..production.clone() }]), Verdict::Conflict),
        ("both environments", with_orders([sandbox.clone(), production]), Verdict::DeliveredNotGranted),
        ("sandbox", with_orders([sandbox.clone()]), Verdict::SandboxOnly),
        ("a sandbox refund", refund("sandbox", None), Verdict::SandboxOnly),
        ("a refund", refund("production", Some("N")), Verdict::Refunded),
        ("a refund alone", refund("production", None), Verdict::RefundWithoutOrder),
        ("a gift", gifts(), Verdict::GiftDelivered),
        ("held", held("unusable", "open"), Verdict::InQuarantine),
        (
            "held, and tried in the sandbox",
            Facts { orders: vec![sandbox.clone()], ..held("unusable", "open") },
            Verdict::InQuarantine,
        ),
        ("adopted", held("unusable", "adopted"), Verdict::QuarantineDecided),
        ("dismissed", held("unusable", "dismissed"), Verdict::QuarantineDecided),
        ("a bad signature", refused(40101, false, ""), Verdict::RefusedBadSignature),
        ("paid, in a bill alone", billed("missing_in_ledger", "open"), Verdict::PaidNotPushed),
        ("paid a moment ago", billed("awaiting_push", ""), Verdict::PaidNotPushed),
        ("paid, and resolved", billed("missing_in_ledger", "resolved"), Verdict::PaidNotPushed),
        ("refunded, in a bill alone", billed("refund_missing_in_ledger", ""), Verdict::RefundNotPushed),
        ("billed under another number", billed_as("matched", "N"), Verdict::InBill),
        ("a refund billed under another number", billed_as("refund_matched", "R"), Verdict::InBill),
        ("billed twice", billed("duplicate_in_bill", "open"), Verdict::InBill),
        ("revoked", billed("revoked_in_bill", "open"), Verdict::InBill),
        ("in another currency", billed("currency_differs", "open"), Verdict::InBill),
        ("of another app", billed("other_app", ""), Verdict::InBill),
        ("its push held under another id", billed("quarantined", "open"), Verdict::InBill),
        ("a refund that failed", billed("refund_not_successful", "open"), Verdict::InBill),
        ("a refund that may be another", billed("refund_ambiguous", "open"), Verdict::InBill),
        ("a status of tomorrow", billed("odd", "open"), Verdict::InBill),
        ("paid, and a mock", and_billed("mock_in_bill", mocks()), Verdict::InBill),
        (
            "paid, and pushed in the sandbox",
            and_billed("sandbox_in_bill", with_orders([sandbox.clone()])),
            Verdict::InBill,
        ),
        (
            "paid, and adopted",
            and_billed("missing_in_ledger", held("unusable", "adopted")),
            Verdict::QuarantineDecided,
        ),
        (
            "paid, and dismissed",
            and_billed("awaiting_push", held("unusable", "dismissed")),
            Verdict::QuarantineDecided,
        ),
        (
            "billed twice, and adopted",
            and_billed("duplicate_in_bill", held("unusable", "adopted")),
            Verdict::QuarantineDecided,
        ),
        (
            "adopted, and an order of another number",
            Facts { billed: billed_as("matched", "N").billed, ..held("unusable", "adopted") },
            Verdict::InBill,
        ),
        (
            "paid in a bill, and held",
            Facts { billed: billed("missing_in_ledger", "").billed, ..held("unusable", "open") },
            Verdict::InQuarantine,
        ),
        (
            "paid in a bill, and tried in the sandbox",
            Facts { orders: vec![sandbox.clone()], ..billed("missing_in_ledger", "") },
            Verdict::PaidNotPushed,
        ),
        (
            "paid in a bill, orders unseen",
            blind("orders", billed("missing_in_ledger", "")),
            Verdict::CannotTell,
        ),
        ("an unknown app", refused(40401, false, ""), Verdict::Refused),
        ("an unverified mock", refused(0, true, ""), Verdict::MockOnly),
        ("a mock with a wrong field", refused(42201, true, ""), Verdict::MockOnly),
        ("a verified mock", mocks(), Verdict::MockOnly),
        ("a mock of a player", Facts { mocks: 1, ..player() }, Verdict::Player),
        ("a conflict alone", conflicts(), Verdict::Conflict),
        ("a player", player(), Verdict::Player),
        ("nothing", Facts::default(), Verdict::NoTrace),
        ("nothing, half blind", Facts { unseen: vec!["orders"], ..Facts::default() }, Verdict::CannotTell),
        (
            "nothing then",
            Facts { is_of_then: true, ..blind("refused", Facts::default()) },
            Verdict::CannotTell,
        ),
        ("found, half blind", Facts { unseen: vec!["refused"], ..mocks() }, Verdict::MockOnly),
        ("granted, orders behind", blind("orders", granted()), Verdict::DeliveredAndGranted),
        ("a refund, gifts unseen", blind("gifts", refund("production", Some("N"))), Verdict::Refunded),
        ("held, orders unseen", blind("orders", held("unusable", "open")), Verdict::CannotTell),
        ("adopted, orders unseen", blind("orders", held("unusable", "adopted")), Verdict::CannotTell),
        ("a bad signature, refunds unseen", blind("refunds", refused(40101, false, "")), Verdict::CannotTell),
        ("sandbox, orders behind", blind("orders", with_orders([sandbox.clone()])), Verdict::CannotTell),
        ("mocks, gifts unseen", blind("gifts", mocks()), Verdict::CannotTell),
        ("a player, orders unseen", blind("orders", player()), Verdict::CannotTell),
        ("a conflict, orders unseen", blind("orders", conflicts()), Verdict::CannotTell),
        ("a player, refused unseen", blind("refused", player()), Verdict::Player),
        ("a stranger alone", strangers(Facts::default()), Verdict::RefusedBadSignature),
        ("a stranger and a sandbox", strangers(with_orders([sandbox])), Verdict::SandboxOnly),
        ("a stranger and adopted", strangers(held("unusable", "adopted")), Verdict::QuarantineDecided),
        ("a stranger and a conflict", strangers(conflicts()), Verdict::Conflict),
        ("a stranger and a player", strangers(player()), Verdict::Player),
        ("a stranger and a mock", strangers(mocks()), Verdict::RefusedBadSignature),
        ("a stranger before one of ours", both_refused, Verdict::Refused),
    ] {
        let (found, words) = judge(&facts, now());
        assert_eq!(found, verdict, "{case}");
        let Words { words, words_zh, next_step, next_step_zh } = words;
        for text in [&words, &words_zh, &next_step, &next_step_zh] {
            assert!(!text.is_empty() && !text.contains("  "), "{case}: {text:?}");
        }
        assert!(words.is_ascii() && next_step.replace('…', "").is_ascii(), "{case}: English");
        assert!(!words_zh.is_ascii() && !next_step_zh.is_ascii(), "{case}: Chinese");
    }
}

#[test]
fn the_words_say_since_when_and_what_to_do() {
    let not_granted = with_orders([order("production", "none")]);
    let mall = with_orders([Order { is_mall_test: true, ..order("production", "none") }]);
    let both = with_orders([Order { state: "refunded".into(), ..order("production", "granted") }]);
    for (facts, said) in [
        (&not_granted, "at 2026-01-01T08:00:00.000+08:00"),
        (&not_granted, "/v1/apps/{app}/deliveries"),
        (&mall, "nobody paid"),
        (&both, "/revoke"),
        (&held("other_environment_key", "open"), "may be swapped"),
        (&held("unusable", "open"), "OutTradeNo: is missing"),
        (&held("unusable", "adopted"), "lin adopted it: sent by hand"),
        (&refused(40101, false, "2027-01-16T08:04:00.000Z"), "until about 2027-01-16T16:04:00.000+08:00"),
        (&refused(40101, false, "2027-01-14T08:04:00.000Z"), "has given up since about 2027-01-14"),
        (&refused(40101, false, ""), "AppKey"),
        (&strangers(Facts::default()), "anybody may have sent it"),
        (&blind("orders", not_granted.clone()), "(orders): what happened last may be missing"),
        (&blind("gifts", held("unusable", "open")), "looked at: gifts. Found elsewhere: a push that waits"),
        (&blind("orders", strangers(Facts::default())), "Found elsewhere: a refused request that anybody"),
        (&blind("orders", Facts::default()), "Nothing was found, but"),
        (
            &Facts { is_of_then: true, ..blind("refused", Facts::default()) },
            "Nothing was recorded of it as of then. Refused requests are no part of the past: ask without",
        ),
        (&billed("missing_in_ledger", ""), "for 2026-01-05 holds this payment over 6.00 yuan"),
        (&billed("missing_in_ledger", ""), "recovery propose --merchant 1900000109 --transaction-id T9"),
        (&billed("missing_in_ledger", "resolved"), "lin has resolved it as a case: another shop's."),
        (&billed("refund_awaiting_push", ""), "holds this refund of 6.00 yuan"),
        (&blind("orders", billed("awaiting_push", "")), "Found elsewhere: a line of a bill"),
        (&Facts::default(), "push URL"),
        (&Facts::default(), "24 h 04 m"),
        (
            &Facts { player: Player { orders: 50, ..Player::default() }, ..Facts::default() },
            "50 or more order(s)",
        ),
    ] {
        let (_, words) = judge(facts, now());
        let all = format!("{} {}", words.words, words.next_step);
        assert!(all.contains(said), "{said:?} should stand in {all:?}");
    }
}

#[test]
fn what_a_bill_holds_is_said_before_the_next_step_and_nobody_says_that_nobody_paid() {
    let mall = || with_orders([Order { is_mall_test: true, ..order("production", "none") }]);
    let mocks = || Facts { mocks: 1, ..Facts::default() };
    let sandbox = || with_orders([order("sandbox", "none")]);
    let mut given_back = billed("refund_missing_in_ledger", "");
    given_back.billed.extend(billed("missing_in_ledger", "").billed);
    for (facts, said) in [
        (and_billed("test_order", mall()), "holds this payment over 6.00 yuan."),
        (and_billed("mock_in_bill", mocks()), "only a mock push names it: money moved"),
        (and_billed("sandbox_in_bill", sandbox()), "only a sandbox push names it: money moved"),
        (billed("duplicate_in_bill", ""), "Ask WeChat Pay whether the player has paid once or more often"),
        (billed("duplicate_in_bill", "resolved"), "lin has resolved it as a case: another shop's."),
        (billed("revoked_in_bill", ""), "revoked: the money did not stay"),
        (billed("currency_differs", ""), "over 6.00 in another currency than CNY"),
        (billed("other_app", ""), "put it under `[merchant.1900000109]`"),
        (billed("quarantined", ""), "look up M9 and T9 here"),
        (billed("refund_not_successful", ""), "Not refunded yet: the bill of merchant 1900000109"),
        (billed("refund_not_successful", ""), "whose state there is FAIL"),
        (billed("refund_ambiguous", ""), "look up the payment, T9"),
        (billed_as("amount_differs", "N7"), "the ledger has as order N7 (amount_differs). Look up N7"),
        (billed_as("refund_matched", "R7"), "the ledger has as refund R7"),
        (given_back, "holds a refund of it as well: 6.00 (refund_missing_in_ledger)"),
    ] {
        let (_, words) = judge(&facts, now());
        let all = format!("{} {}", words.words, words.next_step);
        assert!(all.contains(said), "{said:?} should stand in {all:?}");
        let denied = all.contains("nobody paid") || all.contains("no real money") || all.contains("No trace");
        assert!(!denied && !words.words_zh.contains("没有人付款"), "{words:?}");
    }
}

#[test]
fn a_decision_in_quarantine_is_told_before_the_advice_to_recover() {
    let mut held_twice = held("unusable", "dismissed");
    held_twice.held.extend(held("unusable", "adopted").held);
    for facts in [held("unusable", "adopted"), held_twice] {
        let (_, words) = judge(&and_billed("missing_in_ledger", facts), now());
        assert!(words.words.starts_with("Paid: the bill of merchant 1900000109"), "{words:?}");
        assert!(words.words.contains("lin adopted it: sent by hand."), "{words:?}");
        assert!(!words.words.contains("no push brought it"), "{words:?}");
        assert!(words.next_step.starts_with("Ask lin first what was done"), "{words:?}");
        assert!(words.next_step.ends_with("(`order-ledger case resolve`)."), "{words:?}");
        assert!(!words.next_step.contains("recovery propose"), "it would be refused: {words:?}");
        assert!(words.next_step_zh.starts_with("请先向 lin 了解"), "{words:?}");
        assert!(words.words_zh.contains("采纳") && !words.words_zh.contains("从未收到推送"), "{words:?}");
    }
    let (_, words) = judge(&and_billed("missing_in_ledger", held("unusable", "dismissed")), now());
    let (before, _) = words.next_step.split_once("recovery propose").unwrap();
    assert!(before.contains("Only if nothing was done"), "{words:?}");
}

#[test]
fn each_verdict_is_a_word_of_its_own() {
    let words: std::collections::BTreeSet<_> =
        Verdict::ALL.iter().map(|verdict| serde_json::to_string(verdict).unwrap()).collect();
    assert_eq!(words.len(), Verdict::ALL.len());
    assert!(words.contains("\"delivered_not_granted\""));
}
