-- What became of an order? One row an order, with its payment ids, what the game said, and its refunds; the
-- refunds and the gifts beside them.
--
-- A refund often comes without the order's number, and sometimes before the order. It is therefore linked to
-- its order when asked (view `refund_links`), never while folding.
--
-- environments: both

-- What `ActualPrice` means, per app: it decides an order's amount from here on.
CREATE TABLE apps (
    app TEXT PRIMARY KEY,
    actual_price_is TEXT NOT NULL           -- order | unit
) STRICT, WITHOUT ROWID;

CREATE TABLE orders (
    position INTEGER PRIMARY KEY,           -- of the first push, or of the approval where people recovered it
    app TEXT NOT NULL,
    env TEXT NOT NULL,                      -- production | sandbox
    kind TEXT NOT NULL,                     -- goods | coins
    out_trade_no TEXT NOT NULL,
    mch_order_no TEXT,
    transaction_id TEXT,
    open_id TEXT NOT NULL,
    product_id TEXT,                        -- goods only
    quantity INTEGER NOT NULL,              -- of coins: how many were bought
    zone_id TEXT,
    orig_price_fen INTEGER NOT NULL,        -- as WeChat sent it
    actual_price_fen INTEGER NOT NULL,      -- as WeChat sent it
    amount_fen INTEGER NOT NULL,            -- of the whole order
    attach TEXT,                            -- goods only
    order_source INTEGER,                   -- goods only: 1 in-game, 2 mall, 3 mall test
    delivered_at TEXT NOT NULL,             -- the first push
    day TEXT NOT NULL,                      -- its Beijing day
    grant_state TEXT NOT NULL DEFAULT 'none', -- none | granted | refused | revoked
    grant_by TEXT,
    grant_reason TEXT,
    grant_at TEXT,
    conflicts INTEGER NOT NULL DEFAULT 0    -- pushes of this number with another content
) STRICT;

-- Also how later events of an order find its row.
CREATE UNIQUE INDEX orders_by_number ON orders (out_trade_no, app, env);
CREATE INDEX orders_by_transaction ON orders (transaction_id) WHERE transaction_id IS NOT NULL;
CREATE INDEX orders_by_mch_order ON orders (mch_order_no) WHERE mch_order_no IS NOT NULL;
-- The position stands at the end of every index: these four list newest first without sorting.
CREATE INDEX orders_by_player ON orders (open_id);
CREATE INDEX orders_by_product ON orders (product_id) WHERE product_id IS NOT NULL;
CREATE INDEX orders_by_app ON orders (app, env);
CREATE INDEX orders_outstanding ON orders (app)
    WHERE grant_state = 'none' AND kind = 'goods' AND env = 'production';

-- Where the orders of a day stand. Positions follow the clock nearly, not exactly.
CREATE TABLE days (
    day TEXT PRIMARY KEY,
    first_position INTEGER NOT NULL,
    last_position INTEGER NOT NULL
) STRICT, WITHOUT ROWID;

CREATE TABLE refunds (
    position INTEGER PRIMARY KEY,
    app TEXT NOT NULL,
    env TEXT NOT NULL,
    refund_id TEXT NOT NULL,
    refund_amount_fen INTEGER NOT NULL,
    refund_source INTEGER NOT NULL,         -- 1 platform, 2 console, 3 API
    out_trade_no TEXT,                      -- these three name the original payment
    mch_order_no TEXT,
    transaction_id TEXT,
    refunded_at TEXT NOT NULL,              -- the first push
    day TEXT NOT NULL,
    conflicts INTEGER NOT NULL DEFAULT 0
) STRICT;

CREATE UNIQUE INDEX refunds_by_id ON refunds (refund_id, app, env);
CREATE INDEX refunds_by_number ON refunds (out_trade_no) WHERE out_trade_no IS NOT NULL;
CREATE INDEX refunds_by_transaction ON refunds (transaction_id) WHERE transaction_id IS NOT NULL;
CREATE INDEX refunds_by_mch_order ON refunds (mch_order_no) WHERE mch_order_no IS NOT NULL;
CREATE INDEX refunds_by_app ON refunds (app, env);

-- Gifts have no environment and no price. They belong to production: the sandbox has none.
CREATE TABLE gifts (
    position INTEGER PRIMARY KEY,
    app TEXT NOT NULL,
    order_id TEXT NOT NULL,
    open_id TEXT NOT NULL,
    zone INTEGER,
    gift_type_id INTEGER,
    gift_id TEXT,
    send_time INTEGER,                      -- as WeChat sent it: Unix seconds
    goods TEXT NOT NULL,                    -- JSON list of {id, num}
    delivered_at TEXT NOT NULL,
    day TEXT NOT NULL,
    conflicts INTEGER NOT NULL DEFAULT 0
) STRICT;

