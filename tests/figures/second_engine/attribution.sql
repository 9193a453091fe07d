-- Each touch looks for the order after it, and the game is played by sets and factorials.
WITH touches AS (
  SELECT anyone, source, event_id, occurred_at, CASE
    WHEN event_type IN ('message_opened', 'message_clicked') AND (payload->>'channel') IN ('email', 'sms', 'push', 'in_app')
      THEN (payload->>'channel')
    WHEN event_type = 'offer_shown' THEN 'offer'
    WHEN event_type = 'page_viewed' AND regexp_matches(payload->>'url', '[?&]utm_(medium|campaign)=[^&#]') THEN 'campaign'
    WHEN session_start THEN 'visit'
  END AS touch
  FROM told
  WHERE event_type IN (FROM kept_types) OR session_start
),

orders AS (
  SELECT anyone, source, event_id, occurred_at, coalesce(currency, 'XXX') AS currency, coalesce(amount, 0)::DECIMAL(20, 2) AS amount
  FROM told
  WHERE event_type = 'order_placed'
),

ahead AS (
  SELECT t.*, (
    SELECT arg_min({'source': o.source, 'event_id': o.event_id, 'at': o.occurred_at}, (o.occurred_at, o.source, o.event_id))
    FROM orders AS o WHERE o.anyone = t.anyone AND o.occurred_at >= t.occurred_at
  ) AS led_to
  FROM touches AS t
  WHERE touch IS NOT NULL
),

near AS (
  SELECT *, row_number() OVER way AS position, count(*) OVER (PARTITION BY anyone, led_to) AS length
  FROM (
    SELECT * FROM ahead
    QUALIFY occurred_at >= coalesce(led_to.at, max(occurred_at) OVER (PARTITION BY anyone, led_to)) - INTERVAL 30 DAY
  )
  WINDOW way AS (PARTITION BY anyone, led_to ORDER BY occurred_at, source, event_id)
),

paths AS (
  SELECT anyone, led_to, list(DISTINCT touch) AS kinds FROM near GROUP BY anyone, led_to
),

names AS (SELECT unnest(['email', 'sms', 'push', 'in_app', 'offer', 'campaign', 'visit']) AS touch),

sets AS (
  SELECT n AS number, list_filter(['email', 'sms', 'push', 'in_app', 'offer', 'campaign', 'visit'],
    lambda x, i: (n >> (i - 1)) & 1 = 1) AS members
  FROM range(128) AS r (n)
),

worth AS (
  SELECT s.members, coalesce(round(count(p.led_to)::DOUBLE / nullif(count(p.anyone), 0), 12), 0)::DECIMAL(18, 12) AS worth
  FROM sets AS s
  LEFT JOIN paths AS p ON list_has_all(s.members, p.kinds)
  GROUP BY s.members
),

values_of AS (
  SELECT n.touch, greatest(sum(
    factorial(len(w.members)::INT)::DOUBLE * factorial(6 - len(w.members)::INT) / factorial(7) * (x.worth - w.worth)::DOUBLE
  ), 0) AS value
  FROM names AS n
  JOIN worth AS w ON NOT list_contains(w.members, n.touch)
  JOIN worth AS x ON len(x.members) = len(w.members) + 1 AND list_has_all(x.members, list_append(w.members, n.touch))
  GROUP BY n.touch
),

parts AS (
  SELECT
    n.anyone,
    n.led_to,
    n.touch,
    count(*) FILTER (position = 1) AS first_part,
    count(*) FILTER (position = length) AS last_part,
    sum(round(1.0::DOUBLE / length, 9)::DECIMAL(18, 9)) AS linear_part,
    sum(round(CASE WHEN length = 1 THEN 1 WHEN length = 2 THEN 0.5 WHEN position = 1 OR position = length THEN 0.4
      ELSE 0.2 / (length - 2) END::DOUBLE, 9)::DECIMAL(18, 9)) AS position_part,
    any_value(v.value) AS value
  FROM near AS n
  JOIN values_of AS v USING (touch)
  GROUP BY n.anyone, n.led_to, n.touch
),

divided AS (
  SELECT *, round(CASE WHEN sum(value) OVER path > 0 THEN value / sum(value) OVER path ELSE 1.0 / count(*) OVER path END, 9)
    ::DECIMAL(18, 9) AS data_driven_part
  FROM parts
  WINDOW path AS (PARTITION BY anyone, led_to)
),

credited AS (
  SELECT date_trunc('month', o.occurred_at)::DATE AS month, o.currency, o.amount, coalesce(d.touch, 'none') AS touch,
    coalesce(first_part, 1)::DECIMAL(18, 9) AS a, coalesce(last_part, 1)::DECIMAL(18, 9) AS b,
    coalesce(linear_part, 1)::DECIMAL(18, 9) AS c, coalesce(position_part, 1)::DECIMAL(18, 9) AS d,
    coalesce(data_driven_part, 1)::DECIMAL(18, 9) AS e
  FROM orders AS o
  LEFT JOIN divided AS d
    ON d.anyone = o.anyone AND d.led_to.source = o.source AND d.led_to.event_id = o.event_id
)

SELECT
  month,
  currency,
  touch,
  count(*) AS paths,
  sum(a)::DECIMAL(18, 6) AS orders_first,
  sum(a * amount)::DECIMAL(38, 2) AS amount_first,
  sum(b)::DECIMAL(18, 6) AS orders_last,
  sum(b * amount)::DECIMAL(38, 2) AS amount_last,
  sum(c)::DECIMAL(18, 6) AS orders_linear,
  sum(c * amount)::DECIMAL(38, 2) AS amount_linear,
  sum(d)::DECIMAL(18, 6) AS orders_position,
  sum(d * amount)::DECIMAL(38, 2) AS amount_position,
  sum(e)::DECIMAL(18, 6) AS orders_data_driven,
  sum(e * amount)::DECIMAL(38, 2) AS amount_data_driven
FROM credited
GROUP BY month, currency, touch
