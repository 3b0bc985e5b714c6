-- Pushes in quarantine that people have decided about, the newest first.
-- role: finance
-- parameter: app text | The app's slug
-- parameter: before position | Only those before this position (the next page)
-- parameter: limit integer = 50 max 1000 | Rows at most
-- next: before = position
-- column: position position | Where it stands in the log
-- column: quarantine_id id | Names it: `order-ledger quarantine show ID`
-- column: app text | The app's slug
-- column: event text | Event as received
-- column: reason text | other_environment_key, unusable or unrecognized_event
-- column: detail text | What is wrong with it
-- column: money_at_stake flag | 1: WeChat repeats it while it is open
-- column: held_at moment | Since
-- column: age_s seconds | Age; until the decision where there is one
-- column: out_trade_no id | OutTradeNo as claimed
-- column: transaction_id id | TransactionId as claimed
-- column: mch_order_no id | MchOrderNo as claimed
-- column: refund_id id | RefundId as claimed
-- column: open_id open_id | Player as claimed
-- column: resolution text | adopted or dismissed; empty while open
-- column: resolved_by text | Who decided
-- column: resolved_reason text | Why
-- column: resolved_at moment | When
SELECT q.position, q.quarantine_id, q.app, q.event, q.reason, q.detail, q.money_at_stake, q.held_at,
       seconds_between(q.held_at, coalesce(q.resolved_at, :as_of)) AS age_s, q.out_trade_no, q.transaction_id,
       q.mch_order_no, q.refund_id, q.open_id, q.resolution, q.resolved_by, q.resolved_reason, q.resolved_at
FROM quarantine AS q
WHERE q.resolution IS NOT NULL AND q.position < ifnull(:before, 9223372036854775807)
  AND (:app IS NULL OR q.app = :app)
ORDER BY q.position DESC
LIMIT :limit
