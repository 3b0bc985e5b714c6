-- Entered by people from a line of a bill: the payment's day is that line's, where the file is known.
INSERT INTO orders (position, app, merchant, out_trade_no, mch_order_no, transaction_id, open_id, product_id, quantity,
                    zone_id, amount_fen, is_recovered, evidence_sha256, evidence_line, pushed_at, push_day, window_from,
                    window_mid, window_to, is_covered, changed, late)
SELECT :position, :app, a.merchant, :out_trade_no, :mch_order_no, :transaction_id, :open_id, :product_id, :quantity,
       :zone_id, :amount_fen, 1, :bill_sha256, :bill_line, :recorded_at, :day,
       w.day_from, w.day_mid, w.day_to,
       EXISTS (SELECT 1 FROM covered_days AS c
               WHERE c.merchant = a.merchant AND c.day = w.day_to AND c.covers IN ('payments', 'both'))
           AND EXISTS (SELECT 1 FROM covered_days AS c
                       WHERE c.merchant = a.merchant AND c.day = w.day_mid AND c.covers IN ('payments', 'both'))
           AND EXISTS (SELECT 1 FROM covered_days AS c
                       WHERE c.merchant = a.merchant AND c.day = w.day_from AND c.covers IN ('payments', 'both')),
       :position,
       EXISTS (SELECT 1 FROM closed_months AS c WHERE c.merchant = a.merchant AND c.month = substr(:day, 1, 7))
FROM (SELECT coalesce(f.bill_day, beijing_day(moment_plus(:recorded_at, -86640))) AS day_from,
             coalesce(f.bill_day, beijing_day(moment_plus(:recorded_at, -43320))) AS day_mid,
             coalesce(f.bill_day, :day) AS day_to
      FROM (SELECT min(f.bill_day) AS bill_day
            FROM files AS f
            JOIN bill_lines AS l ON l.line = f.file * 4294967296 + :bill_line
            WHERE f.sha256 = :bill_sha256 AND f.state IN ('sealed', 'superseded')
              AND f.merchant = (SELECT merchant FROM apps WHERE app = :app)) AS f) AS w
LEFT JOIN apps AS a ON a.app = :app;

UPDATE recoveries
SET state = 'approved', decided_by = :approved_by, decided_at = :recorded_at, position = :position
WHERE app = :app AND out_trade_no = :key;

-- Only where a bill, a refund or another order has the same ids is there anything to match.
INSERT OR IGNORE INTO touched (what, id, merchant)
SELECT 'payment', o.transaction_id, o.merchant
FROM orders AS o
WHERE o.position = :position AND o.merchant IS NOT NULL AND o.transaction_id IS NOT NULL
  AND (EXISTS (SELECT 1 FROM bill_payments AS b
               WHERE b.transaction_id = o.transaction_id AND b.merchant = o.merchant)
       OR EXISTS (SELECT 1 FROM refunds AS r WHERE r.payment = o.transaction_id AND r.merchant = o.merchant))
UNION ALL
SELECT 'mch_order', o.mch_order_no, o.merchant
FROM orders AS o
WHERE o.position = :position AND o.merchant IS NOT NULL AND o.mch_order_no IS NOT NULL
  AND (EXISTS (SELECT 1 FROM bill_payments AS b WHERE b.mch_order_no = o.mch_order_no AND b.merchant = o.merchant)
       OR EXISTS (SELECT 1 FROM refunds AS r WHERE r.mch_order_no = o.mch_order_no)
       -- A refund that names no TransactionId may take it from another order with the same MchOrderNo.
       OR (EXISTS (SELECT 1 FROM refunds AS r WHERE r.merchant = o.merchant AND r.transaction_id IS NULL)
           AND EXISTS (SELECT 1 FROM orders AS s
                       WHERE s.mch_order_no = o.mch_order_no AND s.merchant = o.merchant
                         AND s.position <> o.position)))
UNION ALL
SELECT 'order', o.position, ''
FROM orders AS o
WHERE o.position = :position
  AND EXISTS (SELECT 1 FROM refunds AS r WHERE r.out_trade_no = o.out_trade_no AND r.app = o.app)
UNION ALL
-- Refunds that came while the app's orders were paid to another merchant.
SELECT 'refund', r.position, ''
FROM orders AS o
CROSS JOIN refunds AS r ON r.transaction_id = o.transaction_id AND r.app = o.app AND r.merchant IS NOT o.merchant
WHERE o.position = :position
UNION ALL
SELECT 'refund', r.position, ''
FROM orders AS o
CROSS JOIN refunds AS r ON r.mch_order_no = o.mch_order_no AND r.app = o.app AND r.merchant IS NOT o.merchant
WHERE o.position = :position;

-- Mostly nothing is: then that was all.
SELECT 1 FROM touched;

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
