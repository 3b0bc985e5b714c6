-- How many rows of each status, and what they add up to: matched rows and differences together are both sides. Late
-- rows of earlier days that are reported in this time are among them.
-- role: finance
-- parameter: merchant text required | Merchant / 商户号
-- parameter: from_day day required | First accounting day
-- parameter: to_day day required | Last accounting day
-- parameter: app text | The app's slug
-- column: kind text | payment or refund / 类型
-- column: status text | The one status / 状态
-- column: rows count | Rows / 行数
-- column: ledger_fen fen | In the ledger / 账本金额
-- column: bill_fen fen | In the bills / 账单金额
-- column: difference_fen fen | Ledger less bills / 差额
-- column: resolved_rows count | Of them resolved, on the facts that stand / 已处理
-- column: late_rows count | Of them late / 迟到
WITH resolved AS (
    SELECT kind, iif(since IS NULL OR seconds_between(since, :as_of) >= 86640, status,
                     iif(kind = 'payment', 'awaiting_push', 'refund_awaiting_push')) AS status, count(*) AS rows
    FROM resolved_rows
    WHERE merchant = :merchant AND (:app IS NULL OR app = :app)
      AND (accounting_day BETWEEN :from_day AND :to_day
           OR (late = 1 AND period || '-01' BETWEEN :from_day AND :to_day))
    GROUP BY 1, 2
),
-- By day and status first, as the index stands.
counted AS (
    SELECT 'payment' AS kind, status, count(*) AS rows, sum(amount_fen) AS ledger_fen,
           coalesce(sum(bill_fen), 0) AS bill_fen, 0 AS late_rows
    FROM orders
    WHERE merchant = :merchant AND accounting_day BETWEEN :from_day AND :to_day AND (:app IS NULL OR app = :app)
    GROUP BY accounting_day, status
    UNION ALL
    SELECT 'payment',
           iif(status = 'missing_in_ledger' AND seconds_between(traded_at, :as_of) < 86640, 'awaiting_push', status),
           count(*), 0, coalesce(sum(bill_fen), 0), 0
    FROM bill_only
    WHERE merchant = :merchant AND bill_day BETWEEN :from_day AND :to_day
      AND (:app IS NULL OR app_id = (SELECT a.app_id FROM app_merchants AS m JOIN apps AS a ON a.app = m.app
                                     WHERE m.app = :app AND m.merchant = :merchant))
    GROUP BY 1, 2
    UNION ALL
    SELECT 'refund', status, count(*), sum(amount_fen), coalesce(sum(bill_fen), 0), 0
    FROM refunds
    WHERE merchant = :merchant AND accounting_day BETWEEN :from_day AND :to_day AND (:app IS NULL OR app = :app)
    GROUP BY accounting_day, status
    UNION ALL
    SELECT 'refund',
           iif(status = 'refund_missing_in_ledger' AND seconds_between(refunded_at, :as_of) < 86640,
               'refund_awaiting_push', status),
           count(*), 0, coalesce(sum(bill_fen), 0), 0
    FROM bill_refunds
    WHERE merchant = :merchant AND bill_day BETWEEN :from_day AND :to_day AND is_paired = 0
      AND (:app IS NULL OR app_id = (SELECT a.app_id FROM app_merchants AS m JOIN apps AS a ON a.app = m.app
                                     WHERE m.app = :app AND m.merchant = :merchant))
    GROUP BY 1, 2
    UNION ALL
    -- Late rows: those of these days are counted above, those of earlier ones here.
    SELECT kind, status, count(*) FILTER (WHERE is_earlier), coalesce(sum(ledger_fen) FILTER (WHERE is_earlier), 0),
           coalesce(sum(bill_fen) FILTER (WHERE is_earlier), 0), count(*)
    FROM (SELECT kind, iif(since IS NULL OR seconds_between(since, :as_of) >= 86640, status,
                           iif(kind = 'payment', 'awaiting_push', 'refund_awaiting_push')) AS status,
                 accounting_day < :from_day AS is_earlier, ledger_fen, bill_fen
          FROM late_rows
          WHERE merchant = :merchant AND (:app IS NULL OR app = :app)
            AND (+accounting_day BETWEEN :from_day AND :to_day
                 OR (+accounting_day < :from_day AND period || '-01' BETWEEN :from_day AND :to_day))) AS l
    GROUP BY 1, 2
)
SELECT c.kind, c.status, sum(c.rows) AS rows, sum(c.ledger_fen) AS ledger_fen, sum(c.bill_fen) AS bill_fen,
       sum(c.ledger_fen) - sum(c.bill_fen) AS difference_fen,
       coalesce((SELECT sum(r.rows) FROM resolved AS r WHERE r.kind = c.kind AND r.status = c.status), 0)
           AS resolved_rows,
       sum(c.late_rows) AS late_rows
FROM counted AS c
GROUP BY c.kind, c.status
ORDER BY c.kind, c.status
