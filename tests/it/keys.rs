//! Which keys open and verify what: rotation, several apps, channels with keys of their own.

use order_ledger::cli::simulate::{PushRequest, Writing};

use super::by_hand::{Console, DEMO, GOODS, goods, pay_event_sig, push, signed_message};
use super::looking::{history, recorded};
use super::server::{AES_KEY, Home, PRODUCTION_KEY, TOKEN};

const OTHER_AES_KEY: &str = "BBBBBBBBBBBBBBBBBBBBBBBBBBBBBBBBBBBBBBBBBBB";

/// `name = [{ value = "old" }]` becomes a list with this state for the old value and a new active one.
fn rotated(text: &str, name: &str, old: &str, state: &str, new: &str) -> String {
    let before = format!("{name} = [{{ value = \"{old}\" }}]");
    assert!(text.contains(&before));
    let after = format!("{name} = [{{ value = \"{new}\" }}, {{ value = \"{old}\", state = \"{state}\" }}]");
    text.replace(&before, &after)
}

fn message(key: &str, number: &str) -> String {
    let payload = goods(number, 0).to_string();
    signed_message(Writing::Json, GOODS, &payload, &pay_event_sig(key, GOODS, &payload))
}

#[tokio::test]
async fn an_accepted_app_key_verifies_and_a_retired_one_verifies_history_only() {
    let new = "new-production-key-0123456789";
    let home = Home::new();
    let server = home.serve();
    let payload = |number: &str| goods(number, 0).to_string();
    assert_eq!(server.push(&push(PRODUCTION_KEY, GOODS, &payload("BEFORE"))).await.code(), 0);
    assert!(server.terminate().success());
    for (state, by_old, by_new) in [("accepted", 0, 0), ("retired", 40101, 0)] {
        let before = std::fs::read_to_string(home.config_file()).unwrap();
        home.reconfigure(|text| rotated(&text, "production_keys", PRODUCTION_KEY, state, new));
        let server = home.serve();
        let old = server.push(&push(PRODUCTION_KEY, GOODS, &payload(&format!("OLD-{state}")))).await;
        assert_eq!(old.code(), by_old, "{state}");
        let new = server.push(&push(new, GOODS, &payload(&format!("NEW-{state}")))).await;
        assert_eq!(new.code(), by_new, "{state}");
        let verified = history(&home, "BEFORE")[0]["signature"].as_str().unwrap().to_owned();
        assert!(verified.starts_with("verified now"), "{state}: {verified}");
        assert!(server.terminate().success());
        home.configure(&before);
    }
}

#[tokio::test]
async fn accepted_tokens_and_encoding_aes_keys_open_and_retired_ones_do_not() {
    let (new_token, old_by) = ("BBBBB", |state: &str| if state == "accepted" { 0 } else { 40101 });
    for state in ["accepted", "retired"] {
        let home = Home::with(|text| rotated(&text, "tokens", TOKEN, state, new_token));
        let server = home.serve();
        let by = |token| Console { token, ..DEMO };
        for (number, token, code) in [("OLD", TOKEN, old_by(state)), ("NEW", new_token, 0)] {
            let message = message(PRODUCTION_KEY, number);
            assert_eq!(server.push(&by(token).plain(message.clone())).await.code(), code, "{state} {token}");
            let secure = by(token).secure(Writing::Json, &message);
            assert_eq!(server.push(&secure).await.code(), code, "{state} {token}");
        }
        assert!(server.terminate().success());

        let home = Home::with(|text| {
            rotated(&text, "encoding_aes_keys", AES_KEY, state, OTHER_AES_KEY)
                .replace("mode = \"plain\"", "mode = \"security\"")
        });
        let server = home.serve();
        for (aes_key, opens) in [(AES_KEY, state == "accepted"), (OTHER_AES_KEY, true)] {
            let console = Console { aes_key, ..DEMO };
            let answer = server.push(&console.secure(Writing::Json, &message(PRODUCTION_KEY, "N"))).await;
            assert_eq!(answer.code() == 0, opens, "{state} {aes_key}: {answer:?}");
        }
    }
}

#[tokio::test]
async fn a_signal_brings_new_keys_in_without_a_restart() {
    let new = "new-production-key-0123456789";
    let home = Home::new();
    let server = home.serve();
    let payload = goods("N", 0).to_string();
    assert_eq!(server.push(&push(new, GOODS, &payload)).await.code(), 40101);
    home.reconfigure(|text| rotated(&text, "production_keys", PRODUCTION_KEY, "accepted", new));
    server.signal("HUP");
    let mut code = 40101;
    let begun = std::time::Instant::now();
    while code == 40101 && begun.elapsed().as_secs() < 60 {
        code = server.push(&push(new, GOODS, &payload)).await.code();
    }
    assert_eq!(code, 0);
}

