"""Spark jobs for AWS Glue 5.1. Only each job's `main.py` touches the runtime; `transform.py` maps frames to frames."""
