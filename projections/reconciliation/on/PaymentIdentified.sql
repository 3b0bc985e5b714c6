-- Fills in what was absent, of an order or of a refund: the stream's category tells which.
UPDATE orders
SET mch_order_no = coalesce(mch_order_no, :mch_order_no),
    transaction_id = coalesce(transaction_id, :transaction_id),
    changed = :position,
    late = EXISTS (SELECT 1 FROM closed_months AS c
                   WHERE c.merchant = orders.merchant AND c.month = substr(orders.accounting_day, 1, 7))
WHERE out_trade_no = :key AND app = :app AND substr(:stream, 1, instr(:stream, '-') - 1) = 'order';

UPDATE refunds
SET mch_order_no = coalesce(mch_order_no, :mch_order_no),
    transaction_id = coalesce(transaction_id, :transaction_id),
    changed = :position,
    late = EXISTS (SELECT 1 FROM closed_months AS c
                   WHERE c.merchant = refunds.merchant AND c.month = substr(refunds.accounting_day, 1, 7))
WHERE refund_id = :key AND app = :app AND substr(:stream, 1, instr(:stream, '-') - 1) = 'refund';

INSERT OR IGNORE INTO touched (what, id, merchant)
SELECT 'order', o.position, ''
FROM orders AS o
WHERE o.out_trade_no = :key AND o.app = :app AND substr(:stream, 1, instr(:stream, '-') - 1) = 'order'
UNION ALL
SELECT 'payment', o.transaction_id, o.merchant
FROM orders AS o
WHERE o.out_trade_no = :key AND o.app = :app AND substr(:stream, 1, instr(:stream, '-') - 1) = 'order'
  AND o.merchant IS NOT NULL AND o.transaction_id IS NOT NULL
UNION ALL
SELECT 'mch_order', o.mch_order_no, o.merchant
FROM orders AS o
WHERE o.out_trade_no = :key AND o.app = :app AND substr(:stream, 1, instr(:stream, '-') - 1) = 'order'
  AND o.merchant IS NOT NULL AND o.mch_order_no IS NOT NULL
UNION ALL
SELECT 'refund', r.position, ''
FROM orders AS o
CROSS JOIN refunds AS r ON r.transaction_id = o.transaction_id AND r.app = o.app AND r.merchant IS NOT o.merchant
WHERE o.out_trade_no = :key AND o.app = :app AND substr(:stream, 1, instr(:stream, '-') - 1) = 'order'
UNION ALL
SELECT 'refund', r.position, ''
FROM orders AS o
CROSS JOIN refunds AS r ON r.mch_order_no = o.mch_order_no AND r.app = o.app AND r.merchant IS NOT o.merchant
WHERE o.out_trade_no = :key AND o.app = :app AND substr(:stream, 1, instr(:stream, '-') - 1) = 'order'
UNION ALL
SELECT 'refund', r.position, ''
FROM refunds AS r
WHERE r.refund_id = :key AND r.app = :app AND substr(:stream, 1, instr(:stream, '-') - 1) = 'refund';

-- then: claim_sandbox

-- Mostly nothing is: then that was all.
SELECT 1 FROM touched;

-- then: match_orders
-- then: match_lines
-- then: match_refunds

DELETE FROM touched;
