-- Does the money agree? WeChat Pay's bills beside the ledger, payment by payment and refund by refund, each row
-- with exactly one status; what people have judged of the differences, and the months that are closed.
--
-- environments: both

-- How to read this folder
-- -----------------------
-- `orders` and `refunds` are the ledger's side, `bill_lines` and `fund_lines` are the files as they came. A line
-- counts once its file is sealed; then the lines of one TransactionId become a row of `bill_payments`, those of
-- one 微信退款单号 a row of `bill_refunds`. What a pair has in common stands in the row of the order, or of the
-- ledger's refund; a payment without an order is a row of `bill_only`.
--
-- A row's status is a generated column: each word of it stands in this file, once for each table.
--
-- Nothing depends on what came first. Whatever an event may have changed is entered into `touched`; the views
-- `order_bills`, `bill_only_now`, `refund_links` and `refund_pairs` say what holds for it, from all that is known;
-- and the statements of then/match_*.sql write down what has become different.
-- Where two orders name the same payment, the one with the lowest app and OutTradeNo has it.
--
-- Readings that the statuses rest on:
--  * An order that names a billed payment by either id, and has no bill payment itself, has lost it to another
--    order: ids_disagree.
--  * Ids of mocks and of pushes in quarantine are looked for whatever their merchant; sandbox orders within theirs.
--  * An app that was ever assigned to a merchant is one of its apps.
--  * A bill line without any amount differs from every order.
--  * Rows of lines beyond the first of a payment are judged as lines without order.
--  * A refund without number, whose payment nobody names, is unpaired.
--  * Lines of one day's files are the same payment where TransactionId, state and amount are the same.
--  * A refund in a bill that failed takes part in pairing only where every one of its payment and amount failed.
--  * A refund belongs to the merchant of the order that it names, whoever is paid when it comes.

-- ---------------------------------------------------------------------------------------------------------------
-- Apps

CREATE TABLE apps (
    app TEXT PRIMARY KEY,
    app_id TEXT,                            -- WeChat's
    actual_price_is TEXT,                   -- order | unit, from here on
    merchant TEXT                           -- whom its orders are paid to, from here on
) STRICT, WITHOUT ROWID;

CREATE INDEX apps_by_app_id ON apps (app_id);

-- All merchants an app was ever assigned to.
CREATE TABLE app_merchants (
    app TEXT NOT NULL,
    merchant TEXT NOT NULL,
    PRIMARY KEY (app, merchant)
) STRICT, WITHOUT ROWID;

-- ---------------------------------------------------------------------------------------------------------------
-- Files and their lines

CREATE TABLE files (
    file INTEGER PRIMARY KEY,               -- counted here
    stream TEXT NOT NULL,
    merchant TEXT NOT NULL,
    bill_day TEXT NOT NULL,
    kind TEXT NOT NULL,                     -- all | success | refund | fundflow | a profile's name
    kind_place TEXT NOT NULL,               -- which file counts where several hold a line: 1 all, 2 success, 3 refund
    covers TEXT NOT NULL,                   -- payments | refunds | both | funds
    state TEXT NOT NULL,                    -- unfinished | sealed | superseded | declared_empty
    sha256 TEXT,
    file_name TEXT,
    profile TEXT,
    rows INTEGER,
    counted_rows INTEGER NOT NULL DEFAULT 0, -- lines that count; the others stand in a file that goes before
    by TEXT,
    reason TEXT,                            -- of superseding, or of declaring empty
    superseded_by TEXT,                     -- the SHA-256 of the file that came instead
    payments INTEGER,                       -- totals of a trade bill
    refunds INTEGER,
    order_fen INTEGER,
    settlement_fen INTEGER,
    coupon_fen INTEGER,
    refund_fen INTEGER,
    coupon_refund_fen INTEGER,
    applied_refund_fen INTEGER,
    fee_millifen INTEGER,
    incomes INTEGER,                        -- totals of a fund flow bill
    income_fen INTEGER,
    expenses INTEGER,
    expense_fen INTEGER,
    position INTEGER NOT NULL,              -- of what was last said about it
    at TEXT NOT NULL
) STRICT;

CREATE UNIQUE INDEX files_unfinished ON files (stream) WHERE state = 'unfinished';
CREATE INDEX files_by_day ON files (merchant, bill_day, covers, state);
CREATE INDEX files_by_sha ON files (sha256);

-- The rows of trade bills, as they stand in the files. They are only added, one behind the other.
CREATE TABLE bill_lines (
    line INTEGER PRIMARY KEY,               -- file * 4294967296 + the line's number in it
    row_kind TEXT NOT NULL,                 -- payment | refund
    traded_at TEXT NOT NULL,
    app_id TEXT,
    transaction_id TEXT NOT NULL,
    mch_order_no TEXT,
    open_id TEXT,
    trade_state TEXT NOT NULL,
    currency TEXT,
    settlement_fen INTEGER,
    coupon_fen INTEGER,
    wx_refund_id TEXT,
    mch_refund_no TEXT,
    refund_fen INTEGER,
    coupon_refund_fen INTEGER,
    refund_state TEXT,
    product_name TEXT,
    fee_millifen INTEGER,
    rate TEXT,
    order_fen INTEGER,
    applied_refund_fen INTEGER,
    refund_succeeded_at TEXT,
    -- What is compared with the ledger.
    amount_fen INTEGER AS (CASE row_kind
        WHEN 'refund' THEN coalesce(applied_refund_fen, refund_fen)
        ELSE coalesce(order_fen, settlement_fen + coalesce(coupon_fen, 0)) END),
    -- All that a row shows of it. A line that says the same as the one before it changes no row.
    says TEXT AS (json_array(row_kind, traded_at, app_id, transaction_id, mch_order_no, open_id, currency,
                             settlement_fen, fee_millifen, rate,
                             iif(row_kind = 'refund',
                                 json_array(wx_refund_id, mch_refund_no, refund_state, refund_succeeded_at, refund_fen,
                                            applied_refund_fen, coupon_refund_fen),
                                 json_array(trade_state, order_fen, coupon_fen))))
) STRICT;

CREATE INDEX bill_lines_by_refund ON bill_lines (wx_refund_id) WHERE wx_refund_id IS NOT NULL;
CREATE INDEX bill_lines_unnamed_refunds ON bill_lines (transaction_id)
    WHERE row_kind = 'refund' AND wx_refund_id IS NULL;

CREATE TABLE fund_lines (
    line INTEGER PRIMARY KEY,               -- as in bill_lines
    business_id TEXT,                       -- 微信支付业务单号
    direction TEXT NOT NULL,                -- in | out
    amount_fen INTEGER NOT NULL
) STRICT;

CREATE INDEX fund_lines_by_business ON fund_lines (business_id);

-- ---------------------------------------------------------------------------------------------------------------
-- What the bills say, each payment and each refund once

CREATE TABLE bill_payments (
    transaction_id TEXT NOT NULL,
    merchant TEXT NOT NULL,
    line INTEGER NOT NULL,                  -- the first that counts
    lines INTEGER NOT NULL,                 -- how many count: more than one is a duplicate
    mch_order_no TEXT,
    PRIMARY KEY (transaction_id, merchant)
) STRICT, WITHOUT ROWID;

CREATE INDEX bill_payments_by_mch_order ON bill_payments (mch_order_no, merchant) WHERE mch_order_no IS NOT NULL;

-- The lines of a payment beyond the first.
CREATE TABLE bill_copies (
    transaction_id TEXT NOT NULL,
    merchant TEXT NOT NULL,
    copy INTEGER NOT NULL,                  -- from 2
    line INTEGER NOT NULL,
    PRIMARY KEY (transaction_id, merchant, copy)
) STRICT, WITHOUT ROWID;

-- Rows of the report: bill lines without order.
CREATE TABLE bill_only (
    transaction_id TEXT NOT NULL,
    merchant TEXT NOT NULL,
    copy INTEGER NOT NULL,                  -- 1 for the payment, then its copies
    line INTEGER NOT NULL,
    bill_day TEXT NOT NULL,
    bill_fen INTEGER,
    traded_at TEXT NOT NULL,
    app_id TEXT,
    mch_order_no TEXT,
    is_doubled INTEGER NOT NULL,
    is_other_app INTEGER NOT NULL,
    is_quarantined INTEGER NOT NULL,
    is_other_currency INTEGER NOT NULL,
    is_revoked INTEGER NOT NULL,
    is_mock INTEGER NOT NULL,
    is_sandbox INTEGER NOT NULL,
    changed INTEGER NOT NULL,               -- the position of what changed the row last
    late INTEGER NOT NULL,                  -- 1: that stands behind the closing of its month
    -- missing_in_ledger is awaiting_push where the payment is younger than 24 h 04 m: that is asked, not stored.
    status TEXT AS (CASE
        WHEN is_other_app THEN 'other_app'
        WHEN is_quarantined THEN 'quarantined'
        WHEN is_doubled THEN 'duplicate_in_bill'
        WHEN is_other_currency THEN 'currency_differs'
        WHEN is_revoked THEN 'revoked_in_bill'
        WHEN is_mock THEN 'mock_in_bill'
        WHEN is_sandbox THEN 'sandbox_in_bill'
        ELSE 'missing_in_ledger' END),
    row_key TEXT AS (bill_day || ' payment payment ' || transaction_id || iif(copy = 1, '', '#' || copy)),
    PRIMARY KEY (transaction_id, merchant, copy)
) STRICT, WITHOUT ROWID;

