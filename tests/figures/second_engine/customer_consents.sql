WITH answers AS (
  SELECT
    t.person_id,
    t.occurred_at AS answered_at,
    (t.payload->>'purpose') AS purpose,
    unnest(
      CASE t.payload->>'channel' WHEN 'any' THEN ['email', 'sms', 'push', 'in_app'] ELSE [t.payload->>'channel'] END
    ) AS channel,
    (t.payload->>'granted')::BOOLEAN AS granted
  FROM told AS t
  WHERE t.event_type = 'consent_changed' AND t.person_id IN (FROM people)
)

SELECT
  person_id,
  purpose,
  channel,
  arg_max(granted, (answered_at, NOT granted)) AS granted,
  max(answered_at) AS answered_at
FROM answers
WHERE granted IS NOT NULL AND purpose IS NOT NULL AND channel IS NOT NULL
GROUP BY person_id, purpose, channel
