//! Orders that no push brought: proposed by one, approved by another, and what a push that comes later is.

use serde_json::json;

use super::bill_text::{MERCHANT, all, paid_for};
use super::bills::{home_of_a_merchant, upload};
use super::by_hand::{self, SUCCESS_JSON};
use super::finance_api::{fresh, serving, settled};
use super::looking::waiting;

#[tokio::test]
async fn an_order_is_recovered_by_two_people_and_a_later_push_delivers_nothing_again() {
    let home = home_of_a_merchant();
    let server = serving(&home).await;
    let (finance, admin, game) = (server.client("finance"), server.client("admin"), server.client("game"));
    assert_eq!(upload(&finance, "", &all(&[paid_for(5, "LOST")])).await.status, 200);
    let proposal = json!({
        "merchant": MERCHANT, "transaction_id": "TLOST", "out_trade_no": "LOST", "product_id": "gem_60",
        "quantity": 2, "zone_id": "1", "evidence": "the game's order 77",
    });
    let path = "/v1/recoveries";
    for (field, value, outcome) in [
        ("transaction_id", json!("TNONE"), "404 unknown_payment"),
        ("merchant", json!("x"), "422 body"),
        ("app", json!("nothing"), "404 unknown_app"),
        ("open_id", json!("oAnother"), "422 body"),
        ("out_trade_no", json!("ü"), "422 body"),
        ("quantity", json!(0), "422 body"),
        ("evidence", json!(""), "422 body"),
    ] {
        let mut wrong = proposal.clone();
        wrong[field] = value;
        assert_eq!(finance.send("POST", path, &wrong).await.outcome(), outcome, "{field}");
    }
    assert_eq!(game.send("POST", path, &proposal).await.outcome(), "403 role");
    let approve = "/v1/recoveries/demo/LOST/approve";
    assert_eq!(admin.send("POST", approve, &json!({})).await.outcome(), "404 unknown_recovery");
    let proposed = finance.send("POST", path, &proposal).await;
    assert_eq!(proposed.status, 200, "{proposed:?}");
    let body = proposed.json();
    assert_eq!(
        (&body["app"], &body["amount_fen"], &body["recorded"]),
        (&json!("demo"), &json!(1200), &json!(true))
    );
    assert_eq!(finance.send("POST", path, &proposal).await.json()["recorded"], false);
    assert_eq!(finance.send("POST", approve, &json!({})).await.outcome(), "409 same_person");
    let withdraw = "/v1/recoveries/demo/LOST/withdraw";
    let reason = json!({"reason": "the wrong product"});
    assert_eq!(finance.send("POST", withdraw, &reason).await.status, 200);
    assert_eq!(admin.send("POST", approve, &json!({})).await.outcome(), "404 unknown_recovery");
    assert_eq!(finance.send("POST", path, &proposal).await.json()["recorded"], true);
    let approved = admin.send("POST", approve, &json!({})).await;
    assert_eq!(approved.status, 200, "{approved:?}");
    assert_eq!(admin.send("POST", approve, &json!({})).await.status, 200, "again is the same");

    let feed = "/v1/apps/demo/deliveries?wait=10";
    let first = game.get(feed).await.json();
    assert_eq!(first["items"].as_array().unwrap().len(), 1, "{first}");
    assert_eq!(first["items"][0]["out_trade_no"], "LOST");
    assert_eq!(game.send("POST", "/v1/apps/demo/orders/LOST/grant", &json!({})).await.status, 200);
    let pushed = server.push(&by_hand::push_of(by_hand::GOODS, &by_hand::goods("LOST", 0))).await;
    assert_eq!(pushed.body, SUCCESS_JSON);
    let other = by_hand::with(by_hand::goods("LOST", 0), "/GoodsInfo/ProductId", json!("gem_600"));
    let conflict = server.push(&by_hand::push_of(by_hand::GOODS, &other)).await;
    assert_ne!(conflict.body, SUCCESS_JSON, "another content is a conflict as usual");
    let rows = format!("/v1/reconciliation/rows?merchant={MERCHANT}&from_day=2026-01-01&to_day=2026-01-31");
    let rows = fresh(&home, &finance, &rows).await.json();
    assert_eq!(rows["rows"][0]["status"], "conflict", "{rows}");
    let after = first["cursor"].as_str().unwrap();
    let more = game.get(&format!("/v1/apps/demo/deliveries?after={after}")).await.json();
    assert_eq!(more["items"], json!([]), "nothing is delivered a second time");
}

