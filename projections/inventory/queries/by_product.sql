-- Items of all players per zone and product: delivered, granted, and of refunded orders.
--
-- `of_refunded_orders` is a part of `delivered`, not taken from it: a refund names no item.
-- role: game, support, finance
-- uses: orders
-- parameter: app text required | The app's slug
-- parameter: env text of production,sandbox = production | Gifts belong to production
-- parameter: zone_id text | Zone
-- parameter: product_id text | Product
-- parameter: limit integer = 1000 max 1000 | Rows at most
-- column: zone_id id | Zone; empty where the push named none
-- column: product_id id | Product
-- column: source text | order or gift
-- column: deliveries count | Orders, or lines of gifts
-- column: delivered count | Items delivered
-- column: granted count | Of them, items the game has granted and not revoked; empty for gifts
-- column: of_refunded_orders count | Of them, items of refunded orders
-- column: last_at moment | Last delivery
WITH refunded AS (
    SELECT zone_id, product_id, sum(quantity) AS quantity
    FROM (SELECT DISTINCT order_position, coalesce(order_zone_id, '') AS zone_id, order_product_id AS product_id,
                 order_quantity AS quantity
          FROM orders.refunds_with_orders
          WHERE app = :app AND env = :env AND order_kind = 'goods')
    GROUP BY zone_id, product_id
)
SELECT t.zone_id, t.product_id, t.source, t.deliveries, t.delivered,
       iif(t.source = 'order', t.granted, NULL) AS granted,
       iif(t.source = 'order', coalesce(r.quantity, 0), 0) AS of_refunded_orders,
       t.last_at
FROM totals AS t
LEFT JOIN refunded AS r ON r.zone_id = t.zone_id AND r.product_id = t.product_id
WHERE t.app = :app AND t.env = :env
  AND (:zone_id IS NULL OR t.zone_id = :zone_id) AND (:product_id IS NULL OR t.product_id = :product_id)
ORDER BY t.zone_id, t.product_id, t.source DESC
LIMIT :limit
