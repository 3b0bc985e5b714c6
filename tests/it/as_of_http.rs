//! `as_of` over HTTP: who sees what of the past, what is told where it cannot be had, and what does not take it.

use serde_json::Value;

use super::asking::home_of_all_roles;
use super::bill_text::MERCHANT;
use super::bills::home_of_a_merchant;
use super::finance_api::{settled, with_differences};
use super::log_file::LogFile;
use super::own_folder::{buy, put, serve_with};
use super::pushes::{goods, goods_push};
use super::server::Home;

fn end(home: &Home) -> u64 {
    LogFile::open(&home.store()).end()
}

#[tokio::test]
async fn a_token_for_one_app_sees_of_the_past_what_is_of_its_app_only() {
    let home = home_of_all_roles();
    let server = home.serve();
    let apps = home.config().apps;
    let other = apps.iter().find(|app| app.app.slug.as_str() == "other").unwrap();
    buy(&home, &server, "MINE", "gem").await;
    assert_eq!(server.push(&goods_push(&other.app, goods("THEIRS", 600))).await.code(), 0);
    let then = end(&home);
    buy(&home, &server, "LATER", "gem").await;
    let list = format!("/v1/projections/orders/search?as_of={then}");
    for (token, expected) in [("admin-demo", &["MINE"][..]), ("admin", &["THEIRS", "MINE"])] {
        let token = token.replace('-', "_");
        let rows = settled(&server.client(&token), &list).await.json()["rows"].clone();
        let numbers: Vec<_> =
            rows.as_array().unwrap().iter().map(|row| row["out_trade_no"].as_str().unwrap()).collect();
        assert_eq!(numbers, expected, "{token}");
    }
    let scoped = server.client("admin_demo");
    for (path, outcome) in [
        (format!("{list}&app=other"), "403 scope"),
        (format!("/v1/apps/other/orders?as_of={then}"), "403 scope"),
        (format!("/v1/apps/other/orders/THEIRS?as_of={then}"), "403 scope"),
        (format!("/v1/lookup?id=THEIRS&app=other&as_of={then}"), "403 scope"),
    ] {
        assert_eq!(scoped.get(&path).await.outcome(), outcome, "{path}");
    }
    let found = settled(&scoped, &format!("/v1/lookup?id=THEIRS&as_of={then}")).await.json();
    assert_eq!(found["found"], Value::Array(vec![]), "{found}");
}

#[tokio::test]
async fn where_the_disk_has_no_room_for_the_past_it_is_told_with_when_to_come_again() {
    let home = home_of_all_roles();
    home.reconfigure(|text| text + "[limits]\nas_of_free_bytes_min = 70368744177664\n");
    let server = home.serve();
    for number in ["A", "B"] {
        buy(&home, &server, number, "gem").await;
    }
    let admin = server.client("admin");
    let now = settled(&admin, &format!("/v1/apps/demo/orders?as_of={}", end(&home))).await;
    assert_eq!(now.json()["rows"].as_array().unwrap().len(), 2, "the present needs no room");
    let refused = admin.get("/v1/apps/demo/orders?as_of=1").await;
    assert_eq!(refused.outcome(), "503 no_room", "{refused:?}");
    assert_eq!(refused.header("retry-after"), "5");
    let message = refused.json()["message"].as_str().unwrap().to_owned();
    assert!(message.contains("67108864 MiB of the disk of views.dir are left free"), "{message}");
    assert!(!message.contains(home.folder().to_str().unwrap()), "{message}");
}

#[tokio::test]
async fn a_report_as_of_a_position_is_the_one_that_was_made_then_with_its_seal() {
    let home = home_of_a_merchant();
    let made = home.run(&["seal", "--new-key", "seal.key"]);
    assert!(made.status.success(), "{made:?}");
    home.reconfigure(|text| text + "[seal]\nkey_file = \"seal.key\"\n");
    let server = with_differences(&home).await;
    let (finance, admin) = (server.client("finance"), server.client("admin"));
    assert_eq!(admin.send("POST", "/v1/seals", &Value::Null).await.status, 200);
    let then = end(&home);
    let path = format!("/v1/reconciliation?merchant={MERCHANT}&from=2026-01-01&to=2026-01-31&as_of={then}");
    let made_then = settled(&finance, &path).await;
    let header = &made_then.json()["header"];
    assert!(header["seal_head"].is_string(), "{header}");
    buy(&home, &server, "LATER", "gem").await;
    assert_eq!(admin.send("POST", "/v1/seals", &Value::Null).await.status, 200);
    let newest = path.replace(&format!("as_of={then}"), &format!("as_of={}", end(&home)));
    let newest = settled(&finance, &newest).await;
    assert_ne!(newest.json()["header"]["seal_head"], header["seal_head"]);
    let again = settled(&finance, &path).await;
    assert_eq!((again.body, again.headers.get("etag")), (made_then.body, made_then.headers.get("etag")));
}

