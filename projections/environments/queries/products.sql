-- Every product, the sandbox beside production: which were seen in only one of them, and whose price differs.
--
-- The unit price is the order's amount divided by its quantity, in whole fen, rounded down; mall test orders count.
-- role: finance
-- parameter: app text | The app's slug
-- parameter: only text of all,one_environment,price = all | Products seen in one environment only, or of another price
-- parameter: from_day day | First Beijing day
-- parameter: to_day day | Last Beijing day
-- parameter: limit integer = 1000 max 1000 | Rows at most
-- column: app text | The app's slug
-- column: product_id id | Product
-- column: seen_in text | both, production or sandbox
-- column: price_differs flag | 1: seen in both, and the lowest or the highest unit price is not the same
-- column: production_orders count | Orders, production
-- column: production_unit_price_min_fen fen | Lowest unit price, production
-- column: production_unit_price_max_fen fen | Highest unit price, production
-- column: production_first_at moment | First push, production
-- column: production_last_at moment | Last push, production
-- column: sandbox_orders count | Orders, sandbox
-- column: sandbox_unit_price_min_fen fen | Lowest unit price, sandbox
-- column: sandbox_unit_price_max_fen fen | Highest unit price, sandbox
-- column: sandbox_first_at moment | First push, sandbox
-- column: sandbox_last_at moment | Last push, sandbox
WITH sides AS (
    SELECT app, product_id,
           sum(iif(env = 'production', orders, 0)) AS production_orders,
           min(iif(env = 'production', unit_price_min_fen, NULL)) AS production_unit_price_min_fen,
           max(iif(env = 'production', unit_price_max_fen, NULL)) AS production_unit_price_max_fen,
           min(iif(env = 'production', first_at, NULL)) AS production_first_at,
           max(iif(env = 'production', last_at, NULL)) AS production_last_at,
           sum(iif(env = 'sandbox', orders, 0)) AS sandbox_orders,
           min(iif(env = 'sandbox', unit_price_min_fen, NULL)) AS sandbox_unit_price_min_fen,
           max(iif(env = 'sandbox', unit_price_max_fen, NULL)) AS sandbox_unit_price_max_fen,
           min(iif(env = 'sandbox', first_at, NULL)) AS sandbox_first_at,
           max(iif(env = 'sandbox', last_at, NULL)) AS sandbox_last_at
    FROM totals
    WHERE kind = 'goods' AND (:app IS NULL OR app = :app)
      AND (:from_day IS NULL OR day >= :from_day) AND (:to_day IS NULL OR day <= :to_day)
    GROUP BY app, product_id
),
judged AS (
    SELECT app, product_id,
           CASE WHEN sandbox_orders = 0 THEN 'production' WHEN production_orders = 0 THEN 'sandbox'
                ELSE 'both' END AS seen_in,
           coalesce(production_unit_price_min_fen <> sandbox_unit_price_min_fen
                    OR production_unit_price_max_fen <> sandbox_unit_price_max_fen, 0) AS price_differs,
           production_orders, production_unit_price_min_fen, production_unit_price_max_fen, production_first_at,
           production_last_at, sandbox_orders, sandbox_unit_price_min_fen, sandbox_unit_price_max_fen,
           sandbox_first_at, sandbox_last_at
    FROM sides
)
SELECT app, product_id, seen_in, price_differs,
       production_orders, production_unit_price_min_fen, production_unit_price_max_fen, production_first_at,
       production_last_at, sandbox_orders, sandbox_unit_price_min_fen, sandbox_unit_price_max_fen,
       sandbox_first_at, sandbox_last_at
FROM judged
WHERE :only = 'all' OR (:only = 'one_environment' AND seen_in <> 'both') OR (:only = 'price' AND price_differs)
ORDER BY app, product_id
LIMIT :limit
