WITH made AS (
  SELECT (payload->>'decision_id') AS decision_id, *
  FROM told
  WHERE event_type = 'decision_made'
)

SELECT DISTINCT ON (decision_id)
  decision_id,
  anyone AS person_id,
  occurred_at AS decided_at,
  (payload->>'trigger') AS trigger_name,
  (payload->>'action') AS action,
  (payload->>'channel') AS channel,
  (payload->>'template') AS template,
  CASE WHEN json_type(payload, '$.reasons') = 'ARRAY' THEN from_json(json_extract(payload, '$.reasons'), '["VARCHAR"]') END
    AS reasons
FROM made
WHERE decision_id IS NOT NULL
ORDER BY decision_id, occurred_at, source, event_id
