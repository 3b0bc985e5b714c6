//! The engine that runs projections: what it folds, what it refuses, and how builds take over.

use order_ledger::domain::environment::Environment;
use order_ledger::domain::fen::Fen;
use order_ledger::domain::id::{OpenId, OutTradeNo};
use order_ledger::domain::push::{GoodsPush, OrderSource, PaymentIds, Push};
use order_ledger::projector::{Folder, Projector, Views};
use order_ledger::store::EventStore;

use super::folded::{Folded, checked, folder};

fn goods(number: &str, product: &str, fen: i64) -> Push {
    Push::Goods(GoodsPush {
        env: Environment::Production,
        open_id: OpenId::parse("oPlayer").unwrap(),
        out_trade_no: OutTradeNo::parse(number).unwrap(),
        product_id: product.into(),
        quantity: 1,
        zone_id: Some("1".into()),
        orig_price: Fen(fen),
        actual_price: Fen(fen),
        attach: None,
        order_source: OrderSource::InGame,
        payment: PaymentIds::default(),
    })
}

const SALES: [(&str, &str); 3] = [
    (
        "schema.sql",
        "-- What was sold, by product.\n-- environments: production\n
         CREATE TABLE sales (product_id TEXT PRIMARY KEY, orders INTEGER NOT NULL, fen INTEGER NOT NULL) STRICT;
         CREATE INDEX sales_by_fen ON sales (fen);",
    ),
    (
        "on/GoodsDelivered.sql",
        "INSERT INTO sales VALUES (:product_id, 1, :actual_price_fen)
         ON CONFLICT (product_id) DO UPDATE SET orders = orders + 1, fen = fen + excluded.fen;",
    ),
    (
        "queries/top.sql",
        "-- Products by what they brought.\n-- role: finance\n-- parameter: limit integer = 10 max 100\n
-- column: product_id id\n-- column: orders count\n-- column: fen fen | 金额\n
         SELECT product_id, orders, fen FROM sales ORDER BY fen DESC LIMIT :limit",
    ),
];

#[tokio::test(flavor = "multi_thread")]
async fn a_folder_of_the_users_is_folded_and_answers() {
    let mut folded = Folded::over(vec![folder("sales", &SALES)]).await;
    for (number, product, fen) in [("1", "gem", 100), ("2", "gem", 200), ("3", "sword", 500)] {
        folded.pushed(&goods(number, product, fen), 1).await;
    }
    let columns = ["product_id", "orders", "fen"];
    let sold = [["sword", "1", "500"], ["gem", "2", "300"]];
    assert_eq!(folded.columns("sales/top", &[], columns).await, sold);
    // Once more, over the same files.
    folded.start().await;
    folded.pushed(&goods("4", "sword", 1), 2).await;
    let sold = [["sword", "2", "501"], ["gem", "2", "300"]];
    assert_eq!(folded.columns("sales/top", &[], columns).await, sold);
    assert_eq!(folded.columns("sales/top", &[("limit", "1")], columns).await, sold[..1]);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_name_means_a_table_of_what_the_query_uses_and_of_nothing_else() {
    let named = |name: &str| {
        let schema = format!(
            "-- Which?\n-- environments: both\nCREATE TABLE which (name TEXT NOT NULL) STRICT;
             CREATE TABLE {name}_too (a TEXT) STRICT;"
        );
        let on = format!("INSERT INTO which VALUES ('{name}');");
        folder(name, &[("schema.sql", &schema), ("on/GoodsDelivered.sql", &on)])
    };
    let query = |uses: &str| {
        format!("-- Which?\n-- role: audit\n-- uses: {uses}\n-- column: name text\nSELECT name FROM which")
    };
    let (one, two, both) = (query("one"), query("two"), query("one, two"));
    let asking = folder(
        "asking",
        &[
            ("schema.sql", "-- Which?\n-- environments: both\nCREATE TABLE own (a TEXT) STRICT;"),
            ("queries/both.sql", &both),
            ("queries/one.sql", &one),
            ("queries/two.sql", &two),
        ],
    );
    let folded = Folded::over(vec![asking, named("one"), named("two")]).await;
    folded.pushed(&goods("1", "gem", 1), 1).await;
    for (query, name) in [("both", "one"), ("two", "two"), ("one", "one"), ("both", "one"), ("two", "two")] {
        assert_eq!(folded.columns(&format!("asking/{query}"), &[], ["name"]).await, [[name]], "{query}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_place_that_cannot_be_had_keeps_no_other_projection_from_running() {
    let mut folded = Folded::over(vec![folder("sales", &SALES)]).await;
    folded.stop().await;
    std::fs::write(folded.views().join("a"), "no folder").unwrap();
    let views = Views::take(&folded.views()).unwrap();
    let definitions = checked(vec![folder("a", &SALES), folder("sales", &SALES)]).unwrap();
    let (store, runtime) = (folded.store.clone(), tokio::runtime::Handle::current());
    let projector = Projector::new(store.clone(), store.head(), runtime);
    let begun = projector.clone();
    let failed = tokio::task::spawn_blocking(move || begun.begin(views, &definitions.into())).await.unwrap();
    assert!(failed.unwrap_err().to_string().contains("views/a: "));
    let names: Vec<_> = projector.list().into_iter().map(|listed| listed.definition.name.clone()).collect();
    assert_eq!(names, ["sales"]);
    tokio::task::spawn_blocking(move || projector.close()).await.unwrap();
}

#[test]
fn the_programs_own_folders_are_right() {
    if let Err(problems) = checked(Folder::built_in()) {
        panic!("{problems}");
    }
}
