CREATE TEMPORARY VIEW unreadable AS
SELECT
  @{rejected_prefix} || LEFT(SHA256(origin || ':' || `record`), 32) AS rejected_id,
  origin, fault_code, finding, `record`
FROM (
  SELECT
    CAST('interactions' AS STRING) AS origin, COALESCE(fault_code, 'WRONG_TYPE') AS fault_code, finding,
    rejected AS `record`
  FROM interaction
  WHERE finding IS NOT NULL
  UNION ALL
  SELECT
    CAST('identity_changes' AS STRING) AS origin, COALESCE(fault_code, 'OUT_OF_RANGE') AS fault_code, finding,
    rejected AS `record`
  FROM identity_change
  WHERE finding IS NOT NULL
);
