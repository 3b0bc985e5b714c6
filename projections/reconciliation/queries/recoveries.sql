-- Orders that people entered from a bill, and those that wait for a second person, the newest first.
-- role: finance
-- parameter: merchant text required | Merchant / 商户号
-- parameter: state text of open,approving,approved,withdrawn | Only those
-- parameter: app text | The app's slug
-- parameter: transaction_id text | Only those of this payment / 微信订单号
-- parameter: before position | Only those before this position (the next page)
-- parameter: limit integer = 50 max 1000 | Rows at most
-- next: before = position
-- column: app text | The app's slug / 应用
-- column: out_trade_no id | OutTradeNo / 业务订单号
-- column: state text | open; approving: approve it again, its order does not stand yet; approved or withdrawn / 状态
-- column: open_id open_id | Player / 用户标识
-- column: product_id id | Product / 道具
-- column: quantity count | Quantity / 数量
-- column: zone_id id | Zone / 分区
-- column: amount_fen fen | Amount / 金额
-- column: transaction_id id | TransactionId / 微信订单号
-- column: mch_order_no id | MchOrderNo / 商户订单号
-- column: evidence text | Evidence / 依据
-- column: bill_sha256 id | The bill file's SHA-256 / 账单 SHA-256
-- column: bill_line count | Its line / 账单行号
-- column: proposed_by text | Proposed by / 提出人
-- column: proposed_at moment | When / 提出时间
-- column: decided_by text | Approved or withdrawn by / 处理人
-- column: decided_reason text | Why it was withdrawn / 撤回原因
-- column: decided_at moment | When / 处理时间
-- column: position position | Last word in the log / 日志位置
SELECT r.app, r.out_trade_no, r.state, r.open_id, r.product_id, r.quantity, r.zone_id, r.amount_fen, r.transaction_id,
       r.mch_order_no, r.evidence, r.bill_sha256, r.bill_line, r.proposed_by, r.proposed_at, r.decided_by,
       r.decided_reason, r.decided_at, r.position
FROM recoveries AS r
WHERE r.merchant = :merchant AND (:state IS NULL OR r.state = :state) AND (:app IS NULL OR r.app = :app)
  AND (:transaction_id IS NULL OR r.transaction_id = :transaction_id)
  AND r.position < ifnull(:before, 9223372036854775807)
ORDER BY r.position DESC
LIMIT :limit
