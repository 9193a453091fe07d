-- Every rejection, and how often its record has arrived so far. Up to here, equal records have equal ids. Equal records
-- are interchangeable, so they get the same set of ids when the stream is read again.
SELECT *, COUNT(*) OVER (
  PARTITION BY rejected_id ORDER BY arrived_at ROWS BETWEEN UNBOUNDED PRECEDING AND CURRENT ROW
) AS copy
FROM (
  SELECT arrived_at, event, @{rejected_id} AS rejected_id
  FROM checked
  WHERE @{reason_code} IS NOT NULL
)
