-- Day by day, where the model adds months up.
WITH cuts AS (
  SELECT (date_trunc('month', day) - to_months(back::INTEGER))::DATE AS cut_on, day AS as_of
  FROM as_of
  CROSS JOIN range(12) AS r (back)
),

past AS (
  SELECT c.cut_on, t.*, t.day >= c.cut_on - INTERVAL 3 MONTH AS in_3, t.day >= c.cut_on - INTERVAL 12 MONTH AS in_12,
    coalesce(t.currency, 'XXX') AS money, t.event_type = 'order_placed' AS is_order
  FROM cuts AS c
  JOIN told AS t ON t.day < c.cut_on AND t.person_id IS NOT NULL
),

main AS (
  SELECT cut_on, person_id, arg_min(money, (money = 'XXX', -orders, -epoch(last_on), money)) AS money
  FROM (
    SELECT cut_on, person_id, money, count(*) FILTER (is_order) AS orders,
      coalesce(max(day) FILTER (is_order), DATE '1900-01-01') AS last_on
    FROM past
    GROUP BY cut_on, person_id, money
  )
  GROUP BY cut_on, person_id
),

facts AS (
  SELECT
    p.person_id,
    p.cut_on,
    any_value(m.money) AS money,
    min(p.day) FILTER (is_order) AS first_on,
    max(p.day) FILTER (is_order) AS last_on,
    count(*) FILTER (is_order) AS orders,
    count(*) FILTER (is_order AND in_3) AS orders_3,
    count(*) FILTER (is_order AND in_12) AS orders_12,
    count(*) FILTER (event_type = 'order_returned') AS returns,
    sum(amount) FILTER (p.money = m.money) AS spend,
    sum(amount) FILTER (p.money = m.money AND in_3) AS spend_3,
    sum(amount) FILTER (p.money = m.money AND in_12) AS spend_12,
    count(*) FILTER (session_start AND in_3) AS visits_3,
    count(*) FILTER (event_type = 'product_viewed' AND in_3) AS views_3,
    count(*) FILTER (event_type = 'cart_updated' AND in_3 AND (payload->>'quantity')::BIGINT > 0) AS baskets_3,
    count(*) FILTER (event_type IN ('message_opened', 'message_clicked') AND in_3) AS read_3,
    count(*) FILTER (event_type = 'case_opened' AND in_12) AS cases_12,
    list(TRY_CAST(payload->>'csat' AS DECIMAL(6, 4))) FILTER (event_type = 'case_closed' AND in_12) AS csat
  FROM past AS p
  JOIN main AS m USING (cut_on, person_id)
  GROUP BY p.person_id, p.cut_on
)

SELECT
  f.person_id,
  f.cut_on,
  nullif(f.money, 'XXX') AS currency,
  f.cut_on - f.first_on AS tenure_days,
  f.cut_on - f.last_on AS recency_days,
  f.orders,
  f.orders_3 AS orders_3_months,
  f.orders_12 AS orders_12_months,
  f.returns,
  coalesce(f.spend, 0) AS spend,
  coalesce(f.spend_3, 0) AS spend_3_months,
  coalesce(f.spend_12, 0) AS spend_12_months,
  f.visits_3 AS visits_3_months,
  f.views_3 AS product_views_3_months,
  f.baskets_3 AS baskets_3_months,
  f.read_3 AS messages_read_3_months,
  f.cases_12 AS cases_12_months,
  round(list_avg(list_filter(f.csat, lambda x: x BETWEEN 1 AND 5)), 4)::DECIMAL(6, 4) AS csat_12_months,
  CASE WHEN f.cut_on + INTERVAL 3 MONTH <= c.as_of + 1 THEN NOT EXISTS (
    SELECT 1 FROM trade AS t
    WHERE t.person_id = f.person_id AND t.is_order AND t.day >= f.cut_on AND t.day < f.cut_on + INTERVAL 3 MONTH
  ) END AS churned,
  CASE WHEN f.cut_on + INTERVAL 3 MONTH <= c.as_of + 1 THEN coalesce((
    SELECT sum(t.amount) FROM told AS t
    WHERE t.person_id = f.person_id AND coalesce(t.currency, 'XXX') = f.money
      AND t.day >= f.cut_on AND t.day < f.cut_on + INTERVAL 3 MONTH
  ), 0) END AS spend_next_3_months
FROM facts AS f
JOIN cuts AS c USING (cut_on)
WHERE f.orders_12 > 0
