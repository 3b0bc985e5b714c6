//! Pushes that are authentic and unusable: kept, answered with where they are wrong, decided by people.

use http_body_util::Full;
use hyper::Request;
use order_ledger::cli::simulate::Writing;
use serde_json::{Value, json};

use super::by_hand::{
    COINS, DEMO, GOODS, REFUND, SUCCESS_JSON, coins, goods, key_of, pay_event_sig, push, push_of, refund,
    signed_message, with, without,
};
use super::looking::{decide, history, recorded, waiting};
use super::server::{ADMIN_TOKEN, Home, send};

/// Unusable pushes: event, payload, and the field that is wrong.
fn unusable() -> Vec<(&'static str, Value, &'static str)> {
    let mut rows = vec![];
    for (pointer, value) in [
        ("/GoodsInfo/OrigPrice", json!(-1)),
        ("/GoodsInfo/ActualPrice", json!(-1200)),
        ("/GoodsInfo/ActualPrice", json!("-1")),
        ("/GoodsInfo/ActualPrice", json!(12.5)),
        ("/GoodsInfo/ActualPrice", json!("twelve")),
        ("/GoodsInfo/ActualPrice", json!(9_223_372_036_854_775_808_u64)),
        ("/GoodsInfo/ActualPrice", json!(10_000_000_000_001_i64)),
        ("/GoodsInfo/OrigPrice", json!("99999999999999999999")),
        ("/GoodsInfo/Quantity", json!(1e30)),
        ("/GoodsInfo/Quantity", json!(0)),
        ("/GoodsInfo/Quantity", json!(-1)),
        ("/GoodsInfo/Quantity", json!(true)),
        ("/GoodsInfo/OrderSource", json!(4)),
        ("/GoodsInfo/OrderSource", json!(0)),
        ("/GoodsInfo", json!("gem")),
        ("/OpenId", json!({})),
        ("/OpenId", json!("")),
        ("/Env", json!(2)),
        ("/Env", json!(-1)),
        ("/Env", json!("production")),
        ("/OutTradeNo", json!("123456789012345678901234567890123")),
        ("/OutTradeNo", json!("a b")),
        ("/OutTradeNo", json!("a/b")),
        ("/OutTradeNo", json!("单号")),
        ("/OutTradeNo", json!("a\nb")),
        ("/OutTradeNo", json!("")),
        ("/OutTradeNo", json!(["N"])),
    ] {
        rows.push((GOODS, with(goods("N", 0), pointer, value), pointer));
    }
    for pointer in [
        "/OpenId",
        "/OutTradeNo",
        "/Env",
        "/GoodsInfo",
        "/GoodsInfo/ProductId",
        "/GoodsInfo/Quantity",
        "/GoodsInfo/OrigPrice",
        "/GoodsInfo/ActualPrice",
        "/GoodsInfo/OrderSource",
    ] {
        rows.push((GOODS, without(goods("N", 0), pointer), pointer));
    }
    for pointer in [
        "/OpenId",
        "/OutTradeNo",
        "/Env",
        "/CoinInfo",
        "/CoinInfo/BuyQuantity",
        "/CoinInfo/OrigPrice",
        "/CoinInfo/ActualPrice",
    ] {
        rows.push((COINS, without(coins("N", 0), pointer), pointer));
    }
    rows.push((COINS, with(coins("N", 0), "/CoinInfo/ActualPrice", json!(-1)), "/CoinInfo/ActualPrice"));
    rows.push((COINS, with(coins("N", 0), "/CoinInfo/BuyQuantity", json!(0)), "/CoinInfo/BuyQuantity"));
    for pointer in ["/RefundId", "/RefundAmount", "/RefundSource", "/Env"] {
        rows.push((REFUND, without(refund("N", 0), pointer), pointer));
    }
    for (pointer, value) in [
        ("/RefundAmount", json!(-1)),
        ("/RefundAmount", json!(10_000_000_000_001_i64)),
        ("/RefundSource", json!(4)),
        ("/RefundId", json!("")),
        ("/OutTradeNo", json!("123456789012345678901234567890123")),
    ] {
        rows.push((REFUND, with(refund("N", 0), pointer, value), pointer));
    }
    rows
}

