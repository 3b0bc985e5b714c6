-- An order of the sandbox is none here, but no bill should name it.
INSERT OR IGNORE INTO claims (id, id_kind, source, claimant, app, merchant)
SELECT :transaction_id, 'transaction_id', 'sandbox', :stream, :app, (SELECT merchant FROM apps WHERE app = :app)
WHERE :transaction_id IS NOT NULL
  AND substr(:stream, 1, instr(:stream, '-') - 1) = 'sandboxOrder'
UNION ALL
SELECT :mch_order_no, 'mch_order_no', 'sandbox', :stream, :app, (SELECT merchant FROM apps WHERE app = :app)
WHERE :mch_order_no IS NOT NULL
  AND substr(:stream, 1, instr(:stream, '-') - 1) = 'sandboxOrder';

INSERT OR IGNORE INTO touched (what, id, merchant)
SELECT 'payment', b.transaction_id, b.merchant
FROM claims AS c
CROSS JOIN bill_only AS b ON b.transaction_id = c.id
WHERE :env = 'sandbox' AND c.claimant = :stream AND c.id_kind = 'transaction_id'
UNION ALL
SELECT 'payment', b.transaction_id, b.merchant
FROM claims AS c
CROSS JOIN bill_only AS b ON b.mch_order_no = c.id
WHERE :env = 'sandbox' AND c.claimant = :stream AND c.id_kind = 'mch_order_no';
