UPDATE periods
SET state = 'reopened', reopened_by = :by, reopened_at = :recorded_at, reopened_reason = :reason, position = :position
WHERE merchant = :merchant AND month = :month;

UPDATE orders SET late = 0
WHERE merchant = :merchant AND late = 1 AND accounting_day BETWEEN :month || '-01' AND :month || '-31';

UPDATE refunds SET late = 0
WHERE merchant = :merchant AND late = 1 AND accounting_day BETWEEN :month || '-01' AND :month || '-31';

UPDATE bill_only SET late = 0
WHERE merchant = :merchant AND late = 1 AND bill_day BETWEEN :month || '-01' AND :month || '-31';

UPDATE bill_refunds SET late = 0
WHERE merchant = :merchant AND late = 1 AND bill_day BETWEEN :month || '-01' AND :month || '-31';
