-- Orders, players, gross and refunds per day and product, the sandbox beside production, newest day first.
--
-- A refund counts on the day it came, for the product of its order.
-- role: finance
-- uses: orders
-- parameter: app text | The app's slug
-- parameter: from_day day | First Beijing day
-- parameter: to_day day | Last Beijing day
-- parameter: product_id text | Product
-- parameter: limit integer = 1000 max 1000 | Rows at most
-- column: app text | The app's slug
-- column: day day | Beijing day: of the first push for orders, of the refund for refunds
-- column: kind text | goods or coins; empty for refunds whose order is not known
-- column: product_id id | Product; empty for coins
-- column: production_orders count | Orders, production
-- column: production_players count | Players who bought, production
-- column: production_gross_fen fen | Gross, production
-- column: production_refunds count | Refunds, production
-- column: production_refunded_fen fen | Refunded, production
-- column: sandbox_orders count | Orders, sandbox
-- column: sandbox_players count | Players who bought, sandbox
-- column: sandbox_gross_fen fen | Gross, sandbox
-- column: sandbox_refunds count | Refunds, sandbox
-- column: sandbox_refunded_fen fen | Refunded, sandbox
WITH facts AS (
    SELECT app, day, kind, nullif(product_id, '') AS product_id, env, orders, gross_fen,
           0 AS refunds, 0 AS refunded_fen
    FROM totals
    WHERE (:app IS NULL OR app = :app) AND (:from_day IS NULL OR day >= :from_day)
      AND (:to_day IS NULL OR day <= :to_day)
    UNION ALL
    SELECT app, day, order_kind AS kind, order_product_id AS product_id, env, 0, 0, 1, refund_amount_fen
    FROM orders.refunds_with_orders
    WHERE (:app IS NULL OR app = :app) AND (:from_day IS NULL OR day >= :from_day)
      AND (:to_day IS NULL OR day <= :to_day)
),
page AS (
    SELECT app, day, kind, product_id,
           sum(iif(env = 'production', orders, 0)) AS production_orders,
           sum(iif(env = 'production', gross_fen, 0)) AS production_gross_fen,
           sum(iif(env = 'production', refunds, 0)) AS production_refunds,
           sum(iif(env = 'production', refunded_fen, 0)) AS production_refunded_fen,
           sum(iif(env = 'sandbox', orders, 0)) AS sandbox_orders,
           sum(iif(env = 'sandbox', gross_fen, 0)) AS sandbox_gross_fen,
           sum(iif(env = 'sandbox', refunds, 0)) AS sandbox_refunds,
           sum(iif(env = 'sandbox', refunded_fen, 0)) AS sandbox_refunded_fen
    FROM facts
    WHERE :product_id IS NULL OR product_id = :product_id
    GROUP BY app, day, kind, product_id
    ORDER BY day DESC, app, kind, product_id
    LIMIT :limit
)
SELECT p.app, p.day, p.kind, p.product_id,
       p.production_orders,
       (SELECT count(*) FROM players AS b
        WHERE b.app = p.app AND b.env = 'production' AND b.day = p.day AND b.kind = p.kind
          AND b.product_id = coalesce(p.product_id, '')) AS production_players,
       p.production_gross_fen,
       p.production_refunds,
       p.production_refunded_fen,
       p.sandbox_orders,
       (SELECT count(*) FROM players AS b
        WHERE b.app = p.app AND b.env = 'sandbox' AND b.day = p.day AND b.kind = p.kind
          AND b.product_id = coalesce(p.product_id, '')) AS sandbox_players,
       p.sandbox_gross_fen,
       p.sandbox_refunds,
       p.sandbox_refunded_fen
FROM page AS p
ORDER BY p.day DESC, p.app, p.kind, p.product_id
