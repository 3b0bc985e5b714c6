//! Every family of pushes, in every format and transport WeChat sends it in.

use order_ledger::cli::simulate::{PushRequest, Writing};
use serde_json::{Value, json};

use super::by_hand::{
    COINS, DEMO, Field, GOODS, REFUND, ROLES, SUCCESS_JSON, coins, goods, key_of, message, pay_event_sig,
    push_of, refund, signed_message, success, with, without,
};
use super::game::Game;
use super::looking::{history, recorded, refused};
use super::server::{Home, until};

const GOODS_NAMES: [&str; 4] = [
    "minigame_game_pay_goods_deliver_notify",
    "minigame_deliver_game_pay_products",
    "minigame_h5_goods_deliver_notify",
    "minigame_deliver_h5_pay_products",
];
const COIN_NAMES: [&str; 2] =
    ["minigame_coin_deliver_completed", "minigame_recharge_center_coin_deliver_completed"];

const MODES: [&str; 3] = ["plain", "compatible", "security"];

fn in_mode(mode: &str) -> Home {
    Home::with(|text| text.replace("mode = \"plain\"", &format!("mode = \"{mode}\"")))
}

fn transported(mode: &str, writing: Writing, message: &str) -> PushRequest {
    match mode {
        "plain" => DEMO.plain(message),
        "compatible" => DEMO.compatible(writing, message),
        _ => DEMO.secure(writing, message),
    }
}

/// As the coin samples write it: `TotalPrice` where the table says `ActualPrice`.
fn coins_of_the_samples(number: &str, env: u8) -> Value {
    with(without(coins(number, env), "/CoinInfo/ActualPrice"), "/CoinInfo/TotalPrice", json!(900))
}

fn refund_without_order(number: &str, env: u8) -> Value {
    without(refund(number, env), "/OutTradeNo")
}

type Payload = fn(&str, u8) -> Value;

/// Event name, payload, and what is recorded of it: stream and event type.
fn facts() -> Vec<(&'static str, Payload, &'static str, &'static str)> {
    let mut facts: Vec<(&str, Payload, &str, &str)> = vec![];
    for name in GOODS_NAMES {
        facts.push((name, goods, "order", "GoodsDelivered"));
    }
    for name in COIN_NAMES {
        facts.push((name, coins, "order", "CoinsDelivered"));
        facts.push((name, coins_of_the_samples, "order", "CoinsDelivered"));
    }
    facts.push((REFUND, refund, "refund", "RefundSucceeded"));
    facts.push((REFUND, refund_without_order, "refund", "RefundSucceeded"));
    facts
}

#[tokio::test]
async fn each_signed_fact_is_recorded_once_whatever_its_name_format_and_transport() {
    for mode in MODES {
        let home = in_mode(mode);
        let server = home.serve();
        for (row, (event, payload, category, event_type)) in facts().into_iter().enumerate() {
            for (column, writing) in Writing::ALL.into_iter().enumerate() {
                for env in [0, 1] {
                    let number = format!("N-{row}-{column}-{env}");
                    let payload = payload(&number, env).to_string();
                    let sig = pay_event_sig(key_of(env), event, &payload);
                    let push = transported(mode, writing, &signed_message(writing, event, &payload, &sig));
                    let case = format!("{mode} {writing:?} {event} {payload}");
                    for _ in 0..2 {
                        let answer = server.push(&push).await;
                        assert_eq!((answer.status, answer.body.as_str()), (200, success(writing)), "{case}");
                    }
                    if column != row % 3 {
                        continue; // Reading the log takes a process each time: once a row.
                    }
                    let stream = if env == 0 {
                        format!("{category}-demo.{number}")
                    } else if category == "order" {
                        format!("sandboxOrder-demo.{number}")
                    } else {
                        format!("sandboxRefund-demo.{number}")
                    };
                    let events = history(&home, &number);
                    assert_eq!(events.len(), 1, "{case}");
                    assert_eq!(events[0]["stream"], stream, "{case}");
                    assert_eq!(events[0]["event_type"], event_type, "{case}");
                    let evidence = &events[0]["evidence"];
                    assert_eq!(evidence["payload"], payload, "{case}");
                    assert_eq!(evidence["event"], event, "{case}");
                    assert_eq!(evidence["pay_event_sig"], sig, "{case}");
                    assert_eq!(evidence["verified_env"], env, "{case}");
                    assert!(events[0]["signature"].as_str().unwrap().starts_with("verified now"), "{case}");
                }
            }
        }
    }
}

