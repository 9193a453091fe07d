-- once: Redshift has no IF NOT EXISTS for a materialized view.
CREATE MATERIALIZED VIEW warehouse.spend_by_month AUTO REFRESH NO AS
SELECT
  d.year,
  d.month,
  f.currency,
  SUM(f.orders) AS orders,
  SUM(f.amount) AS spend
FROM warehouse.fact_activity AS f
INNER JOIN warehouse.bridge_person AS b ON f.customer_key = b.customer_key
INNER JOIN warehouse.dim_date AS d ON f.day = d.day
WHERE f.amount IS NOT NULL
GROUP BY d.year, d.month, f.currency;
