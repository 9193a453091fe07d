-- SageMaker trains in the background.
SELECT model_state FROM stv_ml_model_info WHERE schema_name = 'warehouse' AND model_name = 'churn';
