WITH acts AS (
  SELECT
    person_id,
    count(*) FILTER (event_type = 'order_placed') AS orders,
    count(*) FILTER (event_type = 'order_returned') AS returns,
    count(DISTINCT coalesce(currency, 'XXX')) FILTER (
      currency IS NOT NULL AND (amount IS NOT NULL OR event_type IN ('order_placed', 'order_returned'))
    ) AS currencies,
    min(occurred_at) FILTER (event_type = 'order_placed') AS first_order_at,
    max(occurred_at) FILTER (event_type = 'order_placed') AS last_order_at,
    count(*) FILTER (session_start) AS visits,
    count(*) FILTER (event_type = 'case_opened') AS cases_opened,
    count(*) FILTER (event_type = 'case_closed') AS cases_closed,
    list(TRY_CAST((payload->>'csat') AS DECIMAL(6, 4))) FILTER (event_type = 'case_closed') AS csat,
    max(occurred_at) AS last_event_at,
    count(*) AS events
  FROM told
  WHERE person_id IS NOT NULL
  GROUP BY person_id
),

money AS (
  SELECT t.person_id, t.money, sum(amount) AS spend, sum(amount) FILTER (is_order) AS ordered_amount,
    count(*) FILTER (is_order) AS orders
  FROM trade AS t
  JOIN main_currency AS m ON m.person_id = t.person_id AND m.money = t.money
  GROUP BY t.person_id, t.money
)

SELECT
  a.person_id,
  a.orders,
  a.returns,
  coalesce(m.spend, 0) AS spend,
  m.ordered_amount,
  round(m.ordered_amount / nullif(m.orders, 0)::DECIMAL(18, 0), 2)::DECIMAL(38, 2) AS average_basket,
  nullif(m.money, 'XXX') AS currency,
  a.currencies,
  a.first_order_at,
  a.last_order_at,
  a.visits,
  a.cases_opened,
  a.cases_closed,
  round(list_avg(list_filter(a.csat, lambda x: x BETWEEN 1 AND 5)), 4)::DECIMAL(6, 4) AS csat_average,
  a.last_event_at,
  a.events
FROM acts AS a
LEFT JOIN money AS m USING (person_id)
