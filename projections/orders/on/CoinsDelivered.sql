-- The price of coins is always that of the whole order: WeChat calls it TotalPrice in its samples, and a push
-- whose ActualPrice and TotalPrice differ is not accepted. The app's price meaning is about goods only.
INSERT INTO orders (position, app, env, kind, out_trade_no, mch_order_no, transaction_id, open_id, quantity,
                    zone_id, orig_price_fen, actual_price_fen, amount_fen, delivered_at, day)
VALUES (:position, :app, :env, 'coins', :out_trade_no, :mch_order_no, :transaction_id, :open_id, :buy_quantity,
        :zone_id, :orig_price_fen, :actual_price_fen, :actual_price_fen, :recorded_at, :day);

INSERT INTO days (day, first_position, last_position) VALUES (:day, :position, :position)
ON CONFLICT (day) DO UPDATE SET last_position = excluded.last_position;
