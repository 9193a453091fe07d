-- Every valid event with the session it belongs to; events of no visitor pass by.
-- A session ends when nothing happened for the gap. A late event belongs to the session that is running: what counts
-- is the latest moment seen, not the one of the event before. Sessions come before de-duplication, because up to here
-- the events of a visitor are in the order of the stream; a copy is never later than its original and starts nothing.
SELECT
  arrived_at, {event_columns},
  visitor_key || '-' || CAST(MAX(started_ms) OVER (
    PARTITION BY visitor_key ORDER BY arrived_at ROWS BETWEEN UNBOUNDED PRECEDING AND CURRENT ROW
  ) AS STRING) AS session_id,
  started_ms IS NOT NULL AS session_start
FROM (
  SELECT
    arrived_at, visitor_key, {event_columns},
    CASE WHEN before_ms IS NULL OR occurred_ms - before_ms > {session_gap_ms} THEN occurred_ms END AS started_ms
  FROM (
    SELECT
      arrived_at, visitor_key, {event_columns},
      LAG(latest_ms) OVER (PARTITION BY visitor_key ORDER BY arrived_at) AS before_ms
    FROM (
      SELECT
        arrived_at, visitor_key, {event_columns},
        MAX(occurred_ms) OVER (
          PARTITION BY visitor_key ORDER BY arrived_at ROWS BETWEEN UNBOUNDED PRECEDING AND CURRENT ROW
        ) AS latest_ms
      FROM checked
      WHERE reason_code IS NULL AND visitor_key IS NOT NULL
    )
  )
)
UNION ALL
SELECT arrived_at, {event_columns}, CAST(NULL AS STRING) AS session_id, FALSE AS session_start
FROM checked
WHERE reason_code IS NULL AND visitor_key IS NULL
