INSERT INTO recoveries (app, out_trade_no, merchant, state, open_id, product_id, quantity, zone_id, amount_fen,
                        transaction_id, mch_order_no, evidence, bill_sha256, bill_line, proposed_by, proposed_at,
                        position)
VALUES (:app, :out_trade_no, :merchant, 'open', :open_id, :product_id, :quantity, :zone_id, :amount_fen,
        :transaction_id, :mch_order_no, :evidence, :bill_sha256, :bill_line, :by, :recorded_at, :position)
ON CONFLICT (app, out_trade_no) DO UPDATE
SET merchant = excluded.merchant, state = excluded.state, open_id = excluded.open_id, product_id = excluded.product_id,
    quantity = excluded.quantity, zone_id = excluded.zone_id, amount_fen = excluded.amount_fen,
    transaction_id = excluded.transaction_id, mch_order_no = excluded.mch_order_no, evidence = excluded.evidence,
    bill_sha256 = excluded.bill_sha256, bill_line = excluded.bill_line, proposed_by = excluded.proposed_by,
    proposed_at = excluded.proposed_at, decided_by = NULL, decided_reason = NULL, decided_at = NULL,
    position = excluded.position;
