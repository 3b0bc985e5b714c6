-- The lines of this file count from here on, and those of the file it supersedes no more. Everything that one of
-- them names is looked at again.
INSERT OR IGNORE INTO touched (what, id, merchant)
SELECT DISTINCT 'payment', l.transaction_id, f.merchant
FROM files AS f
CROSS JOIN bill_lines AS l ON l.line BETWEEN f.file * 4294967296 AND f.file * 4294967296 + 4294967295
WHERE f.stream = :stream AND (f.state = 'unfinished' OR (f.state = 'sealed' AND f.superseded_by IS NOT NULL))
  AND +l.row_kind = 'payment'
ORDER BY 2;

INSERT OR IGNORE INTO touched (what, id, merchant)
SELECT iif(l.wx_refund_id IS NULL, 'unnamed_refund', 'bill_refund'), coalesce(l.wx_refund_id, l.transaction_id),
       f.merchant
FROM files AS f
CROSS JOIN bill_lines AS l ON l.line BETWEEN f.file * 4294967296 AND f.file * 4294967296 + 4294967295
WHERE f.stream = :stream AND (f.state = 'unfinished' OR (f.state = 'sealed' AND f.superseded_by IS NOT NULL))
  AND +l.row_kind = 'refund';

INSERT OR IGNORE INTO touched (what, id, merchant)
SELECT 'mch_order', b.mch_order_no, b.merchant
FROM touched AS t
CROSS JOIN bill_payments AS b ON b.transaction_id = t.id AND b.merchant = t.merchant
WHERE t.what = 'payment' AND b.mch_order_no IS NOT NULL
UNION ALL
SELECT 'refunded_payment', l.transaction_id, t.merchant
FROM touched AS t
CROSS JOIN bill_lines AS l ON l.wx_refund_id = t.id
WHERE t.what = 'bill_refund'
UNION ALL
SELECT 'refunded_payment', t.id, t.merchant
FROM touched AS t
WHERE t.what = 'unnamed_refund';

UPDATE files SET state = 'superseded', position = :position
WHERE stream = :stream AND state = 'sealed' AND superseded_by IS NOT NULL;

-- A day that was declared empty before has a bill after all.
UPDATE files SET state = 'superseded', superseded_by = :sha256, position = :position
WHERE stream = :stream AND state = 'declared_empty';

UPDATE files
SET state = 'sealed', rows = :rows, position = :position, at = :recorded_at,
    payments = :payments, refunds = :refunds, order_fen = :order_fen,
    settlement_fen = :settlement_fen, coupon_fen = :coupon_fen, refund_fen = :refund_fen,
    coupon_refund_fen = :coupon_refund_fen, applied_refund_fen = :applied_refund_fen, fee_millifen = :fee_millifen,
    incomes = :incomes, income_fen = :income_fen, expenses = :expenses,
    expense_fen = :expense_fen
WHERE stream = :stream AND state = 'unfinished';

-- Which lines of these files counted until now.
UPDATE files SET counted_rows = files.counted_rows - n.lines FROM touched_counts AS n WHERE n.file = files.file;

-- Which lines of the touched payments count: those of other days that counted before, and of this day each line once,
-- from whatever files hold it; the n-th of one file is the n-th of the other. Not every file has MchOrderNos, nor both
-- amounts.
INSERT INTO counted_lines (transaction_id, merchant, bill_day, kind_place, line)
SELECT b.transaction_id, b.merchant, f.bill_day, f.kind_place, b.line
FROM touched AS t
CROSS JOIN bill_payments AS b ON b.transaction_id = t.id AND b.merchant = t.merchant
CROSS JOIN files AS f ON f.file = b.line >> 32
WHERE t.what = 'payment' AND f.bill_day <> :bill_day
UNION ALL
SELECT b.transaction_id, b.merchant, f.bill_day, f.kind_place, b.line
FROM touched AS t
CROSS JOIN bill_copies AS b ON b.transaction_id = t.id AND b.merchant = t.merchant
CROSS JOIN files AS f ON f.file = b.line >> 32
WHERE t.what = 'payment' AND f.bill_day <> :bill_day;