CREATE INDEX bill_only_by_day ON bill_only (merchant, bill_day, status, bill_fen);
CREATE INDEX bill_only_by_mch_order ON bill_only (mch_order_no) WHERE mch_order_no IS NOT NULL;
CREATE INDEX bill_only_late ON bill_only (merchant) WHERE late = 1;

CREATE TABLE bill_refunds (
    bill_refund TEXT NOT NULL,              -- 微信退款单号; of a line without: TransactionId#1, #2, …
    merchant TEXT NOT NULL,
    wx_refund_id TEXT,
    transaction_id TEXT NOT NULL,
    line INTEGER NOT NULL,                  -- the best: what succeeded before what did not, then the first
    bill_day TEXT NOT NULL,
    bill_fen INTEGER,
    refund_state TEXT,
    refunded_at TEXT NOT NULL,
    app_id TEXT,
    is_paired INTEGER NOT NULL DEFAULT 0,   -- 1: stands in the row of a ledger refund
    is_ambiguous INTEGER NOT NULL DEFAULT 0,
    is_other_app INTEGER NOT NULL DEFAULT 0,
    changed INTEGER NOT NULL,
    late INTEGER NOT NULL,
    status TEXT AS (CASE
        WHEN is_paired THEN NULL
        WHEN is_other_app THEN 'other_app'
        WHEN is_ambiguous THEN 'refund_ambiguous'
        -- refund_awaiting_push where it is younger than 24 h 04 m: that is asked, not stored.
        WHEN ifnull(refund_state, 'SUCCESS') = 'SUCCESS' THEN 'refund_missing_in_ledger'
        ELSE 'refund_not_successful' END),
    row_key TEXT AS (bill_day || ' refund bill_refund ' || bill_refund),
    PRIMARY KEY (bill_refund, merchant)
) STRICT, WITHOUT ROWID;

CREATE INDEX bill_refunds_by_payment ON bill_refunds (transaction_id, merchant);
CREATE INDEX bill_refunds_by_day ON bill_refunds (merchant, bill_day, status, bill_fen) WHERE is_paired = 0;
CREATE INDEX bill_refunds_late ON bill_refunds (merchant) WHERE late = 1;

-- ---------------------------------------------------------------------------------------------------------------
-- The ledger

-- Orders of production: rows of the report.
CREATE TABLE orders (
    position INTEGER PRIMARY KEY,           -- of the first push
    app TEXT NOT NULL,
    merchant TEXT,                          -- NULL until the app is assigned to one
    out_trade_no TEXT NOT NULL,
    mch_order_no TEXT,
    transaction_id TEXT,
    open_id TEXT NOT NULL,
    product_id TEXT,                        -- NULL for coins
    quantity INTEGER NOT NULL,
    zone_id TEXT,
    order_source INTEGER,                   -- 3: a test of the mall
    amount_fen INTEGER NOT NULL,            -- of the whole order
    is_recovered INTEGER NOT NULL DEFAULT 0, -- 1: entered by people, from a bill
    evidence_sha256 TEXT,                   -- the bill line it was entered from
    evidence_line INTEGER,
    pushed_at TEXT NOT NULL,                -- the first push
    push_day TEXT NOT NULL,                 -- its Beijing day
    -- The payment's day lies between 24 h 04 m before the first push and the push: these are the days between.
    window_from TEXT NOT NULL,
    window_mid TEXT NOT NULL,
    window_to TEXT NOT NULL,
    is_covered INTEGER NOT NULL,            -- 1: all of them have a bill
    conflicts INTEGER NOT NULL DEFAULT 0,   -- pushes of this number with another content
    grant_state TEXT NOT NULL DEFAULT 'none', -- none | granted | refused | revoked
    -- What its bill payment says:
    bill_line INTEGER,                      -- of bill_lines
    bill_day TEXT,
    bill_fen INTEGER,
    paired_by TEXT,                         -- transaction_id | mch_order_no
    is_doubled INTEGER NOT NULL DEFAULT 0,
    do_ids_disagree INTEGER NOT NULL DEFAULT 0,
    is_other_currency INTEGER NOT NULL DEFAULT 0,
    is_revoked INTEGER NOT NULL DEFAULT 0,
    changed INTEGER NOT NULL,               -- the position of what changed the row last
    late INTEGER NOT NULL,                  -- 1: that stands behind the closing of its month
    accounting_day TEXT AS (coalesce(bill_day, push_day)),
    status TEXT AS (CASE
        WHEN order_source = 3 THEN 'test_order'
        WHEN conflicts > 0 THEN 'conflict'
        WHEN transaction_id IS NULL AND mch_order_no IS NULL THEN 'other_channel'
        WHEN is_doubled THEN 'duplicate_in_bill'
        WHEN do_ids_disagree THEN 'ids_disagree'
        WHEN bill_line IS NULL THEN iif(is_covered, 'missing_in_bill', 'awaiting_bill')
        WHEN amount_fen <> bill_fen AND quantity > 1
             AND (amount_fen = bill_fen * quantity OR bill_fen = amount_fen * quantity) THEN 'amount_rule_suspect'
        WHEN amount_fen IS NOT bill_fen THEN 'amount_differs'
        WHEN is_other_currency THEN 'currency_differs'
        WHEN is_revoked THEN 'revoked_in_bill'
        WHEN is_recovered THEN 'matched_by_operator'
        ELSE 'matched' END),
    is_difference INTEGER AS (status NOT IN ('test_order', 'other_channel', 'awaiting_bill', 'matched_by_operator',
                                             'matched')),
    row_key TEXT AS (accounting_day || ' payment order ' || app || '.' || out_trade_no)
) STRICT;

CREATE UNIQUE INDEX orders_by_number ON orders (out_trade_no, app);
CREATE INDEX orders_by_transaction ON orders (transaction_id, merchant) WHERE transaction_id IS NOT NULL;
CREATE INDEX orders_by_mch_order ON orders (mch_order_no, merchant, transaction_id) WHERE mch_order_no IS NOT NULL;
-- The summary is read from this one alone.
CREATE INDEX orders_by_day ON orders (merchant, accounting_day, status, app, amount_fen, bill_fen);
CREATE INDEX orders_differing ON orders (merchant, accounting_day, app, out_trade_no, amount_fen, bill_fen)
    WHERE is_difference = 1;
CREATE INDEX orders_late ON orders (merchant) WHERE late = 1;
CREATE INDEX orders_recovered ON orders (merchant, evidence_sha256, bill_line) WHERE is_recovered = 1;

-- Refunds of production: rows of the report.
CREATE TABLE refunds (
    position INTEGER PRIMARY KEY,
    app TEXT NOT NULL,
    merchant TEXT,
    refund_id TEXT NOT NULL,
    amount_fen INTEGER NOT NULL,
    out_trade_no TEXT,                      -- these three name the original payment, as pushed
    mch_order_no TEXT,
    transaction_id TEXT,
    refunded_at TEXT NOT NULL,              -- the first push
    refund_day TEXT NOT NULL,               -- its Beijing day
    earliest_day TEXT NOT NULL,             -- 15 days before
    payment TEXT,                           -- the TransactionId that it gives back of, where anybody says it
    order_position INTEGER,                 -- its order, where the ledger has it
    is_excessive INTEGER NOT NULL DEFAULT 0, -- 1: the order's refunds exceed its amount
    is_other_channel INTEGER NOT NULL DEFAULT 0, -- 1: its order was not paid through WeChat Pay
    is_covered INTEGER NOT NULL DEFAULT 0,  -- 1: every day it could stand in has a bill
    -- What its bill refund says:
    bill_refund TEXT,
    bill_line INTEGER,
    bill_day TEXT,
    bill_fen INTEGER,
    refund_state TEXT,
    is_ambiguous INTEGER NOT NULL DEFAULT 0,
    changed INTEGER NOT NULL,
    late INTEGER NOT NULL,
    accounting_day TEXT AS (coalesce(bill_day, refund_day)),
    status TEXT AS (CASE
        WHEN is_ambiguous THEN 'refund_ambiguous'
        WHEN bill_line IS NULL AND is_other_channel THEN 'other_channel'
        WHEN bill_line IS NULL THEN iif(is_covered, 'refund_missing_in_bill', 'refund_awaiting_bill')
        WHEN amount_fen IS NOT bill_fen THEN 'refund_amount_differs'
        WHEN is_excessive THEN 'refund_exceeds_payment'
        WHEN order_position IS NULL THEN 'refund_without_order'
        WHEN ifnull(refund_state, 'SUCCESS') <> 'SUCCESS' THEN 'refund_not_successful'
        ELSE 'refund_matched' END),
    is_difference INTEGER AS (status NOT IN ('other_channel', 'refund_awaiting_bill', 'refund_matched')),
    row_key TEXT AS (accounting_day || ' refund refund ' || app || '.' || refund_id)
) STRICT;

