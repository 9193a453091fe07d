-- Every record once: parsed, validated by its contract and keyed, or with the reason of its rejection.
SELECT arrived_at, @{result_columns}
FROM (
  SELECT arrived_at, clean_event(body, `position`) AS event
  FROM @{source}
)
