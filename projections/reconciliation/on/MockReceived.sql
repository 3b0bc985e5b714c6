-- A mock is no payment: a bill that names one is alarming.
INSERT OR IGNORE INTO claims (id, id_kind, source, claimant, app, merchant)
SELECT :transaction_id, 'transaction_id', 'mock', :stream, :app, (SELECT merchant FROM apps WHERE app = :app)
WHERE :transaction_id IS NOT NULL
UNION ALL
SELECT :mch_order_no, 'mch_order_no', 'mock', :stream, :app, (SELECT merchant FROM apps WHERE app = :app)
WHERE :mch_order_no IS NOT NULL;

-- Lines of a bill that name it are no longer merely missing.
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

-- Mostly nothing is: then that was all.
SELECT 1 FROM touched;

-- then: match_lines

DELETE FROM touched;
