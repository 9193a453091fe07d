-- Of how many people before the newest known cut the answer is known, and how many of them left.
SELECT
  COUNT(*) AS people,
  COALESCE(SUM(CASE WHEN f.churned THEN 1 ELSE 0 END), 0) AS churned
FROM lake_products.churn_features AS f
WHERE
  f.churned IS NOT NULL
  AND f.cut_on < (SELECT MAX(n.cut_on) FROM lake_products.churn_features AS n WHERE n.churned IS NOT NULL);
