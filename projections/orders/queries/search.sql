-- Orders that match everything asked for, newest first.
--
-- `state` says money before goods: refunded (the refunds reach the amount) and partly_refunded go before what
-- the game said (revoked, refused, granted); delivered is an order that nobody has said anything about. What the
-- game said stands in `grant_state` whatever was refunded.
--
-- Each filter that an index serves has its branch; exactly one branch runs, and the rest filters its rows.
-- role: support, finance
-- parameter: app text | The app's slug
-- parameter: env text of production,sandbox,both = production
-- parameter: id text | OutTradeNo, TransactionId, MchOrderNo, or the RefundId of one of its refunds
-- parameter: open_id text | Player
-- parameter: product_id text | Product
-- parameter: amount_from_fen fen | Amount at least
-- parameter: amount_to_fen fen | Amount at most
-- parameter: from_day day | First Beijing day of the first push
-- parameter: to_day day | Last Beijing day of the first push
-- parameter: state text of delivered,granted,refused,revoked,refunded,partly_refunded
-- parameter: before position | Only orders before this position (the next page)
-- parameter: limit integer = 50 max 1000 | Rows at most
-- next: before = position
-- column: position position | Where the first push stands in the log
-- column: app text | The app's slug
-- column: env text | production or sandbox
-- column: kind text | goods or coins
-- column: state text | One word: refunded, partly_refunded, revoked, refused, granted or delivered
-- column: out_trade_no id | OutTradeNo
-- column: mch_order_no id | MchOrderNo, the bill's 商户订单号
-- column: transaction_id id | TransactionId, the bill's 微信订单号
-- column: open_id open_id | Player
-- column: product_id id | Product; empty for coins
-- column: quantity count | Quantity
-- column: zone_id id | Zone
-- column: orig_price_fen fen | OrigPrice as WeChat sent it
-- column: actual_price_fen fen | ActualPrice as WeChat sent it
-- column: amount_fen fen | Amount of the whole order
-- column: attach text | Attach; empty for coins
-- column: order_source count | 1 in-game, 2 mall, 3 mall test; empty for coins
-- column: delivered_at moment | First push
-- column: day day | Its Beijing day
-- column: grant_state text | What the game said: none, granted, refused or revoked
-- column: grant_by text | Who said it
-- column: grant_reason text | Why
-- column: grant_at moment | When
-- column: refunded_fen fen | Refunds in all
-- column: refund_count count | How many refunds
-- column: conflicts count | Pushes of this number with another content
WITH page AS (
    SELECT c.position
    FROM (
        SELECT position, app, env, open_id, product_id, amount_fen, day, grant_state, state
        FROM order_states
        WHERE :id IS NOT NULL
          AND position IN (SELECT position FROM orders WHERE out_trade_no = :id
                           UNION ALL SELECT position FROM orders WHERE transaction_id = :id
                           UNION ALL SELECT position FROM orders WHERE mch_order_no = :id
                           UNION ALL SELECT order_position FROM refund_links WHERE refund_id = :id)
        UNION ALL
        SELECT position, app, env, open_id, product_id, amount_fen, day, grant_state, state
        FROM order_states
        WHERE :id IS NULL AND open_id = :open_id
        UNION ALL
        SELECT position, app, env, open_id, product_id, amount_fen, day, grant_state, state
        FROM order_states
        WHERE :id IS NULL AND :open_id IS NULL AND :state IN ('refunded', 'partly_refunded')
          AND position IN (SELECT order_position FROM refunds_with_orders)
        UNION ALL
        SELECT position, app, env, open_id, product_id, amount_fen, day, grant_state, state
        FROM order_states
        WHERE :id IS NULL AND :open_id IS NULL AND coalesce(:state, '') NOT IN ('refunded', 'partly_refunded')
          AND product_id = :product_id
        UNION ALL
        SELECT position, app, env, open_id, product_id, amount_fen, day, grant_state, state
        FROM order_states
        WHERE :id IS NULL AND :open_id IS NULL AND coalesce(:state, '') NOT IN ('refunded', 'partly_refunded')
          AND :product_id IS NULL AND :env <> 'both' AND app = :app AND env = :env
        UNION ALL
        SELECT position, app, env, open_id, product_id, amount_fen, day, grant_state, state
        FROM order_states
        WHERE :id IS NULL AND :open_id IS NULL AND coalesce(:state, '') NOT IN ('refunded', 'partly_refunded')
          AND :product_id IS NULL AND (:env = 'both' OR :app IS NULL)
    ) AS c
    WHERE c.position >= ifnull((SELECT min(first_position) FROM days
                                WHERE :from_day IS NULL OR day >= :from_day), 9223372036854775807)
      AND c.position < min(ifnull(:before, 9223372036854775807),
                           ifnull((SELECT max(last_position) FROM days
                                   WHERE :to_day IS NULL OR day <= :to_day), 0) + 1)
      AND (:app IS NULL OR c.app = :app)
      AND (:env = 'both' OR c.env = :env)
      AND (:open_id IS NULL OR c.open_id = :open_id)
      AND (:product_id IS NULL OR c.product_id = :product_id)
      AND (:amount_from_fen IS NULL OR c.amount_fen >= :amount_from_fen)
      AND (:amount_to_fen IS NULL OR c.amount_fen <= :amount_to_fen)
      AND (:from_day IS NULL OR c.day >= :from_day)
      AND (:to_day IS NULL OR c.day <= :to_day)
      AND (:state IS NULL OR :state IN ('refunded', 'partly_refunded')
           OR c.grant_state = iif(:state = 'delivered', 'none', :state))
      AND (:state IS NULL OR c.state = :state)
    ORDER BY c.position DESC
    LIMIT :limit
)
SELECT o.position, o.app, o.env, o.kind, o.state, o.out_trade_no, o.mch_order_no, o.transaction_id, o.open_id,
       o.product_id, o.quantity, o.zone_id, o.orig_price_fen, o.actual_price_fen, o.amount_fen, o.attach,
       o.order_source, o.delivered_at, o.day, o.grant_state, o.grant_by, o.grant_reason, o.grant_at,
       o.refunded_fen, o.refund_count, o.conflicts
FROM page AS p
CROSS JOIN order_states AS o ON o.position = p.position
ORDER BY o.position DESC