#[tokio::test]
async fn an_unusable_push_is_kept_once_and_answered_each_time_with_the_field_that_is_wrong() {
    let home = Home::new();
    let server = home.serve();
    for (row, (event, payload, pointer)) in unusable().into_iter().enumerate() {
        let name = pointer.rsplit('/').next().unwrap();
        let push = push(key_of(0), event, &payload.to_string());
        let answer = server.push(&push).await;
        assert_eq!(answer.code(), 42201, "{pointer} {payload}: {answer:?}");
        assert!(answer.body.contains(name), "{pointer} {payload}: {answer:?}");
        assert_eq!(server.push(&push).await, answer, "{pointer} {payload}");
        if row % 8 == 0 {
            let held = waiting(&home);
            assert_eq!(held.len(), row + 1, "{pointer} {payload}");
        }
    }
    let held = waiting(&home);
    let rows = unusable();
    assert_eq!(held.len(), rows.len());
    for (held, (event, payload, pointer)) in held.iter().zip(rows) {
        let name = pointer.rsplit('/').next().unwrap();
        assert_eq!(held["event"], event);
        assert_eq!(held["app"], "demo");
        assert!(held["detail"].as_str().unwrap().contains(name), "{pointer}: {held}");
        if let Some(number) = payload["OutTradeNo"].as_str().filter(|number| !number.is_empty()) {
            assert_eq!(held["out_trade_no"], number);
        }
    }
    let orders = recorded(&home, "N");
    assert!(orders.iter().all(|line| line.contains("quarantine")), "an order was made: {orders:?}");
    assert_eq!(server.push(&push_of(GOODS, &goods("N", 0))).await.code(), 0, "the number is free");
}

#[tokio::test]
async fn a_signed_payload_that_no_two_readers_would_read_alike_is_kept_as_it_came() {
    let home = Home::new();
    let server = home.serve();
    let text = goods("N", 0).to_string();
    let deep = format!("{}{}", "[".repeat(40), "]".repeat(40));
    for payload in [
        text.replace("\"Env\":0", "\"Env\":0,\"Env\":1"),
        text.replace("\"Env\":0", "\"Env\":1,\"Env\":0"),
        text.replace("\"Quantity\":2", "\"Quantity\":2,\"Quantity\":200"),
        text.replace("\"OpenId\":\"oP\"", "\"OpenId\":\"oP\",\"Open\\u0049d\":\"oQ\""),
        text.replace("\"OpenId\":\"oP\"", &format!("\"OpenId\":\"oP\",\"Deep\":{deep}")),
        format!("{text}{text}"),
        text[..text.len() - 1].to_owned(),
        "[]".to_owned(),
        "null".to_owned(),
        text.replace("\"Quantity\":2", "\"Quantity\":01"),
        text.replace("\"ActualPrice\":1200", "\"ActualPrice\":1e999"),
        "no JSON".to_owned(),
    ] {
        let answer = server.push(&push(key_of(0), GOODS, &payload)).await;
        assert_eq!(answer.code(), 42201, "{payload}: {answer:?}");
        let held = waiting(&home);
        let id = held.last().unwrap()["id"].as_str().unwrap();
        assert_eq!(history(&home, id)[0]["evidence"]["payload"], payload, "the raw text");
    }
    assert_eq!(waiting(&home).len(), 12);
}

#[tokio::test]
async fn the_documented_sample_without_an_order_number_is_quarantined_in_every_format() {
    let home = Home::new();
    let server = home.serve();
    for writing in Writing::ALL {
        let payload = without(goods("N", 0), "/OutTradeNo").to_string();
        let sig = pay_event_sig(key_of(0), GOODS, &payload);
        let answer = server.push(&DEMO.plain(signed_message(writing, GOODS, &payload, &sig))).await;
        assert_eq!(answer.code(), 42201);
        assert!(answer.body.contains("OutTradeNo"), "{answer:?}");
    }
    assert_eq!(waiting(&home).len(), 1, "one push, however it was written");
}

#[tokio::test]
async fn a_push_that_only_the_other_environments_key_verifies_waits_under_its_own_code() {
    let home = Home::new();
    let server = home.serve();
    for (event, payload) in
        [(GOODS, goods("P", 0)), (GOODS, goods("S", 1)), (COINS, coins("C", 0)), (REFUND, refund("R", 0))]
    {
        let env = if payload["Env"] == 0 { 0 } else { 1 };
        let wrong = push(key_of(1 - env), event, &payload.to_string());
        let answer = server.push(&wrong).await;
        assert_eq!(answer.code(), 40301, "{payload}");
        assert_eq!(server.push(&wrong).await, answer);
        assert_eq!(server.push(&push_of(event, &payload)).await.body, SUCCESS_JSON, "rightly signed");
        assert_eq!(server.push(&wrong).await, answer);
    }
    assert_eq!(waiting(&home).len(), 4);
}

