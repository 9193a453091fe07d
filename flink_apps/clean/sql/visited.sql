-- Every valid event with its session; events without a visitor have none. A session ends after the gap without events.
-- A late event belongs to the current session, because the gap counts from the latest time so far and not from the
-- event before. Sessions come before deduplication, because up to here a visitor's events are in the order of the
-- stream; a duplicate has the time of its original and so starts no session.
SELECT
  arrived_at, @{event_columns},
  visitor_key || '-' || CAST(MAX(started_ms) OVER (
    PARTITION BY visitor_key ORDER BY arrived_at ROWS BETWEEN UNBOUNDED PRECEDING AND CURRENT ROW
  ) AS STRING) AS session_id,
  started_ms IS NOT NULL AS session_start
FROM (
  SELECT
    arrived_at, visitor_key, @{event_columns},
    CASE WHEN before_ms IS NULL OR occurred_ms - before_ms > @{session_gap_ms} THEN occurred_ms END AS started_ms
  FROM (
    SELECT
      arrived_at, visitor_key, @{event_columns},
      LAG(latest_ms) OVER (PARTITION BY visitor_key ORDER BY arrived_at) AS before_ms
    FROM (
      SELECT
        arrived_at, visitor_key, @{event_columns},
        MAX(occurred_ms) OVER (
          PARTITION BY visitor_key ORDER BY arrived_at ROWS BETWEEN UNBOUNDED PRECEDING AND CURRENT ROW
        ) AS latest_ms
      FROM checked
      WHERE reason_code IS NULL AND visitor_key IS NOT NULL
    )
  )
)
UNION ALL
SELECT arrived_at, @{event_columns}, CAST(NULL AS STRING) AS session_id, FALSE AS session_start
FROM checked
WHERE reason_code IS NULL AND visitor_key IS NULL
