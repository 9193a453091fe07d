-- once: Redshift has no IF NOT EXISTS for a materialized view.
CREATE MATERIALIZED VIEW warehouse.spend_by_person AUTO REFRESH NO AS
SELECT
  b.person_id,
  f.currency,
  SUM(f.orders) AS orders,
  SUM(f.returns) AS returns,
  SUM(f.amount) AS spend,
  SUM(f.ordered_amount) AS ordered_amount
FROM warehouse.fact_activity AS f
INNER JOIN warehouse.bridge_person AS b ON f.customer_key = b.customer_key
WHERE f.orders > 0 OR f.returns > 0 OR f.amount IS NOT NULL
GROUP BY b.person_id, f.currency;
