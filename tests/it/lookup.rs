//! Finding an id over HTTP: each verdict by what WeChat really pushed.

use serde_json::{Value, json};

use super::asking::{Asked, Client, home_of_all_roles};
use super::bill_text::MERCHANT;
use super::bills::home_of_a_merchant;
use super::by_hand::{GOODS, REFUND, goods, key_of, push, push_of, refund, with, without};
use super::finance_api::{fresh, with_differences};
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
