-- What is carried over: differences that are not resolved, from before (carried_in) and at the end (carried_out: those
-- from before and those of the time); and what came after its month was closed and is reported in this time (late).
-- role: finance
-- parameter: merchant text required | Merchant / 商户号
-- parameter: from_day day required | First accounting day
-- parameter: to_day day required | Last accounting day
-- parameter: app text | The app's slug
-- column: what text | carried_in, carried_out or late / 项目
-- column: kind text | payment or refund / 类型
-- column: rows count | Rows / 行数
-- column: ledger_fen fen | In the ledger / 账本金额
-- column: bill_fen fen | In the bills / 账单金额
-- column: difference_fen fen | Ledger less bills / 差额
WITH differing AS (
    SELECT 'payment' AS kind, accounting_day < :from_day AS is_before, 1 AS rows, amount_fen AS ledger_fen,
           ifnull(bill_fen, 0) AS bill_fen
    FROM orders
    WHERE merchant = :merchant AND is_difference = 1 AND accounting_day <= :to_day AND (:app IS NULL OR app = :app)
    UNION ALL
    SELECT 'payment', bill_day < :from_day, 1, 0, ifnull(bill_fen, 0)
    FROM bill_only
    WHERE merchant = :merchant AND bill_day <= :to_day AND status <> 'other_app'
      AND (status <> 'missing_in_ledger' OR seconds_between(traded_at, :as_of) >= 86640)
      AND (:app IS NULL OR app_id = (SELECT a.app_id FROM app_merchants AS m JOIN apps AS a ON a.app = m.app
                                     WHERE m.app = :app AND m.merchant = :merchant))
    UNION ALL
    SELECT 'refund', accounting_day < :from_day, 1, amount_fen, ifnull(bill_fen, 0)
    FROM refunds
    WHERE merchant = :merchant AND is_difference = 1 AND accounting_day <= :to_day AND (:app IS NULL OR app = :app)
    UNION ALL
    SELECT 'refund', bill_day < :from_day, 1, 0, ifnull(bill_fen, 0)
    FROM bill_refunds
    WHERE merchant = :merchant AND bill_day <= :to_day AND is_paired = 0 AND status <> 'other_app'
      AND (status <> 'refund_missing_in_ledger' OR seconds_between(refunded_at, :as_of) >= 86640)
      AND (:app IS NULL OR app_id = (SELECT a.app_id FROM app_merchants AS m JOIN apps AS a ON a.app = m.app
                                     WHERE m.app = :app AND m.merchant = :merchant))
    UNION ALL
    -- Those that are resolved are not carried.
    SELECT kind, accounting_day < :from_day, -1, -ifnull(ledger_fen, 0), -ifnull(bill_fen, 0)
    FROM resolved_rows
    WHERE merchant = :merchant AND +accounting_day <= :to_day AND is_difference = 1
      AND (since IS NULL OR seconds_between(since, :as_of) >= 86640) AND (:app IS NULL OR app = :app)
),
-- Late differences of earlier days: they count from the month on that they are reported in, not before.
late_differing AS (
    SELECT kind, period || '-01' AS period_day, ifnull(ledger_fen, 0) AS ledger_fen, ifnull(bill_fen, 0) AS bill_fen
    FROM late_rows
    WHERE merchant = :merchant AND +accounting_day < :from_day AND period || '-01' >= :from_day AND is_difference
      AND (since IS NULL OR seconds_between(since, :as_of) >= 86640) AND judged IS NOT 'resolved'
      AND (:app IS NULL OR app = :app)
),
carried AS (
    SELECT 'carried_in' AS what, kind, rows, ledger_fen, bill_fen FROM differing WHERE is_before
    UNION ALL
    SELECT 'carried_out', kind, rows, ledger_fen, bill_fen FROM differing
    UNION ALL
    SELECT 'carried_in', kind, -1, -ledger_fen, -bill_fen FROM late_differing
    UNION ALL
    SELECT 'carried_out', kind, -1, -ledger_fen, -bill_fen FROM late_differing WHERE period_day > :to_day
    UNION ALL
    SELECT 'late', kind, 1, ifnull(ledger_fen, 0), ifnull(bill_fen, 0)
    FROM late_rows
    WHERE merchant = :merchant AND period || '-01' BETWEEN :from_day AND :to_day AND (:app IS NULL OR app = :app)
)
SELECT w.what, k.kind, coalesce(sum(c.rows), 0) AS rows, coalesce(sum(c.ledger_fen), 0) AS ledger_fen,
       coalesce(sum(c.bill_fen), 0) AS bill_fen,
       coalesce(sum(c.ledger_fen), 0) - coalesce(sum(c.bill_fen), 0) AS difference_fen
FROM (SELECT 1 AS place, 'carried_in' AS what UNION ALL SELECT 2, 'carried_out' UNION ALL SELECT 3, 'late') AS w
CROSS JOIN (SELECT 'payment' AS kind UNION ALL SELECT 'refund') AS k
LEFT JOIN carried AS c ON c.what = w.what AND c.kind = k.kind
GROUP BY w.place, k.kind
ORDER BY w.place, k.kind
