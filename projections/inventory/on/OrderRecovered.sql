INSERT INTO items (position, app, env, out_trade_no, open_id, zone_id, product_id, quantity, delivered_at)
VALUES (:position, :app, :env, :out_trade_no, :open_id, coalesce(:zone_id, ''), :product_id, :quantity,
        :recorded_at);

INSERT INTO totals (app, env, zone_id, product_id, source, deliveries, delivered, granted, last_at)
VALUES (:app, :env, coalesce(:zone_id, ''), :product_id, 'order', 1, :quantity, 0, :recorded_at)
ON CONFLICT (app, env, zone_id, product_id, source) DO UPDATE SET
    deliveries = deliveries + 1,
    delivered = delivered + excluded.delivered,
    last_at = max(last_at, excluded.last_at);
