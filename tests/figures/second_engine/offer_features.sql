-- Order by order, where the model adds months up.
WITH deals AS (
  SELECT DISTINCT t.person_id, a.department, t.source, t.event_id, t.day, t.event_type = 'order_placed' AS is_order
  FROM told AS t
  JOIN (
    -- An article has the department that any of its lines names.
    SELECT source, event_id, product_id, max(department) AS department FROM articles GROUP BY ALL
  ) AS a USING (source, event_id)
  WHERE t.person_id IS NOT NULL AND a.department IS NOT NULL
),

departments AS (
  SELECT department
  FROM deals
  WHERE is_order
  GROUP BY department
  ORDER BY count(DISTINCT person_id) DESC, department
  LIMIT 10
),

rows_of AS (
  SELECT f.*, d.department FROM answers.churn_features AS f CROSS JOIN departments AS d
)

SELECT
  r.* EXCLUDE (orders, returns, spend, baskets_3_months, messages_read_3_months, cases_12_months, csat_12_months,
    churned, spend_next_3_months),
  coalesce(s.orders_3, 0) AS orders_of_department_3_months,
  coalesce(s.orders_12, 0) AS orders_of_department_12_months,
  coalesce(s.views_3, 0) AS product_views_of_department_3_months,
  r.cut_on - s.last_on AS department_recency_days,
  CASE WHEN r.cut_on + INTERVAL 1 MONTH <= n.day + 1 THEN coalesce(s.later, 0) > 0 END AS bought_next_month
FROM rows_of AS r
CROSS JOIN as_of AS n
LEFT JOIN (
  SELECT
    r.person_id,
    r.cut_on,
    r.department,
    count(*) FILTER (is_order AND day < r.cut_on AND day >= r.cut_on - INTERVAL 3 MONTH) AS orders_3,
    count(*) FILTER (is_order AND day < r.cut_on) AS orders_12,
    count(*) FILTER (NOT is_order AND day < r.cut_on AND day >= r.cut_on - INTERVAL 3 MONTH) AS views_3,
    max(day) FILTER (is_order AND day < r.cut_on) AS last_on,
    count(*) FILTER (is_order AND day >= r.cut_on) AS later
  FROM rows_of AS r
  JOIN deals AS d ON d.person_id = r.person_id AND d.department = r.department
    AND d.day >= r.cut_on - INTERVAL 12 MONTH AND d.day < r.cut_on + INTERVAL 1 MONTH
  GROUP BY r.person_id, r.cut_on, r.department
) AS s ON s.person_id = r.person_id AND s.cut_on = r.cut_on AND s.department = r.department
