-- A player's orders, newest first.
-- role: support, finance
-- parameter: open_id text required | Player
-- parameter: app text | The app's slug
-- parameter: env text of production,sandbox,both = production
-- parameter: before position | Only orders before this position (the next page)
-- parameter: limit integer = 50 max 1000 | Rows at most
-- next: before = position
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
SELECT o.position, o.app, o.env, o.kind, o.state, o.out_trade_no, o.mch_order_no, o.transaction_id, o.open_id,
       o.product_id, o.quantity, o.zone_id, o.orig_price_fen, o.actual_price_fen, o.amount_fen, o.attach,
       o.order_source, o.delivered_at, o.day, o.grant_state, o.grant_by, o.grant_reason, o.grant_at,
       o.refunded_fen, o.refund_count, o.conflicts
FROM order_states AS o
WHERE o.open_id = :open_id AND (:app IS NULL OR o.app = :app) AND (:env = 'both' OR o.env = :env)
  AND o.position < ifnull(:before, 9223372036854775807)
ORDER BY o.position DESC
LIMIT :limit
