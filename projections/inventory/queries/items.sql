-- Everything delivered to a player, one row an order or line of a gift, newest first.
-- role: game, support
-- uses: orders
-- parameter: app text required | The app's slug
-- parameter: open_id text required | Player
-- parameter: env text of production,sandbox = production | Gifts belong to production
-- parameter: product_id text | Product
-- parameter: zone_id text | Zone
-- parameter: limit integer = 100 max 1000 | Rows at most
-- column: position position | Where the first push stands in the log
-- column: source text | order or gift
-- column: number id | OutTradeNo of the order, OrderId of the gift
-- column: zone_id id | Zone; empty where the push named none
-- column: product_id id | Product
-- column: quantity count | Items delivered
-- column: is_granted flag | 1: the game has granted them and not revoked; empty for gifts
-- column: is_refunded flag | 1: the order was refunded, wholly or in part
-- column: delivered_at moment | First push
SELECT position, 'order' AS source, out_trade_no AS number, zone_id, product_id, quantity, is_granted,
       EXISTS (SELECT 1 FROM orders.refund_links AS l WHERE l.order_position = items.position) AS is_refunded,
       delivered_at
FROM items
WHERE open_id = :open_id AND app = :app AND env = :env
  AND (:product_id IS NULL OR product_id = :product_id) AND (:zone_id IS NULL OR zone_id = :zone_id)
UNION ALL
SELECT position, 'gift', order_id, zone_id, product_id, quantity, NULL, 0, delivered_at
FROM gift_items
WHERE open_id = :open_id AND app = :app AND :env = 'production'
  AND (:product_id IS NULL OR product_id = :product_id) AND (:zone_id IS NULL OR zone_id = :zone_id)
ORDER BY position DESC, product_id, quantity
LIMIT :limit
