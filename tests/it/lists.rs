//! Lists over HTTP: whom they answer, in which format, how pages follow one another, and what has not changed.

use order_ledger::domain::environment::Environment;
use order_ledger::domain::fen::Fen;
use order_ledger::domain::id::RefundId;
use order_ledger::domain::push::{PaymentIds, Push, RefundPush, RefundSource};
use order_ledger::wechat::payload::Business;
use order_ledger::wechat::{Mode, event_name};
use serde_json::{Value, json};

use super::asking::{Asked, Client, home_of_all_roles};
use super::bill_text::MERCHANT;
use super::by_hand::{GOODS, REFUND, goods, push_of, refund, with};
use super::log_file::LogFile;
use super::looking::history;
use super::pushes::{make, manner};
use super::server::{Home, Server};

const PLAYER: &str = "oPlayer0123456789";

/// Pushes goods orders `N0`, `N1`, … of one player, and gives the position of the last.
async fn orders(home: &Home, server: &Server, count: usize) -> String {
    for number in 0..count {
        let payload = with(goods(&format!("N{number}"), 0), "/OpenId", json!(PLAYER));
        assert_eq!(server.push(&push_of(GOODS, &payload)).await.code(), 0);
    }
    position(home, &format!("N{}", count - 1))
}

fn position(home: &Home, id: &str) -> String {
    history(home, id).last().unwrap()["position"].as_str().unwrap().to_owned()
}

fn numbers(asked: &Asked) -> Vec<String> {
    let rows = asked.json()["rows"].as_array().unwrap().clone();
    rows.iter().map(|row| row["out_trade_no"].as_str().unwrap().to_owned()).collect()
}

#[tokio::test]
async fn a_list_is_json_csv_or_xlsx_as_the_request_says_and_the_facts_are_the_same() {
    let home = home_of_all_roles();
    let server = home.serve();
    let at = orders(&home, &server, 3).await;
    let finance = server.client("finance");
    let path = format!("/v1/apps/demo/orders?min_position={at}&limit=2");
    let json = finance.get(&path).await;
    assert_eq!((json.status, json.header("content-type")), (200, "application/json"), "{json:?}");
    let body = json.json();
    assert_eq!(numbers(&json), ["N2", "N1"]);
    assert_eq!(body["rows"][0]["amount_fen"], 1200);
    assert_eq!(body["rows"][0]["open_id"], PLAYER);
    assert_eq!(body["next"], json!({"before": body["rows"][1]["position"]}));
    assert_eq!(body["position"], json.header("x-ledger-position"));
    assert_eq!(body["log_id"], json.header("x-ledger-log-id"));
    assert_eq!(json.header("vary"), "Accept, Authorization");
    assert_eq!(json.header("cache-control"), "private, no-cache");
    for (accept, format) in [("text/csv", ""), ("*/*", "&format=csv")] {
        let csv = finance.get_with(&format!("{path}{format}"), &[("accept", accept)]).await;
        assert_eq!(csv.header("content-type"), "text/csv; charset=utf-8; header=present");
        assert_eq!(csv.header("content-disposition"), "attachment; filename=\"orders-search.csv\"");
        let lines: Vec<_> = csv.text().lines().collect();
        assert_eq!(lines.len(), 3, "{csv:?}");
        assert!(lines[0].starts_with("position,app,env,kind,state,out_trade_no,"), "{csv:?}");
        assert!(lines[1].contains(",N2,MN2,TN2,oPlayer0123456789,gem_60,2,"), "{csv:?}");
        assert!(csv.header("link").contains("before=") && csv.header("link").ends_with("rel=\"next\""));
        assert_ne!(csv.header("etag"), json.header("etag"));
    }
    let bom = finance.get(&format!("{path}&format=csv&bom=true")).await;
    assert_eq!(bom.body[..3], [0xef, 0xbb, 0xbf]);
    let xlsx = finance.get(&format!("{path}&format=xlsx")).await;
    assert_eq!(
        xlsx.header("content-type"),
        "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet"
    );
    assert_eq!(xlsx.body[..2], *b"PK");
    for (path, headers, outcome) in [
        (path.clone(), &[("accept", "text/html")][..], "406 not_acceptable"),
        (format!("{path}&format=pdf"), &[], "422 parameter"),
        (format!("{path}&bom=yes"), &[], "422 parameter"),
        (format!("{path}&unknown=1"), &[], "422 parameter"),
        (format!("{path}&app=demo"), &[], "422 parameter"),
        (format!("{path}&limit=1"), &[], "422 parameter"),
        ("/v1/apps/demo/orders?limit=1001".into(), &[], "422 parameter"),
        ("/v1/apps/demo/orders?from_day=2026-1-1".into(), &[], "422 parameter"),
        ("/v1/apps/demo/orders?min_position=x".into(), &[], "422 parameter"),
    ] {
        assert_eq!(finance.get_with(&path, headers).await.outcome(), outcome, "{path} {headers:?}");
    }
    let wrong = finance.get("/v1/apps/demo/orders?limit=1001").await.json();
    assert_eq!(wrong["detail"][0]["place"], "query.limit", "{wrong}");
}

