-- The records of the two streams, parsed: one row per record, readable or not. The history in the lake comes first:
-- without it, an application that starts without a snapshot would start its sums from zero. A record that is both in
-- the lake and on the stream counts once: an interaction by its id, an identity change by its version. A row from the
-- lake has exactly the columns and the record that were on the stream.

CREATE TEMPORARY VIEW interaction_reading AS
SELECT r.*
FROM interaction_records CROSS JOIN LATERAL TABLE(read_record(body, @{interaction_type})) AS r
UNION ALL
SELECT
  @{past_interaction_columns},
  CAST(NULL AS STRING) AS fault_code, CAST(NULL AS STRING) AS fault, @{past_interaction_record} AS `record`
FROM @{past_interactions};

CREATE TEMPORARY VIEW identity_change_reading AS
SELECT r.*
FROM identity_change_records CROSS JOIN LATERAL TABLE(read_record(body, @{identity_change_type})) AS r
UNION ALL
SELECT
  @{past_identity_change_columns},
  CAST(NULL AS STRING) AS fault_code, CAST(NULL AS STRING) AS fault, @{past_identity_change_record} AS `record`
FROM (
  SELECT *, CASE WHEN kind = 'identifier' THEN subject END AS `key`
  FROM @{past_identity_changes}
);
