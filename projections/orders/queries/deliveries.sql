-- What a game server has to act upon, in the order of the log: goods, gifts, coins and refunds.
--
-- Take the rows, act, and ask again with `after` = the last row's position. An item comes once, at the place of
-- its first push; what became of it since (what the game said, refunds) is shown as known by now, so that a
-- refund known before a grant is seen with the goods. Coins are informational: WeChat has credited them.
-- Gifts have no environment and stand in the production feed only. A refund names no player: the OpenId is
-- that of its order, once the order is known; a refund that came before its order shows neither, and the order
-- shows the refund.
-- role: game
-- parameter: app text required | The app's slug
-- parameter: env text of production,sandbox = production
-- parameter: after position = 0 | Only what stands after this position in the log
-- parameter: limit integer = 100 max 1000 | Rows at most
-- next: after = position
-- column: position position | Where it stands in the log: ask on with `after` = this
-- column: kind text | goods, gift, coins or refund
-- column: informational flag | 1: nothing to deliver (coins, which WeChat has credited itself)
-- column: at moment | First push
-- column: out_trade_no id | OutTradeNo; of a refund: that of its order, where known
-- column: open_id open_id | Player; of a refund: that of its order, where known
-- column: product_id id | Product; of a refund: that of its order, where known
-- column: quantity count | Quantity; of a refund: that of its order, which it may not be for as a whole
-- column: zone_id id | Zone; of a refund: that of its order
-- column: attach text | Attach; goods only
-- column: order_source count | 1 in-game, 2 mall, 3 mall test; goods only
-- column: amount_fen fen | Amount of the whole order; goods and coins
-- column: mch_order_no id | MchOrderNo
-- column: transaction_id id | TransactionId
-- column: grant_state text | What the game said by now: none, granted, refused, revoked; of a refund: of its order
-- column: refunded_fen fen | Refunds of the order known by now; goods and coins
-- column: refunds json | Those refunds: refund_id, refund_amount_fen, refund_source, refunded_at, position
-- column: order_id id | Number of the gift
-- column: gift_type_id id | GiftTypeId; gifts only
-- column: gift_id id | GiftId; gifts only
-- column: send_time id | SendTime as WeChat sent it, Unix seconds; gifts only
-- column: goods json | What was given: id and num each; gifts only
-- column: refund_id id | RefundId; refunds only
-- column: refund_amount_fen fen | Refunded; refunds only
-- column: refund_source count | 1 platform, 2 console, 3 API; refunds only
WITH feed AS (
    SELECT position, 'order' AS source FROM orders WHERE app = :app AND env = :env AND position > :after
    UNION ALL
    SELECT position, 'gift' FROM gifts WHERE :env = 'production' AND app = :app AND position > :after
    UNION ALL
    SELECT position, 'refund' FROM refunds WHERE app = :app AND env = :env AND position > :after
    ORDER BY 1
    LIMIT :limit
)
SELECT f.position,
       CASE f.source WHEN 'order' THEN o.kind ELSE f.source END AS kind,
       coalesce(o.kind = 'coins', 0) AS informational,
       coalesce(o.delivered_at, g.delivered_at, r.refunded_at) AS at,
       coalesce(o.out_trade_no, ro.out_trade_no, r.out_trade_no) AS out_trade_no,
       coalesce(o.open_id, g.open_id, ro.open_id) AS open_id,
       coalesce(o.product_id, ro.product_id) AS product_id,
       coalesce(o.quantity, ro.quantity) AS quantity,
       coalesce(o.zone_id, CAST(g.zone AS TEXT), ro.zone_id) AS zone_id,
       o.attach, o.order_source, o.amount_fen,
       coalesce(o.mch_order_no, r.mch_order_no, ro.mch_order_no) AS mch_order_no,
       coalesce(o.transaction_id, r.transaction_id, ro.transaction_id) AS transaction_id,
       coalesce(o.grant_state, ro.grant_state) AS grant_state,
       CASE WHEN f.source = 'order' THEN
            (SELECT coalesce(sum(l.refund_amount_fen), 0) FROM refund_links AS l
             WHERE l.order_position = o.position) END AS refunded_fen,
       CASE WHEN f.source = 'order' THEN
            (SELECT json_group_array(json_object(
                 'refund_id', l.refund_id, 'refund_amount_fen', l.refund_amount_fen,
                 'refund_source', l.refund_source, 'refunded_at', l.refunded_at, 'position', l.refund_position))
             FROM (SELECT refund_id, refund_amount_fen, refund_source, refunded_at, refund_position
                   FROM refund_links WHERE order_position = o.position ORDER BY refund_position) AS l)
            END AS refunds,
       g.order_id, CAST(g.gift_type_id AS TEXT) AS gift_type_id, g.gift_id,
       CAST(g.send_time AS TEXT) AS send_time, g.goods,
       r.refund_id, r.refund_amount_fen, r.refund_source
FROM feed AS f
LEFT JOIN orders AS o ON f.source = 'order' AND o.position = f.position
LEFT JOIN gifts AS g ON f.source = 'gift' AND g.position = f.position
LEFT JOIN refunds AS r ON f.source = 'refund' AND r.position = f.position
LEFT JOIN orders AS ro ON ro.position = (SELECT l.order_position FROM refund_links AS l
                                         WHERE l.refund_position = r.position ORDER BY l.out_trade_no LIMIT 1)
ORDER BY f.position
