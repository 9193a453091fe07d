-- What people of now did with articles whose last word about personalisation is yes.
WITH words AS (
  SELECT person_id, arg_max(agreed, (occurred_at, NOT agreed)) AS agreed
  FROM (
    SELECT person_id, occurred_at, (payload->>'granted') = 'true' AS agreed
    FROM told
    WHERE event_type = 'consent_changed' AND (payload->>'purpose') = 'personalisation' AND (payload->>'channel') = 'any'
  )
  WHERE agreed IS NOT NULL
  GROUP BY person_id
)

SELECT DISTINCT
  t.person_id,
  t.source,
  t.event_id,
  a.product_id,
  t.event_type,
  t.occurred_at,
  CASE t.source WHEN 'pos_transactions' THEN 'till' WHEN 'web_events' THEN 'web' ELSE 'other' END AS device,
  CASE WHEN (t.payload->>'store_id') IS NULL THEN 'online' ELSE 'store' END AS place
FROM told AS t
JOIN articles AS a USING (source, event_id)
JOIN words AS w ON w.person_id = t.person_id
WHERE w.agreed AND t.person_id IN (FROM people)
