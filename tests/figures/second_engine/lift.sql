-- Person by person from the events themselves, where the model adds sums up.
WITH held AS (
  SELECT payload->>'trigger' AS play, min(occurred_at) AS since
  FROM told
  WHERE event_type = 'decision_made' AND list_contains(TRY_CAST(payload->'reasons' AS VARCHAR[]), 'HOLDOUT')
  GROUP BY ALL
),

decided AS (
  SELECT anyone, occurred_at, payload->>'template' AS template, payload->>'trigger' AS play,
    (payload->>'action') <> 'silence' AS chosen,
    coalesce(list_contains(TRY_CAST(payload->'reasons' AS VARCHAR[]), 'HOLDOUT'), false) AS held_out
  FROM told
  WHERE event_type = 'decision_made'
),

seen AS (
  SELECT 'experiment' AS kind, anyone, occurred_at AS seen_at,
    coalesce(payload->'properties'->>'experiment_id', (payload->'properties'->>'experimentId')) AS name,
    coalesce(payload->'properties'->>'variation_id', (payload->'properties'->>'variationId')) AS variant
  FROM told
  WHERE event_type = 'custom_event' AND lower(payload->>'name') = 'experiment viewed'
  UNION ALL
  SELECT 'play', anyone, occurred_at, play, CASE WHEN held_out THEN 'held_out' ELSE 'treated' END
  FROM decided JOIN held USING (play)
  WHERE (chosen OR held_out) AND occurred_at >= since
  UNION ALL
  SELECT 'message', anyone, occurred_at, (payload->>'template'), 'sent' FROM told WHERE event_type = 'message_sent'
  UNION ALL
  SELECT 'message', anyone, occurred_at, template, 'not_sent' FROM decided WHERE NOT chosen
),

people AS (
  SELECT kind, name, anyone,
    first(variant ORDER BY (kind = 'message' AND variant <> 'sent'), seen_at) AS variant,
    first(seen_at ORDER BY (kind = 'message' AND variant <> 'sent'), seen_at) AS seen_at,
    kind <> 'message' AND count(DISTINCT variant) > 1 AS crossed
  FROM seen
  WHERE name IS NOT NULL AND variant IS NOT NULL
  GROUP BY kind, name, anyone
),

ready AS (
  FROM people
  WHERE seen_at + INTERVAL 30 DAY <= (SELECT max(occurred_at) FROM told WHERE event_type = 'order_placed')
),

money AS (
  SELECT p.kind, p.name, coalesce(t.currency, 'XXX') AS currency
  FROM ready AS p
  JOIN told AS t ON t.anyone = p.anyone AND t.event_type = 'order_placed'
    AND t.occurred_at >= p.seen_at - INTERVAL 30 DAY AND t.occurred_at < p.seen_at + INTERVAL 30 DAY
  GROUP BY p.kind, p.name, t.currency
  QUALIFY row_number() OVER (PARTITION BY p.kind, p.name ORDER BY coalesce(t.currency, 'XXX') = 'XXX', count(*) DESC,
    coalesce(t.currency, 'XXX')) = 1
),

done AS (
  SELECT p.*, m.currency,
    (
      SELECT count(*) FROM told AS o
      WHERE o.anyone = p.anyone AND o.event_type = 'order_placed' AND o.occurred_at >= p.seen_at
        AND o.occurred_at < p.seen_at + INTERVAL 30 DAY
    ) AS orders,
    EXISTS (
      SELECT 1 FROM told AS o
      WHERE o.anyone = p.anyone AND o.event_type = 'consent_changed' AND NOT (o.payload->>'granted')::BOOLEAN
        AND o.occurred_at >= p.seen_at AND o.occurred_at < p.seen_at + INTERVAL 30 DAY
    ) AS refused,
    coalesce((
      SELECT sum(o.amount) FROM told AS o
      WHERE o.anyone = p.anyone AND o.event_type IN ('order_placed', 'order_returned') AND o.occurred_at >= p.seen_at
        AND o.occurred_at < p.seen_at + INTERVAL 30 DAY AND coalesce(o.currency, 'XXX') = m.currency
    ), 0)::DOUBLE AS y,
    coalesce((
      SELECT sum(o.amount) FROM told AS o
      WHERE o.anyone = p.anyone AND o.event_type IN ('order_placed', 'order_returned') AND o.occurred_at < p.seen_at
        AND o.occurred_at >= p.seen_at - INTERVAL 30 DAY AND coalesce(o.currency, 'XXX') = m.currency
    ), 0)::DOUBLE AS x
  FROM ready AS p
  LEFT JOIN money AS m USING (kind, name)
),

