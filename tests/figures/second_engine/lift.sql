WITH seen AS (
  SELECT 'experiment' AS kind, anyone, occurred_at AS seen_at,
    coalesce(payload->'properties'->>'experiment_id', (payload->'properties'->>'experimentId')) AS name,
    coalesce(payload->'properties'->>'variation_id', (payload->'properties'->>'variationId')) AS variant
  FROM told
  WHERE event_type = 'custom_event' AND lower(payload->>'name') = 'experiment viewed'
  UNION ALL
  SELECT 'message', anyone, occurred_at, (payload->>'template'), 'sent' FROM told WHERE event_type = 'message_sent'
  UNION ALL
  SELECT 'message', anyone, occurred_at, (payload->>'template'), 'not_sent' FROM told
  WHERE event_type = 'decision_made' AND (payload->>'action') = 'silence'
),

people AS (
  SELECT kind, name, anyone,
    first(variant ORDER BY (kind = 'message' AND variant <> 'sent'), seen_at) AS variant,
    first(seen_at ORDER BY (kind = 'message' AND variant <> 'sent'), seen_at) AS seen_at,
    kind = 'experiment' AND count(DISTINCT variant) > 1 AS crossed
  FROM seen
  WHERE name IS NOT NULL AND variant IS NOT NULL
  GROUP BY kind, name, anyone
),

done AS (
  SELECT p.*, (
    SELECT count(*) FROM told AS o
    WHERE o.anyone = p.anyone AND o.event_type = 'order_placed' AND o.occurred_at >= p.seen_at
      AND o.occurred_at < p.seen_at + INTERVAL 30 DAY
  ) AS orders
  FROM people AS p
  WHERE p.seen_at + INTERVAL 30 DAY <= (SELECT max(occurred_at) FROM told WHERE event_type = 'order_placed')
),

variants AS (
  SELECT kind, name, variant, count(*) FILTER (NOT crossed) AS people, count(*) FILTER (crossed) AS crossed_people,
    count(*) FILTER (NOT crossed AND orders > 0) AS buyers, coalesce(sum(orders) FILTER (NOT crossed), 0) AS orders
  FROM done
  GROUP BY ALL
),

rates AS (
  SELECT *, CASE WHEN people > 0 THEN buyers::DOUBLE / people END AS rate FROM variants
)

SELECT
  (SELECT max(day) FROM told WHERE event_type = 'order_placed') AS as_of,
  v.kind,
  v.name,
  v.variant,
  v.kind = 'experiment' AS is_randomised,
  v.people,
  v.crossed_people,
  v.buyers,
  v.orders,
  round(v.rate, 6)::DECIMAL(9, 6) AS conversion,
  round(v.rate - c.rate, 6)::DECIMAL(9, 6) AS lift,
  round(v.rate - c.rate - 1.96 * sqrt(v.rate * (1 - v.rate) / v.people + c.rate * (1 - c.rate) / c.people), 6)
    ::DECIMAL(9, 6) AS lift_at_least,
  round(v.rate - c.rate + 1.96 * sqrt(v.rate * (1 - v.rate) / v.people + c.rate * (1 - c.rate) / c.people), 6)
    ::DECIMAL(9, 6) AS lift_at_most
FROM rates AS v
LEFT JOIN rates AS c
  ON c.kind = v.kind AND c.name = v.name AND c.variant IN ('control', 'not_sent') AND c.variant <> v.variant
  AND (c.variant = 'control') = (c.kind = 'experiment')
