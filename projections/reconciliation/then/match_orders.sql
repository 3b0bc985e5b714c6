-- Around each touched payment stand the MchOrderNos of its line and of the orders that name it; where
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