#[tokio::test]
async fn an_unknown_event_is_kept_and_fails_only_where_an_order_number_says_money_may_be_at_stake() {
    let home = Home::new();
    let server = home.serve();
    for (event, payload, code) in [
        ("minigame_new_kind_of_order", goods("N", 0), 42201),
        ("minigame_new_kind_of_order", json!({"OutTradeNo": "M", "Env": 1}), 42201),
        ("minigame_new_kind_of_order", json!({"OutTradeNo": ["N"], "Env": 0}), 42201),
        ("minigame_new_kind_of_order", json!({"OutTradeNo": 12.5, "Env": 0}), 42201),
        ("minigame_new_kind_of_order", json!({"Orders": [{"OutTradeNo": "N"}], "Env": 0}), 42201),
        ("minigame_new_kind_of_notice", json!({"OpenId": "oP", "Env": 0}), 0),
        ("minigame_new_kind_of_notice", json!({"OutTradeNo": "", "Env": 0}), 0),
        ("minigame_new_kind_of_notice", json!({"OpenId": "oP"}), 0),
        ("Minigame_game_pay_goods_deliver_notify", goods("CASE", 0), 42201),
    ] {
        for _ in 0..2 {
            assert_eq!(server.push(&push_of(event, &payload)).await.code(), code, "{event} {payload}");
        }
        assert_eq!(waiting(&home).last().unwrap()["event"], event);
    }
    assert_eq!(waiting(&home).len(), 9);
}

#[tokio::test]
async fn a_decision_through_the_running_server_ends_the_repeats_and_stands() {
    let home = Home::new();
    let server = home.serve();
    let (negative, zero) = (
        with(goods("A", 0), "/GoodsInfo/ActualPrice", json!(-1)),
        with(goods("D", 0), "/GoodsInfo/Quantity", json!(0)),
    );
    for (payload, verb, other, state) in
        [(negative, "adopt", "dismiss", "adopted"), (zero, "dismiss", "adopt", "dismissed")]
    {
        let push = push_of(GOODS, &payload);
        assert_eq!(server.push(&push).await.code(), 42201);
        let held = waiting(&home);
        assert_eq!(held.len(), 1);
        let id = held[0]["id"].as_str().unwrap();
        for (why, id, token, code) in [
            ("no token", id, None, 2),
            ("a wrong token", id, Some("olt_wrong"), 2),
            ("an empty token", id, Some(""), 2),
            ("an unknown id", &"0".repeat(64), Some(ADMIN_TOKEN), 1),
        ] {
            let (exit, said) = decide(&home, verb, id, token);
            assert_eq!(exit, code, "{why}: {said}");
            assert!(!said.contains(ADMIN_TOKEN) && !said.contains("olt_wrong"), "{said}");
            assert_eq!(server.push(&push).await.code(), 42201, "{why} decides nothing");
        }
        let (exit, said) = decide(&home, verb, id, Some(ADMIN_TOKEN));
        assert_eq!(exit, 0, "{said}");
        for _ in 0..2 {
            assert_eq!(server.push(&push).await.body, SUCCESS_JSON);
        }
        assert_eq!(decide(&home, verb, id, Some(ADMIN_TOKEN)).0, 0, "the same again");
        let (exit, said) = decide(&home, other, id, Some(ADMIN_TOKEN));
        assert_eq!(exit, 1, "a decision stands: {said}");
        assert_eq!(server.push(&push).await.body, SUCCESS_JSON);
        assert!(waiting(&home).is_empty());
        let all = super::looking::lines(&home, &["quarantine", "list", "--all", "--json"]);
        assert_eq!(all.last().unwrap()["state"], state);
        let events = history(&home, id);
        assert_eq!(events.len(), 2, "the push and one decision");
        assert_eq!(events[1]["data"]["reason"], "delivered by hand");
        assert_eq!(events[1]["data"]["by"], "tester", "who did it comes from the token");
    }
}

