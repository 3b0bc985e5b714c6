INSERT INTO apps (app, merchant) VALUES (:app, :merchant)
ON CONFLICT (app) DO UPDATE SET merchant = excluded.merchant;

INSERT OR IGNORE INTO app_merchants (app, merchant) VALUES (:app, :merchant);

-- The first one also counts for what came before.
UPDATE orders
SET merchant = :merchant, changed = :position,
    late = EXISTS (SELECT 1 FROM closed_months AS c
                   WHERE c.merchant = :merchant AND c.month = substr(orders.accounting_day, 1, 7))
WHERE app = :app AND merchant IS NULL;

UPDATE refunds
SET merchant = :merchant, changed = :position,
    late = EXISTS (SELECT 1 FROM closed_months AS c
                   WHERE c.merchant = :merchant AND c.month = substr(refunds.accounting_day, 1, 7))
WHERE app = :app AND merchant IS NULL;

UPDATE claims SET merchant = :merchant WHERE app = :app AND merchant IS NULL;

UPDATE orders
SET is_covered = n.is_covered
FROM order_coverage AS n
WHERE n.position = orders.position AND orders.app = :app AND orders.changed = :position
  AND n.is_covered <> orders.is_covered;

INSERT OR IGNORE INTO touched (what, id, merchant)
SELECT 'payment', o.transaction_id, o.merchant
FROM orders AS o
WHERE o.app = :app AND o.changed = :position AND o.transaction_id IS NOT NULL
  AND EXISTS (SELECT 1 FROM bill_payments AS b
              WHERE b.transaction_id = o.transaction_id AND b.merchant = o.merchant)
UNION ALL
SELECT 'mch_order', o.mch_order_no, o.merchant
FROM orders AS o
WHERE o.app = :app AND o.changed = :position AND o.mch_order_no IS NOT NULL
  AND EXISTS (SELECT 1 FROM bill_payments AS b WHERE b.mch_order_no = o.mch_order_no AND b.merchant = o.merchant)
UNION ALL
SELECT 'refund', r.position, ''
FROM refunds AS r
WHERE r.app = :app
UNION ALL
-- Refunds of another app that name an order of this one.
SELECT 'refund', r.position, ''
FROM orders AS o
CROSS JOIN refunds AS r ON r.payment = o.transaction_id AND r.merchant = o.merchant
WHERE o.app = :app AND o.changed = :position AND o.transaction_id IS NOT NULL
UNION ALL
SELECT 'refund', r.position, ''
FROM orders AS o
CROSS JOIN refunds AS r ON r.mch_order_no = o.mch_order_no AND r.merchant = o.merchant
WHERE o.app = :app AND o.changed = :position AND o.mch_order_no IS NOT NULL
UNION ALL
SELECT 'payment', b.transaction_id, b.merchant
FROM claims AS c
CROSS JOIN bill_only AS b ON b.transaction_id = c.id
WHERE c.app = :app AND c.id_kind = 'transaction_id'
UNION ALL
SELECT 'payment', b.transaction_id, b.merchant
FROM claims AS c
CROSS JOIN bill_only AS b ON b.mch_order_no = c.id
WHERE c.app = :app AND c.id_kind = 'mch_order_no';

-- Lines of a bill that name its AppID mean something else now.
INSERT OR IGNORE INTO touched (what, id, merchant)
SELECT 'payment', b.transaction_id, b.merchant
FROM bill_only AS b
WHERE b.app_id = (SELECT app_id FROM apps WHERE app = :app);

UPDATE bill_refunds
SET is_other_app = n.is_other_app, changed = :position, late = n.late
FROM bill_refunds_now AS n
WHERE n.merchant = bill_refunds.merchant AND n.bill_refund = bill_refunds.bill_refund
  AND bill_refunds.app_id = (SELECT app_id FROM apps WHERE app = :app)
  AND bill_refunds.is_other_app <> n.is_other_app;

-- Mostly nothing is: then that was all.
SELECT 1 FROM touched;

-- then: match_orders
-- then: match_lines
-- then: match_refunds

DELETE FROM touched;