#[tokio::test]
async fn an_event_that_cannot_be_folded_is_told_of_positions_behind_it_and_marked_of_moments() {
    let home = home_of_all_roles();
    let dir = home.folder().join("mine");
    let schema = "-- What was sold?\n-- environments: production\n\
                  CREATE TABLE sales (position INTEGER PRIMARY KEY, product_id TEXT NOT NULL) STRICT;";
    let on = "INSERT INTO sales SELECT :position, nullif(:product_id, 'bad');";
    let query = "-- What was sold?\n-- role: finance\n-- column: product_id id\n\
                 SELECT product_id FROM sales ORDER BY position";
    put(&dir, "sales", &[("schema.sql", schema), ("on/GoodsDelivered.sql", on), ("queries/all.sql", query)]);
    let server = serve_with(&home, &dir);
    buy(&home, &server, "1", "gem").await;
    let good = end(&home);
    buy(&home, &server, "2", "bad").await;
    let bad = good + 1;
    let moment = order_ledger::moment::stamp(chrono::Utc::now());
    server.logged("an event cannot be folded").await;
    let admin = server.client("admin");
    let behind = admin.ask("GET", &format!("/v1/projections/sales/all?as_of={bad}"), &[], "").await;
    assert_eq!(behind.outcome(), "503 behind", "{behind:?}");
    let message = behind.json()["message"].as_str().unwrap().to_owned();
    let says = format!("it stops before position {bad} (GoodsDelivered), sales/on/GoodsDelivered.sql:1: ");
    assert!(message.contains(&says), "{message}");
    let over = admin.get(&format!("/v1/projections/sales/all?as_of={moment}")).await;
    assert_eq!(over.status, 200, "{over:?}");
    assert_eq!(
        (over.header("x-ledger-stopped"), over.header("x-ledger-position")),
        (bad.to_string().as_str(), good.to_string().as_str())
    );
    let before = settled(&admin, &format!("/v1/projections/sales/all?as_of={good}")).await;
    assert_eq!((before.header("x-ledger-stopped"), before.json()["rows"].as_array().unwrap().len()), ("", 1));
}

#[tokio::test]
async fn an_id_is_looked_for_as_of_then_and_the_feed_says_why_it_has_no_past() {
    let home = home_of_all_roles();
    let server = home.serve();
    buy(&home, &server, "A", "gem").await;
    let first = end(&home);
    buy(&home, &server, "B", "gem").await;
    let support = server.client("support");
    let verdict = async |id: &str, as_of: String| {
        let found = settled(&support, &format!("/v1/lookup?id={id}&as_of={as_of}")).await.json();
        let positions: Vec<_> = found["looked_in"].as_array().unwrap().clone();
        (found["verdict"].as_str().unwrap().to_owned(), positions)
    };
    let (found, looked_in) = verdict("A", first.to_string()).await;
    assert_eq!(found, "delivered_not_granted");
    for place in &looked_in {
        let (expected, has_problem) =
            if place["where"] == "refused" { (Value::Null, true) } else { (first.to_string().into(), false) };
        assert_eq!((&place["position"], place["problem"].is_string()), (&expected, has_problem), "{place}");
    }
    // What was refused then is not known any more, so that there was no trace cannot be said.
    assert_eq!(verdict("B", first.to_string()).await.0, "cannot_tell");
    let then = settled(&support, &format!("/v1/lookup?id=B&as_of={first}")).await.json();
    assert_eq!(then["words"], "Nothing was recorded of it as of then.");
    assert_eq!(verdict("B", "2999-01-01T00:00:00Z".to_owned()).await.0, "delivered_not_granted");
    for (path, outcome, says) in [
        (format!("/v1/lookup?id=A&as_of={}", first + 9), "422 parameter", "lies outside of this log"),
        ("/v1/lookup?id=A&as_of=soon".to_owned(), "422 parameter", "must be a position, or a moment"),
        ("/v1/lookup?id=A&until=1".to_owned(), "422 parameter", "known are id, app and as_of"),
    ] {
        let asked = support.get(&path).await;
        assert_eq!(asked.outcome(), outcome, "{path}: {asked:?}");
        assert!(asked.text().contains(says), "{asked:?}");
    }
    let feed = server.client("game").get(&format!("/v1/apps/demo/deliveries?as_of={first}")).await;
    assert_eq!(feed.outcome(), "422 parameter", "{feed:?}");
    assert!(feed.text().contains("ask /v1/projections/orders/deliveries with as_of"), "{feed:?}");
    let items = "/v1/projections/orders/deliveries?app=demo&as_of=";
    let items = settled(&server.client("admin"), &format!("{items}{first}")).await.json();
    assert_eq!(items["rows"].as_array().unwrap().len(), 1, "{items}");
}

#[tokio::test]
async fn no_path_passes_over_a_parameter_that_it_does_not_know() {
    let home = home_of_all_roles();
    let server = home.serve();
    let admin = server.client("admin");
    admin.until_folded(1).await;
    let document = admin.get("/openapi.json").await.json();
    let paths = document["paths"].as_object().unwrap();
    let mut asked = 0;
    for (path, item) in paths.iter().filter(|(path, _)| path.starts_with("/v1/")) {
        for method in item.as_object().unwrap().keys() {
            let path = path
                .replace("{app}", "demo")
                .replace("{out_trade_no}", "A")
                .replace("{open_id}", "oP")
                .replace("{projection}", "orders")
                .replace("{id}", &"0".repeat(32))
                .replace("{merchant}", MERCHANT)
                .replace("{sha256}", &"0".repeat(64));
            // What is missing is told before what is too much.
            let required = match path.as_str() {
                "/v1/lookup" => "&id=A".to_owned(),
                "/v1/reconciliation" => format!("&merchant={MERCHANT}&from=2026-01-01&to=2026-01-31"),
                "/v1/cases/upload" => format!("&merchant={MERCHANT}"),
                // So is a wrong body.
                "/v1/cases/resolve" => continue,
                _ => String::new(),
            };
            let path = format!("{path}?no_such_parameter=1{required}");
            let answer = admin.send(&method.to_uppercase(), &path, &Value::Null).await;
            assert_eq!(answer.outcome(), "422 parameter", "{method} {path}: {answer:?}");
            assert!(answer.text().contains("no_such_parameter"), "{method} {path}: {answer:?}");
            asked += 1;
        }
    }
    assert!(asked > 30, "{asked}");
}
