-- An order whose push never came, entered by people from a bill: goods like any other. The amount is that of the
-- whole order, whatever the app's prices mean; it stands for the prices that no push has told.
INSERT INTO orders (position, app, env, kind, out_trade_no, mch_order_no, transaction_id, open_id, product_id,
                    quantity, zone_id, orig_price_fen, actual_price_fen, amount_fen, delivered_at, day)
VALUES (:position, :app, :env, 'goods', :out_trade_no, :mch_order_no, :transaction_id, :open_id, :product_id,
        :quantity, :zone_id, :amount_fen, :amount_fen, :amount_fen, :recorded_at, :day);

INSERT INTO days (day, first_position, last_position) VALUES (:day, :position, :position)
ON CONFLICT (day) DO UPDATE SET last_position = excluded.last_position;
