-- The months of a merchant: prepared, closed, reopened.
-- role: finance
-- parameter: merchant text required | Merchant / 商户号
-- column: month text | Month / 期间
-- column: state text | prepared, closed or reopened / 状态
-- column: report_sha256 id | The report / 报告 SHA-256
-- column: report_position position | What stands behind it in the log is late / 报告日志位置
-- column: summary text | What it counted / 摘要
-- column: prepared_by text | Prepared by / 编制人
-- column: prepared_at moment | When / 编制时间
-- column: closed_by text | Closed by / 关账人
-- column: closed_at moment | When / 关账时间
-- column: reopened_by text | Reopened by / 重开人
-- column: reopened_at moment | When / 重开时间
-- column: reopened_reason text | Why / 重开原因
-- column: position position | Last word in the log / 日志位置
SELECT p.month, p.state, p.report_sha256, p.prepared_position AS report_position, p.summary, p.prepared_by,
       p.prepared_at, p.closed_by, p.closed_at, p.reopened_by, p.reopened_at, p.reopened_reason, p.position
FROM periods AS p
WHERE p.merchant = :merchant
ORDER BY p.month DESC
