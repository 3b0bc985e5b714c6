UPDATE orders
SET conflicts = conflicts + 1,
    changed = :position,
    late = EXISTS (SELECT 1 FROM closed_months AS c
                   WHERE c.merchant = orders.merchant AND c.month = substr(orders.accounting_day, 1, 7))
WHERE out_trade_no = :key AND app = :app AND :env = 'production' AND :kind IN ('goods', 'coins');
