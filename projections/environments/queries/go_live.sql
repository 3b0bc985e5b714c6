-- The go-live check of an app: what a person should look at, in words, the gravest first.
--
-- `severity`: stop is wrong, check needs a person's judgement, note is to be known. No row: nothing was found.
-- role: finance, support
-- uses: orders, operations
-- parameter: app text required | The app's slug
-- column: severity text | stop, check or note
-- column: finding text | What was found
-- column: subject id | The product it is about; empty where it is about the app
-- column: amount count | How many
-- column: last_at moment | When last
-- column: next_step text | What to do
WITH sides AS (
    SELECT product_id,
           sum(iif(env = 'production', orders, 0)) AS production_orders,
           sum(iif(env = 'sandbox', orders, 0)) AS sandbox_orders,
           min(iif(env = 'production', unit_price_min_fen, NULL)) AS production_min,
           max(iif(env = 'production', unit_price_max_fen, NULL)) AS production_max,
           min(iif(env = 'sandbox', unit_price_min_fen, NULL)) AS sandbox_min,
           max(iif(env = 'sandbox', unit_price_max_fen, NULL)) AS sandbox_max,
           max(last_at) AS last_at
    FROM totals
    WHERE app = :app AND kind = 'goods'
    GROUP BY product_id
),
whole AS (
    SELECT coalesce(sum(iif(env = 'production', orders, 0)), 0) AS production_orders,
           coalesce(sum(iif(env = 'sandbox', orders, 0)), 0) AS sandbox_orders,
           min(iif(env = 'production', first_at, NULL)) AS production_first_at,
           max(iif(env = 'sandbox', last_at, NULL)) AS sandbox_last_at
    FROM totals
    WHERE app = :app
),
mall_test AS (
    SELECT product_id, sum(mall_test_orders) AS orders, max(last_at) AS last_at
    FROM totals
    WHERE app = :app AND env = 'production' AND mall_test_orders > 0
    GROUP BY product_id
),
refunds AS (
    SELECT coalesce(sum(env = 'production'), 0) AS production, coalesce(sum(env = 'sandbox'), 0) AS sandbox,
           max(refunded_at) AS last_at
    FROM orders.refunds
    WHERE app = :app
),
held AS (
    SELECT reason, count(*) AS pushes, max(held_at) AS last_at
    FROM operations.quarantine
    WHERE app = :app AND resolution IS NULL AND money_at_stake = 1
    GROUP BY reason
),
findings AS (
    SELECT 1 AS rank, 'stop' AS severity, 'no production push has come yet' AS finding, NULL AS subject,
           0 AS amount, NULL AS last_at,
           'check URL, Token and production AppKey in the console and in the configuration' AS next_step
    FROM whole WHERE production_orders = 0
    UNION ALL
    SELECT 2, 'stop', 'pushes verify only under the other environment''s AppKey', NULL, pushes, last_at,
           'the two AppKeys may be swapped: compare them with the console, then look at the quarantine'
    FROM held WHERE reason = 'other_environment_key'
    UNION ALL
    SELECT 3, 'stop', 'pushes with money at stake wait in quarantine', NULL, pushes, last_at,
           'look at the quarantine: each waits for a decision'
    FROM held WHERE reason <> 'other_environment_key'
    UNION ALL
    SELECT 4, 'check', 'mall test orders came to production: nobody paid for them', product_id, orders, last_at,
           'see mall_tests; take them out of what you compare with the bill'
    FROM mall_test
    UNION ALL
    SELECT 5, 'check', printf('its unit price is %d to %d fen in production and %d to %d fen in the sandbox',
                              production_min, production_max, sandbox_min, sandbox_max),
           product_id, production_orders, last_at,
           'compare the price in the console; see products'
    FROM sides
    WHERE production_orders > 0 AND sandbox_orders > 0
      AND (production_min <> sandbox_min OR production_max <> sandbox_max)
    UNION ALL
    SELECT 6, 'check', 'it is sold in production and was never tried in the sandbox', product_id,
           production_orders, last_at, 'buy it once in the sandbox'
    FROM sides WHERE sandbox_orders = 0
    UNION ALL
    SELECT 7, 'check', 'no sandbox push has ever come', NULL, 0, NULL, 'try a purchase in the sandbox'
    FROM whole WHERE sandbox_orders = 0
    UNION ALL
    SELECT 8, 'note', 'it was tried in the sandbox and is not sold in production', product_id, sandbox_orders,
           last_at, 'put it on sale in the console if it should be'
    FROM sides WHERE production_orders = 0
    UNION ALL
    SELECT 9, 'note', 'the sandbox still gets orders since production began', NULL, sandbox_orders, sandbox_last_at,
           'make sure that no shipped client buys in the sandbox'
    FROM whole WHERE sandbox_last_at > production_first_at
    UNION ALL
    SELECT 10, 'note', 'production has refunds, and none was ever tried in the sandbox', NULL, production,
           last_at,
           'make sure that the game acts upon refunds'
    FROM refunds WHERE production > 0 AND sandbox = 0
)
SELECT severity, finding, subject, amount, last_at, next_step
FROM findings
ORDER BY rank, subject
LIMIT 1000
