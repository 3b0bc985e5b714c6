-- The orders that a number names, in both environments: normally one.
--
-- The number may be the OutTradeNo, the TransactionId or the MchOrderNo. For a RefundId ask `refunds_by_id`.
-- role: support, finance
-- parameter: id text required | OutTradeNo, TransactionId or MchOrderNo
-- parameter: app text | The app's slug
-- column: position position | Where the first push stands in the log
-- column: app text | The app's slug
-- column: env text | production or sandbox
-- column: kind text | goods or coins
-- column: state text | One word: refunded, partly_refunded, revoked, refused, granted or delivered
-- column: out_trade_no id | OutTradeNo
-- column: mch_order_no id | MchOrderNo, the bill's 商户订单号
-- column: transaction_id id | TransactionId, the bill's 微信订单号
-- column: open_id open_id | Player
-- column: product_id id | Product; empty for coins
-- column: quantity count | Quantity
-- column: zone_id id | Zone
-- column: orig_price_fen fen | OrigPrice as WeChat sent it
-- column: actual_price_fen fen | ActualPrice as WeChat sent it
-- column: amount_fen fen | Amount of the whole order
-- column: attach text | Attach; empty for coins
-- column: order_source count | 1 in-game, 2 mall, 3 mall test; empty for coins
-- column: delivered_at moment | First push
-- column: day day | Its Beijing day
-- column: grant_state text | What the game said: none, granted, refused or revoked
-- column: grant_by text | Who said it
-- column: grant_reason text | Why
-- column: grant_at moment | When
-- column: refunded_fen fen | Refunds in all
-- column: refund_count count | How many refunds
-- column: conflicts count | Pushes of this number with another content
-- column: refunds json | The refunds: refund_id, refund_amount_fen, refund_source, refunded_at, position
SELECT o.position, o.app, o.env, o.kind, o.state, o.out_trade_no, o.mch_order_no, o.transaction_id, o.open_id,
       o.product_id, o.quantity, o.zone_id, o.orig_price_fen, o.actual_price_fen, o.amount_fen, o.attach,
       o.order_source, o.delivered_at, o.day, o.grant_state, o.grant_by, o.grant_reason, o.grant_at,
       o.refunded_fen, o.refund_count, o.conflicts,
       (SELECT coalesce(json_group_array(json_object(
            'refund_id', l.refund_id, 'refund_amount_fen', l.refund_amount_fen, 'refund_source', l.refund_source,
            'refunded_at', l.refunded_at, 'position', l.refund_position)), '[]')
        FROM (SELECT refund_id, refund_amount_fen, refund_source, refunded_at, refund_position
              FROM refund_links WHERE order_position = o.position ORDER BY refund_position) AS l) AS refunds
FROM order_states AS o
WHERE o.position IN (SELECT position FROM orders WHERE out_trade_no = :id
                     UNION ALL SELECT position FROM orders WHERE transaction_id = :id
                     UNION ALL SELECT position FROM orders WHERE mch_order_no = :id)
  AND (:app IS NULL OR o.app = :app)
ORDER BY o.position DESC
LIMIT 100
