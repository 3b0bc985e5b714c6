//! Finding an id over HTTP: each verdict by what WeChat really pushed.

use std::collections::BTreeSet;

use order_ledger::cli::simulate::Writing;
use serde_json::{Value, json};

use super::asking::{Asked, Client, home_of_all_roles};
use super::bill_text::{BillRow, MERCHANT, all, paid, paid_for, refunded};
use super::bills::{home_of_a_merchant, upload};
use super::by_hand::{GOODS, REFUND, goods, key_of, pay_event_sig, push, push_of, refund, with, without};
use super::families::mock;
use super::finance_api::{fresh, serving, with_differences};
use super::looking::{history, refused, waiting};
use super::server::{Home, Server, until};

async fn pushed(server: &Server, event: &str, payload: &Value, code: u32) {
    assert_eq!(server.push(&push_of(event, payload)).await.code(), code, "{payload}");
}

/// Waits until the projections know what was recorded under an id.
async fn seen(home: &Home, client: &Client, id: &str) {
    let position = history(home, id).last().unwrap()["position"].as_str().unwrap().parse().unwrap();
    client.until_folded(position).await;
}

async fn lookup(client: &Client, id: &str) -> Asked {
    client.get(&format!("/v1/lookup?id={id}")).await
}

async fn verdict(client: &Client, id: &str) -> String {
    let asked = lookup(client, id).await;
    assert_eq!(asked.outcome(), "200", "{asked:?}");
    asked.json()["verdict"].as_str().unwrap().to_owned()
}

fn places(answer: &Value, list: &str) -> Vec<String> {
    let place = |found: &Value| found["where"].as_str().unwrap().to_owned();
    answer[list].as_array().unwrap().iter().map(place).collect()
}

#[tokio::test]
async fn an_order_is_found_by_any_of_its_ids_and_its_verdict_follows_what_becomes_of_it() {
    let home = home_of_all_roles();
    let server = home.serve();
    let (support, game) = (server.client("support"), server.client("game"));
    pushed(&server, GOODS, &goods("A", 0), 0).await;
    pushed(&server, GOODS, &goods("B", 0), 0).await;
    seen(&home, &server.client("admin"), "B").await;
    for id in ["A", "MA", "TA", "%20A%20"] {
        assert_eq!(verdict(&support, id).await, "delivered_not_granted", "{id}");
    }
    assert_eq!(verdict(&support, "oP").await, "player");
    let (grant, reason) = (json!({}), json!({"reason": "the role was deleted"}));
    let granted = game.send("POST", "/v1/apps/demo/orders/A/grant", &grant).await;
    let refused = game.send("POST", "/v1/apps/demo/orders/B/refuse", &reason).await;
    assert_eq!((granted.outcome(), refused.outcome()), ("200".to_owned(), "200".to_owned()));
    seen(&home, &server.client("admin"), "B").await;
    assert_eq!(verdict(&support, "A").await, "delivered_and_granted");
    let answer = lookup(&support, "TB").await.json();
    assert_eq!(answer["verdict"], "refused_by_game");
    assert!(answer["words"].as_str().unwrap().contains("the role was deleted"), "{answer}");
    assert!(answer["words_zh"].as_str().unwrap().contains("拒绝发放"), "{answer}");
    assert_eq!(places(&answer, "found"), ["orders"]);
    pushed(&server, REFUND, &with(refund("R", 0), "/OutTradeNo", json!("A")), 0).await;
    seen(&home, &server.client("admin"), "R").await;
    assert_eq!(verdict(&support, "A").await, "partly_refunded");
    assert_eq!(verdict(&support, "R").await, "refunded");
}

