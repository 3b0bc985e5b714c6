UPDATE orders SET grant_state = 'refused', grant_by = :by, grant_reason = :reason, grant_at = :recorded_at
WHERE out_trade_no = :key AND app = :app AND env = :env;