const OTHER_APP: &str = r#"[app.other]
app_id = "wx1234567890abcdef"
tokens = [{ value = "OTHERTOKEN" }]
encoding_aes_keys = [{ value = "CCCCCCCCCCCCCCCCCCCCCCCCCCCCCCCCCCCCCCCCCCC" }]
production_keys = [{ value = "other-production-key" }]
sandbox_keys = [{ value = "other-sandbox-key" }]
[access.tester]"#;

const OTHER: Console<'_> = Console {
    path: "/wechat/other",
    token: "OTHERTOKEN",
    aes_key: "CCCCCCCCCCCCCCCCCCCCCCCCCCCCCCCCCCCCCCCCCCC",
    app_id: "wx1234567890abcdef",
};

#[tokio::test]
async fn each_app_has_keys_and_order_numbers_of_its_own() {
    let home = Home::with(|text| text.replace("[access.tester]", OTHER_APP));
    let server = home.serve();
    let (demo, other) = (message(PRODUCTION_KEY, "SAME"), message("other-production-key", "SAME"));
    let secure = |console: Console<'_>, message: &str| console.secure(Writing::Json, message);
    for (what, request, code) in [
        ("demo", DEMO.plain(demo.clone()), 0),
        ("other", OTHER.plain(other.clone()), 0),
        ("other, encrypted", secure(OTHER, &other), 0),
        ("demo's URL, other's AppKey", DEMO.plain(other.clone()), 40101),
        ("other's URL, demo's AppKey", OTHER.plain(demo.clone()), 40101),
        ("other's URL, demo's Token", Console { token: TOKEN, ..OTHER }.plain(other.clone()), 40101),
        ("demo's URL with other's everything", Console { path: DEMO.path, ..OTHER }.plain(other), 40101),
    ] {
        assert_eq!(server.push(&request).await.code(), code, "{what}");
    }
    let mut recorded = recorded(&home, "SAME");
    recorded.sort();
    assert_eq!(recorded, ["order-demo.SAME GoodsDelivered", "order-other.SAME GoodsDelivered"]);
}

const CHANNELS: &str = r#"[app.demo.channel.goods]
tokens = [{ value = "GOODSTOKEN" }]
[app.demo.channel.general]
mode = "security"
tokens = [{ value = "GENERALTOKEN" }]
encoding_aes_keys = [{ value = "BBBBBBBBBBBBBBBBBBBBBBBBBBBBBBBBBBBBBBBBBBB" }]
[access.tester]"#;

#[tokio::test]
async fn a_channel_has_its_own_token_mode_and_key_and_else_those_of_its_app() {
    let home = Home::with(|text| text.replace("[access.tester]", CHANNELS));
    let server = home.serve();
    let at = |path, token, aes_key| Console { path, token, aes_key, ..DEMO };
    let plain = |path, token| at(path, token, AES_KEY).plain(message(PRODUCTION_KEY, "N"));
    let secure = |path, token, aes_key| -> PushRequest {
        at(path, token, aes_key).secure(Writing::Json, &message(PRODUCTION_KEY, "N"))
    };
    let (goods, events, general) = ("/wechat/demo/goods", "/wechat/demo/events", "/wechat/demo/general");
    for (what, request, code) in [
        ("the app's own URL", plain("/wechat/demo", TOKEN), Some(0)),
        ("a channel's token at the app's URL", plain("/wechat/demo", "GOODSTOKEN"), Some(40101)),
        ("goods", plain(goods, "GOODSTOKEN"), Some(0)),
        ("goods with the app's token", plain(goods, TOKEN), Some(40101)),
        ("events say nothing of their own", plain(events, TOKEN), Some(0)),
        ("general, encrypted", secure(general, "GENERALTOKEN", OTHER_AES_KEY), Some(0)),
        ("general, encrypted with the app's key", secure(general, "GENERALTOKEN", AES_KEY), None),
        ("general with the app's token", secure(general, TOKEN, OTHER_AES_KEY), Some(40101)),
        ("general in clear", plain(general, "GENERALTOKEN"), Some(40101)),
        ("no channel", plain("/wechat/demo/orders", TOKEN), Some(40401)),
        ("no app", plain("/wechat/nobody", TOKEN), Some(40401)),
    ] {
        let answer = server.push(&request).await;
        match code {
            Some(code) => assert_eq!(answer.code(), code, "{what}: {answer:?}"),
            None => assert_ne!(answer.code(), 0, "{what}"),
        }
    }
    assert_eq!(recorded(&home, "N"), ["order-demo.N GoodsDelivered"], "one order by every channel");
}
