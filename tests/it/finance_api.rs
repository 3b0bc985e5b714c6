//! Finance at the admin listener: the report, cases, and who may do what.

use std::time::{Duration, Instant};

use serde_json::{Value, json};
use sha2::{Digest, Sha256};

use super::asking::{Asked, Client};
use super::bill_text::{BillRow, MERCHANT, all, paid, paid_for, refunded};
use super::bills::{home_of_a_merchant, upload};
use super::by_hand::{self, SUCCESS_JSON};
use super::log_file::LogFile;
use super::server::{HANGS_AFTER, Home, Server};

const DAYS: &str = "from_day=2026-01-01&to_day=2026-01-31";

/// An order of a push that a bill knows too, one that it tells another amount of, and a payment without a push.
pub async fn with_differences(home: &Home) -> Server {
    let server = serving(home).await;
    for number in ["GOOD", "DEAR"] {
        let pushed = server.push(&by_hand::push_of(by_hand::GOODS, &by_hand::goods(number, 0))).await;
        assert_eq!(pushed.body, SUCCESS_JSON);
    }
    let dear = BillRow { fen: 1300, ..paid_for(5, "DEAR") };
    let imported =
        upload(&server.client("finance"), "", &all(&[paid_for(5, "GOOD"), dear, paid(5, "T9", 700)])).await;
    assert_eq!(imported.status, 200, "{imported:?}");
    server
}

/// The rows of the reconciliation by status, as of now.
async fn rows(home: &Home, client: &Client) -> Vec<Value> {
    let asked = fresh(home, client, &format!("/v1/reconciliation/rows?merchant={MERCHANT}&{DAYS}")).await;
    asked.json()["rows"].as_array().unwrap().clone()
}

/// An answer that knows all that was written before.
pub async fn fresh(home: &Home, client: &Client, path: &str) -> Asked {
    let end = LogFile::open(&home.store()).end();
    settled(client, &format!("{path}&min_position={end}")).await
}

