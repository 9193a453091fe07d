-- The current owners of identifiers. A later run of identity resolution has a higher version and wins in any order of
-- arrival. A deletion is kept as the latest message, so that a repeated older message cannot restore the row.

CREATE TEMPORARY VIEW latest_identifier AS
SELECT `key` AS identifier_key, person_id
FROM (
  SELECT `key`, op, person_id, ROW_NUMBER() OVER (PARTITION BY `key` ORDER BY version DESC) AS recency
  FROM identifier_word
)
WHERE recency = 1 AND op = 'upsert';

-- An aggregate emits nothing if its result is unchanged, so a run that repeats known owners causes no updates.
CREATE TEMPORARY VIEW identifier AS
SELECT identifier_key, MAX(person_id) AS person_id
FROM latest_identifier
GROUP BY identifier_key;

-- All messages about a person, each as one text that starts with its version, so that MAX is the latest.
CREATE TEMPORARY VIEW person_word AS
SELECT person_id, @{packed_identity} AS word
FROM identity_changes
WHERE kind = 'person';
