WITH newest AS (
  SELECT person_id, arg_max(segments, (identity_version, computed_at, event_count)) AS segments
  FROM profiles
  WHERE person_id IN (FROM people)
  GROUP BY person_id
),

names AS (SELECT DISTINCT unnest(segments) AS segment FROM newest)

SELECT
  (SELECT max(since)::DATE FROM members) AS as_of,
  a.segment,
  b.segment AS other_segment,
  count(*) FILTER (list_contains(n.segments, a.segment)) AS members,
  count(*) FILTER (list_contains(n.segments, b.segment)) AS other_members,
  count(*) FILTER (list_has_all(n.segments, [a.segment, b.segment])) AS shared,
  round(avg(list_contains(n.segments, b.segment)::INT) FILTER (list_contains(n.segments, a.segment)), 6)::DECIMAL(7, 6)
    AS share_of_segment,
  round(avg(list_has_all(n.segments, [a.segment, b.segment])::INT) FILTER (list_has_any(n.segments, [a.segment, b.segment])), 6)
    ::DECIMAL(7, 6) AS similarity
FROM names AS a
JOIN names AS b ON a.segment <> b.segment
CROSS JOIN newest AS n
GROUP BY a.segment, b.segment
