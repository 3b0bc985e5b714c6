INSERT INTO orders (position, app, env, kind, out_trade_no, mch_order_no, transaction_id, open_id, product_id,
                    quantity, zone_id, orig_price_fen, actual_price_fen, amount_fen, attach, order_source,
                    delivered_at, day)
VALUES (:position, :app, :env, 'goods', :out_trade_no, :mch_order_no, :transaction_id, :open_id, :product_id,
        :quantity, :zone_id, :orig_price_fen, :actual_price_fen,
        CASE (SELECT actual_price_is FROM apps WHERE app = :app)
             WHEN 'unit' THEN :actual_price_fen * :quantity
             ELSE :actual_price_fen END,
        :attach, :order_source, :recorded_at, :day);

INSERT INTO days (day, first_position, last_position) VALUES (:day, :position, :position)
ON CONFLICT (day) DO UPDATE SET last_position = excluded.last_position;