CREATE UNIQUE INDEX refunds_by_id ON refunds (refund_id, app);
CREATE INDEX refunds_by_number ON refunds (out_trade_no) WHERE out_trade_no IS NOT NULL;
CREATE INDEX refunds_by_transaction ON refunds (transaction_id) WHERE transaction_id IS NOT NULL;
CREATE INDEX refunds_by_mch_order ON refunds (mch_order_no) WHERE mch_order_no IS NOT NULL;
CREATE INDEX refunds_by_payment ON refunds (payment, merchant) WHERE payment IS NOT NULL;
CREATE INDEX refunds_by_order ON refunds (order_position) WHERE order_position IS NOT NULL;
CREATE INDEX refunds_by_day ON refunds (merchant, accounting_day, status, app, amount_fen, bill_fen);
CREATE INDEX refunds_unbilled ON refunds (merchant, refund_day) WHERE bill_line IS NULL;
CREATE INDEX refunds_unnamed ON refunds (merchant) WHERE transaction_id IS NULL;
CREATE INDEX refunds_late ON refunds (merchant) WHERE late = 1;

-- Payment ids that stand for no order of production: in a bill they are alarming.
CREATE TABLE claims (
    id TEXT NOT NULL,
    id_kind TEXT NOT NULL,                  -- transaction_id | mch_order_no
    source TEXT NOT NULL,                   -- sandbox | mock | quarantine, there only while it is open
    claimant TEXT NOT NULL,                 -- whose stream says so
    app TEXT NOT NULL,
    merchant TEXT,                          -- of the app then
    PRIMARY KEY (id, id_kind, source, claimant)
) STRICT, WITHOUT ROWID;

CREATE INDEX claims_by_claimant ON claims (claimant);
CREATE INDEX claims_by_app ON claims (app) WHERE merchant IS NULL;

-- What people decided about pushes in quarantine, by the payment ids that these name. It changes no status: what was
-- adopted is delivered by hand, so no order is entered for its payment.
CREATE TABLE decided_quarantine (
    id TEXT NOT NULL,
    id_kind TEXT NOT NULL,                  -- as in claims
    quarantine_id TEXT NOT NULL,
    app TEXT NOT NULL,
    resolution TEXT NOT NULL,               -- adopted | dismissed
    resolved_by TEXT NOT NULL,
    resolved_reason TEXT NOT NULL,
    resolved_at TEXT NOT NULL,
    position INTEGER NOT NULL,              -- of the decision
    PRIMARY KEY (id, id_kind, quarantine_id)
) STRICT, WITHOUT ROWID;

-- ---------------------------------------------------------------------------------------------------------------
-- What people decide

CREATE TABLE cases (
    merchant TEXT NOT NULL,
    kind TEXT NOT NULL,                     -- order | payment | refund | bill_refund
    id TEXT NOT NULL,
    state TEXT NOT NULL,                    -- resolved | reopened
    status TEXT,                            -- these two as judged
    facts TEXT,
    reason TEXT,
    by TEXT,
    at TEXT NOT NULL,
    position INTEGER NOT NULL,
    PRIMARY KEY (merchant, kind, id)
) STRICT, WITHOUT ROWID;

CREATE TABLE recoveries (
    app TEXT NOT NULL,
    out_trade_no TEXT NOT NULL,
    merchant TEXT NOT NULL,
    state TEXT NOT NULL,                    -- open | approving | approved | withdrawn
    open_id TEXT,
    product_id TEXT,
    quantity INTEGER,
    zone_id TEXT,
    amount_fen INTEGER,
    transaction_id TEXT,
    mch_order_no TEXT,
    evidence TEXT,
    bill_sha256 TEXT,
    bill_line INTEGER,
    proposed_by TEXT,
    proposed_at TEXT,
    decided_by TEXT,
    decided_reason TEXT,
    decided_at TEXT,
    position INTEGER NOT NULL,
    PRIMARY KEY (app, out_trade_no)
) STRICT, WITHOUT ROWID;

CREATE INDEX recoveries_by_merchant ON recoveries (merchant, position);

CREATE TABLE periods (
    merchant TEXT NOT NULL,
    month TEXT NOT NULL,                    -- 2026-01
    next_month TEXT NOT NULL,
    state TEXT NOT NULL,                    -- prepared | closed | reopened
    report_sha256 TEXT,
    prepared_position INTEGER,              -- what stands behind it in the log is late
    summary TEXT,
    prepared_by TEXT,
    prepared_at TEXT,
    closed_by TEXT,
    closed_at TEXT,
    reopened_by TEXT,
    reopened_at TEXT,
    reopened_reason TEXT,
    position INTEGER NOT NULL,
    PRIMARY KEY (merchant, month)
) STRICT, WITHOUT ROWID;

-- ---------------------------------------------------------------------------------------------------------------
-- What an event may have changed. Empty between two events.

CREATE TABLE touched (
    -- payment | counted_anew | mch_order | order | bill_refund | unnamed_refund | refund | refunded_payment |
    -- refunded_order; counted_anew: payments whose lines are counted anew
    what TEXT NOT NULL,
    id ANY NOT NULL,                        -- TransactionId, MchOrderNo or position
    merchant TEXT NOT NULL,                 -- '' for positions
    PRIMARY KEY (what, id, merchant)
) STRICT, WITHOUT ROWID;

-- The lines that count of the payments being counted anew. Empty between two events.
CREATE TABLE counted_lines (
    transaction_id TEXT NOT NULL,
    merchant TEXT NOT NULL,
    bill_day TEXT NOT NULL,
    kind_place TEXT NOT NULL,
    line INTEGER NOT NULL,
    PRIMARY KEY (transaction_id, merchant, bill_day, kind_place, line)
) STRICT, WITHOUT ROWID;

-- ---------------------------------------------------------------------------------------------------------------
-- What holds

-- Which bill payment is an order's: the one with its TransactionId; where no bill has that, the one with its
-- MchOrderNo that no order names by TransactionId. Of several orders the one with the lowest app and OutTradeNo has
-- it, of several payments by MchOrderNo the lowest.
CREATE VIEW order_payments AS
SELECT o.position, o.app, o.merchant, o.transaction_id, o.mch_order_no, o.push_day, o.bill_line AS old_line,
       o.bill_day AS old_day, o.paired_by AS old_paired_by, o.is_doubled AS was_doubled,
       o.do_ids_disagree AS did_ids_disagree,
       CASE WHEN EXISTS (SELECT 1 FROM bill_payments AS b
                         WHERE b.transaction_id = o.transaction_id AND b.merchant = o.merchant)
            THEN iif(EXISTS (SELECT 1 FROM orders AS f
                             WHERE f.transaction_id = o.transaction_id AND f.merchant = o.merchant
                               AND f.position <> o.position AND (f.app, f.out_trade_no) < (o.app, o.out_trade_no)),
                     NULL, o.transaction_id)
            WHEN NOT EXISTS (SELECT 1 FROM orders AS f
                             WHERE f.mch_order_no = o.mch_order_no AND f.merchant = o.merchant
                               AND f.position <> o.position AND (f.app, f.out_trade_no) < (o.app, o.out_trade_no)
                               AND NOT EXISTS (SELECT 1 FROM bill_payments AS b
                                               WHERE b.transaction_id = f.transaction_id
                                                 AND b.merchant = f.merchant))
            THEN (SELECT min(b.transaction_id) FROM bill_payments AS b
                  WHERE b.mch_order_no = o.mch_order_no AND b.merchant = o.merchant
                    AND NOT EXISTS (SELECT 1 FROM orders AS n
                                    WHERE n.transaction_id = b.transaction_id AND n.merchant = b.merchant))
            END AS payment
FROM orders AS o;

-- The MchOrderNos of the touched payments: that of the line, and those of the orders that name it.
CREATE VIEW touched_mch_orders AS
SELECT b.mch_order_no, b.merchant, b.transaction_id
FROM touched AS t
CROSS JOIN bill_payments AS b ON b.transaction_id = t.id AND b.merchant = t.merchant
WHERE t.what = 'payment' AND b.mch_order_no IS NOT NULL
UNION ALL
SELECT o.mch_order_no, o.merchant, o.transaction_id
FROM touched AS t
CROSS JOIN orders AS o ON o.transaction_id = t.id AND o.merchant = t.merchant
WHERE t.what = 'payment' AND o.mch_order_no IS NOT NULL
  -- That of the line is looked at already.
  AND o.mch_order_no IS NOT (SELECT b.mch_order_no FROM bill_payments AS b
                             WHERE b.transaction_id = o.transaction_id AND b.merchant = o.merchant);

-- Months that are closed.
CREATE VIEW closed_months AS SELECT merchant, month, next_month, prepared_position FROM periods WHERE state = 'closed';

-- What an order's bill payment says, and whether ids disagree: of a pair where both know both and one differs, or
-- where the line names another app of ours; without a pair where a bill has the payment for another order.
CREATE VIEW order_bills_now AS
SELECT o.position, o.old_line, o.old_day, o.old_paired_by, o.was_doubled, o.did_ids_disagree, b.line AS bill_line,
       f.bill_day, l.amount_fen AS bill_fen,
       CASE WHEN b.line IS NULL THEN NULL
            WHEN b.transaction_id = o.transaction_id THEN 'transaction_id'
            ELSE 'mch_order_no' END AS paired_by,
       ifnull(b.lines > 1, 0) AS is_doubled,
       CASE WHEN b.line IS NULL
            THEN EXISTS (SELECT 1 FROM bill_payments AS t
                         WHERE t.transaction_id = o.transaction_id AND t.merchant = o.merchant)
              OR EXISTS (SELECT 1 FROM bill_payments AS m
                         WHERE m.mch_order_no = o.mch_order_no AND m.merchant = o.merchant)
            ELSE ifnull(b.transaction_id <> o.transaction_id AND o.mch_order_no IS NOT NULL
                        AND b.mch_order_no IS NOT NULL, 0)
              OR ifnull(o.transaction_id IS NOT NULL AND b.mch_order_no <> o.mch_order_no, 0)
              OR (EXISTS (SELECT 1 FROM apps AS a WHERE a.app_id = l.app_id AND a.app <> o.app)
                  AND NOT EXISTS (SELECT 1 FROM apps AS a WHERE a.app_id = l.app_id AND a.app = o.app))
            END AS do_ids_disagree,
       ifnull(l.currency <> 'CNY', 0) AS is_other_currency,
       ifnull(l.trade_state = 'REVOKED', 0) AS is_revoked,
       EXISTS (SELECT 1 FROM closed_months AS c
               WHERE c.merchant = o.merchant AND c.month = substr(coalesce(f.bill_day, o.push_day), 1, 7)) AS late
