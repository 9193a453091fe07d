-- Each record once. Of interactions the id counts, which is unique within its source; of everything else the text: what
-- comes again, as records do after a restart, says nothing new. The state behind these two views ends by the clock; all
-- state after them grows with people, and not with what they do.

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
