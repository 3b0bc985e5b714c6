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

-- Match: orders. Around each touched payment stand the MchOrderNos of its line and of the orders that name it; where
-- others have the same, all that have it are looked at again.
INSERT OR IGNORE INTO touched (what, id, merchant)
SELECT 'mch_order', m.mch_order_no, m.merchant
FROM touched_mch_orders AS m
WHERE EXISTS (SELECT 1 FROM orders AS o
              WHERE o.mch_order_no = m.mch_order_no AND o.merchant = m.merchant
                AND o.transaction_id IS NOT m.transaction_id)
   OR EXISTS (SELECT 1 FROM bill_payments AS b
              WHERE b.mch_order_no = m.mch_order_no AND b.merchant = m.merchant
                AND b.transaction_id <> m.transaction_id)
   OR EXISTS (SELECT 1 FROM refunds AS r WHERE r.mch_order_no = m.mch_order_no AND r.transaction_id IS NULL);

INSERT OR IGNORE INTO touched (what, id, merchant)
SELECT 'order', o.position, ''
FROM touched AS t
CROSS JOIN orders AS o ON o.transaction_id = t.id AND o.merchant = t.merchant
WHERE t.what = 'payment'
UNION ALL
SELECT 'order', o.position, ''
FROM touched AS t
CROSS JOIN orders AS o ON o.mch_order_no = t.id AND o.merchant = t.merchant
WHERE t.what = 'mch_order';

UPDATE orders
SET (bill_line, bill_day, bill_fen, paired_by, is_doubled, do_ids_disagree, is_other_currency, is_revoked) =
        (n.bill_line, n.bill_day, n.bill_fen, n.paired_by, n.is_doubled, n.do_ids_disagree, n.is_other_currency,
         n.is_revoked),
    -- Of an order with a line nobody counts the days: one that has lost it is counted anew.
    is_covered = iif(n.bill_line IS NULL,
                     (SELECT c.is_covered FROM order_coverage AS c WHERE c.position = orders.position),
                     orders.is_covered),
    changed = iif(n.is_changed, :position, orders.changed), late = iif(n.is_changed, n.late, orders.late)
FROM order_bills AS n
WHERE n.position = orders.position AND orders.position IN (SELECT id FROM touched WHERE what = 'order')
  AND (orders.bill_line IS NOT n.bill_line OR n.is_changed);

-- Match: lines without order.
INSERT OR IGNORE INTO touched (what, id, merchant)
SELECT 'payment', b.transaction_id, b.merchant
FROM touched AS t
CROSS JOIN bill_payments AS b ON b.mch_order_no = t.id AND b.merchant = t.merchant
WHERE t.what = 'mch_order';

DELETE FROM bill_only
WHERE (transaction_id, merchant) IN (SELECT id, merchant FROM touched WHERE what = 'payment')
  AND (transaction_id, merchant, copy) NOT IN (SELECT transaction_id, merchant, copy FROM unpaired_lines);

INSERT INTO bill_only (transaction_id, merchant, copy, line, bill_day, bill_fen, traded_at, app_id, mch_order_no,
                       is_doubled, is_other_app, is_quarantined, is_other_currency, is_revoked, is_mock, is_sandbox,
                       changed, late)
SELECT n.transaction_id, n.merchant, n.copy, n.line, n.bill_day, n.bill_fen, n.traded_at, n.app_id, n.mch_order_no,
       n.is_doubled, n.is_other_app, n.is_quarantined, n.is_other_currency, n.is_revoked, n.is_mock, n.is_sandbox,
       :position, n.late
FROM bill_only_now AS n
WHERE true
ON CONFLICT (transaction_id, merchant, copy) DO UPDATE
SET (line, bill_day, bill_fen, traded_at, app_id, mch_order_no, is_doubled, is_other_app, is_quarantined,
     is_other_currency, is_revoked, is_mock, is_sandbox) =
        (excluded.line, excluded.bill_day, excluded.bill_fen, excluded.traded_at, excluded.app_id,
         excluded.mch_order_no, excluded.is_doubled, excluded.is_other_app, excluded.is_quarantined,
         excluded.is_other_currency, excluded.is_revoked, excluded.is_mock, excluded.is_sandbox),
    -- A line that says the same in another file changes nothing.
    (changed, late) =
        (SELECT iif(s.is_same, bill_only.changed, excluded.changed), iif(s.is_same, bill_only.late, excluded.late)
         FROM (SELECT bill_day = excluded.bill_day AND is_doubled = excluded.is_doubled
                          AND is_other_app = excluded.is_other_app AND is_quarantined = excluded.is_quarantined
                          AND is_mock = excluded.is_mock AND is_sandbox = excluded.is_sandbox
                          AND (SELECT l.says FROM bill_lines AS l WHERE l.line = bill_only.line)
                              IS (SELECT l.says FROM bill_lines AS l WHERE l.line = excluded.line) AS is_same) AS s)
WHERE line <> excluded.line OR is_doubled <> excluded.is_doubled OR is_other_app <> excluded.is_other_app
   OR is_quarantined <> excluded.is_quarantined OR is_mock <> excluded.is_mock
   OR is_sandbox <> excluded.is_sandbox;

