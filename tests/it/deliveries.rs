//! The delivery feed as a game server uses it: pages, long polls, streams, and cursors of another log.

use std::time::{Duration, Instant};

use http_body_util::BodyExt;
use hyper::body::Incoming;
use order_ledger::limits;
use serde_json::{Value, json};

use super::asking::{Client, home_of_all_roles};
use super::by_hand::{COINS, GOODS, REFUND, coins, goods, push_of, refund, with};
use super::looking::ended_well;
use super::server::{HANGS_AFTER, Server};

const FEED: &str = "/v1/apps/demo/deliveries";

async fn push(server: &Server, event: &str, payload: Value) {
    assert_eq!(server.push(&push_of(event, &payload)).await.code(), 0, "{payload}");
}

async fn feed(client: &Client, query: &str) -> Value {
    let asked = client.get(&format!("{FEED}?{query}")).await;
    assert_eq!(asked.outcome(), "200", "{query}: {asked:?}");
    asked.json()
}

fn cursor(page: &Value) -> String {
    page["cursor"].as_str().unwrap().to_owned()
}

/// Kind and number of each item.
fn items(page: &Value) -> Vec<String> {
    let text = |item: &Value, field: &str| item[field].as_str().unwrap_or("-").to_owned();
    let item = |item: &Value| format!("{} {}", text(item, "kind"), text(item, "out_trade_no"));
    page["items"].as_array().unwrap().iter().map(item).collect()
}

#[tokio::test]
async fn the_feed_is_in_the_order_of_the_log_with_refunds_known_before_the_grant() {
    let home = home_of_all_roles();
    let server = home.serve();
    let game = server.client("game_demo");
    push(&server, GOODS, goods("A", 0)).await;
    push(&server, COINS, coins("C", 0)).await;
    push(&server, GOODS, goods("S", 1)).await;
    push(&server, REFUND, with(refund("R", 0), "/OutTradeNo", json!("A"))).await;
    let mut page = feed(&game, "wait=10").await;
    let mut all = items(&page);
    while all.len() < 3 {
        page = feed(&game, &format!("wait=10&after={}", cursor(&page))).await;
        all.extend(items(&page));
    }
    assert_eq!(all, ["goods A", "coins C", "refund A"]);
    let whole = feed(&game, "").await;
    assert_eq!(whole["items"][0]["refunds"][0]["refund_id"], "R", "{whole}");
    assert_eq!(whole["items"][1]["informational"], true);
    assert_eq!(whole["items"][2]["open_id"], "oP", "the player of its order");
    assert_eq!(items(&feed(&game, "env=sandbox").await), ["goods S"]);
}

#[tokio::test]
async fn no_item_comes_twice_and_none_is_passed_over_while_pushes_keep_coming() {
    let home = home_of_all_roles();
    let server = home.serve();
    let game = server.client("game");
    let pushing = async {
        for number in 0..200 {
            push(&server, GOODS, goods(&format!("N{number}"), number % 2)).await;
        }
    };
    let reading = async {
        let (mut seen, mut after) = (vec![], String::new());
        let mut pages = 0;
        while seen.len() < 100 {
            let page = feed(&game, &format!("wait=10&limit=7{after}")).await;
            seen.extend(items(&page));
            after = format!("&after={}", cursor(&page));
            pages += 1;
            assert!(pages < 1000, "{seen:?}");
        }
        seen
    };
    let ((), seen) = tokio::join!(pushing, reading);
    let expected: Vec<_> = (0..100).map(|number| format!("goods N{}", number * 2)).collect();
    assert_eq!(seen, expected, "production only, in the order of the log");
}

