"""SageMaker: the domain of the template with its apps; pipelines, jobs, the registry, endpoints and batches."""
