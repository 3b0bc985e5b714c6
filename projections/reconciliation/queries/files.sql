-- The bill files of a time, also those that were superseded, declared empty or never finished.
-- role: finance
-- parameter: merchant text required | Merchant / 商户号
-- parameter: from_day day required | First accounting day
-- parameter: to_day day required | Last accounting day
-- column: bill_day day | Bill day / 账单日
-- column: kind text | all, success, refund, fundflow or a profile's name / 账单类型
-- column: state text | sealed, superseded, declared_empty or unfinished / 状态
-- column: covers text | payments, refunds, both or funds / 覆盖
-- column: file_name text | File / 文件名
-- column: profile text | How it was read / 格式
-- column: sha256 id | SHA-256
-- column: rows count | Rows / 行数
-- column: overlap_rows count | Rows that are counted for another file / 重复行数
-- column: payments count | Payment rows / 支付笔数
-- column: refunds count | Refund rows / 退款笔数
-- column: order_fen fen | 订单总金额
-- column: settlement_fen fen | 应结订单总金额
-- column: coupon_fen fen | 代金券总金额
-- column: refund_fen fen | 退款总金额
-- column: coupon_refund_fen fen | 充值券退款总金额
-- column: applied_refund_fen fen | 申请退款总金额
-- column: fee_millifen millifen | 手续费总金额
-- column: incomes count | 收入笔数
-- column: income_fen fen | 收入金额
-- column: expenses count | 支出笔数
-- column: expense_fen fen | 支出金额
-- column: sealed_at moment | When that was said / 时间
-- column: by text | Who / 操作人
-- column: reason text | Why it was superseded, or declared empty / 原因
-- column: superseded_by id | SHA-256 of the file that came instead / 替换为
-- column: position position | Where that stands in the log / 日志位置
SELECT f.bill_day, f.kind, f.state, f.covers, f.file_name, f.profile, f.sha256, f.rows,
       iif(f.state = 'sealed', iif(f.covers = 'funds', 0, f.rows - f.counted_rows), NULL) AS overlap_rows, f.payments,
       f.refunds, f.order_fen, f.settlement_fen, f.coupon_fen, f.refund_fen, f.coupon_refund_fen, f.applied_refund_fen,
       f.fee_millifen, f.incomes, f.income_fen, f.expenses, f.expense_fen, f.at AS sealed_at, f.by, f.reason,
       f.superseded_by, f.position
FROM files AS f
WHERE f.merchant = :merchant AND f.bill_day BETWEEN :from_day AND :to_day
ORDER BY f.bill_day, f.kind_place, f.kind, f.file
