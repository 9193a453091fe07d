-- name: One customer
-- description: Everything that the marts know of one person; give the person's id as the parameter.
SELECT *
FROM customer_360
WHERE person_id = ?
