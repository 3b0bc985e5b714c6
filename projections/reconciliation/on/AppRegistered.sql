INSERT INTO apps (app, app_id, actual_price_is) VALUES (:app, :app_id, :actual_price_is)
ON CONFLICT (app) DO UPDATE SET app_id = excluded.app_id, actual_price_is = excluded.actual_price_is;

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

-- And the ids of orders may disagree with their lines.
INSERT OR IGNORE INTO touched (what, id, merchant)
SELECT 'order', o.position, ''
FROM orders AS o
JOIN bill_lines AS l ON l.line = o.bill_line
WHERE l.app_id = :app_id;

-- Mostly nothing is: then that was all.
SELECT 1 FROM touched;

-- then: match_orders
-- then: match_lines
-- then: match_refunds

DELETE FROM touched;