FROM order_payments AS o
LEFT JOIN bill_payments AS b ON b.transaction_id = o.payment AND b.merchant = o.merchant
LEFT JOIN bill_lines AS l ON l.line = b.line
LEFT JOIN files AS f ON f.file = l.line >> 32;

-- The same, and whether the row says something else by it: a line that only stands elsewhere changes nothing.
CREATE VIEW order_bills AS
SELECT n.position, n.bill_line, n.bill_day, n.bill_fen, n.paired_by, n.is_doubled, n.do_ids_disagree,
       n.is_other_currency, n.is_revoked, n.late,
       CASE WHEN n.old_day IS NOT n.bill_day THEN 1
            WHEN n.old_paired_by IS NOT n.paired_by OR n.was_doubled <> n.is_doubled
                 OR n.did_ids_disagree <> n.do_ids_disagree THEN 1
            WHEN n.old_line IS n.bill_line THEN 0
            ELSE (SELECT l.says FROM bill_lines AS l WHERE l.line = n.old_line)
                 IS NOT (SELECT l.says FROM bill_lines AS l WHERE l.line = n.bill_line) END AS is_changed
FROM order_bills_now AS n;

-- Of the touched payments the lines without order: payments that no order has, and every further line of a payment.
CREATE VIEW unpaired_lines AS
SELECT b.transaction_id, b.merchant, 1 AS copy, b.line, b.lines > 1 AS is_doubled
FROM touched AS t
CROSS JOIN bill_payments AS b ON b.transaction_id = t.id AND b.merchant = t.merchant
WHERE t.what = 'payment'
  AND NOT EXISTS (SELECT 1 FROM orders AS o WHERE o.transaction_id = t.id AND o.merchant = t.merchant)
  AND (b.mch_order_no IS NULL
       OR NOT EXISTS (SELECT 1 FROM orders AS o
                      WHERE o.mch_order_no = b.mch_order_no AND o.merchant = b.merchant
                        AND NOT EXISTS (SELECT 1 FROM bill_payments AS p
                                        WHERE p.transaction_id = o.transaction_id AND p.merchant = o.merchant))
       OR EXISTS (SELECT 1 FROM bill_payments AS m
                  WHERE m.mch_order_no = b.mch_order_no AND m.merchant = b.merchant
                    AND m.transaction_id < b.transaction_id
                    AND NOT EXISTS (SELECT 1 FROM orders AS o
                                    WHERE o.transaction_id = m.transaction_id AND o.merchant = m.merchant)))
UNION ALL
SELECT c.transaction_id, c.merchant, c.copy, c.line, 1
FROM touched AS t
CROSS JOIN bill_copies AS c ON c.transaction_id = t.id AND c.merchant = t.merchant
WHERE t.what = 'payment';

-- The same with what else is known of them.
CREATE VIEW bill_only_now AS
SELECT u.transaction_id, u.merchant, u.copy, u.line, f.bill_day, l.amount_fen AS bill_fen, l.traded_at, l.app_id,
       l.mch_order_no, u.is_doubled,
       l.app_id IS NOT NULL
           AND NOT EXISTS (SELECT 1 FROM apps AS a JOIN app_merchants AS m ON m.app = a.app
                           WHERE a.app_id = l.app_id AND m.merchant = u.merchant) AS is_other_app,
       EXISTS (SELECT 1 FROM claims AS c
               WHERE c.source = 'quarantine'
                 AND ((c.id = u.transaction_id AND c.id_kind = 'transaction_id')
                      OR (c.id = l.mch_order_no AND c.id_kind = 'mch_order_no'))) AS is_quarantined,
       ifnull(l.currency <> 'CNY', 0) AS is_other_currency,
       l.trade_state = 'REVOKED' AS is_revoked,
       EXISTS (SELECT 1 FROM claims AS c
               WHERE c.source = 'mock'
                 AND ((c.id = u.transaction_id AND c.id_kind = 'transaction_id')
                      OR (c.id = l.mch_order_no AND c.id_kind = 'mch_order_no'))) AS is_mock,
       EXISTS (SELECT 1 FROM claims AS c
               WHERE c.source = 'sandbox' AND c.merchant = u.merchant
                 AND ((c.id = u.transaction_id AND c.id_kind = 'transaction_id')
                      OR (c.id = l.mch_order_no AND c.id_kind = 'mch_order_no'))) AS is_sandbox,
       EXISTS (SELECT 1 FROM closed_months AS c
               WHERE c.merchant = u.merchant AND c.month = substr(f.bill_day, 1, 7)) AS late
FROM unpaired_lines AS u
CROSS JOIN bill_lines AS l ON l.line = u.line
CROSS JOIN files AS f ON f.file = l.line >> 32;

-- To whom the payment was made that a refund gives back of: to the merchant of the order that it names, by number or
-- else by id. Where the ledger has none, to the one in force at the refund's own push.
CREATE VIEW refund_merchants AS
SELECT r.position,
       coalesce((SELECT o.merchant FROM orders AS o WHERE o.out_trade_no = r.out_trade_no AND o.app = r.app),
                (SELECT o.merchant FROM orders AS o
                 WHERE o.transaction_id = r.transaction_id AND o.app = r.app ORDER BY o.position LIMIT 1),
                (SELECT o.merchant FROM orders AS o
                 WHERE o.mch_order_no = r.mch_order_no AND o.app = r.app ORDER BY o.position LIMIT 1),
                r.merchant) AS merchant
FROM refunds AS r;

-- Which payment a refund gives back of, and which order it is for.
CREATE VIEW refund_links AS
SELECT s.position, s.payment,
       coalesce(s.order_position,
                (SELECT o.position FROM orders AS o
                 WHERE o.transaction_id = s.payment AND o.merchant = s.merchant
                 ORDER BY o.app, o.out_trade_no LIMIT 1),
                (SELECT o.position FROM orders AS o
                 WHERE o.mch_order_no = s.mch_order_no AND o.merchant = s.merchant
                 ORDER BY o.app, o.out_trade_no LIMIT 1)) AS order_position,
       EXISTS (SELECT 1 FROM closed_months AS c
               WHERE c.merchant = s.merchant AND c.month = substr(s.accounting_day, 1, 7)) AS late
FROM (SELECT r.position, r.merchant, r.mch_order_no, r.accounting_day, n.position AS order_position,
             coalesce(r.transaction_id, n.transaction_id,
                      (SELECT o.transaction_id FROM orders AS o
                       WHERE o.mch_order_no = coalesce(r.mch_order_no, n.mch_order_no)
                         AND o.merchant = r.merchant AND o.transaction_id IS NOT NULL
                       ORDER BY o.app, o.out_trade_no LIMIT 1),
                      (SELECT min(b.transaction_id) FROM bill_payments AS b
                       WHERE b.mch_order_no = coalesce(r.mch_order_no, n.mch_order_no)
                         AND b.merchant = r.merchant)) AS payment
      FROM refunds AS r
      LEFT JOIN orders AS n ON n.out_trade_no = r.out_trade_no AND n.app = r.app AND n.merchant = r.merchant) AS s;

-- The lines of the touched 微信退款单号, the one that counts first: what succeeded before what did not, then the
-- earliest.
CREATE VIEW best_refund_lines AS
SELECT t.merchant, l.wx_refund_id, l.line, f.bill_day,
       row_number() OVER (PARTITION BY t.merchant, l.wx_refund_id
                          ORDER BY l.refund_state IS NOT 'SUCCESS', f.bill_day, f.kind_place, l.line) AS place
FROM touched AS t
CROSS JOIN bill_lines AS l ON l.wx_refund_id = t.id
CROSS JOIN files AS f ON f.file = l.line >> 32 AND f.merchant = t.merchant
WHERE t.what = 'bill_refund' AND l.row_kind = 'refund' AND f.state = 'sealed';

-- Refund lines of the touched payments that have no 微信退款单号, each once: as payments, within their day.
CREATE VIEW unnamed_refund_lines AS
SELECT d.merchant, d.line, d.bill_day,
       d.transaction_id || '#' || row_number() OVER (PARTITION BY d.merchant, d.transaction_id
                                                     ORDER BY d.bill_day, d.kind_place, d.line) AS bill_refund
