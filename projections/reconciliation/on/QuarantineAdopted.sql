-- Nothing is held any more: lines of a bill that named it are judged by what else is known.
INSERT OR IGNORE INTO touched (what, id, merchant)
SELECT 'payment', b.transaction_id, b.merchant
FROM claims AS c
CROSS JOIN bill_only AS b ON b.transaction_id = c.id
WHERE c.claimant = :stream AND c.id_kind = 'transaction_id'
UNION ALL
SELECT 'payment', b.transaction_id, b.merchant
FROM claims AS c
CROSS JOIN bill_only AS b ON b.mch_order_no = c.id
WHERE c.claimant = :stream AND c.id_kind = 'mch_order_no';

INSERT INTO decided_quarantine (id, id_kind, quarantine_id, app, resolution, resolved_by, resolved_reason, resolved_at,
                                position)
SELECT c.id, c.id_kind, :key, c.app, 'adopted', :by, :reason, :recorded_at, :position
FROM claims AS c
WHERE c.claimant = :stream;

DELETE FROM claims WHERE claimant = :stream;

-- Mostly nothing is: then that was all.
SELECT 1 FROM touched;

-- then: match_lines

DELETE FROM touched;