#[tokio::test]
async fn the_recorded_fields_are_the_pushed_ones_in_snake_case_and_in_fen() {
    let home = Home::new();
    let server = home.serve();
    for (event, payload, number, data) in [
        (
            GOODS,
            goods("G", 0),
            "G",
            json!({"open_id": "oP", "out_trade_no": "G", "product_id": "gem_60", "quantity": 2, "zone_id": "1",
                "orig_price_fen": 600, "actual_price_fen": 1200, "attach": "{\"k\":\"a/b&c=d\"}",
                "order_source": 1, "mch_order_no": "MG", "transaction_id": "TG"}),
        ),
        (
            COINS,
            coins_of_the_samples("C", 0),
            "C",
            json!({"open_id": "oP", "out_trade_no": "C", "zone_id": "1", "orig_price_fen": 1000,
                "actual_price_fen": 900}),
        ),
        (
            REFUND,
            refund("R", 0),
            "R",
            json!({"refund_id": "R", "out_trade_no": "ORIGINAL", "mch_order_no": "M1", "transaction_id": "T1"}),
        ),
    ] {
        assert_eq!(server.push(&push_of(event, &payload)).await.body, SUCCESS_JSON);
        let events = history(&home, number);
        for (name, value) in data.as_object().unwrap() {
            assert_eq!(&events[0]["data"][name], value, "{name} of {}", events[0]["data"]);
        }
    }
}

#[tokio::test]
async fn a_role_list_query_is_answered_in_every_mode_under_either_key_and_recorded_nowhere() {
    for mode in MODES {
        let game = Game::with_roles("[]");
        let home = in_mode(mode);
        home.reconfigure(|text| game.configured(text));
        let server = home.serve();
        let payload = r#"{"OpenId":"oAsking","NeedRoleNum":10}"#;
        for writing in Writing::ALL {
            let answer = match writing {
                Writing::Json => r#"{"ErrCode":0,"ErrMsg":"Success","RecentPlayedRoleList":[]}"#,
                // Each role is an element, so no roles are no elements.
                Writing::XmlCdata | Writing::XmlEscaped => success(writing),
            };
            for env in [0, 1] {
                let sig = pay_event_sig(key_of(env), ROLES, payload);
                let push = transported(mode, writing, &signed_message(writing, ROLES, payload, &sig));
                assert_eq!(server.push(&push).await.body, answer, "{mode} {writing:?} {env}");
            }
        }
        let asked = game.asked();
        let envs: Vec<_> = asked.iter().map(|asked| asked.body["env"].as_str().unwrap()).collect();
        assert_eq!(envs, ["production", "sandbox"].repeat(3), "{mode}");
        assert!(history(&home, "oAsking").is_empty());
    }
}

/// A mock of this payload, with any signature.
pub fn mock(writing: Writing, event: &str, payload: &str, sig: Option<&str>) -> PushRequest {
    let mut fields = vec![("Payload", Field::Text(payload)), ("IsMock", Field::Raw("true"))];
    fields.extend(sig.map(|sig| ("PayEventSig", Field::Text(sig))));
    DEMO.plain(message(writing, event, &fields))
}

#[tokio::test]
async fn a_mock_is_answered_by_its_shape_and_leaves_its_number_free_for_the_real_push() {
    let home = Home::new();
    let server = home.serve();
    for (row, (event, payload, category, event_type)) in facts().into_iter().enumerate() {
        for (column, writing) in Writing::ALL.into_iter().enumerate() {
            let number = format!("N-{row}-{column}");
            let value = payload(&number, 0);
            let text = value.to_string();
            let right = pay_event_sig(key_of(0), event, &text);
            for sig in [None, Some("f749f67b"), Some(right.as_str())] {
                let answer = server.push(&mock(writing, event, &text, sig)).await;
                assert_eq!(answer.body, success(writing), "{event} {writing:?} {sig:?}");
            }
            let order = format!("{category}-demo.{number} {event_type}");
            let look = column == row % 3;
            assert!(!look || !recorded(&home, &number).contains(&order), "a mock became an order: {order}");
            assert_eq!(server.push(&push_of(event, &value)).await.body, SUCCESS_JSON);
            assert!(!look || recorded(&home, &number).contains(&order), "no order: {order}");
        }
    }
    until("the mocks are in the refused ring", || {
        refused(&home).iter().filter(|entry| entry["mock"] == true).count() >= facts().len()
    })
    .await;
    assert!(refused(&home).iter().all(|entry| entry["mock"] == true));
}

