SELECT
  b.person_id,
  nullif(b.money, 'XXX') AS currency,
  n.day AS as_of,
  b.first_on AS first_order_on,
  b.last_on AS last_order_on,
  n.day - b.first_on AS tenure_days,
  n.day - b.last_on AS recency_days,
  b.orders,
  b.returns,
  coalesce(sum(t.amount), 0) AS spend,
  round(sum(t.amount) FILTER (t.is_order) / count(*) FILTER (t.is_order)::DECIMAL(18, 0), 2)::DECIMAL(38, 2)
    AS average_basket,
  CASE WHEN b.orders > 1 THEN round((b.last_on - b.first_on)::DOUBLE / (b.orders - 1), 2)::DECIMAL(18, 2) END
    AS order_interval_days,
  CASE WHEN n.day >= b.first_on + 30 THEN coalesce(sum(t.amount) FILTER (t.day < b.first_on + 30), 0) END AS spend_30_days,
  CASE WHEN n.day >= b.first_on + 90 THEN coalesce(sum(t.amount) FILTER (t.day < b.first_on + 90), 0) END AS spend_90_days,
  CASE WHEN n.day >= b.first_on + 365 THEN coalesce(sum(t.amount) FILTER (t.day < b.first_on + 365), 0) END
    AS spend_365_days,
  n.day - b.last_on >= 90 AS is_lapsed
FROM buyers AS b
CROSS JOIN as_of AS n
JOIN trade AS t ON t.person_id = b.person_id AND t.money = b.money
GROUP BY b.person_id, b.money, n.day, b.first_on, b.last_on, b.orders, b.returns
