-- One row per person who is known to identity resolution or has done something. The row of a merged person stays,
-- marked as gone: its version goes forward, and nothing that arrives late revives it. What is said and what is done
-- come together in one aggregate; an outer join would tell of a person without any orders between every two states.

CREATE TEMPORARY VIEW person_total AS
SELECT
  person_id,
  MAX(word) AS who,
  add_up(customer_key, @{sum_columns}) AS total
FROM (
  SELECT person_id, CAST(NULL AS STRING) AS word, customer_key, @{sum_columns}
  FROM identifier_sum
  UNION ALL
  SELECT person_id, word, CAST(NULL AS STRING), @{no_sums}
  FROM person_word
)
GROUP BY person_id;

CREATE TEMPORARY VIEW person_sum AS
SELECT person_id, who, who IS NULL AND total IS NULL AS nobody, @{unpacked_sums}
FROM person_total;

CREATE TEMPORARY VIEW profile_attribute AS
SELECT
  person_id,
  nobody OR COALESCE(op = 'delete', FALSE) AS gone,
  COALESCE(version, 0) AS identity_version,
  @{taken_columns},
  @{computed_columns}
FROM (
  SELECT *, @{unpacked_identity}
  FROM person_sum
);

CREATE TEMPORARY VIEW profile AS
SELECT *, @{segments} AS segments
FROM profile_attribute;
