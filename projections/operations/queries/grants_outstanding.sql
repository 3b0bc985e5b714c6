-- Delivered goods of production that the game has neither granted nor refused, the oldest first.
--
-- A refunded order stays in the list, flagged: the game has not said what it did. So does a mall test order.
-- role: finance, support, game
-- uses: orders
-- parameter: app text | The app's slug
-- parameter: older_than_s integer = 0 | Only those that wait this many seconds or longer
-- parameter: after position = 0 | Only those after this position (the next page)
-- parameter: limit integer = 50 max 1000 | Rows at most
-- next: after = position
-- column: position position | Where the order stands in the log
-- column: app text | The app's slug
-- column: out_trade_no id | OutTradeNo
-- column: open_id open_id | Player
-- column: product_id id | Product
-- column: quantity count | Quantity
-- column: zone_id id | Zone
-- column: amount_fen fen | Amount of the whole order
-- column: delivered_at moment | First push
-- column: age_s seconds | Waiting since then
-- column: is_refunded flag | 1: refunded meanwhile, wholly or in part
-- column: refunded_fen fen | Refunds in all
WITH page AS (
    SELECT position
    FROM (
        SELECT position, delivered_at FROM orders.orders
        WHERE grant_state = 'none' AND kind = 'goods' AND env = 'production' AND app = :app
        UNION ALL
        SELECT position, delivered_at FROM orders.orders
        WHERE grant_state = 'none' AND kind = 'goods' AND env = 'production' AND :app IS NULL
    )
    WHERE position > :after AND (:older_than_s = 0 OR seconds_between(delivered_at, :as_of) >= :older_than_s)
    ORDER BY position
    LIMIT :limit
)
SELECT o.position, o.app, o.out_trade_no, o.open_id, o.product_id, o.quantity, o.zone_id, o.amount_fen,
       o.delivered_at, seconds_between(o.delivered_at, :as_of) AS age_s, o.refund_count > 0 AS is_refunded,
       o.refunded_fen
FROM page AS p
CROSS JOIN orders.orders_with_refunds AS o ON o.position = p.position
ORDER BY o.position
