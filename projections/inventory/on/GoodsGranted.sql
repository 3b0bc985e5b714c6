INSERT INTO totals (app, env, zone_id, product_id, source, deliveries, delivered, granted, last_at)
SELECT app, env, zone_id, product_id, 'order', 0, 0, quantity, delivered_at
FROM items
WHERE out_trade_no = :key AND app = :app AND env = :env AND is_granted = 0
ON CONFLICT (app, env, zone_id, product_id, source) DO UPDATE SET granted = granted + excluded.granted;

UPDATE items SET is_granted = 1 WHERE out_trade_no = :key AND app = :app AND env = :env;