/// The answer when the projection is built and has come so far.
pub async fn settled(client: &Client, path: &str) -> Asked {
    let begun = Instant::now();
    loop {
        let asked = client.get(path).await;
        if asked.status == 200 {
            return asked;
        }
        let is_on_its_way = asked.status == 503 && begun.elapsed() < HANGS_AFTER;
        assert!(is_on_its_way, "{path}: {asked:?}");
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
}

/// A server whose reconciliation answers.
pub async fn serving(home: &Home) -> Server {
    let server = home.serve();
    settled(&server.client("audit"), &format!("/v1/periods?merchant={MERCHANT}")).await;
    server
}

async fn of_status(home: &Home, client: &Client, status: &str) -> Value {
    let rows = rows(home, client).await;
    let found: Vec<_> = rows.iter().filter(|row| row["status"] == status).collect();
    assert_eq!(found.len(), 1, "{status}: {rows:#?}");
    found[0].clone()
}

#[tokio::test]
async fn the_report_is_the_same_in_every_format_and_byte_for_byte_again() {
    let home = home_of_a_merchant();
    let server = with_differences(&home).await;
    let finance = server.client("finance");
    let path = format!(
        "/v1/reconciliation?merchant={MERCHANT}&from=2026-01-01&to=2026-01-31&as_of=2999-02-01T00:00:00Z"
    );
    let report = fresh(&home, &finance, &path).await;
    let mut statuses: Vec<_> = report.json()["rows"]
        .as_array()
        .unwrap()
        .iter()
        .map(|row| row["status"].as_str().unwrap().to_owned())
        .collect();
    statuses.sort_unstable();
    assert_eq!(statuses, ["amount_differs", "matched", "missing_in_ledger"], "{report:?}");
    assert_eq!(report.json()["header"]["merchant"], MERCHANT);
    let tag = report.header("etag").to_owned();
    assert_eq!(tag, format!("\"{}\"", hex::encode(Sha256::digest(&report.body))));
    let again = finance.get(&path).await;
    assert_eq!((&again.body, again.header("etag")), (&report.body, tag.as_str()));
    let known = finance.get_with(&path, &[("if-none-match", &tag)]).await;
    assert_eq!((known.status, known.body.len()), (304, 0));
    let csv = finance.get(&format!("{path}&format=csv&bom=true&status=missing_in_ledger")).await;
    assert_eq!(csv.header("content-type"), "text/csv; charset=utf-8; header=present");
    let name = format!("attachment; filename=\"reconciliation-{MERCHANT}-2026-01-01-2026-01-31.csv\"");
    assert_eq!(csv.header("content-disposition"), name);
    assert!(csv.text().starts_with('\u{feff}') && csv.text().lines().count() == 2, "{csv:?}");
    let xlsx = finance.get(&format!("{path}&format=xlsx")).await;
    assert_eq!((xlsx.status, &xlsx.body[..2]), (200, &b"PK"[..]));
    assert_eq!(xlsx.header("content-length"), xlsx.body.len().to_string());
    let spool = home.store().with_file_name("events.db.spool");
    assert_eq!(std::fs::read_dir(spool).unwrap().count(), 0);
}

#[tokio::test]
async fn a_report_needs_a_scope_and_a_role_that_may_take_it() {
    let home = home_of_a_merchant();
    let server = serving(&home).await;
    let scope = format!("merchant={MERCHANT}&from=2026-01-01&to=2026-01-31");
    for (client, query, outcome) in [
        ("finance", "", "422 parameter"),
        ("finance", "merchant=x&from=2026-01-01&to=2026-01-31", "422 parameter"),
        ("finance", "merchant=1&from=2026-01-32&to=2026-01-31", "422 parameter"),
        ("finance", "merchant=1&from=2026-02-01&to=2026-01-31", "422 parameter"),
        ("finance", "merchant=1&from=2016-02-01&to=2026-01-31", "422 parameter"),
        ("finance", "merchant=1&from=2026-01-01&to=2026-01-31&as_of=now", "422 parameter"),
        ("finance", "merchant=1&from=2026-01-01&to=2026-01-31&format=pdf", "422 parameter"),
        ("finance", "merchant=1&from=2026-01-01&to=2026-01-31&more=1", "422 parameter"),
        ("finance", "merchant=1&from=2026-01-01&to=2026-01-31&min_position=999999", "422 parameter"),
        ("finance", "merchant=77&from=2026-01-01&to=2026-01-31", "404 unknown_merchant"),
        ("finance", &format!("{scope}&status=missing"), "422 parameter"),
        ("game", &scope, "403 role"),
        ("support", &scope, "403 role"),
        ("finance_demo", &scope, "403 scope"),
        ("audit", &scope, "200"),
        ("admin", &scope, "200"),
    ] {
        let asked = server.client(client).get(&format!("/v1/reconciliation?{query}")).await;
        assert_eq!(asked.outcome(), outcome, "{client} {query}: {asked:?}");
    }
    let accepts = [("accept", "text/html")];
    let asked = server.client("audit").get_with(&format!("/v1/reconciliation?{scope}"), &accepts).await;
    assert_eq!(asked.outcome(), "406 not_acceptable");
    let cases = "/v1/cases/upload?merchant=77";
    let asked = server.client("finance").send_bytes("POST", cases, "application/octet-stream", b"x").await;
    assert_eq!(asked.outcome(), "404 unknown_merchant");
    let unknown = format!("/v1/reports/{}", "0".repeat(64));
    assert_eq!(server.client("audit").get(&unknown).await.outcome(), "404 unknown_report");
    assert_eq!(server.client("audit").get("/v1/reports/x").await.outcome(), "422 parameter");
}

#[tokio::test]
async fn an_unknown_merchant_is_no_merchant_without_rows() {
    let home = home_of_a_merchant();
    let server = serving(&home).await;
    let days = "from_day=2026-01-01&to_day=2026-01-31";
    for path in [
        "/v1/cases?".to_owned(),
        "/v1/periods?".to_owned(),
        "/v1/recoveries?".to_owned(),
        format!("/v1/bills?{days}&"),
        format!("/v1/reconciliation/summary?{days}&"),
        format!("/v1/reconciliation/rows?{days}&"),
        format!("/v1/reconciliation/coverage?{days}&"),
    ] {
        for (client, merchant, outcome) in [
            ("finance", MERCHANT, "200"),
            ("finance", "77", "404 unknown_merchant"),
            ("finance", "x", "422 parameter"),
            ("game", "77", "403 role"),
        ] {
            let asked = server.client(client).get(&format!("{path}merchant={merchant}")).await;
            assert_eq!(asked.outcome(), outcome, "{client} {path}{merchant}: {asked:?}");
        }
    }
    let finance = server.client("finance");
    let misspelt = format!("/v1/reconciliation/rows?{days}&merchant={MERCHANT}&status=foo");
    assert_eq!(finance.get(&misspelt).await.outcome(), "422 parameter");
    let case = json!({"merchant": "77", "kind": "payment", "id": "T9", "reason": "why"});
    let order = json!({"merchant": "77", "transaction_id": "T9", "out_trade_no": "A", "product_id": "gem", "quantity": 1, "evidence": "why"});
    for (path, body) in
        [("/v1/cases/resolve", &case), ("/v1/cases/reopen", &case), ("/v1/recoveries", &order)]
    {
        assert_eq!(finance.send("POST", path, body).await.outcome(), "404 unknown_merchant", "{path}");
    }
    // Of whom something stands in the log though nothing is configured any more, the questions themselves tell.
    let asked = finance.get("/v1/projections/reconciliation/cases?merchant=77").await;
    assert_eq!(asked.outcome(), "200", "{asked:?}");
}

#[tokio::test]
async fn a_token_for_one_app_sees_nothing_of_another_app_of_the_same_merchant() {
    let home = home_of_a_merchant();
    home.reconfigure(|text| text.replace("apps = [\"demo\"]", "apps = [\"demo\", \"other\"]"));
    let server = serving(&home).await;
    let others = BillRow { app_id: "wx00000000000000aa".into(), ..paid(5, "T2", 70_000) };
    let back = BillRow { app_id: others.app_id.clone(), ..refunded(5, "T2", "50000000042", 10_000) };
    let imported = upload(&server.client("finance"), "", &all(&[paid(5, "T1", 600), others, back])).await;
    assert_eq!(imported.status, 200, "{imported:?}");
    let (all_apps, demo) = (server.client("finance"), server.client("finance_demo"));
    let of_days = format!("merchant={MERCHANT}&{DAYS}");
    let bill_fen = |asked: &Asked| -> i64 {
        let answer = asked.json();
        answer["rows"].as_array().unwrap().iter().filter_map(|row| row["bill_fen"].as_i64()).sum()
    };
    for query in ["summary", "rows", "report", "carried"] {
        let path = format!("/v1/projections/reconciliation/{query}?{of_days}");
        let (all, seen) = (fresh(&home, &all_apps, &path).await, fresh(&home, &demo, &path).await);
        assert_eq!((bill_fen(&all), bill_fen(&seen)), (80_600, 600), "{query}: {all:?}\n{seen:?}");
        assert!(!seen.text().contains("MT2") && !seen.text().contains("50000000042"), "{query}: {seen:?}");
    }
    for id in ["T1", "T2", "50000000042"] {
        let path = format!("/v1/projections/reconciliation/rows_by_id?id={id}");
        let (all, seen) = (fresh(&home, &all_apps, &path).await, fresh(&home, &demo, &path).await);
        assert!(!all.json()["rows"].as_array().unwrap().is_empty(), "{all:?}");
        assert_eq!(seen.json()["rows"].as_array().unwrap().is_empty(), id != "T1", "{seen:?}");
    }
    let of_merchant = format!("merchant={MERCHANT}");
    for (query, scope) in [("files", &of_days), ("coverage", &of_days), ("periods", &of_merchant)] {
        let path = format!("/v1/projections/reconciliation/{query}?{scope}");
        assert_eq!(demo.get(&path).await.outcome(), "403 scope", "{query}");
        assert_eq!(all_apps.get(&path).await.status, 200, "{query}");
    }
}

#[tokio::test]
async fn a_case_is_resolved_on_its_facts_lapses_when_they_change_and_is_opened_again() {
    let home = home_of_a_merchant();
    let server = with_differences(&home).await;
    let finance = server.client("finance");
    let row = of_status(&home, &finance, "missing_in_ledger").await;
    let (kind, id) = (row["case_kind"].as_str().unwrap(), row["case_id"].as_str().unwrap());
    assert_eq!((kind, id, &row["case_state"]), ("payment", "T9", &json!("open")));
    let case = json!({"merchant": MERCHANT, "kind": kind, "id": id, "reason": "another shop's"});
    let never = finance.send("POST", "/v1/cases/reopen", &case).await;
    assert_eq!(never.outcome(), "409 case_stands", "it was never resolved: {never:?}");
    for (field, value, outcome) in [
        ("merchant", json!("x"), "422 body"),
        ("kind", json!("orders"), "422 body"),
        ("id", json!(""), "422 body"),
        ("id", json!("T10"), "404 unknown_case"),
        ("reason", json!(" "), "422 reason"),
        ("status", json!("matched"), "409 case_stands"),
        ("facts", json!("{}"), "409 case_stands"),
        ("more", json!(1), "422 body"),
    ] {
        let mut wrong = case.clone();
        wrong[field] = value;
        assert_eq!(finance.send("POST", "/v1/cases/resolve", &wrong).await.outcome(), outcome, "{field}");
    }
    assert_eq!(server.client("audit").send("POST", "/v1/cases/resolve", &case).await.outcome(), "403 role");
    let mut seen = case.clone();
    (seen["status"], seen["facts"]) = (row["status"].clone(), row["facts"].clone());
    let resolved = finance.send("POST", "/v1/cases/resolve", &seen).await;
    assert_eq!((resolved.status, &resolved.json()["recorded"]), (200, &json!(true)), "{resolved:?}");
    let position = resolved.json()["position"].as_str().unwrap().to_owned();
    let rows = format!("/v1/reconciliation/rows?merchant={MERCHANT}&{DAYS}&min_position={position}");
    let rows = settled(&finance, &rows).await.json();
    let shown = rows["rows"].as_array().unwrap().iter().find(|it| it["case_id"] == id).unwrap();
    assert_eq!((&shown["case_state"], &shown["case_by"]), (&json!("resolved"), &json!("finance")));
    let again = finance.send("POST", "/v1/cases/resolve", &seen).await;
    assert_eq!((again.status, &again.json()["recorded"]), (200, &json!(false)), "{again:?}");

    let reopen = json!({"merchant": MERCHANT, "kind": kind, "id": id, "reason": "looked at again"});
    let stale = [("content-type", "application/json"), ("if-match", "\"7\"")];
    let stale = finance.ask("POST", "/v1/cases/reopen", &stale, &reopen.to_string()).await;
    assert_eq!(stale.outcome(), "412 precondition");
    let known = [("content-type", "application/json"), ("if-match", again.header("etag"))];
    let reopened = finance.ask("POST", "/v1/cases/reopen", &known, &reopen.to_string()).await;
    assert_eq!((reopened.status, &reopened.json()["recorded"]), (200, &json!(true)), "{reopened:?}");
    let again = finance.send("POST", "/v1/cases/reopen", &reopen).await;
    assert_eq!((again.status, &again.json()["recorded"]), (200, &json!(false)), "{again:?}");
    assert_eq!(of_status(&home, &finance, "missing_in_ledger").await["case_state"], "open");
}

#[tokio::test]
async fn of_two_who_speak_upon_the_same_etag_at_once_one_is_told_that_it_is_old() {
    let home = home_of_a_merchant();
    let server = with_differences(&home).await;
    let finance = server.client("finance");
    of_status(&home, &finance, "missing_in_ledger").await;
    let upon = [("content-type", "application/json"), ("if-match", "\"0\"")];
    let say = async |reason: &str| {
        let case = json!({"merchant": MERCHANT, "kind": "payment", "id": "T9", "reason": reason});
        finance.ask("POST", "/v1/cases/resolve", &upon, &case.to_string()).await.outcome()
    };
    let mut outcomes = <[String; 3]>::from(tokio::join!(say("one"), say("two"), say("three")));
    outcomes.sort();
    assert_eq!(outcomes, ["200", "412 precondition", "412 precondition"]);
}

#[tokio::test]
async fn an_edited_report_resolves_its_rows_and_tells_of_those_that_have_changed() {
    let home = home_of_a_merchant();
    let server = with_differences(&home).await;
    let finance = server.client("finance");
    let path = format!("/v1/reconciliation?merchant={MERCHANT}&from=2026-01-01&to=2026-01-31&format=csv");
    let csv = fresh(&home, &finance, &path).await;
    let edited = edited(csv.text(), &["T9", "DEAR"]);
    // Between taking the report and sending it back the bill is corrected.
    let rows = [paid_for(5, "GOOD"), BillRow { fen: 1250, ..paid_for(5, "DEAR") }, paid(5, "T9", 700)];
    let superseded = upload(&finance, "?supersede=corrected", &all(&rows)).await;
    let position = superseded.json()["position"].as_str().unwrap().to_owned();
    let send = async |bytes: &[u8]| {
        let path = format!("/v1/cases/upload?merchant={MERCHANT}&min_position={position}");
        finance.send_bytes("POST", &path, "text/csv", bytes).await
    };
    let done = send(edited.as_bytes()).await;
    assert_eq!(done.status, 200, "{done:?}");
    let body = done.json();
    // The line of T9 says what it said before.
    assert_eq!((&body["stopped"], &body["recorded"]), (&Value::Null, &json!(1)), "{body}");
    assert_eq!(
        (body["refused"].as_array().unwrap().len(), &body["refused"][0]["id"]),
        (1, &json!("demo.DEAR"))
    );
    let fresh_csv = fresh(&home, &finance, &path).await;
    let done = send(self::edited(fresh_csv.text(), &["T9", "DEAR"]).as_bytes()).await.json();
    assert_eq!((&done["recorded"], &done["before"], &done["refused"]), (&json!(1), &json!(1), &json!([])));
    let done = send(self::edited(fresh_csv.text(), &["T9", "DEAR"]).as_bytes()).await.json();
    assert_eq!((&done["recorded"], &done["before"]), (&json!(0), &json!(2)));
    let unclear = self::edited(fresh_csv.text(), &["T9", "DEAR"]).replace(",resolved,talked", ",done,talked");
    let done = send(unclear.as_bytes()).await.json();
    assert_eq!((&done["recorded"], &done["before"]), (&json!(0), &json!(0)), "{done}");
    let refused = done["refused"].as_array().unwrap();
    assert_eq!(refused.len(), 2, "{done}");
    for refused in refused {
        assert!(
            refused["problem"].as_str().unwrap().starts_with("case_state: \"done\" is no word"),
            "{done}"
        );
    }
    for (bytes, outcome) in [
        (&b""[..], "422 case_file_unreadable"),
        (b"PK\x03\x04", "422 case_file_unreadable"),
        (b"case_id,status\n", "422 case_file_unreadable"),
    ] {
        assert_eq!(send(bytes).await.outcome(), outcome);
    }
}

/// A report whose rows with these ids are marked as resolved.
fn edited(report: &str, ids: &[&str]) -> String {
    let mut lines = report.lines();
    let header = lines.next().unwrap();
    let mut reader = csv::Reader::from_reader(report.as_bytes());
    let names: Vec<_> = reader.headers().unwrap().iter().map(str::to_owned).collect();
    let at = |name: &str| names.iter().position(|it| it == name).unwrap();
    let mut writer = csv::Writer::from_writer(vec![]);
    for record in reader.records() {
        let mut cells: Vec<_> = record.unwrap().iter().map(str::to_owned).collect();
        if ids.iter().any(|id| cells[at("case_id")].ends_with(id)) {
            cells[at("case_state")] = "resolved".into();
            cells[at("case_reason")] = "talked to the shop".into();
        }
        writer.write_record(&cells).unwrap();
    }
    format!("{header}\n{}", String::from_utf8(writer.into_inner().unwrap()).unwrap())
}

#[tokio::test]
async fn the_finance_paths_stand_in_the_document() {
    let home = home_of_a_merchant();
    let server = home.serve();
    server.client("admin").get("/v1/projections").await;
    let document = server.stranger().get("/openapi.json").await.json();
    for (method, path) in [
        ("get", "/v1/bills"),
        ("post", "/v1/bills"),
        ("post", "/v1/bills/empty"),
        ("get", "/v1/reconciliation"),
        ("get", "/v1/reconciliation/summary"),
        ("get", "/v1/reconciliation/rows"),
        ("get", "/v1/reconciliation/coverage"),
        ("get", "/v1/cases"),
        ("post", "/v1/cases/resolve"),
        ("post", "/v1/cases/reopen"),
        ("post", "/v1/cases/upload"),
        ("get", "/v1/recoveries"),
        ("post", "/v1/recoveries"),
        ("post", "/v1/recoveries/{app}/{out_trade_no}/approve"),
        ("post", "/v1/recoveries/{app}/{out_trade_no}/withdraw"),
        ("get", "/v1/periods"),
        ("post", "/v1/periods/{merchant}/{month}/prepare"),
        ("post", "/v1/periods/{merchant}/{month}/close"),
        ("post", "/v1/periods/{merchant}/{month}/reopen"),
        ("get", "/v1/reports/{sha256}"),
    ] {
        assert!(document["paths"][path][method].is_object(), "{method} {path}");
    }
}