slopes AS (
  SELECT kind, name, coalesce(if(isfinite(regr_slope(y, x)), regr_slope(y, x), 0), 0) AS theta, count(*) AS everybody
  FROM done
  WHERE NOT crossed
  GROUP BY ALL
),

variants AS (
  SELECT kind, name, variant, any_value(currency) AS currency, count(*) FILTER (NOT crossed) AS people,
    count(*) FILTER (crossed) AS crossed_people, count(*) FILTER (NOT crossed AND orders > 0) AS buyers,
    coalesce(sum(orders) FILTER (NOT crossed), 0) AS orders, count(*) FILTER (NOT crossed AND refused) AS refusers,
    sum(y::DECIMAL(18, 2)) FILTER (NOT crossed)::DOUBLE / nullif(count(*) FILTER (NOT crossed), 0) AS spend,
    avg(y - coalesce(theta, 0) * x) FILTER (NOT crossed) AS adjusted,
    var_samp(y) FILTER (NOT crossed) AS spread,
    var_samp(y - coalesce(theta, 0) * x) FILTER (NOT crossed) AS adjusted_spread,
    count(DISTINCT variant) AS one, any_value(everybody) AS everybody
  FROM done LEFT JOIN slopes USING (kind, name)
  GROUP BY kind, name, variant
),

rates AS (
  SELECT *,
    CASE WHEN people > 0 THEN buyers::DOUBLE / people END AS rate,
    CASE WHEN people > 0 THEN refusers::DOUBLE / people END AS refusal,
    CASE kind WHEN 'experiment' THEN 1 / sum(one) OVER (PARTITION BY kind, name) END AS share
  FROM variants
),

pairs AS (
  SELECT v.*, v.rate - c.rate AS difference, v.refusal - c.refusal AS more_refusals, v.adjusted - c.adjusted AS more_spend,
    1.96 * sqrt(v.rate * (1 - v.rate) / v.people + c.rate * (1 - c.rate) / c.people) AS margin,
    1.96 * sqrt(v.refusal * (1 - v.refusal) / v.people + c.refusal * (1 - c.refusal) / c.people) AS refusal_margin,
    1.96 * sqrt(v.adjusted_spread / v.people + c.adjusted_spread / c.people) AS spend_margin,
    1 - (v.adjusted_spread / v.people + c.adjusted_spread / c.people)
      / nullif(v.spread / v.people + c.spread / c.people, 0) AS explained
  FROM rates AS v
  LEFT JOIN rates AS c
    ON c.kind = v.kind AND c.name = v.name AND c.variant <> v.variant
    AND (c.kind, c.variant) IN (('experiment', 'control'), ('play', 'held_out'), ('message', 'not_sent'))
)

SELECT
  (SELECT max(day) FROM told WHERE event_type = 'order_placed') AS as_of,
  kind,
  name,
  variant,
  kind <> 'message' AS is_randomised,
  people,
  crossed_people,
  round((people - everybody * share) / sqrt(everybody * share * (1 - share)), 4)::DECIMAL(12, 4) AS ratio_deviations,
  buyers,
  orders,
  round(rate, 6)::DECIMAL(9, 6) AS conversion,
  round(difference, 6)::DECIMAL(9, 6) AS lift,
  round(difference - margin, 6)::DECIMAL(9, 6) AS lift_at_least,
  round(difference + margin, 6)::DECIMAL(9, 6) AS lift_at_most,
  currency,
  round(spend, 2)::DECIMAL(18, 2) AS spend_per_person,
  round(more_spend, 2)::DECIMAL(18, 2) AS spend_lift,
  round(more_spend - spend_margin, 2)::DECIMAL(18, 2) AS spend_lift_at_least,
  round(more_spend + spend_margin, 2)::DECIMAL(18, 2) AS spend_lift_at_most,
  round(explained, 4)::DECIMAL(9, 4) AS variance_explained,
  refusers,
  round(more_refusals, 6)::DECIMAL(9, 6) AS refusal_lift,
  round(more_refusals - refusal_margin, 6)::DECIMAL(9, 6) AS refusal_lift_at_least,
  round(more_refusals + refusal_margin, 6)::DECIMAL(9, 6) AS refusal_lift_at_most
FROM pairs
