//! What needs a person: quarantine, conflicts, grants outstanding, mocks, and the counts of pushes.

use order_ledger::domain::environment::Environment::Sandbox;
use order_ledger::domain::fen::Fen;
use order_ledger::domain::grant::GrantCommand;
use order_ledger::domain::id::OutTradeNo;
use order_ledger::domain::push::Push;
use order_ledger::domain::quarantine::{Reason, Resolution};

use super::folded::{Folded, at, demo, evidence};
use super::told::{Asked, Granted, Pushed, Refused, Revoked, Told, coins, gift, goods, refund};

fn missing() -> Reason {
    Reason::Unusable("GoodsInfo.Quantity: is missing".into())
}

#[tokio::test(flavor = "multi_thread")]
async fn quarantine_shows_what_waits_with_its_age_and_the_money_at_stake() {
    let folded = Folded::built_in().await;
    let first = folded.quarantined(10, &missing(), Some("A"), "{}").await;
    let second = folded.quarantined(20, &Reason::OtherEnvironmentKey, None, "{ }").await;
    let third = folded.quarantined(30, &Reason::UnrecognizedEvent { money_at_stake: false }, None, "x").await;
    let columns = ["quarantine_id", "reason", "detail", "money_at_stake", "age_s", "out_trade_no"];
    let minutes_of_day = |minutes: i64| ((24 * 60 - minutes) * 60).to_string();
    let (ten, twenty, thirty) = (minutes_of_day(10), minutes_of_day(20), minutes_of_day(30));
    let rows = [
        [&first, "unusable", "GoodsInfo.Quantity: is missing", "1", &ten, "A"],
        [&second, "other_environment_key", "-", "1", &twenty, "-"],
        [&third, "unrecognized_event", "-", "0", &thirty, "-"],
    ];
    assert_eq!(folded.columns("operations/quarantine", &[], columns).await, rows);
    let at_stake = [("money_at_stake", "true")];
    assert_eq!(folded.columns("operations/quarantine", &at_stake, columns).await, rows[..2]);
    let other = [("app", "other")];
    assert_eq!(folded.rows("operations/quarantine", &other).await.len(), 0);

    for (id, how) in [(&first, Resolution::Adopted), (&second, Resolution::Dismissed)] {
        folded.ledger.resolve(id, how, "lin", "looked at it", at(40)).await.unwrap();
    }
    assert_eq!(folded.columns("operations/quarantine", &[], columns).await, rows[2..]);
    let columns = ["quarantine_id", "resolution", "resolved_by", "resolved_reason", "age_s"];
    let decided = [
        [&second, "dismissed", "lin", "looked at it", "1200"],
        [&first, "adopted", "lin", "looked at it", "1800"],
    ];
    assert_eq!(folded.columns("operations/quarantine_decided", &[], columns).await, decided);
    assert_eq!(folded.columns("operations/quarantine_by_id", &[("id", &first)], columns).await, decided[1..]);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_push_in_quarantine_is_found_by_every_id_that_its_payload_claims() {
    let folded = Folded::built_in().await;
    let payload = r#"{"OpenId":"oAnna","RefundId":"R1","WeChatPayInfo":{"MchOrderNo":"M1","TransactionId":42},
                      "GoodsInfo":{"ZoneId":"Z"},"Deep":[{"OutTradeNo":"O1"}],"OrderId":null}"#;
    let held = folded.quarantined(1, &missing(), Some("stated"), payload).await;
    let broken = folded.quarantined(2, &missing(), Some("broken"), "no JSON {").await;
    let columns = ["quarantine_id"];
    for id in ["oAnna", "R1", "M1", "42", "O1", "stated", &held] {
        for query in ["operations/quarantine_by_id", "operations/by_id"] {
            let column = if query.ends_with("/by_id") { "number" } else { columns[0] };
            assert_eq!(
                folded.columns(query, &[("id", id)], [column]).await,
                [[held.as_str()]],
                "{query} {id}"
            );
        }
    }
    for id in ["broken", &broken] {
        let found = folded.columns("operations/quarantine_by_id", &[("id", id)], columns).await;
        assert_eq!(found, [[broken.as_str()]], "{id}");
    }
    for id in ["Z", "", "no trace"] {
        assert_eq!(folded.rows("operations/quarantine_by_id", &[("id", id)]).await.len(), 0, "{id:?}");
    }
    let columns = ["out_trade_no", "transaction_id", "mch_order_no", "refund_id", "open_id"];
    let claimed = folded.columns("operations/quarantine_by_id", &[("id", &held)], columns).await;
    assert_eq!(claimed, [["stated", "42", "M1", "R1", "oAnna"]]);
}

