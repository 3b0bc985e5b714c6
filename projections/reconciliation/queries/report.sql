-- All rows of a time, and late rows of earlier days that are reported in it, in the order of their keys, which does not
-- depend on what came when. For a report: `rows` gives the same in pages.
-- role: finance
-- parameter: merchant text required | Merchant / 商户号
-- parameter: from_day day required | First accounting day
-- parameter: to_day day required | Last accounting day
-- parameter: status text of amount_differs,amount_rule_suspect,conflict,currency_differs,duplicate_in_bill,ids_disagree,missing_in_bill,missing_in_ledger,mock_in_bill,quarantined,refund_ambiguous,refund_amount_differs,refund_exceeds_payment,refund_missing_in_bill,refund_missing_in_ledger,refund_not_successful,refund_without_order,revoked_in_bill,sandbox_in_bill,awaiting_bill,awaiting_push,matched,matched_by_operator,other_app,other_channel,refund_awaiting_bill,refund_awaiting_push,refund_matched,test_order | Only rows of this status
-- parameter: kind text of payment,refund | Only payments, or only refunds
-- parameter: app text | The app's slug
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
    SELECT * FROM order_rows
    WHERE merchant = :merchant AND accounting_day BETWEEN :from_day AND :to_day
      AND (:kind IS NULL OR kind = :kind) AND (:app IS NULL OR app = :app)
      AND (:status IS NULL OR :status = CASE WHEN since IS NULL OR seconds_between(since, :as_of) >= 86640 THEN status
                                             WHEN status = 'missing_in_ledger' THEN 'awaiting_push'
                                             ELSE 'refund_awaiting_push' END)
    UNION ALL
    SELECT * FROM bill_only_rows
    WHERE merchant = :merchant AND accounting_day BETWEEN :from_day AND :to_day
      AND (:kind IS NULL OR kind = :kind) AND (:app IS NULL OR app = :app)
      AND (:status IS NULL OR :status = CASE WHEN since IS NULL OR seconds_between(since, :as_of) >= 86640 THEN status
                                             WHEN status = 'missing_in_ledger' THEN 'awaiting_push'
                                             ELSE 'refund_awaiting_push' END)
    UNION ALL
    SELECT * FROM refund_rows
    WHERE merchant = :merchant AND accounting_day BETWEEN :from_day AND :to_day
      AND (:kind IS NULL OR kind = :kind) AND (:app IS NULL OR app = :app)
      AND (:status IS NULL OR :status = CASE WHEN since IS NULL OR seconds_between(since, :as_of) >= 86640 THEN status
                                             WHEN status = 'missing_in_ledger' THEN 'awaiting_push'
                                             ELSE 'refund_awaiting_push' END)
    UNION ALL
    SELECT * FROM bill_refund_rows
    WHERE merchant = :merchant AND accounting_day BETWEEN :from_day AND :to_day
      AND (:kind IS NULL OR kind = :kind) AND (:app IS NULL OR app = :app)
      AND (:status IS NULL OR :status = CASE WHEN since IS NULL OR seconds_between(since, :as_of) >= 86640 THEN status
                                             WHEN status = 'missing_in_ledger' THEN 'awaiting_push'
                                             ELSE 'refund_awaiting_push' END)
    UNION ALL
    -- Late rows of earlier days.
    SELECT * FROM late_rows
    WHERE merchant = :merchant AND +accounting_day < :from_day
      AND period || '-01' BETWEEN :from_day AND :to_day
      AND (:kind IS NULL OR kind = :kind) AND (:app IS NULL OR app = :app)
      AND (:status IS NULL OR :status = CASE WHEN since IS NULL OR seconds_between(since, :as_of) >= 86640 THEN status
                                             WHEN status = 'missing_in_ledger' THEN 'awaiting_push'
                                             ELSE 'refund_awaiting_push' END)
    ORDER BY accounting_day, row_key
    -- All of them: without a limit the order would not be kept.
    LIMIT -1
) AS r
