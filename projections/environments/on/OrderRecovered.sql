-- An order whose push never came: goods of production, on the day it was approved. It was paid for, so it is no
-- mall test.
INSERT INTO totals (app, env, day, kind, product_id, orders, quantity, gross_fen, unit_price_min_fen,
                    unit_price_max_fen, mall_test_orders, mall_test_fen, first_at, last_at)
VALUES (:app, :env, :day, 'goods', :product_id, 1, :quantity, :amount_fen, :amount_fen / :quantity,
        :amount_fen / :quantity, 0, 0, :recorded_at, :recorded_at)
ON CONFLICT (app, env, day, kind, product_id) DO UPDATE SET
    orders = orders + 1,
    quantity = quantity + excluded.quantity,
    gross_fen = gross_fen + excluded.gross_fen,
    unit_price_min_fen = min(unit_price_min_fen, excluded.unit_price_min_fen),
    unit_price_max_fen = max(unit_price_max_fen, excluded.unit_price_max_fen),
    first_at = min(first_at, excluded.first_at),
    last_at = max(last_at, excluded.last_at);

INSERT INTO players (app, env, day, kind, product_id, open_id)
VALUES (:app, :env, :day, 'goods', :product_id, :open_id)
ON CONFLICT DO NOTHING;