CREATE UNIQUE INDEX gifts_by_number ON gifts (order_id, app);
CREATE INDEX gifts_by_player ON gifts (open_id);
CREATE INDEX gifts_by_app ON gifts (app);

-- Which order a refund belongs to: of the same app and environment, the one with the same OutTradeNo; where
-- the refund has none, the one with the same TransactionId; where no order has that, with the same MchOrderNo.
-- (The plus signs keep app and environment from being looked up first: the numbers are what is rare.)
CREATE VIEW refund_links AS
SELECT r.position AS refund_position, o.position AS order_position, o.out_trade_no, r.refund_id,
       r.refund_amount_fen, r.refund_source, r.refunded_at
FROM refunds AS r
JOIN orders AS o
  ON +o.app = +r.app AND +o.env = +r.env
 AND (o.out_trade_no = r.out_trade_no
      OR (o.transaction_id = r.transaction_id AND r.out_trade_no IS NULL)
      OR (o.mch_order_no = r.mch_order_no AND r.out_trade_no IS NULL
          AND NOT EXISTS (SELECT 1 FROM orders AS t
                          WHERE t.transaction_id = r.transaction_id AND +t.app = r.app AND +t.env = r.env)));

-- The same from the refund's side: every refund, with its order where one is known.
CREATE VIEW refunds_with_orders AS
SELECT r.position, r.app, r.env, r.refund_id, r.refund_amount_fen, r.refund_source, r.refunded_at, r.day,
       r.conflicts, r.out_trade_no, r.mch_order_no, r.transaction_id,
       o.position AS order_position, o.out_trade_no AS order_out_trade_no, o.kind AS order_kind,
       o.open_id AS order_open_id, o.product_id AS order_product_id, o.quantity AS order_quantity,
       o.zone_id AS order_zone_id, o.amount_fen AS order_amount_fen, o.delivered_at AS order_delivered_at,
       o.grant_state AS order_grant_state
FROM refunds AS r
LEFT JOIN orders AS o
  ON +o.app = +r.app AND +o.env = +r.env
 AND (o.out_trade_no = r.out_trade_no
      OR (o.transaction_id = r.transaction_id AND r.out_trade_no IS NULL)
      OR (o.mch_order_no = r.mch_order_no AND r.out_trade_no IS NULL
          AND NOT EXISTS (SELECT 1 FROM orders AS t
                          WHERE t.transaction_id = r.transaction_id AND +t.app = r.app AND +t.env = r.env)));

-- An order with what its refunds add up to.
CREATE VIEW orders_with_refunds AS
SELECT o.position, o.app, o.env, o.kind, o.out_trade_no, o.mch_order_no, o.transaction_id, o.open_id,
       o.product_id, o.quantity, o.zone_id, o.orig_price_fen, o.actual_price_fen, o.amount_fen, o.attach,
       o.order_source, o.delivered_at, o.day, o.grant_state, o.grant_by, o.grant_reason, o.grant_at, o.conflicts,
       (SELECT coalesce(sum(l.refund_amount_fen), 0) FROM refund_links AS l
        WHERE l.order_position = o.position) AS refunded_fen,
       (SELECT count(*) FROM refund_links AS l WHERE l.order_position = o.position) AS refund_count
FROM orders AS o;

-- The state in one word: money before goods. `refunded` where the refunds reach the amount, else
-- `partly_refunded`; where there is none, the game's last word: `revoked`, `refused`, `granted`; and
-- `delivered` where the game has said nothing. What the game said stays in `grant_state` in any case.
CREATE VIEW order_states AS
SELECT r.position, r.app, r.env, r.kind, r.out_trade_no, r.mch_order_no, r.transaction_id, r.open_id,
       r.product_id, r.quantity, r.zone_id, r.orig_price_fen, r.actual_price_fen, r.amount_fen, r.attach,
       r.order_source, r.delivered_at, r.day, r.grant_state, r.grant_by, r.grant_reason, r.grant_at, r.conflicts,
       r.refunded_fen, r.refund_count,
       CASE WHEN r.refund_count > 0 AND r.refunded_fen >= r.amount_fen THEN 'refunded'
            WHEN r.refund_count > 0 THEN 'partly_refunded'
            WHEN r.grant_state = 'none' THEN 'delivered'
            ELSE r.grant_state END AS state
FROM orders_with_refunds AS r;