#[tokio::test]
async fn a_recovered_order_is_matched_by_operator() {
    let home = home_of_a_merchant();
    let server = serving(&home).await;
    let (finance, admin) = (server.client("finance"), server.client("admin"));
    assert_eq!(upload(&finance, "", &all(&[paid_for(5, "LOST")])).await.status, 200);
    let path = "/v1/recoveries";
    let proposal = json!({
        "merchant": MERCHANT, "transaction_id": "TLOST", "out_trade_no": "LOST", "product_id": "gem_60",
        "quantity": 2, "evidence": "the game's order 77",
    });
    assert_eq!(finance.send("POST", path, &proposal).await.status, 200);
    let approved = admin.send("POST", "/v1/recoveries/demo/LOST/approve", &json!({})).await.json();
    let position = approved["position"].as_str().unwrap();
    let days = "from_day=2026-01-01&to_day=2026-01-31";
    let rows = format!("/v1/reconciliation/rows?merchant={MERCHANT}&{days}&min_position={position}");
    let rows = settled(&finance, &rows).await.json();
    assert_eq!(rows["rows"][0]["status"], "matched_by_operator", "{rows}");
    let open = finance.get(&format!("/v1/recoveries?merchant={MERCHANT}&min_position={position}")).await;
    assert_eq!(open.json()["rows"][0]["out_trade_no"], "LOST", "{open:?}");
}

#[tokio::test]
async fn what_was_delivered_by_hand_is_not_delivered_again_by_a_recovery() {
    let home = home_of_a_merchant();
    let server = serving(&home).await;
    let (finance, admin, game) = (server.client("finance"), server.client("admin"), server.client("game"));
    let nameless = by_hand::with(by_hand::goods("Q1", 0), "/GoodsInfo/ProductId", json!(""));
    let pushed = server.push(&by_hand::push_of(by_hand::GOODS, &nameless)).await;
    assert_eq!(pushed.code(), 42201);
    assert_eq!(upload(&finance, "", &all(&[paid_for(5, "Q1")])).await.status, 200);
    let id = waiting(&home)[0]["id"].as_str().unwrap().to_owned();
    let adopt = format!("/v1/quarantine/{id}/adopt");
    assert_eq!(admin.send("POST", &adopt, &json!({"reason": "given by hand"})).await.status, 200);

    let rows = format!("/v1/reconciliation/rows?merchant={MERCHANT}&from_day=2026-01-01&to_day=2026-01-31");
    let rows = fresh(&home, &finance, &rows).await.json();
    assert_eq!(rows["rows"][0]["status"], "missing_in_ledger", "{rows}");
    let proposal = json!({
        "merchant": MERCHANT, "transaction_id": "TQ1", "out_trade_no": "Q1", "product_id": "gem_60",
        "quantity": 2, "evidence": "the game's order 77",
    });
    let refused = finance.send("POST", "/v1/recoveries", &proposal).await;
    assert_eq!(refused.outcome(), "409 recovery_stands");
    let message = refused.json()["message"].as_str().unwrap().to_owned();
    for part in [id.as_str(), ", by admin at ", "+08:00: \"given by hand\"", "`case resolve`"] {
        assert!(message.contains(part), "{part}: {message}");
    }
    let resolved = json!({"kind": "payment", "id": "TQ1", "merchant": MERCHANT, "reason": "given by hand"});
    let resolved = finance.send("POST", "/v1/cases/resolve", &resolved).await;
    assert_eq!(resolved.status, 200, "{resolved:?}");
    let feed = game.get("/v1/apps/demo/deliveries").await.json();
    assert_eq!(feed["items"], json!([]), "nothing is delivered a second time");
}
