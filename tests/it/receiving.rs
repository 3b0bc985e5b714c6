//! What becomes of pushes, seen from outside.

use super::pushes::{goods, goods_push};
use super::server::Home;

const SUCCESS: &str = r#"{"ErrCode":0,"ErrMsg":"Success"}"#;

#[tokio::test]
async fn a_repeated_push_gets_the_same_answer_and_delivers_nothing() {
    let home = Home::new();
    let server = home.serve();
    let push = goods_push(&home.app(), goods("ORDER-1", 600));
    let first = server.push(&push).await;
    assert_eq!((first.status, first.body.as_str()), (200, SUCCESS));
    assert_eq!(server.push(&push).await, first);
    assert!(server.terminate().success());
    let history = home.run(&["history", "ORDER-1", "--json"]);
    assert!(history.status.success());
    let known: serde_json::Value = serde_json::from_slice(&history.stdout).unwrap();
    let events = &known["events"];
    assert_eq!(events.as_array().unwrap().len(), 1);
    assert_eq!(events[0]["event_type"], "GoodsDelivered");
    assert!(events[0]["signature"].as_str().unwrap().starts_with("verified now"));
}

#[tokio::test]
async fn nothing_that_is_unsigned_decides_that_a_payment_is_ignored() {
    let home = Home::new();
    let server = home.serve();
    let mut push = goods_push(&home.app(), goods("MSG-TYPE", 600));
    let body = String::from_utf8(push.body).unwrap();
    push.body = body.replace("\"MsgType\":\"event\"", "\"MsgType\":\" Event\"").into_bytes();
    assert!(String::from_utf8_lossy(&push.body).contains(" Event"));
    assert_eq!(server.push(&push).await.body, SUCCESS);
    assert!(home.run(&["history", "MSG-TYPE"]).status.success(), "it is recorded");
}
