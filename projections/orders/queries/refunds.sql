-- Refunds, newest first, each with its order where one is known.
-- role: support, finance
-- parameter: app text | The app's slug
-- parameter: env text of production,sandbox,both = production
-- parameter: from_day day | First Beijing day of the refund's push
-- parameter: to_day day | Last Beijing day of the refund's push
-- parameter: without_order flag = 0 | 1: only refunds whose order is not known
-- parameter: before position | Only refunds before this position (the next page)
-- parameter: limit integer = 50 max 1000 | Rows at most
-- next: before = position
-- column: position position | Where the first push stands in the log
-- column: app text | The app's slug
-- column: env text | production or sandbox
-- column: refund_id id | RefundId
-- column: refund_amount_fen fen | Refunded
-- column: refund_source count | 1 platform, 2 console, 3 API
-- column: refunded_at moment | First push
-- column: day day | Its Beijing day
-- column: conflicts count | Pushes of this RefundId with another content
-- column: out_trade_no id | OutTradeNo that the refund names
-- column: mch_order_no id | MchOrderNo that the refund names, the bill's 商户订单号
-- column: transaction_id id | TransactionId that the refund names, the bill's 微信订单号
-- column: order_position position | Where its order stands in the log; empty where no order is known
-- column: order_out_trade_no id | Its order
-- column: order_kind text | goods or coins
-- column: order_open_id open_id | Player
-- column: order_product_id id | Product
-- column: order_quantity count | Quantity
-- column: order_amount_fen fen | Amount of the order
-- column: order_delivered_at moment | First push of the order
-- column: order_grant_state text | What the game said: none, granted, refused or revoked
WITH page AS (
    SELECT position FROM refunds
    WHERE position < ifnull(:before, 9223372036854775807)
      AND (:app IS NULL OR app = :app) AND (:env = 'both' OR env = :env)
      AND (:from_day IS NULL OR day >= :from_day) AND (:to_day IS NULL OR day <= :to_day)
      AND (:without_order = 0
           OR NOT EXISTS (SELECT 1 FROM refund_links AS l WHERE l.refund_position = refunds.position))
    ORDER BY position DESC
    LIMIT :limit
)
SELECT r.position, r.app, r.env, r.refund_id, r.refund_amount_fen, r.refund_source, r.refunded_at, r.day,
       r.conflicts, r.out_trade_no, r.mch_order_no, r.transaction_id, r.order_position, r.order_out_trade_no,
       r.order_kind, r.order_open_id, r.order_product_id, r.order_quantity, r.order_amount_fen, r.order_delivered_at,
       r.order_grant_state
FROM page AS p
CROSS JOIN refunds_with_orders AS r ON r.position = p.position
ORDER BY r.position DESC
