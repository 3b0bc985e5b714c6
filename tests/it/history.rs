//! Everything known under an id, in one timeline: by whichever id of an order one asks.

use std::collections::BTreeSet;

use serde_json::{Value, json};

use super::bill_text::{BillRow, MERCHANT, all, paid_for, refunded};
use super::bills::{home_of_a_merchant, upload};
use super::by_hand::{GOODS, REFUND, goods, push_of, refund, with};
use super::finance_api::{fresh, serving};
use super::log_file::LogFile;
use super::looking::waiting;
use super::server::{Home, Server};

/// What `history` knows of an id, beside the exit code.
pub fn known(home: &Home, id: &str, more: &[&str]) -> (i32, Value) {
    let output = home.run(&[&["history", id, "--json"], more].concat());
    let known = serde_json::from_slice(&output.stdout);
    let known = known.unwrap_or_else(|error| panic!("{error}: {}", String::from_utf8_lossy(&output.stderr)));
    (output.status.code().unwrap(), known)
}

fn run_as(home: &Home, token: &str, args: &[&str]) {
    let output = home.command(args).env("ORDER_LEDGER_TOKEN", format!("olt_{token}")).output().unwrap();
    assert!(output.status.success(), "{args:?}: {}", String::from_utf8_lossy(&output.stderr));
}

/// An order DEAR that was granted, contradicted, refunded, billed with another amount and judged; GOOD is another
/// player's.
pub async fn with_a_long_story(home: &Home) -> Server {
    let server = serving(home).await;
    for number in ["GOOD", "DEAR"] {
        assert_eq!(server.push(&push_of(GOODS, &goods(number, 0))).await.code(), 0);
    }
    let other = with(goods("DEAR", 0), "/GoodsInfo/Quantity", json!(9));
    assert_eq!(server.push(&push_of(GOODS, &other)).await.code(), 40901);
    let game = server.client("game");
    let granted = game.send("POST", "/v1/apps/demo/orders/DEAR/grant", &json!({})).await;
    assert_eq!(granted.status, 200, "{granted:?}");
    let back = with(refund("R-DEAR", 0), "/OutTradeNo", json!("DEAR"));
    let back = with(back, "/WeChatPayInfo", json!({"MchOrderNo": "MDEAR", "TransactionId": "TDEAR"}));
    assert_eq!(server.push(&push_of(REFUND, &back)).await.code(), 0);
    let dear = BillRow { fen: 1300, ..paid_for(5, "DEAR") };
    let back = BillRow { mch_order_no: "MDEAR".into(), ..refunded(5, "TDEAR", "50300001", 600) };
    let imported = upload(&server.client("finance"), "", &all(&[paid_for(5, "GOOD"), dear, back])).await;
    assert_eq!(imported.status, 200, "{imported:?}");
    fresh(home, &server.client("admin"), &format!("/v1/cases?merchant={MERCHANT}")).await;
    let case = ["--merchant", MERCHANT, "--kind", "order", "--id", "demo.DEAR", "--reason", "a coupon"];
    run_as(home, "finance", &[&["case", "resolve"], &case[..]].concat());
    server.client("admin").until_folded(LogFile::open(&home.store()).end()).await;
    server
}

fn types(known: &Value) -> Vec<String> {
    let events = known["events"].as_array().unwrap();
    events.iter().map(|event| event["event_type"].as_str().unwrap().to_owned()).collect()
}

#[tokio::test]
async fn any_id_of_an_order_leads_to_all_that_is_known_of_it() {
    let home = home_of_a_merchant();
    let mut server = Some(with_a_long_story(&home).await);
    let ids = ["DEAR", "TDEAR", "MDEAR", "R-DEAR", "50300001", " DEAR "];
    let story =
        ["GoodsDelivered", "ConflictingPushReceived", "GoodsGranted", "RefundSucceeded", "CaseResolved"];
    for beside in ["a server", "nothing"] {
        for id in ids {
            let (code, known) = known(&home, id, &[]);
            assert_eq!(code, 0, "{id} beside {beside}: {known:#}");
            assert_eq!(types(&known), story, "{id} beside {beside}");
            let positions: Vec<u64> = known["events"]
                .as_array()
                .unwrap()
                .iter()
                .map(|event| event["position"].as_str().unwrap().parse().unwrap())
                .collect();
            assert!(positions.is_sorted(), "{id}: {positions:?}");
            let rows: BTreeSet<_> = known["bill"]["rows"]
                .as_array()
                .unwrap()
                .iter()
                .map(|row| row["status"].as_str().unwrap().to_owned())
                .collect();
            assert_eq!(rows, ["conflict", "refund_matched"].map(str::to_owned).into(), "{id}");
            let lines: Vec<_> = known["bill"]["lines"]
                .as_array()
                .unwrap()
                .iter()
                .map(|line| (line["line"].as_u64().unwrap(), line["cells"]["transaction_id"].clone()))
                .collect();
            assert_eq!(lines, [(3, json!("TDEAR")), (4, json!("TDEAR"))], "{id}: {known:#}");
            assert_eq!(known["cases"][0]["state"], "resolved", "{id}");
            assert_eq!(known["cases"][0]["reason"], "a coupon", "{id}");
            assert_eq!(known["notes"], json!([]), "{id}");
        }
        if let Some(server) = server.take() {
            assert!(server.terminate().success());
        }
    }
}

