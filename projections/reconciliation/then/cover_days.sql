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
  -- The last of an order's days is that of its push.
  AND orders.accounting_day IN (SELECT c.day FROM covered_days AS c
                                WHERE c.merchant = :merchant AND c.covers IN ('payments', 'both')
                                  AND c.day BETWEEN :bill_day AND day_plus(:bill_day, 2))
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
  AND refunds.refund_day IN (SELECT c.day FROM covered_days AS c
                             WHERE c.merchant = :merchant AND c.covers IN ('refunds', 'both')
                               AND c.day BETWEEN :bill_day AND day_plus(:bill_day, 15))
  AND refunds.bill_line IS NULL
  AND refunds.is_covered <> n.is_covered;
