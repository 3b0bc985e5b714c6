-- Pushes that named a number already taken by another content, newest first, beside what was kept.
-- role: finance, support
-- uses: orders
-- parameter: app text | The app's slug
-- parameter: env text of production,sandbox,both = both | Gifts only with both
-- parameter: number text | OutTradeNo, RefundId or OrderId
-- parameter: before position | Only those before this position (the next page)
-- parameter: limit integer = 50 max 1000 | Rows at most
-- next: before = position
-- column: position position | Where it stands in the log
-- column: app text | The app's slug
-- column: env text | production or sandbox; empty for gifts
-- column: kind text | goods, coins, refund or gift
-- column: number id | OutTradeNo, RefundId or OrderId that both name
-- column: received_at moment | When
-- column: differs text | Which fields differ from what was kept; absent payment ids do not
-- column: open_id open_id | Player
-- column: product_id id | Product
-- column: quantity count | Quantity
-- column: zone_id id | Zone
-- column: orig_price_fen fen | OrigPrice as sent
-- column: actual_price_fen fen | ActualPrice as sent
-- column: refund_amount_fen fen | RefundAmount
-- column: out_trade_no id | OutTradeNo
-- column: mch_order_no id | MchOrderNo
-- column: transaction_id id | TransactionId
-- column: kept_open_id open_id | Player, as delivered
-- column: kept_product_id id | Product, as delivered
-- column: kept_quantity count | Quantity, as delivered
-- column: kept_actual_price_fen fen | ActualPrice, as delivered
-- column: kept_refund_amount_fen fen | RefundAmount, as recorded
SELECT c.position, c.app, c.env, c.kind, c.number, c.received_at,
       substr(CASE
           WHEN o.position IS NOT NULL THEN
           iif(c.kind <> o.kind, ', kind', '')
           || iif(c.open_id IS NOT o.open_id, ', open_id', '')
           || iif(c.product_id IS NOT o.product_id, ', product_id', '')
           || iif(c.quantity IS NOT o.quantity, ', quantity', '')
           || iif(c.zone_id IS NOT o.zone_id, ', zone_id', '')
           || iif(c.orig_price_fen IS NOT o.orig_price_fen, ', orig_price_fen', '')
           || iif(c.actual_price_fen IS NOT o.actual_price_fen, ', actual_price_fen', '')
           || iif(c.attach IS NOT o.attach, ', attach', '')
           || iif(c.order_source IS NOT o.order_source, ', order_source', '')
           || iif(c.mch_order_no <> o.mch_order_no, ', mch_order_no', '')
           || iif(c.transaction_id <> o.transaction_id, ', transaction_id', '')
           WHEN r.position IS NOT NULL THEN
           iif(c.refund_amount_fen IS NOT r.refund_amount_fen, ', refund_amount_fen', '')
           || iif(c.refund_source IS NOT r.refund_source, ', refund_source', '')
           || iif(c.out_trade_no IS NOT r.out_trade_no, ', out_trade_no', '')
           || iif(c.mch_order_no <> r.mch_order_no, ', mch_order_no', '')
           || iif(c.transaction_id <> r.transaction_id, ', transaction_id', '')
           WHEN g.position IS NOT NULL THEN
           iif(c.open_id IS NOT g.open_id, ', open_id', '')
           || iif(c.zone_id IS NOT CAST(g.zone AS TEXT), ', zone', '')
           || iif(c.goods IS NOT g.goods, ', goods', '')
           END, 3) AS differs,
       c.open_id, c.product_id, c.quantity, c.zone_id, c.orig_price_fen, c.actual_price_fen, c.refund_amount_fen,
       c.out_trade_no, c.mch_order_no, c.transaction_id,
       coalesce(o.open_id, g.open_id) AS kept_open_id, o.product_id AS kept_product_id,
       o.quantity AS kept_quantity, o.actual_price_fen AS kept_actual_price_fen,
       r.refund_amount_fen AS kept_refund_amount_fen
FROM conflicts AS c
LEFT JOIN orders.orders AS o
  ON c.kind IN ('goods', 'coins') AND o.out_trade_no = c.number AND o.app = c.app AND o.env = c.env
LEFT JOIN orders.refunds AS r
  ON c.kind = 'refund' AND r.refund_id = c.number AND r.app = c.app AND r.env = c.env
LEFT JOIN orders.gifts AS g
  ON c.kind = 'gift' AND g.order_id = c.number AND g.app = c.app
WHERE c.position < ifnull(:before, 9223372036854775807)
  AND (:app IS NULL OR c.app = :app) AND (:env = 'both' OR c.env = :env)
  AND (:number IS NULL OR (c.number = :number AND c.position IN (SELECT position FROM ids WHERE id = :number)))
ORDER BY c.position DESC
LIMIT :limit
