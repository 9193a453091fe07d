-- name: Best customers
-- description: The hundred persons with the highest spend, with their segments and RFM cell.
SELECT person_id, spend, currency, orders, last_order_at, segments, rfm_cell
FROM customer_360
WHERE orders > 0
ORDER BY spend DESC, person_id ASC
LIMIT 100
