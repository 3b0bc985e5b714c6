//! What games say of orders over HTTP, and who may say it.

use serde_json::{Value, json};

use super::asking::{Client, home_of_all_roles};
use super::by_hand::{COINS, GOODS, coins, goods, push_of};
use super::looking::{history, recorded};

async fn say(client: &Client, number: &str, verb: &str, body: Value) -> (String, Value) {
    let asked = client.send("POST", &format!("/v1/apps/demo/orders/{number}/{verb}"), &body).await;
    (asked.outcome(), asked.json())
}

#[tokio::test]
async fn the_first_word_about_an_order_stands_and_the_same_again_is_the_same_success() {
    let home = home_of_all_roles();
    let server = home.serve();
    for (event, payload) in
        [(GOODS, goods("A", 0)), (GOODS, goods("B", 0)), (GOODS, goods("S", 1)), (COINS, coins("C", 0))]
    {
        assert_eq!(server.push(&push_of(event, &payload)).await.code(), 0);
    }
    let (game, admin) = (server.client("game_demo"), server.client("admin"));
    let reason = || json!({"reason": "why"});
    for (client, number, verb, body, outcome, recorded) in [
        (&game, "A", "revoke", reason(), "409 not_granted", json!(null)),
        (&game, "A", "grant", json!({}), "200", json!(true)),
        (&game, "A", "grant", reason(), "200", json!(false)),
        (&admin, "A", "grant", json!({"env": "production"}), "200", json!(false)),
        (&admin, "A", "refuse", reason(), "409 grant_stands", json!(null)),
        (&admin, "A", "revoke", json!({}), "422 body", json!(null)),
        (&admin, "A", "revoke", reason(), "200", json!(true)),
        (&admin, "A", "revoke", reason(), "200", json!(false)),
        (&game, "A", "grant", json!({}), "409 grant_stands", json!(null)),
        (&game, "B", "refuse", json!({"reason": ""}), "422 reason", json!(null)),
        (&game, "B", "refuse", reason(), "200", json!(true)),
        (&game, "B", "grant", json!({}), "409 grant_stands", json!(null)),
        (&game, "S", "grant", json!({}), "404 unknown_order", json!(null)),
        (&game, "S", "grant", json!({"env": "sandbox"}), "200", json!(true)),
        (&game, "C", "grant", json!({}), "409 nothing_to_grant", json!(null)),
        (&game, "NONE", "grant", json!({}), "404 unknown_order", json!(null)),
    ] {
        let (found, answer) = say(client, number, verb, body).await;
        assert_eq!(found, outcome, "{verb} {number}: {answer}");
        assert_eq!(answer["recorded"], recorded, "{verb} {number}: {answer}");
    }
    let (_, answer) = say(&game, "B", "grant", json!({})).await;
    assert_eq!(answer["detail"], json!({"state": "refused", "by": "game-demo"}), "what stands: {answer}");
    let (_, answer) = say(&game, "S", "grant", json!({"env": "sandbox"})).await;
    assert_eq!(answer["grant"], json!({"state": "granted", "by": "game-demo", "reason": null}));
    assert!(answer["position"].as_str().unwrap().parse::<u64>().is_ok(), "{answer}");
    assert_eq!(
        recorded(&home, "A"),
        ["order-demo.A GoodsDelivered", "order-demo.A GoodsGranted", "order-demo.A GrantRevoked"]
    );
    assert_eq!(history(&home, "A")[2]["data"], json!({"by": "admin", "reason": "why"}));
}

#[tokio::test]
async fn only_the_apps_own_game_and_an_admin_say_what_was_granted() {
    let home = home_of_all_roles();
    let server = home.serve();
    assert_eq!(server.push(&push_of(GOODS, &goods("A", 0))).await.code(), 0);
    for (name, own, other) in [
        ("support", "403 role", "403 role"),
        ("finance", "403 role", "403 role"),
        ("audit", "403 role", "403 role"),
        ("game_demo", "200", "403 scope"),
        ("admin_demo", "200", "403 scope"),
        ("game", "200", "404 unknown_order"),
        ("admin", "200", "404 unknown_order"),
    ] {
        let client = server.client(name);
        for (app, outcome) in [("demo", own), ("other", other)] {
            let path = format!("/v1/apps/{app}/orders/A/grant");
            let asked = client.send("POST", &path, &json!({})).await;
            assert_eq!(asked.outcome(), outcome, "{name} {app}: {asked:?}");
        }
    }
}
