-- Its order follows; where the approval ends before that, whoever approves again completes it.
UPDATE recoveries
SET state = 'approving', decided_by = :by, decided_at = :recorded_at, position = :position
WHERE app = :app AND out_trade_no = :key;
