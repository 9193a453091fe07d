-- description: The members of a segment of now, those with the highest spend in each main currency first.
-- parameters: name of the segment
SELECT c.person_id, m.since, c.currency, c.spend, c.orders, c.last_order_at
FROM segment_membership AS m
INNER JOIN customer_360 AS c ON m.person_id = c.person_id
WHERE m.segment = ?
ORDER BY c.currency ASC, c.spend DESC, c.person_id ASC
