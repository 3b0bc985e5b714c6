-- Once for each line. Nothing else is done before the file is sealed.
INSERT INTO bill_lines (line, row_kind, traded_at, app_id, transaction_id, mch_order_no, open_id, trade_state, currency,
                        settlement_fen, coupon_fen, wx_refund_id, mch_refund_no, refund_fen, coupon_refund_fen,
                        refund_state, product_name, fee_millifen, rate, order_fen, applied_refund_fen,
                        refund_succeeded_at)
SELECT file * 4294967296 + :line, :row, :traded_at, :app_id, :transaction_id, :mch_order_no, :open_id, :trade_state,
       :currency, :settlement_fen, :coupon_fen, :wx_refund_id, :mch_refund_no, :refund_fen, :coupon_refund_fen,
       :refund_state, :product_name, :fee_millifen, :rate, :order_fen, :applied_refund_fen, :refund_succeeded_at
FROM files
WHERE stream = :stream AND state = 'unfinished';
