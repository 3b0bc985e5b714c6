-- The price of coins is always that of the whole order, as in `orders`.
INSERT INTO orders (position, app, merchant, out_trade_no, mch_order_no, transaction_id, open_id, quantity, zone_id,
                    amount_fen, pushed_at, push_day, window_from, window_mid, window_to, is_covered, changed, late)
SELECT :position, :app, a.merchant, :out_trade_no, :mch_order_no, :transaction_id, :open_id, :buy_quantity, :zone_id,
       :actual_price_fen, :recorded_at, :day, w.day_from, w.day_mid, w.day_to,
       EXISTS (SELECT 1 FROM covered_days AS c
               WHERE c.merchant = a.merchant AND c.day = w.day_to AND c.covers IN ('payments', 'both'))
           AND EXISTS (SELECT 1 FROM covered_days AS c
                       WHERE c.merchant = a.merchant AND c.day = w.day_mid AND c.covers IN ('payments', 'both'))
           AND EXISTS (SELECT 1 FROM covered_days AS c
                       WHERE c.merchant = a.merchant AND c.day = w.day_from AND c.covers IN ('payments', 'both')),
       :position,
       EXISTS (SELECT 1 FROM closed_months AS c WHERE c.merchant = a.merchant AND c.month = substr(:day, 1, 7))
FROM (SELECT beijing_day(moment_plus(:recorded_at, -86640)) AS day_from,
             beijing_day(moment_plus(:recorded_at, -43320)) AS day_mid, :day AS day_to) AS w
LEFT JOIN apps AS a ON a.app = :app
WHERE :env = 'production';

-- then: touch_order
-- then: claim_sandbox

-- Mostly nothing is: then that was all.
SELECT 1 FROM touched;

-- then: match_orders
-- then: match_lines
-- then: match_refunds

DELETE FROM touched;
