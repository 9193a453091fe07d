"""Who will leave, and what a customer will spend: what runs in the containers of SageMaker.

Every script also runs as a local process: each folder of a container is an argument. The code needs what SageMaker's
XGBoost container has, which is Python 3.10, and calls no service of AWS.
"""
