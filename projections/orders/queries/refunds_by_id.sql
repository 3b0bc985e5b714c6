-- The refunds that a number names, in both environments, each with its order where one is known.
--
-- The number may be the RefundId, or the OutTradeNo, TransactionId or MchOrderNo of the payment, as the refund
-- or as its order knows it.
-- role: support, finance
-- parameter: id text required | RefundId, OutTradeNo, TransactionId or MchOrderNo
-- parameter: app text | The app's slug
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
SELECT r.position, r.app, r.env, r.refund_id, r.refund_amount_fen, r.refund_source, r.refunded_at, r.day,
       r.conflicts, r.out_trade_no, r.mch_order_no, r.transaction_id, r.order_position, r.order_out_trade_no,
       r.order_kind, r.order_open_id, r.order_product_id, r.order_quantity, r.order_amount_fen, r.order_delivered_at,
       r.order_grant_state
FROM refunds_with_orders AS r
WHERE r.position IN (SELECT position FROM refunds WHERE refund_id = :id
                     UNION ALL SELECT position FROM refunds WHERE out_trade_no = :id
                     UNION ALL SELECT position FROM refunds WHERE transaction_id = :id
                     UNION ALL SELECT position FROM refunds WHERE mch_order_no = :id
                     UNION ALL SELECT refund_position FROM refund_links WHERE order_position IN (
                         SELECT position FROM orders WHERE out_trade_no = :id
                         UNION ALL SELECT position FROM orders WHERE transaction_id = :id
                         UNION ALL SELECT position FROM orders WHERE mch_order_no = :id))
  AND (:app IS NULL OR r.app = :app)
ORDER BY r.position DESC
LIMIT 1000
