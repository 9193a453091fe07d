-- Every rejection, and how often its record has come so far: equal records have equal ids up to here. Which of them is
-- the second makes no difference, so that all of them get the same ids again when the stream is read again.
SELECT *, COUNT(*) OVER (
  PARTITION BY rejected_id ORDER BY arrived_at ROWS BETWEEN UNBOUNDED PRECEDING AND CURRENT ROW
) AS copy
FROM checked
WHERE reason_code IS NOT NULL
