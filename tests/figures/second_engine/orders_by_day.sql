WITH placed AS (
  SELECT
    *,
    (source, event_id) = first((source, event_id) ORDER BY occurred_at, source, event_id) OVER (PARTITION BY person_id)
      AS is_first
  FROM told
  WHERE event_type = 'order_placed'
),

days AS (
  SELECT day, source, coalesce(currency, 'XXX') AS currency, sum(amount) AS net, sum(amount) FILTER (amount < 0) AS back,
    count(*) FILTER (event_type = 'order_returned') AS returns,
    sum(amount) FILTER (person_id IS NOT NULL) AS known_net
  FROM told
  WHERE event_type IN ('order_placed', 'order_returned')
  GROUP BY ALL
),

orders AS (
  SELECT day, source, coalesce(currency, 'XXX') AS currency, count(*) AS orders, count(person_id) AS known,
    count(DISTINCT person_id) AS buyers, count(*) FILTER (is_first AND person_id IS NOT NULL) AS new_buyers
  FROM placed
  GROUP BY ALL
)

SELECT
  d.day,
  d.source,
  d.currency,
  coalesce(o.orders, 0) AS orders,
  d.returns,
  coalesce(d.net, 0) - coalesce(d.back, 0) AS ordered_amount,
  -coalesce(d.back, 0) AS returned_amount,
  coalesce(d.net, 0) AS net_amount,
  coalesce(o.known, 0) AS known_orders,
  coalesce(d.known_net, 0) AS known_net_amount,
  coalesce(o.buyers, 0) AS buyers,
  coalesce(o.new_buyers, 0) AS new_buyers
FROM days AS d
LEFT JOIN orders AS o USING (day, source, currency)
