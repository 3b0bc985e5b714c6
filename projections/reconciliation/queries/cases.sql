-- What people have decided, in the order of the cases.
-- role: finance
-- parameter: merchant text required | Merchant / 商户号
-- parameter: state text of resolved,lapsed,reopened,gone | Only cases that stand so
-- parameter: app text | The app's slug
-- parameter: after text | Only cases behind this one (the next page)
-- parameter: limit integer = 50 max 1000 | Rows at most
-- next: after = case_key
-- column: case_kind text | order, payment, refund or bill_refund / 个案类型
-- column: case_id id | Names it / 个案编号
-- column: state text | resolved, lapsed (its facts have changed), reopened, or gone (no row has it any more) / 状态
-- column: judged_status text | The row's status when it was resolved / 当时状态
-- column: status text | The row's status now / 当前状态
-- column: case_reason text | Why / 处理说明
-- column: case_by text | Who / 处理人
-- column: decided_at moment | When / 处理时间
-- column: judged_facts json | What was judged / 判定依据
-- column: facts json | What stands now / 当前依据
-- column: position position | Where it stands in the log / 日志位置
-- column: case_key id | Orders the cases / 键
SELECT s.case_kind, s.case_id, s.state, s.judged_status, s.status, s.case_reason, s.case_by, s.decided_at,
       s.judged_facts, s.facts, s.position, s.case_key
FROM (
    SELECT c.kind AS case_kind, c.id AS case_id,
           CASE WHEN c.state = 'reopened' THEN 'reopened'
                WHEN n.facts IS NULL THEN 'gone'
                ELSE iif(n.facts = c.facts, 'resolved', 'lapsed') END AS state,
           c.status AS judged_status, n.status, c.reason AS case_reason, c.by AS case_by, c.at AS decided_at,
           c.facts AS judged_facts, n.facts, c.position, c.kind || ' ' || c.id AS case_key, n.app
    FROM cases AS c
    LEFT JOIN case_rows AS n ON n.merchant = c.merchant AND n.case_kind = c.kind AND n.case_id = c.id
    WHERE c.merchant = :merchant
) AS s
WHERE (:state IS NULL OR s.state = :state) AND (:app IS NULL OR s.app = :app)
  AND (:after IS NULL OR s.case_key > :after)
ORDER BY s.case_kind, s.case_id
LIMIT :limit
