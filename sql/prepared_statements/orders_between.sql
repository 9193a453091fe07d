-- description: Orders, returns and spend of the days from one day to another, both counted, for each currency.
-- parameters: first day, last day
SELECT
  currency,
  sum(orders) AS orders,
  sum(returns) AS returns,
  sum(net_amount) AS spend,
  sum(new_buyers) AS new_buyers
FROM orders_by_day
WHERE day BETWEEN cast(? AS date) AND cast(? AS date)
GROUP BY currency
ORDER BY currency
