-- name: Segments
-- description: Members, orders and spend of each segment of now; a person can be in several.
SELECT m.segment, count(*) AS members, sum(c.orders) AS orders, sum(c.spend) AS spend
FROM segment_membership AS m
INNER JOIN customer_360 AS c ON m.person_id = c.person_id
GROUP BY m.segment
ORDER BY spend DESC