FROM (SELECT e.merchant, e.transaction_id, e.bill_day, e.line, min(e.kind_place) AS kind_place
      FROM (SELECT t.merchant, l.transaction_id, l.mch_order_no, l.trade_state, l.order_fen, l.refund_state,
                   l.amount_fen, f.bill_day, f.kind_place, l.line,
                   row_number() OVER (PARTITION BY t.merchant, l.transaction_id, l.mch_order_no, l.trade_state,
                                                   l.order_fen, l.refund_state, l.amount_fen, f.file
                                      ORDER BY l.line) AS place
            FROM touched AS t
            CROSS JOIN bill_lines AS l ON l.transaction_id = t.id
            CROSS JOIN files AS f ON f.file = l.line >> 32 AND f.merchant = t.merchant
            WHERE t.what = 'unnamed_refund' AND l.row_kind = 'refund' AND l.wx_refund_id IS NULL
              AND f.state = 'sealed') AS e
      GROUP BY e.merchant, e.transaction_id, e.mch_order_no, e.trade_state, e.order_fen, e.refund_state, e.amount_fen,
               e.bill_day, e.place) AS d;

-- The ledger's refunds of the touched payments, each with the refund of the bill that is the same. Within a payment
-- equal amounts are paired in the order of their times; where their numbers differ nobody can say which is which.
-- Of what is left, one on each side is the same refund with another amount.
CREATE VIEW refund_pairs AS
WITH ledger AS (
    SELECT r.merchant, r.payment, r.amount_fen AS fen, r.position,
           row_number() OVER (PARTITION BY r.merchant, r.payment, r.amount_fen
                              ORDER BY r.refunded_at, r.app, r.refund_id) AS place,
           count(*) OVER (PARTITION BY r.merchant, r.payment, r.amount_fen) AS many
    FROM touched AS t
    CROSS JOIN refunds AS r ON r.payment = t.id AND r.merchant = t.merchant
    WHERE t.what = 'refunded_payment'
),
bill AS (
    SELECT b.merchant, b.transaction_id AS payment, b.bill_fen AS fen, b.bill_refund,
           row_number() OVER (PARTITION BY b.merchant, b.transaction_id, b.bill_fen
                              ORDER BY b.refunded_at, b.wx_refund_id, b.bill_refund) AS place,
           count(*) OVER (PARTITION BY b.merchant, b.transaction_id, b.bill_fen) AS many
    FROM touched AS t
    CROSS JOIN bill_refunds AS b ON b.transaction_id = t.id AND b.merchant = t.merchant
    -- An attempt that failed stands for nothing where another of its amount did not fail.
    WHERE t.what = 'refunded_payment'
      AND (b.refund_state IS NOT 'FAIL'
           OR NOT EXISTS (SELECT 1 FROM bill_refunds AS a
                          WHERE a.transaction_id = b.transaction_id AND a.merchant = b.merchant
                            AND a.bill_fen = b.bill_fen AND a.refund_state IS NOT 'FAIL'))
),
same AS (
    SELECT l.merchant, l.payment, l.position, l.many,
           (SELECT g.many FROM bill AS g
            WHERE g.merchant = l.merchant AND g.payment = l.payment AND g.fen = l.fen AND g.place = 1) AS many_in_bill,
           (SELECT g.bill_refund FROM bill AS g
            WHERE g.merchant = l.merchant AND g.payment = l.payment AND g.fen = l.fen
              AND g.place = l.place AND g.many = l.many) AS bill_refund
    FROM ledger AS l
),
left_in_ledger AS (
    SELECT merchant, payment, count(*) AS many FROM same WHERE many_in_bill IS NULL GROUP BY merchant, payment
),
left_in_bill AS (
    SELECT b.merchant, b.payment, count(*) AS many, min(b.bill_refund) AS bill_refund
    FROM bill AS b
    WHERE NOT EXISTS (SELECT 1 FROM ledger AS l
                      WHERE l.merchant = b.merchant AND l.payment = b.payment AND l.fen = b.fen)
    GROUP BY b.merchant, b.payment
)
-- Asked one by one, and not joined: a join would go through all that is left once for each refund.
SELECT s.merchant, s.position, iif(s.ours = 1 AND s.theirs = 1, s.other_refund, s.bill_refund) AS bill_refund,
       CASE WHEN s.many_in_bill IS NULL THEN ifnull(s.theirs > 0 AND (s.ours > 1 OR s.theirs > 1), 0)
            ELSE s.bill_refund IS NULL END AS is_ambiguous
FROM (SELECT s.merchant, s.position, s.many_in_bill, s.bill_refund,
             iif(s.many_in_bill IS NULL,
                 (SELECT o.many FROM left_in_ledger AS o WHERE o.merchant = s.merchant AND o.payment = s.payment),
                 NULL) AS ours,
             iif(s.many_in_bill IS NULL,
                 (SELECT x.many FROM left_in_bill AS x WHERE x.merchant = s.merchant AND x.payment = s.payment),
                 NULL) AS theirs,
             iif(s.many_in_bill IS NULL,
                 (SELECT x.bill_refund FROM left_in_bill AS x WHERE x.merchant = s.merchant AND x.payment = s.payment),
                 NULL) AS other_refund
      FROM same AS s) AS s;

-- The same with what the bill's refund says, and whether the row says something else by it; and touched refunds whose
-- payment nobody names.
CREATE VIEW refund_bills AS
SELECT r.position, b.bill_refund, b.line AS bill_line, b.bill_day, b.bill_fen, b.refund_state, p.is_ambiguous,
       EXISTS (SELECT 1 FROM closed_months AS c
               WHERE c.merchant = r.merchant AND c.month = substr(coalesce(b.bill_day, r.refund_day), 1, 7)) AS late,
       r.bill_refund IS NOT b.bill_refund OR r.bill_day IS NOT b.bill_day OR r.is_ambiguous <> p.is_ambiguous
           OR (r.bill_line <> b.line
               AND (SELECT l.says FROM bill_lines AS l WHERE l.line = r.bill_line)
                   IS NOT (SELECT l.says FROM bill_lines AS l WHERE l.line = b.line)) AS is_changed
FROM (SELECT merchant, position, bill_refund, is_ambiguous FROM refund_pairs
      UNION ALL
      SELECT r.merchant, r.position, NULL, 0
      FROM touched AS t CROSS JOIN refunds AS r ON r.position = t.id
      WHERE t.what = 'refund' AND r.payment IS NULL) AS p
CROSS JOIN refunds AS r ON r.position = p.position
LEFT JOIN bill_refunds AS b ON b.merchant = p.merchant AND b.bill_refund = p.bill_refund;

-- The bill's refunds: whether the ledger has them, or may have.
CREATE VIEW bill_refunds_now AS
SELECT s.merchant, s.bill_refund, s.transaction_id, s.is_paired,
       NOT s.is_paired
           AND (s.refund_state IS NOT 'FAIL'
                OR NOT EXISTS (SELECT 1 FROM bill_refunds AS a
                               WHERE a.transaction_id = s.transaction_id AND a.merchant = s.merchant
                                 AND a.bill_fen = s.bill_fen AND a.refund_state IS NOT 'FAIL'))
           AND (EXISTS (SELECT 1 FROM refunds AS r
                        WHERE r.payment = s.transaction_id AND r.merchant = s.merchant AND r.amount_fen = s.bill_fen)
                OR EXISTS (SELECT 1 FROM refunds AS r
                           WHERE r.payment = s.transaction_id AND r.merchant = s.merchant
                             AND NOT EXISTS (SELECT 1 FROM bill_refunds AS o
                                             WHERE o.transaction_id = s.transaction_id AND o.merchant = s.merchant
                                               AND o.bill_fen = r.amount_fen))) AS is_ambiguous,
       s.app_id IS NOT NULL
           AND NOT EXISTS (SELECT 1 FROM apps AS a JOIN app_merchants AS m ON m.app = a.app
                           WHERE a.app_id = s.app_id AND m.merchant = s.merchant) AS is_other_app,
       EXISTS (SELECT 1 FROM closed_months AS c
               WHERE c.merchant = s.merchant AND c.month = substr(s.bill_day, 1, 7)) AS late
FROM (SELECT b.merchant, b.bill_refund, b.transaction_id, b.bill_fen, b.refund_state, b.app_id, b.bill_day,
             EXISTS (SELECT 1 FROM refunds AS r
                     WHERE r.payment = b.transaction_id AND r.merchant = b.merchant
                       AND r.bill_refund = b.bill_refund) AS is_paired
      FROM bill_refunds AS b) AS s;

-- How many lines of each file count, of what is touched.
CREATE VIEW touched_counts AS
SELECT k.file, count(*) AS lines
FROM (SELECT b.line >> 32 AS file
      FROM touched AS t
      CROSS JOIN bill_payments AS b ON b.transaction_id = t.id AND b.merchant = t.merchant
      WHERE t.what = 'counted_anew'
      UNION ALL
      SELECT b.line >> 32
      FROM touched AS t
      CROSS JOIN bill_copies AS b ON b.transaction_id = t.id AND b.merchant = t.merchant
      WHERE t.what = 'counted_anew'
      UNION ALL
      SELECT b.line >> 32
      FROM touched AS t
      CROSS JOIN bill_refunds AS b ON b.merchant = t.merchant AND b.bill_refund = t.id
      WHERE t.what = 'bill_refund'
      UNION ALL
      SELECT b.line >> 32
      FROM touched AS t
      CROSS JOIN bill_refunds AS b ON b.transaction_id = t.id AND b.merchant = t.merchant AND b.wx_refund_id IS NULL
      WHERE t.what = 'unnamed_refund') AS k
GROUP BY k.file;

-- Days that have a bill of their payments, of their refunds, of their funds.
CREATE VIEW covered_days AS
SELECT merchant, bill_day AS day, covers, state
FROM files
WHERE state IN ('sealed', 'declared_empty');