#[tokio::test]
async fn pages_follow_one_another_without_a_gap_or_a_repeat_and_the_last_says_so() {
    let home = home_of_all_roles();
    let server = home.serve();
    let at = orders(&home, &server, 7).await;
    let audit = server.client("audit_demo");
    let mut path = format!("/v1/projections/orders/search?limit=3&min_position={at}");
    let (mut seen, mut pages) = (vec![], 0);
    loop {
        let page = audit.get(&path).await;
        assert_eq!(page.outcome(), "200", "{page:?}");
        seen.extend(numbers(&page));
        pages += 1;
        let link = page.header("link").to_owned();
        assert_eq!(link.is_empty(), page.json()["next"].is_null(), "{page:?}");
        let Some(next) = link.strip_prefix('<').and_then(|link| link.split('>').next()) else { break };
        path = next.to_owned();
    }
    assert_eq!((seen.join(" "), pages), ("N6 N5 N4 N3 N2 N1 N0".into(), 3));
}

#[tokio::test]
async fn what_has_not_changed_is_not_sent_again() {
    let home = home_of_all_roles();
    let server = home.serve();
    let at = orders(&home, &server, 1).await;
    let admin = server.client("admin");
    for path in ["/v1/apps/demo/orders?env=production", "/v1/apps/demo/orders/N0?env=production"] {
        let first = admin.get(&format!("{path}&min_position={at}")).await;
        let tag = first.header("etag").to_owned();
        assert!(tag.starts_with("W/\""), "{first:?}");
        let again = admin.get_with(path, &[("if-none-match", &tag)]).await;
        assert_eq!((again.status, again.body.len(), again.header("etag")), (304, 0, tag.as_str()));
        assert_eq!(again.header("vary"), "Accept, Authorization");
        let other = admin.get_with(path, &[("if-none-match", "W/\"0\"")]).await;
        assert_eq!(other.status, 200);
    }
    let tag = admin.get("/v1/apps/demo/orders").await.header("etag").to_owned();
    let at = orders(&home, &server, 2).await;
    let path = format!("/v1/apps/demo/orders?min_position={at}");
    assert_eq!(admin.get_with(&path, &[("if-none-match", &tag)]).await.status, 200, "one more order");
}

#[tokio::test]
async fn one_order_is_shown_with_its_refunds_in_its_own_environment_only() {
    let home = home_of_all_roles();
    let server = home.serve();
    orders(&home, &server, 1).await;
    let refund = with(refund("R1", 0), "/OutTradeNo", json!("N0"));
    assert_eq!(server.push(&push_of(REFUND, &refund)).await.code(), 0);
    let at = position(&home, "R1");
    let finance = server.client("finance");
    let order = finance.get(&format!("/v1/apps/demo/orders/N0?min_position={at}")).await;
    assert_eq!(order.outcome(), "200", "{order:?}");
    let order = order.json();
    assert_eq!(order["order"]["out_trade_no"], "N0");
    assert_eq!(order["order"]["refunds"][0]["refund_id"], "R1");
    for (path, headers, outcome) in [
        ("/v1/apps/demo/orders/N0?env=sandbox", &[][..], "404 unknown_order"),
        ("/v1/apps/demo/orders/MN0", &[], "404 unknown_order"),
        ("/v1/apps/other/orders/N0", &[], "404 unknown_order"),
        ("/v1/apps/demo/orders/N0?limit=1", &[], "422 parameter"),
        ("/v1/apps/demo/orders/N0", &[("accept", "text/csv")], "406 not_acceptable"),
        ("/v1/apps/demo/orders/N0?min_position=999999", &[], "422 parameter"),
    ] {
        assert_eq!(finance.get_with(path, headers).await.outcome(), outcome, "{path}");
    }
}

