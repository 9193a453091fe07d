-- Rows in which the warehouse and the mart that Athena built do not agree to the cent: none, or the load has failed.
SELECT COUNT(*) AS differences
FROM warehouse.spend_by_person AS w
FULL OUTER JOIN lake_products.spend_by_currency AS a
  ON w.person_id = a.person_id AND w.currency = a.currency
WHERE
  w.person_id IS NULL
  OR a.person_id IS NULL
  OR COALESCE(w.spend, 0) <> a.spend
  OR w.orders <> a.orders
  OR w.returns <> a.returns;
