//! Daily byte quotas: neither a sandbox key nor a misconfiguration fills the disk that production needs.

use serde_json::{Value, json};

use super::by_hand::{GOODS, goods, key_of, push, push_of, with};
use super::server::{Answer, Home, Server};

const MIB: usize = 1024 * 1024;

/// A payload of about 32 KiB.
fn large(number: &str, env: u8) -> Value {
    with(goods(number, env), "/GoodsInfo/Attach", json!("a".repeat(32 * 1024)))
}

/// Pushes what `push` makes until one is answered 42901; how many went before.
async fn until_over_quota(server: &Server, make: impl Fn(usize) -> (u8, Value), code: u32) -> usize {
    for count in 0..100 {
        let (signer, payload) = make(count);
        let answer: Answer = server.push(&push(key_of(signer), GOODS, &payload.to_string())).await;
        if answer.code() == 42901 {
            return count;
        }
        assert_eq!(answer.code(), code, "{answer:?}");
    }
    panic!("100 large pushes stay within 1 MiB");
}

#[tokio::test]
async fn sandbox_pushes_beyond_the_days_bytes_are_refused_while_production_goes_on() {
    let home = Home::with(|text| format!("{text}[limits]\nsandbox_bytes_per_day = {MIB}\n"));
    let server = home.serve();
    let before = until_over_quota(&server, |count| (1, large(&format!("S{count}"), 1)), 0).await;
    assert!((1..=MIB / (32 * 1024)).contains(&before), "{before} pushes of 32 KiB");
    assert_eq!(server.push(&push_of(GOODS, &large("MORE", 1))).await.code(), 42901);
    for count in 0..40 {
        let answer = server.push(&push_of(GOODS, &large(&format!("P{count}"), 0))).await;
        assert_eq!(answer.code(), 0, "production, {answer:?}");
    }
    assert_eq!(server.push(&push_of(GOODS, &large("S0", 1))).await.code(), 0, "a repeat keeps nothing");
    server.logged("alarm=\"quota\"").await;
}

#[tokio::test]
async fn quarantined_pushes_beyond_the_days_bytes_are_refused_while_orders_go_on() {
    let home = Home::with(|text| format!("{text}[limits]\nquarantine_bytes_per_day = {MIB}\n"));
    let server = home.serve();
    let before = until_over_quota(&server, |count| (1, large(&format!("Q{count}"), 0)), 40301).await;
    assert!((1..=MIB / (32 * 1024)).contains(&before), "{before} pushes of 32 KiB");
    for env in [0, 1] {
        assert_eq!(server.push(&push_of(GOODS, &large("ORDER", env))).await.code(), 0);
    }
    let repeat = push(key_of(1), GOODS, &large("Q0", 0).to_string());
    assert_eq!(server.push(&repeat).await.code(), 40301, "a repeat keeps nothing");
    server.logged("alarm=\"quota\"").await;
}