CREATE VIEW order_coverage AS
SELECT o.position,
       EXISTS (SELECT 1 FROM covered_days AS c
               WHERE c.merchant = o.merchant AND c.day = o.window_to AND c.covers IN ('payments', 'both'))
       AND EXISTS (SELECT 1 FROM covered_days AS c
                   WHERE c.merchant = o.merchant AND c.day = o.window_mid AND c.covers IN ('payments', 'both'))
       AND EXISTS (SELECT 1 FROM covered_days AS c
                   WHERE c.merchant = o.merchant AND c.day = o.window_from AND c.covers IN ('payments', 'both'))
           AS is_covered
FROM orders AS o;

-- Whether an order's refunds exceed its amount; whether it was paid by other means, so that no bill can have the
-- refund either; and whether every day of a refund has a bill: from its payment on, but no more than 15 days before
-- its push.
CREATE VIEW refund_limits AS
SELECT r.position,
       ifnull((SELECT sum(s.amount_fen) FROM refunds AS s WHERE s.order_position = r.order_position) > o.amount_fen, 0)
           AS is_excessive,
       o.position IS NOT NULL AND coalesce(o.transaction_id, o.mch_order_no, r.transaction_id, r.mch_order_no) IS NULL
           AS is_other_channel,
       -- As many days as there are.
       (SELECT count(DISTINCT c.day) FROM covered_days AS c
        WHERE c.merchant = r.merchant AND c.day BETWEEN max(r.earliest_day, ifnull(o.window_from, '')) AND r.refund_day
          AND c.covers IN ('refunds', 'both'))
           > seconds_between(max(r.earliest_day, ifnull(o.window_from, '')) || 'T00:00:00Z',
                             r.refund_day || 'T00:00:00Z') / 86400 AS is_covered,
       EXISTS (SELECT 1 FROM closed_months AS c
               WHERE c.merchant = r.merchant AND c.month = substr(r.accounting_day, 1, 7)) AS late
FROM refunds AS r
LEFT JOIN orders AS o ON o.position = r.order_position;

-- ---------------------------------------------------------------------------------------------------------------
-- The report

-- Rows of the four tables with the same columns. `status` is as stored: where `since` is less than 24 h 04 m ago,
-- missing_in_ledger is awaiting_push yet, and refund_missing_in_ledger is refund_awaiting_push. `facts` is what a
-- person judges: where it changes, what was resolved is open again; to wait and to be missing are the same fact,
-- and so is a line that says the same in another file. Where a status rests on what stands beside the row, the facts
-- tell that too: `conflicts` and `lines` how many there are, `holders` which orders have the payment, `group` which
-- refunds are ambiguous together (of more than 20 how many, the first and the last).
-- `judged`: resolved, on these facts; lapsed, on others; reopened. `period` of a late row is the first month whose
-- report can have it: one that is not closed, or was prepared after the row changed last.

-- Refunds of both sides of which nobody can say which is which. `share`: the amount that both sides have, or NULL for
-- what is left of a payment.
CREATE VIEW ambiguous_bill_refunds AS
SELECT b.merchant, b.transaction_id AS payment, b.bill_refund AS id,
       (SELECT min(r.amount_fen) FROM refunds AS r
        WHERE r.payment = b.transaction_id AND r.merchant = b.merchant AND r.amount_fen = b.bill_fen) AS share
FROM bill_refunds AS b
WHERE b.is_ambiguous = 1;

CREATE VIEW ambiguous_refunds AS
SELECT r.merchant, r.payment, r.position, r.app || '.' || r.refund_id AS id,
       (SELECT min(b.bill_fen) FROM bill_refunds AS b
        WHERE b.transaction_id = r.payment AND b.merchant = r.merchant AND b.bill_fen = r.amount_fen) AS share
FROM refunds AS r
WHERE r.is_ambiguous = 1;


-- Orders, with the line of their bill payment. One that was judged as a payment without order: what was judged has
-- changed.
CREATE VIEW order_rows AS
SELECT s.*, coalesce(c.reason, p.reason) AS case_reason, coalesce(c.by, p.by) AS case_by,
       CASE WHEN c.state = 'resolved' THEN iif(c.facts = s.facts, 'resolved', 'lapsed')
            WHEN p.state = 'resolved' THEN 'lapsed'
            ELSE coalesce(c.state, p.state) END AS judged
FROM (SELECT 'order' AS source, '' AS ref_id, o.position AS ref_number, o.merchant, o.app, 'payment' AS kind, o.status,
             o.is_difference, NULL AS since, o.accounting_day, iif(o.bill_line IS NULL, 'push', 'bill') AS day_source,
             iif(o.late,
                 (SELECT min(m.next_month) FROM closed_months AS m
                  WHERE m.merchant = o.merchant AND m.month >= substr(o.accounting_day, 1, 7)
                    AND m.prepared_position < o.changed
                    AND NOT EXISTS (SELECT 1 FROM closed_months AS n
                                    WHERE n.merchant = m.merchant AND n.month = m.next_month
                                      AND n.prepared_position < o.changed)),
                 substr(o.accounting_day, 1, 7)) AS period, o.late,
             o.out_trade_no, coalesce(o.transaction_id, l.transaction_id) AS transaction_id,
             coalesce(o.mch_order_no, l.mch_order_no) AS mch_order_no, NULL AS refund_id, NULL AS wx_refund_id,
             NULL AS mch_refund_no, o.open_id, o.product_id, o.quantity, o.zone_id, o.order_source,
             o.amount_fen AS ledger_fen, o.bill_fen, l.settlement_fen, l.coupon_fen,
             (SELECT coalesce(sum(r.amount_fen), 0) FROM refunds AS r WHERE r.order_position = o.position)
                 AS refunded_fen,
             l.fee_millifen, l.rate, l.trade_state AS bill_state, l.traded_at AS paid_at, o.pushed_at, o.grant_state,
             CASE WHEN o.bill_line IS NULL THEN NULL
                  WHEN NOT (EXISTS (SELECT 1 FROM covered_days AS c
                                    WHERE c.merchant = o.merchant AND c.day = o.bill_day AND c.covers = 'funds')
                            AND EXISTS (SELECT 1 FROM covered_days AS c
                                        WHERE c.merchant = o.merchant AND c.day = day_plus(o.bill_day, 1)
                                          AND c.covers = 'funds')) THEN 'not_imported'
                  ELSE ifnull((SELECT iif(max(m.amount_fen IS coalesce(l.settlement_fen, l.order_fen)),
                                          'seen', 'differs')
                               FROM fund_lines AS m CROSS JOIN files AS n ON n.file = m.line >> 32
                               WHERE m.business_id IN (l.transaction_id) AND m.direction = 'in'
                                 AND n.merchant = o.merchant AND n.state = 'sealed'
                               HAVING count(*) > 0), 'missing') END AS funds,
             coalesce(o.paired_by, 'none') AS rule, 'order' AS case_kind, o.app || '.' || o.out_trade_no AS case_id,
             json_patch(
             json_object('status', replace(o.status, 'awaiting_bill', 'missing_in_bill'), 'ledger_fen', o.amount_fen,
                         'bill_fen', o.bill_fen, 'bill_state', l.trade_state,
                         'transaction_id', coalesce(o.transaction_id, l.transaction_id),
                         'mch_order_no', coalesce(o.mch_order_no, l.mch_order_no),
                         'conflicts', iif(o.status = 'conflict', o.conflicts, NULL),
                         'lines', iif(o.status = 'duplicate_in_bill',
                                      (SELECT b.lines FROM bill_payments AS b
                                       WHERE b.transaction_id = l.transaction_id AND b.merchant = o.merchant), NULL),
                         'holders', iif(o.status = 'ids_disagree' AND o.bill_line IS NULL,
                                        (SELECT iif(count(*) > 20,
                                                    count(*) || ': ' || min(h.holder) || ' .. ' || max(h.holder),
                                                    group_concat(h.holder, ' '))
                                         FROM (SELECT w.app || '.' || w.out_trade_no AS holder
                                               FROM bill_payments AS b
                                               CROSS JOIN orders AS w
                                                 ON w.transaction_id = b.transaction_id AND w.merchant = b.merchant
                                                    AND w.bill_line = b.line
                                               WHERE b.merchant = o.merchant AND b.transaction_id = o.transaction_id
                                               UNION
                                               SELECT w.app || '.' || w.out_trade_no
                                               FROM bill_payments AS b
                                               CROSS JOIN orders AS w
                                                 ON w.transaction_id = b.transaction_id AND w.merchant = b.merchant
                                                    AND w.bill_line = b.line
                                               WHERE b.merchant = o.merchant AND b.mch_order_no = o.mch_order_no
                                               UNION
                                               SELECT w.app || '.' || w.out_trade_no
                                               FROM bill_payments AS b
                                               CROSS JOIN orders AS w
                                                 ON w.mch_order_no = b.mch_order_no AND w.merchant = b.merchant
                                                    AND w.bill_line = b.line
                                               WHERE b.merchant = o.merchant AND b.mch_order_no = o.mch_order_no
                                               ORDER BY 1) AS h), NULL)),
             iif(o.status = 'currency_differs', json_object('currency', l.currency), '{}')) AS facts,
             f.sha256 AS bill_sha256, o.bill_line & 4294967295 AS bill_line, o.position,
             o.row_key
      FROM orders AS o
      LEFT JOIN bill_lines AS l ON l.line = o.bill_line
      LEFT JOIN files AS f ON f.file = o.bill_line >> 32
      WHERE o.merchant IS NOT NULL) AS s
