-- description: Everything that the marts know of one person.
-- parameters: id of the person
SELECT *
FROM customer_360
WHERE person_id = ?
