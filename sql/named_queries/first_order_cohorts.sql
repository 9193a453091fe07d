-- name: Cohorts by first order
-- description: Persons, orders and spend to date by the month of the first order.
SELECT
  date_trunc('month', first_order_at) AS first_month,
  count(*) AS persons,
  sum(orders) AS orders,
  sum(spend) AS spend
FROM customer_360
WHERE orders > 0
GROUP BY date_trunc('month', first_order_at)
ORDER BY first_month
