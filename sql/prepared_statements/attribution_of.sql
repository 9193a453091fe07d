-- description: Which touches the orders of a month are due to, by each way of counting.
-- parameters: first day of the month, currency
SELECT
  touch,
  paths,
  amount_first,
  amount_last,
  amount_linear,
  amount_position,
  amount_data_driven
FROM attribution
WHERE month = cast(? AS date) AND currency = ?
ORDER BY amount_data_driven DESC, touch ASC
