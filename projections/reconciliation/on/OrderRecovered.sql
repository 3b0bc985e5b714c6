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

-- then: touch_order

-- Mostly nothing is: then that was all.
SELECT 1 FROM touched;

-- then: match_orders
-- then: match_lines
-- then: match_refunds

DELETE FROM touched;
