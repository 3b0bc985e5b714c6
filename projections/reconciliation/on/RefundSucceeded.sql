INSERT INTO refunds (position, app, merchant, refund_id, amount_fen, out_trade_no, mch_order_no, transaction_id,
                     refunded_at, refund_day, earliest_day, changed, late)
SELECT :position, :app, a.merchant, :refund_id, :refund_amount_fen, :out_trade_no, :mch_order_no, :transaction_id,
       :recorded_at, :day, day_plus(:day, -15), :position,
       EXISTS (SELECT 1 FROM closed_months AS c WHERE c.merchant = a.merchant AND c.month = substr(:day, 1, 7))
FROM (SELECT 1) LEFT JOIN apps AS a ON a.app = :app
WHERE :env = 'production';

INSERT INTO touched (what, id, merchant) SELECT 'refund', :position, '' WHERE :env = 'production';

-- then: match_refunds

DELETE FROM touched;
