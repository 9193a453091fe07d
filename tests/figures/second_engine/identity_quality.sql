WITH sources AS (
  SELECT split_part(record_id, ':', 1) AS source FROM identity_map
  UNION
  SELECT source FROM told
),

now AS (
  SELECT *, split_part(record_id, ':', 1) AS source FROM identity_map WHERE valid_to IS NULL
),

sizes AS (
  SELECT person_id, count(*) AS records, count(DISTINCT source) AS sources FROM now GROUP BY person_id
)

SELECT
  (SELECT day FROM arrival) AS as_of,
  s.source,
  (SELECT count(*) FROM now AS n WHERE n.source = s.source) AS records,
  (SELECT count(DISTINCT person_id) FROM now AS n WHERE n.source = s.source) AS people,
  (SELECT count(*) FROM sizes WHERE sources > 1 AND person_id IN (SELECT person_id FROM now WHERE now.source = s.source))
    AS joined_people,
  (SELECT count(*) FROM sizes WHERE records = 1 AND person_id IN (SELECT person_id FROM now WHERE now.source = s.source))
    AS single_people,
  (SELECT max(records) FROM sizes WHERE person_id IN (SELECT person_id FROM now WHERE now.source = s.source))
    AS largest_person,
  (
    SELECT count(DISTINCT record_id) FROM identity_map
    WHERE valid_to IS NOT NULL AND split_part(record_id, ':', 1) = s.source AND record_id IN (SELECT record_id FROM now)
  ) AS moved_records,
  (
    SELECT count(DISTINCT record_id) FROM identity_map
    WHERE split_part(record_id, ':', 1) = s.source AND record_id NOT IN (SELECT record_id FROM now)
  ) AS closed_records,
  (SELECT count(*) FROM told AS t WHERE t.source = s.source) AS events,
  (SELECT count(person_id) FROM told AS t WHERE t.source = s.source) AS known_events,
  (SELECT count(DISTINCT customer_key) FROM told AS t WHERE t.source = s.source) AS customer_keys,
  (SELECT count(DISTINCT customer_key) FROM told AS t WHERE t.source = s.source AND person_id IS NOT NULL) AS known_keys
FROM sources AS s