/// Given this push, then that one under the same number, then: what differs.
#[tokio::test(flavor = "multi_thread")]
async fn a_conflicting_push_is_shown_beside_what_was_kept() {
    let refunded = |fen| refund("R", fen).of_order("A");
    let with_attach = |mut told: Told| {
        if let Push::Goods(goods) = &mut told.0 {
            (goods.attach, goods.orig_price) = (None, Fen(1));
        }
        told
    };
    for (first, second, number, differs) in [
        (goods("A"), goods("A").priced(1), "A", "actual_price_fen"),
        (goods("A"), goods("A").by("oBert").of("sword", 2), "A", "open_id, product_id, quantity"),
        (goods("A"), goods("A").zone(None).mall_test(), "A", "zone_id, order_source"),
        (goods("A"), with_attach(goods("A")), "A", "orig_price_fen, attach"),
        (goods("A").paid("M1", "T1"), goods("A").paid("M2", "T1"), "A", "mch_order_no"),
        (coins("A"), coins("A").priced(1), "A", "actual_price_fen"),
        (goods("A").sandbox(), goods("A").sandbox().priced(1), "A", "actual_price_fen"),
        (refunded(100), refunded(200), "R", "refund_amount_fen"),
        (gift("G", &[("gem", 1)]), gift("G", &[("gem", 2)]), "G", "goods"),
        (gift("G", &[("gem", 1)]), gift("G", &[("gem", 1)]).by("oBert"), "G", "open_id"),
    ] {
        let folded = Folded::built_in().await;
        let story = format!("{first:?}, then {second:?}");
        for told in [&first, &second, &second] {
            folded.told(1, told.clone()).await;
        }
        let found = folded.columns("operations/conflicts", &[], ["number", "differs"]).await;
        assert_eq!(found, [[number, differs]], "{story}");
        for (parameters, rows) in [
            ([("number", number)], 1),
            ([("number", "other")], 0),
            ([("app", "other")], 0),
            ([("env", "both")], 1),
        ] {
            let found = folded.rows("operations/conflicts", &parameters).await.len();
            assert_eq!(found, rows, "{parameters:?}, {story}");
        }
        let by_id = folded.columns("operations/by_id", &[("id", number)], ["what", "number"]).await;
        assert_eq!(by_id, [["conflict", number]], "{story}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn goods_that_the_game_has_said_nothing_about_are_outstanding() {
    let folded = Folded::built_in().await;
    folded
        .happened([
            Pushed(goods("A").paid("", "T1")),
            Pushed(goods("B")),
            Pushed(goods("C")),
            Pushed(goods("D")),
            Pushed(goods("E")),
            Pushed(goods("S").sandbox()),
            Pushed(coins("K")),
            Pushed(gift("G", &[("gem", 1)])),
            Granted("B"),
            Refused("C"),
            Granted("D"),
            Revoked("D"),
            // Refunded meanwhile: flagged, and still outstanding.
            Pushed(refund("R", 600).paid("", "T1")),
        ])
        .await;
    let query = "operations/grants_outstanding";
    let columns = ["out_trade_no", "age_s", "is_refunded", "refunded_fen"];
    let rows = [["A", "86340", "1", "600"], ["E", "86100", "0", "0"]];
    let cases: [(Asked<'_>, std::ops::Range<usize>); 8] = [
        (&[], 0..2),
        (&[("app", "demo")], 0..2),
        (&[("app", "other")], 0..0),
        (&[("older_than_s", "86101")], 0..1),
        (&[("older_than_s", "86100"), ("app", "demo")], 0..2),
        (&[("older_than_s", "86341")], 0..0),
        (&[("limit", "1")], 0..1),
        (&[("after", "2")], 1..2),
    ];
    for (parameters, range) in cases {
        assert_eq!(folded.columns(query, parameters, columns).await, rows[range], "{parameters:?}");
    }
    let columns = ["day", "orders", "amount_fen", "oldest_at", "oldest_age_s"];
    let days = folded.columns("operations/grants_outstanding_by_day", &[], columns).await;
    assert_eq!(days, [["2026-01-01", "2", "1200", "2025-12-31T16:01:00.000Z", "86340"]]);
    // Granting in the sandbox says nothing of production.
    let (number, app) = (OutTradeNo::parse("S").unwrap(), demo());
    let said = folded.ledger.grant(&app, Sandbox, &number, GrantCommand::Grant, "game", None, at(20));
    said.await.unwrap();
    assert_eq!(folded.rows(query, &[]).await.len(), 2);
}

#[tokio::test(flavor = "multi_thread")]
async fn pushes_are_counted_per_event_and_day_and_repeats_are_not() {
    let folded = Folded::built_in().await;
    folded
        .happened([
            Pushed(goods("A")),
            Pushed(goods("A")),
            Pushed(goods("A").paid("M", "")),
            Pushed(goods("A").priced(1)),
            Pushed(goods("A").sandbox()),
            Pushed(gift("G", &[("gem", 1)])),
            Pushed(refund("R", 1)),
            Pushed(coins("C")),
        ])
        .await;
    folded.told(24 * 60, goods("B")).await;
    folded.told(24 * 60 + 1, goods("C2")).await;
    folded.quarantined(24 * 60 - 1, &missing(), None, "{}").await;
    let columns = ["day", "event_type", "env", "kind", "pushes"];
    let (one, two) = ("2026-01-01", "2026-01-02");
    let rows = [
        [two, "GoodsDelivered", "production", "-", "2"],
        [one, "CoinsDelivered", "production", "-", "1"],
        [one, "ConflictingPushReceived", "production", "goods", "1"],
        [one, "GiftDelivered", "-", "-", "1"],
        [one, "GoodsDelivered", "production", "-", "1"],
        [one, "GoodsDelivered", "sandbox", "-", "1"],
        [one, "PaymentIdentified", "production", "-", "1"],
        [one, "PushQuarantined", "-", "unusable", "1"],
        [one, "RefundSucceeded", "production", "-", "1"],
    ];
    let query = "operations/pushes";
    assert_eq!(folded.columns(query, &[], columns).await, rows);
    assert_eq!(folded.columns(query, &[("from_day", two)], columns).await, rows[..1]);
    assert_eq!(folded.columns(query, &[("to_day", one)], columns).await, rows[1..]);
    assert_eq!(folded.columns(query, &[("event_type", "GiftDelivered")], columns).await, rows[3..4]);
    let span = folded.columns(query, &[("from_day", two)], ["first_at", "last_at"]).await;
    assert_eq!(span, [["2026-01-01T16:00:00.000Z", "2026-01-01T16:01:00.000Z"]]);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_mock_is_remembered_under_all_its_ids() {
    let folded = Folded::built_in().await;
    for mock in [goods("A").paid("M1", "T1"), refund("R", 5).of_order("A"), gift("G", &[("gem", 1)])] {
        folded.ledger.remember_mock(&demo(), &mock.0, &evidence(&mock.0, at(1))).await.unwrap();
    }
    let cases: [(Asked<'_>, &str); 8] = [
        (&[], "gift/G refund/R goods/A"),
        (&[("id", "A")], "refund/R goods/A"),
        (&[("id", "T1")], "goods/A"),
        (&[("id", "M1")], "goods/A"),
        (&[("id", "R")], "refund/R"),
        (&[("id", "oAnna")], "gift/G goods/A"),
        (&[("app", "other")], ""),
        (&[("limit", "1")], "gift/G"),
    ];
    for (parameters, mocks) in cases {
        let found = folded.columns("operations/mocks", parameters, ["kind", "number"]).await;
        let found: Vec<_> = found.iter().map(|pair| pair.join("/")).collect();
        assert_eq!(found.join(" "), mocks, "{parameters:?}");
    }
    let found = folded.columns("operations/by_id", &[("id", "M1")], ["what", "kind", "number"]).await;
    assert_eq!(found, [["mock", "goods", "A"]]);
    // It is no order.
    assert_eq!(folded.rows("orders/by_id", &[("id", "A")]).await.len(), 0);
}
