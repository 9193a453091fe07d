-- Each record once, as records repeat after a restart: interactions by their id, which is unique within its source, all
-- others by their text. The state of these two views expires by time; all state after them grows with the number of
-- people, not with the number of interactions.

CREATE TEMPORARY VIEW interaction_arrival AS
SELECT @{interaction_columns}, fault_code, finding, rejected
FROM (
  SELECT *, ROW_NUMBER() OVER (PARTITION BY source, event_id, rejection ORDER BY arrived) AS delivery
  FROM (
    SELECT
      *,
      CASE WHEN finding IS NOT NULL THEN `record` END AS rejected,
      CASE WHEN finding IS NOT NULL THEN MD5(`record`) END AS rejection,
      PROCTIME() AS arrived
    FROM checked_interaction
  )
)
WHERE delivery = 1;

CREATE TEMPORARY VIEW identity_change_arrival AS
SELECT @{identity_change_columns}, fault_code, finding, CASE WHEN finding IS NOT NULL THEN `record` END AS rejected
FROM (
  SELECT *, ROW_NUMBER() OVER (PARTITION BY said ORDER BY arrived) AS delivery
  FROM (
    SELECT *, MD5(`record`) AS said, PROCTIME() AS arrived
    FROM checked_identity_change
  )
)
WHERE delivery = 1;
