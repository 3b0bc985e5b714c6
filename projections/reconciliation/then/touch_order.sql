-- Only where a bill, a refund or another order has the same ids is there anything to match.
INSERT OR IGNORE INTO touched (what, id, merchant)
SELECT 'payment', o.transaction_id, o.merchant
FROM orders AS o
WHERE o.position = :position AND o.merchant IS NOT NULL AND o.transaction_id IS NOT NULL
  AND (EXISTS (SELECT 1 FROM bill_payments AS b
               WHERE b.transaction_id = o.transaction_id AND b.merchant = o.merchant)
       OR EXISTS (SELECT 1 FROM refunds AS r WHERE r.payment = o.transaction_id AND r.merchant = o.merchant))
UNION ALL
SELECT 'mch_order', o.mch_order_no, o.merchant
FROM orders AS o
WHERE o.position = :position AND o.merchant IS NOT NULL AND o.mch_order_no IS NOT NULL
  AND (EXISTS (SELECT 1 FROM bill_payments AS b WHERE b.mch_order_no = o.mch_order_no AND b.merchant = o.merchant)
       OR EXISTS (SELECT 1 FROM refunds AS r WHERE r.mch_order_no = o.mch_order_no)
       -- A refund that names no TransactionId may take it from another order with the same MchOrderNo.
       OR (EXISTS (SELECT 1 FROM refunds AS r WHERE r.merchant = o.merchant AND r.transaction_id IS NULL)
           AND EXISTS (SELECT 1 FROM orders AS s
                       WHERE s.mch_order_no = o.mch_order_no AND s.merchant = o.merchant
                         AND s.position <> o.position)))
UNION ALL
SELECT 'order', o.position, ''
FROM orders AS o
WHERE o.position = :position
  AND EXISTS (SELECT 1 FROM refunds AS r WHERE r.out_trade_no = o.out_trade_no AND r.app = o.app)
UNION ALL
-- Refunds that came while the app's orders were paid to another merchant.
SELECT 'refund', r.position, ''
FROM orders AS o
CROSS JOIN refunds AS r ON r.transaction_id = o.transaction_id AND r.app = o.app AND r.merchant IS NOT o.merchant
WHERE o.position = :position
UNION ALL
SELECT 'refund', r.position, ''
FROM orders AS o
CROSS JOIN refunds AS r ON r.mch_order_no = o.mch_order_no AND r.app = o.app AND r.merchant IS NOT o.merchant
WHERE o.position = :position;
