-- What needs a person? Pushes in quarantine, conflicting pushes, mocks, and how many pushes of which kind came
-- when. Grants outstanding are asked of `orders`.
--
-- environments: both

CREATE TABLE quarantine (
    position INTEGER PRIMARY KEY,
    quarantine_id TEXT NOT NULL,            -- 64 hex digits
    app TEXT NOT NULL,
    event TEXT NOT NULL,                    -- as received
    reason TEXT NOT NULL,                   -- other_environment_key | unusable | unrecognized_event
    detail TEXT,
    money_at_stake INTEGER NOT NULL,
    out_trade_no TEXT,                      -- these as the payload claims, where it can be read
    transaction_id TEXT,
    mch_order_no TEXT,
    refund_id TEXT,
    open_id TEXT,
    held_at TEXT NOT NULL,
    resolution TEXT,                        -- adopted | dismissed; NULL while open
    resolved_by TEXT,
    resolved_reason TEXT,
    resolved_at TEXT
) STRICT;

CREATE UNIQUE INDEX quarantine_by_id ON quarantine (quarantine_id);
CREATE INDEX quarantine_open ON quarantine (position) WHERE resolution IS NULL;

CREATE TABLE conflicts (
    position INTEGER PRIMARY KEY,
    app TEXT NOT NULL,
    env TEXT,                               -- NULL for gifts
    kind TEXT NOT NULL,                     -- goods | coins | refund | gift
    number TEXT NOT NULL,                   -- OutTradeNo, RefundId or OrderId: taken by another content
    open_id TEXT,
    product_id TEXT,
    quantity INTEGER,
    zone_id TEXT,
    orig_price_fen INTEGER,
    actual_price_fen INTEGER,
    attach TEXT,
    order_source INTEGER,
    refund_amount_fen INTEGER,
    refund_source INTEGER,
    out_trade_no TEXT,
    mch_order_no TEXT,
    transaction_id TEXT,
    goods TEXT,                             -- JSON, gifts only
    received_at TEXT NOT NULL
) STRICT;

CREATE TABLE mocks (
    position INTEGER PRIMARY KEY,
    app TEXT NOT NULL,
    env TEXT,
    kind TEXT NOT NULL,
    number TEXT NOT NULL,
    open_id TEXT,
    out_trade_no TEXT,
    mch_order_no TEXT,
    transaction_id TEXT,
    amount_fen INTEGER,                     -- ActualPrice or RefundAmount as sent
    received_at TEXT NOT NULL
) STRICT;

-- Any id that stands in one of the three, and where.
CREATE TABLE ids (
    id TEXT NOT NULL,
    position INTEGER NOT NULL,
    PRIMARY KEY (id, position)
) STRICT, WITHOUT ROWID;

-- Repeats are not recorded, so they are not counted.
CREATE TABLE pushes (
    app TEXT NOT NULL,
    env TEXT NOT NULL,                      -- '' for gifts and for quarantine
    day TEXT NOT NULL,
    event_type TEXT NOT NULL,
    kind TEXT NOT NULL,                     -- of conflicts and mocks; of quarantine the reason; else ''
    pushes INTEGER NOT NULL,
    first_at TEXT NOT NULL,
    last_at TEXT NOT NULL,
    PRIMARY KEY (app, env, day, event_type, kind)
) STRICT, WITHOUT ROWID;