LEFT JOIN cases AS c ON c.merchant = s.merchant AND c.kind = 'order' AND c.id = s.case_id
LEFT JOIN cases AS p ON c.id IS NULL AND p.merchant = s.merchant AND p.kind = 'payment' AND p.id = s.transaction_id;

-- Bill lines without order.
CREATE VIEW bill_only_rows AS
SELECT s.*, c.reason AS case_reason, c.by AS case_by,
       CASE c.state WHEN 'resolved' THEN iif(c.facts = s.facts, 'resolved', 'lapsed') ELSE c.state END AS judged
FROM (SELECT 'bill_only' AS source, b.transaction_id AS ref_id, b.copy AS ref_number, b.merchant,
             (SELECT a.app FROM apps AS a JOIN app_merchants AS m ON m.app = a.app
              WHERE a.app_id = b.app_id AND m.merchant = b.merchant) AS app,
             'payment' AS kind, b.status, b.status <> 'other_app' AS is_difference,
             iif(b.status = 'missing_in_ledger', b.traded_at, NULL) AS since, b.bill_day AS accounting_day,
             'bill' AS day_source,
             iif(b.late,
                 (SELECT min(m.next_month) FROM closed_months AS m
                  WHERE m.merchant = b.merchant AND m.month >= substr(b.bill_day, 1, 7)
                    AND m.prepared_position < b.changed
                    AND NOT EXISTS (SELECT 1 FROM closed_months AS n
                                    WHERE n.merchant = m.merchant AND n.month = m.next_month
                                      AND n.prepared_position < b.changed)),
                 substr(b.bill_day, 1, 7)) AS period, b.late,
             NULL AS out_trade_no, b.transaction_id, b.mch_order_no, NULL AS refund_id, NULL AS wx_refund_id,
             NULL AS mch_refund_no, l.open_id, NULL AS product_id, NULL AS quantity, NULL AS zone_id,
             NULL AS order_source, NULL AS ledger_fen, b.bill_fen, l.settlement_fen, l.coupon_fen,
             NULL AS refunded_fen, l.fee_millifen, l.rate, l.trade_state AS bill_state, l.traded_at AS paid_at,
             NULL AS pushed_at, NULL AS grant_state,
             CASE WHEN b.line IS NULL THEN NULL
                  WHEN NOT (EXISTS (SELECT 1 FROM covered_days AS c
                                    WHERE c.merchant = b.merchant AND c.day = b.bill_day AND c.covers = 'funds')
                            AND EXISTS (SELECT 1 FROM covered_days AS c
                                        WHERE c.merchant = b.merchant AND c.day = day_plus(b.bill_day, 1)
                                          AND c.covers = 'funds')) THEN 'not_imported'
                  ELSE ifnull((SELECT iif(max(m.amount_fen IS coalesce(l.settlement_fen, l.order_fen)),
                                          'seen', 'differs')
                               FROM fund_lines AS m CROSS JOIN files AS n ON n.file = m.line >> 32
                               WHERE m.business_id IN (b.transaction_id) AND m.direction = 'in'
                                 AND n.merchant = b.merchant AND n.state = 'sealed'
                               HAVING count(*) > 0), 'missing') END AS funds,
             'none' AS rule, 'payment' AS case_kind,
             b.transaction_id || iif(b.copy = 1, '', '#' || b.copy) AS case_id,
             json_patch(
             json_object('status', b.status, 'ledger_fen', NULL, 'bill_fen', b.bill_fen, 'bill_state', l.trade_state,
                         'transaction_id', b.transaction_id, 'mch_order_no', b.mch_order_no,
                         'lines', iif(b.status = 'duplicate_in_bill',
                                      (SELECT p.lines FROM bill_payments AS p
                                       WHERE p.transaction_id = b.transaction_id AND p.merchant = b.merchant), NULL)),
             iif(b.status = 'currency_differs', json_object('currency', l.currency), '{}'))
                 AS facts,
             f.sha256 AS bill_sha256, b.line & 4294967295 AS bill_line, NULL AS position,
             b.row_key
      FROM bill_only AS b
      CROSS JOIN bill_lines AS l ON l.line = b.line
      CROSS JOIN files AS f ON f.file = b.line >> 32) AS s
LEFT JOIN cases AS c ON c.merchant = s.merchant AND c.kind = 'payment' AND c.id = s.case_id;

-- Refunds of the ledger, with the line of the bill refund that is the same.
CREATE VIEW refund_rows AS
SELECT s.*, c.reason AS case_reason, c.by AS case_by,
       CASE c.state WHEN 'resolved' THEN iif(c.facts = s.facts, 'resolved', 'lapsed') ELSE c.state END AS judged
FROM (SELECT 'refund' AS source, '' AS ref_id, r.position AS ref_number, r.merchant, r.app, 'refund' AS kind, r.status,
             r.is_difference, NULL AS since, r.accounting_day, iif(r.bill_line IS NULL, 'push', 'bill') AS day_source,
             iif(r.late,
                 (SELECT min(m.next_month) FROM closed_months AS m
                  WHERE m.merchant = r.merchant AND m.month >= substr(r.accounting_day, 1, 7)
                    AND m.prepared_position < r.changed
                    AND NOT EXISTS (SELECT 1 FROM closed_months AS n
                                    WHERE n.merchant = m.merchant AND n.month = m.next_month
                                      AND n.prepared_position < r.changed)),
                 substr(r.accounting_day, 1, 7)) AS period, r.late,
             coalesce(r.out_trade_no, o.out_trade_no) AS out_trade_no,
             coalesce(r.transaction_id, r.payment) AS transaction_id,
             coalesce(r.mch_order_no, o.mch_order_no, l.mch_order_no) AS mch_order_no, r.refund_id,
             l.wx_refund_id, l.mch_refund_no, o.open_id, o.product_id, o.quantity, o.zone_id, o.order_source,
             r.amount_fen AS ledger_fen, r.bill_fen, l.settlement_fen, l.coupon_refund_fen AS coupon_fen,
             (SELECT sum(x.amount_fen) FROM refunds AS x WHERE x.order_position = r.order_position) AS refunded_fen,
             l.fee_millifen, l.rate, r.refund_state AS bill_state, l.traded_at AS paid_at, r.refunded_at AS pushed_at,
             o.grant_state,
             CASE WHEN r.bill_line IS NULL THEN NULL
                  WHEN NOT (EXISTS (SELECT 1 FROM covered_days AS c
                                    WHERE c.merchant = r.merchant AND c.day = r.bill_day AND c.covers = 'funds')
                            AND EXISTS (SELECT 1 FROM covered_days AS c
                                        WHERE c.merchant = r.merchant AND c.day = day_plus(r.bill_day, 1)
                                          AND c.covers = 'funds')) THEN 'not_imported'
                  ELSE ifnull((SELECT iif(max(m.amount_fen IS coalesce(l.refund_fen, r.bill_fen)),
                                          'seen', 'differs')
                               FROM fund_lines AS m CROSS JOIN files AS n ON n.file = m.line >> 32
                               WHERE m.business_id IN (l.wx_refund_id, l.transaction_id) AND m.direction = 'out'
                                 AND n.merchant = r.merchant AND n.state = 'sealed'
                               HAVING count(*) > 0), 'missing') END AS funds,
             iif(r.bill_line IS NULL, 'none', 'refund_amount_time') AS rule, 'refund' AS case_kind,
             r.app || '.' || r.refund_id AS case_id,
             json_object('status', replace(r.status, 'refund_awaiting_bill', 'refund_missing_in_bill'),
                         'ledger_fen', r.amount_fen, 'bill_fen', r.bill_fen, 'bill_state', r.refund_state,
                         'wx_refund_id', l.wx_refund_id, 'out_trade_no', coalesce(r.out_trade_no, o.out_trade_no),
                         'transaction_id', coalesce(r.transaction_id, r.payment),
                         'mch_order_no', coalesce(r.mch_order_no, o.mch_order_no, l.mch_order_no),
                         'refunded_fen', iif(r.is_excessive, (SELECT sum(x.amount_fen) FROM refunds AS x
                                                              WHERE x.order_position = r.order_position), NULL),
                         'group', iif(r.status = 'refund_ambiguous',
                                      (SELECT iif(count(*) > 20, count(*) || ': ' || min(g.id) || ' .. ' || max(g.id),
                                                  group_concat(g.id, ' '))
                                       FROM (SELECT a.id FROM ambiguous_refunds AS a
                                             WHERE a.merchant = r.merchant AND a.payment = r.payment
                                               AND a.share IS (SELECT s.share FROM ambiguous_refunds AS s
                                                               WHERE s.position = r.position)
                                             UNION ALL
                                             SELECT a.id FROM ambiguous_bill_refunds AS a
                                             WHERE a.merchant = r.merchant AND a.payment = r.payment
                                               AND a.share IS (SELECT s.share FROM ambiguous_refunds AS s
                                                               WHERE s.position = r.position)
                                             ORDER BY 1) AS g), NULL))
                 AS facts,
             f.sha256 AS bill_sha256, r.bill_line & 4294967295 AS bill_line, r.position,
             r.row_key
      FROM refunds AS r
      -- Nothing is told of an order of another app: who sees this one need not see that one.
      LEFT JOIN orders AS o ON o.position = r.order_position AND o.app = r.app
      LEFT JOIN bill_lines AS l ON l.line = r.bill_line
      LEFT JOIN files AS f ON f.file = r.bill_line >> 32
      WHERE r.merchant IS NOT NULL) AS s
