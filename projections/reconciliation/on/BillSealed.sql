-- The lines of this file count from here on, and those of the file it supersedes no more. Everything that one of
-- them names is looked at again.
INSERT INTO touched (what, id, merchant)
SELECT iif(count(*) = 1, 'payment', 'counted_anew'), l.transaction_id, f.merchant
FROM files AS f
CROSS JOIN bill_lines AS l ON l.line BETWEEN f.file * 4294967296 AND f.file * 4294967296 + 4294967295
WHERE f.stream = :stream AND f.state = 'unfinished' AND +l.row_kind = 'payment'
GROUP BY l.transaction_id, f.merchant;

-- Most payments are new and have one line: it counts. Those with several are counted anew, and those of which lines
-- count already.
INSERT OR IGNORE INTO touched (what, id, merchant)
SELECT 'counted_anew', l.transaction_id, f.merchant
FROM files AS f
CROSS JOIN bill_lines AS l ON l.line BETWEEN f.file * 4294967296 AND f.file * 4294967296 + 4294967295
WHERE f.stream = :stream AND f.state = 'sealed' AND f.superseded_by IS NOT NULL AND +l.row_kind = 'payment'
UNION ALL
SELECT 'counted_anew', t.id, t.merchant
FROM touched AS t
WHERE t.what = 'payment'
  AND EXISTS (SELECT 1 FROM bill_payments AS b WHERE b.transaction_id = t.id AND b.merchant = t.merchant);

INSERT OR IGNORE INTO touched (what, id, merchant)
SELECT 'payment', t.id, t.merchant
FROM touched AS t
WHERE t.what = 'counted_anew';

INSERT OR IGNORE INTO touched (what, id, merchant)
SELECT iif(l.wx_refund_id IS NULL, 'unnamed_refund', 'bill_refund'), coalesce(l.wx_refund_id, l.transaction_id),
       f.merchant
FROM files AS f
CROSS JOIN bill_lines AS l ON l.line BETWEEN f.file * 4294967296 AND f.file * 4294967296 + 4294967295
WHERE f.stream = :stream AND (f.state = 'unfinished' OR (f.state = 'sealed' AND f.superseded_by IS NOT NULL))
  AND +l.row_kind = 'refund';

INSERT OR IGNORE INTO touched (what, id, merchant)
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
    counted_rows = (SELECT count(*) FROM touched WHERE what = 'payment')
                   - (SELECT count(*) FROM touched WHERE what = 'counted_anew'),
    payments = :payments, refunds = :refunds, order_fen = :order_fen,
    settlement_fen = :settlement_fen, coupon_fen = :coupon_fen, refund_fen = :refund_fen,
    coupon_refund_fen = :coupon_refund_fen, applied_refund_fen = :applied_refund_fen, fee_millifen = :fee_millifen,
    incomes = :incomes, income_fen = :income_fen, expenses = :expenses,
    expense_fen = :expense_fen
WHERE stream = :stream AND state = 'unfinished';

-- The new payments.
INSERT INTO bill_payments (transaction_id, merchant, line, lines, mch_order_no)
SELECT l.transaction_id, f.merchant, l.line, 1, l.mch_order_no
FROM files AS f
CROSS JOIN bill_lines AS l ON l.line BETWEEN f.file * 4294967296 AND f.file * 4294967296 + 4294967295
WHERE f.stream = :stream AND f.state = 'sealed' AND +l.row_kind = 'payment'
  AND NOT EXISTS (SELECT 1 FROM touched AS t
                  WHERE t.what = 'counted_anew' AND t.id = l.transaction_id AND t.merchant = f.merchant)
ORDER BY l.transaction_id;