#[tokio::test]
async fn the_timeline_is_told_to_people_too() {
    let home = home_of_a_merchant();
    let server = with_a_long_story(&home).await;
    let output = home.run(&["history", "R-DEAR"]);
    let told = String::from_utf8(output.stdout).unwrap();
    assert_eq!(output.status.code(), Some(0), "{told}");
    for words in [
        "order-demo.DEAR GoodsDelivered",
        "refund-demo.R-DEAR RefundSucceeded",
        "signature  verified now",
        "bill line 3 of ",
        "conflict",
        "case 1900000109.order.demo.DEAR: resolved",
        "a coupon (by finance)",
    ] {
        assert!(told.contains(words), "{words}: {told}");
    }
    assert!(!told.contains("GOOD"), "{told}");
    drop(server);
}

#[tokio::test]
async fn a_history_whose_seal_does_not_hold_or_is_by_an_unknown_key_is_told_to_be_so() {
    let home = home_of_a_merchant();
    let server = home.serve();
    assert_eq!(server.push(&push_of(GOODS, &goods("A", 0))).await.code(), 0);
    assert!(server.terminate().success());
    let history = || {
        let output = home.run(&["history", "A"]);
        let told = [output.stdout, output.stderr].map(|told| String::from_utf8(told).unwrap());
        (output.status.code(), told)
    };
    assert_eq!(history().0, Some(0), "no seal yet is no fault");
    assert!(home.run(&["seal", "--new-key", "seal.key"]).status.success());
    assert!(home.run(&["seal", "--new-key", "other.key"]).status.success());
    home.reconfigure(|text| text + "[seal]\nkey_file = \"seal.key\"\n");
    assert!(home.run(&["seal"]).status.success());
    assert_eq!(history().0, Some(0), "{:?}", history());
    home.reconfigure(|text| text.replace("seal.key", "other.key"));
    let (code, [told, noted]) = history();
    assert_eq!(code, Some(1), "{told}");
    assert!(told.contains("(ITS KEY IS UNKNOWN: "), "{told}");
    let expected = "seal 1, which covers events of this history, does not prove them: ITS KEY IS UNKNOWN";
    assert!(noted.contains(expected), "{noted}");
    let (code, known) = known(&home, "A", &[]);
    assert_eq!((code, known["events"][0]["seal"]["holds"].as_bool()), (1, Some(true)));
    assert!(
        known["events"][0]["seal"]["problem"].as_str().unwrap().contains("seal.public_keys"),
        "{known:#}"
    );
    home.reconfigure(|text| text.replace("other.key", "seal.key"));
    assert_eq!(history().0, Some(0));
    let log = rusqlite::Connection::open(home.store()).unwrap();
    let change =
        "UPDATE events SET data = replace(data, '\"count\":', '\"count\":1') WHERE stream = 'seal-ledger'";
    assert_eq!(log.execute(change, []).unwrap(), 1);
    drop(log);
    let (code, [told, noted]) = history();
    assert_eq!(code, Some(1), "{told}");
    assert!(
        told.contains("THE SEAL DOES NOT HOLD") && noted.contains("THE SEAL DOES NOT HOLD"),
        "{told}{noted}"
    );
}

#[tokio::test]
async fn a_push_in_quarantine_and_its_order_lead_to_each_other() {
    let home = home_of_a_merchant();
    let server = home.serve();
    let useless = with(goods("Q", 0), "/GoodsInfo/Quantity", json!(0));
    assert_eq!(server.push(&push_of(GOODS, &useless)).await.code(), 42201);
    assert_eq!(server.push(&push_of(GOODS, &goods("Q", 0))).await.code(), 0);
    assert!(server.terminate().success());
    let held = waiting(&home)[0]["id"].as_str().unwrap().to_owned();
    for id in ["Q", &held, "TQ"] {
        let (code, known) = known(&home, id, &[]);
        assert_eq!(
            (code, types(&known)),
            (0, vec!["PushQuarantined".into(), "GoodsDelivered".into()]),
            "{id}"
        );
    }
    // What else its player has is not of this order.
    assert_eq!(types(&known(&home, "oP", &[]).1), [""; 0]);
}

#[tokio::test]
async fn without_read_models_the_log_still_tells_what_it_has_under_an_id_and_says_so() {
    let home = home_of_a_merchant();
    let server = with_a_long_story(&home).await;
    assert!(server.terminate().success());
    let (code, known) = known(&home, "DEAR", &["--log-only"]);
    assert_eq!((code, types(&known).len(), &known["notes"]), (0, 4, &json!([])), "{known:#}");
    assert!(!home.run(&["history", "TDEAR", "--log-only"]).stdout.starts_with(b"#1"));
    std::fs::remove_dir_all(home.views()).unwrap();
    std::fs::write(home.views(), "no folder").unwrap();
    let (code, known) = super::history::known(&home, "DEAR", &[]);
    assert_eq!((code, types(&known).len()), (0, 4), "{known:#}");
    let note = known["notes"][0].as_str().unwrap();
    assert!(note.starts_with("the read models cannot be asked, so this is only what the log has"), "{note}");
}
