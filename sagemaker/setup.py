"""What SageMaker's script mode installs in its container; without it, only the entry point's own file is certain."""

from setuptools import setup

setup(name="c360-ml", version="1.0.0", packages=["c360_ml", "c360_ml.peers"], py_modules=["train", "inference"])
