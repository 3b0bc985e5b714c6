//! The OpenAPI document: served to everybody, whole, and with the questions of the user's own projections.

use std::collections::BTreeSet;

use serde_json::{Value, json};

use super::asking::home_of_all_roles;
use super::server::Home;

async fn document(home: &Home) -> Value {
    let server = home.serve();
    // The projections may not have begun yet; who asks one waits for them.
    server.client("admin").get("/v1/projections").await;
    let asked = server.stranger().get("/openapi.json").await;
    assert_eq!((asked.status, asked.header("content-type")), (200, "application/json"));
    asked.json()
}

fn references(value: &Value, found: &mut BTreeSet<String>) {
    match value {
        Value::Object(fields) => {
            if let Some(Value::String(reference)) = fields.get("$ref") {
                found.insert(reference.clone());
            }
            fields.values().for_each(|value| references(value, found));
        }
        Value::Array(items) => items.iter().for_each(|value| references(value, found)),
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => {}
    }
}

#[tokio::test]
async fn the_document_is_whole_and_says_of_each_operation_what_it_may_answer() {
    let document = document(&home_of_all_roles()).await;
    assert_eq!(document["openapi"], "3.1.0");
    let mut found = BTreeSet::new();
    references(&document, &mut found);
    for reference in found {
        let pointer = reference.strip_prefix('#').unwrap();
        assert!(document.pointer(pointer).is_some(), "{reference} leads nowhere");
    }
    let (mut operations, mut ids) = (0, BTreeSet::new());
    for (path, item) in document["paths"].as_object().unwrap() {
        for (method, operation) in item.as_object().unwrap() {
            let responses = operation["responses"].as_object().unwrap();
            let secured = path.starts_with("/v1/");
            assert_eq!(operation["security"] == json!([{"bearer": []}]), secured, "{method} {path}");
            for status in ["400", "500"].into_iter().chain(secured.then_some("401")) {
                assert!(responses.contains_key(status), "{method} {path} {status}");
            }
            assert!(ids.insert(operation["operationId"].as_str().unwrap().to_owned()), "{method} {path}");
            operations += 1;
        }
    }
    assert!(operations > 40, "{operations}");
    for (path, method) in [
        ("/v1/apps/{app}/orders", "get"),
        ("/v1/apps/{app}/orders/{out_trade_no}", "get"),
        ("/v1/apps/{app}/orders/{out_trade_no}/revoke", "post"),
        ("/v1/apps/{app}/players/{open_id}/roles", "get"),
        ("/v1/apps/{app}/players/{open_id}/roles", "put"),
        ("/v1/apps/{app}/deliveries", "get"),
        ("/v1/projections/orders/search", "get"),
        ("/v1/projections/{projection}/rebuild", "post"),
        ("/v1/quarantine/{id}/adopt", "post"),
    ] {
        assert!(document["paths"][path][method].is_object(), "{method} {path}");
    }
    let amount = &document["components"]["schemas"]["orders.search.row"]["properties"]["amount_fen"];
    assert_eq!(amount["type"], json!(["integer", "null"]), "{amount}");
}

#[tokio::test]
async fn a_question_of_the_users_own_is_in_the_document_with_its_parameters_and_columns() {
    let home = home_of_all_roles();
    let folder = home.folder().join("mine/sales");
    for (path, text) in [
        (
            "schema.sql",
            "-- What was sold.\n-- environments: production\nCREATE TABLE sales (position INTEGER PRIMARY KEY, fen INTEGER);",
        ),
        ("on/GoodsDelivered.sql", "INSERT INTO sales VALUES (:position, :actual_price_fen);"),
        (
            "queries/top.sql",
            "-- The dearest.\n-- role: finance\n-- parameter: limit integer = 10 max 20 | At most\n\
             -- column: fen fen | Price\nSELECT fen FROM sales ORDER BY fen DESC LIMIT :limit",
        ),
    ] {
        let path = folder.join(path);
        std::fs::create_dir_all(path.parent().unwrap()).unwrap();
        std::fs::write(path, text).unwrap();
    }
    let mine = folder.parent().unwrap().display().to_string();
    let views = format!("[views]\nprojections = \"{mine}\"\n");
    home.reconfigure(|text| text.replace("[views]\n", &views));
    let document = document(&home).await;
    let operation = &document["paths"]["/v1/projections/sales/top"]["get"];
    assert_eq!(operation["summary"], "The dearest");
    assert_eq!(operation["x-roles"], json!(["finance"]));
    let limit = &operation["parameters"][0];
    assert_eq!(
        limit["schema"],
        json!({"type": "integer", "minimum": 0, "maximum": 20, "default": 10}),
        "{limit}"
    );
    let row = &document["components"]["schemas"]["sales.top.row"];
    assert_eq!((&row["required"], &row["additionalProperties"]), (&json!(["fen"]), &json!(false)));
}
