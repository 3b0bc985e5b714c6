INSERT INTO gift_items (position, line, app, order_id, open_id, zone_id, product_id, quantity, delivered_at)
SELECT :position, g.key, :app, :order_id, :open_id, coalesce(:zone, ''),
       json_extract(g.value, '$.id'), json_extract(g.value, '$.num'), :recorded_at
FROM json_each(:goods) AS g;

INSERT INTO totals (app, env, zone_id, product_id, source, deliveries, delivered, granted, last_at)
SELECT :app, 'production', coalesce(:zone, ''), json_extract(g.value, '$.id'), 'gift', 1,
       json_extract(g.value, '$.num'), 0, :recorded_at
FROM json_each(:goods) AS g
WHERE true
ON CONFLICT (app, env, zone_id, product_id, source) DO UPDATE SET
    deliveries = deliveries + 1,
    delivered = delivered + excluded.delivered,
    last_at = max(last_at, excluded.last_at);
