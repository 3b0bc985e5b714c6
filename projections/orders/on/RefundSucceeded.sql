INSERT INTO refunds (position, app, env, refund_id, refund_amount_fen, refund_source, out_trade_no, mch_order_no,
                     transaction_id, refunded_at, day)
VALUES (:position, :app, :env, :refund_id, :refund_amount_fen, :refund_source, :out_trade_no, :mch_order_no,
        :transaction_id, :recorded_at, :day);
