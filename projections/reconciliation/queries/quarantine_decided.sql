-- What people decided about pushes in quarantine that name a payment: those adopted first, then the newest.
-- role: finance
-- parameter: transaction_id text required | TransactionId / 微信订单号
-- parameter: mch_order_no text | MchOrderNo: those that name only this too / 商户订单号
-- parameter: app text | The app's slug
-- column: quarantine_id id | Names it: `order-ledger quarantine show ID` / 隔离编号
-- column: app text | The app's slug / 应用
-- column: resolution text | adopted: delivered by hand, or the order that it is; or dismissed / 决定
-- column: resolved_by text | Who decided / 处理人
-- column: resolved_reason text | Why / 理由
-- column: resolved_at moment | When / 处理时间
-- column: position position | The decision in the log / 日志位置
SELECT d.quarantine_id, d.app, d.resolution, d.resolved_by, d.resolved_reason, d.resolved_at, d.position
FROM decided_quarantine AS d
WHERE d.id = :transaction_id AND d.id_kind = 'transaction_id' AND (:app IS NULL OR d.app = :app)
UNION
SELECT d.quarantine_id, d.app, d.resolution, d.resolved_by, d.resolved_reason, d.resolved_at, d.position
FROM decided_quarantine AS d
WHERE d.id = :mch_order_no AND d.id_kind = 'mch_order_no' AND (:app IS NULL OR d.app = :app)
ORDER BY resolution, position DESC
LIMIT 1000
