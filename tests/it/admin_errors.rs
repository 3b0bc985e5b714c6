//! Errors of the admin listener: one envelope for each of them, with the request's id, and nothing internal.

use std::time::Instant;

use order_ledger::limits;
use serde_json::json;

use super::asking::home_of_all_roles;
use super::server::Home;

#[tokio::test]
async fn whatever_is_wrong_with_a_request_the_answer_is_the_envelope() {
    let home = home_of_all_roles();
    let server = home.serve();
    let admin = server.client("admin");
    let grant = "/v1/apps/demo/orders/N/grant";
    let roles = "/v1/apps/demo/players/oP/roles";
    let json = ("content-type", "application/json");
    let long = "x".repeat(70_000);
    for (method, path, headers, body, outcome) in [
        ("GET", "/", &[][..], "", "404 no_such_path"),
        ("GET", "/v1/nothing", &[], "", "404 no_such_path"),
        ("GET", "/v1/apps/demo/orders/a/b/c", &[], "", "404 no_such_path"),
        ("DELETE", grant, &[], "", "405 method"),
        ("TRACE", grant, &[], "", "405 method"),
        ("POST", "/healthz", &[], "", "405 method"),
        ("POST", grant, &[json], "{", "400 malformed"),
        ("POST", grant, &[json], "{} x", "400 malformed"),
        ("POST", grant, &[json], "[]", "422 body"),
        ("POST", grant, &[json], r#"{"env":1}"#, "422 body"),
        ("POST", grant, &[json], r#"{"env":"both"}"#, "422 body"),
        ("POST", grant, &[json], r#"{"unknown":1}"#, "422 body"),
        ("POST", grant, &[json], r#"{"reason":" "}"#, "422 reason"),
        ("POST", grant, &[json], r#"{"reason":"a","reason":"b"}"#, "422 body"),
        ("POST", grant, &[json], &format!(r#"{{"reason":"{long}"}}"#), "413 body_too_large"),
        ("POST", grant, &[("content-type", "text/plain")], "{}", "415 content_type"),
        ("POST", grant, &[], "{}", "415 content_type"),
        ("POST", grant, &[], "", "404 unknown_order"),
        ("POST", "/v1/apps/demo/orders/%E4%B8%AD/grant", &[], "", "422 parameter"),
        ("POST", "/v1/apps/demo/orders/%FF/grant", &[], "", "400 malformed"),
        ("POST", "/v1/apps/DEMO/orders/N/grant", &[], "", "422 parameter"),
        ("POST", "/v1/apps/nobody/orders/N/grant", &[], "", "404 unknown_app"),
        ("PUT", &format!("{roles}?env=both"), &[json], "{}", "422 parameter"),
        ("PUT", &format!("{roles}?env=sandbox&env=sandbox"), &[json], "{}", "422 parameter"),
        ("PUT", &format!("{roles}?enf=sandbox"), &[json], "{}", "422 parameter"),
        ("PUT", &format!("{roles}?env=%FF"), &[json], "{}", "400 malformed"),
        ("PUT", &format!("{roles}?env={long}").as_str()[..9000], &[json], "{}", "400 malformed"),
    ] {
        let asked = admin.ask(method, path, headers, body).await;
        assert_eq!(asked.outcome(), outcome, "{method} {path} {body:.80}: {asked:?}");
        assert!(asked.body.len() < 1500, "{asked:?}");
        if asked.status == 405 {
            assert!(!asked.header("allow").is_empty(), "{asked:?}");
        }
    }
    let misplaced = admin.send("PUT", roles, &json!({"roles": [{"role_id": "1"}]})).await.json();
    assert_eq!(misplaced["detail"][0]["place"], "body.roles[0]", "{misplaced}");
}

#[tokio::test]
async fn the_id_of_a_request_stands_in_the_answer_in_its_header_and_in_the_log() {
    let home = Home::new();
    let mut command = home.command(&["serve"]);
    command.env("RUST_LOG", "debug");
    let server = super::server::Server::start(command, home.folder());
    let nobody = server.stranger();
    let made = nobody.get("/v1/nothing").await;
    let id = made.header("x-request-id");
    assert!(uuid::Uuid::parse_str(id).is_ok_and(|id| id.get_version_num() == 4), "{made:?}");
    let kept = nobody.get_with("/v1/nothing", &[("x-request-id", "from-the-gateway.1")]).await;
    assert_eq!(kept.header("x-request-id"), "from-the-gateway.1");
    assert_eq!(kept.code(), "no_such_path");
    let replaced = nobody.get_with("/v1/nothing", &[("x-request-id", "not a word")]).await;
    assert_ne!(replaced.header("x-request-id"), "not a word");
    assert_eq!(nobody.get("/healthz").await.header("x-request-id").len(), 36, "good answers have one too");
    server.logged("request_id=from-the-gateway.1").await;
    server.logged(&format!("request_id={id}")).await;
}

#[tokio::test]
async fn who_sends_wrong_tokens_is_told_to_wait_and_who_sends_a_right_one_never_is() {
    let home = home_of_all_roles();
    let server = home.serve();
    let (guesser, admin) = (server.client("guess"), server.client("admin"));
    let grant = "/v1/apps/demo/orders/N/grant";
    let burst = limits::ACCESS_FAILURES_BURST_OF_PEER;
    let begun = Instant::now();
    let mut tried = 0;
    loop {
        let asked = guesser.ask("POST", grant, &[], "").await;
        assert_eq!(admin.ask("POST", grant, &[], "").await.outcome(), "404 unknown_order");
        if asked.status == 429 {
            assert_eq!(asked.outcome(), "429 too_many_failures");
            assert_eq!(asked.header("retry-after"), "1");
            break;
        }
        assert_eq!(asked.outcome(), "401 token_unknown");
        assert_eq!(asked.header("www-authenticate"), "Bearer");
        tried += 1;
    }
    // One more for each second that has gone by.
    let most = u64::from(burst) + begun.elapsed().as_secs() + 1;
    assert!((u64::from(burst)..=most).contains(&tried), "{tried} of {burst} to {most}");
    let nobody = server.stranger().ask("POST", grant, &[], "").await;
    assert_eq!(nobody.outcome(), "401 token_missing", "who sends none has tried nothing");
}
