//! The engine that runs projections: what it folds, what it refuses, and how builds take over.

use order_ledger::domain::environment::Environment;
use order_ledger::domain::fen::Fen;
use order_ledger::domain::id::{OpenId, OutTradeNo};
use order_ledger::domain::push::{GoodsPush, OrderSource, PaymentIds, Push};
use order_ledger::projector::Folder;

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

#[test]
fn the_programs_own_folders_are_right() {
    if let Err(problems) = checked(Folder::built_in()) {
        panic!("{problems}");
    }
}