#[tokio::test]
async fn what_became_nothing_is_found_where_it_stopped() {
    let home = home_of_all_roles();
    let server = home.serve();
    let audit = server.client("audit");
    pushed(&server, GOODS, &with(goods("Q", 0), "/GoodsInfo/Quantity", json!(0)), 42201).await;
    pushed(&server, GOODS, &goods("S", 1), 0).await;
    pushed(&server, GOODS, &goods("C", 0), 0).await;
    pushed(&server, GOODS, &with(goods("C", 0), "/GoodsInfo/Quantity", json!(9)), 40901).await;
    let forged = push("nobody's key", GOODS, &goods("F", 0).to_string());
    assert_eq!(server.push(&forged).await.code(), 40101);
    let swapped = push(key_of(1), GOODS, &goods("W", 0).to_string());
    assert_eq!(server.push(&swapped).await.code(), 40301);
    pushed(&server, REFUND, &without(refund("R", 0), "/OutTradeNo"), 0).await;
    seen(&home, &audit, "R").await;
    until("the forgery is in the ring", || refused(&home).len() == 1).await;
    let held = waiting(&home)[0]["id"].as_str().unwrap().to_owned();
    for (id, expected) in [
        ("Q", "in_quarantine"),
        (held.as_str(), "in_quarantine"),
        ("W", "in_quarantine"),
        ("S", "sandbox_only"),
        ("C", "conflict"),
        ("R", "refund_without_order"),
        ("F", "refused_bad_signature"),
        ("NOWHERE", "no_trace"),
    ] {
        assert_eq!(verdict(&audit, id).await, expected, "{id}");
    }
    let answer = lookup(&audit, "NOWHERE").await.json();
    let looked_in = places(&answer, "looked_in");
    for place in ["orders", "refunds", "gifts", "operations", "players_orders", "refused"] {
        assert!(looked_in.iter().any(|looked| looked == place), "{answer}");
    }
    assert!(answer["looked_in"].as_array().unwrap().iter().all(|place| place["problem"].is_null()));
    assert!(answer["next_step"].as_str().unwrap().contains("push URL"), "{answer}");
    let answer = lookup(&audit, "F").await.json();
    assert_eq!(places(&answer, "found"), ["refused"]);
    assert!(answer["next_step"].as_str().unwrap().contains("WeChat repeats the push until"), "{answer}");
    let reason = json!({"reason": "delivered by hand"});
    let adopted = server.client("admin").send("POST", &format!("/v1/quarantine/{held}/adopt"), &reason).await;
    assert_eq!(adopted.outcome(), "200");
    seen(&home, &audit, &held).await;
    assert_eq!(verdict(&audit, "Q").await, "quarantine_decided");
}

#[tokio::test]
async fn support_and_audit_look_up_in_their_apps_and_support_sees_players_masked() {
    let home = home_of_all_roles();
    let server = home.serve();
    let player = "oPlayer0123456789";
    pushed(&server, GOODS, &with(goods("A", 0), "/OpenId", json!(player)), 0).await;
    let forged = with(goods("F", 0), "/OpenId", json!(player)).to_string();
    assert_eq!(server.push(&push("nobody's key", GOODS, &forged)).await.code(), 40101);
    seen(&home, &server.client("admin"), "A").await;
    until("the forgery is in the ring", || refused(&home).len() == 1).await;
    for (name, path, outcome) in [
        ("support", "?id=A", "200"),
        ("support_demo", "?id=A", "200"),
        ("support_demo", "?id=A&app=demo", "200"),
        ("support_demo", "?id=A&app=other", "403 scope"),
        ("support", "?id=A&app=nobody", "404 unknown_app"),
        ("admin", "?id=A", "200"),
        ("game", "?id=A", "403 role"),
        ("finance", "?id=A", "403 role"),
        ("audit", "", "422 parameter"),
        ("audit", "?id=", "422 parameter"),
        ("audit", "?id=%20", "422 parameter"),
        ("audit", "?id=A&limit=1", "422 parameter"),
    ] {
        let asked = server.client(name).get(&format!("/v1/lookup{path}")).await;
        assert_eq!(asked.outcome(), outcome, "{name} {path}: {asked:?}");
    }
    for id in ["A", "F"] {
        let masked = lookup(&server.client("support"), id).await;
        assert!(!masked.text().contains(player), "{masked:?}");
        assert!(masked.text().contains("oPla…89"), "{masked:?}");
        assert!(lookup(&server.client("audit"), id).await.text().contains(player));
    }
    let elsewhere = server.client("audit").get("/v1/lookup?id=A&app=other").await.json();
    assert_eq!(elsewhere["verdict"], "no_trace");
}

#[tokio::test]
async fn the_command_says_the_same_whether_a_server_runs_or_not() {
    let home = home_of_all_roles();
    let server = home.serve();
    pushed(&server, GOODS, &goods("A", 0), 0).await;
    seen(&home, &server.client("admin"), "A").await;
    let find = |id: &str, more: &[&str]| {
        let output = home.run(&[&["find", id], more].concat());
        let said = String::from_utf8([output.stdout, output.stderr].concat()).unwrap();
        (output.status.code().unwrap(), said)
    };
    let say = || {
        for (id, more, exit, words) in [
            ("TA", &[][..], 0, "The game has not said yet that it granted it."),
            ("A", &[], 0, "游戏尚未确认发放"),
            ("A", &["--app", "demo"], 0, "out_trade_no       A"),
            ("A", &["--app", "other"], 1, "No trace"),
            ("NOWHERE", &[], 1, "refused"),
            ("A", &["--app", "nobody"], 2, "no app \"nobody\" is configured"),
        ] {
            let (code, said) = find(id, more);
            assert_eq!(code, exit, "{id} {more:?}: {said}");
            assert!(said.contains(words), "{id} {more:?}: {said}");
        }
        let (_, json) = find("MA", &["--json"]);
        let answer: Value = serde_json::from_str(&json).unwrap();
        assert_eq!(answer["verdict"], "delivered_not_granted");
    };
    say();
    assert!(server.terminate().success());
    say();
}

