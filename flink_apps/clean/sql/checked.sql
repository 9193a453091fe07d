-- Every record once: parsed, held to its contract and keyed, or with the reason why not.
SELECT arrived_at, {result_columns}
FROM (
  SELECT arrived_at, clean_event(body, `position`) AS event
  FROM {source}
)