LEFT JOIN cases AS c ON c.merchant = s.merchant AND c.kind = 'refund' AND c.id = s.case_id;

-- Bill refunds that no refund of the ledger has.
CREATE VIEW bill_refund_rows AS
SELECT s.*, c.reason AS case_reason, c.by AS case_by,
       CASE c.state WHEN 'resolved' THEN iif(c.facts = s.facts, 'resolved', 'lapsed') ELSE c.state END AS judged
FROM (SELECT 'bill_refund' AS source, b.bill_refund AS ref_id, 0 AS ref_number, b.merchant,
             (SELECT a.app FROM apps AS a JOIN app_merchants AS m ON m.app = a.app
              WHERE a.app_id = b.app_id AND m.merchant = b.merchant) AS app,
             'refund' AS kind, b.status, b.status <> 'other_app' AS is_difference,
             iif(b.status = 'refund_missing_in_ledger', b.refunded_at, NULL) AS since, b.bill_day AS accounting_day,
             'bill' AS day_source,
             iif(b.late,
                 (SELECT min(m.next_month) FROM closed_months AS m
                  WHERE m.merchant = b.merchant AND m.month >= substr(b.bill_day, 1, 7)
                    AND m.prepared_position < b.changed
                    AND NOT EXISTS (SELECT 1 FROM closed_months AS n
                                    WHERE n.merchant = m.merchant AND n.month = m.next_month
                                      AND n.prepared_position < b.changed)),
                 substr(b.bill_day, 1, 7)) AS period, b.late,
             NULL AS out_trade_no, b.transaction_id, l.mch_order_no, NULL AS refund_id, b.wx_refund_id,
             l.mch_refund_no, l.open_id, NULL AS product_id, NULL AS quantity, NULL AS zone_id,
             NULL AS order_source, NULL AS ledger_fen, b.bill_fen, l.settlement_fen, l.coupon_refund_fen AS coupon_fen,
             NULL AS refunded_fen, l.fee_millifen, l.rate, b.refund_state AS bill_state, l.traded_at AS paid_at,
             NULL AS pushed_at, NULL AS grant_state,
             CASE WHEN b.line IS NULL THEN NULL
                  WHEN NOT (EXISTS (SELECT 1 FROM covered_days AS c
                                    WHERE c.merchant = b.merchant AND c.day = b.bill_day AND c.covers = 'funds')
                            AND EXISTS (SELECT 1 FROM covered_days AS c
                                        WHERE c.merchant = b.merchant AND c.day = day_plus(b.bill_day, 1)
                                          AND c.covers = 'funds')) THEN 'not_imported'
                  ELSE ifnull((SELECT iif(max(m.amount_fen IS coalesce(l.refund_fen, b.bill_fen)),
                                          'seen', 'differs')
                               FROM fund_lines AS m CROSS JOIN files AS n ON n.file = m.line >> 32
                               WHERE m.business_id IN (b.wx_refund_id, b.transaction_id) AND m.direction = 'out'
                                 AND n.merchant = b.merchant AND n.state = 'sealed'
                               HAVING count(*) > 0), 'missing') END AS funds,
             'none' AS rule, 'bill_refund' AS case_kind, b.bill_refund AS case_id,
             json_object('status', b.status, 'ledger_fen', NULL, 'bill_fen', b.bill_fen, 'bill_state', b.refund_state,
                         'wx_refund_id', b.wx_refund_id, 'transaction_id', b.transaction_id,
                         'group', iif(b.status = 'refund_ambiguous',
                                      (SELECT iif(count(*) > 20, count(*) || ': ' || min(g.id) || ' .. ' || max(g.id),
                                                  group_concat(g.id, ' '))
                                       FROM (SELECT a.id FROM ambiguous_refunds AS a
                                             WHERE a.merchant = b.merchant AND a.payment = b.transaction_id
                                               AND a.share IS (SELECT s.share FROM ambiguous_bill_refunds AS s
                                                               WHERE s.id = b.bill_refund AND s.merchant = b.merchant)
                                             UNION ALL
                                             SELECT a.id FROM ambiguous_bill_refunds AS a
                                             WHERE a.merchant = b.merchant AND a.payment = b.transaction_id
                                               AND a.share IS (SELECT s.share FROM ambiguous_bill_refunds AS s
                                                               WHERE s.id = b.bill_refund AND s.merchant = b.merchant)
                                             ORDER BY 1) AS g), NULL))
                 AS facts,
             f.sha256 AS bill_sha256, b.line & 4294967295 AS bill_line, NULL AS position,
             b.row_key
      FROM bill_refunds AS b
      CROSS JOIN bill_lines AS l ON l.line = b.line
      CROSS JOIN files AS f ON f.file = b.line >> 32
      WHERE b.is_paired = 0) AS s
LEFT JOIN cases AS c ON c.merchant = s.merchant AND c.kind = 'bill_refund' AND c.id = s.case_id;

-- Rows that changed after their month was closed. They stand in the reports of their accounting day, and in those of
-- the first day of their period. They are few: who asks keeps other indexes out of the way (`+accounting_day`).
CREATE VIEW late_rows AS
SELECT * FROM order_rows WHERE late = 1
UNION ALL SELECT * FROM bill_only_rows WHERE late = 1
UNION ALL SELECT * FROM refund_rows WHERE late = 1
UNION ALL SELECT * FROM bill_refund_rows WHERE late = 1;

-- Rows that have been resolved, on the facts that stand.
CREATE VIEW resolved_rows AS
SELECT r.merchant, r.app, r.kind, r.status, r.since, r.is_difference, r.accounting_day, r.period, r.late, r.ledger_fen,
       r.bill_fen
FROM cases AS c
CROSS JOIN orders AS o
  ON o.out_trade_no = substr(c.id, instr(c.id, '.') + 1) AND o.app = substr(c.id, 1, instr(c.id, '.') - 1)
CROSS JOIN order_rows AS r ON r.ref_number = o.position AND r.merchant = c.merchant
WHERE c.kind = 'order' AND c.state = 'resolved' AND r.judged = 'resolved'
UNION ALL
SELECT r.merchant, r.app, r.kind, r.status, r.since, r.is_difference, r.accounting_day, r.period, r.late, r.ledger_fen,
       r.bill_fen
FROM cases AS c
CROSS JOIN bill_only_rows AS r
  ON r.ref_id IN (c.id, substr(c.id, 1, instr(c.id, '#') - 1)) AND r.merchant = c.merchant AND r.case_id = c.id
WHERE c.kind = 'payment' AND c.state = 'resolved' AND r.judged = 'resolved'
UNION ALL
SELECT r.merchant, r.app, r.kind, r.status, r.since, r.is_difference, r.accounting_day, r.period, r.late, r.ledger_fen,
       r.bill_fen
FROM cases AS c
CROSS JOIN refunds AS f
  ON f.refund_id = substr(c.id, instr(c.id, '.') + 1) AND f.app = substr(c.id, 1, instr(c.id, '.') - 1)
CROSS JOIN refund_rows AS r ON r.ref_number = f.position AND r.merchant = c.merchant
WHERE c.kind = 'refund' AND c.state = 'resolved' AND r.judged = 'resolved'
UNION ALL
SELECT r.merchant, r.app, r.kind, r.status, r.since, r.is_difference, r.accounting_day, r.period, r.late, r.ledger_fen,
       r.bill_fen
FROM cases AS c
CROSS JOIN bill_refund_rows AS r ON r.ref_id = c.id AND r.merchant = c.merchant
WHERE c.kind = 'bill_refund' AND c.state = 'resolved' AND r.judged = 'resolved';

-- The row that each case is about, where there is one.
CREATE VIEW case_rows AS
SELECT c.merchant, c.kind AS case_kind, c.id AS case_id, r.status, r.facts, r.app
FROM cases AS c
CROSS JOIN orders AS o
  ON o.out_trade_no = substr(c.id, instr(c.id, '.') + 1) AND o.app = substr(c.id, 1, instr(c.id, '.') - 1)
CROSS JOIN order_rows AS r ON r.ref_number = o.position AND r.merchant = c.merchant
WHERE c.kind = 'order'
UNION ALL
SELECT c.merchant, c.kind, c.id, r.status, r.facts, r.app
FROM cases AS c
CROSS JOIN bill_only_rows AS r
  ON r.ref_id IN (c.id, substr(c.id, 1, instr(c.id, '#') - 1)) AND r.merchant = c.merchant AND r.case_id = c.id
WHERE c.kind = 'payment'
UNION ALL
SELECT c.merchant, c.kind, c.id, r.status, r.facts, r.app
FROM cases AS c
CROSS JOIN refunds AS f
  ON f.refund_id = substr(c.id, instr(c.id, '.') + 1) AND f.app = substr(c.id, 1, instr(c.id, '.') - 1)
CROSS JOIN refund_rows AS r ON r.ref_number = f.position AND r.merchant = c.merchant
WHERE c.kind = 'refund'
UNION ALL
SELECT c.merchant, c.kind, c.id, r.status, r.facts, r.app
FROM cases AS c
CROSS JOIN bill_refund_rows AS r ON r.ref_id = c.id AND r.merchant = c.merchant
WHERE c.kind = 'bill_refund';
