-- The price of coins is always that of the whole order, as in `orders`.
INSERT INTO totals (app, env, day, kind, product_id, orders, quantity, gross_fen, unit_price_min_fen,
                    unit_price_max_fen, mall_test_orders, mall_test_fen, first_at, last_at)
VALUES (:app, :env, :day, 'coins', '', 1, :buy_quantity, :actual_price_fen, :actual_price_fen / :buy_quantity,
        :actual_price_fen / :buy_quantity, 0, 0, :recorded_at, :recorded_at)
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
VALUES (:app, :env, :day, 'coins', '', :open_id)
ON CONFLICT DO NOTHING;
