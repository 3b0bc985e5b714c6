-- A player's items per zone and product: delivered, granted, and of refunded orders.
--
-- `of_refunded_orders` is a part of `delivered`, not taken from it: a refund names no item. Whether the order was
-- refunded wholly or in part makes no difference here. The game says nothing about gifts: `granted` is empty.
-- role: game, support
-- uses: orders
-- parameter: app text required | The app's slug
-- parameter: open_id text required | Player
-- parameter: env text of production,sandbox = production | Gifts belong to production
-- parameter: limit integer = 1000 max 1000 | Rows at most
-- column: zone_id id | Zone; empty where the push named none
-- column: product_id id | Product
-- column: source text | order or gift
-- column: deliveries count | Orders, or lines of gifts
-- column: delivered count | Items delivered
-- column: granted count | Of them, items the game has granted and not revoked; empty for gifts
-- column: of_refunded_orders count | Of them, items of refunded orders
-- column: last_at moment | Last delivery
SELECT zone_id, product_id, 'order' AS source, count(*) AS deliveries, sum(quantity) AS delivered,
       sum(quantity * is_granted) AS granted,
       sum(quantity * EXISTS (SELECT 1 FROM orders.refund_links AS l WHERE l.order_position = items.position))
           AS of_refunded_orders,
       max(delivered_at) AS last_at
FROM items
WHERE open_id = :open_id AND app = :app AND env = :env
GROUP BY zone_id, product_id
UNION ALL
SELECT zone_id, product_id, 'gift', count(*), sum(quantity), NULL, 0, max(delivered_at)
FROM gift_items
WHERE open_id = :open_id AND app = :app AND :env = 'production'
GROUP BY zone_id, product_id
ORDER BY zone_id, product_id, source DESC
LIMIT :limit