INSERT INTO counted_lines (transaction_id, merchant, bill_day, kind_place, line)
SELECT d.transaction_id, :merchant, :bill_day, min(d.kind_place), d.line
FROM (SELECT l.transaction_id, l.trade_state, l.amount_fen, f.kind_place, l.line,
             row_number() OVER (PARTITION BY l.transaction_id, l.trade_state, l.amount_fen, f.file
                                ORDER BY l.line) AS place
      FROM files AS f
      CROSS JOIN bill_lines AS l ON l.line BETWEEN f.file * 4294967296 AND f.file * 4294967296 + 4294967295
      WHERE f.merchant = :merchant AND f.bill_day = :bill_day AND f.state = 'sealed' AND +l.row_kind = 'payment'
        AND EXISTS (SELECT 1 FROM touched AS t
                    WHERE t.what = 'payment' AND t.id = l.transaction_id AND t.merchant = f.merchant)) AS d
GROUP BY d.transaction_id, d.trade_state, d.amount_fen, d.place;

DELETE FROM bill_copies
WHERE (transaction_id, merchant) IN (SELECT id, merchant FROM touched WHERE what = 'payment');

DELETE FROM bill_payments
WHERE (transaction_id, merchant) IN (SELECT id, merchant FROM touched WHERE what = 'payment')
  AND NOT EXISTS (SELECT 1 FROM counted_lines AS c
                  WHERE c.transaction_id = bill_payments.transaction_id AND c.merchant = bill_payments.merchant);

INSERT INTO bill_payments (transaction_id, merchant, line, lines, mch_order_no)
SELECT c.transaction_id, c.merchant, c.line, c.lines, l.mch_order_no
FROM (SELECT transaction_id, merchant, line, count(*) OVER (PARTITION BY transaction_id, merchant) AS lines,
             row_number() OVER (PARTITION BY transaction_id, merchant ORDER BY bill_day, kind_place, line) AS place
      FROM counted_lines) AS c
CROSS JOIN bill_lines AS l ON l.line = c.line
WHERE c.place = 1
ON CONFLICT (transaction_id, merchant) DO UPDATE
SET line = excluded.line, lines = excluded.lines, mch_order_no = excluded.mch_order_no
WHERE line <> excluded.line OR lines <> excluded.lines;

INSERT INTO bill_copies (transaction_id, merchant, copy, line)
SELECT c.transaction_id, c.merchant, c.place, c.line
FROM (SELECT transaction_id, merchant, line,
             row_number() OVER (PARTITION BY transaction_id, merchant ORDER BY bill_day, kind_place, line) AS place
      FROM counted_lines) AS c
WHERE c.place > 1;

DELETE FROM counted_lines;

-- The same for the touched refunds: each 微信退款单号 once.
DELETE FROM bill_refunds
WHERE (bill_refund, merchant) IN (SELECT id, merchant FROM touched WHERE what = 'bill_refund')
  AND (bill_refund, merchant) NOT IN (SELECT wx_refund_id, merchant FROM best_refund_lines);

DELETE FROM bill_refunds
WHERE wx_refund_id IS NULL
  AND (transaction_id, merchant) IN (SELECT id, merchant FROM touched WHERE what = 'unnamed_refund')
  AND (bill_refund, merchant) NOT IN (SELECT bill_refund, merchant FROM unnamed_refund_lines);

INSERT INTO bill_refunds (merchant, bill_refund, wx_refund_id, transaction_id, line, bill_day, bill_fen, refund_state,
                          refunded_at, app_id, is_other_app, changed, late)
SELECT n.merchant, n.bill_refund, l.wx_refund_id, l.transaction_id, n.line, n.bill_day, l.amount_fen, l.refund_state,
       coalesce(l.refund_succeeded_at, l.traded_at), l.app_id,
       l.app_id IS NOT NULL
           AND NOT EXISTS (SELECT 1 FROM apps AS a JOIN app_merchants AS m ON m.app = a.app
                           WHERE a.app_id = l.app_id AND m.merchant = n.merchant),
       :position,
       EXISTS (SELECT 1 FROM closed_months AS c WHERE c.merchant = n.merchant AND c.month = substr(n.bill_day, 1, 7))
