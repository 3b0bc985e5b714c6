//! The refused ring and the log: what people are told of refused pushes, and what nobody is told.

use order_ledger::cli::simulate::{PushRequest, Writing};
use serde_json::json;

use super::bad_input::SECRETS;
use super::by_hand::{Console, DEMO, GOODS, SUCCESS_JSON, goods, key_of, push, push_of, with};
use super::looking::{ended_well, history, lines, recorded, refused};
use super::server::{Home, PRODUCTION_KEY, Server, TOKEN, until};

fn body(request: &PushRequest) -> String {
    String::from_utf8(request.body.clone()).unwrap()
}

#[tokio::test]
async fn nothing_secret_stands_in_the_log_however_much_it_is_asked_to_tell() {
    let home = Home::new();
    let mut command = home.command(&["serve"]);
    command.env("RUST_LOG", "trace");
    let server = Server::start(command, home.folder());
    let marked = |number: &str| with(goods(number, 0), "/GoodsInfo/Attach", json!("SECRET-ATTACHMENT"));
    let good = push_of(GOODS, &marked("N"));
    let requests = [
        good.clone(),
        push_of(GOODS, &with(marked("N"), "/OpenId", json!("oOther"))),
        push_of(GOODS, &with(marked("Q"), "/GoodsInfo/Quantity", json!(0))),
        push(key_of(1), GOODS, &marked("W").to_string()),
        push("nobody", GOODS, &marked("B").to_string()),
        push_of("unknown_event", &marked("U")),
        PushRequest { body: good.body[..good.body.len() - 9].to_vec(), ..good.clone() },
        DEMO.secure(Writing::XmlCdata, &body(&good)),
        Console { app_id: "wx0", ..DEMO }.secure(Writing::Json, &body(&good)),
    ];
    for request in &requests {
        let answer = server.push(request).await;
        for secret in SECRETS.iter().chain(&["SECRET-ATTACHMENT"]) {
            assert!(!answer.body.contains(secret), "{answer:?}");
        }
    }
    assert!(server.admin("GET", "/v1/nothing", "").await.status >= 400);
    let token = format!("\"{TOKEN}\"");
    ended_well(server, &[&SECRETS[..], &["SECRET-ATTACHMENT", &token]].concat());
}

#[tokio::test]
async fn a_push_refused_for_a_missing_key_would_pass_once_the_key_is_configured() {
    let home = Home::new();
    let server = home.serve();
    let late = "the-key-nobody-had-entered";
    let refused_push = push(late, GOODS, &goods("N", 0).to_string());
    assert_eq!(server.push(&refused_push).await.code(), 40101);
    assert_eq!(server.push(&push("never", GOODS, &goods("M", 0).to_string())).await.code(), 40101);
    until("both are in the ring", || refused(&home).len() == 2).await;
    let number = |entry: &serde_json::Value| entry["claimed"]["out_trade_no"].as_str().unwrap().to_owned();
    let passing = |home: &Home| -> Vec<String> {
        let rechecked = lines(home, &["refused", "recheck", "--json"]);
        assert_eq!(rechecked.len(), 2);
        rechecked.iter().filter(|entry| entry["would_pass"] == true).map(number).collect()
    };
    assert!(passing(&home).is_empty());
    assert!(refused(&home).iter().all(|entry| entry["gives_up_at"].is_string()), "when WeChat gives up");
    let before = format!("production_keys = [{{ value = \"{PRODUCTION_KEY}\" }}]");
    let after = format!(
        "production_keys = [{{ value = \"{PRODUCTION_KEY}\" }}, {{ value = \"{late}\", state = \"accepted\" }}]"
    );
    home.reconfigure(|text| text.replace(&before, &after));
    assert_eq!(passing(&home), ["N"]);
    assert!(history(&home, "N").is_empty(), "a recheck records nothing");
    assert!(server.terminate().success());
    let server = home.serve();
    assert_eq!(server.push(&refused_push).await.body, SUCCESS_JSON, "WeChat's next repeat brings it in");
    assert_eq!(recorded(&home, "N"), ["order-demo.N GoodsDelivered"]);
}
