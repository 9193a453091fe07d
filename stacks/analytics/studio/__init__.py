"""The studios: notebooks of SageMaker and data preparation in Canvas, and notebooks on Spark in EMR Studio."""
