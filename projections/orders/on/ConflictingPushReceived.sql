UPDATE orders SET conflicts = conflicts + 1
WHERE out_trade_no = :key AND app = :app AND env = :env AND :kind IN ('goods', 'coins');

UPDATE refunds SET conflicts = conflicts + 1
WHERE refund_id = :key AND app = :app AND env = :env AND :kind = 'refund';

UPDATE gifts SET conflicts = conflicts + 1
WHERE order_id = :key AND app = :app AND :kind = 'gift';
