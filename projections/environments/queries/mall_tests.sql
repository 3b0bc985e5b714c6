-- Mall test orders (OrderSource 3), newest first: nobody paid for those in production.
-- role: finance, support
-- parameter: app text | The app's slug
-- parameter: env text of production,sandbox,both = production
-- parameter: from_day day | First Beijing day
-- parameter: to_day day | Last Beijing day
-- parameter: before position | Only orders before this position (the next page)
-- parameter: limit integer = 50 max 1000 | Rows at most
-- next: before = position
-- column: position position | Where the first push stands in the log
-- column: app text | The app's slug
-- column: env text | production or sandbox
-- column: out_trade_no id | OutTradeNo
-- column: open_id open_id | Player
-- column: product_id id | Product
-- column: quantity count | Quantity
-- column: amount_fen fen | Amount of the whole order
-- column: delivered_at moment | First push
-- column: day day | Its Beijing day
SELECT position, app, env, out_trade_no, open_id, product_id, quantity, amount_fen, delivered_at, day
FROM mall_tests
WHERE position < ifnull(:before, 9223372036854775807)
  AND (:app IS NULL OR app = :app) AND (:env = 'both' OR env = :env)
  AND (:from_day IS NULL OR day >= :from_day) AND (:to_day IS NULL OR day <= :to_day)
ORDER BY position DESC
LIMIT :limit
