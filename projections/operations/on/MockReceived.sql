INSERT INTO mocks (position, app, env, kind, number, open_id, out_trade_no, mch_order_no, transaction_id,
                   amount_fen, received_at)
VALUES (:position, :app, :env, :kind, :key, :open_id, :out_trade_no, :mch_order_no, :transaction_id,
        coalesce(:actual_price_fen, :refund_amount_fen), :recorded_at);

INSERT INTO ids (id, position)
SELECT DISTINCT atom, :position
FROM json_each(json_array(:key, :out_trade_no, :mch_order_no, :transaction_id, :open_id))
WHERE atom IS NOT NULL;

INSERT INTO pushes (app, env, day, event_type, kind, pushes, first_at, last_at)
VALUES (:app, coalesce(:env, ''), :day, :event_type, :kind, 1, :recorded_at, :recorded_at)
ON CONFLICT (app, env, day, event_type, kind) DO UPDATE SET
    pushes = pushes + 1,
    first_at = min(first_at, excluded.first_at),
    last_at = max(last_at, excluded.last_at);
