-- Of what is an order the order is told, though it became one just when it was withdrawn.
UPDATE recoveries
SET state = 'withdrawn', decided_by = :by, decided_reason = :reason, decided_at = :recorded_at, position = :position
WHERE app = :app AND out_trade_no = :key AND state <> 'approved';
