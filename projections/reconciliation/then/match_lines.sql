-- Lines without order.
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
