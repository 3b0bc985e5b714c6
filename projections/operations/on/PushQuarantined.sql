-- The ids are taken from the payload wherever they stand in it; a payload that is not JSON has none. Of one that
-- names an id twice the greater counts here; `ids` knows both.
INSERT INTO quarantine (position, quarantine_id, app, event, reason, detail, money_at_stake, out_trade_no,
                        transaction_id, mch_order_no, refund_id, open_id, held_at)
SELECT :position, :key, :app, :event, :reason, :detail, :money_at_stake,
       coalesce(:out_trade_no, max(iif(key = 'OutTradeNo', CAST(atom AS TEXT), NULL))),
       max(iif(key = 'TransactionId', CAST(atom AS TEXT), NULL)),
       max(iif(key = 'MchOrderNo', CAST(atom AS TEXT), NULL)),
       max(iif(key = 'RefundId', CAST(atom AS TEXT), NULL)),
       max(iif(key IN ('OpenId', 'ToUserOpenid'), CAST(atom AS TEXT), NULL)),
       :recorded_at
FROM json_tree(iif(json_valid(:payload), :payload, NULL));

INSERT INTO ids (id, position)
SELECT CAST(atom AS TEXT), :position
FROM json_tree(iif(json_valid(:payload), :payload, NULL))
WHERE key IN ('OutTradeNo', 'TransactionId', 'MchOrderNo', 'RefundId', 'OpenId', 'ToUserOpenid', 'OrderId')
  AND atom <> ''
UNION
SELECT :key, :position
UNION
SELECT :out_trade_no, :position WHERE :out_trade_no IS NOT NULL;

INSERT INTO pushes (app, env, day, event_type, kind, pushes, first_at, last_at)
VALUES (:app, coalesce(:env, ''), :day, :event_type, :reason, 1, :recorded_at, :recorded_at)
ON CONFLICT (app, env, day, event_type, kind) DO UPDATE SET
    pushes = pushes + 1,
    first_at = min(first_at, excluded.first_at),
    last_at = max(last_at, excluded.last_at);
