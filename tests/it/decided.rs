//! What people decided about a push in quarantine holds, also once its key has been put right.

use super::by_hand::{GOODS, SUCCESS_JSON, goods, key_of, push};
use super::looking::{decide, recorded, waiting};
use super::server::{ADMIN_TOKEN, Home, PRODUCTION_KEY, SANDBOX_KEY};

/// The AppKeys in each other's place: a mistake people make.
fn swapped(text: String) -> String {
    let text = text.replace(PRODUCTION_KEY, "…").replace(SANDBOX_KEY, PRODUCTION_KEY);
    text.replace('…', SANDBOX_KEY)
}

#[tokio::test]
async fn a_push_delivered_by_hand_is_not_delivered_again_when_its_key_is_put_right() {
    let home = Home::with(swapped);
    let server = home.serve();
    let by_number = |number: &str| push(key_of(0), GOODS, &goods(number, 0).to_string());
    for number in ["BY-HAND", "NOT-OWED", "OPEN"] {
        assert_eq!(server.push(&by_number(number)).await.code(), 40301);
    }
    for (number, verb) in [("BY-HAND", "adopt"), ("NOT-OWED", "dismiss")] {
        let held = waiting(&home).into_iter().find(|held| held["out_trade_no"] == number).unwrap();
        let (exit, said) = decide(&home, verb, held["id"].as_str().unwrap(), Some(ADMIN_TOKEN));
        assert_eq!(exit, 0, "{said}");
    }
    home.reconfigure(swapped);
    server.signal("HUP");
    server.logged("reloaded").await;
    let repeats_are_as_decided = async |server: &super::server::Server| {
        for (number, has_order) in [("BY-HAND", false), ("NOT-OWED", false), ("OPEN", true)] {
            assert_eq!(server.push(&by_number(number)).await.body, SUCCESS_JSON, "{number}");
            let order = format!("order-demo.{number} GoodsDelivered");
            assert_eq!(recorded(&home, number).contains(&order), has_order, "{number}");
        }
    };
    repeats_are_as_decided(&server).await;
    assert!(server.terminate().success());
    repeats_are_as_decided(&home.serve()).await;
}

#[tokio::test]
async fn a_push_that_would_be_accepted_by_now_becomes_its_order_when_adopted_and_cannot_be_dismissed() {
    for server_runs in [true, false] {
        let home = Home::with(swapped);
        let server = home.serve();
        let paid = push(key_of(0), GOODS, &goods("PAID", 0).to_string());
        assert_eq!(server.push(&paid).await.code(), 40301);
        let id = waiting(&home)[0]["id"].as_str().unwrap().to_owned();
        assert_eq!(waiting(&home)[0]["state"], "waiting");
        home.reconfigure(swapped);
        server.signal("HUP");
        server.logged("reloaded").await;
        assert_eq!(waiting(&home)[0]["state"], "acceptable");
        let mut server = Some(server);
        if !server_runs {
            assert!(server.take().unwrap().terminate().success());
        }
        let (exit, said) = decide(&home, "dismiss", &id, Some(ADMIN_TOKEN));
        assert!(exit == 1 && said.contains("would be accepted now, as PAID"), "{exit}: {said}");
        let (exit, said) = decide(&home, "adopt", &id, Some(ADMIN_TOKEN));
        assert!(exit == 0 && said.contains("stands as PAID"), "{exit}: {said}");
        assert!(recorded(&home, "PAID").contains(&"order-demo.PAID GoodsDelivered".to_owned()));
        assert!(waiting(&home).is_empty());
        // WeChat's repeat finds the order and adds nothing.
        let server = server.unwrap_or_else(|| home.serve());
        let before = recorded(&home, "PAID");
        assert_eq!(server.push(&paid).await.body, SUCCESS_JSON);
        assert_eq!(recorded(&home, "PAID"), before);
    }
}

#[tokio::test]
async fn a_contradicted_push_can_be_dismissed_though_its_key_is_right_by_now() {
    let home = Home::with(swapped);
    let server = home.serve();
    let other = push(key_of(0), GOODS, &goods("TAKEN", 0).to_string());
    assert_eq!(server.push(&other).await.code(), 40301);
    home.reconfigure(swapped);
    server.signal("HUP");
    server.logged("reloaded").await;
    let taken = goods("TAKEN", 0).to_string().replace("1200", "1300");
    assert_eq!(server.push(&push(key_of(0), GOODS, &taken)).await.code(), 0);
    let id = waiting(&home)[0]["id"].as_str().unwrap().to_owned();
    let (exit, said) = decide(&home, "adopt", &id, Some(ADMIN_TOKEN));
    assert!(exit == 1 && said.contains("TAKEN stands in the ledger with a different content"), "{said}");
    let (exit, said) = decide(&home, "dismiss", &id, Some(ADMIN_TOKEN));
    assert_eq!(exit, 0, "{said}");
    assert!(waiting(&home).is_empty());
}