#[tokio::test]
async fn a_long_poll_is_answered_when_something_comes_and_empty_when_the_time_is_over() {
    let home = home_of_all_roles();
    let server = home.serve();
    let game = server.client("game");
    let begun = Instant::now();
    let empty = feed(&game, "wait=1").await;
    assert!(begun.elapsed() >= Duration::from_secs(1), "{:?}", begun.elapsed());
    assert!(items(&empty).is_empty());
    let waiting = format!("wait=30&after={}", cursor(&empty));
    let pushing = async {
        // A sandbox order moves the log, and is none of this feed's.
        push(&server, GOODS, goods("S", 1)).await;
        push(&server, GOODS, goods("A", 0)).await;
    };
    let (page, ()) = tokio::join!(feed(&game, &waiting), pushing);
    assert_eq!(items(&page), ["goods A"], "an empty answer's cursor may be used");
    assert!(begun.elapsed() < Duration::from_secs(20), "it does not wait on: {:?}", begun.elapsed());
    let after = feed(&game, &format!("after={}", cursor(&page))).await;
    assert!(items(&after).is_empty());
}

#[tokio::test]
async fn a_cursor_of_another_log_is_told_so_and_a_malformed_one_is_refused() {
    let home = home_of_all_roles();
    let server = home.serve();
    let game = server.client("game_demo");
    let log_id = cursor(&feed(&game, "").await).split('.').next().unwrap().to_owned();
    let other = "11111111-2222-4333-8444-555555555555.7";
    for (query, outcome) in [
        (format!("after={other}"), "409 other_log"),
        ("after=7".into(), "422 parameter"),
        (format!("after={log_id}.x"), "422 parameter"),
        (format!("after={log_id}.-1"), "422 parameter"),
        ("after=".into(), "422 parameter"),
        ("env=both".into(), "422 parameter"),
        ("limit=0".into(), "422 parameter"),
        ("limit=1001".into(), "422 parameter"),
        ("wait=31".into(), "422 parameter"),
        ("wait=soon".into(), "422 parameter"),
        ("before=1".into(), "422 parameter"),
        (format!("after={log_id}.999999"), "409 other_log"),
    ] {
        assert_eq!(game.get(&format!("{FEED}?{query}")).await.outcome(), outcome, "{query}");
    }
    let refused = game.get(&format!("{FEED}?after={other}")).await.json();
    assert!(refused["message"].as_str().unwrap().contains("begin again without a cursor"), "{refused}");
    // A log that has been put back to an older copy of itself ends before the cursors given since.
    let ahead = game.get(&format!("{FEED}?after={log_id}.999999")).await.json();
    assert!(ahead["message"].as_str().unwrap().contains("put back to an older copy"), "{ahead}");
    for (name, outcome) in
        [("support", "403 role"), ("finance", "403 role"), ("audit", "200"), ("game_demo", "200")]
    {
        assert_eq!(server.client(name).get(FEED).await.outcome(), outcome, "{name}");
    }
    assert_eq!(game.get("/v1/apps/other/deliveries").await.outcome(), "403 scope");
}

/// Waits until so many long polls and streams wait.
async fn until_waiting(server: &Server, count: usize) {
    let begun = Instant::now();
    let line = format!("order_ledger_deliveries_waiting {count}\n");
    while !server.stranger().get("/metrics").await.text().contains(&line) {
        assert!(begun.elapsed() < HANGS_AFTER, "{count} should wait");
    }
}

/// A stream of Server-Sent Events.
struct Stream {
    body: Incoming,
    text: String,
}

impl Stream {
    async fn open(client: &Client, path: &str, headers: &[(&str, &str)]) -> Self {
        let headers = [&[("accept", "text/event-stream")], headers].concat();
        let response = client.begin("GET", path, &headers, "").await;
        assert_eq!(response.status(), 200);
        assert_eq!(response.headers()["content-type"], "text/event-stream");
        Self { body: response.into_body(), text: String::new() }
    }

    /// The next event: id, event, data. `None` where the stream has ended.
    async fn next(&mut self) -> Option<(String, String, Value)> {
        loop {
            if let Some((frame, rest)) = self.text.clone().split_once("\n\n") {
                self.text = rest.to_owned();
                let field = |name: &str| {
                    let value = frame.lines().find_map(|line| line.strip_prefix(name)?.strip_prefix(": "));
                    value.unwrap_or_default().to_owned()
                };
                if !field("data").is_empty() {
                    let data = serde_json::from_str(&field("data")).unwrap();
                    return Some((field("id"), field("event"), data));
                }
                continue;
            }
            let frame = self.body.frame().await?.ok()?;
            self.text += std::str::from_utf8(frame.data_ref()?).unwrap();
        }
    }
}

