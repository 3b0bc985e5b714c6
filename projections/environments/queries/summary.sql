-- Each environment of each app in one row: what came, what it was worth, first and last push.
--
-- Pushes are goods, coins and refunds: gifts have no environment.
-- role: finance, support
-- uses: orders
-- parameter: app text | The app's slug
-- column: app text | The app's slug
-- column: env text | production or sandbox
-- column: first_at moment | First push
-- column: last_at moment | Last push
-- column: orders count | Orders, goods and coins
-- column: gross_fen fen | Gross
-- column: coin_orders count | Of them, coins
-- column: coins_gross_fen fen | Of the gross, coins
-- column: mall_test_orders count | Of the orders, mall tests (OrderSource 3)
-- column: mall_test_fen fen | Of the gross, mall tests
-- column: products count | Products seen
-- column: refunds count | Refunds
-- column: refunded_fen fen | Refunded
WITH facts AS (
    SELECT app, env, first_at, last_at, orders, gross_fen, iif(kind = 'coins', orders, 0) AS coin_orders,
           iif(kind = 'coins', gross_fen, 0) AS coins_gross_fen, mall_test_orders, mall_test_fen,
           nullif(product_id, '') AS product_id, 0 AS refunds, 0 AS refunded_fen
    FROM totals
    WHERE :app IS NULL OR app = :app
    UNION ALL
    SELECT app, env, refunded_at, refunded_at, 0, 0, 0, 0, 0, 0, NULL, 1, refund_amount_fen
    FROM orders.refunds
    WHERE :app IS NULL OR app = :app
)
SELECT app, env, min(first_at) AS first_at, max(last_at) AS last_at, sum(orders) AS orders,
       sum(gross_fen) AS gross_fen,
       sum(coin_orders) AS coin_orders, sum(coins_gross_fen) AS coins_gross_fen,
       sum(mall_test_orders) AS mall_test_orders, sum(mall_test_fen) AS mall_test_fen,
       count(DISTINCT product_id) AS products, sum(refunds) AS refunds, sum(refunded_fen) AS refunded_fen
FROM facts
GROUP BY app, env
ORDER BY app, env
LIMIT 1000
