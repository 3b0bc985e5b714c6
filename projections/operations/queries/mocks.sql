-- Mock pushes with a valid signature, newest first. Their ids must never turn up in a bill.
-- role: finance, support
-- parameter: app text | The app's slug
-- parameter: id text | OutTradeNo, RefundId, OrderId, MchOrderNo, TransactionId or OpenId
-- parameter: before position | Only those before this position (the next page)
-- parameter: limit integer = 50 max 1000 | Rows at most
-- next: before = position
-- column: position position | Where it stands in the log
-- column: app text | The app's slug
-- column: env text | production or sandbox; empty for gifts
-- column: kind text | goods, coins, refund or gift
-- column: number id | OutTradeNo, RefundId or OrderId
-- column: out_trade_no id | OutTradeNo
-- column: mch_order_no id | MchOrderNo
-- column: transaction_id id | TransactionId
-- column: open_id open_id | Player
-- column: amount_fen fen | ActualPrice or RefundAmount as sent
-- column: received_at moment | When
SELECT position, app, env, kind, number, out_trade_no, mch_order_no, transaction_id, open_id, amount_fen,
       received_at
FROM (
    SELECT position, app, env, kind, number, out_trade_no, mch_order_no, transaction_id, open_id, amount_fen,
           received_at
    FROM mocks WHERE :id IS NULL
    UNION ALL
    SELECT position, app, env, kind, number, out_trade_no, mch_order_no, transaction_id, open_id, amount_fen,
           received_at
    FROM mocks WHERE position IN (SELECT position FROM ids WHERE id = :id)
)
WHERE position < ifnull(:before, 9223372036854775807) AND (:app IS NULL OR app = :app)
ORDER BY position DESC
LIMIT :limit
