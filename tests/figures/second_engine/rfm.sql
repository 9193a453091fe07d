WITH base AS (
  SELECT b.person_id, b.last_on, b.orders, b.money, coalesce(sum(t.amount), 0) AS spend
  FROM buyers AS b
  LEFT JOIN trade AS t ON t.person_id = b.person_id AND t.money = b.money
  GROUP BY b.person_id, b.last_on, b.orders, b.money
),

-- How many are below somebody, among how many others.
placed AS (
  SELECT a.*,
    (SELECT count(*) FROM base) AS everybody,
    (SELECT count(*) FROM base AS b WHERE b.last_on < a.last_on) AS below_last,
    (SELECT count(*) FROM base AS b WHERE b.orders < a.orders) AS below_orders,
    (SELECT count(*) FROM base AS b WHERE b.money = a.money) AS same_money,
    (SELECT count(*) FROM base AS b WHERE b.money = a.money AND b.spend < a.spend) AS below_spend
  FROM base AS a
),

scored AS (
  SELECT *,
    least(5, 1 + below_last * 5 // greatest(everybody - 1, 1))::INTEGER AS r,
    least(5, 1 + below_orders * 5 // greatest(everybody - 1, 1))::INTEGER AS f,
    least(5, 1 + below_spend * 5 // greatest(same_money - 1, 1))::INTEGER AS m
  FROM placed
)

SELECT
  person_id,
  day AS as_of,
  day - last_on AS recency_days,
  orders AS frequency,
  spend AS monetary,
  nullif(money, 'XXX') AS currency,
  r AS recency_score,
  f AS frequency_score,
  m AS monetary_score,
  r::VARCHAR || f || m AS cell
FROM scored
CROSS JOIN as_of
