-- Who is who now. A later run of identity resolution has a higher version and wins, whatever the order of arrival. A
-- deletion is kept as the latest word, so that a repeated older message cannot bring the row back.

CREATE TEMPORARY VIEW latest_identifier AS
SELECT `key` AS identifier_key, person_id
FROM (
  SELECT `key`, op, person_id, ROW_NUMBER() OVER (PARTITION BY `key` ORDER BY version DESC) AS recency
  FROM identifier_word
)
WHERE recency = 1 AND op = 'upsert';

-- An aggregate passes nothing on when its result stays the same: a run that says again what was known moves nobody.
CREATE TEMPORARY VIEW identifier AS
SELECT identifier_key, MAX(person_id) AS person_id
FROM latest_identifier
GROUP BY identifier_key;

-- Everything ever said about a person, each word as one text that starts with its version: MAX is the latest.
CREATE TEMPORARY VIEW person_word AS
SELECT person_id, @{packed_identity} AS word
FROM identity_changes
WHERE kind = 'person';
