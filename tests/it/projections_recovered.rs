//! An order that no push brought and people recovered, in every read model: goods of production like any other.

use super::folded::{Folded, text};
use super::told::{Granted, Happens, Pushed, Recovered, goods, refund};

const APP: (&str, &str) = ("app", "demo");

/// Two gems for 1200 fen, which the bill shows as paid.
fn two_gems() -> Happens {
    Recovered(goods("A").of("gem", 2).priced(1200).paid("M1", "T1"))
}

async fn after(story: impl IntoIterator<Item = Happens>) -> Folded {
    let folded = Folded::built_in().await;
    folded.happened(story).await;
    folded
}

#[tokio::test(flavor = "multi_thread")]
async fn a_recovered_order_is_found_by_every_id_and_its_push_changes_nothing_when_it_comes_after_all() {
    let push = Pushed(goods("A").of("gem", 2).priced(600).paid("", "T1"));
    let folded = after([two_gems(), Granted("A"), push, Pushed(refund("R1", 500).paid("", "T1"))]).await;
    let columns =
        ["env", "kind", "state", "open_id", "product_id", "quantity", "actual_price_fen", "amount_fen"];
    let beside = ["attach", "order_source", "delivered_at", "grant_state", "refunded_fen", "conflicts"];
    for id in ["A", "M1", "T1"] {
        let shown = folded.columns("orders/by_id", &[("id", id)], columns).await;
        let order = ["production", "goods", "partly_refunded", "oAnna", "gem", "2", "1200", "1200"];
        assert_eq!(shown, [order], "{id}");
        let shown = folded.columns("orders/by_id", &[("id", id)], beside).await;
        assert_eq!(shown, [["-", "-", "2025-12-31T16:01:00.000Z", "granted", "500", "0"]], "{id}");
    }
    assert_eq!(folded.rows("orders/search", &[("from_day", "2026-01-01")]).await.len(), 1);
    let other = after([two_gems(), Pushed(goods("A").of("gem", 3).priced(1200))]).await;
    assert_eq!(other.columns("orders/by_id", &[("id", "A")], ["quantity", "conflicts"]).await, [["2", "1"]]);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_recovered_order_stands_in_the_delivery_feed_at_the_place_of_its_approval() {
    let folded = after([Pushed(goods("B")), two_gems(), Pushed(goods("C"))]).await;
    let columns = ["kind", "out_trade_no", "quantity", "amount_fen", "transaction_id", "grant_state"];
    let feed = [
        ["goods", "B", "1", "600", "-", "none"],
        ["goods", "A", "2", "1200", "T1", "none"],
        ["goods", "C", "1", "600", "-", "none"],
    ];
    assert_eq!(folded.columns("orders/deliveries", &[APP], columns).await, feed);
    let outstanding = folded.columns("operations/grants_outstanding", &[APP], ["out_trade_no"]).await;
    assert_eq!(outstanding, [["B"], ["A"], ["C"]]);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_recovered_order_counts_among_items_days_and_events() {
    let folded = after([two_gems(), Granted("A")]).await;
    let columns = ["zone_id", "product_id", "source", "delivered", "granted"];
    let items = [["1", "gem", "order", "2", "2"]];
    assert_eq!(folded.columns("inventory/by_player", &[APP, ("open_id", "oAnna")], columns).await, items);
    assert_eq!(folded.columns("inventory/by_product", &[APP], columns).await, items);
    let columns = ["env", "orders", "gross_fen", "mall_test_orders", "products"];
    let summary = [["production", "1", "1200", "0", "1"]];
    assert_eq!(folded.columns("environments/summary", &[], columns).await, summary);
    let of_day = ["day", "product_id", "production_orders", "production_players", "production_gross_fen"];
    let days = folded.columns("environments/by_day_and_product", &[], of_day).await;
    assert_eq!(days, [["2026-01-01", "gem", "1", "1", "1200"]]);
    let products = ["product_id", "production_unit_price_min_fen", "production_unit_price_max_fen"];
    assert_eq!(folded.columns("environments/products", &[], products).await, [["gem", "600", "600"]]);
    let counted = folded.rows("operations/pushes", &[]).await;
    let counted: Vec<_> = counted
        .iter()
        .map(|row| (text(&row["event_type"]), text(&row["env"]), text(&row["pushes"])))
        .collect();
    assert_eq!(counted, [("OrderRecovered".into(), "production".into(), "1".into())]);
}
