-- The newest cut is what is not known yet; the newest known one says how good the model is.
DELETE FROM warehouse.churn_score;

INSERT INTO warehouse.churn_score
SELECT
  person_id,
  cut_on,
  warehouse.predict_churn(${features}) AS score
FROM lake_products.churn_features
WHERE cut_on = (SELECT MAX(n.cut_on) FROM lake_products.churn_features AS n);

DELETE FROM warehouse.churn_quality
WHERE cut_on = (SELECT MAX(n.cut_on) FROM lake_products.churn_features AS n WHERE n.churned IS NOT NULL);

INSERT INTO warehouse.churn_quality
WITH told AS (
  SELECT
    cut_on,
    churned,
    warehouse.predict_churn(${features}) >= 0.5 AS foretold
  FROM lake_products.churn_features
  WHERE cut_on = (SELECT MAX(n.cut_on) FROM lake_products.churn_features AS n WHERE n.churned IS NOT NULL)
)

SELECT
  t.cut_on,
  COUNT(*),
  SUM(CASE WHEN t.churned THEN 1 ELSE 0 END),
  SUM(CASE WHEN t.foretold THEN 1 ELSE 0 END),
  SUM(CASE WHEN t.foretold AND t.churned THEN 1 ELSE 0 END),
  SUM(CASE WHEN t.foretold = t.churned THEN 1 ELSE 0 END)
FROM told AS t
GROUP BY t.cut_on;
