UPDATE periods SET state = 'closed', closed_by = :by, closed_at = :recorded_at, position = :position
WHERE merchant = :merchant AND month = :month;

-- What came between preparing and closing is late.
UPDATE orders SET late = 1
WHERE merchant = :merchant AND accounting_day BETWEEN :month || '-01' AND :month || '-31'
  AND changed > (SELECT prepared_position FROM closed_months WHERE merchant = :merchant AND month = :month);

UPDATE refunds SET late = 1
WHERE merchant = :merchant AND accounting_day BETWEEN :month || '-01' AND :month || '-31'
  AND changed > (SELECT prepared_position FROM closed_months WHERE merchant = :merchant AND month = :month);

UPDATE bill_only SET late = 1
WHERE merchant = :merchant AND bill_day BETWEEN :month || '-01' AND :month || '-31'
  AND changed > (SELECT prepared_position FROM closed_months WHERE merchant = :merchant AND month = :month);

UPDATE bill_refunds SET late = 1
WHERE merchant = :merchant AND bill_day BETWEEN :month || '-01' AND :month || '-31'
  AND changed > (SELECT prepared_position FROM closed_months WHERE merchant = :merchant AND month = :month);
