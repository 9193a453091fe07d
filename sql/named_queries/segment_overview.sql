-- name: Segments
-- description: Members, orders and spend of each segment of now by main currency; a person can be in several segments.
SELECT m.segment, c.currency, count(*) AS members, sum(c.orders) AS orders, sum(c.spend) AS spend
FROM segment_membership AS m
INNER JOIN customer_360 AS c ON m.person_id = c.person_id
GROUP BY m.segment, c.currency
ORDER BY c.currency ASC, spend DESC