-- Which lines of the payments counted anew count: those of other days that counted before, and of this day each line
-- once, from whatever files hold it; the n-th of one file is the n-th of the other. Not every file has MchOrderNos, nor
-- both amounts.
INSERT INTO counted_lines (transaction_id, merchant, bill_day, kind_place, line)
SELECT b.transaction_id, b.merchant, f.bill_day, f.kind_place, b.line
FROM touched AS t
CROSS JOIN bill_payments AS b ON b.transaction_id = t.id AND b.merchant = t.merchant
CROSS JOIN files AS f ON f.file = b.line >> 32
WHERE t.what = 'counted_anew' AND f.bill_day <> :bill_day
UNION ALL
SELECT b.transaction_id, b.merchant, f.bill_day, f.kind_place, b.line
FROM touched AS t
CROSS JOIN bill_copies AS b ON b.transaction_id = t.id AND b.merchant = t.merchant
CROSS JOIN files AS f ON f.file = b.line >> 32
WHERE t.what = 'counted_anew' AND f.bill_day <> :bill_day;

INSERT INTO counted_lines (transaction_id, merchant, bill_day, kind_place, line)
SELECT d.transaction_id, :merchant, :bill_day, min(d.kind_place), d.line
FROM (SELECT l.transaction_id, l.trade_state, l.amount_fen, f.kind_place, l.line,
             row_number() OVER (PARTITION BY l.transaction_id, l.trade_state, l.amount_fen, f.file
                                ORDER BY l.line) AS place
      FROM files AS f
      CROSS JOIN bill_lines AS l ON l.line BETWEEN f.file * 4294967296 AND f.file * 4294967296 + 4294967295
      WHERE f.merchant = :merchant AND f.bill_day = :bill_day AND f.state = 'sealed' AND +l.row_kind = 'payment'
        AND EXISTS (SELECT 1 FROM touched AS t
                    WHERE t.what = 'counted_anew' AND t.id = l.transaction_id AND t.merchant = f.merchant)) AS d
GROUP BY d.transaction_id, d.trade_state, d.amount_fen, d.place;

-- A payment whose one line is the one that counted before stays as it is.
DELETE FROM touched
WHERE what IN ('payment', 'counted_anew')
  AND (id, merchant) IN (SELECT b.transaction_id, b.merchant
                         FROM (SELECT transaction_id, merchant, min(line) AS line
                               FROM counted_lines
                               GROUP BY transaction_id, merchant
                               HAVING count(*) = 1) AS c
                         CROSS JOIN bill_payments AS b
                                 ON b.transaction_id = c.transaction_id AND b.merchant = c.merchant
                         WHERE b.line = c.line AND b.lines = 1);

-- The others may have had another MchOrderNo.
INSERT OR IGNORE INTO touched (what, id, merchant)
SELECT 'mch_order', b.mch_order_no, b.merchant
FROM touched AS t
CROSS JOIN bill_payments AS b ON b.transaction_id = t.id AND b.merchant = t.merchant
WHERE t.what = 'counted_anew' AND b.mch_order_no IS NOT NULL;

-- Which of their lines counted until now.
UPDATE files SET counted_rows = files.counted_rows - n.lines FROM touched_counts AS n WHERE n.file = files.file;

DELETE FROM bill_copies
WHERE (transaction_id, merchant) IN (SELECT id, merchant FROM touched WHERE what = 'counted_anew');

DELETE FROM bill_payments
WHERE (transaction_id, merchant) IN (SELECT id, merchant FROM touched WHERE what = 'counted_anew')
  AND NOT EXISTS (SELECT 1 FROM counted_lines AS c
                  WHERE c.transaction_id = bill_payments.transaction_id AND c.merchant = bill_payments.merchant);

INSERT INTO bill_payments (transaction_id, merchant, line, lines, mch_order_no)
SELECT c.transaction_id, c.merchant, c.line, c.lines, l.mch_order_no
FROM (SELECT transaction_id, merchant, line, count(*) OVER (PARTITION BY transaction_id, merchant) AS lines,
             row_number() OVER (PARTITION BY transaction_id, merchant ORDER BY bill_day, kind_place, line) AS place
      FROM counted_lines) AS c
CROSS JOIN bill_lines AS l ON l.line = c.line
WHERE c.place = 1
  AND EXISTS (SELECT 1 FROM touched AS t
              WHERE t.what = 'counted_anew' AND t.id = c.transaction_id AND t.merchant = c.merchant)
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

-- then: cover_days
