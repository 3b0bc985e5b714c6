-- Refunds. First which payment and which order each is for; the old ones and the new ones are looked at again.
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