#[tokio::test]
async fn the_admin_listener_decides_for_nobody_without_a_token() {
    let home = Home::new();
    let server = home.serve();
    let push = push_of(GOODS, &with(goods("N", 0), "/GoodsInfo/Quantity", json!(0)));
    assert_eq!(server.push(&push).await.code(), 42201);
    let id = waiting(&home)[0]["id"].as_str().unwrap().to_owned();
    let decision = json!({"reason": "delivered by hand"}).to_string();
    for authorization in [None, Some("Bearer "), Some("Bearer olt_wrong"), Some("Basic olt_test-admin")] {
        let mut request = Request::post(format!("/v1/quarantine/{id}/adopt"))
            .header("content-type", "application/json")
            .body(Full::from(decision.clone()))
            .unwrap();
        if let Some(authorization) = authorization {
            request.headers_mut().insert("authorization", authorization.parse().unwrap());
        }
        assert_eq!(send(server.admin, request).await.status, 401, "{authorization:?}");
    }
    for (path, body, status) in [
        (format!("/v1/quarantine/{}/adopt", "0".repeat(64)), decision.as_str(), 404),
        (format!("/v1/quarantine/{id}/adopt"), r#"{"reason":""}"#, 422),
        (format!("/v1/quarantine/{id}/adopt"), "{", 400),
    ] {
        assert_eq!(server.admin("POST", &path, body).await.status, status, "{path} {body}");
    }
    assert_eq!(server.push(&push).await.code(), 42201, "nothing is decided");
    let adopt = format!("/v1/quarantine/{id}/adopt");
    assert_eq!(server.admin("POST", &adopt, &decision).await.status, 200);
    assert_eq!(server.push(&push).await.body, SUCCESS_JSON);
    assert_eq!(server.admin("POST", &format!("/v1/quarantine/{id}/dismiss"), &decision).await.status, 409);
}

#[tokio::test]
async fn a_decision_needs_no_token_while_no_server_runs_and_holds_after_the_start() {
    let home = Home::new();
    for (number, verb) in [("A", "adopt"), ("D", "dismiss")] {
        let push = push_of(GOODS, &with(goods(number, 0), "/GoodsInfo/Quantity", json!(0)));
        let server = home.serve();
        assert_eq!(server.push(&push).await.code(), 42201);
        assert!(server.terminate().success());
        let id = waiting(&home)[0]["id"].as_str().unwrap().to_owned();
        assert_eq!(decide(&home, verb, &"f".repeat(64), None).0, 1, "an unknown id");
        let (exit, said) = decide(&home, verb, &id, None);
        assert_eq!(exit, 0, "{said}");
        let server = home.serve();
        assert_eq!(server.push(&push).await.body, SUCCESS_JSON);
        assert!(server.terminate().success());
    }
}

#[tokio::test]
async fn a_push_of_the_wrong_environment_is_decided_about_like_any_other() {
    let home = Home::new();
    let server = home.serve();
    let wrong = push(key_of(1), GOODS, &goods("N", 0).to_string());
    assert_eq!(server.push(&wrong).await.code(), 40301);
    let id = waiting(&home)[0]["id"].as_str().unwrap().to_owned();
    let shown = home.run(&["quarantine", "show", &id[..16], "--json"]);
    let shown: Value = serde_json::from_slice(&shown.stdout).unwrap();
    assert_eq!(shown["events"][0]["evidence"]["payload"], goods("N", 0).to_string());
    let (exit, said) = decide(&home, "adopt", &id[..16], Some(ADMIN_TOKEN));
    assert_eq!(exit, 0, "{said}");
    assert_eq!(server.push(&wrong).await.body, SUCCESS_JSON);
    let orders = recorded(&home, "N");
    assert!(!orders.iter().any(|line| line.starts_with("order-")), "adopting makes no order: {orders:?}");
}

#[tokio::test]
async fn an_answer_stays_short_however_long_the_wrong_field_is() {
    let home = Home::new();
    let server = home.serve();
    let long = "x".repeat(40_000);
    for pointer in ["/OutTradeNo", "/OpenId", "/GoodsInfo/Quantity", "/GoodsInfo/OrderSource", "/Env"] {
        let payload = with(goods("N", 0), pointer, json!(long)).to_string();
        let answer = server.push(&push(key_of(0), GOODS, &payload)).await;
        assert_eq!(answer.code(), 42201, "{pointer}");
        assert!(answer.body.len() < 1000, "{pointer}: {} bytes", answer.body.len());
    }
    let answer = server.push(&push_of(&long, &goods("N", 0))).await;
    assert_eq!(answer.code(), 42201);
    assert!(answer.body.len() < 1000, "{} bytes", answer.body.len());
}

#[tokio::test]
async fn only_an_admin_decides() {
    let token = "olt_support";
    let digest = hex::encode(<sha2::Sha256 as sha2::Digest>::digest(token));
    let home = Home::with(|text| {
        format!("{text}[access.helper]\nrole = \"support\"\ntoken_sha256 = \"{digest}\"\n")
    });
    let server = home.serve();
    let push = push_of(GOODS, &with(goods("N", 0), "/GoodsInfo/Quantity", json!(0)));
    assert_eq!(server.push(&push).await.code(), 42201);
    let id = waiting(&home)[0]["id"].as_str().unwrap().to_owned();
    assert_ne!(decide(&home, "adopt", &id, Some(token)).0, 0);
    assert_eq!(server.push(&push).await.code(), 42201);
}
