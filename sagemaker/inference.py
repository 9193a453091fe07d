"""What the model server imports, in an endpoint and in a batch transform: what `SAGEMAKER_PROGRAM` names."""

from c360_ml.serving import input_fn, model_fn, output_fn, predict_fn

__all__ = ["input_fn", "model_fn", "output_fn", "predict_fn"]
