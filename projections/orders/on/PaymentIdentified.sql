-- Fills in what was absent, of an order or of a refund: the stream's category tells which.
UPDATE orders
SET mch_order_no = coalesce(mch_order_no, :mch_order_no),
    transaction_id = coalesce(transaction_id, :transaction_id)
WHERE out_trade_no = :key AND app = :app AND env = :env
  AND substr(:stream, 1, instr(:stream, '-') - 1) IN ('order', 'sandboxOrder');

UPDATE refunds
SET mch_order_no = coalesce(mch_order_no, :mch_order_no),
    transaction_id = coalesce(transaction_id, :transaction_id)
WHERE refund_id = :key AND app = :app AND env = :env
  AND substr(:stream, 1, instr(:stream, '-') - 1) IN ('refund', 'sandboxRefund');
