-- Trained on all cuts whose answer is known but the newest of them, which is held out.
CREATE MODEL warehouse.churn
FROM (
  SELECT
    ${features},
    CAST(CASE WHEN churned THEN 1 ELSE 0 END AS DOUBLE PRECISION) AS churned
  FROM lake_products.churn_features
  WHERE
    churned IS NOT NULL
    AND cut_on < (SELECT MAX(n.cut_on) FROM lake_products.churn_features AS n WHERE n.churned IS NOT NULL)
)
TARGET churned
FUNCTION predict_churn
IAM_ROLE '${role}'
AUTO OFF
MODEL_TYPE XGBOOST
OBJECTIVE 'reg:logistic'
PREPROCESSORS 'none'
HYPERPARAMETERS DEFAULT EXCEPT (NUM_ROUND '50', MAX_DEPTH '3', ETA '0.1')
SETTINGS (S3_BUCKET '${bucket}', KMS_KEY_ID '${key}', MAX_CELLS ${max_cells}, MAX_RUNTIME ${max_seconds});
