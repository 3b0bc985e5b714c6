INSERT INTO totals (app, env, day, kind, product_id, orders, quantity, gross_fen, unit_price_min_fen,
                    unit_price_max_fen, mall_test_orders, mall_test_fen, first_at, last_at)
SELECT :app, :env, :day, 'goods', :product_id, 1, :quantity, amount_fen, amount_fen / :quantity,
       amount_fen / :quantity, :order_source = 3, iif(:order_source = 3, amount_fen, 0), :recorded_at, :recorded_at
FROM (SELECT CASE (SELECT actual_price_is FROM apps WHERE app = :app)
                 WHEN 'unit' THEN :actual_price_fen * :quantity
                 ELSE :actual_price_fen END AS amount_fen)
WHERE true
ON CONFLICT (app, env, day, kind, product_id) DO UPDATE SET
    orders = orders + 1,
    quantity = quantity + excluded.quantity,
    gross_fen = gross_fen + excluded.gross_fen,
    unit_price_min_fen = min(unit_price_min_fen, excluded.unit_price_min_fen),
    unit_price_max_fen = max(unit_price_max_fen, excluded.unit_price_max_fen),
    mall_test_orders = mall_test_orders + excluded.mall_test_orders,
    mall_test_fen = mall_test_fen + excluded.mall_test_fen,
    first_at = min(first_at, excluded.first_at),
    last_at = max(last_at, excluded.last_at);

INSERT INTO players (app, env, day, kind, product_id, open_id)
VALUES (:app, :env, :day, 'goods', :product_id, :open_id)
ON CONFLICT DO NOTHING;

INSERT INTO mall_tests (position, app, env, out_trade_no, open_id, product_id, quantity, amount_fen, delivered_at,
                        day)
SELECT :position, :app, :env, :out_trade_no, :open_id, :product_id, :quantity,
       CASE (SELECT actual_price_is FROM apps WHERE app = :app)
            WHEN 'unit' THEN :actual_price_fen * :quantity
            ELSE :actual_price_fen END,
       :recorded_at, :day
WHERE :order_source = 3;
