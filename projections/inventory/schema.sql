-- What was delivered to whom? Items per player, zone and product, from orders and from gifts.
--
-- A refund names no item. The items of refunded orders are therefore counted beside what was delivered and never
-- subtracted from it. Coins are no items: WeChat credits them itself.
-- Both environments are kept, for a game tests against the sandbox; each query asks one, production by default.
--
-- environments: both

-- One row a goods order.
CREATE TABLE items (
    position INTEGER PRIMARY KEY,           -- of the first push, as in `orders`
    app TEXT NOT NULL,
    env TEXT NOT NULL,
    out_trade_no TEXT NOT NULL,
    open_id TEXT NOT NULL,
    zone_id TEXT NOT NULL,                  -- '' where the push named none
    product_id TEXT NOT NULL,
    quantity INTEGER NOT NULL,
    is_granted INTEGER NOT NULL DEFAULT 0,  -- 1: granted, and not revoked since
    delivered_at TEXT NOT NULL
) STRICT;

-- How what the game says finds the item.
CREATE UNIQUE INDEX items_by_number ON items (out_trade_no, app, env);
CREATE INDEX items_by_player ON items (open_id);

-- One row a line of a gift. Gifts have no environment and belong to production.
CREATE TABLE gift_items (
    position INTEGER NOT NULL,
    line INTEGER NOT NULL,                  -- from 0, as in the gift's list
    app TEXT NOT NULL,
    order_id TEXT NOT NULL,
    open_id TEXT NOT NULL,
    zone_id TEXT NOT NULL,
    product_id TEXT NOT NULL,
    quantity INTEGER NOT NULL,
    delivered_at TEXT NOT NULL,
    PRIMARY KEY (position, line)
) STRICT, WITHOUT ROWID;

CREATE INDEX gift_items_by_player ON gift_items (open_id);

-- The sums over all players.
CREATE TABLE totals (
    app TEXT NOT NULL,
    env TEXT NOT NULL,
    zone_id TEXT NOT NULL,
    product_id TEXT NOT NULL,
    source TEXT NOT NULL,                   -- order | gift
    deliveries INTEGER NOT NULL,            -- orders, or lines of gifts
    delivered INTEGER NOT NULL,
    granted INTEGER NOT NULL,
    last_at TEXT NOT NULL,
    PRIMARY KEY (app, env, zone_id, product_id, source)
) STRICT, WITHOUT ROWID;
