//! The go-live check: the sandbox beside production.

use order_ledger::domain::quarantine::Reason;

use super::folded::Folded;
use super::told::{Asked, Pushed, coins, goods, refund};

const DAY: i64 = 24 * 60;

async fn both() -> Folded {
    let folded = Folded::built_in().await;
    folded
        .happened([
            Pushed(goods("S1").sandbox().by("oTester")),
            Pushed(goods("S2").sandbox().of("only-tested", 1)),
            Pushed(goods("P1")),
            Pushed(goods("P2").of("gem", 2).priced(1000)),
            Pushed(goods("P3").by("oBert").of("sword", 1).priced(3000)),
            Pushed(coins("P4").by("oBert")),
            Pushed(goods("P5").mall_test()),
            Pushed(refund("RS", 600).of_order("S1").sandbox()),
            Pushed(refund("R0", 50).of_order("nowhere")),
        ])
        .await;
    folded.told(DAY, goods("P6")).await;
    folded.told(DAY, refund("R1", 400).of_order("P2")).await;
    folded.told(DAY, refund("R2", 100).of_order("P2")).await;
    folded
}

#[tokio::test(flavor = "multi_thread")]
async fn each_day_and_product_shows_the_sandbox_beside_production() {
    let folded = both().await;
    let columns = [
        "day",
        "kind",
        "product_id",
        "production_orders",
        "production_players",
        "production_gross_fen",
        "production_refunds",
        "production_refunded_fen",
        "sandbox_orders",
        "sandbox_players",
        "sandbox_gross_fen",
        "sandbox_refunds",
        "sandbox_refunded_fen",
    ];
    // A refund counts on the day it came, for the product of its order.
    let days = [
        ["2026-01-02", "goods", "gem", "1", "1", "600", "2", "500", "0", "0", "0", "0", "0"],
        ["2026-01-01", "-", "-", "0", "0", "0", "1", "50", "0", "0", "0", "0", "0"],
        ["2026-01-01", "coins", "-", "1", "1", "600", "0", "0", "0", "0", "0", "0", "0"],
        ["2026-01-01", "goods", "gem", "3", "1", "2200", "0", "0", "1", "1", "600", "1", "600"],
        ["2026-01-01", "goods", "only-tested", "0", "0", "0", "0", "0", "1", "1", "600", "0", "0"],
        ["2026-01-01", "goods", "sword", "1", "1", "3000", "0", "0", "0", "0", "0", "0", "0"],
    ];
    let query = "environments/by_day_and_product";
    assert_eq!(folded.columns(query, &[], columns).await, days);
    assert_eq!(folded.columns(query, &[("product_id", "sword")], columns).await, days[5..]);
    assert_eq!(folded.columns(query, &[("from_day", "2026-01-02")], columns).await, days[..1]);
    assert_eq!(folded.columns(query, &[("to_day", "2026-01-01")], columns).await, days[1..]);
    assert_eq!(folded.rows(query, &[("app", "other")]).await.len(), 0);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_player_who_buys_two_products_is_one_player_of_the_day() {
    let folded = both().await;
    let columns =
        ["day", "production_orders", "production_players", "production_gross_fen", "sandbox_players"];
    let days = [["2026-01-02", "1", "1", "600", "0"], ["2026-01-01", "5", "2", "5800", "2"]];
    assert_eq!(folded.columns("environments/by_day", &[], columns).await, days);
}

#[tokio::test(flavor = "multi_thread")]
async fn products_of_only_one_environment_and_different_prices_are_found() {
    let folded = both().await;
    let columns = [
        "product_id",
        "seen_in",
        "price_differs",
        "production_unit_price_min_fen",
        "production_unit_price_max_fen",
        "sandbox_unit_price_min_fen",
        "sandbox_unit_price_max_fen",
    ];
    // The price of one: 1000 fen for two.
    let gem = ["gem", "both", "1", "500", "600", "600", "600"];
    let tested = ["only-tested", "sandbox", "0", "-", "-", "600", "600"];
    let sword = ["sword", "production", "0", "3000", "3000", "-", "-"];
    for (only, products) in
        [("all", vec![gem, tested, sword]), ("one_environment", vec![tested, sword]), ("price", vec![gem])]
    {
        let found = folded.columns("environments/products", &[("only", only)], columns).await;
        assert_eq!(found, products, "{only}");
    }
    let from = [("only", "price"), ("from_day", "2026-01-02")];
    assert_eq!(folded.rows("environments/products", &from).await.len(), 0);
}

#[tokio::test(flavor = "multi_thread")]
async fn mall_test_orders_in_production_are_listed() {
    let folded = both().await;
    folded.told(DAY, goods("S9").sandbox().mall_test()).await;
    folded.told(DAY, goods("P9").mall_test()).await;
    let cases: [(Asked<'_>, &str); 5] = [
        (&[], "P9 P5"),
        (&[("env", "both")], "P9 S9 P5"),
        (&[("env", "sandbox")], "S9"),
        (&[("to_day", "2026-01-01")], "P5"),
        (&[("app", "other")], ""),
    ];
    for (parameters, orders) in cases {
        let found = folded.columns("environments/mall_tests", parameters, ["out_trade_no"]).await;
        assert_eq!(found.concat().join(" "), orders, "{parameters:?}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn each_environment_is_summed_up_with_its_first_and_last_push() {
    let folded = both().await;
    let columns = [
        "env",
        "first_at",
        "last_at",
        "orders",
        "gross_fen",
        "coin_orders",
        "mall_test_orders",
        "mall_test_fen",
        "products",
        "refunds",
        "refunded_fen",
    ];
    let (production, sandbox) = (
        ["production", "2025-12-31T16:03:00.000Z", "2026-01-01T16:00:00.000Z", "6", "6400", "1", "1", "600"],
        ["sandbox", "2025-12-31T16:01:00.000Z", "2025-12-31T16:08:00.000Z", "2", "1200", "0", "0", "0"],
    );
    let found = folded.columns("environments/summary", &[], columns).await;
    assert_eq!(found[0], [&production[..], &["2", "3", "550"]].concat()[..]);
    assert_eq!(found[1], [&sandbox[..], &["2", "1", "600"]].concat()[..]);
    assert_eq!(found.len(), 2);
    assert_eq!(folded.rows("environments/summary", &[("app", "other")]).await.len(), 0);
}

#[tokio::test(flavor = "multi_thread")]
async fn the_go_live_check_says_in_words_what_to_look_at_the_gravest_first() {
    let (query, app) = ("environments/go_live", [("app", "demo")]);
    let columns = ["severity", "finding", "subject", "amount"];
    let folded = Folded::built_in().await;
    assert_eq!(
        folded.columns(query, &app, columns).await,
        [
            ["stop", "no production push has come yet", "-", "0"],
            ["check", "no sandbox push has ever come", "-", "0"],
        ]
    );
    // Tried in the sandbox, then sold for the same price: nothing to say.
    folded.happened([Pushed(goods("S1").sandbox()), Pushed(goods("P1"))]).await;
    assert_eq!(folded.rows(query, &app).await.len(), 0);

    let folded = both().await;
    let swapped = Reason::OtherEnvironmentKey;
    folded.quarantined(20, &swapped, Some("Q1"), "{}").await;
    folded.quarantined(20, &Reason::Unusable("OutTradeNo: is missing".into()), None, "{ }").await;
    folded.quarantined(20, &Reason::UnrecognizedEvent { money_at_stake: false }, None, "{  }").await;
    folded.told(30, goods("S3").sandbox()).await;
    assert_eq!(
        folded.columns(query, &app, columns).await,
        [
            ["stop", "pushes verify only under the other environment's AppKey", "-", "1"],
            ["stop", "pushes with money at stake wait in quarantine", "-", "1"],
            ["check", "mall test orders came to production: nobody paid for them", "gem", "1"],
            [
                "check",
                "its unit price is 500 to 600 fen in production and 600 to 600 fen in the sandbox",
                "gem",
                "4"
            ],
            ["check", "it is sold in production and was never tried in the sandbox", "sword", "1"],
            ["note", "it was tried in the sandbox and is not sold in production", "only-tested", "1"],
            ["note", "the sandbox still gets orders since production began", "-", "3"],
        ]
    );
}
