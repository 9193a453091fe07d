-- name: Best customers
-- description: The hundred persons with the highest spend in each main currency, with their segments and RFM cell.
SELECT person_id, spend, currency, orders, last_order_at, segments, rfm_cell
FROM (
  SELECT
    person_id,
    spend,
    currency,
    orders,
    last_order_at,
    segments,
    rfm_cell,
    row_number() OVER (PARTITION BY currency ORDER BY spend DESC, person_id ASC) AS place
  FROM customer_360
  WHERE orders > 0
) AS placed
WHERE place <= 100
ORDER BY currency ASC, place ASC
