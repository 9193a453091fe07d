-- The records of the two streams, taken apart: each one is one row, readable or not. Before them comes what the lake has
-- of the past: without it an application that starts without a snapshot would begin its sums anew. What is in both,
-- because the stream still has it, counts once: an interaction by its id, a word of identity resolution by its version.
-- A row of the lake has the columns and the record that the stream had, and nothing more.

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
