-- Days before this time that have no bill, and whose bill rows of this time wait for: a payment may stand in the bill of
-- 24 h 04 m before its push, a refund in that of 15 days before.
-- role: finance
-- parameter: merchant text required | Merchant / 商户号
-- parameter: from_day day required | First accounting day
-- parameter: to_day day required | Last accounting day
-- parameter: app text | The app's slug
-- column: day day | Bill day / 账单日
-- column: side text | payments or refunds: what its bill must tell / 账单内容
-- column: rows count | Rows that wait for it / 行数
WITH RECURSIVE days (day) AS (
    SELECT day_plus(:from_day, -15)
    UNION ALL
    SELECT day_plus(day, 1) FROM days WHERE day < day_plus(:from_day, -1)
)
SELECT w.day, w.side, count(*) AS rows
FROM (
    -- Of later days none can wait for a bill of before.
    SELECT d.day, 'payments' AS side
    FROM orders AS o
    CROSS JOIN days AS d ON d.day BETWEEN o.window_from AND o.window_to
    WHERE o.merchant = :merchant AND o.accounting_day BETWEEN :from_day AND min(:to_day, day_plus(:from_day, 1))
      AND o.status = 'awaiting_bill' AND (:app IS NULL OR o.app = :app)
      AND NOT EXISTS (SELECT 1 FROM covered_days AS c
                      WHERE c.merchant = o.merchant AND c.day = d.day AND c.covers IN ('payments', 'both'))
    UNION ALL
    SELECT d.day, 'refunds'
    FROM refunds AS r
    LEFT JOIN orders AS o ON o.position = r.order_position
    CROSS JOIN days AS d
    WHERE d.day BETWEEN max(r.earliest_day, ifnull(o.window_from, '')) AND r.refund_day
      AND r.merchant = :merchant AND r.accounting_day BETWEEN :from_day AND min(:to_day, day_plus(:from_day, 14))
      AND r.status = 'refund_awaiting_bill' AND (:app IS NULL OR r.app = :app)
      AND NOT EXISTS (SELECT 1 FROM covered_days AS c
                      WHERE c.merchant = r.merchant AND c.day = d.day AND c.covers IN ('refunds', 'both'))
) AS w
GROUP BY w.day, w.side
ORDER BY w.day, w.side
