WITH parts AS (
  SELECT DISTINCT person_id, 'record' AS kind, record_id AS key, valid_from AS since FROM identity_map
  WHERE valid_to IS NULL
  UNION ALL
  SELECT person_id, 'identifier', identifier_key, NULL FROM identifier_map
)

SELECT
  person_id,
  kind,
  regexp_extract(key, '^[^:]+') AS name,
  count(DISTINCT key) AS number,
  min(since) AS since
FROM parts
GROUP BY ALL
