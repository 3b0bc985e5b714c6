-- The ids are taken from the payload wherever they stand in it, as in `operations`.
INSERT OR IGNORE INTO claims (id, id_kind, source, claimant, app, merchant)
SELECT CAST(atom AS TEXT), iif(key = 'TransactionId', 'transaction_id', 'mch_order_no'), 'quarantine', :stream, :app,
       (SELECT merchant FROM apps WHERE app = :app)
FROM json_tree(iif(json_valid(:payload), :payload, NULL))
WHERE key IN ('TransactionId', 'MchOrderNo') AND atom <> '';

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