#[tokio::test]
async fn what_was_paid_by_the_bill_and_never_pushed_is_found_with_the_way_to_recover_it() {
    let home = home_of_a_merchant();
    let server = with_differences(&home).await;
    seen(&home, &server.client("admin"), "GOOD").await;
    fresh(&home, &server.client("finance"), &format!("/v1/periods?merchant={MERCHANT}")).await;
    for client in ["support", "audit", "support_demo"] {
        let answer = lookup(&server.client(client), "T9").await.json();
        assert_eq!(answer["verdict"], "paid_not_pushed", "{client}: {answer}");
        assert_eq!(places(&answer, "found"), ["billed"], "{client}");
    }
    let answer = lookup(&server.client("support"), "T9").await.json();
    assert!(answer["words"].as_str().unwrap().contains("for 2026-01-05"), "{answer}");
    assert!(answer["words_zh"].as_str().unwrap().contains("从未收到推送"), "{answer}");
    assert!(answer["next_step"].as_str().unwrap().contains("recovery propose"), "{answer}");
    assert_eq!(verdict(&server.client("support"), "GOOD").await, "delivered_not_granted");
}

/// Imports a bill, in which the line of each of these ids says something else, and waits until it is known.
async fn billed(home: &Home, server: &Server, rows: &[BillRow], changed: &[(&str, &str, &str)]) {
    let text = String::from_utf8(all(rows)).unwrap();
    let line = |line: &str| {
        let changes = changed.iter().filter(|(id, _, _)| line.contains(&format!("`{id},")));
        changes.fold(line.to_owned(), |line, (_, from, to)| {
            line.replace(&format!("`{from},"), &format!("`{to},"))
        })
    };
    let text = text.split("\r\n").map(line).collect::<Vec<_>>().join("\r\n");
    let finance = server.client("finance");
    let imported = upload(&finance, "", text.as_bytes()).await;
    assert_eq!(imported.status, 200, "{imported:?}");
    fresh(home, &finance, &format!("/v1/periods?merchant={MERCHANT}")).await;
}

#[tokio::test]
async fn what_stands_in_a_bill_leaves_a_trace_whatever_the_bill_says_of_it() {
    let home = home_of_a_merchant();
    let server = serving(&home).await;
    let order = without(goods("K", 0), "/WeChatPayInfo/TransactionId");
    pushed(&server, GOODS, &order, 0).await;
    pushed(&server, GOODS, &goods("G", 0), 0).await;
    let of_g = json!({"MchOrderNo": "MG", "TransactionId": "TG"});
    let back = with(with(refund("R", 0), "/OutTradeNo", json!("G")), "/WeChatPayInfo", of_g);
    pushed(&server, REFUND, &back, 0).await;
    let rows = [
        paid_for(5, "K"),
        paid_for(5, "G"),
        paid(5, "XD", 100),
        paid(5, "XD", 100),
        paid(5, "XR", 200),
        paid(5, "XU", 300),
        BillRow { app_id: "wx0".into(), ..paid(5, "XO", 400) },
        refunded(5, "XZ", "WF", 500),
        refunded(5, "XZ", "WP", 600),
        BillRow { app_id: "wx0".into(), ..refunded(5, "XO", "WO", 400) },
        refunded(5, "TG", "WG", 600),
    ];
    let changed = [
        ("XR", "SUCCESS", "REVOKED"),
        ("XU", "CNY", "USD"),
        ("WF", "SUCCESS", "FAIL"),
        ("WP", "SUCCESS", "PROCESSING"),
    ];
    billed(&home, &server, &rows, &changed).await;
    let support = server.client("support");
    for (id, words, next) in [
        ("XD", "more than once", "paid once or more often"),
        ("MXD", "more than once", "paid once or more often"),
        ("XR", "revoked", "Nothing is to be granted"),
        ("XU", "3.00 in another currency", "Ask WeChat Pay"),
        ("XO", "no app of this merchant", "[merchant.1900000109]"),
        ("XZ", "Not refunded yet", "Look at the refund at WeChat Pay"),
        ("WF", "state there is FAIL", "Look at the refund at WeChat Pay"),
        ("WP", "state there is PROCESSING", "Look at the refund at WeChat Pay"),
        ("WO", "no app of this merchant", "[merchant."),
        ("TK", "the ledger has as order K", "Look up K here"),
        ("WG", "the ledger has as refund R", "Look up R here"),
    ] {
        let answer = lookup(&support, id).await.json();
        assert_eq!(answer["verdict"], "in_bill", "{id}: {answer}");
        assert!(answer["words"].as_str().unwrap().contains(words), "{id}: {answer}");
        assert!(answer["next_step"].as_str().unwrap().contains(next), "{id}: {answer}");
    }
    assert!(server.terminate().success());
    let output = home.run(&["find", "WP"]);
    let said = String::from_utf8(output.stdout).unwrap();
    assert!(output.status.success() && said.contains("尚未退款成功"), "{said}");
}

