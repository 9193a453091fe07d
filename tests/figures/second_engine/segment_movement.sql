-- The state of each member at the end of each change, and not the changes added up.
WITH told_changes AS (
  SELECT * FROM segment_membership WHERE person_id IN (FROM people)
),

moves AS (
  SELECT c.*, coalesce((
    SELECT arg_max(b.member, (b.changed_at, b.identity_version, b.member)) FROM told_changes AS b
    WHERE b.person_id = c.person_id AND b.segment = c.segment
      AND (b.changed_at, b.identity_version, b.member) < (c.changed_at, c.identity_version, c.member)
  ), false) AS was
  FROM told_changes AS c
),

days AS (
  SELECT changed_at::DATE AS day, segment, count(*) FILTER (member) AS entered, count(*) FILTER (NOT member) AS departed
  FROM moves
  WHERE member <> was
  GROUP BY ALL
)

SELECT d.day, d.segment, d.entered, d.departed, (
  SELECT count(*) FROM (
    SELECT person_id FROM told_changes AS c
    WHERE c.segment = d.segment AND c.changed_at::DATE <= d.day
    GROUP BY person_id
    HAVING arg_max(member, (changed_at, identity_version, member))
  )
) AS members
FROM days AS d
