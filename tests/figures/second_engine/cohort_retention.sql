WITH cohorts AS (
  SELECT date_trunc('month', first_on)::DATE AS cohort_month, money, count(*) AS customers
  FROM buyers
  GROUP BY ALL
),

months AS (
  SELECT *, unnest(range(0, date_diff('month', cohort_month, (SELECT day FROM as_of)) + 1)) AS months_since
  FROM cohorts
)

SELECT
  m.cohort_month,
  m.money AS currency,
  m.months_since,
  m.customers,
  count(DISTINCT t.person_id) FILTER (t.is_order) AS active,
  count(t.event_id) FILTER (t.is_order) AS orders,
  coalesce(sum(t.amount) FILTER (t.money = m.money), 0) AS spend,
  round(count(DISTINCT t.person_id) FILTER (t.is_order)::DOUBLE / m.customers, 6)::DECIMAL(7, 6) AS retention
FROM months AS m
LEFT JOIN buyers AS b ON date_trunc('month', b.first_on) = m.cohort_month AND b.money = m.money
LEFT JOIN trade AS t
  ON t.person_id = b.person_id
  AND date_trunc('month', t.day) = m.cohort_month + to_months(m.months_since::INTEGER)
GROUP BY m.cohort_month, m.money, m.months_since, m.customers