#[tokio::test]
async fn a_players_inventory_roles_and_orders_answer_those_they_are_for() {
    let home = home_of_all_roles();
    let server = home.serve();
    orders(&home, &server, 2).await;
    let role = json!({"role_id": "1", "role_name": "剑客", "midas_zone_id": "1",
                      "zones": [{"zone_id": "z", "zone_name": "区"}]});
    let of_player = format!("/v1/apps/demo/players/{PLAYER}");
    let told = server.client("game").send("PUT", &format!("{of_player}/roles"), &role).await.json();
    let at = told["position"].as_str().unwrap();
    for (what, name, outcome) in [
        ("inventory", "game_demo", "200"),
        ("inventory", "support", "200"),
        ("inventory", "finance", "403 role"),
        ("roles", "game", "200"),
        ("roles", "support_demo", "200"),
        ("orders", "game", "403 role"),
        ("orders", "support", "200"),
        ("orders", "finance", "200"),
        ("orders", "audit", "200"),
    ] {
        let asked = server.client(name).get(&format!("{of_player}/{what}?min_position={at}")).await;
        assert_eq!(asked.outcome(), outcome, "{what} {name}: {asked:?}");
    }
    let game = server.client("game_demo");
    let inventory = game.get(&format!("{of_player}/inventory")).await.json();
    assert_eq!(inventory["rows"][0]["product_id"], "gem_60");
    assert_eq!(inventory["rows"][0]["delivered"], 4);
    let roles = game.get(&format!("{of_player}/roles")).await.json();
    assert_eq!(roles["rows"][0]["zones"], role["zones"], "zones are JSON: {roles}");
    assert_eq!(game.get("/v1/apps/demo/players/o%0AP/roles").await.outcome(), "422 parameter");
}

#[tokio::test]
async fn support_sees_players_masked_in_every_list_and_takes_none_away() {
    let home = home_of_all_roles();
    let server = home.serve();
    let at = orders(&home, &server, 2).await;
    let support = server.client("support");
    for path in [
        format!("/v1/apps/demo/orders?min_position={at}"),
        format!("/v1/apps/demo/orders/N0?min_position={at}"),
        format!("/v1/apps/demo/players/{PLAYER}/orders?min_position={at}"),
        format!("/v1/projections/orders/by_id?id=N0&min_position={at}"),
        format!("/v1/projections/operations/grants_outstanding?min_position={at}"),
    ] {
        let asked = support.get(&path).await;
        assert_eq!(asked.outcome(), "200", "{path}: {asked:?}");
        assert!(!asked.text().contains(PLAYER), "{path}: {asked:?}");
        assert!(asked.text().contains("oPla…89"), "{path}: {asked:?}");
    }
    let path = "/v1/apps/demo/orders?format=csv";
    for (name, outcome) in
        [("support", "403 role"), ("game", "403 role"), ("finance", "200"), ("audit", "200")]
    {
        assert_eq!(server.client(name).get(path).await.outcome(), outcome, "{name}");
    }
}

#[tokio::test]
async fn a_token_for_one_app_sees_that_app_only_asked_for_or_not() {
    let home = home_of_all_roles();
    let server = home.serve();
    let at = orders(&home, &server, 2).await;
    let scoped = server.client("finance_demo");
    let (search, all) = ("/v1/projections/orders/search", server.client("finance"));
    for (client, path, outcome) in [
        (&scoped, format!("{search}?min_position={at}"), "200"),
        (&scoped, format!("{search}?app=demo"), "200"),
        (&scoped, format!("{search}?app=other"), "403 scope"),
        (&scoped, "/v1/apps/other/orders".to_owned(), "403 scope"),
        (&scoped, "/v1/apps/other/orders/N0".to_owned(), "403 scope"),
        (&scoped, format!("/v1/apps/other/players/{PLAYER}/orders"), "403 scope"),
        (&all, format!("{search}?app=other"), "200"),
        (&all, "/v1/apps/nobody/orders".to_owned(), "404 unknown_app"),
        (&all, "/v1/projections/nothing/search".to_owned(), "404 unknown_projection"),
        (&all, "/v1/projections/orders/nothing".to_owned(), "404 unknown_query"),
    ] {
        assert_eq!(client.get(&path).await.outcome(), outcome, "{path}");
    }
    let unscoped = all.get(&format!("{search}?app=other")).await.json();
    assert_eq!(unscoped["rows"], json!([]));
}