FROM (SELECT merchant, wx_refund_id AS bill_refund, line, bill_day FROM best_refund_lines WHERE place = 1
      UNION ALL
      SELECT merchant, bill_refund, line, bill_day FROM unnamed_refund_lines) AS n
CROSS JOIN bill_lines AS l ON l.line = n.line
WHERE true
ON CONFLICT (bill_refund, merchant) DO UPDATE
SET (transaction_id, line, bill_day, bill_fen, refund_state, refunded_at, app_id, is_other_app) =
        (excluded.transaction_id, excluded.line, excluded.bill_day, excluded.bill_fen, excluded.refund_state,
         excluded.refunded_at, excluded.app_id, excluded.is_other_app),
    -- A line that says the same in another file changes nothing.
    (changed, late) =
        (SELECT iif(s.is_same, bill_refunds.changed, excluded.changed),
                iif(s.is_same, bill_refunds.late, excluded.late)
         FROM (SELECT bill_refunds.bill_day = excluded.bill_day
                          AND (SELECT l.says FROM bill_lines AS l WHERE l.line = bill_refunds.line)
                              IS (SELECT l.says FROM bill_lines AS l WHERE l.line = excluded.line) AS is_same) AS s)
WHERE line <> excluded.line;

UPDATE files SET counted_rows = files.counted_rows + n.lines FROM touched_counts AS n WHERE n.file = files.file;

-- The day of a recovered order is that of the line it was entered from.
UPDATE orders
SET window_from = f.bill_day, window_mid = f.bill_day, window_to = f.bill_day
FROM (SELECT min(f.bill_day) AS bill_day, f.merchant, f.sha256, f.file
      FROM files AS f
      WHERE f.stream = :stream AND f.state = 'sealed') AS f
WHERE orders.is_recovered = 1 AND orders.merchant = f.merchant AND orders.evidence_sha256 = f.sha256
  AND EXISTS (SELECT 1 FROM bill_lines AS l WHERE l.line = f.file * 4294967296 + orders.evidence_line);

-- then: match_orders
-- then: match_lines
-- then: match_refunds

DELETE FROM touched;

-- Days have a bill now: what still has no line may be missing from here on.
UPDATE orders
SET is_covered = n.is_covered,
    changed = iif(orders.status IN ('awaiting_bill', 'missing_in_bill'), :position, orders.changed),
    late = iif(orders.status IN ('awaiting_bill', 'missing_in_bill'),
               EXISTS (SELECT 1 FROM closed_months AS c
                       WHERE c.merchant = orders.merchant AND c.month = substr(orders.accounting_day, 1, 7)),
               orders.late)
FROM order_coverage AS n
WHERE n.position = orders.position AND :covers IN ('payments', 'both')
  AND orders.merchant = :merchant
  AND orders.accounting_day IN (:bill_day, day_plus(:bill_day, 1), day_plus(:bill_day, 2))
  AND orders.status IN ('test_order', 'conflict', 'other_channel', 'ids_disagree', 'awaiting_bill', 'missing_in_bill')
  AND orders.bill_line IS NULL AND orders.window_from <= :bill_day AND orders.is_covered <> n.is_covered;

UPDATE orders
SET is_covered = n.is_covered, changed = :position,
    late = EXISTS (SELECT 1 FROM closed_months AS c
                   WHERE c.merchant = orders.merchant AND c.month = substr(orders.accounting_day, 1, 7))
FROM order_coverage AS n
WHERE n.position = orders.position AND orders.merchant = :merchant AND orders.is_recovered = 1
  AND orders.bill_line IS NULL AND orders.is_covered <> n.is_covered;

UPDATE refunds
SET is_covered = n.is_covered, changed = :position, late = n.late
FROM refund_limits AS n
WHERE n.position = refunds.position AND :covers IN ('refunds', 'both') AND refunds.merchant = :merchant
  AND refunds.refund_day BETWEEN :bill_day AND day_plus(:bill_day, 15) AND refunds.bill_line IS NULL
  AND refunds.is_covered <> n.is_covered;
