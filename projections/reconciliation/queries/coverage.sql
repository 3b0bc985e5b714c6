-- What the bills cover, day by day.
-- role: finance
-- parameter: merchant text required | Merchant / 商户号
-- parameter: from_day day required | First accounting day
-- parameter: to_day day required | Last accounting day
-- column: day day | Bill day / 账单日
-- column: payments text | covered, empty (declared) or no / 支付
-- column: refunds text | covered, empty (declared) or no / 退款
-- column: funds text | covered, empty (declared) or no / 资金
-- column: files json | SHA-256 of the files that stand / 账单文件
WITH RECURSIVE days (day) AS (
    SELECT :from_day
    WHERE :from_day <= :to_day
    UNION ALL
    SELECT day_plus(day, 1) FROM days WHERE day < :to_day
)
SELECT d.day,
       ifnull((SELECT iif(max(c.state = 'sealed'), 'covered', 'empty') FROM covered_days AS c
               WHERE c.merchant = :merchant AND c.day = d.day AND c.covers IN ('payments', 'both')
               HAVING count(*) > 0), 'no') AS payments,
       ifnull((SELECT iif(max(c.state = 'sealed'), 'covered', 'empty') FROM covered_days AS c
               WHERE c.merchant = :merchant AND c.day = d.day AND c.covers IN ('refunds', 'both')
               HAVING count(*) > 0), 'no') AS refunds,
       ifnull((SELECT iif(max(c.state = 'sealed'), 'covered', 'empty') FROM covered_days AS c
               WHERE c.merchant = :merchant AND c.day = d.day AND c.covers = 'funds'
               HAVING count(*) > 0), 'no') AS funds,
       (SELECT json_group_array(s.sha256)
        FROM (SELECT f.sha256 FROM files AS f
              WHERE f.merchant = :merchant AND f.bill_day = d.day AND f.state = 'sealed'
              ORDER BY f.kind_place) AS s) AS files
FROM days AS d
ORDER BY d.day