#[tokio::test]
async fn a_refund_tells_who_sees_its_app_nothing_of_another_apps_order() {
    let home = home_of_all_roles();
    home.reconfigure(|text| {
        let text = text.replace("[access.finance-demo]", "[access.finance-other]");
        let scoped = text.replace("app = \"demo\"\n", "app = \"other\"\n");
        scoped + &format!("[merchant.{MERCHANT}]\napps = [\"demo\", \"other\"]\n")
    });
    let server = home.serve();
    orders(&home, &server, 1).await;
    let apps = home.config().apps;
    let other = apps.iter().find(|app| app.app.slug.as_str() == "other").unwrap();
    let back = Push::Refund(RefundPush {
        env: Environment::Production,
        refund_id: RefundId::parse("R-OTHER").unwrap(),
        refund_amount: Fen(1),
        refund_source: RefundSource::Console,
        out_trade_no: None,
        payment: PaymentIds { mch_order_no: None, transaction_id: Some("TN0".into()) },
    });
    let back = make(&other.app, Mode::Plain, &Business::Fact(back), &manner(event_name::REFUND));
    assert_eq!(server.push(&back).await.code(), 0);
    let at = LogFile::open(&home.store()).end();
    let days = "from_day=1970-01-01&to_day=9999-12-31";
    let rows = format!("/v1/reconciliation/rows?merchant={MERCHANT}&{days}&min_position={at}");
    let scoped = server.client("finance_demo").get(&rows).await;
    let told = scoped.json()["rows"].as_array().unwrap().clone();
    assert_eq!(told.len(), 1, "{scoped:?}");
    assert_eq!((&told[0]["app"], &told[0]["refund_id"]), (&json!("other"), &json!("R-OTHER")));
    assert_eq!(told[0]["out_trade_no"], Value::Null, "{scoped:?}");
    for of_demo in [PLAYER, "MN0", "gem"] {
        assert!(!scoped.text().contains(of_demo), "{of_demo}: {scoped:?}");
    }
    assert_eq!(server.client("finance").get(&rows).await.json()["rows"].as_array().map(Vec::len), Some(2));
}

async fn state(client: &Client, name: &str) -> Value {
    let listed = client.get("/v1/projections").await;
    assert_eq!(listed.outcome(), "200", "{listed:?}");
    let listed = listed.json()["projections"].as_array().unwrap().clone();
    listed.into_iter().find(|projection| projection["name"] == name).unwrap()
}

#[tokio::test]
async fn projections_tell_how_far_they_are_and_an_admin_has_them_built_anew() {
    let home = home_of_all_roles();
    let server = home.serve();
    let at = orders(&home, &server, 2).await;
    let admin = server.client("admin");
    admin.get(&format!("/v1/apps/demo/orders?min_position={at}")).await;
    let orders = state(&server.client("support"), "orders").await;
    assert_eq!((&orders["state"], &orders["environments"]), (&json!("live"), &json!("both")), "{orders}");
    assert_eq!(orders["position"], at);
    let metrics = server.stranger().get("/metrics").await;
    for line in [
        format!("order_ledger_projection_position{{projection=\"orders\"}} {at}"),
        "order_ledger_projection_lag{projection=\"orders\"} 0".to_owned(),
        "order_ledger_projection_state{projection=\"orders\",state=\"live\"} 1".to_owned(),
        "order_ledger_projection_state{projection=\"orders\",state=\"stopped\"} 0".to_owned(),
    ] {
        assert!(metrics.text().lines().any(|found| found == line), "{line}: {metrics:?}");
    }
    assert!(orders["queries"].as_array().unwrap().contains(&json!("search")), "{orders}");
    let path = "/v1/projections/orders/rebuild";
    for (name, outcome) in [("finance", "403 role"), ("audit", "403 role"), ("admin_demo", "403 scope")] {
        assert_eq!(server.client(name).ask("POST", path, &[], "").await.outcome(), outcome, "{name}");
    }
    let missing = admin.ask("POST", "/v1/projections/nothing/rebuild", &[], "").await;
    assert_eq!(missing.outcome(), "404 unknown_projection");
    let rebuilding = admin.ask("POST", path, &[], "").await;
    assert_eq!((rebuilding.status, rebuilding.json()), (202, json!({"rebuilding": "orders"})));
    let asked = admin.ask("GET", "/v1/apps/demo/orders", &[], "").await;
    assert_eq!(numbers(&asked), ["N1", "N0"], "the one before answers meanwhile");
}
