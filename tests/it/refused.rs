//! The refused ring and the log: what people are told of refused pushes, and what nobody is told.

use order_ledger::cli::simulate::Writing;
use serde_json::{Value, json};

use super::bad_input::SECRETS;
use super::by_hand::{
    Console, DEMO, GOODS, SUCCESS_JSON, goods, key_of, pay_event_sig, push, signed_message, with,
};
use super::looking::{decide, ended_well, history, lines, recorded, refused, waiting};
use super::server::{ADMIN_TOKEN, Home, PRODUCTION_KEY, Server, TOKEN, until};

#[tokio::test]
async fn nothing_secret_stands_in_the_log_however_much_it_is_asked_to_tell() {
    let (token, attachment) = ("SECRETTOKEN", "SECRET-ATTACHMENT");
    let secrets = [&SECRETS[..], &[token, attachment]].concat();
    let home = Home::with(|text| {
        let tokens = format!("tokens = [{{ value = \"{TOKEN}\" }}]");
        text.replace(&tokens, &format!("tokens = [{{ value = \"{token}\" }}]"))
    });
    let mut command = home.command(&["serve"]);
    command.env("RUST_LOG", "trace");
    let server = Server::start(command, home.folder());
    let demo = Console { token, ..DEMO };
    let marked = |number: &str| with(goods(number, 0), "/GoodsInfo/Attach", json!(attachment));
    let body = |key: &str, event: &str, payload: &Value| {
        let payload = payload.to_string();
        signed_message(Writing::Json, event, &payload, &pay_event_sig(key, event, &payload))
    };
    let good = body(key_of(0), GOODS, &marked("N"));
    for (request, code) in [
        (demo.plain(good.clone()), 0),
        (demo.plain(body(key_of(0), GOODS, &with(marked("N"), "/OpenId", json!("oOther")))), 40901),
        (demo.plain(body(key_of(0), GOODS, &with(marked("Q"), "/GoodsInfo/Quantity", json!(0)))), 42201),
        (demo.plain(body(key_of(1), GOODS, &marked("W"))), 40301),
        (demo.plain(body("nobody's", GOODS, &marked("B"))), 40101),
        (demo.plain(body(key_of(0), "unknown_event", &marked("U"))), 42201),
        (demo.plain(&good.as_bytes()[..good.len() - 9]), 40001),
        (demo.secure(Writing::Json, &good), 0),
        (DEMO.plain(good.clone()), 40101),
    ] {
        let answer = server.push(&request).await;
        assert_eq!(answer.code(), code, "{answer:?}");
        for secret in &secrets {
            assert!(!answer.body.contains(secret), "{answer:?}");
        }
    }
    let id = waiting(&home)[0]["id"].as_str().unwrap().to_owned();
    assert_eq!(decide(&home, "adopt", &id, Some("olt_wrong")).0, 2);
    assert_eq!(decide(&home, "adopt", &id, Some(ADMIN_TOKEN)).0, 0);
    until("the refused are in the ring", || refused(&home).len() == 3).await;
    for args in
        [&["config", "check"][..], &["refused", "list"], &["refused", "recheck"], &["quarantine", "list"]]
    {
        let output = home.run(args);
        let said = String::from_utf8([output.stdout, output.stderr].concat()).unwrap();
        assert!(secrets.iter().all(|secret| !said.contains(secret)), "{args:?}: {said}");
    }
    assert!(server.log().contains("DEBUG"), "the log tells much");
    ended_well(server, &[&secrets[..], &["olt_wrong"]].concat());
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
    let number = |entry: &Value| entry["claimed"]["out_trade_no"].as_str().unwrap().to_owned();
    let passing = |home: &Home| -> Vec<String> {
        let rechecked = lines(home, &["refused", "recheck", "--json"]);
        assert_eq!(rechecked.len(), 2);
        rechecked.iter().filter(|entry| entry["would_pass"] == true).map(number).collect()
    };
    assert!(passing(&home).is_empty());
    let told = |args: &[&str]| String::from_utf8(home.run(args).stderr).unwrap();
    assert_eq!(told(&["refused", "recheck"]), "none of 2 refused pushes would be accepted now\n");
    assert!(told(&["refused", "show", "nosuch"]).contains("is a number: order-ledger refused list"));
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
