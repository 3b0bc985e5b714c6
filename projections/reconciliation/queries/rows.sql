-- Rows of a time, page by page: payments and refunds of ledger and bills, each with its one status. Where
-- differences or cases are asked for, rows that need no decision are left out; `open` are also cases that have lapsed.
-- Late rows of earlier days that are reported in this time come first.
-- role: finance
-- parameter: merchant text required | Merchant / 商户号
-- parameter: from_day day required | First accounting day
-- parameter: to_day day required | Last accounting day
-- parameter: status text of amount_differs,amount_rule_suspect,conflict,currency_differs,duplicate_in_bill,ids_disagree,missing_in_bill,missing_in_ledger,mock_in_bill,quarantined,refund_ambiguous,refund_amount_differs,refund_exceeds_payment,refund_missing_in_bill,refund_missing_in_ledger,refund_not_successful,refund_without_order,revoked_in_bill,sandbox_in_bill,awaiting_bill,awaiting_push,matched,matched_by_operator,other_app,other_channel,refund_awaiting_bill,refund_awaiting_push,refund_matched,test_order | Only rows of this status
-- parameter: kind text of payment,refund | Only payments, or only refunds
-- parameter: only_differences flag = 0 | 1: only rows that need a decision, or had one
-- parameter: case_state text of open,resolved,lapsed | Only rows whose case stands so
-- parameter: app text | The app's slug
-- parameter: after text | Only rows behind this key (the next page)
-- parameter: limit integer = 50 max 1000 | Rows at most
-- next: after = row_key
-- column: merchant id | Merchant / 商户号
-- column: app text | The app's slug; of a line without order: of its AppID / 应用
-- column: kind text | payment or refund / 类型
-- column: status text | The one status / 状态
-- column: accounting_day day | The day it counts for / 记账日
-- column: day_source text | bill, or push where there is no bill line / 记账日来源
-- column: period text | The month it is reported in / 期间
-- column: late flag | 1: came after its month was closed / 迟到
-- column: out_trade_no id | OutTradeNo / 业务订单号
-- column: transaction_id id | TransactionId / 微信订单号
-- column: mch_order_no id | MchOrderNo / 商户订单号
-- column: refund_id id | RefundId / 退款单号
-- column: wx_refund_id id | WeChat Pay refund / 微信退款单号
-- column: mch_refund_no id | Merchant refund / 商户退款单号
-- column: open_id open_id | Player / 用户标识
-- column: product_id id | Product / 道具
-- column: quantity count | Quantity / 数量
-- column: zone_id id | Zone / 分区
-- column: order_source count | 1 in-game, 2 mall, 3 mall test / 订单来源
-- column: ledger_fen fen | Amount in the ledger / 账本金额
-- column: bill_fen fen | Amount in the bill / 订单金额（退款为申请退款金额）
-- column: settlement_fen fen | To be settled / 应结订单金额
-- column: coupon_fen fen | Coupons / 代金券金额
-- column: difference_fen fen | Ledger less bill / 差额
-- column: refunded_fen fen | All refunds of the order / 已退款合计
-- column: fee_millifen millifen | Fee / 手续费
-- column: rate text | Rate / 费率
-- column: bill_state text | State in the bill / 账单状态
-- column: paid_at moment | Traded, as in the bill / 交易时间
-- column: pushed_at moment | First push / 首次推送
-- column: grant_state text | What the game said: none, granted, refused, revoked / 发货
-- column: funds text | not_imported, seen, missing or differs / 资金账单
-- column: age_hours count | Hours since the push, or the payment / 时长（小时）
-- column: rule text | What paired it: transaction_id, mch_order_no, refund_amount_time or none / 匹配规则
-- column: case_kind text | Names the case, with case_id / 个案类型
-- column: case_id id | Names the case, with case_kind / 个案编号
-- column: case_state text | open, resolved or lapsed; empty where there is nothing to decide / 个案状态
-- column: case_reason text | What was said of it / 处理说明
-- column: case_by text | By whom / 处理人
-- column: facts json | What is judged / 判定依据
-- column: bill_sha256 id | The bill file's SHA-256 / 账单 SHA-256
-- column: bill_line count | Its line / 账单行号
-- column: position position | First push in the log / 日志位置
-- column: row_key id | Orders the rows / 行键
WITH page AS (
    SELECT 'order' AS source, '' AS ref_id, o.position AS ref_number, o.accounting_day AS accounting_day,
           o.row_key
    FROM orders AS o
    WHERE o.merchant = :merchant
      AND o.accounting_day BETWEEN max(:from_day, ifnull(substr(:after, 1, 10), '')) AND :to_day
      AND (:status IS NULL OR o.status = :status)
      AND ifnull(:kind, 'payment') = 'payment' AND (:after IS NULL OR o.row_key > :after)
      AND (:app IS NULL OR o.app = :app)
      AND :only_differences = 0 AND :case_state IS NULL
    UNION ALL
    SELECT 'order' AS source, '' AS ref_id, o.position AS ref_number, o.accounting_day AS accounting_day,
           o.row_key
    FROM orders AS o
    WHERE o.merchant = :merchant
      AND o.accounting_day BETWEEN max(:from_day, ifnull(substr(:after, 1, 10), '')) AND :to_day
      AND (:status IS NULL OR o.status = :status)
      AND ifnull(:kind, 'payment') = 'payment' AND (:after IS NULL OR o.row_key > :after)
      AND (:app IS NULL OR o.app = :app)
      AND (:only_differences = 1 OR :case_state IS NOT NULL) AND o.is_difference = 1
      AND (:case_state IS NULL OR EXISTS (SELECT 1 FROM order_rows AS v
                                          WHERE v.ref_number = o.position
                                            AND CASE ifnull(v.judged, 'open')
                                                     WHEN 'resolved' THEN :case_state = 'resolved'
                                                     WHEN 'lapsed' THEN :case_state IN ('lapsed', 'open')
                                                     ELSE :case_state = 'open' END))
    UNION ALL
    SELECT 'bill_only' AS source, b.transaction_id AS ref_id, b.copy AS ref_number, b.bill_day AS accounting_day,
           b.row_key
    FROM bill_only AS b
    WHERE b.merchant = :merchant
      AND b.bill_day BETWEEN max(:from_day, ifnull(substr(:after, 1, 10), '')) AND :to_day
      AND (:status IS NULL
           OR b.status = CASE :status WHEN 'awaiting_push' THEN 'missing_in_ledger'
                                   WHEN 'refund_awaiting_push' THEN 'refund_missing_in_ledger'
                                   ELSE :status END)
      AND ifnull(:kind, 'payment') = 'payment' AND (:after IS NULL OR b.row_key > :after)
      AND (:app IS NULL OR b.app_id = (SELECT a.app_id FROM app_merchants AS m JOIN apps AS a ON a.app = m.app
                                       WHERE m.app = :app AND m.merchant = :merchant))
      AND (:status IS NOT 'missing_in_ledger' OR seconds_between(b.traded_at, :as_of) >= 86640)
      AND (:status IS NOT 'awaiting_push' OR seconds_between(b.traded_at, :as_of) < 86640)
      AND ((:only_differences = 0 AND :case_state IS NULL)
           OR (b.status <> 'other_app'
               AND (b.status <> 'missing_in_ledger' OR seconds_between(b.traded_at, :as_of) >= 86640)))
      AND (:case_state IS NULL OR EXISTS (SELECT 1 FROM bill_only_rows AS v
                                          WHERE v.ref_id = b.transaction_id AND v.merchant = b.merchant
                                            AND v.ref_number = b.copy
                                            AND CASE ifnull(v.judged, 'open')
                                                     WHEN 'resolved' THEN :case_state = 'resolved'
                                                     WHEN 'lapsed' THEN :case_state IN ('lapsed', 'open')
                                                     ELSE :case_state = 'open' END))
    UNION ALL
    SELECT 'refund' AS source, '' AS ref_id, r.position AS ref_number, r.accounting_day AS accounting_day,
           r.row_key
    FROM refunds AS r
    WHERE r.merchant = :merchant
      AND r.accounting_day BETWEEN max(:from_day, ifnull(substr(:after, 1, 10), '')) AND :to_day
      AND (:status IS NULL OR r.status = :status)
      AND ifnull(:kind, 'refund') = 'refund' AND (:after IS NULL OR r.row_key > :after)
      AND (:app IS NULL OR r.app = :app)
      AND ((:only_differences = 0 AND :case_state IS NULL) OR r.is_difference = 1)
      AND (:case_state IS NULL OR EXISTS (SELECT 1 FROM refund_rows AS v
                                          WHERE v.ref_number = r.position
                                            AND CASE ifnull(v.judged, 'open')
                                                     WHEN 'resolved' THEN :case_state = 'resolved'
                                                     WHEN 'lapsed' THEN :case_state IN ('lapsed', 'open')
                                                     ELSE :case_state = 'open' END))
    UNION ALL
    SELECT 'bill_refund' AS source, b.bill_refund AS ref_id, 0 AS ref_number, b.bill_day AS accounting_day,
           b.row_key
    FROM bill_refunds AS b
    WHERE b.merchant = :merchant
      AND b.bill_day BETWEEN max(:from_day, ifnull(substr(:after, 1, 10), '')) AND :to_day
      AND (:status IS NULL
           OR b.status = CASE :status WHEN 'awaiting_push' THEN 'missing_in_ledger'
                                   WHEN 'refund_awaiting_push' THEN 'refund_missing_in_ledger'
                                   ELSE :status END)
      AND b.is_paired = 0
      AND ifnull(:kind, 'refund') = 'refund' AND (:after IS NULL OR b.row_key > :after)
      AND (:app IS NULL OR b.app_id = (SELECT a.app_id FROM app_merchants AS m JOIN apps AS a ON a.app = m.app
                                       WHERE m.app = :app AND m.merchant = :merchant))
      AND (:status IS NOT 'refund_missing_in_ledger' OR seconds_between(b.refunded_at, :as_of) >= 86640)
      AND (:status IS NOT 'refund_awaiting_push' OR seconds_between(b.refunded_at, :as_of) < 86640)
      AND ((:only_differences = 0 AND :case_state IS NULL)
           OR (b.status <> 'other_app'
               AND (b.status <> 'refund_missing_in_ledger' OR seconds_between(b.refunded_at, :as_of) >= 86640)))
      AND (:case_state IS NULL OR EXISTS (SELECT 1 FROM bill_refund_rows AS v
                                          WHERE v.ref_id = b.bill_refund AND v.merchant = b.merchant
                                            AND CASE ifnull(v.judged, 'open')
                                                     WHEN 'resolved' THEN :case_state = 'resolved'
                                                     WHEN 'lapsed' THEN :case_state IN ('lapsed', 'open')
                                                     ELSE :case_state = 'open' END))
    UNION ALL
    -- Late rows of earlier days.
    SELECT l.source, l.ref_id, l.ref_number, l.accounting_day, l.row_key
    FROM late_rows AS l
    WHERE l.merchant = :merchant AND +l.accounting_day < :from_day AND l.period || '-01' BETWEEN :from_day AND :to_day
      AND (:kind IS NULL OR l.kind = :kind) AND (:after IS NULL OR l.row_key > :after)
      AND (:app IS NULL OR l.app = :app)
      AND (:status IS NULL
           OR :status = CASE WHEN l.since IS NULL OR seconds_between(l.since, :as_of) >= 86640 THEN l.status
                             WHEN l.status = 'missing_in_ledger' THEN 'awaiting_push'
                             ELSE 'refund_awaiting_push' END)
      AND ((:only_differences = 0 AND :case_state IS NULL)
           OR (l.is_difference AND (l.since IS NULL OR seconds_between(l.since, :as_of) >= 86640)))
      AND (:case_state IS NULL OR CASE ifnull(l.judged, 'open')
                                       WHEN 'resolved' THEN :case_state = 'resolved'
                                       WHEN 'lapsed' THEN :case_state IN ('lapsed', 'open')
                                       ELSE :case_state = 'open' END)
    ORDER BY 4, 5
    LIMIT :limit
)
SELECT r.merchant, r.app, r.kind,
       CASE WHEN r.since IS NULL OR seconds_between(r.since, :as_of) >= 86640 THEN r.status
            WHEN r.status = 'missing_in_ledger' THEN 'awaiting_push'
            ELSE 'refund_awaiting_push' END AS status,
       r.accounting_day, r.day_source, r.period, r.late, r.out_trade_no, r.transaction_id, r.mch_order_no,
       r.refund_id, r.wx_refund_id, r.mch_refund_no, r.open_id, r.product_id, r.quantity, r.zone_id, r.order_source,
       r.ledger_fen, r.bill_fen, r.settlement_fen, r.coupon_fen,
       coalesce(r.ledger_fen, 0) - coalesce(r.bill_fen, 0) AS difference_fen, r.refunded_fen, r.fee_millifen, r.rate,
       r.bill_state, r.paid_at, r.pushed_at, r.grant_state, r.funds,
       seconds_between(coalesce(r.pushed_at, r.paid_at), :as_of) / 3600 AS age_hours, r.rule, r.case_kind, r.case_id,
       CASE WHEN r.judged = 'resolved' THEN 'resolved'
            WHEN NOT (r.is_difference AND (r.since IS NULL OR seconds_between(r.since, :as_of) >= 86640)) THEN NULL
            WHEN r.judged = 'lapsed' THEN 'lapsed'
            ELSE 'open' END AS case_state,
       r.case_reason, r.case_by, r.facts, r.bill_sha256, r.bill_line, r.position, r.row_key
FROM (
    SELECT r.* FROM page AS p CROSS JOIN order_rows AS r ON r.ref_number = p.ref_number WHERE p.source = 'order'
    UNION ALL
    SELECT r.* FROM page AS p
    CROSS JOIN bill_only_rows AS r ON r.ref_id = p.ref_id AND r.merchant = :merchant AND r.ref_number = p.ref_number
    WHERE p.source = 'bill_only'
    UNION ALL
    SELECT r.* FROM page AS p CROSS JOIN refund_rows AS r ON r.ref_number = p.ref_number WHERE p.source = 'refund'
    UNION ALL
    SELECT r.* FROM page AS p CROSS JOIN bill_refund_rows AS r ON r.ref_id = p.ref_id AND r.merchant = :merchant
    WHERE p.source = 'bill_refund'
) AS r
ORDER BY r.accounting_day, r.row_key
