WITH asked AS (
  SELECT purpose, channel
  FROM (SELECT unnest(['marketing', 'analytics', 'personalisation']) AS purpose)
  CROSS JOIN (SELECT unnest(['email', 'sms', 'push', 'in_app']) AS channel)
),

answers AS (
  SELECT person_id, occurred_at, (payload->>'purpose') AS purpose, (payload->>'channel') AS channel,
    (payload->>'granted')::BOOLEAN AS granted
  FROM told
  WHERE event_type = 'consent_changed'
),

newest AS (
  SELECT q.purpose, q.channel, p.person_id,
    arg_max(a.granted, (a.occurred_at, NOT a.granted)) AS granted,
    max(a.occurred_at) AS at
  FROM asked AS q
  CROSS JOIN people AS p
  LEFT JOIN answers AS a ON a.person_id = p.person_id AND a.purpose = q.purpose AND a.channel IN (q.channel, 'any')
  GROUP BY ALL
),

addresses AS (
  SELECT person_id, arg_max({'email': email, 'phone': phone}, (identity_version, computed_at, event_count)) AS has
  FROM profiles
  GROUP BY person_id
)

SELECT
  (
    SELECT max(received_at)::DATE FROM events
    WHERE received_at <= now()::TIMESTAMP AND (session_start OR event_type IN (FROM kept_types))
  ) AS as_of,
  n.purpose,
  n.channel,
  count(*) AS people,
  count(*) FILTER (n.granted) AS granted,
  count(*) FILTER (NOT n.granted) AS withdrawn,
  count(*) FILTER (n.granted IS NULL) AS never_asked,
  CASE n.channel
    WHEN 'email' THEN count(*) FILTER (n.granted AND a.has.email IS NOT NULL)
    WHEN 'sms' THEN count(*) FILTER (n.granted AND a.has.phone IS NOT NULL)
    WHEN 'in_app' THEN count(*) FILTER (n.granted)
  END AS reachable,
  round(count(*) FILTER (n.granted)::DOUBLE / count(*), 6)::DECIMAL(7, 6) AS granted_share,
  max(n.at) AS last_answer_at
FROM newest AS n
LEFT JOIN addresses AS a USING (person_id)
GROUP BY n.purpose, n.channel