-- Match: refunds. First which payment and which order each is for; the old ones and the new ones are looked at again.
INSERT OR IGNORE INTO touched (what, id, merchant)
SELECT 'refund', r.position, ''
FROM touched AS t
CROSS JOIN orders AS o ON o.position = t.id
CROSS JOIN refunds AS r ON r.out_trade_no = o.out_trade_no AND r.app = o.app
WHERE t.what = 'order'
UNION ALL
SELECT 'refund', r.position, ''
FROM touched AS t
CROSS JOIN refunds AS r ON r.order_position = t.id
WHERE t.what = 'order'
UNION ALL
SELECT 'refund', r.position, ''
FROM touched AS t
CROSS JOIN refunds AS r ON r.payment = t.id AND r.merchant = t.merchant
WHERE t.what = 'payment'
UNION ALL
SELECT 'refund', r.position, ''
FROM touched AS t
CROSS JOIN refunds AS r ON r.mch_order_no = t.id
WHERE t.what = 'mch_order';

INSERT OR IGNORE INTO touched (what, id, merchant)
SELECT 'refunded_payment', r.payment, r.merchant
FROM touched AS t
CROSS JOIN refunds AS r ON r.position = t.id
WHERE t.what = 'refund' AND r.payment IS NOT NULL AND r.merchant IS NOT NULL
UNION ALL
SELECT 'refunded_order', r.order_position, ''
FROM touched AS t
CROSS JOIN refunds AS r ON r.position = t.id
WHERE t.what = 'refund' AND r.order_position IS NOT NULL;

-- To whom it was paid is what the order says that a refund names.
UPDATE refunds
SET merchant = n.merchant, changed = :position,
    late = EXISTS (SELECT 1 FROM closed_months AS c
                   WHERE c.merchant = n.merchant AND c.month = substr(refunds.accounting_day, 1, 7))
FROM refund_merchants AS n
WHERE n.position = refunds.position AND refunds.position IN (SELECT id FROM touched WHERE what = 'refund')
  AND refunds.merchant IS NOT n.merchant;

UPDATE refunds
SET payment = n.payment, order_position = n.order_position, changed = :position, late = n.late
FROM refund_links AS n
WHERE n.position = refunds.position AND refunds.position IN (SELECT id FROM touched WHERE what = 'refund')
  AND (refunds.payment IS NOT n.payment OR refunds.order_position IS NOT n.order_position);

INSERT OR IGNORE INTO touched (what, id, merchant)
SELECT 'refunded_payment', r.payment, r.merchant
FROM touched AS t
CROSS JOIN refunds AS r ON r.position = t.id
WHERE t.what = 'refund' AND r.payment IS NOT NULL AND r.merchant IS NOT NULL
UNION ALL
SELECT 'refunded_order', r.order_position, ''
FROM touched AS t
CROSS JOIN refunds AS r ON r.position = t.id
WHERE t.what = 'refund' AND r.order_position IS NOT NULL;

UPDATE refunds
SET (bill_refund, bill_line, bill_day, bill_fen, refund_state, is_ambiguous) =
        (n.bill_refund, n.bill_line, n.bill_day, n.bill_fen, n.refund_state, n.is_ambiguous),
    changed = iif(n.is_changed, :position, refunds.changed), late = iif(n.is_changed, n.late, refunds.late)
FROM refund_bills AS n
WHERE n.position = refunds.position AND (refunds.bill_line IS NOT n.bill_line OR n.is_changed);

UPDATE bill_refunds
SET (is_paired, is_ambiguous, late) = (n.is_paired, n.is_ambiguous, n.late), changed = :position
FROM bill_refunds_now AS n
WHERE n.bill_refund = bill_refunds.bill_refund AND n.merchant = bill_refunds.merchant
  AND (bill_refunds.transaction_id, bill_refunds.merchant)
      IN (SELECT id, merchant FROM touched WHERE what = 'refunded_payment')
  AND (bill_refunds.is_paired <> n.is_paired OR bill_refunds.is_ambiguous <> n.is_ambiguous);

INSERT OR IGNORE INTO touched (what, id, merchant)
SELECT 'refund', r.position, ''
FROM touched AS t
CROSS JOIN refunds AS r ON r.order_position = t.id
WHERE t.what = 'refunded_order'
UNION ALL
SELECT 'refund', r.position, ''
FROM touched AS t
CROSS JOIN refunds AS r ON r.payment = t.id AND r.merchant = t.merchant
WHERE t.what = 'refunded_payment';

UPDATE refunds
SET is_excessive = n.is_excessive, is_other_channel = n.is_other_channel, is_covered = n.is_covered,
    changed = :position, late = n.late
FROM refund_limits AS n
WHERE n.position = refunds.position AND refunds.position IN (SELECT id FROM touched WHERE what = 'refund')
  AND (refunds.is_excessive <> n.is_excessive OR refunds.is_other_channel <> n.is_other_channel
       OR refunds.is_covered <> n.is_covered);

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