#[tokio::test]
async fn a_stream_tells_each_item_once_goes_on_after_the_last_event_and_ends_with_the_server() {
    let home = home_of_all_roles();
    let server = home.serve();
    let game = server.client("game_demo");
    push(&server, GOODS, goods("A", 0)).await;
    let mut stream = Stream::open(&game, FEED, &[]).await;
    let (first, kind, item) = stream.next().await.unwrap();
    assert_eq!((kind.as_str(), &item["out_trade_no"]), ("goods", &json!("A")));
    push(&server, COINS, coins("B", 0)).await;
    let (_, kind, item) = stream.next().await.unwrap();
    assert_eq!((kind.as_str(), &item["out_trade_no"]), ("coins", &json!("B")));
    drop(stream);
    let path = format!("{FEED}?after={first}");
    for (path, headers) in [(FEED, &[("last-event-id", first.as_str())][..]), (path.as_str(), &[])] {
        let mut stream = Stream::open(&game, path, headers).await;
        let (id, _, item) = stream.next().await.unwrap();
        assert_eq!(item["out_trade_no"], "B", "{path} {headers:?}");
        assert_eq!(items(&feed(&game, &format!("after={id}")).await), [""; 0]);
    }
    let refused = [("accept", "text/event-stream"), ("last-event-id", "7")];
    assert_eq!(game.get_with(FEED, &refused).await.outcome(), "422 parameter");
    let mut stream = Stream::open(&game, FEED, &[]).await;
    while stream.next().await.unwrap().2["out_trade_no"] != "B" {}
    let polling = format!("wait=30&after={}", cursor(&feed(&game, "").await));
    let stopping = async {
        until_waiting(&server, 2).await;
        server.signal("TERM");
        Instant::now()
    };
    let (ended, page, begun) = tokio::join!(stream.next(), feed(&game, &polling), stopping);
    assert!(begun.elapsed() < limits::DRAIN_WAIT, "nobody is cut: {:?}", begun.elapsed());
    assert!(ended.is_none());
    assert!(items(&page).is_empty(), "who polls is answered: {page}");
    ended_well(server, &[]);
}

#[tokio::test]
async fn a_stream_ends_when_its_token_is_taken_away() {
    let home = home_of_all_roles();
    let server = home.serve();
    let mut stream = Stream::open(&server.client("game_demo"), FEED, &[]).await;
    push(&server, GOODS, goods("A", 0)).await;
    assert!(stream.next().await.is_some());
    home.reconfigure(|text| {
        text.replace("[access.game-demo]", "[access.game-demo]\nexpires = \"2020-01-01\"")
    });
    server.signal("HUP");
    server.logged("the configuration is reloaded").await;
    push(&server, GOODS, goods("B", 0)).await;
    assert!(stream.next().await.is_none());
}

#[tokio::test]
async fn so_many_may_wait_and_the_next_is_told_to_come_again() {
    let home = home_of_all_roles();
    let server = home.serve();
    let game = server.client("game");
    let mut streams = vec![];
    for _ in 0..limits::WAITING_MAX {
        streams.push(Stream::open(&game, FEED, &[]).await);
    }
    let refused = game.get(&format!("{FEED}?wait=1")).await;
    assert_eq!(refused.outcome(), "503 too_many_waiting");
    assert_eq!(refused.header("retry-after"), "5");
    assert_eq!(game.get(FEED).await.outcome(), "200", "who does not wait takes no turn");
    drop(streams);
    until_waiting(&server, 0).await;
    assert_eq!(
        game.get(&format!("{FEED}?wait=1")).await.outcome(),
        "200",
        "a closed stream gives its turn back"
    );
}
