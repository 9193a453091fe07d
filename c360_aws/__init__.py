"""AWS as every runtime of ours uses it: what Lambda functions and Spark jobs would otherwise write twice."""