#[tokio::test]
async fn a_mock_of_the_wrong_shape_is_told_where() {
    let home = Home::new();
    let server = home.serve();
    for (pointer, value, named) in [
        ("/GoodsInfo/Quantity", json!("two"), "Quantity"),
        ("/GoodsInfo", json!([]), "GoodsInfo"),
        ("/OpenId", json!({}), "OpenId"),
        ("/Env", json!(2), "Env"),
    ] {
        let payload = with(goods("MOCK", 0), pointer, value).to_string();
        for writing in Writing::ALL {
            let answer = server.push(&mock(writing, GOODS, &payload, None)).await;
            assert!(answer.code() != 0 && answer.body.contains(named), "{pointer}: {answer:?}");
        }
    }
}

#[tokio::test]
async fn a_mock_role_list_query_gets_a_role_list_and_false_is_no_mock() {
    let home = Home::new();
    let server = home.serve();
    let roles = r#"{"OpenId":"oP","NeedRoleNum":10}"#;
    let answer = server.push(&mock(Writing::Json, ROLES, roles, None)).await;
    assert_eq!(answer.body, r#"{"ErrCode":0,"ErrMsg":"Success","RecentPlayedRoleList":[]}"#);
    for (number, writing) in Writing::ALL.into_iter().enumerate() {
        let number = format!("REAL-{number}");
        let payload = goods(&number, 0).to_string();
        let sig = pay_event_sig(key_of(0), GOODS, &payload);
        let fields = [
            ("Payload", Field::Text(&payload)),
            ("PayEventSig", Field::Text(&sig)),
            ("IsMock", Field::Raw("false")),
        ];
        let answer = server.push(&DEMO.plain(message(writing, GOODS, &fields))).await;
        assert_eq!(answer.body, success(writing));
        assert_eq!(recorded(&home, &number), [format!("order-demo.{number} GoodsDelivered")]);
    }
}

#[tokio::test]
async fn numeric_strings_are_numbers_and_unknown_fields_are_kept() {
    let home = Home::new();
    let server = home.serve();
    let numbers = |payload: Value, pointers: &[&str]| {
        pointers.iter().fold(payload, |payload, pointer| {
            let text = payload.pointer(pointer).unwrap().to_string();
            with(payload, pointer, json!(text))
        })
    };
    let info = ["/Env", "/GoodsInfo/Quantity", "/GoodsInfo/OrigPrice", "/GoodsInfo/ActualPrice"];
    for (event, as_numbers, as_strings, number) in [
        (
            GOODS,
            goods("G", 0),
            numbers(goods("G", 0), &[&info[..], &["/GoodsInfo/OrderSource"]].concat()),
            "G",
        ),
        (
            COINS,
            coins("C", 0),
            numbers(coins("C", 0), &["/Env", "/CoinInfo/BuyQuantity", "/CoinInfo/OrigPrice"]),
            "C",
        ),
        (REFUND, refund("R", 0), numbers(refund("R", 0), &["/Env", "/RefundAmount", "/RefundSource"]), "R"),
    ] {
        let odd =
            with(with(as_strings, "/Unknown", json!({"deep": [1, null]})), "/WeChatPayInfo", json!(null));
        let odd = if as_numbers["WeChatPayInfo"].is_null() {
            odd
        } else {
            with(odd, "/WeChatPayInfo", as_numbers["WeChatPayInfo"].clone())
        };
        assert_eq!(server.push(&push_of(event, &odd)).await.body, SUCCESS_JSON, "{odd}");
        assert_eq!(server.push(&push_of(event, &as_numbers)).await.body, SUCCESS_JSON, "{as_numbers}");
        let events = history(&home, number);
        assert_eq!(events.len(), 1, "the same content");
        assert_eq!(events[0]["evidence"]["payload"], odd.to_string());
    }
}