#[tokio::test]
async fn nobody_says_that_nobody_paid_of_a_payment_in_a_bill_whichever_id_is_asked_for() {
    let home = home_of_a_merchant();
    let server = serving(&home).await;
    let text = goods("K1", 0).to_string();
    let sig = pay_event_sig(key_of(0), GOODS, &text);
    assert_eq!(server.push(&mock(Writing::Json, GOODS, &text, Some(&sig))).await.code(), 0);
    pushed(&server, GOODS, &goods("S1", 1), 0).await;
    pushed(&server, GOODS, &goods("S2", 1), 0).await;
    billed(&home, &server, &[paid_for(5, "K1"), paid_for(5, "S1")], &[]).await;
    let audit = server.client("audit");
    for (ids, words) in [
        (["TK1", "MK1", "K1"], "only a mock push names it: money moved"),
        (["TS1", "MS1", "S1"], "only a sandbox push names it: money moved"),
    ] {
        for id in ids {
            let answer = lookup(&audit, id).await.json();
            assert_eq!(answer["verdict"], "in_bill", "{id}: {answer}");
            assert!(answer["words"].as_str().unwrap().contains(words), "{id}: {answer}");
            let found = places(&answer, "found");
            let each: BTreeSet<_> = found.iter().collect();
            assert!(found.contains(&"billed".to_owned()) && each.len() == found.len(), "{id}: {answer}");
        }
    }
    assert_eq!(verdict(&audit, "S2").await, "sandbox_only");
    assert_eq!(verdict(&audit, "oP").await, "player");
}

#[tokio::test]
async fn what_was_decided_in_quarantine_is_told_before_the_advice_to_recover() {
    let home = home_of_a_merchant();
    let server = serving(&home).await;
    let unusable = with(goods("Q", 0), "/GoodsInfo/ProductId", json!(""));
    // That of the other names its payment by MchOrderNo alone.
    let half = with(goods("H", 0), "/GoodsInfo/ProductId", json!(""));
    pushed(&server, GOODS, &unusable, 42201).await;
    pushed(&server, GOODS, &without(half, "/WeChatPayInfo/TransactionId"), 42201).await;
    for held in waiting(&home) {
        let path = format!("/v1/quarantine/{}/adopt", held["id"].as_str().unwrap());
        let adopted = server.client("admin").send("POST", &path, &json!({"reason": "given by hand"})).await;
        assert_eq!(adopted.outcome(), "200");
    }
    billed(&home, &server, &[paid_for(5, "Q"), paid_for(5, "H"), paid(5, "N", 100)], &[]).await;
    let support = server.client("support");
    for id in ["TQ", "MQ", "Q", "TH", "MH", "H"] {
        let answer = lookup(&support, id).await.json();
        assert_eq!(answer["verdict"], "quarantine_decided", "{id}: {answer}");
        let (words, next) = (answer["words"].as_str().unwrap(), answer["next_step"].as_str().unwrap());
        assert!(
            words.starts_with("Paid: ") && words.contains("adopted it: given by hand."),
            "{id}: {answer}"
        );
        assert!(next.contains("must not be delivered again. It was taken over by hand"), "{id}: {answer}");
        assert!(next.contains("case resolve") && !next.contains("recovery propose"), "{id}: {answer}");
    }
    assert_eq!(verdict(&support, "N").await, "paid_not_pushed");
}
