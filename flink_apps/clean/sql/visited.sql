-- Every valid event with its visit; events without a visitor have none. Visits come before deduplication, because up to
-- here a visitor's events are in the order of the stream; a duplicate has the time of its original and so starts no
-- visit.
SELECT
  arrived_at, event, @{source_name} AS source, @{event_id} AS event_id,
  visit.started_ms AS started_ms, visit.is_first AS is_first
FROM (
  SELECT
    arrived_at, event,
    visit(occurred_ms, CAST(@{session_gap_ms} AS BIGINT)) OVER (
      PARTITION BY visitor_key ORDER BY arrived_at ROWS BETWEEN UNBOUNDED PRECEDING AND CURRENT ROW
    ) AS visit
  FROM (
    SELECT arrived_at, event, @{visitor_key} AS visitor_key, @{occurred_ms} AS occurred_ms
    FROM checked
    WHERE @{reason_code} IS NULL AND @{visitor_key} IS NOT NULL
  )
)
UNION ALL
SELECT
  arrived_at, event, @{source_name} AS source, @{event_id} AS event_id,
  CAST(NULL AS BIGINT) AS started_ms, FALSE AS is_first
FROM checked
WHERE @{reason_code} IS NULL AND @{visitor_key} IS NULL
