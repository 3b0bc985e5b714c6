//! What was delivered to whom: items per player, zone and product.

use super::folded::Folded;
use super::told::{Granted, Pushed, Refused, Revoked, coins, gift, goods, refund};

const APP: (&str, &str) = ("app", "demo");
const ANNA: (&str, &str) = ("open_id", "oAnna");
const SANDBOX: (&str, &str) = ("env", "sandbox");
const COLUMNS: [&str; 6] = ["zone_id", "product_id", "source", "delivered", "granted", "of_refunded_orders"];

async fn bought() -> Folded {
    let folded = Folded::built_in().await;
    folded
        .happened([
            Pushed(goods("A").of("gem", 2).paid("", "T1")),
            Pushed(goods("B").of("gem", 3)),
            Pushed(goods("C").of("sword", 1)),
            Pushed(goods("D").of("gem", 5).zone(Some("2"))),
            Pushed(goods("E").of("gem", 7).zone(None)),
            Pushed(goods("F").of("gem", 11).by("oBert")),
            Pushed(goods("A").of("gem", 13).sandbox()),
            Pushed(coins("coins")),
            Pushed(gift("G1", &[("gem", 17), ("hat", 1), ("gem", 2)])),
            Granted("A"),
            Granted("B"),
            Revoked("B"),
            Refused("C"),
            Granted("F"),
            // Wholly, and in two parts; both count once, and nothing is subtracted.
            Pushed(refund("R1", 600).paid("", "T1")),
            Pushed(refund("R2", 100).of_order("D")),
            Pushed(refund("R3", 100).of_order("D")),
        ])
        .await;
    folded
}

#[tokio::test(flavor = "multi_thread")]
async fn items_are_counted_per_zone_and_product_and_refunds_are_flagged_never_subtracted() {
    let folded = bought().await;
    let annas = [
        ["", "gem", "order", "7", "0", "0"],
        ["1", "gem", "order", "5", "2", "2"],
        ["1", "gem", "gift", "19", "-", "0"],
        ["1", "hat", "gift", "1", "-", "0"],
        ["1", "sword", "order", "1", "0", "0"],
        ["2", "gem", "order", "5", "0", "5"],
    ];
    assert_eq!(folded.columns("inventory/by_player", &[APP, ANNA], COLUMNS).await, annas);
    let berts = [["1", "gem", "order", "11", "11", "0"]];
    assert_eq!(folded.columns("inventory/by_player", &[APP, ("open_id", "oBert")], COLUMNS).await, berts);
}

#[tokio::test(flavor = "multi_thread")]
async fn the_sums_of_all_players_are_those_of_each() {
    let folded = bought().await;
    let all = [
        ["", "gem", "order", "7", "0", "0"],
        ["1", "gem", "order", "16", "13", "2"],
        ["1", "gem", "gift", "19", "-", "0"],
        ["1", "hat", "gift", "1", "-", "0"],
        ["1", "sword", "order", "1", "0", "0"],
        ["2", "gem", "order", "5", "0", "5"],
    ];
    assert_eq!(folded.columns("inventory/by_product", &[APP], COLUMNS).await, all);
    let narrowed = [APP, ("zone_id", "2"), ("product_id", "gem")];
    assert_eq!(folded.columns("inventory/by_product", &narrowed, COLUMNS).await, all[5..]);
    let columns = ["deliveries", "last_at"];
    let swords = folded.columns("inventory/by_product", &[APP, ("product_id", "sword")], columns).await;
    assert_eq!(swords, [["1", "2025-12-31T16:03:00.000Z"]]);
}

#[tokio::test(flavor = "multi_thread")]
async fn the_sandbox_never_mixes_with_production_and_has_no_gifts() {
    let folded = bought().await;
    let sandbox = [["1", "gem", "order", "13", "0", "0"]];
    assert_eq!(folded.columns("inventory/by_player", &[APP, ANNA, SANDBOX], COLUMNS).await, sandbox);
    assert_eq!(folded.columns("inventory/by_product", &[APP, SANDBOX], COLUMNS).await, sandbox);
    assert_eq!(folded.columns("inventory/items", &[APP, ANNA, SANDBOX], ["number"]).await, [["A"]]);
    for query in ["inventory/by_player", "inventory/items"] {
        assert_eq!(folded.rows(query, &[("app", "other"), ANNA]).await.len(), 0, "{query}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn every_delivery_of_a_player_is_shown_with_what_became_of_it() {
    let folded = bought().await;
    let columns = ["number", "product_id", "quantity", "is_granted", "is_refunded"];
    let items = [
        ["G1", "gem", "2", "-", "0"],
        ["G1", "gem", "17", "-", "0"],
        ["G1", "hat", "1", "-", "0"],
        ["E", "gem", "7", "0", "0"],
        ["D", "gem", "5", "0", "1"],
        ["C", "sword", "1", "0", "0"],
        ["B", "gem", "3", "0", "0"],
        ["A", "gem", "2", "1", "1"],
    ];
    assert_eq!(folded.columns("inventory/items", &[APP, ANNA], columns).await, items);
    let swords = [APP, ANNA, ("product_id", "sword"), ("zone_id", "1")];
    assert_eq!(folded.columns("inventory/items", &swords, columns).await, items[5..6]);
}
