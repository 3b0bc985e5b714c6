-- Is the game ready to go live, and did it stay clean since? The sandbox beside production, per day and product.
--
-- environments: both

-- What `ActualPrice` means, per app: it decides an order's amount from here on.
CREATE TABLE apps (
    app TEXT PRIMARY KEY,
    actual_price_is TEXT NOT NULL           -- order | unit
) STRICT, WITHOUT ROWID;

CREATE TABLE totals (
    app TEXT NOT NULL,
    env TEXT NOT NULL,                      -- production | sandbox
    day TEXT NOT NULL,                      -- Beijing day of the first push
    kind TEXT NOT NULL,                     -- goods | coins
    product_id TEXT NOT NULL,               -- '' for coins
    orders INTEGER NOT NULL,
    quantity INTEGER NOT NULL,
    gross_fen INTEGER NOT NULL,
    unit_price_min_fen INTEGER NOT NULL,    -- amount / quantity in whole fen, rounded down
    unit_price_max_fen INTEGER NOT NULL,
    mall_test_orders INTEGER NOT NULL,      -- OrderSource 3
    mall_test_fen INTEGER NOT NULL,
    first_at TEXT NOT NULL,
    last_at TEXT NOT NULL,
    PRIMARY KEY (app, env, day, kind, product_id)
) STRICT, WITHOUT ROWID;

-- Who bought what on which day, each once.
CREATE TABLE players (
    app TEXT NOT NULL,
    env TEXT NOT NULL,
    day TEXT NOT NULL,
    kind TEXT NOT NULL,
    product_id TEXT NOT NULL,
    open_id TEXT NOT NULL,
    PRIMARY KEY (app, env, day, kind, product_id, open_id)
) STRICT, WITHOUT ROWID;

CREATE TABLE mall_tests (
    position INTEGER PRIMARY KEY,
    app TEXT NOT NULL,
    env TEXT NOT NULL,
    out_trade_no TEXT NOT NULL,
    open_id TEXT NOT NULL,
    product_id TEXT NOT NULL,
    quantity INTEGER NOT NULL,
    amount_fen INTEGER NOT NULL,
    delivered_at TEXT NOT NULL,
    day TEXT NOT NULL
) STRICT;
