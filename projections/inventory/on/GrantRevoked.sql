UPDATE totals SET granted = granted - i.quantity
FROM items AS i
WHERE i.out_trade_no = :key AND i.app = :app AND i.env = :env AND i.is_granted = 1
  AND totals.app = i.app AND totals.env = i.env AND totals.zone_id = i.zone_id
  AND totals.product_id = i.product_id AND totals.source = 'order';

UPDATE items SET is_granted = 0 WHERE out_trade_no = :key AND app = :app AND env = :env;
