-- What an id left beside orders, refunds and gifts: pushes in quarantine, conflicting pushes, mocks; newest first.
-- role: finance, support
-- parameter: id text required | OutTradeNo, TransactionId, MchOrderNo, RefundId, OrderId, OpenId or id in quarantine
-- parameter: app text | The app's slug
-- column: position position | Where it stands in the log
-- column: what text | quarantine, conflict or mock
-- column: app text | The app's slug
-- column: env text | production or sandbox; empty for gifts and for quarantine
-- column: kind text | goods, coins, refund or gift; of quarantine the event as received
-- column: number id | The number it is recorded under; of quarantine its id there
-- column: state text | of quarantine: open, adopted or dismissed
-- column: reason text | of quarantine: why it is held
-- column: detail text | of quarantine: what is wrong with it
-- column: money_at_stake flag | of quarantine: 1 where WeChat repeats it
-- column: out_trade_no id | OutTradeNo
-- column: transaction_id id | TransactionId
-- column: mch_order_no id | MchOrderNo
-- column: refund_id id | RefundId
-- column: open_id open_id | Player
-- column: at moment | When
-- column: resolved_by text | of quarantine: who decided
-- column: resolved_reason text | of quarantine: why
SELECT position, 'quarantine' AS what, app, NULL AS env, event AS kind, quarantine_id AS number,
       coalesce(resolution, 'open') AS state, reason, detail, money_at_stake, out_trade_no, transaction_id,
       mch_order_no, refund_id, open_id, held_at AS at, resolved_by, resolved_reason
FROM quarantine
WHERE position IN (SELECT position FROM ids WHERE id = :id) AND (:app IS NULL OR app = :app)
UNION ALL
SELECT position, 'conflict', app, env, kind, number, NULL, NULL, NULL, NULL, out_trade_no, transaction_id,
       mch_order_no, iif(kind = 'refund', number, NULL), open_id, received_at, NULL, NULL
FROM conflicts
WHERE position IN (SELECT position FROM ids WHERE id = :id) AND (:app IS NULL OR app = :app)
UNION ALL
SELECT position, 'mock', app, env, kind, number, NULL, NULL, NULL, NULL, out_trade_no, transaction_id,
       mch_order_no, iif(kind = 'refund', number, NULL), open_id, received_at, NULL, NULL
FROM mocks
WHERE position IN (SELECT position FROM ids WHERE id = :id) AND (:app IS NULL OR app = :app)
ORDER BY position DESC
LIMIT 1000
