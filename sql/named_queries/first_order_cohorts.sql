-- name: Cohorts by first order
-- description: Persons, orders and spend to date by the month of the first order, for each main currency.
SELECT
  date_trunc('month', first_order_at) AS first_month,
  currency,
  count(*) AS persons,
  sum(orders) AS orders,
  sum(spend) AS spend
FROM customer_360
WHERE orders > 0
GROUP BY date_trunc('month', first_order_at), currency
ORDER BY first_month, currency
